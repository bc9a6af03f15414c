/* SPDX-License-Identifier: ISC */
/*
 * Which request goes next and over which connection: every rule of the pool,
 * with connections that are nothing but their slots.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fed-sender/pool.h"

static struct job *
put(struct pool *pool, uint8_t destination, uint32_t id)
{
	struct job *job = calloc(1, sizeof(*job));

	assert_non_null(job);
	job->id = id;
	memset(job->key, destination, sizeof(job->key));
	pool_put(pool, job);
	return job;
}

/* The next job goes over a new connection; its id, 0 when none goes. */
static uint32_t
connect_next(struct pool *pool, struct slot *slot)
{
	struct slot *use, *evict;
	struct job *job = pool_take(pool, &use, &evict);
	uint32_t id;

	if (job == NULL)
		return 0;
	assert_null(use);
	if (evict != NULL)
		pool_remove(pool, evict);
	memset(slot, 0, sizeof(*slot));
	pool_connect(pool, slot, job);
	id = job->id;
	free(job);
	return id;
}

static void
connected_idle(struct pool *pool, struct slot *slot)
{
	pool_connected(pool, slot);
	pool_rest(pool, slot);
}

/* The next job goes over this idle connection. */
static uint32_t
use_next(struct pool *pool, const struct slot *slot)
{
	struct slot *use, *evict;
	struct job *job = pool_take(pool, &use, &evict);
	uint32_t id;

	if (job == NULL)
		return 0;
	assert_ptr_equal(use, slot);
	assert_null(evict);
	id = job->id;
	free(job);
	return id;
}

static void
close_all(struct pool *pool, struct slot *slots, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (slots[i].destination != NULL)
			pool_remove(pool, &slots[i]);
	assert_int_equal(pool_slots(pool), 0);
	assert_int_equal(pool_connecting(pool), 0);
	assert_int_equal(pool_waiting(pool), 0);
	assert_int_equal(pool_destinations(pool), 0);
	pool_free(pool);
}

static void
kept_connection_is_reused(void **state)
{
	struct pool *pool = pool_new(8, 8);
	struct slot slots[2] = {0};

	(void)state;
	put(pool, 1, 10);
	assert_int_equal(connect_next(pool, &slots[0]), 10);
	connected_idle(pool, &slots[0]);
	put(pool, 1, 11);
	assert_int_equal(use_next(pool, &slots[0]), 11);
	assert_int_equal(slots[0].state, SLOT_BUSY);
	/* It is busy: another one is made. */
	put(pool, 1, 12);
	assert_int_equal(connect_next(pool, &slots[1]), 12);
	close_all(pool, slots, 2);
}

static void
latest_used_comes_first(void **state)
{
	struct pool *pool = pool_new(16, 8);
	struct slot slots[2] = {0};

	(void)state;
	put(pool, 1, 10);
	assert_int_equal(connect_next(pool, &slots[0]), 10);
	pool_connected(pool, &slots[0]);
	put(pool, 1, 11);
	assert_int_equal(connect_next(pool, &slots[1]), 11);
	pool_connected(pool, &slots[1]);
	pool_rest(pool, &slots[1]);
	pool_rest(pool, &slots[0]);
	put(pool, 1, 12);
	assert_int_equal(use_next(pool, &slots[0]), 12);
	close_all(pool, slots, 2);
}

/* Other credentials are another connection; the old one is of no use. */
static void
generations_do_not_mix(void **state)
{
	struct pool *pool = pool_new(8, 8);
	struct slot slots[2] = {0};
	struct job *job;

	(void)state;
	put(pool, 1, 10);
	assert_int_equal(connect_next(pool, &slots[0]), 10);
	assert_true(pool_current(&slots[0]));
	connected_idle(pool, &slots[0]);
	job = calloc(1, sizeof(*job));
	assert_non_null(job);
	job->id = 11;
	job->generation = 1;
	memset(job->key, 1, sizeof(job->key));
	pool_put(pool, job);
	assert_false(pool_current(&slots[0]));
	assert_ptr_equal(pool_stale(pool, job), &slots[0]);
	assert_int_equal(connect_next(pool, &slots[1]), 11);
	assert_int_equal(slots[1].generation, 1);
	close_all(pool, slots, 2);
}

