/* SPDX-License-Identifier: ISC */
/*
 * The seccomp filters. A child's filter is a list of what it may call, and
 * anything else kills it. fedd's is the other way round, a list of what is
 * refused, because the children inherit it and start (chroot, new user, their
 * own filter) under it. Of two filters the stricter answer counts.
 *
 * Integer arguments are compared in their lower 32 bits where a call is
 * allowed: that is what the kernel reads of them.
 */
#ifdef __linux__

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/sandbox_internal.h"

#define LISTENER (1U << SANDBOX_LISTENER)
#define SIGNER	 (1U << SANDBOX_SIGNER)
#define SENDER	 (1U << SANDBOX_SENDER)
#define QUEUED	 (1U << SANDBOX_QUEUED)
#define FEDCTL	 (1U << SANDBOX_FEDCTL)
#define OFFLINE	 (1U << SANDBOX_OFFLINE)
#define NETWORK	 (LISTENER | SENDER | QUEUED) /* an event loop */
#define TALKING	 (NETWORK | SIGNER | FEDCTL)  /* has a channel */
#define WRITING	 (FEDCTL | OFFLINE)	      /* to standard output */
#define ANYBODY	 (TALKING | OFFLINE)
#define ROOMY	 (NETWORK | FEDCTL | OFFLINE) /* all but the signer */

struct comparison {
	unsigned int argument; /* 0 to 5 */
	uint64_t mask;
	uint64_t value;
};

/* One call that some profiles may make. */
struct rule {
	int call;
	unsigned int profiles;
	unsigned int count; /* of comparisons; all must hold */
	struct comparison comparisons[2];
	bool above; /* on a descriptor above SHARED_MAX alone */
};

/*
 * Up to this number descriptors are shared with other processes: the log by
 * all, which a child that was taken over must not be able to silence.
 */
#define SHARED_MAX	3
#define DESCRIPTOR_BITS 21 /* of the greatest that there may be */

#define LOW		UINT64_C(0xffffffff)
/* clang-format off */
#define CALL(name, who) {SCMP_SYS(name), who, 0, {{0, 0, 0}}, false}
#define CALL_IF(name, who, argument, mask, value) \
	{SCMP_SYS(name), who, 1, {{argument, mask, value}}, false}
#define CALL_ABOVE_IF(name, who, argument, mask, value) \
	{SCMP_SYS(name), who, 1, {{argument, mask, value}}, true}
#define SOCKET_OPTION(who, level, option) \
	{SCMP_SYS(setsockopt), who, 2, {{1, LOW, level}, {2, LOW, option}}, \
	    false}
/* clang-format on */

