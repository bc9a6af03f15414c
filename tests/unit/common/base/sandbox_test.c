/* SPDX-License-Identifier: ISC */
/*
 * The sandbox from inside: for each profile a child process enters it and does
 * one forbidden thing, which must kill it or fail as documented. Without the
 * sandbox every one of them works, or fails otherwise (test_without_sandbox).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sandbox_inside.h"

struct act {
	const char *name;
	int (*act)(void);
	int without;  /* answer outside any sandbox */
	int fedd;     /* answer in each profile */
	int listener; /* KILLED, an errno or 0 */
	int signer;
	int sender;
	int queued;
	int fedctl;
	int offline;
};

#define EVERYBODY_KILLED KILLED, KILLED, KILLED, KILLED, KILLED, KILLED
#define QUEUED_ACCESS	 KILLED, KILLED, KILLED, EACCES, KILLED, KILLED
#define QUEUED_MAY	 KILLED, KILLED, KILLED, 0, KILLED, KILLED
#define NETWORK_MAY	 0, KILLED, 0, 0, KILLED, KILLED
#define WRITER_MAY	 KILLED, KILLED, KILLED, KILLED, 0, 0

static const struct act acts[] = {
    {"nothing", act_nothing, 0, 0, 0, 0, 0, 0, 0, 0},
    {"open", act_open, 0, EACCES, QUEUED_ACCESS},
    {"create", act_create, 0, EACCES, QUEUED_ACCESS},
    {"socket unix", act_socket_unix, 0, 0, QUEUED_MAY},
    {"socket tcp", act_socket_tcp, 0, EAFNOSUPPORT, EVERYBODY_KILLED},
    {"socket tcp6", act_socket_tcp6, ANYTHING, EAFNOSUPPORT, EVERYBODY_KILLED},
    {"socket udp", act_socket_udp, 0, EAFNOSUPPORT, EVERYBODY_KILLED},
    {"socket raw", act_socket_raw, ANYTHING, EAFNOSUPPORT, EVERYBODY_KILLED},
    {"socket netlink", act_socket_netlink, 0, EAFNOSUPPORT, EVERYBODY_KILLED},
    {"socket vsock", act_socket_vsock, ANYTHING, EAFNOSUPPORT,
	EVERYBODY_KILLED},
    {"socket upper bits", act_socket_upper_bits, 0, EAFNOSUPPORT,
	EVERYBODY_KILLED},
    {"connect", act_connect, EBADF, EBADF, KILLED, KILLED, KILLED, EBADF,
	KILLED, KILLED},
    {"accept", act_accept, EBADF, EBADF, EBADF, KILLED, KILLED, EBADF, KILLED,
	KILLED},
    {"exec", act_exec, 0, EACCES, EVERYBODY_KILLED},
    {"ptrace", act_ptrace, ANYTHING, EPERM, EVERYBODY_KILLED},
    {"read memory", act_read_memory, ANYTHING, EPERM, EVERYBODY_KILLED},
    {"ptrace self", act_ptrace_self, 0, EPERM, EVERYBODY_KILLED},
    {"read own memory", act_read_own_memory, ANYTHING, EPERM, EVERYBODY_KILLED},
    {"kill", act_kill, 0, EPERM, EVERYBODY_KILLED},
    {"fork", act_fork, 0, 0, EVERYBODY_KILLED},
    {"namespace", act_namespace, ANYTHING, EPERM, EVERYBODY_KILLED},
    {"clone3", act_clone3, EINVAL, ENOSYS, EVERYBODY_KILLED},
    {"io_uring", act_io_uring, ANYTHING, EPERM, EVERYBODY_KILLED},
    {"memfd", act_memfd, 0, 0, EVERYBODY_KILLED},
    {"mmap exec", act_mmap_exec, 0, 0, EVERYBODY_KILLED},
    {"mprotect exec", act_mprotect_exec, 0, 0, EVERYBODY_KILLED},
    {"bpf", act_bpf, ANYTHING, EPERM, EVERYBODY_KILLED},
    {"perf", act_perf, ANYTHING, EPERM, EVERYBODY_KILLED},
    {"keyctl", act_keyctl, ANYTHING, EPERM, EVERYBODY_KILLED},
    {"unshare", act_unshare, ANYTHING, EPERM, EVERYBODY_KILLED},
    {"terminal", act_terminal, ENOTTY, EPERM, EVERYBODY_KILLED},
    {"truncate", act_truncate, 0, 0, EVERYBODY_KILLED},
    {"seek", act_seek, 0, 0, WRITER_MAY},
    {"pwrite", act_pwrite, 0, 0, EVERYBODY_KILLED},
    {"set flags", act_set_flags, 0, 0, 0, KILLED, 0, 0, 0, KILLED},
    {"mode", act_mode, 0, EPERM, EVERYBODY_KILLED},
    {"mode by flags", act_mode_flags, ANYTHING, EPERM, EVERYBODY_KILLED},
    {"owner", act_owner, 0, EPERM, EVERYBODY_KILLED},
    {"attribute", act_attribute, ANYTHING, EPERM, EVERYBODY_KILLED},
    {"unlink", act_unlink, 0, EACCES, EVERYBODY_KILLED},
    {"filter a socket", act_filter_socket, EINVAL, EINVAL, EVERYBODY_KILLED},
    {"shut the log", act_shut_log, ENOTSOCK, ENOTSOCK, EVERYBODY_KILLED},
    {"double the log", act_double_log, 0, 0, EVERYBODY_KILLED},
    {"shut reading", act_shut_reading, 0, 0, EVERYBODY_KILLED},
};
#define ACTS (sizeof(acts) / sizeof(acts[0]))

