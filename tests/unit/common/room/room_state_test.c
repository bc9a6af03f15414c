/* SPDX-License-Identifier: ISC */
/* The transition from state to state: each kind, each rule, each refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/ed.h"
#include "room/room_state.h"

#define NOW INT64_C(1760000000)

static struct room_state state;
static struct room_facts facts;
static struct room_event event;
static struct room_effect effect;
static struct room_invitation invitation;
static const struct room_member member = {2, 0}, gone = {2, 5};

static struct room_user
user(int server, const char *name)
{
	struct room_user made;
	uint8_t key[32];

	memset(key, server, sizeof(key));
	room_user_make(&made, key, name, strlen(name));
	return made;
}

/* An open room of server 1 at number 9, and an event that comes next. */
static int
set_up(void **unused)
{
	(void)unused;
	memset(&state, 0, sizeof(state));
	memset(&facts, 0, sizeof(facts));
	memset(&event, 0, sizeof(event));
	memset(&invitation, 0, sizeof(invitation));
	memset(state.room.home, 1, 32);
	memset(state.hash, 9, 32);
	state.number = 9;
	state.require_invite = true;
	state.federated = true;
	event.room = state.room;
	event.number = 10;
	memset(event.previous, 9, 32);
	event.timestamp = NOW;
	event.content.user = user(2, "bob");
	event.content.inviter = user(1, "alice");
	invitation.number = 7;
	invitation.expires = NOW;
	invitation.invitee = user(2, "bob");
	invitation.inviter = user(1, "alice");
	return 0;
}

static enum code
rules(enum room_kind kind)
{
	event.kind = kind;
	return room_state_rules(&state, &event, &facts);
}

static struct room_verdict
apply(enum room_kind kind)
{
	event.kind = kind;
	return room_state_apply(&state, &event, &facts, NOW, &effect);
}

static void
create(void **unused)
{
	struct room_verdict verdict;

	(void)unused;
	state.number = 0;
	memset(state.hash, 0, 32);
	memset(event.previous, 0, 32);
	event.number = 1;
	assert_int_equal(rules(ROOM_CREATE), CODE_SPEAKER); /* not the home's */
	assert_int_equal(rules(ROOM_JOIN), CODE_STATE_INVALID);
	event.content.user = user(1, "alice");
	event.content.require_invite = true;
	event.content.restricted = true;
	event.content.federated = true;
	verdict = apply(ROOM_CREATE);
	assert_int_equal(verdict.outcome, ROOM_TAKEN);
	assert_int_equal(effect.members, ROOM_MEMBERS_ADD);
	assert_true(effect.servers_set);
	assert_false(effect.invitation_add || effect.invitation_used);
	assert_int_equal(state.number, 1);
	assert_true(
	    state.require_invite && state.restricted && state.federated);
	/* no second one */
	event.number = 2;
	memcpy(event.previous, state.hash, 32);
	assert_int_equal(rules(ROOM_CREATE), CODE_STATE_INVALID);
}

/* A first event that breaks the rules, or names one before it, freezes. */
static void
create_bad(void **unused)
{
	struct room_verdict verdict;

	(void)unused;
	state.number = 0;
	memset(state.hash, 0, 32);
	event.number = 1;
	event.content.user = user(1, "alice");
	verdict = apply(ROOM_CREATE);
	assert_int_equal(verdict.outcome, ROOM_CONFLICT);
	assert_int_equal(verdict.code, CODE_STATE_INVALID);
	assert_int_equal(state.disputed, 1);
	assert_int_equal(state.number, 0);
}

static void
invite(void **unused)
{
	(void)unused;
	event.content.expires = NOW + ROOM_INVITE_S;
	assert_int_equal(rules(ROOM_INVITE), CODE_NOT_MEMBER);
	facts.inviter = gone;
	assert_int_equal(rules(ROOM_INVITE), CODE_NOT_MEMBER);
	facts.inviter = member;
	assert_int_equal(rules(ROOM_INVITE), CODE_OK);
	facts.user = member;
	assert_int_equal(rules(ROOM_INVITE), CODE_STATE_INVALID);
	facts.user = gone;
	assert_int_equal(rules(ROOM_INVITE), CODE_OK);
	event.content.expires = NOW + ROOM_INVITE_S + 1;
	assert_int_equal(rules(ROOM_INVITE), CODE_INVITE_EXPIRED);
	event.content.expires = NOW;
	assert_int_equal(rules(ROOM_INVITE), CODE_INVITE_EXPIRED);
	event.content.expires = NOW + 1;
	assert_int_equal(rules(ROOM_INVITE), CODE_OK);
	facts.invitation = &invitation; /* the nonce is taken */
	assert_int_equal(rules(ROOM_INVITE), CODE_INVITE_USED);
	facts.invitation = NULL;
	assert_int_equal(apply(ROOM_INVITE).outcome, ROOM_TAKEN);
	assert_int_equal(effect.members, ROOM_MEMBERS_SAME);
	assert_true(effect.invitation_add);
	assert_false(effect.invitation_used || effect.servers_set);
}