static const struct rule rules[] = {
    /* The signer's 15: these and the three of TALKING. */
    CALL(write, ANYBODY),
    CALL(close, ANYBODY),
    CALL(brk, ANYBODY),
    CALL_IF(mmap, ANYBODY, 2, PROT_EXEC, 0),
    CALL_IF(mmap2, ANYBODY, 2, PROT_EXEC, 0), /* 32-bit machines' mmap */
    CALL(munmap, ANYBODY),
    CALL(mremap, ANYBODY),
    CALL(getrandom, ANYBODY),
    CALL(clock_gettime, ANYBODY),
    CALL(rt_sigreturn, ANYBODY),
    CALL(restart_syscall, ANYBODY), /* poll after SIGSTOP and SIGCONT */
    CALL(exit_group, ANYBODY),
    CALL_IF(fcntl, ANYBODY, 1, LOW, F_GETFL),
#ifdef __NR_poll
    CALL(poll, TALKING),
#else
    CALL(ppoll, TALKING),
#endif
    CALL(recvmsg, TALKING),
    CALL(sendmsg, TALKING),

    CALL(read, ROOMY),
    CALL(readv, ROOMY),
    CALL(writev, ROOMY),
    CALL_IF(mprotect, ROOMY, 2, PROT_EXEC, 0),
    CALL(madvise, ROOMY),
    CALL(futex, ROOMY),
    CALL(getpid, ROOMY),
    CALL(gettimeofday, ROOMY),
    CALL(time, ROOMY),
    CALL(clock_getres, ROOMY),
    CALL(sysinfo, ROOMY), /* qsort(3) asks for the size of memory */

    CALL(recvfrom, NETWORK | FEDCTL),
    CALL(sendto, NETWORK | FEDCTL),
    CALL(rt_sigaction, NETWORK | FEDCTL),
    CALL(rt_sigprocmask, NETWORK | FEDCTL),
    CALL_IF(fcntl, NETWORK | FEDCTL, 1, LOW, F_SETFL),
    CALL_IF(fcntl, NETWORK | FEDCTL, 1, LOW, F_GETFD),
    CALL_IF(fcntl, NETWORK | FEDCTL, 1, LOW, F_SETFD),

    /* libevent */
    CALL(epoll_create1, NETWORK),
    CALL(epoll_ctl, NETWORK),
    CALL(epoll_wait, NETWORK),
    CALL(epoll_pwait, NETWORK),
    CALL(epoll_pwait2, NETWORK),
    CALL(eventfd2, NETWORK),
    CALL(pipe2, NETWORK),
    CALL(getuid, NETWORK | FEDCTL), /* may the environment be read? */
    CALL(geteuid, NETWORK | FEDCTL),
    CALL(getgid, NETWORK | FEDCTL),
    CALL(getegid, NETWORK | FEDCTL),
    CALL_IF(ioctl, NETWORK, 1, LOW, FIONREAD),

    /*
     * Not of the reading side: a listening socket, which all generations share,
     * would never accept again.
     */
    CALL_ABOVE_IF(shutdown, LISTENER, 1, LOW, SHUT_WR),
    CALL(getsockopt, NETWORK),
    CALL(getsockname, NETWORK),
    CALL(getpeername, NETWORK),
    SOCKET_OPTION(NETWORK, SOL_SOCKET, SO_KEEPALIVE),
    SOCKET_OPTION(NETWORK, SOL_SOCKET, SO_SNDBUF),
    SOCKET_OPTION(NETWORK, SOL_SOCKET, SO_RCVBUF),
    SOCKET_OPTION(NETWORK, SOL_SOCKET, SO_LINGER),
    SOCKET_OPTION(NETWORK, IPPROTO_TCP, TCP_NODELAY),
    SOCKET_OPTION(NETWORK, IPPROTO_TCP, TCP_KEEPIDLE),
    SOCKET_OPTION(NETWORK, IPPROTO_TCP, TCP_KEEPINTVL),
    SOCKET_OPTION(NETWORK, IPPROTO_TCP, TCP_KEEPCNT),
    SOCKET_OPTION(NETWORK, IPPROTO_TCP, TCP_USER_TIMEOUT),
    /* A descriptor held in reserve; how many there may be. */
    CALL_ABOVE_IF(fcntl, LISTENER, 1, LOW, F_DUPFD_CLOEXEC),
    CALL_IF(prlimit64, NETWORK, 2, UINT64_MAX, 0), /* reads only */
    CALL(getrlimit, NETWORK),
    CALL(accept4, LISTENER | QUEUED),

    /* libpq */
    CALL_IF(socket, QUEUED, 0, LOW, AF_UNIX),
    CALL(connect, QUEUED),
    CALL(uname, QUEUED),
    CALL(rt_sigpending, QUEUED | FEDCTL),
    CALL(rt_sigtimedwait, QUEUED | FEDCTL),

    /* stdio */
    CALL(fstat, WRITING),
    CALL_IF(newfstatat, WRITING, 3, LOW, AT_EMPTY_PATH),
    CALL(lseek, WRITING),
    CALL_IF(ioctl, WRITING, 1, LOW, TCGETS),
    CALL_IF(ioctl, WRITING, 1, LOW, TIOCGWINSZ),
};

/* Newer than the library may be; the same on every architecture but alpha. */
#define FCHMODAT2     452
#define SETXATTRAT    463
#define REMOVEXATTRAT 466

/* Refused to the whole suite. */
static const int fedd_refused[] = {
    /* other processes */
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(process_madvise),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(kcmp),
    SCMP_SYS(move_pages),
    SCMP_SYS(migrate_pages),
    /* the kernel itself */
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(reboot),
    SCMP_SYS(syslog),
    SCMP_SYS(iopl),
    SCMP_SYS(ioperm),
    SCMP_SYS(modify_ldt),
    SCMP_SYS(vm86),
    SCMP_SYS(vm86old),
    SCMP_SYS(uselib),
    SCMP_SYS(personality),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(keyctl),
    /* file systems and namespaces */
    SCMP_SYS(mount),
    SCMP_SYS(umount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(open_tree),
    SCMP_SYS(move_mount),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsconfig),
    SCMP_SYS(fsmount),
    SCMP_SYS(fspick),
    SCMP_SYS(mount_setattr),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(quotactl),
    SCMP_SYS(quotactl_fd),
    SCMP_SYS(acct),
    SCMP_SYS(fanotify_init),
    SCMP_SYS(name_to_handle_at),
    SCMP_SYS(open_by_handle_at),
    /* modes, owners and attributes of files: Landlock lets these through */
    SCMP_SYS(chmod),
    SCMP_SYS(fchmod),
    SCMP_SYS(fchmodat),
    FCHMODAT2,
    SCMP_SYS(chown),
    SCMP_SYS(fchown),
    SCMP_SYS(lchown),
    SCMP_SYS(fchownat),
    SCMP_SYS(chown32),
    SCMP_SYS(fchown32),
    SCMP_SYS(lchown32),
    SCMP_SYS(setxattr),
    SCMP_SYS(lsetxattr),
    SCMP_SYS(fsetxattr),
    SETXATTRAT,
    SCMP_SYS(removexattr),
    SCMP_SYS(lremovexattr),
    SCMP_SYS(fremovexattr),
    REMOVEXATTRAT,
    /* the machine's name and clock */
    SCMP_SYS(sethostname),
    SCMP_SYS(setdomainname),
    SCMP_SYS(settimeofday),
    SCMP_SYS(stime),
    SCMP_SYS(clock_settime),
    SCMP_SYS(adjtimex),
    SCMP_SYS(clock_adjtime),
    SCMP_SYS(vhangup),
};

