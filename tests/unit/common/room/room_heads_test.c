/* SPDX-License-Identifier: ISC */
/* Heads compared: what is asked for, shown, and found to contradict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "room/room_heads.h"

static struct room_state state;
static struct room_head head;
static struct room_stream stream;
static struct room_stream_head their;
static uint8_t one[32], two[32];

static int
set_up(void **unused)
{
	(void)unused;
	memset(&state, 0, sizeof(state));
	memset(&head, 0, sizeof(head));
	memset(&their, 0, sizeof(their));
	room_stream_init(&stream, 1, 2);
	memset(one, 1, 32);
	memset(two, 2, 32);
	state.number = 9;
	head.number = 9;
	memcpy(head.hash, one, 32);
	stream.contiguous = 9;
	stream.highest = 9;
	their.sequence = 9;
	their.highest = 9;
	memcpy(their.digest, one, 32);
	return 0;
}

static void
made(void **unused)
{
	(void)unused;
	room_head_make(&head, &state, two);
	assert_int_equal(head.number, 9);
	assert_int_equal(head.disputed, 0);
	assert_memory_equal(head.hash, two, 32);
	state.disputed = 5;
	room_head_make(&head, &state, one);
	assert_int_equal(head.number, 4);
	assert_int_equal(head.disputed, 5);
	state.disputed = 1;
	room_head_make(&head, &state, NULL);
	assert_int_equal(head.number, 0);
}

static void
states(void **unused)
{
	struct room_want want;

	(void)unused;
	assert_int_equal(room_head_compare(&state, &head, one, true).what, 0);
	want = room_head_compare(&state, &head, two, false);
	assert_int_equal(want.what, ROOM_WANT_ONE);
	assert_int_equal(want.one, 9);
	head.number = 8; /* behind us: they will ask */
	assert_int_equal(room_head_compare(&state, &head, one, true).what, 0);
	assert_int_equal(
	    room_head_compare(&state, &head, two, false).what, ROOM_WANT_ONE);
	assert_int_equal(room_head_compare(&state, &head, NULL, false).what, 0);
	head.number = 0; /* they have nothing */
	memset(head.hash, 0, 32);
	assert_int_equal(room_head_compare(&state, &head, NULL, false).what, 0);
}

static void
states_behind(void **unused)
{
	struct room_want want;

	(void)unused;
	head.number = 12;
	want = room_head_compare(&state, &head, NULL, false);
	assert_int_equal(want.what, ROOM_WANT_ITEMS);
	assert_int_equal(want.from, 10);
	assert_int_equal(want.to, 12);
	want = room_head_compare(&state, &head, NULL, true);
	assert_int_equal(want.what, ROOM_WANT_ITEMS | ROOM_AHEAD_OF_US);
	head.number = ROOM_NUMBER_MAX;
	want = room_head_compare(&state, &head, NULL, false);
	assert_int_equal(want.to - want.from + 1, ROOM_EVENTS_MAX);
	/* frozen: what lies below is still wanted */
	state.disputed = 11;
	want = room_head_compare(&state, &head, NULL, false);
	assert_int_equal(
	    want.what, ROOM_WANT_ITEMS | ROOM_SHOW_EVIDENCE | ROOM_WANT_ONE);
	assert_int_equal(want.to, 10);
	state.disputed = 10;
	want = room_head_compare(&state, &head, NULL, false);
	assert_int_equal(want.what, ROOM_SHOW_EVIDENCE | ROOM_WANT_ONE);
	assert_int_equal(want.evidence, 10);
	assert_int_equal(want.one, 10);
}

static void
evidence(void **unused)
{
	struct room_want want;

	(void)unused;
	head.disputed = 10;
	want = room_head_compare(&state, &head, one, false);
	assert_int_equal(want.what, ROOM_WANT_EVIDENCE);
	assert_int_equal(want.evidence, 10);
	state.disputed = 10;
	assert_int_equal(room_head_compare(&state, &head, one, false).what, 0);
	state.disputed = 11;
	assert_int_equal(room_head_compare(&state, &head, one, false).what,
	    ROOM_WANT_EVIDENCE);
	state.disputed = 9;
	want = room_head_compare(&state, &head, one, false);
	assert_int_equal(want.what, ROOM_SHOW_EVIDENCE | ROOM_WANT_ONE);
	assert_int_equal(want.evidence, 9);
	assert_int_equal(want.one, 9);
	head.number = 8; /* it has no event under that number to show */
	want = room_head_compare(&state, &head, one, false);
	assert_int_equal(want.what, ROOM_SHOW_EVIDENCE);
	head.number = 9;
	head.disputed = 8; /* a lower one is what it has to show */
	want = room_head_compare(&state, &head, one, false);
	assert_int_equal(want.what, ROOM_WANT_EVIDENCE);
	their.forked = 3;
	want = room_stream_compare(&stream, &their, one, NULL, false, false);
	assert_int_equal(want.what, ROOM_WANT_EVIDENCE);
	stream.forked = 2;
	want = room_stream_compare(&stream, &their, one, NULL, false, false);
	assert_int_equal(want.what, ROOM_SHOW_EVIDENCE);
	assert_int_equal(want.evidence, 2);
}

