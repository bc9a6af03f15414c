/* SPDX-License-Identifier: ISC */
/* Messages under states: each conflict rule and refusal, limits both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "room/room_message.h"
#include "room/room_restore.h"

#define NOW INT64_C(1760000000)

static struct room_state state;
static struct room_stream stream;
static struct room_message message;
static struct room_message_facts facts;

/* A room at 9, whose user joined at 4; his first message, under 6. */
static int
set_up(void **unused)
{
	(void)unused;
	memset(&state, 0, sizeof(state));
	memset(&message, 0, sizeof(message));
	memset(&facts, 0, sizeof(facts));
	room_stream_init(&stream, 1, 2);
	state.number = 9;
	message.state_number = 6;
	message.place.sequence = 1;
	facts.member.joined = 4;
	facts.server_seen = true;
	facts.here = true;
	return 0;
}

static struct room_verdict
take(void)
{
	room_stream_init(&stream, 1, 2);
	return room_message_judge(&state, &stream, &message, &facts, NOW);
}

static void
refused(enum code code, bool settled)
{
	struct room_verdict verdict = take();

	assert_int_equal(verdict.outcome, ROOM_REFUSED);
	assert_int_equal(verdict.code, code);
	assert_int_equal((verdict.flags & ROOM_SETTLED) != 0, settled);
	assert_int_equal(stream.contiguous, settled ? 1 : 0);
}

static void
taken(void **unused)
{
	struct room_verdict verdict = take();

	(void)unused;
	assert_int_equal(verdict.outcome, ROOM_TAKEN);
	assert_int_equal(verdict.flags, 0);
	assert_int_equal(stream.contiguous, 1);
	message.state_number = 4; /* the join itself */
	assert_int_equal(take().outcome, ROOM_TAKEN);
	message.state_number = 9;
	assert_int_equal(take().outcome, ROOM_TAKEN);
}

static void
no_member(void **unused)
{
	(void)unused;
	message.state_number = 3; /* before he came */
	refused(CODE_NOT_MEMBER, true);
	facts.member.joined = 0;
	refused(CODE_NOT_MEMBER, true);
	facts.server_seen = false; /* a stranger learns nothing */
	refused(CODE_ROOM_UNKNOWN, true);
}

static void
removed(void **unused)
{
	struct room_verdict verdict;

	(void)unused;
	facts.member.left = 7;
	facts.left_learned = NOW - ROOM_LATE_S;
	verdict = take(); /* under 6, 1 h after we learned of it */
	assert_int_equal(verdict.outcome, ROOM_TAKEN);
	assert_int_equal(verdict.flags, 0);
	facts.left_learned--;
	verdict = take();
	assert_int_equal(verdict.outcome, ROOM_TAKEN);
	assert_int_equal(verdict.flags, ROOM_LATE);
	assert_int_equal(stream.contiguous, 1);
	facts.left_learned = NOW + 50; /* the clock went back */
	assert_int_equal(take().flags, 0);
	message.state_number = 7; /* under the removal */
	refused(CODE_NOT_MEMBER, true);
	message.state_number = 8;
	refused(CODE_NOT_MEMBER, true);
	state.closed = 7;
	refused(CODE_ROOM_CLOSED, true);
	message.state_number = 7;
	refused(CODE_ROOM_CLOSED, true);
}

static void
room_missing(void **unused)
{
	struct room_verdict verdict;

	(void)unused;
	verdict = room_message_judge(NULL, &stream, &message, &facts, NOW);
	assert_int_equal(verdict.outcome, ROOM_REFUSED);
	assert_int_equal(verdict.code, CODE_ROOM_UNKNOWN);
	state.number = 0;
	refused(CODE_ROOM_UNKNOWN, false);
	facts.joining = true;
	verdict = take();
	assert_int_equal(verdict.outcome, ROOM_WAIT);
	assert_int_equal(verdict.code, CODE_ROOM_UNKNOWN);
	assert_in_range(verdict.seconds, 1, 2); /* it is a matter of moments */
	set_up(NULL);
	facts.here = false;
	refused(CODE_ROOM_LEFT, false);
	facts.server_seen = false;
	refused(CODE_ROOM_UNKNOWN, false);
	facts.joining = true; /* again */
	assert_int_equal(take().outcome, ROOM_WAIT);
}

