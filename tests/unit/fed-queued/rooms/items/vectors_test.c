/* SPDX-License-Identifier: ISC */
/*
 * The protocol page's runs of events and invitations, made by another
 * implementation: what Bob's server says of the items that carry them. What
 * the database would know stands in the vectors; the rules are the real ones.
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/encode.h"
#include "fed-queued/db/db.h"
#include "fed-queued/db/row.h"
#include "fed-queued/env.h"
#include "fed-queued/rooms/items/invitation.h"
#include "fed-queued/rooms/items/items.h"
#include "fed-queued/rooms/items/received.h"
#include "fed-queued/rooms/messages/take.h"
#include "fed-queued/rooms/state/decide.h"
#include "fed-queued/rooms/state/take.h"
#include "fed-queued/servers/evidence.h"
#include "json/canon.h"
#include "proto/ed.h"
#include "room/room_invite.h"
#include "room/room_vouch.h"

struct queued env;

static json_t *vectors;
static int64_t now;
static struct cert alice, renewed; /* the home's, before and after it revoked */
static uint8_t bob[ONION_KEY];	   /* ourselves */
static struct peer home;

/* The row at hand, and what became of its item. */
static const json_t *row;
static uint8_t via[ONION_KEY];
static int64_t have;  /* events that are there */
static int64_t taken; /* of the row's */
static char outcome[64];

static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	assert_non_null(text);
	return text;
}

static int64_t
number_of(const json_t *object, const char *name)
{
	assert_true(json_is_integer(json_object_get(object, name)));
	return json_integer_value(json_object_get(object, name));
}

/* What the items go to ----------------------------------------------------- */

/* Bob's server has the room's events up to have, and all that come are good. */
void
state_take(const struct signed_event *event, const struct cert *cert,
    const uint8_t carrier[ONION_KEY], bool vouched, room_done done,
    void *argument)
{
	struct room_verdict verdict = {ROOM_TAKEN, CODE_OK, 0, 0, 0, 0};

	assert_memory_equal(carrier, via, ONION_KEY);
	if (!room_event_verify(
		&event->event, event->signature, cert->signing_key)) {
		verdict.outcome = ROOM_REFUSED;
		verdict.code = CODE_NOT_HOME;
		done(&verdict, true, argument);
		return;
	}
	if (event->event.number <= have + taken)
		verdict.outcome = ROOM_KNOWN;
	else
		assert_int_equal(event->event.number, have + taken + 1);
	verdict = room_vouch_judge(&verdict, vouched, false, false);
	taken += verdict.outcome == ROOM_TAKEN;
	done(&verdict, true, argument);
}

void
received_keep(const uint8_t origin[32], const struct commit_item *item,
    room_done done, void *argument)
{
	struct room_verdict verdict = {ROOM_TAKEN, CODE_OK, 0, 0, 0, 0};

	(void)origin;
	(void)item;
	done(&verdict, true, argument);
}

/* What was shown before, all of it by the same server to users of Bob's. */
static void
before_read(struct room_invite_facts *facts, const struct room_event *event)
{
	const json_t *list = json_object_get(row, "before"), *one;
	struct event_payload_invite invite;
	uint8_t hash[ROOM_HASH], shown[ROOM_HASH];
	size_t i;

	room_event_hash(hash, event);
	json_array_foreach(list, i, one)
	{
		assert_int_equal(
		    event_payload_invite_read(&invite, json_string_value(one),
			json_string_length(one)),
		    CODE_OK);
		room_event_hash(shown, &invite.event.event);
		if (memcmp(shown, hash, ROOM_HASH) == 0)
			facts->known = true;
		else if (memcmp(invite.event.event.content.nonce,
			     event->content.nonce, ROOM_NONCE) == 0)
			facts->other = true;
		event_payload_invite_free(&invite);
	}
	facts->open_server = facts->waiting_server = (uint32_t)i;
	facts->waiting_invitee = (uint32_t)i;
}

void
invitation_take(const struct event_payload_invite *invite,
    const uint8_t origin[32], const struct commit_item *item, room_done done,
    void *argument)
{
	const struct room_event *event = &invite->event.event;
	const char *invitee = event->content.user.name;
	struct room_invite_effect effect;
	struct room_invite_facts facts;
	struct room_verdict verdict;

	(void)item;
	memset(&facts, 0, sizeof(facts));
	facts.self = env.identity.server;
	facts.origin = origin;
	facts.origin_level = (int)number_of(row, "level");
	facts.home_level = TRUST_VERIFIED;
	facts.looks_up = facts.origin_level >= TRUST_VERIFIED;
	facts.user_exists =
	    strcmp(invitee, "bob") == 0 || strcmp(invitee, "carl") == 0;
	before_read(&facts, event);
	verdict = room_invite_take(event, &facts, now, &effect);
	done(&verdict, true, argument);
}

/* Not of these items. */
void
messages_take(const struct room_id *room, const struct signed_message *given,
    uint32_t count, const struct signed_text *proof,
    const uint8_t carrier[ONION_KEY], messages_done done, void *argument)
{
	(void)room;
	(void)given;
	(void)count;
	(void)proof;
	(void)carrier;
	(void)done;
	(void)argument;
	fail();
}

