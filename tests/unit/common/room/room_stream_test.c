/* SPDX-License-Identifier: ISC */
/* Sequences: the window, gaps, voids, forks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "room/room_stream.h"

#define NOW INT64_C(1760000000)

static struct room_stream stream;
static struct room_place place;
static struct room_beside beside;
static uint8_t one[32], two[32];

static int
set_up(void **unused)
{
	(void)unused;
	room_stream_init(&stream, 1, 2);
	memset(&place, 0, sizeof(place));
	memset(&beside, 0, sizeof(beside));
	memset(one, 1, 32);
	memset(two, 2, 32);
	memcpy(place.digest, two, 32);
	memcpy(place.previous, one, 32);
	place.sequence = 5;
	return 0;
}

static struct room_verdict
check(void)
{
	return room_stream_check(&stream, &place, &beside);
}

static void
places(void **unused)
{
	struct room_verdict verdict;

	(void)unused;
	assert_int_equal(check().outcome, ROOM_TAKEN);
	beside.before = one;
	assert_int_equal(check().outcome, ROOM_TAKEN);
	beside.before = two; /* names another than the one that we have */
	verdict = check();
	assert_int_equal(verdict.outcome, ROOM_CONFLICT);
	assert_int_equal(verdict.code, CODE_SEQUENCE_CONFLICT);
	assert_int_equal(verdict.from, 4);
	beside.before = one;
	beside.after = two;
	assert_int_equal(check().outcome, ROOM_TAKEN);
	beside.after = one; /* the one behind names another */
	assert_int_equal(check().outcome, ROOM_CONFLICT);
	assert_int_equal(check().from, 5);
	beside.after = NULL;
	beside.at = two;
	assert_int_equal(check().outcome, ROOM_KNOWN);
	beside.at = one;
	verdict = check();
	assert_int_equal(verdict.outcome, ROOM_CONFLICT);
	assert_int_equal(verdict.from, 5);
}

static void
first_place(void **unused)
{
	(void)unused;
	place.sequence = 1;
	assert_int_equal(check().outcome, ROOM_CONFLICT); /* names one before */
	assert_int_equal(check().from, 1);
	memset(place.previous, 0, 32);
	assert_int_equal(check().outcome, ROOM_TAKEN);
}

static void
void_filled(void **unused)
{
	struct room_verdict verdict;

	(void)unused;
	room_stream_settle(&stream, 5, NOW);
	beside.at = two;
	beside.at_void = true;
	verdict = check();
	assert_int_equal(verdict.outcome, ROOM_TAKEN);
	assert_int_equal(verdict.flags, ROOM_FILLED);
	beside.at = one; /* not what was declared */
	assert_int_equal(check().outcome, ROOM_CONFLICT);
}

static void
window_ends(void **unused)
{
	struct room_verdict verdict;

	(void)unused;
	place.sequence = ROOM_WINDOW;
	assert_int_equal(check().outcome, ROOM_TAKEN);
	room_stream_settle(&stream, ROOM_WINDOW, NOW);
	assert_int_equal(stream.highest, ROOM_WINDOW);
	place.sequence = ROOM_WINDOW + 1;
	verdict = check();
	assert_int_equal(verdict.outcome, ROOM_WAIT);
	assert_int_equal(verdict.code, CODE_SEQUENCE_AHEAD);
	assert_int_equal(verdict.from, 1);
	assert_int_equal(verdict.to, ROOM_RANGE_MAX);
	assert_true(verdict.seconds > 0);
	room_stream_settle(&stream, ROOM_WINDOW + 1, NOW); /* does nothing */
	assert_int_equal(stream.highest, ROOM_WINDOW);
	place.sequence = ROOM_NUMBER_MAX;
	assert_int_equal(check().outcome, ROOM_WAIT);
	room_stream_settle(&stream, 1, NOW);
	place.sequence = ROOM_WINDOW + 1;
	assert_int_equal(check().outcome, ROOM_TAKEN);
}