/* Written before one of ours was put out, or the room was closed. */
static void
around_the_end(void **unused)
{
	(void)unused;
	facts.here = false;
	facts.here_then = true;
	facts.out = ROOM_CLOSE;
	facts.out_learned = NOW - ROOM_LATE_S;
	state.closed = 8;
	facts.member.left = 8;
	facts.left_learned = facts.out_learned;
	assert_int_equal(take().outcome, ROOM_TAKEN);
	assert_int_equal(take().flags, 0);
	facts.left_learned = --facts.out_learned;
	assert_int_equal(take().flags, ROOM_LATE);
	message.state_number = 8;
	refused(CODE_ROOM_CLOSED, true);
	set_up(NULL); /* he who wrote it is still there */
	facts.here = false;
	facts.here_then = true;
	facts.out = ROOM_REMOVE;
	facts.out_learned = NOW - ROOM_LATE_S;
	assert_int_equal(take().flags, 0);
	facts.out_learned--;
	assert_int_equal(take().flags, ROOM_LATE);
	facts.out = ROOM_LEAVE;
	refused(CODE_ROOM_LEFT, false);
	facts.out = ROOM_KINDS; /* leaving, without a number yet */
	refused(CODE_ROOM_LEFT, false);
	facts.out = ROOM_REMOVE;
	facts.here_then = false; /* written when none of ours was there */
	refused(CODE_ROOM_LEFT, false);
	state.disputed = 6;
	facts.here_then = true;
	refused(CODE_ROOM_FROZEN, true);
}

static void
held(void **unused)
{
	struct room_verdict verdict;

	(void)unused;
	message.state_number = 12;
	facts.held = ROOM_HELD_MAX - 1;
	facts.held_server = ROOM_HELD_SERVER - 1;
	verdict = take();
	assert_int_equal(verdict.outcome, ROOM_HELD);
	assert_int_equal(verdict.from, 10);
	assert_int_equal(verdict.to, 12);
	assert_int_equal(stream.contiguous, 1);
	facts.held++;
	verdict = take();
	assert_int_equal(verdict.outcome, ROOM_WAIT);
	assert_int_equal(verdict.code, CODE_STATE_UNKNOWN);
	assert_int_equal(verdict.from, 10);
	assert_int_equal(stream.contiguous, 0);
	facts.held--;
	facts.held_server++;
	assert_int_equal(take().outcome, ROOM_WAIT);
}

static struct room_verdict
again(int64_t age)
{
	return room_message_judge_again(
	    &state, &message, &facts, NOW - age, NOW);
}

static void
held_again(void **unused)
{
	(void)unused;
	message.state_number = 12;
	assert_int_equal(again(ROOM_HOLD_S - 1).outcome, ROOM_HELD);
	/* the home is silent: who is a member as far as we know is shown */
	assert_int_equal(again(ROOM_HOLD_S).outcome, ROOM_TAKEN);
	assert_int_equal(
	    again(ROOM_HOLD_S).flags, ROOM_WAS_HELD | ROOM_UNVERIFIED);
	facts.member.left = 8;
	assert_int_equal(again(ROOM_HOLD_S).flags,
	    ROOM_WAS_HELD | ROOM_UNVERIFIED | ROOM_HIDDEN);
	facts.member.joined = 0;
	facts.member.left = 0;
	assert_int_equal(again(ROOM_HOLD_S).flags,
	    ROOM_WAS_HELD | ROOM_UNVERIFIED | ROOM_HIDDEN);
	/* the state comes */
	state.number = 12;
	assert_int_equal(again(5).outcome, ROOM_REFUSED);
	assert_int_equal(again(5).code, CODE_NOT_MEMBER);
	facts.member.joined = 11;
	assert_int_equal(again(9999).outcome, ROOM_TAKEN);
	assert_int_equal(again(9999).flags, ROOM_WAS_HELD);
	/* late counts from when it came, not from when it is judged */
	facts.member.left = 13;
	state.number = 13;
	facts.left_learned = NOW - 2 * ROOM_LATE_S;
	assert_int_equal(again(ROOM_LATE_S).flags, ROOM_WAS_HELD);
	assert_int_equal(
	    again(ROOM_LATE_S - 1).flags, ROOM_WAS_HELD | ROOM_LATE);
	state.disputed = 12;
	assert_int_equal(again(5).code, CODE_ROOM_FROZEN);
}

