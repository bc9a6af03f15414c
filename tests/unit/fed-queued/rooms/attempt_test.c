/* SPDX-License-Identifier: ISC */
/*
 * Writes that another worker may have overtaken: which are stored, which are
 * tried again, and when that ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "fed-queued/rooms/attempt.h"

static uint32_t count;

/* A result that is never looked into. */
static const PGresult *
answered(void)
{
	return (const PGresult *)&count;
}

static enum attempt
end(const PGresult *result, const char *sqlstate, bool stored)
{
	return attempt_end(&count, "test", result, sqlstate, stored);
}

static void
stored(void **state)
{
	(void)state;
	count = 0;
	assert_int_equal(end(answered(), "", true), ATTEMPT_STORED);
	/* The next decision has all of its attempts. */
	assert_int_equal(end(answered(), "", false), ATTEMPT_AGAIN);
	assert_int_equal(end(answered(), "", true), ATTEMPT_STORED);
	assert_int_equal(count, 0);
}

static void
again(void **state)
{
	int i;

	(void)state;
	count = 0;
	/* By what was read, or by a transaction that gave way. */
	for (i = 1; i < ATTEMPT_MAX; i++)
		assert_int_equal(i % 2 == 0 ? end(answered(), "", false)
					    : end(NULL, "40001", false),
		    ATTEMPT_AGAIN);
	assert_int_equal(end(answered(), "", false), ATTEMPT_FAILED);
	assert_int_equal(end(answered(), "", false), ATTEMPT_AGAIN);
}

static void
failed(void **state)
{
	(void)state;
	count = 0;
	assert_int_equal(end(NULL, "", false), ATTEMPT_FAILED);
	assert_int_equal(end(NULL, "57P03", false), ATTEMPT_FAILED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(stored),
	    cmocka_unit_test(again),
	    cmocka_unit_test(failed),
	};

	log_init("attempt", LOG_FORM_PLAIN, LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
