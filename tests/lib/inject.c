/* SPDX-License-Identifier: ISC */
/*
 * Makes a running process execute system calls, as an attacker would who runs
 * code in it, and says what came of them. For root, by ptrace(2):
 *
 *	inject PID CALL [ARGUMENT ...] [-- CALL [ARGUMENT ...]] ...
 *
 * An argument is a number, s:TEXT (its address in the process, terminated),
 * x:HEX (address of these bytes), b:N (address of N zero bytes) or r:N (what
 * the Nth call returned, from 1). A line for each call:
 *
 *	CALL value N	what it returned
 *	CALL errno NAME	it failed
 *	CALL signal NAME	the process was killed instead; nothing follows
 *
 * A process that lives goes on afterwards as if nothing had been.
 */
#ifdef __x86_64__

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS 6
#define CALLS	  16
#define SECONDS	  20   /* that a call may block */
#define RED_ZONE  256  /* below the stack's end, left alone */
#define SCRATCH	  2048 /* bytes below that, for arguments */
#define SIGNALS	  32

static const uint8_t code[] = {0x0f, 0x05, 0xcc}; /* syscall; int3 */

static const struct {
	const char *name;
	long number;
} calls[] = {
    {"accept4", SYS_accept4},
    {"bind", SYS_bind},
    {"bpf", SYS_bpf},
    {"chdir", SYS_chdir},
    {"chmod", SYS_chmod},
    {"chown", SYS_chown},
    {"chroot", SYS_chroot},
    {"clock_gettime", SYS_clock_gettime},
    {"clone", SYS_clone},
    {"clone3", SYS_clone3},
    {"connect", SYS_connect},
    {"execve", SYS_execve},
    {"execveat", SYS_execveat},
    {"fchdir", SYS_fchdir},
    {"fcntl", SYS_fcntl},
    {"fork", SYS_fork},
    {"ftruncate", SYS_ftruncate},
    {"getdents64", SYS_getdents64},
    {"getrandom", SYS_getrandom},
    {"io_uring_setup", SYS_io_uring_setup},
    {"ioctl", SYS_ioctl},
    {"kcmp", SYS_kcmp},
    {"keyctl", SYS_keyctl},
    {"kill", SYS_kill},
    {"link", SYS_link},
    {"listen", SYS_listen},
    {"lseek", SYS_lseek},
    {"memfd_create", SYS_memfd_create},
    {"mkdir", SYS_mkdir},
    {"mmap", SYS_mmap},
    {"mount", SYS_mount},
    {"mprotect", SYS_mprotect},
    {"open", SYS_open},
    {"openat", SYS_openat},
    {"perf_event_open", SYS_perf_event_open},
    {"pidfd_getfd", SYS_pidfd_getfd},
    {"pidfd_open", SYS_pidfd_open},
    {"prctl", SYS_prctl},
    {"process_vm_readv", SYS_process_vm_readv},
    {"process_vm_writev", SYS_process_vm_writev},
    {"ptrace", SYS_ptrace},
    {"pwrite64", SYS_pwrite64},
    {"read", SYS_read},
    {"readlink", SYS_readlink},
    {"rename", SYS_rename},
    {"seccomp", SYS_seccomp},
    {"sendto", SYS_sendto},
    {"setgid", SYS_setgid},
    {"setgroups", SYS_setgroups},
    {"setns", SYS_setns},
    {"setresuid", SYS_setresuid},
    {"setuid", SYS_setuid},
    {"shutdown", SYS_shutdown},
    {"socket", SYS_socket},
    {"socketpair", SYS_socketpair},
    {"stat", SYS_stat},
    {"symlink", SYS_symlink},
    {"tgkill", SYS_tgkill},
    {"unlink", SYS_unlink},
    {"unshare", SYS_unshare},
    {"userfaultfd", SYS_userfaultfd},
    {"vfork", SYS_vfork},
    {"write", SYS_write},
};

