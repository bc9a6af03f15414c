/* SPDX-License-Identifier: ISC */
/* What proves that a database was restored, and which epoch begins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "room/room_restore.h"

#define NOW INT64_C(1760000000)
#define DAY (24 * 3600)

static struct room_past past;

static int
set_up(void **unused)
{
	(void)unused;
	memset(&past, 0, sizeof(past));
	return 0;
}

/* Our signature in a message of that epoch; 0: over an event. */
static enum room_shown
judge(int64_t epoch)
{
	return room_shown_judge(&past, epoch, NOW);
}

static void
marks(void **unused)
{
	(void)unused;
	assert_false(room_restored(0, 0));
	assert_false(room_restored(5, 5));
	assert_false(room_restored(5, 6)); /* a crash before the signature */
	assert_true(room_restored(6, 5));
	assert_true(room_log_begins(0));
	assert_false(room_log_begins(1));
	assert_int_equal(room_mark_next(0, 0), 1);
	assert_int_equal(room_mark_next(9, 4), 10);
	assert_int_equal(room_mark_next(4, 9), 10);
}

/* The log is whole and in step: what it has not seen is theft. */
static void
shown_in_step(void **unused)
{
	(void)unused;
	assert_int_equal(judge(0), ROOM_SHOWN_ALARM);
	assert_int_equal(judge(NOW), ROOM_SHOWN_ALARM);
	past.began = NOW - 30 * DAY;
	past.epoch = NOW - 30 * DAY;
	assert_int_equal(judge(0), ROOM_SHOWN_ALARM);
	assert_int_equal(judge(past.epoch), ROOM_SHOWN_ALARM);
	/* of an epoch before it began it knows nothing */
	assert_int_equal(judge(past.epoch - 1), ROOM_SHOWN_FORGOTTEN);
}

static void
shown_young(void **unused)
{
	(void)unused;
	past.began = NOW;
	assert_int_equal(judge(0), ROOM_SHOWN_RESTORED);
	assert_int_equal(judge(NOW + 9), ROOM_SHOWN_RESTORED);
	assert_false(room_adopting(&past, NOW));
	past.began = NOW - ROOM_LOG_YOUNG_S + 1;
	assert_int_equal(judge(0), ROOM_SHOWN_RESTORED);
	past.began--;
	assert_int_equal(judge(0), ROOM_SHOWN_ALARM);
	past.began = NOW + ROOM_LOG_YOUNG_S; /* the clock was far ahead */
	assert_int_equal(judge(0), ROOM_SHOWN_ALARM);
}

static void
shown_restored(void **unused)
{
	(void)unused;
	past.restored = NOW - 60;
	past.epoch = NOW - 60;
	assert_int_equal(judge(0), ROOM_SHOWN_FORGOTTEN);
	assert_int_equal(judge(NOW), ROOM_SHOWN_FORGOTTEN);
	past.restored = NOW - ROOM_RESTORED_S;
	assert_int_equal(judge(0), ROOM_SHOWN_ALARM);
	assert_int_equal(judge(NOW - 60), ROOM_SHOWN_ALARM);
	assert_int_equal(judge(NOW - 61), ROOM_SHOWN_FORGOTTEN);
}

/* The state has an end, whatever the others do. */
static void
adopting(void **unused)
{
	(void)unused;
	assert_false(room_adopting(&past, NOW));
	past.restored = NOW;
	assert_true(room_adopting(&past, NOW));
	past.answered = true; /* in rooms that we know */
	assert_true(room_adopting(&past, NOW));
	past.restored = NOW - ROOM_RESTORED_MIN_S + 1;
	assert_true(room_adopting(&past, NOW));
	past.restored--;
	assert_false(room_adopting(&past, NOW));
	past.answered = false;
	assert_true(room_adopting(&past, NOW));
	past.restored = NOW - ROOM_RESTORED_S + 1;
	assert_true(room_adopting(&past, NOW));
	past.restored--;
	assert_false(room_adopting(&past, NOW));
	past.restored = NOW + 100; /* the clock went back a little, */
	assert_true(room_adopting(&past, NOW));
	past.restored = NOW + ROOM_RESTORED_S; /* or by years */
	assert_false(room_adopting(&past, NOW));
}

static void
epochs(void **unused)
{
	(void)unused;
	assert_int_equal(room_epoch_next(0, 0, NOW), NOW);
	assert_int_equal(room_epoch_next(0, 0, -5), 1);
	assert_int_equal(room_epoch_next(1, 0, NOW), NOW);
	assert_int_equal(room_epoch_next(NOW, 0, NOW), NOW + 1);
	assert_int_equal(room_epoch_next(NOW - 1, 0, NOW), NOW);
	assert_int_equal(room_epoch_next(1, NOW + 7, NOW), NOW + 8);
	assert_int_equal(room_epoch_next(NOW + 9, NOW + 7, NOW), NOW + 10);
	assert_int_equal(
	    room_epoch_next(1, NOW + ROOM_EPOCH_AHEAD_S + 1, NOW), NOW);
	assert_int_equal(
	    room_epoch_next(1, INT64_C(9007199254740991), NOW), NOW);
}

