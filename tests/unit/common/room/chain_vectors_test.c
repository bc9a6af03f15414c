/* SPDX-License-Identifier: ISC */
/*
 * The protocol page's chains, streams and pairs, made by another
 * implementation of the rules: what a receiver says of each event and message,
 * which rule is broken, and who the members are after it.
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/encode.h"
#include "json/canon.h"
#include "json/room_payload.h"
#include "proto/cert.h"
#include "proto/ed.h"
#include "proto/onion.h"
#include "room/room_message.h"
#include "room/room_state.h"
#include "room/room_stream.h"
#include "room/room_vouch.h"

#define EVENTS_MAX  300 /* of a chain */
#define STREAMS_MAX 80	/* and their places */

static json_t *vectors;
static int64_t now;
static struct cert alice, renewed; /* before and after she revoked */
static uint8_t bob[ONION_KEY];

/* A room as a receiver keeps it. */
static struct room_state state;
static uint8_t hashes[EVENTS_MAX][ROOM_HASH]; /* by number */
static struct {
	struct room_user user;
	struct room_member member;
} members[EVENTS_MAX];
static size_t member_count;
static struct room_invitation invitations[EVENTS_MAX];
static size_t invitation_count;
static struct room_payload_servers listed;

static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	assert_non_null(text);
	return text;
}

static int
set_up(void **unused)
{
	const char *text;
	json_t *keys;

	(void)unused;
	vectors = json_load_file("man/federation.vectors", 0, NULL);
	if (vectors == NULL)
		return -1;
	text = text_of(vectors, "at");
	if (time_parse(&now, text, strlen(text)) == -1)
		return -1;
	keys = json_object_get(vectors, "keys");
	text = text_of(json_object_get(keys, "bob"), "address");
	if (onion_parse(bob, text, strlen(text)) != CODE_OK)
		return -1;
	text = text_of(json_object_get(keys, "alice"), "certificate");
	if (cert_parse(&alice, text, strlen(text)) != CODE_OK)
		return -1;
	text = text_of(json_object_get(vectors, "revoking"), "certificate");
	return cert_parse(&renewed, text, strlen(text)) == CODE_OK ? 0 : -1;
}

static int
tear_down(void **unused)
{
	(void)unused;
	json_decref(vectors);
	return 0;
}

static bool
member_at(size_t index, int64_t number)
{
	const struct room_member *member = &members[index].member;

	return member->joined <= number &&
	       (member->left == 0 || member->left > number);
}

static struct room_member
membership(const struct room_user *user)
{
	struct room_member last = {0, 0};
	size_t i;

	for (i = 0; i < member_count; i++)
		if (room_user_equal(&members[i].user, user))
			last = members[i].member;
	return last;
}

static bool
server_listed(const uint8_t server[ONION_KEY])
{
	uint32_t i;

	for (i = 0; i < listed.count; i++)
		if (memcmp(listed.key[i], server, ONION_KEY) == 0)
			return true;
	return false;
}

/* Servers beside the home, each by its first member. */
static void
servers_count(struct room_facts *facts, const struct room_user *user)
{
	size_t i, j;

	for (i = 0; i < member_count; i++) {
		if (members[i].member.left != 0 ||
		    memcmp(members[i].user.server, state.room.home,
			ONION_KEY) == 0)
			continue;
		if (memcmp(members[i].user.server, user->server, ONION_KEY) ==
		    0)
			facts->server_in = true;
		for (j = 0; j < i; j++)
			if (members[j].member.left == 0 &&
			    memcmp(members[j].user.server,
				members[i].user.server, ONION_KEY) == 0)
				break;
		if (j == i)
			facts->servers++;
	}
}