/* Every order of settling against a plain array. */
static void
window_model(void **unused)
{
	static bool seen[3 * ROOM_WINDOW];
	int64_t number, contiguous = 0;
	unsigned int random = 1, i;

	(void)unused;
	memset(seen, 0, sizeof(seen));
	for (i = 0; i < 20000; i++) {
		random = random * 1103515245 + 12345;
		number = contiguous + 1 + (random >> 16) % 80;
		if ((random >> 9) % 50 == 0)
			number += 700;
		if (number >= 3 * ROOM_WINDOW ||
		    number > contiguous + ROOM_WINDOW)
			continue;
		assert_int_equal(
		    room_stream_is_settled(&stream, number), seen[number]);
		seen[number] = true;
		while (contiguous + 1 < 3 * ROOM_WINDOW && seen[contiguous + 1])
			contiguous++;
		room_stream_settle(&stream, number, NOW);
		assert_int_equal(stream.contiguous, contiguous);
		assert_true(room_stream_is_settled(&stream, number));
		assert_true(stream.highest >= stream.contiguous);
	}
	assert_true(contiguous > ROOM_WINDOW);
}

static void
gap(void **unused)
{
	int64_t from, to;

	(void)unused;
	assert_false(room_stream_gap(&stream, NOW, &from, &to));
	room_stream_settle(&stream, 1, NOW);
	assert_false(room_stream_gap(&stream, NOW + 99, &from, &to));
	room_stream_settle(&stream, 5, NOW);
	room_stream_settle(&stream, 7, NOW + 20); /* the gap is no younger */
	assert_false(
	    room_stream_gap(&stream, NOW + ROOM_GAP_S - 1, &from, &to));
	assert_true(room_stream_gap(&stream, NOW + ROOM_GAP_S, &from, &to));
	assert_int_equal(from, 2);
	assert_int_equal(to, 4);
	/* another gap has its own 30 s */
	room_stream_settle(&stream, 2, NOW + ROOM_GAP_S);
	assert_false(
	    room_stream_gap(&stream, NOW + 2 * ROOM_GAP_S - 1, &from, &to));
	assert_true(room_stream_gap(&stream, NOW + 2 * ROOM_GAP_S, &from, &to));
	assert_int_equal(from, 3);
	/* the clock goes back: not now, and not never */
	assert_false(room_stream_gap(&stream, NOW - 1000, &from, &to));
	assert_true(
	    room_stream_gap(&stream, NOW - 1000 + ROOM_GAP_S, &from, &to));
	room_stream_settle(&stream, 3, NOW);
	room_stream_settle(&stream, 4, NOW);
	room_stream_settle(&stream, 6, NOW);
	assert_int_equal(stream.contiguous, 7);
	assert_int_equal(stream.gap_since, 0);
	assert_false(room_stream_gap(&stream, NOW + 999, &from, &to));
}

static void
gap_range(void **unused)
{
	int64_t from, to;

	(void)unused;
	room_stream_settle(&stream, 900, NOW);
	assert_true(room_stream_gap(&stream, NOW + 30, &from, &to));
	assert_int_equal(to - from + 1, ROOM_RANGE_MAX);
	room_stream_fork(&stream, 10);
	assert_true(room_stream_gap(&stream, NOW + 30, &from, &to));
	assert_int_equal(from, 1);
	assert_int_equal(to, 9);
	room_stream_fork(&stream, 1);
	assert_false(room_stream_gap(&stream, NOW + 30, &from, &to));
}

static struct room_void
declared(int64_t first, int64_t last)
{
	struct room_void range;

	memset(&range, 0, sizeof(range));
	range.first = first;
	range.last = last;
	if (first > 1)
		memcpy(range.previous, one, 32);
	memcpy(range.digest, two, 32);
	return range;
}

static int64_t
declare(int64_t first, int64_t last)
{
	struct room_void range = declared(first, last);

	return room_stream_void(&stream, &range, &beside, NOW);
}