static void
admission(void **unused)
{
	static const enum room_kind kinds[] = {ROOM_INVITE, ROOM_JOIN};
	size_t i;

	(void)unused;
	event.content.expires = NOW + 1;
	facts.inviter = member;
	state.require_invite = false;
	for (i = 0; i < 2; i++) {
		state.federated = false;
		assert_int_equal(rules(kinds[i]), CODE_SERVER_EXCLUDED);
		facts.listed = true;
		assert_int_equal(rules(kinds[i]), CODE_SERVER_EXCLUDED);
		state.federated = true;
		assert_int_equal(rules(kinds[i]), CODE_OK);
		facts.listed = false;
		assert_int_equal(rules(kinds[i]), CODE_OK);
		state.restricted = true;
		assert_int_equal(rules(kinds[i]), CODE_SERVER_EXCLUDED);
		facts.listed = true;
		assert_int_equal(rules(kinds[i]), CODE_OK);
		facts.listed = false;
		/* the home's own users always */
		event.content.user = user(1, "carol");
		state.federated = false;
		assert_int_equal(rules(kinds[i]), CODE_OK);
		event.content.user = user(2, "bob");
		state.restricted = false;
	}
}

/* The 257th server beside the home; its users, and the home's, still fit. */
static void
full(void **unused)
{
	(void)unused;
	state.require_invite = false;
	facts.servers = ROOM_SERVERS_MAX - 1;
	assert_int_equal(rules(ROOM_JOIN), CODE_OK);
	facts.servers = ROOM_SERVERS_MAX;
	assert_int_equal(rules(ROOM_JOIN), CODE_ROOM_FULL);
	facts.server_in = true;
	assert_int_equal(rules(ROOM_JOIN), CODE_OK);
	facts.server_in = false;
	event.content.user = user(1, "carol");
	assert_int_equal(rules(ROOM_JOIN), CODE_OK);
	event.content.user = user(2, "bob");
	assert_int_equal(apply(ROOM_JOIN).outcome, ROOM_CONFLICT);
}

static void
join(void **unused)
{
	(void)unused;
	assert_int_equal(rules(ROOM_JOIN), CODE_INVITE_REQUIRED);
	state.require_invite = false;
	assert_int_equal(rules(ROOM_JOIN), CODE_OK);
	event.content.has_nonce = true; /* then it must be good */
	assert_int_equal(rules(ROOM_JOIN), CODE_INVITE_UNKNOWN);
	state.require_invite = true;
	facts.invitation = &invitation;
	assert_int_equal(rules(ROOM_JOIN), CODE_OK);
	invitation.invitee = user(2, "eve");
	assert_int_equal(rules(ROOM_JOIN), CODE_INVITE_UNKNOWN);
	invitation.invitee = user(3, "bob");
	assert_int_equal(rules(ROOM_JOIN), CODE_INVITE_UNKNOWN);
	invitation.invitee = user(2, "bob");
	invitation.used = 8;
	assert_int_equal(rules(ROOM_JOIN), CODE_INVITE_USED);
	invitation.used = 0;
	invitation.expires = NOW - 1;
	assert_int_equal(rules(ROOM_JOIN), CODE_INVITE_EXPIRED);
	invitation.expires = NOW;
	facts.user = member;
	assert_int_equal(rules(ROOM_JOIN), CODE_STATE_INVALID);
	facts.user = gone; /* at 5, invited again at 7 */
	assert_int_equal(rules(ROOM_JOIN), CODE_OK);
	facts.user.left = 7;
	assert_int_equal(rules(ROOM_JOIN), CODE_INVITE_VOID);
	facts.user.left = 8;
	assert_int_equal(rules(ROOM_JOIN), CODE_INVITE_VOID);
	facts.user.left = 6;
	assert_int_equal(apply(ROOM_JOIN).outcome, ROOM_TAKEN);
	assert_int_equal(effect.members, ROOM_MEMBERS_ADD);
	assert_true(effect.invitation_used);
	assert_false(effect.invitation_add);
}