static void
check(const struct act *act, const char *profile, int got, int expected)
{
	if (expected == ANYTHING || got == expected)
		return;
	fail_msg(
	    "%s in %s: got %d, expected %d", act->name, profile, got, expected);
}

static void
test_without_sandbox(void **state)
{
	size_t i;
	pid_t pid;
	int status;

	(void)state;
	fixture.parent = getpid();
	fixture_fresh();
	for (i = 0; i < ACTS; i++) {
		pid = fork();
		assert_int_not_equal(pid, -1);
		if (pid == 0)
			_exit(acts[i].act());
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		check(&acts[i], "no sandbox", WEXITSTATUS(status),
		    acts[i].without);
	}
	unlink("/tmp/torfed-sandbox");
}

/* fedd's list needs Landlock for paths and signals. */
static void
test_fedd(void **state)
{
	int expected;
	size_t i;

	(void)state;
	for (i = 0; i < ACTS; i++) {
		expected = acts[i].fedd;
		if (expected == EACCES && (landlock_abi() < 1 || SANITIZER))
			expected = ANYTHING;
		if (acts[i].act == act_kill && landlock_abi() < 6)
			expected = 0;
		check(&acts[i], "fedd", inside(SANDBOX_FEDD, 0, acts[i].act),
		    expected);
	}
}

/*
 * The sanitizer build answers with EPERM, and lets a report's calls through;
 * this asks only that nothing but those works there.
 */
static void
check_child(const struct act *act, const char *name,
    enum sandbox_profile profile, int expected)
{
	int got = inside(profile, 0, act->act);

	if (SANITIZER && expected == KILLED && got != KILLED)
		expected = act->act == act_open || act->act == act_seek ||
				   got == EACCES
			       ? ANYTHING
			       : EPERM;
	if (SANITIZER && expected == EACCES)
		expected = ANYTHING;
	check(act, name, got, expected);
}

static void
test_listener(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ACTS; i++)
		check_child(
		    &acts[i], "listener", SANDBOX_LISTENER, acts[i].listener);
}

static void
test_signer(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ACTS; i++)
		check_child(&acts[i], "signer", SANDBOX_SIGNER, acts[i].signer);
}

static void
test_sender(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ACTS; i++)
		check_child(&acts[i], "sender", SANDBOX_SENDER, acts[i].sender);
}

static void
test_queued(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ACTS; i++)
		check_child(&acts[i], "queued", SANDBOX_QUEUED, acts[i].queued);
}

static void
test_fedctl(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ACTS; i++)
		check_child(&acts[i], "fedctl", SANDBOX_FEDCTL, acts[i].fedctl);
}

static void
test_offline(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ACTS; i++)
		check_child(
		    &acts[i], "offline", SANDBOX_OFFLINE, acts[i].offline);
}

#ifndef TORFED_SANITIZER
#ifdef __x86_64__ /* new kernels let these pass every filter */
#define URETPROBE 335
#define UPROBE	  336
#else
#define URETPROBE -1
#define UPROBE	  -1
#endif

/*
 * Every system call there is, with arguments that no call takes: whoever
 * survives is in the signer's filter.
 */