static void
voids(void **unused)
{
	(void)unused;
	assert_int_equal(declare(1, 500), 0);
	assert_int_equal(stream.contiguous, 500);
	assert_int_equal(declare(100, 300), 0);
	assert_int_equal(stream.contiguous, 500);
	room_stream_settle(&stream, 503, NOW);
	assert_int_equal(declare(501, 502), 0);
	assert_int_equal(stream.contiguous, 503);
	assert_int_equal(declare(600, 602), 0); /* behind a gap */
	assert_int_equal(stream.contiguous, 503);
	assert_int_equal(stream.highest, 602);
	assert_true(stream.gap_since != 0);
	assert_int_equal(declare(504, 599), 0);
	assert_int_equal(stream.contiguous, 602);
	assert_int_equal(stream.gap_since, 0);
	assert_int_equal(declare(700, 690), 0); /* none */
	assert_int_equal(stream.highest, 602);
	/* far ahead, and over the window's end */
	assert_int_equal(declare(603, 1000000), 0);
	assert_int_equal(stream.contiguous, 1000000);
	assert_int_equal(declare(1000100, INT64_C(1) << 50), 0);
	assert_int_equal(stream.highest, 1000000 + ROOM_WINDOW);
	assert_int_equal(declare(2000000, 2000001), 0);
	assert_int_equal(stream.highest, 1000000 + ROOM_WINDOW);
}

static void
voids_contradict(void **unused)
{
	struct room_void range;

	(void)unused;
	beside.before = one;
	beside.at = two;
	beside.after = two;
	assert_int_equal(declare(3, 5), 0);
	set_up(NULL);
	beside.before = two;
	assert_int_equal(declare(3, 5), 2);
	assert_int_equal(stream.highest, 0);
	set_up(NULL);
	beside.at = one;
	assert_int_equal(declare(3, 5), 5);
	set_up(NULL);
	beside.after = one;
	assert_int_equal(declare(3, 5), 5);
	set_up(NULL);
	range = declared(1, 5);
	range.previous[0] = 1;
	assert_int_equal(room_stream_void(&stream, &range, &beside, NOW), 1);
}

static void
forks(void **unused)
{
	(void)unused;
	room_stream_fork(&stream, 0);
	assert_int_equal(stream.forked, 0);
	room_stream_fork(&stream, 5);
	room_stream_fork(&stream, 8);
	assert_int_equal(stream.forked, 5);
	room_stream_fork(&stream, 4);
	assert_int_equal(stream.forked, 4);
	place.sequence = 4;
	assert_int_equal(check().outcome, ROOM_REFUSED);
	assert_int_equal(check().code, CODE_SEQUENCE_CONFLICT);
	place.sequence = 3; /* what lies before is still taken */
	assert_int_equal(check().outcome, ROOM_TAKEN);
	place.sequence = 4;
	beside.at = two; /* and what we have is known */
	assert_int_equal(check().outcome, ROOM_KNOWN);
	/* Another content from there on tells nothing new; below it does. */
	beside.at = one;
	assert_int_equal(check().outcome, ROOM_REFUSED);
	assert_int_equal(check().code, CODE_SEQUENCE_CONFLICT);
	place.sequence = 3;
	assert_int_equal(check().outcome, ROOM_CONFLICT);
	assert_int_equal(check().from, 3);
}

static void
contradiction(void **unused)
{
	struct room_place other = place;

	(void)unused;
	assert_int_equal(room_stream_contradiction(&place, &other), 0);
	memcpy(other.digest, one, 32);
	assert_int_equal(room_stream_contradiction(&place, &other), 5);
	other.sequence = 6;
	memcpy(other.previous, two, 32);
	assert_int_equal(room_stream_contradiction(&place, &other), 0);
	assert_int_equal(room_stream_contradiction(&other, &place), 0);
	memcpy(other.previous, one, 32);
	assert_int_equal(room_stream_contradiction(&place, &other), 5);
	assert_int_equal(room_stream_contradiction(&other, &place), 5);
	other.sequence = 7;
	assert_int_equal(room_stream_contradiction(&place, &other), 0);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(places),
	    TEST(first_place),
	    TEST(void_filled),
	    TEST(window_ends),
	    TEST(window_model),
	    TEST(gap),
	    TEST(gap_range),
	    TEST(voids),
	    TEST(voids_contradict),
	    TEST(forks),
	    TEST(contradiction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
