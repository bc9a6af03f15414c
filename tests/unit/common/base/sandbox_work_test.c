/* SPDX-License-Identifier: ISC */
/*
 * The sandbox from inside: what each profile is for must work in it, and what
 * was unveiled must be visible as far as it was.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "sandbox_inside.h"

/* What must work. */

static void
descriptor_send(int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	char byte = 'x';
	struct iovec vector = {&byte, 1};
	struct msghdr message = {.msg_iov = &vector,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(int));
	if (sendmsg(fixture.pair[0], &message, MSG_NOSIGNAL) != 1)
		_exit(100);
}

static void
descriptor_receive(void)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec vector = {&byte, 1};
	struct msghdr message = {.msg_iov = &vector,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = sizeof(control)};
	struct pollfd readable = {.fd = fixture.pair[1], .events = POLLIN};
	int fd;

	if (poll(&readable, 1, 1000) != 1)
		_exit(101);
	if (recvmsg(fixture.pair[1], &message, MSG_CMSG_CLOEXEC) != 1 ||
	    CMSG_FIRSTHDR(&message) == NULL)
		_exit(102);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	if (fcntl(fd, F_GETFL) == -1)
		_exit(103);
	close(fd);
}

/* Small, large, grown, and given back. */
static void
memory_use(void)
{
	char *small, *large;
	size_t size;

	small = malloc(100);
	large = malloc(1);
	for (size = 1000; size < 40U * 1024 * 1024; size *= 3) {
		large = realloc(large, size);
		if (large == NULL || small == NULL)
			_exit(104);
		memset(large, 1, size);
	}
	free(large);
	free(small);
}

static int
act_signer_work(void)
{
	struct timespec now;
	time_t then = 86400;
	struct tm tm;
	uint8_t random[32], key[32], secret[64], signature[64];

	descriptor_send(fixture.pair[0]);
	descriptor_receive();
	memory_use();
	if (clock_gettime(CLOCK_REALTIME, &now) == -1 ||
	    clock_gettime(CLOCK_MONOTONIC, &now) == -1 ||
	    syscall(SYS_clock_gettime, CLOCK_REALTIME, &now) == -1)
		return 105;
	if (gmtime_r(&then, &tm) == NULL || tm.tm_mday != 2 ||
	    timegm(&tm) != then)
		return 106;
	randombytes_buf(random, sizeof(random));
	crypto_sign_seed_keypair(key, secret, random);
	crypto_sign_detached(signature, NULL, random, sizeof(random), secret);
	log_error("sandbox_test event=written");
	return 0;
}

static void
on_event(evutil_socket_t fd, short what, void *argument)
{
	char byte;

	(void)what;
	if (read(fd, &byte, 1) == 1)
		event_base_loopbreak(argument);
}

static int
act_network_work(void)
{
	struct event_base *base;
	struct event *readable;
	struct timeval second = {1, 0};
	struct rlimit limit;
	int error, waiting;
	socklen_t size = sizeof(error);

	if (act_signer_work() != 0)
		return 107;
	base = event_base_new();
	readable = base == NULL ? NULL
				: event_new(base, fixture.pair[1],
				      EV_READ | EV_PERSIST, on_event, base);
	if (readable == NULL || event_add(readable, &second) == -1)
		return 108;
	if (send(fixture.pair[0], "x", 1, MSG_NOSIGNAL) != 1 ||
	    event_base_dispatch(base) != 0)
		return 109;
	event_free(readable);
	event_base_free(base);
	if (getrlimit(RLIMIT_NOFILE, &limit) == -1 ||
	    ioctl(fixture.pair[1], FIONREAD, &waiting) == -1 ||
	    getsockopt(fixture.pair[0], SOL_SOCKET, SO_ERROR, &error, &size) ==
		-1 ||
	    setsockopt(fixture.pair[0], SOL_SOCKET, SO_SNDBUF, &limit, 4) == -1)
		return 110;
	return 0;
}

