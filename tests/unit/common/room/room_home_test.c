/* SPDX-License-Identifier: ISC */
/* What a home decides, who speaks for whom, and restores. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/ed.h"
#include "room/room_home.h"
#include "room/room_speaker.h"

#define NOW INT64_C(1760000000)

static struct room_state state;
static struct room_facts facts;
static struct room_event event;
static struct room_recovery recovery;
static struct room_invitation invitation;
static uint8_t self[32], home[32], origin[32];

static struct room_user
user(const uint8_t server[32], const char *name)
{
	struct room_user made;

	room_user_make(&made, server, name, strlen(name));
	return made;
}

static int
set_up(void **unused)
{
	(void)unused;
	memset(&state, 0, sizeof(state));
	memset(&facts, 0, sizeof(facts));
	memset(&event, 0, sizeof(event));
	memset(&recovery, 0, sizeof(recovery));
	memset(&invitation, 0, sizeof(invitation));
	memset(home, 1, 32);
	memset(origin, 2, 32);
	memset(self, 3, 32);
	memcpy(state.room.home, home, 32);
	memset(state.hash, 9, 32);
	state.number = 9;
	state.require_invite = true;
	state.federated = true;
	event.content.user = user(self, "bob");
	event.content.inviter = user(origin, "alice");
	event.timestamp = NOW;
	event.content.expires = NOW + 60;
	event.kind = ROOM_INVITE;
	event.number = 4;
	event.room = state.room;
	invitation.number = 7;
	invitation.expires = NOW;
	invitation.invitee = event.content.user;
	return 0;
}

static struct room_verdict
decide(enum room_kind kind)
{
	event.kind = kind;
	room_home_event(&event, &state, NOW);
	return room_home_decide(&state, &event, &facts, &recovery, false, NOW);
}

static void
home_taken(void **unused)
{
	struct room_state before;

	(void)unused;
	facts.inviter.joined = 1;
	before = state;
	assert_int_equal(decide(ROOM_INVITE).outcome, ROOM_TAKEN);
	assert_memory_equal(&before, &state, sizeof(state));
	assert_int_equal(event.number, 10);
	assert_memory_equal(event.previous, state.hash, 32);
	assert_true(room_id_equal(&event.room, &state.room));
	assert_int_equal(event.timestamp, NOW);
	state.timestamp = NOW + 9; /* the clock went back */
	assert_int_equal(decide(ROOM_INVITE).outcome, ROOM_TAKEN);
	assert_int_equal(event.timestamp, NOW + 9);
}

static void
home_refused(void **unused)
{
	struct room_verdict verdict;

	(void)unused;
	verdict = decide(ROOM_INVITE);
	assert_int_equal(verdict.outcome, ROOM_REFUSED);
	assert_int_equal(verdict.code, CODE_NOT_MEMBER);
	verdict = decide(ROOM_JOIN);
	assert_int_equal(verdict.code, CODE_INVITE_REQUIRED);
	verdict = decide(ROOM_LEAVE);
	assert_int_equal(verdict.code, CODE_NOT_MEMBER);
	state.closed = 9;
	verdict = decide(ROOM_RENAME);
	assert_int_equal(verdict.code, CODE_ROOM_CLOSED);
	state.disputed = 20;
	verdict = decide(ROOM_RENAME);
	assert_int_equal(verdict.outcome, ROOM_REFUSED);
	assert_int_equal(verdict.code, CODE_ROOM_FROZEN);
}

