/* SPDX-License-Identifier: ISC */
/* Payloads that carry state events, read; see event_payload.h. */
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "json/canon.h"
#include "json/event_payload.h"
#include "json/payload_field.h"
#include "proto/ed.h"

static int
certificate_get(struct cert *cert, const json_t *string)
{
	uint8_t text[CERT_MAX];
	size_t length;

	if (!json_is_string(string) ||
	    base64_decode(text, sizeof(text), &length,
		json_string_value(string), json_string_length(string)) == -1)
		return -1;
	return cert_parse(cert, text, length) == CODE_OK ? 0 : -1;
}

static int
certificate_list_get(struct event_payload_state *state, const json_t *list)
{
	size_t i, count = json_array_size(list); /* 0 when it is none */

	if (count < 1 || count > EVENT_PAYLOAD_CERTIFICATES_MAX)
		return -1;
	for (i = 0; i < count; i++)
		if (certificate_get(
			&state->certificates[i], json_array_get(list, i)) == -1)
			return -1;
	state->certificate_count = (uint32_t)count;
	return 0;
}

static int
event_list_get(struct event_payload_state *state, const json_t *list)
{
	size_t count = json_array_size(list);
	struct signed_event *event;

	if (count < 1 || count > EVENT_PAYLOAD_EVENTS_MAX)
		return -1;
	state->events = calloc(count, sizeof(*state->events));
	if (state->events == NULL)
		return -1;
	while (state->event_count < count) {
		event = &state->events[state->event_count];
		if (signed_event_read(event,
			json_array_get(list, state->event_count)) != CODE_OK)
			return -1;
		state->event_count++;
		if (!room_id_equal(
			&event->event.room, &state->events->event.room))
			return -1;
	}
	return 0;
}

enum code
event_payload_state_read(
    struct event_payload_state *state, const char *payload, size_t length)
{
	json_t *object = payload_field_object(payload, length);
	int got = -1;

	memset(state, 0, sizeof(*state));
	if (object == NULL)
		return CODE_PAYLOAD_MALFORMED;
	if (certificate_list_get(
		state, json_object_get(object, "certificates")) == 0)
		got = event_list_get(state, json_object_get(object, "events"));
	json_decref(object);
	if (got == 0)
		return CODE_OK;
	event_payload_state_free(state);
	return CODE_PAYLOAD_MALFORMED;
}

void
event_payload_state_free(struct event_payload_state *state)
{
	uint32_t i;

	for (i = 0; i < state->event_count; i++)
		signed_event_free(&state->events[i]);
	free(state->events);
	state->events = NULL;
	state->event_count = 0;
}

/* What is opaque here: the room's key, and metadata. */
static int
invite_opaque(struct event_payload_invite *invite, const json_t *object,
    const char *payload, size_t length)
{
	uint8_t key[EVENT_PAYLOAD_KEY_MAX];
	const char *text;
	size_t decoded;

	if (payload_field_text(&text, &invite->room_key_length, object,
		"encryptedRoomKey") == -1 ||
	    base64_decode(key, sizeof(key), &decoded, text,
		invite->room_key_length) == -1 ||
	    decoded == 0)
		return -1;
	/* base64 has no escapes: it stands in the payload as it is. */
	invite->room_key = canon_member(
	    payload, length, "encryptedRoomKey", &invite->room_key_length);
	invite->metadata =
	    canon_member(payload, length, "metadata", &invite->metadata_length);
	if (invite->room_key == NULL || invite->metadata == NULL ||
	    *invite->metadata != '{' ||
	    invite->metadata_length > EVENT_PAYLOAD_METADATA_MAX)
		return -1;
	invite->room_key++; /* without quotes */
	invite->room_key_length -= 2;
	return 0;
}

enum code
event_payload_invite_read(
    struct event_payload_invite *invite, const char *payload, size_t length)
{
	json_t *object = payload_field_object(payload, length);
	enum code code = CODE_PAYLOAD_MALFORMED;

	memset(invite, 0, sizeof(*invite));
	if (object == NULL)
		return code;
	if (json_object_get(object, "globalRoomId") == NULL &&
	    certificate_get(&invite->certificate,
		json_object_get(object, "certificate")) == 0 &&
	    invite_opaque(invite, object, payload, length) == 0)
		code = signed_event_read(
		    &invite->event, json_object_get(object, "event"));
	json_decref(object);
	if (code == CODE_OK && invite->event.event.kind != ROOM_INVITE) {
		event_payload_invite_free(invite);
		code = CODE_PAYLOAD_MALFORMED;
	}
	return code;
}

void
event_payload_invite_free(struct event_payload_invite *invite)
{
	signed_event_free(&invite->event);
}

bool
event_payload_invite_shown(const char *payload, size_t length)
{
	return canon_member(payload, length, "event", &length) != NULL;
}

enum code
event_payload_ask_read(struct event_payload_ask *ask,
    const uint8_t origin[ONION_KEY], const char *payload, size_t length)
{
	json_t *object = payload_field_object(payload, length);
	int got = -1;

	memset(ask, 0, sizeof(*ask));
	if (object == NULL)
		return CODE_PAYLOAD_MALFORMED;
	if (payload_field_room(&ask->room, object) == 0 &&
	    payload_field_own_user(
		&ask->inviter, object, "inviterId", origin) == 0 &&
	    payload_field_user(&ask->invitee, object, "invitee") == 0 &&
	    payload_field_bytes(ask->nonce, ROOM_NONCE, object, "nonce") == 0)
		got = payload_field_time(&ask->expires, object, "expires");
	json_decref(object);
	return got == 0 ? CODE_OK : CODE_PAYLOAD_MALFORMED;
}
