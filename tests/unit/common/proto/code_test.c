/* SPDX-License-Identifier: ISC */
/* The table of codes: names are unique, found again, and fit where they go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/code.h"

static void
names(void **state)
{
	int i;

	(void)state;
	assert_string_equal(code_name(CODE_OK), "OK");
	assert_string_equal(code_name(CODE_ID_CONFLICT), "ID_CONFLICT");
	for (i = 0; i < CODE_COUNT; i++) {
		const char *name = code_name((enum code)i);

		/* unique, or an earlier one would be found */
		assert_int_equal(code_find(name, strlen(name)), i);
		/* fits the code of a control answer */
		assert_in_range(strlen(name), 2, 31);
		assert_int_equal(
		    strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"),
		    strlen(name));
		assert_true(strlen(code_text((enum code)i)) > 0);
	}
}

static void
find(void **state)
{
	(void)state;
	assert_int_equal(code_find("", 0), CODE_COUNT);
	assert_int_equal(code_find("RATES", 4), CODE_RATE);
	assert_int_equal(code_find("RATES", 5), CODE_COUNT);
	assert_int_equal(code_find("RAT", 3), CODE_COUNT);
	assert_int_equal(code_find("rate", 4), CODE_COUNT);
	assert_int_equal(code_find("RATE\0", 5), CODE_COUNT);
}

static void
classes(void **state)
{
	(void)state;
	assert_int_equal(code_class(CODE_OK), CODE_CLASS_SUCCESS);
	assert_int_equal(code_class(CODE_ID_CONFLICT), CODE_CLASS_NEVER);
	assert_int_equal(code_class(CODE_STORAGE), CODE_CLASS_LATER);
	assert_int_equal(code_class(CODE_UNTRUSTED), CODE_CLASS_ADMINISTRATIVE);
	assert_int_equal(code_class(CODE_RATE), CODE_CLASS_LOAD);
	assert_int_equal(code_class(CODE_TOR_DOWN), CODE_CLASS_LOCAL);
	assert_int_equal(code_class(CODE_JSON), CODE_CLASS_INPUT);
}

static void
out_of_range(void **state)
{
	(void)state;
	assert_string_equal(code_name(CODE_COUNT), "INTERNAL");
	assert_string_equal(code_name((enum code)0x7fffffff), "INTERNAL");
	assert_int_equal(code_class(CODE_COUNT), CODE_CLASS_INPUT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names),
	    cmocka_unit_test(find),
	    cmocka_unit_test(classes),
	    cmocka_unit_test(out_of_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
