/* SPDX-License-Identifier: ISC */
/*
 * The self-test at start against libraries with faults: this program's own
 * crypto_core_ed25519_is_valid_point() takes the place of libsodium's.
 */
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/ed.h"

static enum { SOUND, TAKES_MIXED_ORDER, TAKES_NOTHING } library;

int
crypto_core_ed25519_is_valid_point(const unsigned char *point)
{
	switch (library) {
	case SOUND:
		return point[0] == 0x58; /* the base point */
	case TAKES_MIXED_ORDER:		 /* CVE-2025-69277 */
		return 1;
	default:
		return 0;
	}
}

static void
sound(void **state)
{
	(void)state;
	library = SOUND;
	assert_int_equal(ed_init(), 0);
}

static void
faulty(void **state)
{
	(void)state;
	library = TAKES_MIXED_ORDER;
	assert_int_equal(ed_init(), -1);
	library = TAKES_NOTHING;
	assert_int_equal(ed_init(), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sound),
	    cmocka_unit_test(faulty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
