/* SPDX-License-Identifier: ISC */
/* Token buckets: burst, refill, no limit, and both sides of each edge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bucket.h"

#define DAY 86400

static int
taken(struct bucket *bucket, const struct bucket_rate *rate, int64_t now_ms)
{
	int count = 0;

	while (bucket_take(bucket, rate, 1, now_ms))
		count++;
	return count;
}

/* A rate of its own beside its burst, as fedd's for connections to tor. */
static void
burst_then_rate(void **state)
{
	static const struct bucket_rate rate = {50, 1000, 100};
	struct bucket bucket;
	int64_t now;

	(void)state;
	bucket_fill(&bucket, &rate, 1000);
	assert_int_equal(taken(&bucket, &rate, 1000), 100);
	assert_int_equal(taken(&bucket, &rate, 1000), 0);
	/* One token each 20 ms, not earlier. */
	assert_int_equal(taken(&bucket, &rate, 1000 + 1000 / 50 - 1), 0);
	assert_int_equal(taken(&bucket, &rate, 1000 + 1000 / 50), 1);
	assert_int_equal(taken(&bucket, &rate, 2020), 50);
	/* Never more than the burst, nor from a clock that goes back. */
	assert_int_equal(taken(&bucket, &rate, INT64_MAX / 2), 100);
	assert_int_equal(taken(&bucket, &rate, 5), 0);
	assert_int_equal(taken(&bucket, &rate, 1005), 50);
	/* Little by little is no less. */
	for (now = 1005; now < 2005; now++)
		assert_int_equal(taken(&bucket, &rate, now + 1),
		    (now + 1 - 1005) % (1000 / 50) == 0);
}

/* Takes one, or tells the seconds until there is one, as fed-listener does. */
static int64_t
take_or_wait_s(
    struct bucket *bucket, const struct bucket_rate *rate, int64_t now_ms)
{
	if (bucket_take(bucket, rate, 1, now_ms))
		return 0;
	return (bucket_wait_ms(bucket, rate, 1, now_ms) + 999) / 1000;
}

static void
is_full_then_drips(void **state)
{
	static const struct bucket_rate rate = {6, 60000, 6};
	struct bucket bucket;
	int i;

	(void)state;
	bucket_fill(&bucket, &rate, 1000);
	for (i = 0; i < 6; i++)
		assert_int_equal(take_or_wait_s(&bucket, &rate, 1000), 0);
	assert_int_equal(take_or_wait_s(&bucket, &rate, 1000), 10);
	assert_int_equal(take_or_wait_s(&bucket, &rate, 10999), 1);
	assert_int_equal(take_or_wait_s(&bucket, &rate, 11000), 0);
	assert_int_equal(take_or_wait_s(&bucket, &rate, 11000), 10);
	/* A minute later it is full, and no fuller. */
	for (i = 0; i < 6; i++)
		assert_int_equal(take_or_wait_s(&bucket, &rate, 1000000), 0);
	assert_int_equal(take_or_wait_s(&bucket, &rate, 1000000), 10);
}

/* Asking often does not lose the fractions. */
static void
keeps_fractions(void **state)
{
	static const struct bucket_rate rate = {7, 60000, 7};
	struct bucket bucket;
	int64_t now_ms;
	int count = 0;

	(void)state;
	bucket_fill(&bucket, &rate, 0);
	for (now_ms = 0; now_ms < 60000; now_ms++)
		if (take_or_wait_s(&bucket, &rate, now_ms) == 0)
			count++;
	assert_int_equal(count, 13); /* 7, and 7 but for the last one */
}

static void
without_rate(void **state)
{
	static const struct bucket_rate rate = {0, 60000, 0};
	struct bucket bucket;
	int i;

	(void)state;
	bucket_fill(&bucket, &rate, 0);
	for (i = 0; i < 1000; i++)
		assert_int_equal(take_or_wait_s(&bucket, &rate, 0), 0);
	assert_int_equal(bucket_wait_ms(&bucket, &rate, 1, 0), 0);
	assert_int_equal(bucket_used(&bucket, &rate, 0), 0);
}

