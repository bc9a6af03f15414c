/* SPDX-License-Identifier: ISC */
/*
 * fed-listener's bookkeeping: limiters' names and counters, circuits,
 * ids of pending requests, memory for bodies. Each limit on both its sides.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fed-listener/admission.h"
#include "fed-listener/circuit.h"
#include "fed-listener/limit.h"
#include "fed-listener/pending.h"

/* Something to point at: what a connection is means nothing here. */
#define CONNECTION(n) ((struct connection *)(void *)&places[n])
static char places[4];

static void
limits_have_names(void **state)
{
	int i, j;

	(void)state;
	for (i = 0; i < LIMIT_COUNT; i++)
		for (j = 0; j < i; j++)
			assert_string_not_equal(limit_name((enum limit)i),
			    limit_name((enum limit)j));
}

static void
limits_log_once_a_second(void **state)
{
	struct limit_counters limits = {0};

	(void)state;
	assert_int_equal(limit_due(&limits, LIMIT_CONNECTIONS, 5000), 0);
	limits.of[LIMIT_CONNECTIONS].refused = 3;
	assert_int_equal(limit_due(&limits, LIMIT_CONNECTIONS, 5000), 3);
	limits.of[LIMIT_CONNECTIONS].refused += 2;
	assert_int_equal(limit_due(&limits, LIMIT_CONNECTIONS, 5999), 0);
	assert_int_equal(limit_due(&limits, LIMIT_CONNECTIONS, 6000), 2);
	assert_int_equal(limit_due(&limits, LIMIT_CONNECTIONS, 9000), 0);
	assert_int_equal(limit_due(&limits, LIMIT_DESCRIPTORS, 6000), 0);
}

static void
circuits_count_connections(void **state)
{
	struct circuit_table *circuits = circuit_table_new(2, 0, 0);
	struct circuit *one, *two, *three, *other;

	(void)state;
	assert_int_equal(circuit_attach(circuits, 9, 0, &one), 0);
	assert_int_equal(circuit_attach(circuits, 9, 0, &two), 0);
	assert_ptr_equal(one, two);
	assert_int_equal(circuit_attach(circuits, 9, 0, &three), -1);
	assert_null(three);
	assert_int_equal(circuit_attach(circuits, 8, 0, &other), 0);
	assert_ptr_not_equal(one, other);
	circuit_detach(circuits, one, 0);
	assert_int_equal(circuit_attach(circuits, 9, 0, &three), 0);
	assert_int_equal(circuit_number(three), 9);
	circuit_table_free(circuits);
}

/* Circuit 0 is nobody's and has no limits. */
static void
circuit_unknown(void **state)
{
	struct circuit_table *circuits = circuit_table_new(1, 1, 0);
	struct circuit *circuit;
	int i;

	(void)state;
	for (i = 0; i < 10; i++) {
		assert_int_equal(circuit_attach(circuits, 0, 0, &circuit), 0);
		assert_null(circuit);
		assert_int_equal(circuit_request(circuits, circuit, 0), 0);
	}
	assert_int_equal(circuit_number(NULL), 0);
	circuit_detach(circuits, NULL, 0);
	assert_int_equal(circuit_table_count(circuits), 0);
	circuit_table_free(circuits);
}

/* Reconnecting does not refill the bucket; a minute does. */
static void
circuit_is_remembered(void **state)
{
	struct circuit_table *circuits = circuit_table_new(5, 1, 0);
	struct circuit *circuit;

	(void)state;
	assert_int_equal(circuit_attach(circuits, 9, 0, &circuit), 0);
	assert_int_equal(circuit_request(circuits, circuit, 0), 0);
	assert_int_equal(circuit_request(circuits, circuit, 0), 60);
	circuit_detach(circuits, circuit, 0);
	circuit_table_expire(circuits, 59999);
	assert_int_equal(circuit_table_count(circuits), 1);
	assert_int_equal(circuit_attach(circuits, 9, 30000, &circuit), 0);
	assert_int_equal(circuit_request(circuits, circuit, 30000), 30);
	circuit_table_expire(circuits, 1000000);
	assert_int_equal(circuit_table_count(circuits), 1); /* it is in use */
	circuit_detach(circuits, circuit, 30000);
	circuit_table_expire(circuits, 90000);
	assert_int_equal(circuit_table_count(circuits), 0);
	circuit_table_free(circuits);
}

