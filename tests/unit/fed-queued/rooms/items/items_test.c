/* SPDX-License-Identifier: ISC */
/*
 * A request's items of rooms, with the parts that they go to played by the
 * test: which goes where, in which order, what goes together, and what becomes
 * of the rest when the database fails. Payloads are the protocol page's.
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

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
#include "json/batch.h"
#include "json/canon.h"
#include "proto/ed.h"

#define ITEMS 6

struct queued env;

static json_t *vectors;
static struct cert alice; /* the rooms' home */
static uint8_t bob[32];

/* What the parts were asked, "event 1 event 2 keep", and what they answer. */
static char asked[512];
static struct room_verdict verdicts[BATCH_ITEMS];
static struct room_verdict kept; /* the verdict on the id */
static unsigned int fails_at;	 /* the call that the database fails; 0 none */
static unsigned int calls;
static bool later; /* answers wait for answer_next() */
static bool present;
static struct {
	room_done done;
	messages_done messages;
	void *argument;
} waiting;

/* What became of the items. */
static struct commit_item items[ITEMS];
static char answers[ITEMS][64];

static bool
fails(void)
{
	return ++calls == fails_at;
}

static void
answer_next(void)
{
	bool ok = !fails();

	if (waiting.messages != NULL)
		waiting.messages(ok ? verdicts : NULL, ok, waiting.argument);
	else
		waiting.done(ok ? &verdicts[0] : NULL, ok, waiting.argument);
}

static void
ask(const char *what, room_done done, messages_done messages, void *argument)
{
	strcat(asked, *asked == '\0' ? "" : " ");
	strcat(asked, what);
	waiting.done = done;
	waiting.messages = messages;
	waiting.argument = argument;
	if (!later)
		answer_next();
}

void
messages_take(const struct room_id *room, const struct signed_message *given,
    uint32_t count, const struct signed_text *proof,
    const uint8_t via[ONION_KEY], messages_done done, void *argument)
{
	char text[32];

	assert_memory_equal(room->home, alice.server, 32);
	assert_memory_equal(via, bob, 32);
	assert_memory_equal(proof->origin, bob, 32);
	assert_int_equal(proof->text_length, 4);
	assert_memory_equal(proof->text, "text", 4);
	assert_true(given[0].payload_length > 100);
	snprintf(text, sizeof(text), "messages %u", (unsigned int)count);
	ask(text, NULL, done, argument);
}

void
state_take(const struct signed_event *event, const struct cert *cert,
    const uint8_t via[ONION_KEY], bool vouched, room_done done, void *argument)
{
	char text[32];

	assert_true(vouched);
	assert_memory_equal(cert->server, alice.server, 32);
	assert_memory_equal(via, bob, 32);
	snprintf(text, sizeof(text), "event %d", (int)event->event.number);
	ask(text, done, NULL, argument);
}

void
state_decide(const struct state_request *request, const uint8_t *origin,
    const uint8_t *digest, room_done done, void *argument)
{
	char text[256];

	assert_memory_equal(origin, bob, 32);
	assert_int_equal(digest[0], request->request[0]);
	snprintf(text, sizeof(text), "%s %s %s %d",
	    room_kind_name(request->kind), request->content.user.name,
	    request->content.inviter.name, (int)request->content.has_nonce);
	ask(text, done, NULL, argument);
}

void
invitation_take(const struct event_payload_invite *invite,
    const uint8_t origin[32], const struct commit_item *item, room_done done,
    void *argument)
{
	assert_int_equal(invite->event.event.number, 2);
	assert_memory_equal(origin, bob, 32);
	assert_string_equal(item->type, "room_invite");
	ask("invitation", done, NULL, argument);
}

void
received_keep(const uint8_t origin[32], const struct commit_item *item,
    room_done done, void *argument)
{
	assert_memory_equal(origin, bob, 32);
	assert_string_equal(item->type, "room_state");
	strcat(asked, " keep");
	done(&kept, !fails(), argument);
}

void
db_call(struct db *db, size_t index, const struct db_parameters *parameters,
    db_callback found, void *argument)
{
	(void)db;
	(void)index;
	assert_int_equal(parameters->count, 2);
	strcat(asked, *asked == '\0' ? "present" : " present");
	/* Not looked into: row_bool() is ours, too. */
	found(fails() ? NULL : (PGresult *)&env, "", argument);
}

bool
row_bool(PGresult *result, int row, int column)
{
	assert_ptr_equal(result, &env);
	assert_int_equal(row + column, 0);
	return present;
}

struct peer *
peer_table_find(const uint8_t key[32])
{
	(void)key;
	return NULL;
}

