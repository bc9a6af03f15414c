/* SPDX-License-Identifier: ISC */
/* The two clocks; see clock.h. */
#include <errno.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"

int64_t
clock_ms(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now) == -1)
		fatal("clock_gettime errno=%d", errno);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
clock_now(void)
{
	return (int64_t)time(NULL);
}
