/* SPDX-License-Identifier: ISC */
/* The two clocks; see clock.h. */
#include <errno.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"

/* The one call that every sandbox allows: time(2) may be another. */
static struct timespec
clock_read(clockid_t which)
{
	struct timespec now;

	if (clock_gettime(which, &now) == -1)
		fatal("clock_gettime errno=%d", errno);
	return now;
}

int64_t
clock_ms(void)
{
	struct timespec now = clock_read(CLOCK_MONOTONIC);

	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
clock_now(void)
{
	return (int64_t)clock_read(CLOCK_REALTIME).tv_sec;
}
