/* SPDX-License-Identifier: ISC */
/* What counts under a revoked certificate, and what gives way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "room/room_vouch.h"

#define OLD 100
#define NEW 200

static struct room_link run[8];
static struct room_vouch vouch;
static uint8_t named[1][ROOM_HASH];

/* A chain under the old certificate, from number 5 on. */
static int
set_up(void **unused)
{
	int i;

	(void)unused;
	memset(run, 0, sizeof(run));
	memset(&vouch, 0, sizeof(vouch));
	for (i = 0; i < 8; i++) {
		run[i].number = 5 + i;
		run[i].serial = OLD;
		memset(run[i].digest, i + 1, ROOM_HASH);
		memset(run[i].previous, i, ROOM_HASH);
	}
	vouch.min_serial = NEW;
	return 0;
}

static void
revoked(void **unused)
{
	(void)unused;
	assert_true(room_vouch_revoked(OLD, NEW));
	assert_false(room_vouch_revoked(NEW, NEW));
	assert_false(room_vouch_revoked(OLD, 0));
	assert_false(room_vouch_counts(&vouch, &run[0]));
	run[0].serial = NEW;
	assert_true(room_vouch_counts(&vouch, &run[0]));
}

static void
carried(void **unused)
{
	(void)unused;
	vouch.carried = true;
	assert_true(room_vouch_counts(&vouch, &run[3]));
	assert_int_equal(room_vouch_run(&vouch, run, 8), 8);
}

static void
runs(void **unused)
{
	(void)unused;
	assert_int_equal(room_vouch_run(&vouch, run, 8), 0);
	assert_int_equal(room_vouch_run(&vouch, run, 0), 0);
	run[7].serial = NEW;
	assert_int_equal(room_vouch_run(&vouch, run, 8), 8);
	/* Behind the last that counts nothing does. */
	assert_int_equal(room_vouch_run(&vouch, run, 7), 0);
	run[4].serial = NEW;
	assert_int_equal(room_vouch_run(&vouch, run, 7), 5);
	/* It does not reach over a number that names another. */
	memset(run[3].previous, 99, ROOM_HASH);
	assert_int_equal(room_vouch_run(&vouch, run, 8), 0);
	memset(run[3].previous, 3, ROOM_HASH);
	run[4].number++;
	assert_int_equal(room_vouch_run(&vouch, run, 8), 0);
}

/* A head, a declaration, or what stands behind names it. */
static void
names(void **unused)
{
	(void)unused;
	vouch.named = named;
	vouch.named_count = 1;
	assert_int_equal(room_vouch_run(&vouch, run, 8), 0);
	memcpy(named[0], run[2].digest, ROOM_HASH);
	assert_int_equal(room_vouch_run(&vouch, run, 8), 3);
	assert_true(room_vouch_counts(&vouch, &run[2]));
	assert_false(room_vouch_counts(&vouch, &run[3]));
	assert_true(room_vouch_follows(&run[2], &run[3]));
	assert_false(room_vouch_follows(&run[3], &run[2]));
}

static void
judged(void **unused)
{
	static const struct room_verdict taken = {
	    ROOM_TAKEN, CODE_OK, 0, 0, 0, 0};
	static const struct room_verdict known = {
	    ROOM_KNOWN, CODE_OK, 0, 0, 0, 0};
	static const struct room_verdict conflict = {
	    ROOM_CONFLICT, CODE_STATE_CONFLICT, 0, 0, 7, 7};
	struct room_verdict verdict;

	(void)unused;
	verdict = room_vouch_judge(&taken, true, false, false);
	assert_int_equal(verdict.outcome, ROOM_TAKEN);
	verdict = room_vouch_judge(&taken, false, false, false);
	assert_int_equal(verdict.outcome, ROOM_WAIT);
	assert_int_equal(verdict.code, CODE_UNVOUCHED);
	assert_int_equal(verdict.seconds, ROOM_VOUCH_RETRY_S);
	/* No evidence either; and what is stored is known all the same. */
	verdict = room_vouch_judge(&conflict, false, false, false);
	assert_int_equal(verdict.outcome, ROOM_WAIT);
	verdict = room_vouch_judge(&known, false, true, false);
	assert_int_equal(verdict.outcome, ROOM_KNOWN);
	/* Nobody tells a home, but after a restore. */
	verdict = room_vouch_judge(&taken, true, true, false);
	assert_int_equal(verdict.outcome, ROOM_REFUSED);
	assert_int_equal(verdict.code, CODE_SPEAKER);
	verdict = room_vouch_judge(&taken, true, true, true);
	assert_int_equal(verdict.outcome, ROOM_TAKEN);
	verdict = room_vouch_judge(&taken, false, true, true);
	assert_int_equal(verdict.outcome, ROOM_REFUSED);
}

static void
gives_way(void **unused)
{
	struct room_verdict verdict = {
	    ROOM_CONFLICT, CODE_STATE_CONFLICT, 0, 0, 7, 7};

	(void)unused;
	assert_true(room_vouch_gives_way(&verdict, 6));
	assert_false(room_vouch_gives_way(&verdict, 7));
	verdict.code = CODE_STATE_INVALID;
	assert_false(room_vouch_gives_way(&verdict, 6));
	verdict.code = CODE_STATE_CONFLICT;
	verdict.outcome = ROOM_TAKEN;
	assert_false(room_vouch_gives_way(&verdict, 6));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(revoked, set_up),
	    cmocka_unit_test_setup(carried, set_up),
	    cmocka_unit_test_setup(runs, set_up),
	    cmocka_unit_test_setup(names, set_up),
	    cmocka_unit_test_setup(judged, set_up),
	    cmocka_unit_test_setup(gives_way, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