/* Failures are charged apart from requests, also to one that has hung up. */
static void
circuit_pays_for_failures(void **state)
{
	struct circuit_table *circuits = circuit_table_new(5, 0, 3);
	struct circuit_table_most most;
	struct circuit *circuit, *other;
	int i;

	(void)state;
	assert_int_equal(circuit_attach(circuits, 9, 0, &circuit), 0);
	assert_int_equal(circuit_attach(circuits, 8, 0, &other), 0);
	for (i = 0; i < 3; i++) {
		assert_int_equal(circuit_failures(circuits, circuit, 0), 0);
		assert_true(circuit_fail(circuits, 9, 0));
	}
	assert_int_equal(circuit_failures(circuits, circuit, 0), 20);
	assert_int_equal(circuit_failures(circuits, other, 0), 0);
	assert_int_equal(circuit_request(circuits, circuit, 0), 0);
	circuit_table_most(circuits, &most, 0);
	assert_int_equal(most.failures, 3);
	assert_int_equal(most.connections, 1);
	/* one more than there are takes nothing away */
	assert_true(circuit_fail(circuits, 9, 0));
	assert_int_equal(circuit_failures(circuits, circuit, 19999), 1);
	assert_int_equal(circuit_failures(circuits, circuit, 20000), 0);
	circuit_detach(circuits, circuit, 20000);
	assert_true(circuit_fail(circuits, 9, 20000));
	assert_int_equal(circuit_attach(circuits, 9, 20000, &circuit), 0);
	assert_int_equal(circuit_failures(circuits, circuit, 20000), 20);
	assert_false(circuit_fail(circuits, 0, 0));
	assert_false(circuit_fail(circuits, 7, 0));
	assert_int_equal(circuit_failures(circuits, NULL, 0), 0);
	circuit_table_free(circuits);
}

static void
circuits_remembered_are_capped(void **state)
{
	struct circuit_table *circuits = circuit_table_new(1, 1, 0);
	struct circuit *circuit;
	uint64_t number;

	(void)state;
	for (number = 1; number <= CIRCUITS_UNUSED_MAX + 10; number++) {
		assert_int_equal(
		    circuit_attach(circuits, number, 0, &circuit), 0);
		circuit_detach(circuits, circuit, 0);
	}
	assert_int_equal(circuit_table_count(circuits), CIRCUITS_UNUSED_MAX);
	circuit_table_free(circuits);
}

static void
pending_on_both_sides(void **state)
{
	struct pending *pending = pending_new(2);
	struct connection *connection;
	uint64_t circuit;
	uint32_t a, b;

	(void)state;
	a = pending_add(pending, CONNECTION(0), 0);
	assert_false(pending_full(pending));
	b = pending_add(pending, CONNECTION(1), 1);
	assert_true(pending_full(pending));
	assert_int_equal(pending_add(pending, CONNECTION(2), 2), PENDING_NONE);
	assert_int_equal(pending_take(pending, b, &connection, &circuit), 0);
	assert_ptr_equal(connection, CONNECTION(1));
	assert_int_equal(circuit, 1);
	assert_int_equal(pending_take(pending, b, &connection, &circuit), -1);
	assert_int_equal(pending_take(pending, a, &connection, &circuit), 0);
	assert_ptr_equal(connection, CONNECTION(0));
	pending_free(pending);
}

/* The id of one who left is not given to another before it was answered. */
static void
pending_abandoned(void **state)
{
	struct pending *pending = pending_new(1);
	struct connection *connection = CONNECTION(3);
	uint64_t circuit = 0;
	uint32_t id;

	(void)state;
	id = pending_add(pending, CONNECTION(0), 77);
	pending_abandon(pending, id);
	assert_true(pending_full(pending));
	assert_int_equal(pending_take(pending, id, &connection, &circuit), 0);
	assert_null(connection);
	assert_int_equal(circuit, 77); /* who pays is known all the same */
	assert_false(pending_full(pending));
	assert_int_not_equal(pending_add(pending, CONNECTION(1), 1), id);
	pending_free(pending);
}