static void
frozen(void **unused)
{
	(void)unused;
	state.disputed = 7;
	assert_int_equal(take().outcome, ROOM_TAKEN); /* under 6 */
	facts.member.left = 7; /* is in dispute: not late, however old */
	assert_int_equal(take().flags, 0);
	facts.member.left = 6;
	refused(CODE_NOT_MEMBER, true);
	facts.member.left = 0;
	message.state_number = 7;
	refused(CODE_ROOM_FROZEN, true);
	message.state_number = 100; /* nothing to wait for */
	refused(CODE_ROOM_FROZEN, true);
	state.disputed = 1;
	message.state_number = 1;
	refused(CODE_ROOM_FROZEN, true);
}

static void
places(void **unused)
{
	static const uint8_t other[32] = {1};
	struct room_verdict verdict;

	(void)unused;
	facts.beside.at = message.place.digest;
	assert_int_equal(take().outcome, ROOM_KNOWN);
	/* known stays known, whatever became of the member */
	facts.member.left = 5;
	assert_int_equal(take().outcome, ROOM_KNOWN);
	facts.beside.at = other;
	verdict = take();
	assert_int_equal(verdict.outcome, ROOM_CONFLICT);
	assert_int_equal(verdict.code, CODE_SEQUENCE_CONFLICT);
	assert_int_equal(verdict.from, 1);
	set_up(NULL);
	message.place.sequence = ROOM_WINDOW + 1;
	assert_int_equal(take().code, CODE_SEQUENCE_AHEAD);
}

/* Of one origin the highest epochs are kept, and none that lies far ahead. */
static void
epochs(void **unused)
{
	static const uint8_t other[32] = {1};

	(void)unused;
	message.epoch = NOW;
	facts.floor = NOW;
	assert_int_equal(take().outcome, ROOM_TAKEN);
	set_up(NULL);
	message.epoch = NOW - 1;
	facts.floor = NOW;
	assert_int_equal(take().outcome, ROOM_REFUSED);
	assert_int_equal(take().code, CODE_EXPIRED);
	facts.beside.at = other; /* and contradicts nothing any more */
	assert_int_equal(take().outcome, ROOM_REFUSED);
	assert_int_equal(take().code, CODE_EXPIRED);
	facts.beside.at = message.place.digest;
	assert_int_equal(take().outcome, ROOM_KNOWN);
	set_up(NULL);
	message.epoch = NOW + ROOM_EPOCH_AHEAD_S;
	assert_int_equal(take().outcome, ROOM_TAKEN);
	set_up(NULL);
	message.epoch = NOW + ROOM_EPOCH_AHEAD_S + 1;
	assert_int_equal(take().outcome, ROOM_WAIT);
	assert_int_equal(take().code, CODE_SEQUENCE_AHEAD);
}

static void
sending(void **unused)
{
	struct room_member member = {4, 0};
	int64_t number;

	(void)unused;
	assert_int_equal(
	    room_message_send(&state, &member, false, &number), CODE_OK);
	assert_int_equal(number, 9);
	assert_int_equal(
	    room_message_send(&state, &member, true, &number), CODE_NOT_MEMBER);
	assert_int_equal(number, 0);
	member.left = 9;
	assert_int_equal(room_message_send(&state, &member, false, &number),
	    CODE_NOT_MEMBER);
	member.joined = 0;
	member.left = 0;
	assert_int_equal(room_message_send(&state, &member, false, &number),
	    CODE_NOT_MEMBER);
	member.joined = 4;
	state.closed = 9;
	assert_int_equal(room_message_send(&state, &member, false, &number),
	    CODE_ROOM_CLOSED);
	state.disputed = 30;
	assert_int_equal(room_message_send(&state, &member, false, &number),
	    CODE_ROOM_FROZEN);
	state.number = 0;
	assert_int_equal(room_message_send(&state, &member, false, &number),
	    CODE_ROOM_UNKNOWN);
	assert_int_equal(room_message_send(NULL, &member, false, &number),
	    CODE_ROOM_UNKNOWN);
}

static enum room_giving
give(int64_t number, bool member_then, bool member_now)
{
	struct room_asked asked = {.known = true,
	    .state_number = number,
	    .member_then = member_then,
	    .member_now = member_now,
	    .payload = true};

	return room_message_give(&state, &asked);
}

