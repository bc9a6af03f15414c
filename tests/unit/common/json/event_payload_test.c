/* SPDX-License-Identifier: ISC */
/*
 * Payloads that carry state events, and requests: the protocol page's, made by
 * another implementation, come back byte for byte; its refusals are refused;
 * and each bound holds on both sides.
 */
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
#include "json/envelope.h"
#include "json/event_payload.h"
#include "proto/ed.h"

static json_t *vectors;
static struct cert alice; /* the rooms' home */
static uint8_t bob[ONION_KEY];

static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	assert_non_null(text);
	return text;
}

static const char *
payload_of(const char *name)
{
	return text_of(json_object_get(vectors, name), "canonicalPayload");
}

static int
set_up(void **state)
{
	json_t *keys;
	const char *text, *address;

	(void)state;
	vectors = json_load_file("man/federation.vectors", 0, NULL);
	keys = json_object_get(vectors, "keys");
	text = text_of(json_object_get(keys, "alice"), "certificate");
	address = text_of(json_object_get(keys, "bob"), "address");
	return cert_parse(&alice, text, strlen(text)) == CODE_OK &&
		       onion_parse(bob, address, ONION_LENGTH) == CODE_OK
		   ? 0
		   : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	json_decref(vectors);
	return 0;
}

static void
written(char *text, size_t length, const char *payload)
{
	assert_non_null(text);
	assert_int_equal(length, strlen(payload));
	assert_memory_equal(text, payload, length);
	assert_true(canon_check(text, length));
	free(text);
}

static void
states(void **state)
{
	const char *payload = payload_of("roomState");
	struct event_payload_state item;
	uint32_t i;
	size_t length;
	char *text;

	(void)state;
	assert_int_equal(
	    event_payload_state_read(&item, payload, strlen(payload)), CODE_OK);
	assert_int_equal(item.certificate_count, 1);
	assert_memory_equal(item.certificates[0].server, alice.server, 32);
	assert_int_equal(item.event_count, 3);
	for (i = 0; i < item.event_count; i++) {
		assert_int_equal(item.events[i].event.number, i + 1);
		assert_true(room_event_verify(&item.events[i].event,
		    item.events[i].signature, alice.signing_key));
	}
	assert_string_equal(item.events[0].event.content.user.name, "alice");
	assert_string_equal(item.events[1].event.content.user.name, "bob");
	assert_true(item.events[2].event.content.has_nonce);
	text = event_payload_state_write(&item, &length);
	written(text, length, payload);
	event_payload_state_free(&item);
}

static void
invites(void **state)
{
	const char *payload = payload_of("roomInvite");
	struct event_payload_invite item;
	size_t length;
	char *text;

	(void)state;
	assert_true(event_payload_invite_shown(payload, strlen(payload)));
	assert_int_equal(
	    event_payload_invite_read(&item, payload, strlen(payload)),
	    CODE_OK);
	assert_memory_equal(item.certificate.server, alice.server, 32);
	assert_int_equal(item.event.event.kind, ROOM_INVITE);
	assert_int_equal(item.room_key_length, 4);
	assert_memory_equal(item.room_key, "AAAA", 4);
	assert_int_equal(item.metadata_length, 2);
	assert_memory_equal(item.metadata, "{}", 2);
	text = event_payload_invite_write(&item, &length);
	written(text, length, payload);
	event_payload_invite_free(&item);
}

static void
asks(void **state)
{
	const char *payload = payload_of("roomInviteRequest");
	struct event_payload_ask item;
	size_t length;
	char *text;

	(void)state;
	assert_false(event_payload_invite_shown(payload, strlen(payload)));
	assert_int_equal(
	    event_payload_ask_read(&item, bob, payload, strlen(payload)),
	    CODE_OK);
	assert_memory_equal(item.room.home, alice.server, 32);
	assert_string_equal(item.inviter.name, "bob");
	assert_memory_equal(item.inviter.server, bob, 32);
	assert_string_equal(item.invitee.name, "carol");
	assert_memory_equal(item.invitee.server, bob, 32);
	assert_int_equal(item.nonce[0], 16);
	text = event_payload_ask_write(&item, &length);
	written(text, length, payload);
}

/* What room_payload.h reads of the page's payloads. */
static void
requests(void **state)
{
	const char *payload = payload_of("roomJoin");
	struct room_payload_message message;
	struct room_payload_request request;

	(void)state;
	assert_int_equal(
	    room_payload_request(&request, true, bob, payload, strlen(payload)),
	    CODE_OK);
	assert_true(request.has_nonce);
	payload = payload_of("roomLeave");
	assert_int_equal(room_payload_request(
			     &request, false, bob, payload, strlen(payload)),
	    CODE_OK);
	assert_string_equal(request.user.name, "bob");
	payload = payload_of("roomMessage");
	assert_int_equal(
	    room_payload_message(&message, bob, payload, strlen(payload)),
	    CODE_OK);
	assert_int_equal(message.message.state_number, 3);
}