/* A job whose kept connection failed gets a new one, and goes first. */
static void
fresh_job(void **state)
{
	struct pool *pool = pool_new(8, 8);
	struct slot slots[2] = {0};
	struct job *job;

	(void)state;
	put(pool, 1, 10);
	assert_int_equal(connect_next(pool, &slots[0]), 10);
	connected_idle(pool, &slots[0]);
	put(pool, 1, 11);
	job = calloc(1, sizeof(*job));
	assert_non_null(job);
	job->id = 12;
	job->fresh = true;
	memset(job->key, 1, sizeof(job->key));
	pool_put(pool, job);
	assert_int_equal(connect_next(pool, &slots[1]), 12);
	assert_int_equal(use_next(pool, &slots[0]), 11);
	close_all(pool, slots, 2);
}

static void
destinations_take_turns(void **state)
{
	struct pool *pool = pool_new(64, 8);
	struct slot slots[6] = {0};
	static const uint32_t order[] = {10, 20, 30, 11, 21, 12};
	size_t i;

	(void)state;
	put(pool, 1, 10);
	put(pool, 1, 11);
	put(pool, 1, 12);
	put(pool, 2, 20);
	put(pool, 2, 21);
	put(pool, 3, 30);
	assert_int_equal(pool_waiting(pool), 6);
	for (i = 0; i < 6; i++)
		assert_int_equal(connect_next(pool, &slots[i]), order[i]);
	close_all(pool, slots, 6);
}

static void
half_may_connect(void **state)
{
	struct pool *pool = pool_new(8, 8);
	struct slot slots[6] = {0};
	uint8_t i;

	(void)state;
	for (i = 1; i <= 6; i++)
		put(pool, i, i);
	for (i = 0; i < 4; i++)
		assert_int_equal(connect_next(pool, &slots[i]), i + 1);
	assert_int_equal(pool_connecting(pool), 4);
	assert_int_equal(connect_next(pool, &slots[4]), 0);
	pool_connected(pool, &slots[0]);
	assert_int_equal(connect_next(pool, &slots[4]), 5);
	assert_int_equal(connect_next(pool, &slots[5]), 0);
	pool_remove(pool, &slots[1]); /* it failed */
	assert_int_equal(connect_next(pool, &slots[5]), 6);
	close_all(pool, slots, 6);
}

/* One that does not answer gets a quarter of these; others go past it. */
static void
one_destination_is_not_all(void **state)
{
	struct pool *pool = pool_new(16, 8);
	struct slot slots[4] = {0};

	(void)state;
	put(pool, 1, 10);
	put(pool, 1, 11);
	put(pool, 1, 12);
	assert_int_equal(connect_next(pool, &slots[0]), 10);
	assert_int_equal(connect_next(pool, &slots[1]), 11);
	assert_int_equal(connect_next(pool, &slots[2]), 0);
	put(pool, 2, 20);
	assert_int_equal(connect_next(pool, &slots[2]), 20);
	pool_remove(pool, &slots[0]);
	assert_int_equal(connect_next(pool, &slots[3]), 12);
	close_all(pool, slots, 4);
}

/* Nor one that takes connections and does not answer. */
static void
one_destination_gets_half(void **state)
{
	struct pool *pool = pool_new(4, 8);
	struct slot slots[3] = {0};
	uint32_t i;

	(void)state;
	for (i = 0; i < 3; i++)
		put(pool, 1, 10 + i);
	for (i = 0; i < 2; i++) {
		assert_int_equal(connect_next(pool, &slots[i]), 10 + i);
		pool_connected(pool, &slots[i]);
	}
	assert_int_equal(connect_next(pool, &slots[2]), 0);
	put(pool, 2, 20);
	assert_int_equal(connect_next(pool, &slots[2]), 20);
	pool_rest(pool, &slots[0]);
	assert_int_equal(use_next(pool, &slots[0]), 12);
	close_all(pool, slots, 3);
}

