/* SPDX-License-Identifier: ISC */
/*
 * jump.so: a clock of one's own for a program under test, by LD_PRELOAD. The
 * wall clock is off by what $TORFED_JUMP, a file of eight bytes, says at the
 * moment: seconds, signed, in the machine's order. The file is mapped before
 * the program confines itself, so a jump needs no system call of it. The
 * monotonic clocks are left alone, as the kernel leaves them.
 *
 * Whoever has mapped it says so, with its process id, where it logs: a process
 * that is not dumpable shows its maps to root alone.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t, struct timespec *);
int gettimeofday(struct timeval *restrict, void *restrict);
time_t time(time_t *);

static int (*real)(clockid_t, struct timespec *);
static const volatile int64_t *offset_s;

__attribute__((constructor)) static void
jump_init(void)
{
	const char *path = getenv("TORFED_JUMP");
	void *mapped;
	int fd;

	*(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
	if (path == NULL || (fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return;
	mapped = mmap(NULL, sizeof(*offset_s), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (mapped == MAP_FAILED)
		return;
	offset_s = mapped;
	dprintf(STDERR_FILENO, "jump.so: pid=%ld\n", (long)getpid());
}

int
clock_gettime(clockid_t clock, struct timespec *now)
{
	int status;

	if (real == NULL) /* before our constructor: another library's */
		*(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
	status = real(clock, now);
	if (status == 0 && offset_s != NULL &&
	    (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		now->tv_sec += *offset_s;
	return status;
}

int
gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec ts;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &ts);
	now->tv_sec = ts.tv_sec;
	now->tv_usec = ts.tv_nsec / 1000;
	return 0;
}

time_t
time(time_t *now)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (now != NULL)
		*now = ts.tv_sec;
	return ts.tv_sec;
}