static enum code
read_any(const char *name, const char *payload)
{
	size_t length = strlen(payload);
	struct room_payload_message message;
	struct room_payload_request request;
	struct event_payload_invite invite;
	struct event_payload_state state;
	struct event_payload_ask ask;

	if (strcmp(name, "roomMessage") == 0)
		return room_payload_message(&message, bob, payload, length);
	if (strcmp(name, "roomJoin") == 0)
		return room_payload_request(
		    &request, true, bob, payload, length);
	if (strcmp(name, "roomLeave") == 0)
		return room_payload_request(
		    &request, false, bob, payload, length);
	if (strcmp(name, "roomState") == 0)
		return event_payload_state_read(&state, payload, length);
	if (strcmp(name, "roomInviteRequest") == 0)
		return event_payload_ask_read(&ask, bob, payload, length);
	assert_string_equal(name, "roomInvite");
	return event_payload_invite_read(&invite, payload, length);
}

static void
refused(void **state)
{
	json_t *rows = json_object_get(vectors, "refusedRooms"), *entry;
	const char *payload;
	size_t i;

	(void)state;
	assert_true(json_array_size(rows) > 60);
	json_array_foreach(rows, i, entry)
	{
		payload = text_of(entry, "payload");
		assert_true(canon_check(payload, strlen(payload)));
		if (read_any(text_of(entry, "name"), payload) !=
		    CODE_PAYLOAD_MALFORMED)
			fail_msg("%s: %s", text_of(entry, "name"),
			    text_of(entry, "why"));
	}
}

/* With so many certificates and events, each the first one again. */
static enum code
state_of(size_t certificates, size_t events)
{
	struct event_payload_state item;
	json_t *payload = json_loads(payload_of("roomState"), 0, NULL), *list;
	enum code code;
	size_t length;
	char *text;

	list = json_object_get(payload, "certificates");
	while (json_array_size(list) < certificates)
		json_array_append(list, json_array_get(list, 0));
	list = json_object_get(payload, "events");
	while (json_array_size(list) < events)
		json_array_append(list, json_array_get(list, 0));
	text = canon_write(payload, &length);
	json_decref(payload);
	code = event_payload_state_read(&item, text, length);
	free(text);
	if (code == CODE_OK) {
		assert_int_equal(item.event_count, events);
		event_payload_state_free(&item);
	}
	return code;
}

static void
state_bounds(void **state)
{
	(void)state;
	assert_int_equal(state_of(EVENT_PAYLOAD_CERTIFICATES_MAX, 3), CODE_OK);
	assert_int_equal(state_of(EVENT_PAYLOAD_CERTIFICATES_MAX + 1, 3),
	    CODE_PAYLOAD_MALFORMED);
	assert_int_equal(state_of(1, EVENT_PAYLOAD_EVENTS_MAX), CODE_OK);
	assert_int_equal(
	    state_of(1, EVENT_PAYLOAD_EVENTS_MAX + 1), CODE_PAYLOAD_MALFORMED);
}

/* With a key and metadata of so many bytes. */
static enum code
invite_of(size_t key, size_t metadata)
{
	static const uint8_t zero[EVENT_PAYLOAD_KEY_MAX + 1];
	static char base64[BASE64_LENGTH(sizeof(zero)) + 1];
	json_t *payload = json_loads(payload_of("roomInvite"), 0, NULL), *more;
	struct event_payload_invite item;
	char opaque[EVENT_PAYLOAD_METADATA_MAX + 2], *text;
	enum code code;
	size_t length;

	base64_encode(base64, zero, key);
	memset(opaque, 'm', sizeof(opaque));
	more = json_object();
	json_object_set_new(
	    more, "m", json_stringn(opaque, metadata - strlen("{\"m\":\"\"}")));
	json_object_set_new(payload, "encryptedRoomKey", json_string(base64));
	json_object_set_new(payload, "metadata", more);
	text = canon_write(payload, &length);
	json_decref(payload);
	code = event_payload_invite_read(&item, text, length);
	if (code == CODE_OK) {
		assert_int_equal(item.room_key_length, strlen(base64));
		assert_int_equal(item.metadata_length, metadata);
		event_payload_invite_free(&item);
	}
	free(text);
	return code;
}

static void
invite_bounds(void **state)
{
	(void)state;
	assert_int_equal(invite_of(1, 8), CODE_OK);
	assert_int_equal(
	    invite_of(EVENT_PAYLOAD_KEY_MAX, EVENT_PAYLOAD_METADATA_MAX),
	    CODE_OK);
	assert_int_equal(
	    invite_of(EVENT_PAYLOAD_KEY_MAX + 1, 8), CODE_PAYLOAD_MALFORMED);
	assert_int_equal(invite_of(1, EVENT_PAYLOAD_METADATA_MAX + 1),
	    CODE_PAYLOAD_MALFORMED);
}

/* Whatever it holds: an item has an end. */
static void
too_large(void **state)
{
	const char *payload = payload_of("roomState");
	char *large = malloc(ITEM_MAX + 2);
	struct event_payload_state item;

	(void)state;
	memset(large, ' ', ITEM_MAX + 1);
	memcpy(large, payload, strlen(payload));
	assert_int_equal(
	    event_payload_state_read(&item, large, ITEM_MAX), CODE_OK);
	event_payload_state_free(&item);
	assert_int_equal(event_payload_state_read(&item, large, ITEM_MAX + 1),
	    CODE_PAYLOAD_MALFORMED);
	free(large);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(states),
	    cmocka_unit_test(invites),
	    cmocka_unit_test(asks),
	    cmocka_unit_test(requests),
	    cmocka_unit_test(refused),
	    cmocka_unit_test(state_bounds),
	    cmocka_unit_test(invite_bounds),
	    cmocka_unit_test(too_large),
	};

	if (ed_init() == -1)
		return 1;
	canon_init();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
