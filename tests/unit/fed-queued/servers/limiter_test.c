/* SPDX-License-Identifier: ISC */
/* Token buckets: burst, refill, no limit, and both sides of the edge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fed-queued/servers/limiter.h"

static void
burst_then_rate(void **state)
{
	struct limiter limiter = {0};
	int i;

	(void)state;
	limiter_set(&limiter, 100, 60000, 300, 0);
	for (i = 0; i < 300; i++)
		assert_true(limiter_take(&limiter, 1, 0));
	assert_false(limiter_take(&limiter, 1, 0));
	assert_int_equal(limiter_wait_s(&limiter, 1, 0), 1);
	assert_false(limiter_take(&limiter, 1, 599));
	assert_true(limiter_take(&limiter, 1, 601));
	assert_false(limiter_take(&limiter, 1, 602));
	/* a clock that stands or goes back gives nothing */
	assert_false(limiter_take(&limiter, 1, 10));
	/* an hour fills it to its burst and no further */
	assert_true(limiter_take(&limiter, 300, 3600000));
	assert_false(limiter_take(&limiter, 1, 3600000));
	/* rounded up, to a second at least: 600 ms for one, a minute for 100 */
	assert_int_equal(limiter_wait_s(&limiter, 1, 3600000), 1);
	assert_int_equal(limiter_wait_s(&limiter, 2, 3600000), 2);
	assert_int_equal(limiter_wait_s(&limiter, 100, 3600000), 60);
}

static void
zero_is_no_limit(void **state)
{
	struct limiter limiter = {0};
	int i;

	(void)state;
	/* as it is before anybody has set it, and when it was set to nothing */
	assert_true(limiter_ready(&limiter, 1, 0));
	assert_true(limiter_take(&limiter, 1, 0));
	assert_int_equal(limiter_left(&limiter, 0), -1);
	limiter_set(&limiter, 0, 1000, 0, 0);
	for (i = 0; i < 100000; i++)
		assert_true(limiter_take(&limiter, 64, 0));
}

static void
same_figures_keep_the_level(void **state)
{
	struct limiter limiter = {0};

	(void)state;
	limiter_set(&limiter, 10, 1000, 10, 0);
	assert_true(limiter_take(&limiter, 10, 0));
	limiter_set(&limiter, 10, 1000, 10, 0);
	assert_false(limiter_take(&limiter, 1, 0));
	limiter_set(&limiter, 20, 1000, 20, 0);
	assert_true(limiter_take(&limiter, 20, 0));
}

/* What passed and what did not, and how much of the burst is used up. */
static void
counters(void **state)
{
	struct limit_counter counter = {0};
	struct limiter limiter = {.counter = &counter};

	(void)state;
	limiter_set(&limiter, 10, 1000, 20, 0);
	assert_true(limiter_used(&limiter, 0) < 0.001);
	assert_int_equal(limiter_left(&limiter, 0), 20);
	assert_true(limiter_take(&limiter, 15, 0));
	assert_int_equal(limiter_left(&limiter, 0), 5);
	assert_true(limiter_used(&limiter, 0) > 0.74);
	assert_true(limiter_used(&limiter, 0) < 0.76);
	assert_false(limiter_take(&limiter, 6, 0));
	assert_false(limiter_ready(&limiter, 7, 0));
	limiter_refused(&limiter, 100);
	assert_int_equal(counter.taken, 15);
	assert_int_equal(counter.refused, 113);
	/* half a token is none */
	assert_int_equal(limiter_left(&limiter, 50), 5);
	assert_int_equal(limiter_left(&limiter, 101), 6);
	assert_true(limiter_used(&limiter, 10000) < 0.001);
	/* no limit: all passes, and is counted */
	limiter_set(&limiter, 0, 1000, 0, 10000);
	assert_true(limiter_take(&limiter, 1000, 10000));
	assert_int_equal(limiter_left(&limiter, 10000), -1);
	assert_true(limiter_used(&limiter, 10000) < 0.001);
	assert_int_equal(counter.taken, 1015);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(burst_then_rate),
	    cmocka_unit_test(zero_is_no_limit),
	    cmocka_unit_test(counters),
	    cmocka_unit_test(same_figures_keep_the_level),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