static void
pending_ids_of_nobody(void **state)
{
	struct pending *pending = pending_new(3);
	struct connection *connection;
	uint64_t circuit;
	uint32_t id, i, last = PENDING_NONE;

	(void)state;
	assert_int_equal(
	    pending_take(pending, PENDING_NONE, &connection, &circuit), -1);
	assert_int_equal(
	    pending_take(pending, UINT32_MAX, &connection, &circuit), -1);
	for (i = 0; i < 200000; i++) { /* past the wrap of a slot's uses */
		id = pending_add(pending, CONNECTION(0), 0);
		assert_int_not_equal(id, PENDING_NONE);
		assert_int_not_equal(id, last);
		assert_int_equal(
		    pending_take(pending, id ^ 0x10000, &connection, &circuit),
		    -1);
		assert_int_equal(
		    pending_take(pending, id, &connection, &circuit), 0);
		last = id;
	}
	pending_free(pending);
}

static void
pending_is_clamped(void **state)
{
	struct pending *pending = pending_new(0);

	(void)state;
	assert_int_not_equal(
	    pending_add(pending, CONNECTION(0), 0), PENDING_NONE);
	assert_true(pending_full(pending));
	pending_free(pending);
	pending = pending_new(1000000);
	assert_non_null(pending);
	pending_free(pending);
}

static void
admission_on_both_sides(void **state)
{
	struct admission admission = {.used = 0};

	(void)state;
	assert_true(admission_take(&admission, ADMISSION_MAX - 8193));
	assert_true(admission_take(&admission, ADMISSION_FREE)); /* free */
	assert_false(admission_take(&admission, 8194));
	assert_true(admission_take(&admission, 8193));
	assert_int_equal(admission.used, ADMISSION_MAX);
	assert_true(admission_take(&admission, ADMISSION_FREE));
	assert_false(admission_take(&admission, ADMISSION_FREE + 1));
	admission_release(&admission, ADMISSION_FREE);
	admission_release(&admission, 8193);
	assert_true(admission_take(&admission, ADMISSION_FREE + 1));
}

static void
admission_of_the_slow(void **state)
{
	(void)state;
	assert_false(admission_slow(1000, 2000, 0, 3000));
	assert_true(admission_slow(1000, 2000, 0, 3001));
	assert_true(admission_slow(0, 2000, ADMISSION_RATE - 1, 3000));
	assert_false(admission_slow(0, 2000, ADMISSION_RATE, 3000));
}

static void
admission_deadlines(void **state)
{
	(void)state;
	/* 100 bytes a second, 5 s of grace, 60 s in all. */
	assert_int_equal(admission_deadline(1000, 60000, 100, 0), 6000);
	assert_int_equal(admission_deadline(1000, 60000, 100, 100), 7000);
	assert_int_equal(admission_deadline(1000, 60000, 100, 100000), 61000);
	assert_int_equal(admission_deadline(1000, 60000, 0, 0), 61000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(limits_have_names),
	    cmocka_unit_test(limits_log_once_a_second),
	    cmocka_unit_test(circuits_count_connections),
	    cmocka_unit_test(circuit_unknown),
	    cmocka_unit_test(circuit_is_remembered),
	    cmocka_unit_test(circuits_remembered_are_capped),
	    cmocka_unit_test(circuit_pays_for_failures),
	    cmocka_unit_test(pending_on_both_sides),
	    cmocka_unit_test(pending_abandoned),
	    cmocka_unit_test(pending_ids_of_nobody),
	    cmocka_unit_test(pending_is_clamped),
	    cmocka_unit_test(admission_on_both_sides),
	    cmocka_unit_test(admission_of_the_slow),
	    cmocka_unit_test(admission_deadlines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