int64_t
clock_ms(void)
{
	return 1000;
}

int64_t
clock_now(void)
{
	return alice.not_before + 86400;
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

static void
done(struct commit_item *item, bool ok, const struct ack_result *result)
{
	static const char *const names[] = {
	    "accepted", "duplicate", "rejected", "retry"};
	char *answer = answers[item - items];

	assert_string_equal(answer, ""); /* once */
	if (ok)
		snprintf(answer, sizeof(answers[0]), "%s %s",
		    names[result->status], code_name(result->code));
	else
		snprintf(answer, sizeof(answers[0]), "failed");
}

static int
set_up(void **state)
{
	(void)state;
	memset(items, 0, sizeof(items));
	memset(answers, 0, sizeof(answers));
	memset(verdicts, 0, sizeof(verdicts));
	memset(&kept, 0, sizeof(kept));
	memset(&waiting, 0, sizeof(waiting));
	asked[0] = '\0';
	fails_at = calls = 0;
	later = present = false;
	/* We are the home, unless a test says otherwise. */
	env.certificate = alice;
	memcpy(env.identity.server, alice.server, 32);
	return 0;
}

static const char *
payload_of(const char *name)
{
	const char *text = json_string_value(json_object_get(
	    json_object_get(vectors, name), "canonicalPayload"));

	assert_non_null(text);
	return text;
}

static void
run(int trust, uint32_t count, const char *const types[],
    const char *const payloads[])
{
	struct commit_item *list[ITEMS];
	struct signed_text proof;
	uint32_t i;

	for (i = 0; i < count; i++) {
		items[i].type = types[i];
		items[i].payload = payloads[i];
		items[i].wait.size = strlen(payloads[i]);
		items[i].wait.message_id[0] = items[i].digest[0] =
		    (uint8_t)(i + 1);
		items[i].done = done;
		list[i] = &items[i];
	}
	memset(&proof, 0, sizeof(proof));
	memcpy(proof.origin, bob, 32);
	proof.text = "text";
	proof.text_length = 4;
	items_take(list, count, &proof, trust);
}

static void
run_one(int trust, const char *type, const char *name)
{
	const char *payload = payload_of(name);

	run(trust, 1, &type, &payload);
}

static void
elsewhere(void)
{
	env.identity.server[0] ^= 1;
	memset(&env.certificate, 0, sizeof(env.certificate));
}

static void
requests(void **state)
{
	(void)state;
	run_one(2, "room_join", "roomJoin");
	assert_string_equal(asked, "join bob  1");
	assert_string_equal(answers[0], "accepted OK");
	set_up(NULL);
	run_one(1, "room_leave", "roomLeave");
	assert_string_equal(asked, "leave bob  0");
	set_up(NULL);
	verdicts[0] =
	    (struct room_verdict){ROOM_WAIT, CODE_RECOVERING, 60, 0, 0, 0};
	run_one(1, "room_invite", "roomInviteRequest");
	assert_string_equal(asked, "invite carol bob 1");
	assert_string_equal(answers[0], "retry RECOVERING");
	set_up(NULL);
	elsewhere();
	run_one(2, "room_join", "roomJoin");
	assert_string_equal(answers[0], "rejected NOT_HOME");
	assert_string_equal(asked, "");
}

static void
levels(void **state)
{
	(void)state;
	run_one(1, "room_join", "roomJoin");
	assert_string_equal(asked, "present");
	assert_string_equal(answers[0], "rejected UNTRUSTED");
	set_up(NULL);
	present = true;
	run_one(1, "room_join", "roomJoin");
	assert_string_equal(asked, "present join bob  1");
	assert_string_equal(answers[0], "accepted OK");
	set_up(NULL);
	fails_at = 1;
	run_one(1, "room_join", "roomJoin");
	assert_string_equal(answers[0], "failed");
}

static void
states(void **state)
{
	(void)state;
	elsewhere();
	run_one(1, "room_state", "roomState");
	assert_string_equal(asked, "event 1 event 2 event 3 keep");
	assert_string_equal(answers[0], "accepted OK");
	set_up(NULL);
	verdicts[0].outcome = ROOM_KNOWN;
	run_one(1, "room_state", "roomState");
	assert_string_equal(asked, "event 1 event 2 event 3 keep");
	assert_string_equal(answers[0], "duplicate OK");
	set_up(NULL);
	kept =
	    (struct room_verdict){ROOM_REFUSED, CODE_ID_CONFLICT, 0, 0, 0, 0};
	run_one(1, "room_state", "roomState");
	assert_string_equal(answers[0], "rejected ID_CONFLICT");
	set_up(NULL);
	fails_at = 4; /* its events are in, its id is not */
	run_one(1, "room_state", "roomState");
	assert_string_equal(answers[0], "failed");
	set_up(NULL);
	verdicts[0] = (struct room_verdict){
	    ROOM_CONFLICT, CODE_STATE_CONFLICT, 0, 0, 1, 1};
	run_one(1, "room_state", "roomState");
	assert_string_equal(asked, "event 1");
	assert_string_equal(answers[0], "rejected STATE_CONFLICT");
}

/* One event at a time: the next is not taken before the answer. */
static void
states_later(void **state)
{
	(void)state;
	later = true;
	run_one(1, "room_state", "roomState");
	assert_string_equal(asked, "event 1");
	answer_next();
	assert_string_equal(asked, "event 1 event 2");
	verdicts[0] =
	    (struct room_verdict){ROOM_WAIT, CODE_STATE_GAP, 0, 0, 1, 1};
	answer_next();
	assert_string_equal(asked, "event 1 event 2");
	assert_string_equal(answers[0], "retry STATE_GAP");
}

static void
invitation(void **state)
{
	(void)state;
	elsewhere();
	run_one(1, "room_invite", "roomInvite");
	assert_string_equal(asked, "invitation");
	assert_string_equal(answers[0], "accepted OK");
}

static void
messages(void **state)
{
	static const char *const types[] = {
	    "message", "message", "room_leave", "message", "message"};
	char other[1024];
	const char *payload = payload_of("roomMessage");
	const char *payloads[] = {payload, "{\"globalRoomId\":null}",
	    payload_of("roomLeave"), other, payload};
	char *room;

	(void)state;
	snprintf(other, sizeof(other), "%s", payload);
	room = strstr(other, "6b1f2d0c");
	assert_non_null(room);
	room[0] = '7';
	verdicts[1] =
	    (struct room_verdict){ROOM_REFUSED, CODE_NOT_MEMBER, 0, 0, 0, 0};
	run(1, 5, types, payloads);
	assert_string_equal(asked, "messages 2 leave bob  0 messages 1");
	assert_string_equal(answers[0], "accepted OK");
	assert_string_equal(answers[1], "rejected PAYLOAD_MALFORMED");
	assert_string_equal(answers[2], "accepted OK");
	assert_string_equal(answers[3], "accepted OK");
	assert_string_equal(answers[4], "rejected NOT_MEMBER");
}

/* Nothing is known of the one that failed, and nothing more is tried. */
static void
failure(void **state)
{
	static const char *const types[] = {
	    "room_leave", "message", "room_state", "message", "room_join"};
	const char *payload = payload_of("roomMessage");
	const char *payloads[] = {payload_of("roomLeave"), payload,
	    payload_of("roomState"), payload, payload_of("roomJoin")};
	int i, wait;

	(void)state;
	for (wait = 0; wait < 2; wait++) {
		set_up(NULL);
		later = wait == 1;
		fails_at = 2;
		run(2, 5, types, payloads);
		if (later) {
			assert_string_equal(answers[0], "");
			answer_next();
			answer_next();
		}
		assert_string_equal(asked, "leave bob  0 messages 2");
		assert_string_equal(answers[0], "accepted OK");
		for (i = 1; i < 5; i++)
			assert_string_equal(answers[i], "failed");
	}
}

static int
vectors_load(void **state)
{
	json_t *keys;
	const char *text;

	(void)state;
	vectors = json_load_file("man/federation.vectors", 0, NULL);
	keys = json_object_get(vectors, "keys");
	text = json_string_value(
	    json_object_get(json_object_get(keys, "alice"), "certificate"));
	if (text == NULL || cert_parse(&alice, text, strlen(text)) != CODE_OK)
		return -1;
	text = json_string_value(
	    json_object_get(json_object_get(keys, "bob"), "address"));
	return text != NULL && onion_parse(bob, text, ONION_LENGTH) == CODE_OK
		   ? 0
		   : -1;
}

static int
vectors_free(void **state)
{
	(void)state;
	json_decref(vectors);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(requests, set_up),
	    cmocka_unit_test_setup(levels, set_up),
	    cmocka_unit_test_setup(states, set_up),
	    cmocka_unit_test_setup(states_later, set_up),
	    cmocka_unit_test_setup(invitation, set_up),
	    cmocka_unit_test_setup(messages, set_up),
	    cmocka_unit_test_setup(failure, set_up),
	};

	if (ed_init() == -1)
		return 1;
	canon_init();
	return cmocka_run_group_tests(tests, vectors_load, vectors_free);
}
