/* SPDX-License-Identifier: ISC */
/*
 * Running a function inside a sandbox, in a process of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "sandbox_inside.h"

struct fixture fixture = {.pair = {-1, -1}};

int
landlock_abi(void)
{
	long abi = syscall(444, NULL, 0, 1);

	return abi < 0 ? 0 : (int)abi;
}

int
result(long value)
{
	return value == -1 ? errno : 0;
}

void
fixture_quiet(void)
{
	if (dup2(fixture.nowhere, STDERR_FILENO) == -1)
		_exit(99);
}

void
fixture_fresh(void)
{
	close(fixture.pair[0]);
	close(fixture.pair[1]);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fixture.pair) ==
	    -1)
		fail();
	close(open(fixture.victim, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

int
inside(enum sandbox_profile profile, unsigned int flags, int (*act)(void))
{
	pid_t pid;
	int status;

	fixture.parent = getpid();
	fixture_fresh();
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		fixture_quiet();
		fixture.self = getpid();
		sandbox_enter(profile, flags);
		_exit(act());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return KILLED;
	if (WIFSIGNALED(status))
		return 1000 + WTERMSIG(status);
	return WEXITSTATUS(status);
}

int
fixture_setup(void **state)
{
	char path[128];

	(void)state;
	if (sodium_init() == -1)
		return -1;
	snprintf(
	    fixture.directory, sizeof(fixture.directory), "/tmp/torfed-XXXXXX");
	if (mkdtemp(fixture.directory) == NULL)
		return -1;
	snprintf(fixture.victim, sizeof(fixture.victim), "%s/victim",
	    fixture.directory);
	snprintf(path, sizeof(path), "%s/inside", fixture.directory);
	fixture.scratch = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	fixture.nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (fixture.scratch == -1 || fixture.nowhere == -1)
		return -1;
	log_init("sandbox_test", LOG_FORM_PLAIN, LOG_LEVEL_ERROR);
	return 0;
}

int
fixture_teardown(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/inside", fixture.directory);
	unlink(path);
	unlink(fixture.victim);
	snprintf(path, sizeof(path), "%s/new", fixture.directory);
	unlink(path);
	return rmdir(fixture.directory);
}