/* Asked again: what was done is so, whatever came of it since. */
static void
home_join_again(void **unused)
{
	(void)unused;
	facts.user.joined = 8;
	event.content.has_nonce = true;
	facts.invitation = &invitation;
	invitation.used = 8;
	assert_int_equal(decide(ROOM_JOIN).outcome, ROOM_KNOWN);
	invitation.used = 6; /* of an earlier membership */
	assert_int_equal(decide(ROOM_JOIN).outcome, ROOM_KNOWN);
	invitation.used = 8;
	facts.user.left = 9;
	assert_int_equal(decide(ROOM_JOIN).outcome, ROOM_KNOWN);
	state.closed = 9;
	assert_int_equal(decide(ROOM_JOIN).outcome, ROOM_KNOWN);
	state.closed = 0;
	facts.user.left = 0;
	invitation.used = 0; /* came in by another */
	assert_int_equal(decide(ROOM_JOIN).outcome, ROOM_REFUSED);
	invitation.used = 8;
	invitation.invitee = user(self, "eve");
	assert_int_equal(decide(ROOM_JOIN).outcome, ROOM_REFUSED);
	facts.invitation = NULL;
	assert_int_equal(decide(ROOM_JOIN).outcome, ROOM_REFUSED);
	event.content.has_nonce = false;
	assert_int_equal(decide(ROOM_JOIN).outcome, ROOM_KNOWN);
	facts.user.left = 9; /* without a nonce it is another request */
	state.require_invite = false;
	assert_int_equal(decide(ROOM_JOIN).outcome, ROOM_TAKEN);
}

static void
home_leave_again(void **unused)
{
	(void)unused;
	facts.user.joined = 8;
	assert_int_equal(decide(ROOM_LEAVE).outcome, ROOM_TAKEN);
	facts.user.left = 9;
	assert_int_equal(decide(ROOM_LEAVE).outcome, ROOM_KNOWN);
	state.closed = 9;
	assert_int_equal(decide(ROOM_LEAVE).outcome, ROOM_KNOWN);
	state.closed = 0;
	facts.user.joined = 9; /* an invitation taken back: never a member */
	assert_int_equal(decide(ROOM_LEAVE).code, CODE_NOT_MEMBER);
}

/* A nonce asks for one invitation, whatever has become of it. */
static void
home_invite_again(void **unused)
{
	(void)unused;
	facts.inviter.joined = 1;
	facts.invitation = &invitation;
	event.content.has_nonce = true;
	invitation.expires = event.content.expires;
	invitation.inviter = event.content.inviter;
	assert_int_equal(decide(ROOM_INVITE).outcome, ROOM_KNOWN);
	facts.user.joined = 8;
	invitation.used = 8;
	assert_int_equal(decide(ROOM_INVITE).outcome, ROOM_KNOWN);
	facts.inviter.left = 9;
	assert_int_equal(decide(ROOM_INVITE).outcome, ROOM_KNOWN);
	state.closed = 9;
	assert_int_equal(decide(ROOM_INVITE).outcome, ROOM_KNOWN);
	state.closed = 0;
	facts.inviter.left = 0;
	facts.user.joined = 0;
	/* Another one. */
	invitation.expires++;
	assert_int_equal(decide(ROOM_INVITE).code, CODE_INVITE_USED);
	invitation.expires--;
	invitation.invitee = user(self, "eve");
	assert_int_equal(decide(ROOM_INVITE).code, CODE_INVITE_USED);
	invitation.invitee = event.content.user;
	invitation.inviter = user(origin, "eve");
	assert_int_equal(decide(ROOM_INVITE).code, CODE_INVITE_USED);
}

/* What was committed and is not signed yet is not in the facts. */
static void
home_pending(void **unused)
{
	struct room_verdict verdict;

	(void)unused;
	event.kind = ROOM_RENAME;
	room_home_event(&event, &state, NOW);
	verdict =
	    room_home_decide(&state, &event, &facts, &recovery, true, NOW);
	assert_int_equal(verdict.outcome, ROOM_WAIT);
	assert_int_equal(verdict.code, CODE_BUSY);
	assert_true(verdict.seconds > 0);
	/* Of a room that is about to be made, too. */
	state.number = 0;
	event.kind = ROOM_JOIN;
	verdict =
	    room_home_decide(&state, &event, &facts, &recovery, true, NOW);
	assert_int_equal(verdict.code, CODE_BUSY);
	assert_int_equal(decide(ROOM_JOIN).outcome, ROOM_REFUSED);
	assert_int_equal(decide(ROOM_JOIN).code, CODE_ROOM_UNKNOWN);
	recovery.since = NOW - 1; /* it may have been forgotten */
	assert_int_equal(decide(ROOM_JOIN).code, CODE_RECOVERING);
}