static void
streams(void **unused)
{
	struct room_want want;

	(void)unused;
	want = room_stream_compare(&stream, &their, one, NULL, true, true);
	assert_int_equal(want.what, 0);
	want = room_stream_compare(&stream, &their, two, NULL, false, false);
	assert_int_equal(want.what, ROOM_WANT_ONE);
	assert_int_equal(want.one, 9);
	memset(their.digest, 0, 32); /* they do not know it */
	want = room_stream_compare(&stream, &their, two, NULL, false, false);
	assert_int_equal(want.what, 0);
	their.highest = 12; /* behind a gap */
	memcpy(their.tip, one, 32);
	want = room_stream_compare(&stream, &their, NULL, two, false, false);
	assert_int_equal(want.what, ROOM_WANT_ITEMS | ROOM_WANT_ONE);
	assert_int_equal(want.one, 12);
	assert_int_equal(want.from, 10);
	assert_int_equal(want.to, 12);
	stream.highest = 12; /* both have the same gap */
	want = room_stream_compare(&stream, &their, NULL, one, false, false);
	assert_int_equal(want.what, 0);
}

/* Where both know of the fork nobody asks why the contents differ. */
static void
streams_forked(void **unused)
{
	struct room_want want;

	(void)unused;
	stream.forked = their.forked = 9;
	want = room_stream_compare(&stream, &their, two, NULL, false, false);
	assert_int_equal(want.what, 0);
	stream.highest = their.highest = 12;
	memcpy(their.tip, one, 32);
	want = room_stream_compare(&stream, &their, one, two, false, false);
	assert_int_equal(want.what, 0);
	stream.forked = their.forked = 10; /* it is another number */
	want = room_stream_compare(&stream, &their, two, NULL, false, false);
	assert_int_equal(want.what, ROOM_WANT_ONE);
}

static void
streams_behind(void **unused)
{
	struct room_want want;

	(void)unused;
	their.sequence = their.highest = 1000;
	want = room_stream_compare(&stream, &their, NULL, NULL, false, true);
	assert_int_equal(want.what, ROOM_WANT_ITEMS);
	assert_int_equal(want.from, 10);
	assert_int_equal(want.to - want.from + 1, ROOM_RANGE_MAX);
	want = room_stream_compare(&stream, &their, NULL, NULL, true, true);
	assert_int_equal(want.what, ROOM_WANT_ITEMS | ROOM_AHEAD_OF_US);
	/* of an old epoch: what a backup forgot, and it is known to have */
	want = room_stream_compare(&stream, &their, NULL, NULL, true, false);
	assert_int_equal(want.what, ROOM_WANT_ITEMS);
	stream.forked = 12;
	want = room_stream_compare(&stream, &their, NULL, NULL, false, false);
	assert_int_equal(want.what, ROOM_WANT_ITEMS | ROOM_SHOW_EVIDENCE);
	assert_int_equal(want.to, 11);
	stream.forked = 10;
	want = room_stream_compare(&stream, &their, NULL, NULL, false, false);
	assert_int_equal(want.what, ROOM_SHOW_EVIDENCE);
}

/* Every fork of histories of up to 200 events is found, in few steps. */
static void
halving(void **unused)
{
	struct room_fork fork;
	int64_t parts, differ, asked, steps;

	(void)unused;
	for (differ = 1; differ <= 200; differ++)
		for (parts = 1; parts <= differ; parts++) {
			fork.common = 0;
			fork.differ = differ;
			steps = 0;
			while ((asked = room_fork_next(&fork)) != 0) {
				assert_true(asked > 0 && asked < differ);
				room_fork_learn(&fork, asked, asked < parts);
				steps++;
			}
			assert_int_equal(fork.differ, parts);
			assert_true(steps <= 8);
		}
	fork.common = 3;
	fork.differ = 9;
	room_fork_learn(&fork, 2, false); /* old answers change nothing */
	room_fork_learn(&fork, 9, true);
	room_fork_learn(&fork, 12, true);
	assert_int_equal(fork.common, 3);
	assert_int_equal(fork.differ, 9);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(made),
	    TEST(states),
	    TEST(states_behind),
	    TEST(evidence),
	    TEST(streams),
	    TEST(streams_forked),
	    TEST(streams_behind),
	    TEST(halving),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
