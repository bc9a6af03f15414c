/* SPDX-License-Identifier: ISC */
/*
 * Giving up root, in children of this test. What needs root is planned as root
 * alone; the rest, and the refusal of root itself, always.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/privdrop.h"

#define USER  54321
#define GROUP 54322

static char empty[] = "/tmp/privdrop.XXXXXX";

/* Runs part in a child, silently; its exit status. */
static int
in_child(void (*part)(void))
{
	int status, null;
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		null = open("/dev/null", O_RDWR);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		part();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Ends the child with the line's number. */
#define DEMAND(condition)                            \
	do {                                         \
		if (!(condition))                    \
			_exit(100 + __LINE__ % 100); \
	} while (0)

static void
dumpable_part(void)
{
	struct rlimit limit;

	privdrop_undumpable();
	DEMAND(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	DEMAND(getrlimit(RLIMIT_CORE, &limit) == 0);
	DEMAND(limit.rlim_cur == 0 && limit.rlim_max == 0);
}

static void
test_undumpable(void **state)
{
	(void)state;
	assert_int_equal(in_child(dumpable_part), 0);
}

/* Without root: nothing changes, but nobody may look either. */
static void
ordinary_part(void)
{
	if (geteuid() == 0) {
		DEMAND(setgroups(0, NULL) == 0);
		DEMAND(setresgid(GROUP, GROUP, GROUP) == 0);
		DEMAND(setresuid(USER, USER, USER) == 0);
		DEMAND(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
	}
	DEMAND(!privdrop(USER + 1, GROUP + 1, "/"));
	DEMAND(getuid() != USER + 1 && getgid() != GROUP + 1);
	DEMAND(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
}

static void
test_ordinary(void **state)
{
	(void)state;
	assert_int_equal(in_child(ordinary_part), 0);
}

static void
root_part(void)
{
	gid_t groups[3] = {0, 1, 2};
	uid_t uids[3];
	gid_t gids[3];

	DEMAND(setgroups(3, groups) == 0);
	DEMAND(privdrop(USER, GROUP, empty));
	DEMAND(getresuid(&uids[0], &uids[1], &uids[2]) == 0);
	DEMAND(getresgid(&gids[0], &gids[1], &gids[2]) == 0);
	DEMAND(uids[0] == USER && uids[1] == USER && uids[2] == USER);
	DEMAND(gids[0] == GROUP && gids[1] == GROUP && gids[2] == GROUP);
	DEMAND(getgroups(3, groups) == 1 && groups[0] == GROUP);
	DEMAND(setuid(0) == -1 && setgid(0) == -1 && chroot("/") == -1);
	DEMAND(open("/etc/passwd", O_RDONLY) == -1 && errno == ENOENT);
	DEMAND(open("../../etc/passwd", O_RDONLY) == -1 && errno == ENOENT);
	DEMAND(mkdir("/new", 0700) == -1);
	DEMAND(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
}

static void
test_root(void **state)
{
	(void)state;
	assert_int_equal(in_child(root_part), 0);
}

static void
no_chroot_part(void)
{
	DEMAND(privdrop(USER, GROUP, NULL));
	DEMAND(geteuid() == USER);
	DEMAND(open("/etc/passwd", O_RDONLY) != -1);
}

static void
test_root_no_chroot(void **state)
{
	(void)state;
	assert_int_equal(in_child(no_chroot_part), 0);
}

static void
user_root_part(void)
{
	privdrop(0, GROUP, empty);
}

static void
group_root_part(void)
{
	privdrop(USER, 0, empty);
}

static void
user_none_part(void)
{
	privdrop((uid_t)-1, GROUP, empty);
}

static void
group_none_part(void)
{
	privdrop(USER, (gid_t)-1, empty);
}

static void
nowhere_part(void)
{
	privdrop(USER, GROUP, "/nowhere/to/be/found");
}

static void
relative_part(void)
{
	privdrop(USER, GROUP, ".");
}

/* Capabilities that outlive the change of user are seen. */
static void
capable_part(void)
{
	DEMAND(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0);
	privdrop(USER, GROUP, empty);
}

static void
test_refused(void **state)
{
	(void)state;
	assert_int_equal(in_child(user_root_part), 1);
	assert_int_equal(in_child(group_root_part), 1);
	assert_int_equal(in_child(user_none_part), 1);
	assert_int_equal(in_child(group_none_part), 1);
	assert_int_equal(in_child(nowhere_part), 1);
	assert_int_equal(in_child(relative_part), 1);
	assert_int_equal(in_child(capable_part), 1);
}

static void
sleeping_part(void)
{
	privdrop(USER, GROUP, empty);
	raise(SIGSTOP);
}

/* Another process of the same user can neither trace nor read it. */
static void
spy_part(void)
{
	pid_t pid = fork();
	char path[64];
	int status;

	if (pid == 0) {
		sleeping_part();
		_exit(0);
	}
	DEMAND(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	DEMAND(setgroups(0, NULL) == 0);
	DEMAND(setresgid(GROUP, GROUP, GROUP) == 0);
	DEMAND(setresuid(USER, USER, USER) == 0);
	DEMAND(open(path, O_RDONLY) == -1 && errno == EACCES);
	DEMAND(ptrace(PTRACE_ATTACH, pid, NULL, NULL) == -1);
	DEMAND(errno == EPERM);
	DEMAND(kill(pid, SIGKILL) == 0);
	DEMAND(waitpid(pid, &status, 0) == pid);
}

static void
test_spy(void **state)
{
	(void)state;
	assert_int_equal(in_child(spy_part), 0);
}

int
main(void)
{
	const struct CMUnitTest anybody[] = {
	    cmocka_unit_test(test_undumpable),
	    cmocka_unit_test(test_ordinary),
	};
	const struct CMUnitTest as_root[] = {
	    cmocka_unit_test(test_undumpable),
	    cmocka_unit_test(test_ordinary),
	    cmocka_unit_test(test_root),
	    cmocka_unit_test(test_root_no_chroot),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_spy),
	};
	int failed;

	if (geteuid() != 0)
		return cmocka_run_group_tests(anybody, NULL, NULL);
	if (mkdtemp(empty) == NULL)
		return 1;
	chmod(empty, 0755);
	failed = cmocka_run_group_tests(as_root, NULL, NULL);
	rmdir(empty);
	return failed;
}