static void
facts_find(struct room_facts *facts, const struct room_event *event)
{
	const struct room_content *content = &event->content;
	struct room_invitation *invitation;
	size_t i;

	memset(facts, 0, sizeof(*facts));
	if (event->number <= state.number)
		facts->known = hashes[event->number];
	facts->user = membership(&content->user);
	facts->inviter = membership(&content->inviter);
	for (i = 0; i < invitation_count; i++) {
		invitation = &invitations[i];
		if ((event->kind == ROOM_INVITE || content->has_nonce) &&
		    memcmp(invitation->nonce, content->nonce, ROOM_NONCE) == 0)
			facts->invitation = invitation;
		if (room_user_equal(&invitation->invitee, &content->user) &&
		    invitation->used == 0)
			facts->invited = invitation->number;
	}
	facts->listed = server_listed(content->user.server);
	servers_count(facts, &content->user);
}

static bool
member_ends(
    size_t index, const struct room_event *event, enum room_change change)
{
	const struct room_user *user = &members[index].user;
	bool remote = memcmp(user->server, state.room.home, ONION_KEY) != 0;

	switch (change) {
	case ROOM_MEMBERS_END:
		return room_user_equal(user, &event->content.user);
	case ROOM_MEMBERS_END_UNLISTED:
		return remote && !server_listed(user->server);
	case ROOM_MEMBERS_END_REMOTE:
		return remote;
	case ROOM_MEMBERS_END_ALL:
		return true;
	case ROOM_MEMBERS_SAME:
	case ROOM_MEMBERS_ADD:
	case ROOM_MEMBERS_TAKE_BACK:
	default:
		return false;
	}
}

static void
effect_write(const struct room_event *event, const struct room_effect *effect,
    const struct room_payload_servers *servers)
{
	const struct room_content *content = &event->content;
	struct room_invitation *invitation = &invitations[invitation_count];
	size_t i;

	if (effect->servers_set)
		listed = *servers;
	for (i = 0; i < member_count; i++)
		if (members[i].member.left == 0 &&
		    member_ends(i, event, effect->members))
			members[i].member.left = event->number;
	if (effect->members == ROOM_MEMBERS_ADD ||
	    effect->members == ROOM_MEMBERS_TAKE_BACK) {
		members[member_count].user = content->user;
		members[member_count].member.joined = event->number;
		members[member_count++].member.left =
		    effect->members == ROOM_MEMBERS_ADD ? 0 : event->number;
	}
	for (i = 0; effect->invitation_used && i < invitation_count; i++)
		if (memcmp(invitations[i].nonce, content->nonce, ROOM_NONCE) ==
		    0)
			invitations[i].used = event->number;
	if (!effect->invitation_add)
		return;
	memset(invitation, 0, sizeof(*invitation));
	memcpy(invitation->nonce, content->nonce, ROOM_NONCE);
	invitation->number = event->number;
	invitation->expires = content->expires;
	invitation->inviter = content->inviter;
	invitation->invitee = content->user;
	invitation_count++;
}

static void
verdict_text(char *text, size_t size, const struct room_verdict *verdict)
{
	static const char *const words[] = {
	    "accepted", "duplicate", "held", "rejected", "retry", "rejected"};

	if (verdict->code == CODE_OK)
		snprintf(text, size, "%s", words[verdict->outcome]);
	else
		snprintf(text, size, "%s %s", words[verdict->outcome],
		    code_name(verdict->code));
}

/* Its signature holds; CODE_OK if its payload has its form, too. */
static enum code
event_read(struct room_event *event, struct room_payload_servers *servers,
    const json_t *row)
{
	const char *text = text_of(row, "signingText");
	const char *payload = text_of(row, "canonicalPayload");
	const char *base64 = text_of(row, "signature");
	uint8_t signature[64], hash[32], key_id[32];
	const struct cert *cert = &renewed;

	assert_int_equal(room_event_parse(event, text, strlen(text)), CODE_OK);
	cert_key_id(key_id, &alice);
	if (memcmp(key_id, event->key_id, sizeof(key_id)) == 0)
		cert = &alice;
	sha256(hash, payload, strlen(payload));
	assert_memory_equal(hash, event->payload_hash, 32);
	assert_int_equal(
	    base64_decode_exact(signature, 64, base64, strlen(base64)), 0);
	assert_true(room_event_verify(event, signature, cert->signing_key));
	return room_payload_content(
	    &event->content, servers, event->kind, payload, strlen(payload));
}