static void
leave(void **unused)
{
	(void)unused;
	assert_int_equal(rules(ROOM_LEAVE), CODE_NOT_MEMBER);
	facts.user = gone;
	assert_int_equal(rules(ROOM_LEAVE), CODE_NOT_MEMBER);
	facts.user = member;
	assert_int_equal(apply(ROOM_LEAVE).outcome, ROOM_TAKEN);
	assert_int_equal(effect.members, ROOM_MEMBERS_END);
}

static void
removal(void **unused)
{
	(void)unused;
	assert_int_equal(rules(ROOM_REMOVE), CODE_NOT_MEMBER);
	facts.user = gone;
	assert_int_equal(rules(ROOM_REMOVE), CODE_NOT_MEMBER);
	facts.invited = 5; /* from before he went */
	assert_int_equal(rules(ROOM_REMOVE), CODE_NOT_MEMBER);
	facts.invited = 6;
	assert_int_equal(apply(ROOM_REMOVE).outcome, ROOM_TAKEN);
	assert_int_equal(effect.members, ROOM_MEMBERS_TAKE_BACK);
	set_up(NULL);
	facts.user = member;
	assert_int_equal(apply(ROOM_REMOVE).outcome, ROOM_TAKEN);
	assert_int_equal(effect.members, ROOM_MEMBERS_END);
}

static void
servers(void **unused)
{
	(void)unused;
	event.content.restricted = true;
	assert_int_equal(apply(ROOM_SERVERS).outcome, ROOM_TAKEN);
	assert_int_equal(effect.members, ROOM_MEMBERS_END_UNLISTED);
	assert_true(effect.servers_set && state.restricted);
	set_up(NULL);
	state.restricted = true;
	assert_int_equal(apply(ROOM_SERVERS).outcome, ROOM_TAKEN);
	assert_int_equal(effect.members, ROOM_MEMBERS_SAME);
	assert_true(effect.servers_set && !state.restricted);
}

static void
federation(void **unused)
{
	(void)unused;
	assert_int_equal(apply(ROOM_FEDERATION).outcome, ROOM_TAKEN);
	assert_int_equal(effect.members, ROOM_MEMBERS_END_REMOTE);
	assert_false(state.federated);
	set_up(NULL);
	state.federated = false;
	event.content.federated = true;
	assert_int_equal(apply(ROOM_FEDERATION).outcome, ROOM_TAKEN);
	assert_int_equal(effect.members, ROOM_MEMBERS_SAME);
	assert_true(state.federated);
	set_up(NULL);
	assert_int_equal(apply(ROOM_RENAME).outcome, ROOM_TAKEN);
	assert_int_equal(effect.members, ROOM_MEMBERS_SAME);
}

static void
closing(void **unused)
{
	int kind;

	(void)unused;
	assert_int_equal(apply(ROOM_CLOSE).outcome, ROOM_TAKEN);
	assert_int_equal(effect.members, ROOM_MEMBERS_END_ALL);
	assert_int_equal(state.closed, 10);
	facts.user = member;
	facts.inviter = member;
	event.content.expires = NOW + 1;
	for (kind = ROOM_INVITE; kind < ROOM_KEY; kind++)
		assert_int_equal(rules((enum room_kind)kind), CODE_ROOM_CLOSED);
	assert_int_equal(rules(ROOM_KINDS), CODE_STATE_INVALID);
	assert_int_equal(rules((enum room_kind)77), CODE_STATE_INVALID);
}

/* The home's new key changes nothing, and may follow the end. */
static void
key(void **unused)
{
	struct room_state before = state;

	(void)unused;
	state.number = 0;
	assert_int_equal(rules(ROOM_KEY), CODE_STATE_INVALID);
	state = before;
	assert_int_equal(apply(ROOM_KEY).outcome, ROOM_TAKEN);
	assert_int_equal(effect.members, ROOM_MEMBERS_SAME);
	before.number = state.number;
	before.timestamp = state.timestamp;
	memcpy(before.hash, state.hash, sizeof(state.hash));
	assert_memory_equal(&before, &state, sizeof(state));
	state.closed = 9;
	event.number = 11;
	memcpy(event.previous, state.hash, sizeof(event.previous));
	assert_int_equal(apply(ROOM_KEY).outcome, ROOM_TAKEN);
	assert_int_equal(state.closed, 9);
	state.disputed = 12;
	event.number = 12; /* the one in dispute: its bearer is shown why */
	assert_int_equal(apply(ROOM_KEY).code, CODE_ROOM_FROZEN);
	assert_int_equal(apply(ROOM_KEY).from, 12);
}