/* A look takes nothing, and what is used comes back with time. */
static void
is_looked_at(void **state)
{
	static const struct bucket_rate rate = {60, 60000, 60};
	struct bucket bucket;

	(void)state;
	bucket_fill(&bucket, &rate, 0);
	assert_int_equal(bucket_used(&bucket, &rate, 0), 0);
	assert_int_equal(take_or_wait_s(&bucket, &rate, 0), 0);
	assert_int_equal(take_or_wait_s(&bucket, &rate, 0), 0);
	assert_int_equal(bucket_used(&bucket, &rate, 0), 2);
	assert_int_equal(bucket_used(&bucket, &rate, 1), 2); /* rounded up */
	assert_int_equal(bucket_used(&bucket, &rate, 1000), 1);
	assert_int_equal(bucket_used(&bucket, &rate, 2000), 0);
	assert_int_equal(bucket_used(&bucket, &rate, 90000), 0);
	assert_int_equal(bucket_wait_ms(&bucket, &rate, 1, 0), 0);
	assert_int_equal(bucket_used(&bucket, &rate, 0), 2);
}

/* More than one at a time: all of them or none. */
static void
amounts(void **state)
{
	static const struct bucket_rate rate = {10, 1000, 20};
	struct bucket bucket;

	(void)state;
	bucket_fill(&bucket, &rate, 0);
	assert_false(bucket_take(&bucket, &rate, 21, 0));
	assert_true(bucket_take(&bucket, &rate, 15, 0));
	assert_false(bucket_take(&bucket, &rate, 6, 0));
	assert_int_equal(bucket_wait_ms(&bucket, &rate, 6, 0), 100);
	assert_int_equal(bucket_wait_ms(&bucket, &rate, 5, 0), 0);
	assert_int_equal(bucket_level(&bucket, &rate, 0), 5 * 1000);
	assert_true(bucket_take(&bucket, &rate, 6, 100));
	assert_false(bucket_take(&bucket, &rate, INT64_MAX, INT64_MAX));
}

/*
 * Far apart: a thousand in a unit that is parted finely. That the unit is a
 * millisecond means nothing to a bucket.
 */
#define SECOND INT64_C(1000000000)
static void
fine_steps(void **state)
{
	static const struct bucket_rate rate = {1000, SECOND, 1000};
	struct bucket bucket;
	int64_t at;
	int count;

	(void)state;
	bucket_fill(&bucket, &rate, 0);
	assert_int_equal(taken(&bucket, &rate, 0), 1000);
	assert_false(bucket_take(&bucket, &rate, 1, SECOND / 1000 - 1));
	assert_true(bucket_take(&bucket, &rate, 1, SECOND / 1000));
	assert_false(bucket_take(&bucket, &rate, 1, SECOND / 1000));
	/* a day's rest is worth one second */
	at = DAY * SECOND;
	assert_int_equal(taken(&bucket, &rate, at), 1000);
	/* small steps lose nothing, and backwards gains nothing */
	for (count = 0; at < DAY * SECOND + SECOND; at += 12345)
		count += bucket_take(&bucket, &rate, 1, at);
	assert_in_range(count, 999, 1000);
	at = bucket.at_ms;
	(void)taken(&bucket, &rate, at);
	assert_false(bucket_take(&bucket, &rate, 1, at - 5 * SECOND));
}

static void
extremes(void **state)
{
	static const struct bucket_rate none = {0, SECOND, 0};
	static const struct bucket_rate most = {INT64_MAX, SECOND, INT64_MAX};
	static const struct bucket_rate one = {1, SECOND, 1};
	struct bucket bucket;
	int i;

	(void)state;
	bucket_fill(&bucket, &none, 0);
	for (i = 0; i < 10000; i++)
		assert_true(bucket_take(&bucket, &none, 1, 0));
	bucket_fill(&bucket, &most, 0);
	assert_true(bucket_take(&bucket, &most, 1, INT64_MAX));
	bucket_fill(&bucket, &one, 0);
	assert_true(bucket_take(&bucket, &one, 1, INT64_MAX));
	assert_false(bucket_take(&bucket, &one, 1, INT64_MAX));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(burst_then_rate),
	    cmocka_unit_test(is_full_then_drips),
	    cmocka_unit_test(keeps_fractions),
	    cmocka_unit_test(without_rate),
	    cmocka_unit_test(is_looked_at),
	    cmocka_unit_test(amounts),
	    cmocka_unit_test(fine_steps),
	    cmocka_unit_test(extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
