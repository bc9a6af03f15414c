/* SPDX-License-Identifier: ISC */
/* When an item that fails alone is taken for the one that does the harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fed-queued/servers/suspect.h"

/* The nth failure alone, each before it proved. */
static enum suspect_step
fail_times(struct suspects *suspects, int64_t id, uint32_t count)
{
	enum suspect_step step = SUSPECT_WAIT;

	while (count-- > 0) {
		step = suspect_failed(suspects, id);
		suspect_proved(suspects, true);
	}
	return step;
}

static void
test_steps(void **state)
{
	struct suspects suspects = {0};
	uint32_t i;

	(void)state;
	for (i = 1; i < SUSPECT_PROVE_AFTER; i++)
		assert_int_equal(fail_times(&suspects, 7, 1), SUSPECT_WAIT);
	for (; i < SUSPECT_ASIDE_AFTER; i++) {
		assert_int_equal(fail_times(&suspects, 7, 1), SUSPECT_PROVE);
		assert_false(suspect_aside(&suspects));
	}
	assert_int_equal(fail_times(&suspects, 7, 1), SUSPECT_ASIDE);
	assert_true(suspect_aside(&suspects));
	assert_int_equal(suspect_returns(&suspects, 7), 0);
	assert_int_equal(fail_times(&suspects, 7, 1), SUSPECT_ASIDE);
	assert_int_equal(suspect_returns(&suspects, 7), 1);
}

/* However often, while the destination itself is down. */
static void
test_destination_down(void **state)
{
	struct suspects suspects = {0};
	int i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		assert_int_not_equal(
		    suspect_failed(&suspects, 7), SUSPECT_ASIDE);
		suspect_proved(&suspects, false);
	}
	assert_false(suspect_aside(&suspects));
}

/* A handshake for another lane's suspect says nothing of this one. */
static void
test_not_proving(void **state)
{
	struct suspects suspects = {0};

	(void)state;
	assert_int_equal(suspect_failed(&suspects, 7), SUSPECT_WAIT);
	suspect_proved(&suspects, false);
	fail_times(&suspects, 7, SUSPECT_ASIDE_AFTER - 2);
	assert_false(suspect_aside(&suspects));
	fail_times(&suspects, 7, 1);
	assert_true(suspect_aside(&suspects));
}

static void
test_passed(void **state)
{
	struct suspects suspects = {0};

	(void)state;
	fail_times(&suspects, 7, SUSPECT_ASIDE_AFTER);
	suspect_passed(&suspects, 8, 9);
	suspect_passed(&suspects, 1, 6);
	assert_true(suspect_aside(&suspects));
	suspect_passed(&suspects, 7, 7);
	assert_false(suspect_aside(&suspects));
	assert_int_equal(suspect_returns(&suspects, 7), 0);
}

static void
test_another(void **state)
{
	struct suspects suspects = {0};

	(void)state;
	fail_times(&suspects, 7, SUSPECT_ASIDE_AFTER - 1);
	assert_int_equal(suspect_failed(&suspects, 8), SUSPECT_WAIT);
	assert_int_equal(suspect_failed(&suspects, 7), SUSPECT_WAIT);
}

/* One that comes back does not make the next begin anew. */
static void
test_two(void **state)
{
	struct suspects suspects = {0};
	uint32_t i;

	(void)state;
	fail_times(&suspects, 7, SUSPECT_ASIDE_AFTER);
	for (i = 1; i < SUSPECT_ASIDE_AFTER; i++) {
		assert_int_not_equal(
		    fail_times(&suspects, 8, 1), SUSPECT_ASIDE);
		assert_int_equal(fail_times(&suspects, 7, 1), SUSPECT_ASIDE);
	}
	assert_int_equal(fail_times(&suspects, 8, 1), SUSPECT_ASIDE);
	assert_int_equal(
	    suspect_returns(&suspects, 7), SUSPECT_ASIDE_AFTER - 1);
	assert_int_equal(suspect_returns(&suspects, 8), 0);
	suspect_passed(&suspects, 7, 7);
	assert_true(suspect_aside(&suspects));
	suspect_passed(&suspects, 8, 8);
	assert_false(suspect_aside(&suspects));
}

static void
test_most(void **state)
{
	struct suspects suspects = {0};
	int64_t id;

	(void)state;
	for (id = 1; id <= SUSPECTS; id++)
		assert_int_equal(fail_times(&suspects, id, SUSPECT_ASIDE_AFTER),
		    SUSPECT_ASIDE);
	assert_int_equal(
	    fail_times(&suspects, id, 2 * SUSPECT_ASIDE_AFTER), SUSPECT_PROVE);
	assert_int_equal(fail_times(&suspects, 1, 1), SUSPECT_ASIDE);
	suspect_passed(&suspects, 1, 1);
	assert_int_equal(
	    fail_times(&suspects, id, SUSPECT_ASIDE_AFTER), SUSPECT_ASIDE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_steps),
	    cmocka_unit_test(test_destination_down),
	    cmocka_unit_test(test_not_proving),
	    cmocka_unit_test(test_passed),
	    cmocka_unit_test(test_another),
	    cmocka_unit_test(test_two),
	    cmocka_unit_test(test_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
