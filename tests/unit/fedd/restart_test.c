/* SPDX-License-Identifier: ISC */
/*
 * fedd's pure part: how long the next generation waits. The rest runs in
 * tests/integration/fedd/fedd.t.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fedd/restart.h"

static void
test_delay_after_ready(void **state)
{
	(void)state;
	assert_int_equal(restart_delay_ms(true, RESTART_YOUNG_MS, 0), 0);
	assert_int_equal(restart_delay_ms(true, 1000000, 0), 0);
	assert_int_equal(
	    restart_delay_ms(true, RESTART_YOUNG_MS - 1, 0), RESTART_PAUSE_MS);
	assert_int_equal(restart_delay_ms(true, 0, 0), RESTART_PAUSE_MS);
	assert_true(RESTART_PAUSE_MS <= 1000);
	/* However often it happened before. */
	assert_int_equal(restart_delay_ms(true, RESTART_YOUNG_MS, 1000), 0);
}

static void
test_delay_before_ready(void **state)
{
	static const int64_t expected[] = {
	    1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};

	(void)state;
	for (unsigned int i = 0; i < 8; i++)
		assert_int_equal(
		    restart_delay_ms(false, 5000, i + 1), expected[i]);
	assert_int_equal(restart_delay_ms(false, 0, UINT32_MAX), 60000);
	assert_int_equal(restart_delay_ms(false, 0, 0), 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_delay_after_ready),
	    cmocka_unit_test(test_delay_before_ready),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
