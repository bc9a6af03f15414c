/* SPDX-License-Identifier: ISC */
/*
 * Lets a running process meet a fault at one of its system calls. For root, by
 * ptrace(2), since the processes under test may not be changed and their
 * filters kill a call whose number was taken away, as strace(1) does it:
 *
 *	strike PID		a line for each call, by name, until SIGTERM
 *	strike PID CALL N kill	the process is killed as it enters its Nth call
 *				of that name
 *	strike PID CALL N ERROR	that call has no effect and returns the error
 *
 * "attached" comes first, and "struck" when it is done; then the process is
 * left alone.
 */
#if defined(__x86_64__) && defined(__linux__)

#include <errno.h>
#include <seccomp.h>
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

#define SYSCALL_STOP (SIGTRAP | 0x80)
#define ERRNO_MOST   200
#define NOT_VALID    (~0ULL)

static pid_t pid;
static volatile sig_atomic_t ending;
static const char *wanted; /* the call's name; NULL: all are printed */
static long number;	   /* which of them */
static int error;	   /* 0: kill */

/* The argument that makes a call of its own fail, where it is not the first:
 * a descriptor. */
static const struct {
	long call;
	int argument;
} odd[] = {
    {SYS_poll, 1},   /* more descriptors than there may be */
    {SYS_ppoll, 1},  /* the same */
    {SYS_socket, 1}, /* type */
    {SYS_socketpair, 1},
    {SYS_getrandom, 2}, /* flags */
    {SYS_memfd_create, 1},
    {SYS_epoll_create1, 0},
    {SYS_mmap, 5},   /* offset, not of a page */
    {SYS_mremap, 3}, /* flags */
    {SYS_rt_sigtimedwait, 3},
};

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "strike: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* A stop of the process ends the wait for one, if that begins only now. */
static void
end(int signal_number)
{
	int before = errno;

	(void)signal_number;
	ending = 1;
	(void)ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
	errno = before;
}

static int
error_number(const char *name)
{
	int i;

	if (strcmp(name, "kill") == 0)
		return 0;
	for (i = 1; i < ERRNO_MOST; i++)
		if (strerrorname_np(i) != NULL &&
		    strcmp(strerrorname_np(i), name) == 0)
			return i;
	fprintf(stderr, "strike: %s?\n", name);
	exit(64);
}

static void
trace(enum __ptrace_request request, uint64_t data)
{
	if (ptrace(request, pid, NULL, (void *)(uintptr_t)data) == -1)
		die("ptrace");
}

static void
say(const char *text)
{
	puts(text);
	fflush(stdout);
}

/* Goes on until the next stop; false when the process or we are to end. */
static bool
go_on(int *stop)
{
	static int forwarded;
	int status;

	for (;;) {
		trace(PTRACE_SYSCALL, (uint64_t)forwarded);
		forwarded = 0;
		while (waitpid(pid, &status, __WALL) == -1) {
			if (errno != EINTR)
				die("wait");
			if (ending)
				return false;
		}
		if (!WIFSTOPPED(status))
			return false;
		if (ending && status >> 16 == PTRACE_EVENT_STOP)
			return false;
		*stop = WSTOPSIG(status);
		if (*stop == SYSCALL_STOP)
			return true;
		/* A signal of its own; what ptrace itself tells is none. */
		if (status >> 16 == 0)
			forwarded = *stop;
	}
}

static unsigned long long *
argument_place(struct user_regs_struct *regs, long call)
{
	unsigned long long *const places[] = {(unsigned long long *)&regs->rdi,
	    (unsigned long long *)&regs->rsi, (unsigned long long *)&regs->rdx,
	    (unsigned long long *)&regs->r10, (unsigned long long *)&regs->r8,
	    (unsigned long long *)&regs->r9};
	size_t i;

	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		if (odd[i].call == call)
			return places[odd[i].argument];
	return places[0];
}

/* The process has just entered the call. */
static void
strike(long call)
{
	struct user_regs_struct regs, kept;
	int stop;

	if (error == 0) {
		kill(pid, SIGKILL);
		return;
	}
	trace(PTRACE_GETREGS, (uint64_t)(uintptr_t)&kept);
	regs = kept;
	*argument_place(&regs, call) = NOT_VALID;
	trace(PTRACE_SETREGS, (uint64_t)(uintptr_t)&regs);
	if (!go_on(&stop))
		return;
	/* All registers but the result are as they were. */
	trace(PTRACE_GETREGS, (uint64_t)(uintptr_t)&regs);
	kept.rax = (unsigned long long)-error;
	kept.rip = regs.rip;
	kept.rcx = regs.rcx;
	kept.r11 = regs.r11;
	kept.orig_rax = (unsigned long long)-1; /* nothing to be restarted */
	trace(PTRACE_SETREGS, (uint64_t)(uintptr_t)&kept);
}

/* Whether that is the call. */
static bool
entered(int call)
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, call);
	bool found = false;

	if (name == NULL)
		return false;
	if (wanted == NULL)
		say(name);
	else
		found = strcmp(name, wanted) == 0 && --number == 0;
	free(name);
	return found;
}

static void
follow(void)
{
	struct __ptrace_syscall_info info;
	int stop;

	while (go_on(&stop)) {
		if (ptrace(PTRACE_GET_SYSCALL_INFO, pid,
			(void *)(uintptr_t)sizeof(info), &info) == -1)
			die("ptrace");
		if (info.op == PTRACE_SYSCALL_INFO_ENTRY &&
		    entered((int)info.entry.nr)) {
			strike((long)info.entry.nr);
			say("struck");
			return;
		}
	}
}

/* The process may be running: it has to stop before it can be let go. */
static void
detach(void)
{
	int status;

	if (ptrace(PTRACE_DETACH, pid, NULL, NULL) == 0)
		return;
	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == 0 &&
	    waitpid(pid, &status, __WALL) == pid)
		(void)ptrace(PTRACE_DETACH, pid, NULL,
		    (void *)(uintptr_t)(status >> 16 == 0 &&
						WIFSTOPPED(status) &&
						WSTOPSIG(status) != SYSCALL_STOP
					    ? WSTOPSIG(status)
					    : 0));
}

int
main(int argc, char *argv[])
{
	struct sigaction action = {.sa_handler = end};
	int status;

	if (argc != 2 && argc != 5) {
		fprintf(stderr, "usage: strike PID [CALL N kill|ERROR]\n");
		return 64;
	}
	pid = (pid_t)strtol(argv[1], NULL, 10);
	if (argc == 5) {
		wanted = argv[2];
		number = strtol(argv[3], NULL, 10);
		error = error_number(argv[4]);
	}
	(void)sigaction(SIGTERM, &action, NULL);
	trace(PTRACE_SEIZE, PTRACE_O_TRACESYSGOOD);
	trace(PTRACE_INTERRUPT, 0);
	if (waitpid(pid, &status, __WALL) == -1)
		die("wait");
	say("attached");
	follow();
	detach();
	return 0;
}

#else

#include <stdio.h>

int
main(void)
{
	fprintf(stderr, "strike: made for x86-64 alone\n");
	return 69;
}

#endif
