/* SPDX-License-Identifier: ISC */
/*
 * Payloads that carry state events, written; see event_payload.h. Names stand
 * in their order, and no value needs an escape: each is base64, a time, a name
 * or an address, or canonical already.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "json/event_payload.h"
#include "json/put.h"

/* Names and quotes around a list, or the members of an invitation. */
#define FRAME	128
/* Of a request: room, invitee, inviter, nonce, time and their names. */
#define ASK_MAX 512

static char *
put_certificate(char *to, const struct cert *cert)
{
	char text[CERT_MAX];

	to = put_text(to, "\"");
	to = put_base64(to, text, cert_format(text, cert));
	return put_text(to, "\"");
}

char *
event_payload_state_write(
    const struct event_payload_state *state, size_t *length)
{
	size_t size =
	    FRAME + state->certificate_count * (BASE64_LENGTH(CERT_MAX) + 4);
	char *text, *at;
	uint32_t i;

	for (i = 0; i < state->event_count; i++)
		size += signed_event_size(&state->events[i]);
	if ((text = malloc(size)) == NULL)
		return NULL;
	at = put_text(text, "{\"certificates\":[");
	for (i = 0; i < state->certificate_count; i++) {
		at = put_text(at, i == 0 ? "" : ",");
		at = put_certificate(at, &state->certificates[i]);
	}
	at = put_text(at, "],\"events\":[");
	for (i = 0; i < state->event_count; i++) {
		at = put_text(at, i == 0 ? "" : ",");
		at = signed_event_put(at, &state->events[i]);
	}
	at = put_text(at, "]}");
	*length = (size_t)(at - text);
	return text;
}

char *
event_payload_invite_write(
    const struct event_payload_invite *invite, size_t *length)
{
	size_t size = FRAME + BASE64_LENGTH(CERT_MAX) +
		      invite->room_key_length + invite->metadata_length +
		      signed_event_size(&invite->event);
	char *text = malloc(size), *at;

	if (text == NULL)
		return NULL;
	at = put_text(text, "{\"certificate\":");
	at = put_certificate(at, &invite->certificate);
	at = put_text(at, ",\"encryptedRoomKey\":\"");
	at = put_bytes(at, invite->room_key, invite->room_key_length);
	at = put_text(at, "\",\"event\":");
	at = signed_event_put(at, &invite->event);
	at = put_text(at, ",\"metadata\":");
	at = put_bytes(at, invite->metadata, invite->metadata_length);
	at = put_text(at, "}");
	*length = (size_t)(at - text);
	return text;
}

char *
event_payload_ask_write(const struct event_payload_ask *ask, size_t *length)
{
	char room[ROOM_ID_SIZE], address[ONION_SIZE], time[TIME_TEXT + 1];
	char nonce[BASE64_LENGTH(ROOM_NONCE) + 1], *text = malloc(ASK_MAX);

	if (text == NULL)
		return NULL;
	room_id_format(room, &ask->room);
	onion_format(address, ask->invitee.server);
	time_format(time, ask->expires);
	base64_encode(nonce, ask->nonce, sizeof(ask->nonce));
	*length = (size_t)snprintf(text, ASK_MAX,
	    "{\"expires\":\"%s\",\"globalRoomId\":\"%s\",\"invitee\":\"%s@%s\""
	    ",\"inviterId\":\"%s\",\"nonce\":\"%s\"}",
	    time, room, ask->invitee.name, address, ask->inviter.name, nonce);
	return text;
}