/* Takes an event. rule: the code that the home would answer. */
static struct room_verdict
event_take(const json_t *row, enum code *rule)
{
	static struct room_payload_servers servers;
	struct room_verdict verdict = {ROOM_REFUSED, CODE_OK, 0, 0, 0, 0};
	struct room_effect effect;
	struct room_event event;
	struct room_facts facts;

	*rule = CODE_OK;
	verdict.code = event_read(&event, &servers, row);
	if (verdict.code != CODE_OK)
		return verdict;
	if (event.number == 1 && state.number == 0)
		state.room = event.room;
	facts_find(&facts, &event);
	*rule = room_state_rules(&state, &event, &facts);
	verdict = room_state_apply(&state, &event, &facts, now, &effect);
	if (verdict.outcome == ROOM_TAKEN) {
		memcpy(hashes[event.number], state.hash, ROOM_HASH);
		effect_write(&event, &effect, &servers);
	}
	return verdict;
}

/* Whether exactly those are members after the last event that stands. */
static bool
members_are(const json_t *names)
{
	char text[ROOM_NAME_MAX + ONION_SIZE + 2], address[ONION_SIZE];
	size_t i, j, count = 0;
	json_t *name;

	for (i = 0; i < member_count; i++) {
		if (!member_at(i, room_state_last(&state)))
			continue;
		count++;
		onion_format(address, members[i].user.server);
		snprintf(
		    text, sizeof(text), "%s@%s", members[i].user.name, address);
		json_array_foreach(names, j,
		    name) if (strcmp(json_string_value(name), text) == 0) break;
		if (j == json_array_size(names))
			return false;
	}
	return count == json_array_size(names);
}

static void
chain_check(const json_t *chain)
{
	const json_t *names, *row, *broken;
	struct room_verdict verdict;
	char outcome[64];
	enum code rule;
	size_t i;

	memset(&state, 0, sizeof(state));
	memset(&listed, 0, sizeof(listed));
	member_count = invitation_count = 0;
	json_array_foreach(json_object_get(chain, "events"), i, row)
	{
		verdict = event_take(row, &rule);
		verdict_text(outcome, sizeof(outcome), &verdict);
		if (strcmp(outcome, text_of(row, "outcome")) != 0)
			fail_msg("%s: event %zu: %s", text_of(chain, "why"), i,
			    outcome);
		broken = json_object_get(row, "code");
		if (broken != NULL &&
		    strcmp(code_name(rule), json_string_value(broken)) != 0)
			fail_msg("%s: event %zu: %s", text_of(chain, "why"), i,
			    code_name(rule));
		names = json_object_get(row, "members");
		if (names != NULL && !members_are(names))
			fail_msg("%s: members after event %zu",
			    text_of(chain, "why"), i);
	}
}

static void
chains(void **unused)
{
	json_t *rows = json_object_get(vectors, "chains"), *row;
	size_t i;

	(void)unused;
	assert_true(json_array_size(rows) > 60);
	json_array_foreach(rows, i, row) chain_check(row);
}

/* Bob's streams in that room, and their places, as far as they are known. */
static struct room_stream made[STREAMS_MAX];
static size_t made_count;
static struct {
	int64_t epoch;
	int lane;
	struct room_place place;
} places[STREAMS_MAX];
static size_t place_count;

static const struct room_place *
place_at(const struct room_stream *stream, int64_t sequence)
{
	size_t i;

	for (i = 0; i < place_count; i++)
		if (places[i].epoch == stream->epoch &&
		    places[i].lane == stream->lane &&
		    places[i].place.sequence == sequence)
			return &places[i].place;
	return NULL;
}