static pid_t pid;
static struct user_regs_struct saved;
static uint64_t saved_code;
static uint64_t scratch; /* next argument ends here */
static long long values[CALLS + 1];
static int pending[SIGNALS]; /* signals that came meanwhile */

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void __attribute__((noreturn)) bad(const char *what)
{
	fprintf(stderr, "inject: %s?\n", what);
	exit(64);
}

static long
trace(enum __ptrace_request request, uint64_t address, uint64_t data)
{
	long result = ptrace(
	    request, pid, (void *)(uintptr_t)address, (void *)(uintptr_t)data);

	if (result == -1)
		die("ptrace");
	return result;
}

static uint64_t
word_read(uint64_t address)
{
	long word;

	errno = 0;
	word = ptrace(PTRACE_PEEKDATA, pid, (void *)(uintptr_t)address, NULL);
	if (word == -1 && errno != 0)
		die("read memory");
	return (uint64_t)word;
}

/* Bytes that end where the last ones began; their address. */
static uint64_t
bytes_put(const void *bytes, size_t length)
{
	uint64_t words[SCRATCH / 8] = {0};
	size_t i, count = (length + 7) / 8;

	if (count > SCRATCH / 8 ||
	    scratch - count * 8 < saved.rsp - RED_ZONE - SCRATCH)
		bad("arguments of that length");
	memcpy(words, bytes, length);
	scratch -= count * 8;
	for (i = 0; i < count; i++)
		trace(PTRACE_POKEDATA, scratch + i * 8, words[i]);
	return scratch;
}

static uint64_t
hexadecimal_put(const char *text)
{
	uint8_t bytes[SCRATCH];
	size_t i, length = strlen(text) / 2;
	unsigned int byte;

	if (length > sizeof(bytes))
		bad(text);
	for (i = 0; i < length; i++) {
		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			bad(text);
		bytes[i] = (uint8_t)byte;
	}
	return bytes_put(bytes, length);
}

static uint64_t
number(const char *text)
{
	char *end;
	long long value = strtoll(text, &end, 0);

	if (end == text || *end != '\0')
		bad(text);
	return (uint64_t)value;
}

static uint64_t
argument(const char *text)
{
	static const uint8_t zeros[SCRATCH];
	uint64_t n;

	if (strncmp(text, "s:", 2) == 0)
		return bytes_put(text + 2, strlen(text + 2) + 1);
	if (strncmp(text, "x:", 2) == 0)
		return hexadecimal_put(text + 2);
	if (strncmp(text, "b:", 2) == 0) {
		n = number(text + 2);
		return bytes_put(zeros, n <= SCRATCH ? n : SCRATCH + 1);
	}
	if (strncmp(text, "r:", 2) == 0) {
		n = number(text + 2);
		if (n < 1 || n > CALLS)
			bad(text);
		return (uint64_t)values[n];
	}
	return number(text);
}

static long
call_number(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strcmp(calls[i].name, name) == 0)
			return calls[i].number;
	bad(name);
}

/*
 * Until the process stops, for a trap of ours if that is awaited; signals that
 * come meanwhile are kept for later. The status.
 */
static int
wait_stop(int signal_awaited)
{
	int status, number_caught;

	for (;;) {
		if (waitpid(pid, &status, __WALL) == -1)
			die("wait");
		if (!WIFSTOPPED(status))
			return status;
		number_caught = WSTOPSIG(status);
		if (status >> 16 != 0 || number_caught == signal_awaited)
			return status;
		if (number_caught < SIGNALS)
			pending[number_caught]++;
		trace(PTRACE_CONT, 0, 0);
	}
}

static void
attach(void)
{
	trace(PTRACE_SEIZE, 0, PTRACE_O_TRACEEXEC);
	trace(PTRACE_INTERRUPT, 0, 0);
	if (!WIFSTOPPED(wait_stop(-1)))
		bad("a process that is dying");
	trace(PTRACE_GETREGS, 0, (uint64_t)(uintptr_t)&saved);
	saved_code = word_read(saved.rip);
}

