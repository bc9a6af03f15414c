/* SPDX-License-Identifier: ISC */
/* Invitations shown to us: what is taken, and what an origin learns by it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "room/room_invite.h"

#define NOW INT64_C(1760000000)

static struct room_event event;
static struct room_invite_facts facts;
static struct room_invite_effect effect;
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
	memset(&event, 0, sizeof(event));
	memset(&facts, 0, sizeof(facts));
	memset(home, 1, 32);
	memset(origin, 2, 32);
	memset(self, 3, 32);
	memcpy(event.room.home, home, 32);
	event.content.user = user(self, "bob");
	event.content.inviter = user(origin, "alice");
	event.timestamp = NOW;
	event.content.expires = NOW + 60;
	event.kind = ROOM_INVITE;
	event.number = 4;
	facts.self = self;
	facts.origin = origin;
	facts.origin_level = 2;
	facts.home_level = 2;
	facts.looks_up = true;
	facts.user_exists = true;
	return 0;
}

static struct room_verdict
take(void)
{
	return room_invite_take(&event, &facts, NOW, &effect);
}

static enum code
refusal(void)
{
	struct room_verdict verdict = take();

	return verdict.outcome == ROOM_REFUSED ? verdict.code : CODE_OK;
}

static void
shown(void **unused)
{
	static const struct {
		int origin;
		int home;
		enum room_showing showing;
	} rows[] = {
	    {1, 2, ROOM_SHOW_QUARANTINE},
	    {1, 3, ROOM_SHOW_QUARANTINE},
	    {2, 0, ROOM_SHOW_PENDING},
	    {2, 3, ROOM_SHOW_PENDING},
	    {3, 1, ROOM_SHOW_PENDING},
	    {3, -1, ROOM_SHOW_PENDING},
	    {3, 2, ROOM_SHOW_AUTOMATIC},
	    {3, 3, ROOM_SHOW_AUTOMATIC},
	};
	size_t i;

	(void)unused;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		facts.origin_level = rows[i].origin;
		facts.home_level = rows[i].home;
		facts.looks_up = rows[i].origin >= 2;
		assert_int_equal(take().outcome, ROOM_TAKEN);
		assert_int_equal(effect.showing, rows[i].showing);
		assert_int_equal(effect.at_once, rows[i].origin >= 2);
		assert_false(effect.costs);
		assert_int_equal(effect.open_most, rows[i].origin < 2 ? 10 : 0);
		assert_int_equal(
		    effect.waiting_most, rows[i].origin < 2 ? 0 : 10);
	}
}

static void
refused(void **unused)
{
	(void)unused;
	assert_int_equal(refusal(), CODE_OK);
	event.kind = ROOM_JOIN;
	assert_int_equal(refusal(), CODE_STATE_INVALID);
	event.kind = ROOM_INVITE;
	event.content.inviter = user(home, "alice");
	assert_int_equal(refusal(), CODE_SPEAKER);
	event.content.inviter = user(origin, "alice");
	event.content.user = user(origin, "bob"); /* for somebody else */
	assert_int_equal(refusal(), CODE_INVITE_UNKNOWN);
	assert_false(effect.costs);
	event.content.user = user(self, "bob");
	event.content.expires = NOW - 1;
	assert_int_equal(refusal(), CODE_INVITE_EXPIRED);
	event.content.expires = NOW;
	assert_int_equal(refusal(), CODE_INVITE_EXPIRED); /* made at NOW */
	event.timestamp = NOW - 1;
	assert_int_equal(refusal(), CODE_OK);
	event.content.expires = NOW + ROOM_INVITE_S - 1;
	assert_int_equal(refusal(), CODE_OK);
	event.content.expires = NOW + ROOM_INVITE_S;
	assert_int_equal(refusal(), CODE_INVITE_EXPIRED);
	event.content.expires = NOW + 1;
	facts.other = true;
	assert_int_equal(refusal(), CODE_STATE_INVALID);
}

/* Of ourselves as the home: an event of ours or nothing. */
static void
own(void **unused)
{
	uint8_t hash[32];

	(void)unused;
	memcpy(event.room.home, self, 32);
	assert_int_equal(refusal(), CODE_INVITE_UNKNOWN);
	room_event_hash(hash, &event);
	facts.own = hash;
	assert_int_equal(refusal(), CODE_OK);
	hash[0] ^= 1;
	assert_int_equal(refusal(), CODE_INVITE_UNKNOWN);
}

/* Whoever may look up is told that there is nobody, and pays for it. */
static void
nobody_looked_up(void **unused)
{
	(void)unused;
	facts.user_exists = false;
	assert_int_equal(refusal(), CODE_INVITE_UNKNOWN);
	assert_true(effect.costs);
	event.content.expires = NOW - 1; /* says nothing about anybody */
	assert_int_equal(refusal(), CODE_INVITE_EXPIRED);
	assert_false(effect.costs);
}

