/* SPDX-License-Identifier: ISC */
/*
 * What a sandbox forbids, act by act: each returns 0 or errno.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "sandbox_inside.h"

int
act_open(void)
{
	return result(syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY));
}

int
act_create(void)
{
	return result(open("/tmp/torfed-sandbox", O_RDWR | O_CREAT, 0600));
}

int
act_socket_unix(void)
{
	return result(socket(AF_UNIX, SOCK_STREAM, 0));
}

int
act_socket_tcp(void)
{
	return result(socket(AF_INET, SOCK_STREAM, 0));
}

int
act_socket_tcp6(void)
{
	return result(socket(AF_INET6, SOCK_STREAM, 0));
}

int
act_socket_udp(void)
{
	return result(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

int
act_socket_raw(void)
{
	return result(socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6));
}

int
act_socket_netlink(void)
{
	return result(socket(AF_NETLINK, SOCK_RAW, 0));
}

int
act_socket_vsock(void)
{
	return result(socket(AF_VSOCK, SOCK_STREAM, 0));
}

/* The kernel reads 32 bits of the family, a careless filter 64. */
int
act_socket_upper_bits(void)
{
	return result(syscall(
	    SYS_socket, UINT64_C(0x100000000) | AF_INET, SOCK_DGRAM, 0));
}

int
act_connect(void)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "/x"};

	return result(connect(-1, (struct sockaddr *)&to, sizeof(to)));
}

int
act_accept(void)
{
	return result(accept4(-1, NULL, NULL, SOCK_CLOEXEC));
}

int
act_exec(void)
{
	char path[] = "/bin/true";
	char *arguments[] = {path, NULL};

	return result(execve(path, arguments, NULL));
}

int
act_ptrace(void)
{
	return result(ptrace(PTRACE_SEIZE, fixture.parent, NULL, NULL));
}

int
act_read_memory(void)
{
	char byte;
	struct iovec local = {&byte, 1}, remote = {&fixture.parent, 1};

	return result(
	    process_vm_readv(fixture.parent, &local, 1, &remote, 1, 0));
}

/* These two only seccomp refuses: Landlock sees nothing wrong with oneself. */
int
act_ptrace_self(void)
{
	return result(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

int
act_read_own_memory(void)
{
	char byte = 0, other = 1;
	struct iovec local = {&byte, 1}, remote = {&other, 1};

	return result(process_vm_readv(fixture.self, &local, 1, &remote, 1, 0));
}

int
act_kill(void)
{
	return result(kill(fixture.parent, 0));
}

int
act_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return result(pid);
}

int
act_namespace(void)
{
	return result(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
}

int
act_clone3(void)
{
	return result(syscall(SYS_clone3, NULL, 0));
}

int
act_io_uring(void)
{
	char parameters[120] = "";

	return result(syscall(SYS_io_uring_setup, 1, parameters));
}

int
act_memfd(void)
{
	return result(memfd_create("x", 0));
}

int
act_mmap_exec(void)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? errno : 0;
}

int
act_mprotect_exec(void)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return result(mprotect(memory, 4096, PROT_READ | PROT_EXEC));
}

int
act_bpf(void)
{
	return result(syscall(SYS_bpf, 0, NULL, 0));
}

int
act_perf(void)
{
	struct perf_event_attr attributes = {.size = sizeof(attributes)};

	return result(syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0));
}

int
act_keyctl(void)
{
	return result(syscall(SYS_keyctl, 0, -3, 0));
}

int
act_unshare(void)
{
	return result(unshare(CLONE_NEWNET));
}

int
act_terminal(void)
{
	return result(ioctl(fixture.scratch, TIOCSTI, "x"));
}

int
act_truncate(void)
{
	return result(ftruncate(fixture.scratch, 0));
}

int
act_seek(void)
{
	return result(lseek(fixture.scratch, 0, SEEK_SET));
}

int
act_pwrite(void)
{
	return result(pwrite(fixture.scratch, "x", 1, 0));
}

int
act_set_flags(void)
{
	return result(fcntl(fixture.pair[0], F_SETFL, O_NONBLOCK));
}

int
act_unlink(void)
{
	return result(unlink(fixture.victim));
}

int
act_mode(void)
{
	return result(chmod(fixture.victim, 0644));
}

int
act_mode_flags(void)
{
	/* fchmodat2, which headers may not know */
	return result(syscall(452, AT_FDCWD, fixture.victim, 0644, 0));
}

int
act_owner(void)
{
	return result(fchown(fixture.scratch, getuid(), getgid()));
}

int
act_attribute(void)
{
	return result(setxattr(fixture.victim, "user.torfed", "x", 1, 0));
}

/* For whoever shares it, for good. */
int
act_shut_reading(void)
{
	return result(shutdown(fixture.pair[0], SHUT_RD));
}

/* The log is everybody's. */
int
act_shut_log(void)
{
	return result(shutdown(STDERR_FILENO, SHUT_WR));
}

int
act_double_log(void)
{
	return result(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0));
}

int
act_filter_socket(void)
{
	return result(
	    setsockopt(fixture.pair[0], SOL_SOCKET, SO_DETACH_FILTER, "", 1));
}

int
act_nothing(void)
{
	return 0;
}