/* What a report of the sanitizers calls, and what answers EPERM beside it. */
#ifdef TORFED_SANITIZER
static const int report_calls[] = {
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(read),
    SCMP_SYS(writev),
    SCMP_SYS(lseek),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getdents64),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(tgkill),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(getrlimit),
    SCMP_SYS(prlimit64),
};
#define CHILD_DEFAULT SCMP_ACT_ERRNO(EPERM)
#else
/*
 * libpq, and the libraries below it, look for a password file, a service
 * file and the name service's configuration whether they need them or not.
 */
static const int queued_probes[] = {
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(statx),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
};
#define CHILD_DEFAULT SCMP_ACT_KILL_PROCESS
#endif

static scmp_filter_ctx
filter_new(uint32_t action)
{
	scmp_filter_ctx filter = seccomp_init(action);

	/* Calls of another architecture (i386, x32) are never right. */
	if (filter == NULL || seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH,
				  SCMP_ACT_KILL_PROCESS) != 0)
		fatal("sandbox seccomp=off reason=memory");
	return filter;
}

static void
filter_rule(scmp_filter_ctx filter, uint32_t action, int call,
    unsigned int count, const struct scmp_arg_cmp *comparisons)
{
	int error =
	    seccomp_rule_add_array(filter, action, call, count, comparisons);

	if (error != 0)
		fatal(
		    "sandbox seccomp_rule_add call=%d errno=%d", call, -error);
}

static void
filter_calls(
    scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		filter_rule(filter, action, calls[i], 0, NULL);
}

static void
filter_load(scmp_filter_ctx filter)
{
	int error = seccomp_load(filter);

	if (error != 0)
		fatal("sandbox seccomp_load errno=%d", -error);
	seccomp_release(filter);
}

static void
allow(scmp_filter_ctx filter, const struct rule *rule)
{
	struct scmp_arg_cmp comparisons[3];
	unsigned int bit, i;

	for (i = 0; i < rule->count; i++)
		comparisons[i] = SCMP_CMP64(rule->comparisons[i].argument,
		    SCMP_CMP_MASKED_EQ, rule->comparisons[i].mask,
		    rule->comparisons[i].value);
	if (!rule->above) {
		filter_rule(filter, SCMP_ACT_ALLOW, rule->call, rule->count,
		    comparisons);
		return;
	}
	/* There is no "greater" for the lower half: one of the bits is set. */
	for (bit = 0; bit < DESCRIPTOR_BITS; bit++) {
		if ((1U << bit) <= SHARED_MAX)
			continue;
		comparisons[rule->count] = SCMP_CMP64(0, SCMP_CMP_MASKED_EQ,
		    UINT64_C(1) << bit, UINT64_C(1) << bit);
		filter_rule(filter, SCMP_ACT_ALLOW, rule->call, rule->count + 1,
		    comparisons);
	}
}

#define ENTRIES(array) (sizeof(array) / sizeof((array)[0]))
#define SOCK_TYPE_MASK 0xfU /* the rest are SOCK_CLOEXEC and the like */

/*
 * TCP to a database elsewhere. A name instead of a number makes the resolver
 * ask for datagram and netlink sockets: it gets an error, not death.
 */
static void
queued_inet(scmp_filter_ctx filter)
{
	static const int families[] = {AF_INET, AF_INET6};
	struct scmp_arg_cmp comparisons[3];
	size_t i;

	for (i = 0; i < ENTRIES(families); i++) {
		comparisons[0] =
		    SCMP_A0(SCMP_CMP_MASKED_EQ, LOW, (uint64_t)families[i]);
		comparisons[1] =
		    SCMP_A1(SCMP_CMP_MASKED_EQ, SOCK_TYPE_MASK, SOCK_STREAM);
		comparisons[2] = SCMP_A2(SCMP_CMP_MASKED_EQ, LOW, IPPROTO_IP);
		filter_rule(
		    filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 3, comparisons);
		comparisons[2] = SCMP_A2(SCMP_CMP_MASKED_EQ, LOW, IPPROTO_TCP);
		filter_rule(
		    filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 3, comparisons);
		comparisons[1] =
		    SCMP_A1(SCMP_CMP_MASKED_EQ, SOCK_TYPE_MASK, SOCK_DGRAM);
		filter_rule(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 2,
		    comparisons);
	}
	comparisons[0] = SCMP_A0(SCMP_CMP_MASKED_EQ, LOW, AF_NETLINK);
	filter_rule(
	    filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 1, comparisons);
}