/* A descriptor in reserve, and the end of an answer. */
static int
act_listener_work(void)
{
	int reserve = fcntl(fixture.pair[1], F_DUPFD_CLOEXEC, 0);

	if (reserve == -1 || close(reserve) == -1 ||
	    shutdown(fixture.pair[1], SHUT_WR) == -1)
		return 111;
	return act_network_work();
}

static void
test_work(void **state)
{
	(void)state;
	assert_int_equal(inside(SANDBOX_SIGNER, 0, act_signer_work), 0);
	assert_int_equal(inside(SANDBOX_LISTENER, 0, act_network_work), 0);
	assert_int_equal(inside(SANDBOX_LISTENER, 0, act_listener_work), 0);
	assert_int_equal(inside(SANDBOX_SENDER, 0, act_network_work), 0);
	assert_int_equal(inside(SANDBOX_QUEUED, 0, act_network_work), 0);
	assert_int_equal(inside(SANDBOX_FEDCTL, 0, act_signer_work), 0);
}

/* Frozen and thawed inside poll: the kernel calls restart_syscall. */
static int
act_poll(void)
{
	poll(NULL, 0, 300);
	return 0;
}

static void
test_freeze(void **state)
{
	const struct timespec moment = {0, 100 * 1000 * 1000};
	pid_t pid;
	int status;

	(void)state;
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		sandbox_enter(SANDBOX_SIGNER, 0);
		_exit(act_poll());
	}
	nanosleep(&moment, NULL);
	kill(pid, SIGSTOP);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	kill(pid, SIGCONT);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* libpq and the name service find nothing, and live. */
static int
act_libpq(void)
{
	PGconn *connection;
	struct passwd entry, *found = NULL;
	char buffer[1024];

	getpwuid_r(getuid(), &entry, buffer, sizeof(buffer), &found);
	connection = PQconnectdb(
	    "host=/nonexistent user=nobody dbname=x connect_timeout=2");
	if (PQstatus(connection) != CONNECTION_BAD ||
	    strstr(PQerrorMessage(connection), "No such file") == NULL)
		return 111;
	PQfinish(connection);
	return 0;
}

static void
test_libpq(void **state)
{
	(void)state;
	assert_int_equal(inside(SANDBOX_QUEUED, 0, act_libpq), 0);
	assert_int_equal(inside(SANDBOX_QUEUED, SANDBOX_INET, act_libpq), 0);
}

/* fedd's children start under its sandbox, and enter theirs. */
static int
act_child_of_fedd(void)
{
	if (setgid(getgid()) == -1 || setuid(getuid()) == -1)
		return 114;
	sandbox_enter(SANDBOX_LISTENER, 0);
	return act_network_work();
}

static int
act_child_of_fedd_connects(void)
{
	sandbox_enter(SANDBOX_QUEUED, 0);
	return act_socket_tcp();
}

/* A path below directory that stays visible for reading only. */
static int
act_unveiled(void)
{
	char path[128];
	int error;

	snprintf(path, sizeof(path), "%s/inside", fixture.directory);
	error = result(open(path, O_RDONLY));
	if (error != 0)
		return error;
	if (open(path, O_WRONLY) != -1 || errno != EACCES)
		return 115;
	if (open("/etc/passwd", O_RDONLY) != -1 || errno != EACCES)
		return 116;
	snprintf(path, sizeof(path), "%s/new", fixture.directory);
	if (open(path, O_WRONLY | O_CREAT, 0600) != -1 || errno != EACCES)
		return 117;
	return 0;
}

static int
act_unveiled_for_all(void)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/new", fixture.directory);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd == -1 || write(fd, "x", 1) != 1)
		return errno;
	if (open("/etc/passwd", O_RDONLY) != -1 || errno != EACCES)
		return 118;
	return result(unlink(path));
}

/* What fedd unveils to start its children. */
static int
act_exec_unveiled(void)
{
	return act_exec();
}

