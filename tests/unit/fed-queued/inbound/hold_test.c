/* SPDX-License-Identifier: ISC */
/* Answers that are held: when they leave, and that none leaves before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "fed-queued/env.h"
#include "fed-queued/inbound/hold.h"

struct queued env;
static int left, early;

int64_t
clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
when(void **state)
{
	(void)state;
	assert_int_equal(hold_until(1000, 500, 1000), 1500);
	assert_int_equal(hold_until(1000, 500, 1001), 1500);
	assert_int_equal(hold_until(1000, 500, 1500), 1500);
	assert_int_equal(hold_until(1000, 500, 1501), 2000);
	assert_int_equal(hold_until(1000, 500, 61234), 61500);
	/* a clock that stands still or goes back */
	assert_int_equal(hold_until(1000, 500, 900), 1500);
}

static void
leaves(void *argument)
{
	const int64_t *at_ms = argument;

	left++;
	if (clock_ms() < *at_ms)
		early++;
}

static void
never_early(void **state)
{
	int64_t at_ms[200], until;
	int i;

	(void)state;
	env.base = event_base_new();
	assert_non_null(env.base);
	for (i = 0; i < 200; i++) {
		at_ms[i] = clock_ms() + i % 7 * 5;
		hold(at_ms[i], leaves, &at_ms[i]);
		/* the loop's own clock falls behind */
		for (until = clock_ms() + 1; clock_ms() < until;)
			continue;
		(void)event_base_loop(env.base, EVLOOP_NONBLOCK);
	}
	event_base_dispatch(env.base);
	assert_int_equal(left, 200);
	assert_int_equal(early, 0);
	event_base_free(env.base);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(when),
	    cmocka_unit_test(never_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