static void
child_filter(enum sandbox_profile profile, unsigned int flags)
{
	scmp_filter_ctx filter = filter_new(CHILD_DEFAULT);
	size_t i;

	for (i = 0; i < ENTRIES(rules); i++)
		if (rules[i].profiles & (1U << profile))
			allow(filter, &rules[i]);
	if (profile == SANDBOX_QUEUED) {
#ifndef TORFED_SANITIZER
		filter_calls(filter, SCMP_ACT_ERRNO(EACCES), queued_probes,
		    ENTRIES(queued_probes));
#endif
		if (flags & SANDBOX_INET)
			queued_inet(filter);
	}
#ifdef TORFED_SANITIZER
	filter_calls(
	    filter, SCMP_ACT_ALLOW, report_calls, ENTRIES(report_calls));
#endif
	filter_load(filter);
}

/*
 * Sockets of other families, as a list of what is refused: any family above
 * AF_INET6, those between, and IP's other types than SOCK_STREAM. Comparing
 * all 64 bits errs on the safe side here.
 */
static void
fedd_sockets_inet(scmp_filter_ctx filter, uint32_t action)
{
	struct scmp_arg_cmp comparisons[2];
	unsigned int family, type;

	comparisons[0] = SCMP_A0(SCMP_CMP_GT, AF_INET6, 0);
	filter_rule(filter, action, SCMP_SYS(socket), 1, comparisons);
	for (family = 0; family <= AF_INET6; family++) {
		if (family == AF_UNIX)
			continue;
		comparisons[0] = SCMP_A0(SCMP_CMP_EQ, family, 0);
		if (family != AF_INET && family != AF_INET6) {
			filter_rule(
			    filter, action, SCMP_SYS(socket), 1, comparisons);
			continue;
		}
		for (type = 0; type <= SOCK_TYPE_MASK; type++) {
			if (type == SOCK_STREAM)
				continue;
			comparisons[1] =
			    SCMP_A1(SCMP_CMP_MASKED_EQ, SOCK_TYPE_MASK, type);
			filter_rule(
			    filter, action, SCMP_SYS(socket), 2, comparisons);
		}
	}
}

static void
fedd_sockets(scmp_filter_ctx filter, unsigned int flags)
{
	uint32_t action = SCMP_ACT_ERRNO(EAFNOSUPPORT);
	struct scmp_arg_cmp comparison = SCMP_A0(SCMP_CMP_NE, AF_UNIX, 0);

	if (flags & SANDBOX_INET)
		fedd_sockets_inet(filter, action);
	else
		filter_rule(filter, action, SCMP_SYS(socket), 1, &comparison);
}

/* clone(2) with a new namespace, and typing into a terminal. */
static void
fedd_arguments(scmp_filter_ctx filter)
{
	static const uint64_t namespaces[] = {CLONE_NEWNS, CLONE_NEWCGROUP,
	    CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID,
	    CLONE_NEWNET};
	static const uint64_t requests[] = {TIOCSTI, TIOCLINUX};
	struct scmp_arg_cmp comparison;
	size_t i;

	for (i = 0; i < ENTRIES(namespaces); i++) {
		comparison =
		    SCMP_A0(SCMP_CMP_MASKED_EQ, namespaces[i], namespaces[i]);
		filter_rule(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
		    &comparison);
	}
	for (i = 0; i < ENTRIES(requests); i++) {
		comparison = SCMP_A1(SCMP_CMP_MASKED_EQ, LOW, requests[i]);
		filter_rule(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
		    &comparison);
	}
	/*
	 * clone3 hides its flags behind a pointer; the C library knows what
	 * to do without it.
	 */
	filter_rule(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0, NULL);
}

static void
fedd_filter(unsigned int flags)
{
	scmp_filter_ctx filter = filter_new(SCMP_ACT_ALLOW);

	filter_calls(
	    filter, SCMP_ACT_ERRNO(EPERM), fedd_refused, ENTRIES(fedd_refused));
	fedd_arguments(filter);
	fedd_sockets(filter, flags);
	filter_load(filter);
}

void
sandbox_seccomp(enum sandbox_profile profile, unsigned int flags)
{
	if (profile == SANDBOX_FEDD)
		fedd_filter(flags);
	else
		child_filter(profile, flags);
}

#endif