void
state_decide(const struct state_request *request, const uint8_t *origin,
    const uint8_t *digest, room_done done, void *argument)
{
	(void)request;
	(void)origin;
	(void)digest;
	(void)done;
	(void)argument;
	fail();
}

void
db_call(struct db *db, size_t index, const struct db_parameters *parameters,
    db_callback found, void *argument)
{
	(void)db;
	(void)index;
	(void)parameters;
	(void)found;
	(void)argument;
	fail();
}

bool
row_bool(PGresult *result, int line, int column)
{
	(void)result;
	(void)line;
	(void)column;
	fail();
	return false;
}

void
evidence_certificates(
    const struct peer *peer, const struct cert *known, const struct cert *cert)
{
	(void)peer;
	(void)known;
	(void)cert;
	fail();
}

struct peer *
peer_table_find(const uint8_t key[32])
{
	return memcmp(key, alice.server, ONION_KEY) == 0 ? &home : NULL;
}

int64_t
clock_ms(void)
{
	return now * 1000;
}

int64_t
clock_now(void)
{
	return now;
}

/* The vectors -------------------------------------------------------------- */

static void
item_done(struct commit_item *item, bool ok, const struct ack_result *result)
{
	static const char *const names[] = {
	    "accepted", "duplicate", "rejected", "retry"};

	(void)item;
	assert_true(ok);
	if (result->status < ACK_REJECTED)
		snprintf(outcome, sizeof(outcome), "%s", names[result->status]);
	else
		snprintf(outcome, sizeof(outcome), "%s %s",
		    names[result->status], code_name(result->code));
}

static void
home_make(bool seen)
{
	memset(&home, 0, sizeof(home));
	home.present = true;
	home.trust = TRUST_VERIFIED;
	memcpy(home.key, alice.server, ONION_KEY);
	peer_certificate_add(&home, &alice, alice.serial, alice.min_serial);
	if (seen)
		peer_certificate_add(
		    &home, &renewed, renewed.serial, renewed.min_serial);
}

static void
row_take(const char *type)
{
	struct commit_item item, *list[1] = {&item};
	const char *payload = text_of(row, "payload");
	struct signed_text proof;

	assert_true(canon_check(payload, strlen(payload)));
	assert_int_equal(
	    onion_parse(via, text_of(row, "via"), ONION_LENGTH), CODE_OK);
	home_make(json_is_true(json_object_get(row, "seen")));
	taken = 0;
	outcome[0] = '\0';
	memset(&item, 0, sizeof(item));
	item.type = type;
	item.payload = payload;
	item.wait.size = strlen(payload);
	item.done = item_done;
	memset(&proof, 0, sizeof(proof));
	memcpy(proof.origin, via, ONION_KEY);
	proof.text = "text";
	proof.text_length = 4;
	items_take(list, 1, &proof, TRUST_VERIFIED);
	if (strcmp(outcome, text_of(row, "outcome")) != 0)
		fail_msg("%s: %s", text_of(row, "why"), outcome);
}

static void
vouching(void **state)
{
	json_t *rows = json_object_get(vectors, "vouching");
	size_t i;

	(void)state;
	assert_true(json_array_size(rows) >= 16);
	json_array_foreach(rows, i, row)
	{
		have = number_of(row, "have");
		row_take("room_state");
		if (taken != number_of(row, "taken"))
			fail_msg(
			    "%s: %d taken", text_of(row, "why"), (int)taken);
	}
}

static void
invitations(void **state)
{
	json_t *rows = json_object_get(vectors, "invitations");
	size_t i;

	(void)state;
	assert_true(json_array_size(rows) >= 30);
	json_array_foreach(rows, i, row) row_take("room_invite");
}

static int
set_up(void **state)
{
	const json_t *keys;
	const char *text;

	(void)state;
	vectors = json_load_file("man/federation.vectors", 0, NULL);
	if (vectors == NULL)
		return -1;
	text = text_of(vectors, "at");
	if (time_parse(&now, text, strlen(text)) == -1)
		return -1;
	keys = json_object_get(vectors, "keys");
	text = text_of(json_object_get(keys, "alice"), "certificate");
	if (cert_parse(&alice, text, strlen(text)) != CODE_OK)
		return -1;
	text = text_of(json_object_get(vectors, "revoking"), "certificate");
	if (cert_parse(&renewed, text, strlen(text)) != CODE_OK)
		return -1;
	text = text_of(json_object_get(keys, "bob"), "address");
	if (onion_parse(bob, text, strlen(text)) != CODE_OK)
		return -1;
	memcpy(env.identity.server, bob, ONION_KEY);
	text = text_of(json_object_get(keys, "bob"), "certificate");
	return cert_parse(&env.certificate, text, strlen(text)) == CODE_OK ? 0
									   : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	json_decref(vectors);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(vouching),
	    cmocka_unit_test(invitations),
	};

	if (ed_init() == -1)
		return 1;
	canon_init();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