/* A proof begins one epoch, and not again when it is shown again. */
static void
epochs_shown(void **unused)
{
	int64_t present = NOW - 10, next;

	(void)unused;
	assert_int_equal(room_epoch_shown(present, present - 1, NOW), 0);
	next = room_epoch_shown(present, present, NOW);
	assert_int_equal(next, NOW);
	assert_int_equal(room_epoch_shown(next, present, NOW), 0);
	assert_int_equal(room_epoch_shown(next, NOW + 60, NOW), NOW + 61);
	assert_int_equal(
	    room_epoch_shown(present, NOW + ROOM_EPOCH_AHEAD_S, NOW),
	    NOW + ROOM_EPOCH_AHEAD_S + 1);
	/* nobody takes what is in that one */
	assert_int_equal(
	    room_epoch_shown(present, NOW + ROOM_EPOCH_AHEAD_S + 1, NOW), 0);
}

static void
epochs_start(void **unused)
{
	int64_t far = NOW + 365 * DAY, edge = NOW + ROOM_EPOCH_AHEAD_S + 1;

	(void)unused;
	assert_int_equal(room_epoch_start(NOW - 5, 0, false, NOW), 0);
	assert_int_equal(room_epoch_start(NOW + 5, 0, false, NOW), 0);
	assert_int_equal(room_epoch_start(NOW - 5, 0, true, NOW), NOW);
	assert_int_equal(room_epoch_start(NOW, NOW + 3, true, NOW), NOW + 4);
	/* the clock was a year ahead, and is right by now */
	assert_int_equal(room_epoch_start(far, 0, false, NOW), NOW);
	assert_int_equal(room_epoch_start(far, 0, true, NOW), NOW);
	/* just above what a thief could use */
	assert_int_equal(room_epoch_start(edge, edge - 1, false, NOW), 0);
	assert_int_equal(room_epoch_start(edge, edge - 1, true, NOW), edge + 1);
}

static void
silence(void **unused)
{
	(void)unused;
	assert_false(room_home_silent(NOW - ROOM_HOME_SILENT_S + 1, NOW));
	assert_true(room_home_silent(NOW - ROOM_HOME_SILENT_S, NOW));
	assert_false(room_home_silent(NOW + 1, NOW));
}

static void
recovery(void **unused)
{
	struct room_recovery recovery = {0, 2, 0, 0};

	(void)unused;
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
forgotten(void **unused)
{
	(void)unused;
	assert_false(room_forgotten(0, true, false, NOW));
	assert_false(room_forgotten(0, false, false, NOW));
	assert_true(room_forgotten(NOW, true, false, NOW));
	assert_true(room_forgotten(NOW - ROOM_RECOVERY_S + 1, true, true, NOW));
	assert_false(room_forgotten(NOW - ROOM_RECOVERY_S, true, false, NOW));
	assert_true(room_forgotten(NOW - ROOM_RECOVERY_S, false, false, NOW));
	assert_true(
	    room_forgotten(NOW - ROOM_RESTORED_S + 1, false, false, NOW));
	assert_false(room_forgotten(NOW - ROOM_RESTORED_S, false, false, NOW));
	assert_false(room_forgotten(NOW, false, true, NOW));
}

static void
restored_lately(void **unused)
{
	(void)unused;
	assert_false(room_restored_lately(0, NOW));
	assert_true(room_restored_lately(NOW - ROOM_RESTORED_S + 1, NOW));
	assert_false(room_restored_lately(NOW - ROOM_RESTORED_S, NOW));
}

/* A thief that shows more and more begins one epoch in an hour. */
static void
alarm_epochs(void **unused)
{
	(void)unused;
	assert_true(room_alarm_epoch(0, NOW));
	assert_false(room_alarm_epoch(NOW, NOW));
	assert_false(room_alarm_epoch(NOW - ROOM_ALARM_EPOCH_S + 1, NOW));
	assert_true(room_alarm_epoch(NOW - ROOM_ALARM_EPOCH_S, NOW));
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(marks),
	    TEST(shown_in_step),
	    TEST(shown_young),
	    TEST(shown_restored),
	    TEST(adopting),
	    TEST(epochs),
	    TEST(epochs_shown),
	    TEST(epochs_start),
	    TEST(silence),
	    TEST(recovery),
	    TEST(forgotten),
	    TEST(restored_lately),
	    TEST(alarm_epochs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