/* Behind the others while it is fresh: made_count says whether it is kept. */
static struct room_stream *
stream_find(int64_t epoch, int lane)
{
	size_t i;

	for (i = 0; i < made_count; i++)
		if (made[i].epoch == epoch && made[i].lane == lane)
			return &made[i];
	assert_true(made_count < STREAMS_MAX);
	room_stream_init(&made[i], epoch, lane);
	return &made[i];
}

/* Those of which lane 2 is known when the first item comes. */
static void
epochs_read(const json_t *list)
{
	const json_t *epoch;
	size_t i;

	made_count = place_count = 0;
	json_array_foreach(list, i, epoch)
	{
		(void)stream_find(json_integer_value(epoch), 2);
		made_count++;
	}
}

/* Of the epochs that are kept the lowest, if there are as many as may be. */
static int64_t
epochs_floor(void)
{
	int64_t below = INT64_MAX;
	size_t i, count;

	for (count = 0; count < ROOM_EPOCHS_MAX; count++) {
		int64_t next = 0;

		for (i = 0; i < made_count; i++)
			if (made[i].epoch < below && made[i].epoch > next)
				next = made[i].epoch;
		if (next == 0)
			return 0;
		below = next;
	}
	return below;
}

static void
place_digest(struct room_place *place, const json_t *row, const char *payload)
{
	const char *text = text_of(row, "id");
	uint8_t id[16], hash[32];

	assert_int_equal(uuid_parse(id, text, strlen(text)), 0);
	sha256(hash, payload, strlen(payload));
	signtext_item_digest(place->digest, "message", id, hash);
}

/* Alice's room at number 3, of which bob has been a member since. */
static void
message_facts(struct room_message_facts *facts, const struct room_place *place,
    const struct room_stream *stream)
{
	const struct room_place *other;

	memset(facts, 0, sizeof(*facts));
	memset(&state, 0, sizeof(state));
	state.number = facts->member.joined = 3;
	facts->server_seen = facts->here = facts->here_then = true;
	facts->out = ROOM_KINDS;
	facts->floor = epochs_floor();
	if ((other = place_at(stream, place->sequence - 1)) != NULL)
		facts->beside.before = other->digest;
	if ((other = place_at(stream, place->sequence)) != NULL)
		facts->beside.at = other->digest;
	if ((other = place_at(stream, place->sequence + 1)) != NULL)
		facts->beside.after = other->previous;
}

static struct room_verdict
item_take(const json_t *row)
{
	struct room_verdict verdict = {
	    ROOM_REFUSED, CODE_PAYLOAD_MALFORMED, 0, 0, 0, 0};
	const char *payload = text_of(row, "payload");
	struct room_payload_message read;
	struct room_message_facts facts;
	struct room_stream *stream;

	assert_true(canon_check(payload, strlen(payload)));
	if (room_payload_message(&read, bob, payload, strlen(payload)) !=
	    CODE_OK)
		return verdict;
	stream = stream_find(read.message.epoch, read.message.lane);
	place_digest(&read.message.place, row, payload);
	message_facts(&facts, &read.message.place, stream);
	verdict =
	    room_message_judge(&state, stream, &read.message, &facts, now);
	if (verdict.outcome == ROOM_CONFLICT)
		room_stream_fork(stream, verdict.from);
	if (stream == &made[made_count] &&
	    (verdict.outcome == ROOM_CONFLICT || verdict.outcome == ROOM_TAKEN))
		made_count++;
	if (verdict.outcome != ROOM_TAKEN)
		return verdict;
	assert_true(place_count < STREAMS_MAX);
	places[place_count].epoch = stream->epoch;
	places[place_count].lane = stream->lane;
	places[place_count++].place = read.message.place;
	return verdict;
}