/*
 * Whoever may not is answered alike, and as much is done, at each level,
 * whatever the facts that it may not learn.
 */
static void
nobody_learns(void **unused)
{
	struct room_invite_effect first;
	struct room_verdict verdict, other;
	uint32_t hidden, open, known;
	int level;

	(void)unused;
	facts.looks_up = false;
	for (level = 1; level <= 3; level++)
		for (open = 0; open <= ROOM_PENDING_SERVER; open++)
			for (known = 0; known <= 1; known++) {
				facts.origin_level = level;
				facts.open_server = open;
				facts.known = known != 0;
				facts.user_exists = false;
				facts.waiting_server = level == 1 ? 0 : open;
				facts.waiting_invitee = 0;
				verdict = take();
				first = effect;
				assert_false(effect.at_once);
				assert_false(effect.costs);
				for (hidden = 0; hidden < 4; hidden++) {
					facts.user_exists = hidden & 1;
					facts.waiting_invitee =
					    (hidden & 2) != 0 ? 500 : 3;
					if (level == 1)
						facts.waiting_server = hidden;
					other = take();
					assert_memory_equal(
					    &other, &verdict, sizeof(verdict));
					assert_memory_equal(
					    &effect, &first, sizeof(first));
				}
			}
}

static void
limits(void **unused)
{
	struct room_verdict verdict;

	(void)unused;
	facts.open_server = 50; /* all but these were accepted or declined */
	facts.waiting_server = ROOM_PENDING_SERVER - 1;
	facts.waiting_invitee = ROOM_PENDING_INVITEE - 1;
	assert_int_equal(take().outcome, ROOM_TAKEN);
	facts.waiting_server++;
	verdict = take();
	assert_int_equal(verdict.outcome, ROOM_WAIT);
	assert_int_equal(verdict.code, CODE_INVITE_LIMIT);
	assert_true(verdict.seconds > 0);
	facts.waiting_server--;
	facts.waiting_invitee++;
	assert_int_equal(take().code, CODE_INVITE_LIMIT);
	facts.looks_up = false; /* it waits until there is room */
	assert_int_equal(take().outcome, ROOM_TAKEN);
	assert_false(effect.at_once);
	facts.origin_level = 1;
	facts.open_server = ROOM_PENDING_SERVER - 1;
	assert_int_equal(take().outcome, ROOM_TAKEN);
	facts.open_server++;
	assert_int_equal(take().code, CODE_INVITE_LIMIT);
}

/* Shown again it is known, whatever became of it and of the invitee. */
static void
again(void **unused)
{
	(void)unused;
	facts.known = true;
	facts.waiting_server = facts.open_server = ROOM_PENDING_SERVER;
	assert_int_equal(take().outcome, ROOM_KNOWN);
	facts.waiting_invitee = ROOM_PENDING_INVITEE;
	facts.user_exists = false;
	assert_int_equal(take().outcome, ROOM_KNOWN);
	event.content.expires = NOW - 1;
	assert_int_equal(take().outcome, ROOM_KNOWN);
	event.content.inviter = user(home, "alice");
	assert_int_equal(refusal(), CODE_SPEAKER);
}

static void
late(void **unused)
{
	(void)unused;
	assert_int_equal(room_invite_late(-1, 3), ROOM_SHOW_PENDING);
	assert_int_equal(room_invite_late(1, 3), ROOM_SHOW_PENDING);
	assert_int_equal(room_invite_late(2, 3), ROOM_SHOW_PENDING);
	assert_int_equal(room_invite_late(3, 1), ROOM_SHOW_PENDING);
	assert_int_equal(room_invite_late(3, 2), ROOM_SHOW_AUTOMATIC);
}

static void
accepted(void **unused)
{
	(void)unused;
	assert_int_equal(room_invite_accept(NOW, false, 2, NOW), CODE_OK);
	assert_int_equal(room_invite_accept(NOW, false, 3, NOW), CODE_OK);
	assert_int_equal(
	    room_invite_accept(NOW, false, 1, NOW), CODE_HOME_UNTRUSTED);
	assert_int_equal(
	    room_invite_accept(NOW, false, -1, NOW), CODE_HOME_UNTRUSTED);
	assert_int_equal(
	    room_invite_accept(NOW - 1, false, 2, NOW), CODE_INVITE_EXPIRED);
	assert_int_equal(
	    room_invite_accept(NOW, true, 2, NOW), CODE_INVITE_USED);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(shown),
	    TEST(refused),
	    TEST(own),
	    TEST(nobody_looked_up),
	    TEST(nobody_learns),
	    TEST(limits),
	    TEST(again),
	    TEST(late),
	    TEST(accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
