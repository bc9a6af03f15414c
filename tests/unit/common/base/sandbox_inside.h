/* SPDX-License-Identifier: ISC */
/*
 * For the tests of the sandbox: running a function inside one, what such
 * functions work on, and the forbidden acts.
 */
#ifndef TORFED_TEST_SANDBOX_INSIDE_H
#define TORFED_TEST_SANDBOX_INSIDE_H

#include <sys/types.h>

#include "base/sandbox.h"

#define KILLED	 -1 /* by SIGSYS */
#define ANYTHING -2

#ifdef TORFED_SANITIZER
#define SANITIZER 1
#else
#define SANITIZER 0
#endif

struct fixture {
	int pair[2];	    /* a connected pair of sockets */
	int nowhere;	    /* /dev/null */
	int scratch;	    /* a file that was open before */
	char directory[64]; /* with a file "inside" */
	char victim[96];    /* and one to remove */
	pid_t parent;
	pid_t self; /* inside */
};
extern struct fixture fixture;

int fixture_setup(void **state);
int fixture_teardown(void **state);
/* Makes what an act uses up. */
void fixture_fresh(void);
/* The log goes nowhere: it would disturb the test's own lines. */
void fixture_quiet(void);

/* Landlock's ABI, as the kernel says it. */
int landlock_abi(void);
/* 0, or errno after -1. */
int result(long value);
/* Runs act in the sandbox: its exit code (an errno, 0 good), or KILLED. */
int inside(enum sandbox_profile, unsigned int flags, int (*act)(void));

/* sandbox_acts.c */
int act_open(void);
int act_create(void);
int act_socket_unix(void);
int act_socket_tcp(void);
int act_socket_tcp6(void);
int act_socket_udp(void);
int act_socket_raw(void);
int act_socket_netlink(void);
int act_socket_vsock(void);
int act_socket_upper_bits(void);
int act_connect(void);
int act_accept(void);
int act_exec(void);
int act_ptrace(void);
int act_read_memory(void);
int act_ptrace_self(void);
int act_read_own_memory(void);
int act_kill(void);
int act_fork(void);
int act_namespace(void);
int act_clone3(void);
int act_io_uring(void);
int act_memfd(void);
int act_mmap_exec(void);
int act_mprotect_exec(void);
int act_bpf(void);
int act_perf(void);
int act_keyctl(void);
int act_unshare(void);
int act_terminal(void);
int act_truncate(void);
int act_seek(void);
int act_pwrite(void);
int act_set_flags(void);
int act_unlink(void);
int act_mode(void);
int act_mode_flags(void);
int act_owner(void);
int act_attribute(void);
int act_shut_reading(void);
int act_shut_log(void);
int act_double_log(void);
int act_filter_socket(void);
int act_nothing(void);

#endif