/* All slots in use: none is made, until an idle one can make room. */
static void
maximum_and_eviction(void **state)
{
	struct pool *pool = pool_new(2, 8);
	struct slot slots[3] = {0}, *use, *evict;
	struct job *job;

	(void)state;
	put(pool, 1, 10);
	assert_int_equal(connect_next(pool, &slots[0]), 10);
	pool_connected(pool, &slots[0]);
	put(pool, 2, 20);
	assert_int_equal(connect_next(pool, &slots[1]), 20);
	pool_connected(pool, &slots[1]);
	put(pool, 3, 30);
	assert_null(pool_take(pool, &use, &evict));
	pool_rest(pool, &slots[1]);
	pool_rest(pool, &slots[0]);
	job = pool_take(pool, &use, &evict);
	assert_non_null(job);
	assert_null(use);
	assert_ptr_equal(evict, &slots[1]); /* it rests longest */
	pool_remove(pool, evict);
	pool_connect(pool, &slots[2], job);
	assert_int_equal(pool_slots(pool), 2);
	free(job);
	close_all(pool, slots, 3);
}

static void
idle_excess(void **state)
{
	struct pool *pool = pool_new(8, 1);
	struct slot slots[2] = {0};

	(void)state;
	put(pool, 1, 10);
	assert_int_equal(connect_next(pool, &slots[0]), 10);
	pool_connected(pool, &slots[0]);
	put(pool, 2, 20);
	assert_int_equal(connect_next(pool, &slots[1]), 20);
	pool_connected(pool, &slots[1]);
	pool_rest(pool, &slots[1]);
	assert_null(pool_excess(pool));
	pool_rest(pool, &slots[0]);
	assert_ptr_equal(pool_excess(pool), &slots[1]);
	pool_remove(pool, &slots[1]);
	assert_null(pool_excess(pool));
	close_all(pool, slots, 2);
}

/* One over which somebody was only asked whether he is there goes first. */
static void
brief_excess(void **state)
{
	struct pool *pool = pool_new(8, 1);
	struct slot slots[2] = {0};

	(void)state;
	put(pool, 1, 10);
	assert_int_equal(connect_next(pool, &slots[0]), 10);
	connected_idle(pool, &slots[0]);
	put(pool, 2, 20);
	assert_int_equal(connect_next(pool, &slots[1]), 20);
	slots[1].brief = true;
	connected_idle(pool, &slots[1]);
	assert_ptr_equal(pool_excess(pool), &slots[1]);
	close_all(pool, slots, 2);
}

/* The smallest pool still works. */
static void
pool_of_one(void **state)
{
	struct pool *pool = pool_new(1, 0);
	struct slot slots[2] = {0};

	(void)state;
	put(pool, 1, 10);
	put(pool, 2, 20);
	assert_int_equal(connect_next(pool, &slots[0]), 10);
	assert_int_equal(connect_next(pool, &slots[1]), 0);
	connected_idle(pool, &slots[0]);
	assert_ptr_equal(pool_excess(pool), &slots[0]);
	assert_int_equal(connect_next(pool, &slots[1]), 20);
	close_all(pool, slots, 2);
}

/* A destination is remembered as long as it has jobs or connections. */
static void
destinations_are_forgotten(void **state)
{
	struct pool *pool = pool_new(8, 8);
	struct slot slot = {0};
	uint8_t key[32], other[32];

	(void)state;
	memset(key, 1, sizeof(key));
	memset(other, 2, sizeof(other));
	assert_false(pool_known(pool, key));
	put(pool, 1, 10);
	assert_true(pool_known(pool, key));
	assert_false(pool_known(pool, other));
	assert_int_equal(connect_next(pool, &slot), 10);
	assert_true(pool_known(pool, key));
	pool_remove(pool, &slot);
	assert_false(pool_known(pool, key));
	close_all(pool, &slot, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(kept_connection_is_reused),
	    cmocka_unit_test(latest_used_comes_first),
	    cmocka_unit_test(generations_do_not_mix),
	    cmocka_unit_test(fresh_job),
	    cmocka_unit_test(destinations_take_turns),
	    cmocka_unit_test(half_may_connect),
	    cmocka_unit_test(one_destination_is_not_all),
	    cmocka_unit_test(one_destination_gets_half),
	    cmocka_unit_test(maximum_and_eviction),
	    cmocka_unit_test(idle_excess),
	    cmocka_unit_test(brief_excess),
	    cmocka_unit_test(pool_of_one),
	    cmocka_unit_test(destinations_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