static int
unveiled(int (*act)(void), const char *first, const char *permissions)
{
	static const char *const loader[] = {
	    "/lib", "/lib64", "/usr/lib", "/etc/ld.so.cache", "/bin/true"};
	size_t i;
	pid_t pid;
	int status;

	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		fixture_quiet();
		if (sandbox_unveil("/no/such/path", "r") != -1 ||
		    errno != ENOENT)
			_exit(119);
		if (first != NULL)
			sandbox_unveil(first, permissions);
		else
			for (i = 0; i < 5; i++)
				sandbox_unveil(loader[i], "rx");
		sandbox_enter(SANDBOX_FEDD, 0);
		_exit(act());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
}

static void
test_generation(void **state)
{
	(void)state;
	assert_int_equal(inside(SANDBOX_FEDD, 0, act_child_of_fedd), 0);
	assert_int_equal(inside(SANDBOX_FEDD, 0, act_child_of_fedd_connects),
	    SANITIZER ? EPERM : KILLED);
	assert_int_equal(unveiled(act_exec_unveiled, NULL, NULL), 0);
}

static void
test_unveil(void **state)
{
	(void)state;
	if (landlock_abi() < 3 || SANITIZER)
		return;
	assert_int_equal(unveiled(act_unveiled, fixture.directory, "r"), 0);
	assert_int_equal(
	    unveiled(act_unveiled_for_all, fixture.directory, "rwc"), 0);
	assert_int_equal(
	    unveiled(act_unveiled_for_all, fixture.directory, "rw"), EACCES);
	assert_int_equal(
	    unveiled(act_unveiled_for_all, fixture.directory, "rc"), EACCES);
	/* Permissions that do not exist are a fault of ours. */
	assert_int_equal(unveiled(act_nothing, fixture.directory, "q"), 1);
}

static int
act_limits(void)
{
	struct rlimit core, space;
	void *volatile large; /* or the compiler leaves malloc(3) out */

	getrlimit(RLIMIT_CORE, &core);
	getrlimit(RLIMIT_AS, &space);
	if (core.rlim_cur != 0 || core.rlim_max != 0)
		return 120;
	if (!SANITIZER && space.rlim_cur > 2048UL * 1024 * 1024)
		return 121;
	large = malloc((size_t)3 << 30);
	if (large != NULL && !SANITIZER)
		return 122;
	free(large);
	return 0;
}

static void
test_limits(void **state)
{
	(void)state;
	assert_int_equal(inside(SANDBOX_LISTENER, 0, act_limits), 0);
	assert_int_equal(inside(SANDBOX_QUEUED, 0, act_limits), 0);
}

#ifdef TORFED_SANITIZER
/* A report gets out of every sandbox. */
static void
test_report(void **state)
{
	enum sandbox_profile profile;
	char text[8192];
	size_t length;
	ssize_t got;
	int output[2];
	pid_t pid;

	(void)state;
	for (profile = SANDBOX_FEDD; profile <= SANDBOX_OFFLINE; profile++) {
		assert_int_equal(pipe(output), 0);
		pid = fork();
		assert_int_not_equal(pid, -1);
		if (pid == 0) {
			volatile size_t index = 10;
			volatile char *memory = malloc(index);

			dup2(output[1], STDERR_FILENO);
			sandbox_enter(profile, 0);
			memory[index] = 1;
			_exit(0);
		}
		close(output[1]);
		length = 0;
		while ((got = read(output[0], text + length,
			    sizeof(text) - 1 - length)) > 0)
			length += (size_t)got;
		text[length] = '\0';
		assert_non_null(strstr(text, "heap-buffer-overflow"));
		close(output[0]);
		waitpid(pid, NULL, 0);
	}
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_work),
	    cmocka_unit_test(test_freeze),
	    cmocka_unit_test(test_libpq),
	    cmocka_unit_test(test_generation),
	    cmocka_unit_test(test_unveil),
	    cmocka_unit_test(test_limits),
#ifdef TORFED_SANITIZER
	    cmocka_unit_test(test_report),
#endif
	};

	return cmocka_run_group_tests_name(
	    "sandbox_work", tests, fixture_setup, fixture_teardown);
}