static void
streams(void **unused)
{
	json_t *rows = json_object_get(vectors, "streams"), *one, *row;
	struct room_verdict verdict;
	char outcome[64];
	size_t i, j;

	(void)unused;
	json_array_foreach(rows, i, one)
	{
		epochs_read(json_object_get(one, "epochs"));
		json_array_foreach(json_object_get(one, "items"), j, row)
		{
			verdict = item_take(row);
			verdict_text(outcome, sizeof(outcome), &verdict);
			if (strcmp(outcome, text_of(row, "outcome")) != 0)
				fail_msg("%s: item %zu: %s",
				    text_of(one, "why"), j, outcome);
		}
	}
}

static void
place_read(struct room_place *place, const json_t *row)
{
	const char *payload = text_of(row, "payload");
	struct room_payload_message read;

	assert_int_equal(
	    room_payload_message(&read, bob, payload, strlen(payload)),
	    CODE_OK);
	*place = read.message.place;
	place_digest(place, row, payload);
}

/* Whether a side counts under its certificate; always where nothing is said
 * of that. */
static bool
side_counts(const json_t *row, size_t side, const uint8_t digest[ROOM_HASH])
{
	const json_t *serials = json_object_get(row, "serials"), *name;
	uint8_t named[4][ROOM_HASH];
	struct room_vouch vouch;
	struct room_link link;
	size_t i;

	if (serials == NULL)
		return true;
	memset(&link, 0, sizeof(link));
	memcpy(link.digest, digest, ROOM_HASH);
	link.serial =
	    (uint64_t)json_integer_value(json_array_get(serials, side));
	json_array_foreach(json_object_get(row, "named"), i, name)
	{
		assert_true(i < sizeof(named) / sizeof(named[0]));
		assert_int_equal(
		    base64_decode_exact(named[i], ROOM_HASH,
			json_string_value(name), json_string_length(name)),
		    0);
	}
	vouch.min_serial =
	    (uint64_t)json_integer_value(json_object_get(row, "minSerial"));
	vouch.carried = json_is_true(json_object_get(row, "carried"));
	vouch.named = named;
	vouch.named_count = (uint32_t)i;
	return room_vouch_counts(&vouch, &link);
}

static int64_t
contradiction_events(const json_t *row)
{
	struct room_payload_servers servers;
	struct room_event event, next;
	uint8_t hash[ROOM_HASH], other[ROOM_HASH];

	assert_int_equal(
	    event_read(&event, &servers, json_object_get(row, "first")),
	    CODE_OK);
	assert_int_equal(
	    event_read(&next, &servers, json_object_get(row, "second")),
	    CODE_OK);
	room_event_hash(hash, &event);
	room_event_hash(other, &next);
	if (!side_counts(row, 0, hash) || !side_counts(row, 1, other))
		return 0;
	return room_state_contradiction(&event, &next);
}

static int64_t
contradiction(const json_t *row)
{
	struct room_place place, other;

	if (strcmp(text_of(row, "kind"), "state") == 0)
		return contradiction_events(row);
	place_read(&place, json_object_get(row, "first"));
	place_read(&other, json_object_get(row, "second"));
	if (!side_counts(row, 0, place.digest) ||
	    !side_counts(row, 1, other.digest))
		return 0;
	return room_stream_contradiction(&place, &other);
}

static void
evidence(void **unused)
{
	json_t *rows = json_object_get(vectors, "evidence"), *row;
	int64_t number;
	size_t i;

	(void)unused;
	json_array_foreach(rows, i, row)
	{
		number = contradiction(row);
		if (number !=
		    json_integer_value(json_object_get(row, "disputed")))
			fail_msg(
			    "%s: %lld", text_of(row, "why"), (long long)number);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(chains),
	    cmocka_unit_test(streams),
	    cmocka_unit_test(evidence),
	};

	if (ed_init() == -1)
		return 1;
	canon_init();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
