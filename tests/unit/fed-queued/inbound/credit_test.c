/* SPDX-License-Identifier: ISC */
/* Credit: all while there is little to do, less with load, never nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fed-queued/inbound/credit.h"

static struct credit_load
idle(void)
{
	struct credit_load load = {.requests = 1,
	    .requests_max = 128,
	    .items = 64,
	    .space = 1000000,
	    .allowed = -1};

	return load;
}

static void
all_when_idle(void **state)
{
	struct credit_load load = idle();

	(void)state;
	assert_int_equal(credit_of(&load), 64);
	load.allowed = 64;
	assert_int_equal(credit_of(&load), 64);
}

static void
falls_with_requests(void **state)
{
	struct credit_load load = idle();
	uint32_t last = 64, now;

	(void)state;
	load.requests = 64;
	assert_int_equal(credit_of(&load), 64);
	for (load.requests = 65; load.requests < 128; load.requests++) {
		now = credit_of(&load);
		assert_in_range(now, 1, last);
		last = now;
	}
	assert_int_equal(last, 1);
	load.requests = 96;
	assert_int_equal(credit_of(&load), 32);
	/* full, and fuller than it can be */
	load.requests = 128;
	assert_int_equal(credit_of(&load), 1);
	load.requests = 1000;
	assert_int_equal(credit_of(&load), 1);
	load.requests = load.requests_max = 1;
	assert_int_equal(credit_of(&load), 1);
}

static void
falls_with_items(void **state)
{
	struct credit_load load = idle();

	(void)state;
	load.items = 1024;
	assert_int_equal(credit_of(&load), 64);
	load.items = 2048;
	assert_int_equal(credit_of(&load), 32);
	load.items = 10000000;
	assert_int_equal(credit_of(&load), 1);
}

static void
keeps_to_inbox_and_rate(void **state)
{
	struct credit_load load = idle();

	(void)state;
	load.space = 10;
	assert_int_equal(credit_of(&load), 10);
	load.space = 0;
	assert_int_equal(credit_of(&load), 1);
	load = idle();
	load.allowed = 7;
	assert_int_equal(credit_of(&load), 7);
	load.allowed = 0;
	assert_int_equal(credit_of(&load), 1);
	load.allowed = INT64_MAX;
	assert_int_equal(credit_of(&load), 64);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_when_idle),
	    cmocka_unit_test(falls_with_requests),
	    cmocka_unit_test(falls_with_items),
	    cmocka_unit_test(keeps_to_inbox_and_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