static void
test_signer_has_15_calls(void **state)
{
	int number, survived = 0, status;
	pid_t pid;

	(void)state;
	for (number = 0; number < 600; number++) {
		if (number == URETPROBE || number == UPROBE)
			continue;
		pid = fork();
		assert_int_not_equal(pid, -1);
		if (pid == 0) {
			signal(SIGSEGV, SIG_DFL); /* cmocka's: longjmp */
			sandbox_enter(SANDBOX_SIGNER, 0);
			syscall(number, -1, F_GETFL, 0, -1, 0, 0);
			syscall(SYS_exit_group, 0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			survived++;
	}
	assert_in_range(survived, 10, 15);
}
#endif

#if defined(__x86_64__) && !defined(TORFED_SANITIZER)
static int
act_x32(void)
{
	return result(syscall(0x40000000 + SYS_getpid));
}

/* getpid in the 32-bit table. */
static int
act_int80(void)
{
	long number = 20;

	__asm__ volatile("int $0x80"
			 : "+a"(number)
			 :
			 : "memory", "r8", "r9", "r10", "r11");
	return 0;
}

static void
test_other_architectures(void **state)
{
	(void)state;
	assert_int_equal(inside(SANDBOX_FEDD, 0, act_x32), KILLED);
	assert_int_equal(inside(SANDBOX_FEDD, 0, act_int80), KILLED);
	assert_int_equal(inside(SANDBOX_QUEUED, 0, act_x32), KILLED);
	assert_int_equal(inside(SANDBOX_SIGNER, 0, act_int80), KILLED);
}
#endif

static int
act_resolve(void)
{
	struct addrinfo *found = NULL;

	if (getaddrinfo("example.invalid", "1", NULL, &found) == 0)
		return 112;
	return getaddrinfo("127.0.0.1", "1", NULL, &found) == 0 ? 0 : 113;
}

/* Refused or not, by whoever listens there; but asked. */
static int
act_connect_tcp(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons(1),
	    .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd == -1)
		return errno;
	return result(connect(fd, (struct sockaddr *)&to, sizeof(to)));
}

static int
act_socket_sctp(void)
{
	return result(socket(AF_INET, SOCK_STREAM, 132));
}

static void
test_inet(void **state)
{
	(void)state;
	assert_int_equal(
	    inside(SANDBOX_FEDD, SANDBOX_INET, act_connect_tcp), ECONNREFUSED);
	assert_int_equal(
	    inside(SANDBOX_FEDD, SANDBOX_INET, act_socket_unix), 0);
	assert_int_equal(
	    inside(SANDBOX_FEDD, SANDBOX_INET, act_socket_udp), EAFNOSUPPORT);
	assert_int_equal(
	    inside(SANDBOX_FEDD, SANDBOX_INET, act_socket_raw), EAFNOSUPPORT);
	assert_int_equal(inside(SANDBOX_FEDD, SANDBOX_INET, act_socket_netlink),
	    EAFNOSUPPORT);
	assert_int_equal(
	    inside(SANDBOX_FEDD, SANDBOX_INET, act_socket_vsock), EAFNOSUPPORT);
	assert_int_equal(
	    inside(SANDBOX_FEDD, SANDBOX_INET, act_socket_upper_bits),
	    EAFNOSUPPORT);
	assert_int_equal(inside(SANDBOX_QUEUED, SANDBOX_INET, act_connect_tcp),
	    ECONNREFUSED);
	assert_int_equal(
	    inside(SANDBOX_QUEUED, SANDBOX_INET, act_socket_udp), EACCES);
	assert_int_equal(inside(SANDBOX_QUEUED, SANDBOX_INET, act_socket_raw),
	    SANITIZER ? EPERM : KILLED);
	assert_int_equal(inside(SANDBOX_QUEUED, SANDBOX_INET, act_socket_sctp),
	    SANITIZER ? EPERM : KILLED);
	assert_int_equal(inside(SANDBOX_QUEUED, SANDBOX_INET, act_resolve), 0);
	/* No other child has any use for the flag. */
	assert_int_equal(inside(SANDBOX_SENDER, SANDBOX_INET, act_socket_tcp),
	    SANITIZER ? EPERM : KILLED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_without_sandbox),
	    cmocka_unit_test(test_fedd),
	    cmocka_unit_test(test_listener),
	    cmocka_unit_test(test_signer),
	    cmocka_unit_test(test_sender),
	    cmocka_unit_test(test_queued),
	    cmocka_unit_test(test_fedctl),
	    cmocka_unit_test(test_offline),
#ifndef TORFED_SANITIZER
	    cmocka_unit_test(test_signer_has_15_calls),
#ifdef __x86_64__
	    cmocka_unit_test(test_other_architectures),
#endif
#endif
	    cmocka_unit_test(test_inet),
	};

	return cmocka_run_group_tests_name(
	    "sandbox", tests, fixture_setup, fixture_teardown);
}