/* What was interrupted is taken up again by the kernel. */
static void
detach(void)
{
	int i;

	trace(PTRACE_POKEDATA, saved.rip, saved_code);
	trace(PTRACE_SETREGS, 0, (uint64_t)(uintptr_t)&saved);
	trace(PTRACE_DETACH, 0, 0);
	for (i = 1; i < SIGNALS; i++)
		if (pending[i] > 0)
			kill(pid, i);
}

static void
blocked(int signal_number)
{
	static const char text[] = "inject: the call blocks\n";

	(void)signal_number;
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	kill(pid, SIGKILL);
	_exit(1);
}

/* Registers of a call with its arguments, at the code that was put there. */
static void
call_prepare(int count, char *arguments[])
{
	struct user_regs_struct now = saved;
	uint64_t *const places[ARGUMENTS] = {(uint64_t *)&now.rdi,
	    (uint64_t *)&now.rsi, (uint64_t *)&now.rdx, (uint64_t *)&now.r10,
	    (uint64_t *)&now.r8, (uint64_t *)&now.r9};
	uint64_t word = saved_code;
	int i;

	if (count > ARGUMENTS + 1)
		bad("arguments");
	scratch = (saved.rsp - RED_ZONE) & ~UINT64_C(15);
	for (i = 0; i < ARGUMENTS; i++)
		*places[i] = i + 1 < count ? argument(arguments[i + 1]) : 0;
	memcpy(&word, code, sizeof(code));
	trace(PTRACE_POKEDATA, saved.rip, word);
	now.rax = (unsigned long)call_number(arguments[0]);
	now.orig_rax = (unsigned long)-1; /* no call to be taken up */
	trace(PTRACE_SETREGS, 0, (uint64_t)(uintptr_t)&now);
}

/* Whether the process is still there. */
static bool
call_run(int index, int count, char *arguments[])
{
	struct user_regs_struct now;
	const char *name = arguments[0];
	int status;

	call_prepare(count, arguments);
	trace(PTRACE_CONT, 0, 0);
	status = wait_stop(SIGTRAP);
	if (WIFSIGNALED(status)) {
		printf("%s signal %s\n", name, sigabbrev_np(WTERMSIG(status)));
		return false;
	}
	if (WIFEXITED(status)) {
		printf("%s exit %d\n", name, WEXITSTATUS(status));
		return false;
	}
	if (status >> 16 == PTRACE_EVENT_EXEC) {
		printf("%s value 0\n", name);
		kill(pid, SIGKILL);
		return false;
	}
	trace(PTRACE_GETREGS, 0, (uint64_t)(uintptr_t)&now);
	values[index] = (long long)now.rax;
	if (values[index] < 0 && values[index] > -4096)
		printf("%s errno %s\n", name,
		    strerrorname_np((int)-values[index]));
	else
		printf("%s value %lld\n", name, values[index]);
	return true;
}

int
main(int argc, char *argv[])
{
	int first = 2, last, index = 1;

	if (argc < 3)
		bad("inject PID CALL [ARGUMENT ...] [-- CALL ...]");
	pid = (pid_t)number(argv[1]);
	(void)signal(SIGALRM, blocked);
	alarm(SECONDS);
	attach();
	for (; first < argc; first = last + 1, index++) {
		for (last = first; last < argc; last++)
			if (strcmp(argv[last], "--") == 0)
				break;
		if (last == first || index > CALLS)
			bad("a call");
		if (!call_run(index, last - first, argv + first))
			return 0;
	}
	detach();
	return 0;
}

#else

#include <stdio.h>

int
main(void)
{
	fprintf(stderr, "inject: made for x86-64 alone\n");
	return 69;
}

#endif