/* Whom the chain is shown, and how much of it. */
static void
shown(void **unused)
{
	struct room_member last = {0, 0};

	(void)unused;
	assert_int_equal(room_state_shown(&state, &last, false), 0);
	assert_true(room_state_shown(&state, &last, true) >= 99);
	last.joined = 4;
	assert_true(room_state_shown(&state, &last, false) >= 99);
	last.left = 6;
	assert_int_equal(room_state_shown(&state, &last, false), 6);
	state.closed = 7;
	assert_int_equal(room_state_shown(&state, &last, false), 6);
	state.closed = 6; /* it was there until the end */
	assert_true(room_state_shown(&state, &last, false) >= 99);
}

static void
order(void **unused)
{
	struct room_verdict verdict;
	uint8_t hash[32];

	(void)unused;
	event.number = 15;
	verdict = apply(ROOM_RENAME);
	assert_int_equal(verdict.outcome, ROOM_WAIT);
	assert_int_equal(verdict.code, CODE_STATE_GAP);
	assert_int_equal(verdict.from, 10);
	assert_int_equal(verdict.to, 14);
	assert_int_equal(state.number, 9);
	event.number = 0;
	assert_int_equal(apply(ROOM_RENAME).outcome, ROOM_REFUSED);
	event.number = -1;
	assert_int_equal(apply(ROOM_RENAME).outcome, ROOM_REFUSED);
	event.number = 10;
	assert_int_equal(apply(ROOM_RENAME).outcome, ROOM_TAKEN);
	room_event_hash(hash, &event);
	assert_memory_equal(state.hash, hash, 32);
	facts.known = hash;
	assert_int_equal(apply(ROOM_RENAME).outcome, ROOM_KNOWN);
	facts.known = NULL; /* pruned */
	assert_int_equal(apply(ROOM_RENAME).outcome, ROOM_KNOWN);
	assert_int_equal(state.disputed, 0);
	event.room.uuid[0] ^= 1;
	verdict = apply(ROOM_RENAME);
	assert_int_equal(verdict.outcome, ROOM_REFUSED);
	assert_int_equal(verdict.code, CODE_ROOM_UNKNOWN);
}

static void
two_of_a_number(void **unused)
{
	struct room_verdict verdict;
	uint8_t hash[32] = {1};

	(void)unused;
	event.number = 6;
	facts.known = hash;
	verdict = apply(ROOM_RENAME);
	assert_int_equal(verdict.outcome, ROOM_CONFLICT);
	assert_int_equal(verdict.code, CODE_STATE_CONFLICT);
	assert_int_equal(verdict.from, 6);
	assert_int_equal(state.disputed, 6);
	assert_int_equal(room_state_last(&state), 5);
	/* whoever shows the one that we have is to be shown the other */
	room_event_hash(hash, &event);
	verdict = apply(ROOM_RENAME);
	assert_int_equal(verdict.outcome, ROOM_KNOWN);
	assert_int_equal(verdict.from, 6);
	hash[0] ^= 1;
	/* a higher one does not raise it, a lower one lowers it */
	event.number = 8;
	assert_int_equal(apply(ROOM_RENAME).outcome, ROOM_REFUSED);
	assert_int_equal(apply(ROOM_RENAME).code, CODE_ROOM_FROZEN);
	assert_int_equal(state.disputed, 6);
	event.number = 6; /* the other again is no news */
	verdict = apply(ROOM_RENAME);
	assert_int_equal(verdict.outcome, ROOM_REFUSED);
	assert_int_equal(verdict.code, CODE_ROOM_FROZEN);
	assert_int_equal(verdict.from, 6);
	event.number = 3;
	assert_int_equal(apply(ROOM_RENAME).outcome, ROOM_CONFLICT);
	assert_int_equal(state.disputed, 3);
	/* nothing more is taken */
	event.number = 10;
	verdict = apply(ROOM_RENAME);
	assert_int_equal(verdict.outcome, ROOM_REFUSED);
	assert_int_equal(verdict.code, CODE_ROOM_FROZEN);
	assert_int_equal(verdict.from, 0);
}

