/* SPDX-License-Identifier: ISC */
/*
 * The sandbox from inside: for each profile a child process enters it and does
 * one forbidden thing, which must kill it or fail as documented, or what the
 * profile is for, which must work. Without the sandbox every one of the
 * forbidden things works or fails otherwise (test_without_sandbox).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <linux/perf_event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
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
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"
#include "sandbox.h"

#define KILLED	 -1 /* by SIGSYS */
#define ANYTHING -2

#ifdef TORFED_SANITIZER
#define SANITIZER 1
#else
#define SANITIZER 0
#endif

static int pair[2] = {-1, -1}; /* a connected pair of sockets */
static int nowhere;	       /* /dev/null */
static int scratch;	       /* a file that was open before */
static char directory[64];     /* with a file "inside" */
static char victim[96];	       /* and one to remove */
static pid_t parent;

/* Landlock's ABI, as the kernel says it. */
static int
landlock_abi(void)
{
	long abi = syscall(444, NULL, 0, 1);

	return abi < 0 ? 0 : (int)abi;
}

static int
result(long value)
{
	return value == -1 ? errno : 0;
}

/* The log goes nowhere: it would disturb the test's own lines. */
static void
quiet(void)
{
	if (dup2(nowhere, STDERR_FILENO) == -1)
		_exit(99);
}

/* What an act uses up. */
static void
make_fresh(void)
{
	close(pair[0]);
	close(pair[1]);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		fail();
	close(open(victim, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

/* Runs act in the sandbox: its exit code (an errno, 0 good), or KILLED. */
static int
inside(enum sandbox_profile profile, unsigned int flags, int (*act)(void))
{
	pid_t pid;
	int status;

	parent = getpid();
	make_fresh();
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		quiet();
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

/* Forbidden acts. */

static int
act_open(void)
{
	return result(syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY));
}

static int
act_create(void)
{
	return result(open("/tmp/torfed-sandbox", O_RDWR | O_CREAT, 0600));
}

static int
act_socket_unix(void)
{
	return result(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int
act_socket_tcp(void)
{
	return result(socket(AF_INET, SOCK_STREAM, 0));
}

static int
act_socket_tcp6(void)
{
	return result(socket(AF_INET6, SOCK_STREAM, 0));
}

static int
act_socket_udp(void)
{
	return result(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static int
act_socket_raw(void)
{
	return result(socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6));
}

static int
act_socket_netlink(void)
{
	return result(socket(AF_NETLINK, SOCK_RAW, 0));
}

static int
act_socket_vsock(void)
{
	return result(socket(AF_VSOCK, SOCK_STREAM, 0));
}

/* The kernel reads 32 bits of the family, a careless filter 64. */
static int
act_socket_upper_bits(void)
{
	return result(syscall(
	    SYS_socket, UINT64_C(0x100000000) | AF_INET, SOCK_DGRAM, 0));
}

static int
act_connect(void)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "/x"};

	return result(connect(-1, (struct sockaddr *)&to, sizeof(to)));
}

static int
act_accept(void)
{
	return result(accept4(-1, NULL, NULL, SOCK_CLOEXEC));
}

static int
act_exec(void)
{
	char path[] = "/bin/true";
	char *arguments[] = {path, NULL};

	return result(execve(path, arguments, NULL));
}

static int
act_ptrace(void)
{
	return result(ptrace(PTRACE_SEIZE, parent, NULL, NULL));
}

static int
act_read_memory(void)
{
	char byte;
	struct iovec local = {&byte, 1}, remote = {&parent, 1};

	return result(process_vm_readv(parent, &local, 1, &remote, 1, 0));
}

static int
act_kill(void)
{
	return result(kill(parent, 0));
}

static int
act_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return result(pid);
}

static int
act_namespace(void)
{
	return result(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
}

static int
act_clone3(void)
{
	return result(syscall(SYS_clone3, NULL, 0));
}

static int
act_io_uring(void)
{
	char parameters[120] = "";

	return result(syscall(SYS_io_uring_setup, 1, parameters));
}

static int
act_memfd(void)
{
	return result(memfd_create("x", 0));
}

static int
act_mmap_exec(void)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? errno : 0;
}

static int
act_mprotect_exec(void)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return result(mprotect(memory, 4096, PROT_READ | PROT_EXEC));
}

static int
act_bpf(void)
{
	return result(syscall(SYS_bpf, 0, NULL, 0));
}

static int
act_perf(void)
{
	struct perf_event_attr attributes = {.size = sizeof(attributes)};

	return result(syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0));
}

static int
act_keyctl(void)
{
	return result(syscall(SYS_keyctl, 0, -3, 0));
}

static int
act_unshare(void)
{
	return result(unshare(CLONE_NEWNET));
}

static int
act_terminal(void)
{
	return result(ioctl(scratch, TIOCSTI, "x"));
}

static int
act_truncate(void)
{
	return result(ftruncate(scratch, 0));
}

static int
act_seek(void)
{
	return result(lseek(scratch, 0, SEEK_SET));
}

static int
act_pwrite(void)
{
	return result(pwrite(scratch, "x", 1, 0));
}

static int
act_set_flags(void)
{
	return result(fcntl(pair[0], F_SETFL, O_NONBLOCK));
}

static int
act_unlink(void)
{
	return result(unlink(victim));
}

static int
act_filter_socket(void)
{
	return result(setsockopt(pair[0], SOL_SOCKET, SO_DETACH_FILTER, "", 1));
}

static int
act_nothing(void)
{
	return 0;
}

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
    {"unlink", act_unlink, 0, EACCES, EVERYBODY_KILLED},
    {"filter a socket", act_filter_socket, EINVAL, EINVAL, EVERYBODY_KILLED},
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
	parent = getpid();
	make_fresh();
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
	if (sendmsg(pair[0], &message, MSG_NOSIGNAL) != 1)
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
	struct pollfd readable = {.fd = pair[1], .events = POLLIN};
	int fd;

	if (poll(&readable, 1, 1000) != 1)
		_exit(101);
	if (recvmsg(pair[1], &message, MSG_CMSG_CLOEXEC) != 1 ||
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

	descriptor_send(pair[0]);
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
	int error, reserve, waiting;
	socklen_t size = sizeof(error);

	if (act_signer_work() != 0)
		return 107;
	base = event_base_new();
	readable = base == NULL ? NULL
				: event_new(base, pair[1], EV_READ | EV_PERSIST,
				      on_event, base);
	if (readable == NULL || event_add(readable, &second) == -1)
		return 108;
	if (send(pair[0], "x", 1, MSG_NOSIGNAL) != 1 ||
	    event_base_dispatch(base) != 0)
		return 109;
	event_free(readable);
	event_base_free(base);
	reserve = dup(pair[0]);
	if (reserve == -1 || close(reserve) == -1 ||
	    getrlimit(RLIMIT_NOFILE, &limit) == -1 ||
	    ioctl(pair[1], FIONREAD, &waiting) == -1 ||
	    getsockopt(pair[0], SOL_SOCKET, SO_ERROR, &error, &size) == -1 ||
	    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &limit, 4) == -1 ||
	    shutdown(pair[0], SHUT_WR) == -1)
		return 110;
	return 0;
}