static void
home_recovering(void **unused)
{
	struct room_verdict verdict;

	(void)unused;
	recovery.since = NOW - ROOM_RECOVERY_S + 1;
	recovery.servers = 2;
	recovery.asked = 1;
	verdict = decide(ROOM_RENAME);
	assert_int_equal(verdict.outcome, ROOM_WAIT);
	assert_int_equal(verdict.code, CODE_RECOVERING);
	assert_true(verdict.seconds > 0);
	recovery.asked = 2;
	assert_int_equal(decide(ROOM_RENAME).outcome, ROOM_TAKEN);
	recovery.asked = 0;
	recovery.since--;
	assert_int_equal(decide(ROOM_RENAME).outcome, ROOM_TAKEN);
	recovery.since = NOW + 100; /* the clock went back */
	assert_int_equal(decide(ROOM_RENAME).outcome, ROOM_WAIT);
	recovery.servers = 0; /* nobody that we remember */
	assert_int_equal(decide(ROOM_RENAME).outcome, ROOM_WAIT);
}

static void
key_due(void **unused)
{
	(void)unused;
	assert_true(room_home_key_due(4, 5));
	assert_false(room_home_key_due(5, 5));
	assert_false(room_home_key_due(6, 5));
}

static void
speakers(void **unused)
{
	static const struct {
		enum room_act act;
		bool own;     /* the user is the origin's */
		uint8_t home; /* 1 another, 2 the origin, 3 we */
		enum code code;
	} rows[] = {
	    {ROOM_ACT_MESSAGE, true, 1, CODE_OK},
	    {ROOM_ACT_MESSAGE, true, 2, CODE_OK},
	    {ROOM_ACT_MESSAGE, true, 3, CODE_OK},
	    {ROOM_ACT_MESSAGE, false, 1, CODE_SPEAKER},
	    {ROOM_ACT_MESSAGE, false, 2, CODE_SPEAKER},
	    {ROOM_ACT_INVITE_REQUEST, true, 3, CODE_OK},
	    {ROOM_ACT_INVITE_REQUEST, false, 3, CODE_SPEAKER},
	    {ROOM_ACT_INVITE_REQUEST, true, 1, CODE_NOT_HOME},
	    {ROOM_ACT_INVITE_REQUEST, true, 2, CODE_NOT_HOME},
	    {ROOM_ACT_JOIN_REQUEST, true, 3, CODE_OK},
	    {ROOM_ACT_JOIN_REQUEST, false, 3, CODE_SPEAKER},
	    {ROOM_ACT_JOIN_REQUEST, true, 1, CODE_NOT_HOME},
	    {ROOM_ACT_JOIN_REQUEST, true, 2, CODE_NOT_HOME},
	    {ROOM_ACT_LEAVE_REQUEST, true, 3, CODE_OK},
	    {ROOM_ACT_LEAVE_REQUEST, false, 3, CODE_SPEAKER},
	    {ROOM_ACT_LEAVE_REQUEST, true, 1, CODE_NOT_HOME},
	    {ROOM_ACT_INVITATION, true, 1, CODE_OK},
	    {ROOM_ACT_INVITATION, true, 3, CODE_OK},
	    {ROOM_ACT_INVITATION, false, 1, CODE_SPEAKER},
	    {ROOM_ACT_INVITATION, false, 2, CODE_SPEAKER},
	    {ROOM_ACT_STATE, false, 2, CODE_OK},
	    {ROOM_ACT_STATE, true, 2, CODE_OK},
	    {ROOM_ACT_STATE, true, 1, CODE_NOT_HOME},
	    {ROOM_ACT_STATE, true, 3, CODE_NOT_HOME},
	    {(enum room_act)99, true, 2, CODE_SPEAKER},
	};
	struct room_user somebody;
	struct room_id room;
	size_t i;

	(void)unused;
	memset(&room, 0, sizeof(room));
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(room.home, rows[i].home, 32);
		somebody = user(rows[i].own ? origin : home, "x");
		if (room_speaker_check(rows[i].act, &room, origin, self,
			&somebody) != rows[i].code)
			fail_msg("row %zu", i);
	}
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(home_taken),
	    TEST(home_refused),
	    TEST(home_join_again),
	    TEST(home_leave_again),
	    TEST(home_invite_again),
	    TEST(home_pending),
	    TEST(home_recovering),
	    TEST(key_due),
	    TEST(speakers),
	};

	if (ed_init() == -1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