static void
other_predecessor(void **unused)
{
	struct room_verdict verdict;

	(void)unused;
	event.previous[0] ^= 1;
	verdict = apply(ROOM_RENAME);
	assert_int_equal(verdict.outcome, ROOM_CONFLICT);
	assert_int_equal(verdict.code, CODE_STATE_CONFLICT);
	assert_int_equal(verdict.from, 9);
	assert_int_equal(state.disputed, 9);
	assert_int_equal(state.number, 9);
	assert_int_equal(room_state_last(&state), 8);
}

static void
broken_rule(void **unused)
{
	struct room_verdict verdict;

	(void)unused;
	verdict = apply(ROOM_LEAVE); /* of who is no member */
	assert_int_equal(verdict.outcome, ROOM_CONFLICT);
	assert_int_equal(verdict.code, CODE_STATE_INVALID);
	assert_int_equal(state.disputed, 10);
	assert_int_equal(state.number, 9);
	assert_int_equal(room_state_last(&state), 9);
}

/* Times of the chain never go back; those that are equal are good. */
static void
times(void **unused)
{
	(void)unused;
	state.timestamp = NOW;
	assert_int_equal(apply(ROOM_RENAME).outcome, ROOM_TAKEN);
	assert_int_equal(state.timestamp, NOW);
	set_up(NULL);
	state.timestamp = NOW + 1;
	assert_int_equal(apply(ROOM_RENAME).code, CODE_STATE_INVALID);
	assert_int_equal(state.disputed, 10);
}

/* What is good waits for the clock; what is not freezes whatever it says. */
static void
ahead(void **unused)
{
	struct room_verdict verdict;

	(void)unused;
	event.timestamp = NOW + ROOM_AHEAD_S;
	assert_int_equal(apply(ROOM_RENAME).outcome, ROOM_TAKEN);
	set_up(NULL);
	event.timestamp = NOW + ROOM_AHEAD_S + 1;
	verdict = apply(ROOM_RENAME);
	assert_int_equal(verdict.outcome, ROOM_WAIT);
	assert_int_equal(verdict.code, CODE_STATE_AHEAD);
	assert_int_equal(verdict.seconds, 1);
	assert_int_equal(verdict.from, 0);
	assert_int_equal(state.number, 9);
	assert_int_equal(state.disputed, 0);
	event.timestamp = NOW + 999 * ROOM_AHEAD_S;
	assert_int_equal(apply(ROOM_RENAME).seconds, 3600);
	assert_int_equal(apply(ROOM_LEAVE).code, CODE_STATE_INVALID);
	assert_int_equal(state.disputed, 10);
}

/* Frozen above what we have: what lies below is still taken. */
static void
frozen_above(void **unused)
{
	(void)unused;
	room_state_dispute(&state, 11);
	room_state_dispute(&state, 0);
	room_state_dispute(&state, -1);
	assert_int_equal(state.disputed, 11);
	assert_int_equal(apply(ROOM_RENAME).outcome, ROOM_TAKEN);
	event.number = 11;
	assert_int_equal(apply(ROOM_RENAME).outcome, ROOM_REFUSED);
	assert_int_equal(room_state_last(&state), 10);
}

static void
contradiction(void **unused)
{
	struct room_event other = event;

	(void)unused;
	assert_int_equal(room_state_contradiction(&event, &other), 0);
	other.timestamp++;
	assert_int_equal(room_state_contradiction(&event, &other), 10);
	assert_int_equal(room_state_contradiction(&other, &event), 10);
	other.number = 11;
	room_event_hash(other.previous, &event);
	assert_int_equal(room_state_contradiction(&event, &other), 0);
	assert_int_equal(room_state_contradiction(&other, &event), 0);
	other.previous[0] ^= 1;
	assert_int_equal(room_state_contradiction(&event, &other), 10);
	assert_int_equal(room_state_contradiction(&other, &event), 10);
	other.number = 12; /* too far apart to tell */
	assert_int_equal(room_state_contradiction(&event, &other), 0);
	other = event;
	other.timestamp++;
	other.room.uuid[3] ^= 1;
	assert_int_equal(room_state_contradiction(&event, &other), 0);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(create),
	    TEST(create_bad),
	    TEST(invite),
	    TEST(admission),
	    TEST(full),
	    TEST(join),
	    TEST(leave),
	    TEST(removal),
	    TEST(servers),
	    TEST(federation),
	    TEST(closing),
	    TEST(key),
	    TEST(shown),
	    TEST(order),
	    TEST(two_of_a_number),
	    TEST(other_predecessor),
	    TEST(broken_rule),
	    TEST(times),
	    TEST(ahead),
	    TEST(frozen_above),
	    TEST(contradiction),
	};

	if (ed_init() == -1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