static void
giving(void **unused)
{
	(void)unused;
	assert_int_equal(give(9, true, true), ROOM_GIVE);
	assert_int_equal(give(9, false, true), ROOM_GIVE_VOID);
	assert_int_equal(give(9, true, false), ROOM_GIVE_NOTHING);
	assert_int_equal(give(9, false, false), ROOM_GIVE_NOTHING);
	/* under a number that we lack */
	assert_int_equal(give(10, true, true), ROOM_GIVE_NOTHING);
	assert_int_equal(give(10, false, true), ROOM_GIVE_NOTHING);
	state.disputed = 8;
	assert_int_equal(give(7, true, true), ROOM_GIVE);
	assert_int_equal(give(8, true, true), ROOM_GIVE_VOID);
	assert_int_equal(give(99, true, true), ROOM_GIVE_VOID);
	assert_int_equal(give(99, true, false), ROOM_GIVE_NOTHING);
}

/* Given while it is kept, void if it never left, gone otherwise. */
static void
given_or_gone(void **unused)
{
	struct room_asked asked = {.known = true,
	    .state_number = 9,
	    .member_then = true,
	    .member_now = true,
	    .payload = true,
	    .left = true,
	    .cancelled = true};

	(void)unused;
	/* to whom it was cancelled for, too */
	assert_int_equal(room_message_give(&state, &asked), ROOM_GIVE);
	asked.payload = false;
	assert_int_equal(room_message_give(&state, &asked), ROOM_GIVE_GONE);
	asked.left = false;
	assert_int_equal(room_message_give(&state, &asked), ROOM_GIVE_VOID);
	asked.payload = true;
	assert_int_equal(room_message_give(&state, &asked), ROOM_GIVE_VOID);
	asked.proof = true; /* as proof neither */
	assert_int_equal(room_message_give(&state, &asked), ROOM_GIVE_VOID);
	asked.proof = false;
	asked.cancelled = false;
	assert_int_equal(room_message_give(&state, &asked), ROOM_GIVE);
	/* not for the asker, but proof of what was signed */
	asked.member_then = false;
	asked.left = true;
	assert_int_equal(room_message_give(&state, &asked), ROOM_GIVE_VOID);
	asked.proof = true;
	assert_int_equal(room_message_give(&state, &asked), ROOM_GIVE);
	asked.payload = false;
	assert_int_equal(room_message_give(&state, &asked), ROOM_GIVE_GONE);
	asked.proof = false;
	asked.refused = true;
	asked.payload = true;
	assert_int_equal(room_message_give(&state, &asked), ROOM_GIVE);
	/* what a backup forgot may have left */
	asked.known = false;
	assert_int_equal(room_message_give(&state, &asked), ROOM_GIVE_GONE);
	asked.member_now = false;
	assert_int_equal(room_message_give(&state, &asked), ROOM_GIVE_NOTHING);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

/* What is late or hidden is kept, and not shown. */
static void
visible(void **unused)
{
	(void)unused;
	assert_true(room_message_visible(0));
	assert_true(room_message_visible(
	    ROOM_WAS_HELD | ROOM_UNVERIFIED | ROOM_FILLED));
	assert_false(room_message_visible(ROOM_LATE));
	assert_false(room_message_visible(ROOM_HIDDEN | ROOM_FILLED));
}

/* What waits for its state, or was taken without, is judged again. */
static void
judged_again(void **unused)
{
	struct room_verdict verdict = {ROOM_HELD, CODE_OK, 0, 0, 0, 0};

	(void)unused;
	assert_true(room_message_open(&verdict));
	verdict.outcome = ROOM_TAKEN;
	assert_false(room_message_open(&verdict));
	verdict.flags = ROOM_UNVERIFIED;
	assert_true(room_message_open(&verdict));
	verdict.outcome = ROOM_REFUSED;
	assert_false(room_message_open(&verdict));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(visible),
	    cmocka_unit_test(judged_again),
	    TEST(taken),
	    TEST(no_member),
	    TEST(removed),
	    TEST(room_missing),
	    TEST(around_the_end),
	    TEST(held),
	    TEST(held_again),
	    TEST(frozen),
	    TEST(places),
	    TEST(epochs),
	    TEST(sending),
	    TEST(giving),
	    TEST(given_or_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
