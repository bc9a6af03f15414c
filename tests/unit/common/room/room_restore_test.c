/* SPDX-License-Identifier: ISC */
/* What a restored database may do, at the edges of its times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "room/room_restore.h"

#define NOW INT64_C(1800000000)

static void
recovery(void **state)
{
	struct room_recovery recovery = {0, 2, 0, 0};

	(void)state;
	assert_true(room_recovery_over(&recovery, NOW));
	recovery.since = NOW - ROOM_RECOVERY_S + 1;
	assert_false(room_recovery_over(&recovery, NOW));
	assert_true(room_recovery_over(&recovery, NOW + 1));
	recovery.servers = 0; /* of none it may have forgotten all */
	assert_false(room_recovery_over(&recovery, NOW));
	assert_true(room_recovery_over(&recovery, NOW + 1));
	recovery.servers = 2;
	recovery.asked = 2;
	assert_true(room_recovery_over(&recovery, NOW));
	assert_false(room_adopts(&recovery, NOW));
	recovery.adopting = NOW - ROOM_ADOPT_S + 1;
	assert_true(room_adopts(&recovery, NOW));
	assert_false(room_recovery_over(&recovery, NOW));
	assert_false(room_adopts(&recovery, NOW + 1));
	assert_true(room_recovery_over(&recovery, NOW + 1));
}

/* Of our own rooms the clock tells, of others' their home. */
static void
forgotten(void **state)
{
	(void)state;
	assert_false(room_forgotten(0, true, false, NOW));
	assert_false(room_forgotten(0, false, false, NOW));
	assert_true(room_forgotten(NOW, true, false, NOW));
	assert_true(room_forgotten(NOW - ROOM_RECOVERY_S + 1, true, true, NOW));
	assert_false(room_forgotten(NOW - ROOM_RECOVERY_S, true, false, NOW));
	assert_true(room_forgotten(NOW - ROOM_RECOVERY_S, false, false, NOW));
	assert_false(room_forgotten(NOW, false, true, NOW));
}

static void
restored_lately(void **state)
{
	(void)state;
	assert_false(room_restored_lately(0, NOW));
	assert_true(room_restored_lately(NOW - ROOM_RESTORED_S + 1, NOW));
	assert_false(room_restored_lately(NOW - ROOM_RESTORED_S, NOW));
}

static void
marks_and_epochs(void **state)
{
	(void)state;
	assert_true(room_restored(8, 7));
	assert_false(room_restored(7, 7));
	assert_int_equal(room_mark_next(7, 9), 10);
	assert_int_equal(room_mark_next(9, 7), 10);
	assert_int_equal(room_epoch_next(NOW + 5, NOW + 7, NOW), NOW + 8);
	assert_int_equal(room_epoch_next(1, 2, NOW), NOW);
	assert_int_equal(room_epoch_next(ROOM_EPOCH_MAX, 0, NOW), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(recovery),
	    cmocka_unit_test(forgotten),
	    cmocka_unit_test(restored_lately),
	    cmocka_unit_test(marks_and_epochs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