static void
test_work(void **state)
{
	(void)state;
	assert_int_equal(inside(SANDBOX_SIGNER, 0, act_signer_work), 0);
	assert_int_equal(inside(SANDBOX_LISTENER, 0, act_network_work), 0);
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

	snprintf(path, sizeof(path), "%s/inside", directory);
	error = result(open(path, O_RDONLY));
	if (error != 0)
		return error;
	if (open(path, O_WRONLY) != -1 || errno != EACCES)
		return 115;
	if (open("/etc/passwd", O_RDONLY) != -1 || errno != EACCES)
		return 116;
	snprintf(path, sizeof(path), "%s/new", directory);
	if (open(path, O_WRONLY | O_CREAT, 0600) != -1 || errno != EACCES)
		return 117;
	return 0;
}

static int
act_unveiled_for_all(void)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/new", directory);
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
		quiet();
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
	assert_int_equal(unveiled(act_unveiled, directory, "r"), 0);
	assert_int_equal(unveiled(act_unveiled_for_all, directory, "rwc"), 0);
	assert_int_equal(
	    unveiled(act_unveiled_for_all, directory, "rw"), EACCES);
	assert_int_equal(
	    unveiled(act_unveiled_for_all, directory, "rc"), EACCES);
	/* Permissions that do not exist are a fault of ours. */
	assert_int_equal(unveiled(act_nothing, directory, "q"), 1);
}

static int
act_limits(void)
{
	struct rlimit core, space;
	void *large;

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

static int
setup(void **state)
{
	char path[128];

	(void)state;
	if (sodium_init() == -1)
		return -1;
	snprintf(directory, sizeof(directory), "/tmp/torfed-XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(victim, sizeof(victim), "%s/victim", directory);
	snprintf(path, sizeof(path), "%s/inside", directory);
	scratch = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (scratch == -1 || nowhere == -1)
		return -1;
	log_init("sandbox_test", LOG_FORM_PLAIN, LOG_LEVEL_ERROR);
	return 0;
}

static int
teardown(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/inside", directory);
	unlink(path);
	unlink(victim);
	snprintf(path, sizeof(path), "%s/new", directory);
	unlink(path);
	return rmdir(directory);
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
	    cmocka_unit_test(test_work),
	    cmocka_unit_test(test_freeze),
	    cmocka_unit_test(test_libpq),
	    cmocka_unit_test(test_inet),
	    cmocka_unit_test(test_generation),
	    cmocka_unit_test(test_unveil),
	    cmocka_unit_test(test_limits),
#ifdef TORFED_SANITIZER
	    cmocka_unit_test(test_report),
#endif
	};

	return cmocka_run_group_tests_name("sandbox", tests, setup, teardown);
}
