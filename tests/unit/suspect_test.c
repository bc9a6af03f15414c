/* SPDX-License-Identifier: ISC */
/* When an item that fails alone is taken for the one that does the harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../fed-queued/suspect.h"

/* The nth failure alone, each before it proved. */
static enum suspect_step
fail_times(struct suspect *suspect, int64_t id, uint32_t count)
{
	enum suspect_step step = SUSPECT_WAIT;

	while (count-- > 0) {
		step = suspect_failed(suspect, id);
		suspect_proved(suspect, true);
	}
	return step;
}

static void
test_steps(void **state)
{
	struct suspect suspect = {0};
	uint32_t i;

	(void)state;
	for (i = 1; i < SUSPECT_PROVE_AFTER; i++)
		assert_int_equal(fail_times(&suspect, 7, 1), SUSPECT_WAIT);
	for (; i < SUSPECT_ASIDE_AFTER; i++) {
		assert_int_equal(fail_times(&suspect, 7, 1), SUSPECT_PROVE);
		assert_false(suspect_aside(&suspect));
	}
	assert_int_equal(fail_times(&suspect, 7, 1), SUSPECT_ASIDE);
	assert_true(suspect_aside(&suspect));
	assert_int_equal(suspect_returns(&suspect), 0);
	assert_int_equal(fail_times(&suspect, 7, 1), SUSPECT_ASIDE);
	assert_int_equal(suspect_returns(&suspect), 1);
}

/* However often, while the destination itself is down. */
static void
test_destination_down(void **state)
{
	struct suspect suspect = {0};
	int i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		assert_int_not_equal(
		    suspect_failed(&suspect, 7), SUSPECT_ASIDE);
		suspect_proved(&suspect, false);
	}
	assert_false(suspect_aside(&suspect));
}

/* A handshake for another lane's suspect says nothing of this one. */
static void
test_not_proving(void **state)
{
	struct suspect suspect = {0};

	(void)state;
	assert_int_equal(suspect_failed(&suspect, 7), SUSPECT_WAIT);
	suspect_proved(&suspect, false);
	assert_int_equal(suspect.failures, 1);
}

static void
test_passed(void **state)
{
	struct suspect suspect = {0};

	(void)state;
	fail_times(&suspect, 7, SUSPECT_ASIDE_AFTER);
	suspect_passed(&suspect, 8, 9);
	suspect_passed(&suspect, 1, 6);
	assert_true(suspect_aside(&suspect));
	suspect_passed(&suspect, 7, 7);
	assert_false(suspect_aside(&suspect));
	assert_int_equal(suspect_returns(&suspect), 0);
}

static void
test_another(void **state)
{
	struct suspect suspect = {0};

	(void)state;
	fail_times(&suspect, 7, SUSPECT_ASIDE_AFTER - 1);
	assert_int_equal(suspect_failed(&suspect, 8), SUSPECT_WAIT);
	assert_int_equal(suspect.failures, 1);
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
