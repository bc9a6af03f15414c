/* SPDX-License-Identifier: ISC */
/* A state event as it travels; see signed_event.h. */
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "json/canon.h"
#include "json/payload_field.h"
#include "json/put.h"
#include "json/signed_event.h"
#include "proto/ed.h"

/* Names, quotes and the signature around an event's text and payload. */
#define FRAME 160

/* payload is the event's own from here on, whatever comes of it. */
static int
parts_take(struct signed_event *event, char *payload, size_t length,
    const uint8_t signature[64])
{
	uint8_t hash[ROOM_HASH];

	event->payload = payload;
	event->payload_length = length;
	memcpy(event->signature, signature, sizeof(event->signature));
	if (room_event_parse(&event->event, event->text, event->text_length) !=
		CODE_OK ||
	    length > SIGNED_EVENT_PAYLOAD_MAX ||
	    !canon_check(payload, length) ||
	    canon_depth(payload, length) > SIGNED_EVENT_DEPTH)
		return -1;
	sha256(hash, payload, length);
	if (memcmp(hash, event->event.payload_hash, ROOM_HASH) != 0)
		return -1;
	return room_payload_content(&event->event.content, &event->servers,
		   event->event.kind, payload, length) == CODE_OK
		   ? 0
		   : -1;
}

enum code
signed_event_make(struct signed_event *event, const char *text,
    size_t text_length, const char *payload, size_t length,
    const uint8_t signature[64])
{
	char *copy;

	memset(event, 0, sizeof(*event));
	if (text_length > sizeof(event->text) ||
	    length > SIGNED_EVENT_PAYLOAD_MAX || length == 0 ||
	    (copy = malloc(length)) == NULL)
		return CODE_PAYLOAD_MALFORMED;
	memcpy(copy, payload, length);
	memcpy(event->text, text, text_length);
	event->text_length = text_length;
	if (parts_take(event, copy, length, signature) == 0)
		return CODE_OK;
	signed_event_free(event);
	return CODE_PAYLOAD_MALFORMED;
}

/* The bytes of text and signature; 0 or -1. */
static int
base64_read(
    struct signed_event *event, const json_t *object, uint8_t signature[64])
{
	const char *base64;
	size_t length;

	if (payload_field_text(&base64, &length, object, "text") == -1 ||
	    base64_decode((uint8_t *)event->text, sizeof(event->text),
		&event->text_length, base64, length) == -1)
		return -1;
	return payload_field_bytes(
	    signature, sizeof(event->signature), object, "signature");
}

/*
 * The payload as the home hashed it: the tree it came in is written again,
 * since one that was cut from a larger text is canonical only where that is.
 */
enum code
signed_event_read(struct signed_event *event, const json_t *object)
{
	const json_t *tree = json_object_get(object, "payload");
	uint8_t signature[64];
	char *payload = NULL;
	size_t length = 0;

	memset(event, 0, sizeof(*event));
	if (base64_read(event, object, signature) == 0 && json_is_object(tree))
		payload = canon_write(tree, &length);
	if (payload != NULL &&
	    parts_take(event, payload, length, signature) == 0)
		return CODE_OK;
	signed_event_free(event);
	return CODE_PAYLOAD_MALFORMED;
}

void
signed_event_free(struct signed_event *event)
{
	free(event->payload);
	event->payload = NULL;
}

size_t
signed_event_size(const struct signed_event *event)
{
	return FRAME + BASE64_LENGTH(event->text_length) +
	       event->payload_length;
}

char *
signed_event_put(char *to, const struct signed_event *event)
{
	to = put_text(to, "{\"payload\":");
	to = put_bytes(to, event->payload, event->payload_length);
	to = put_text(to, ",\"signature\":\"");
	to = put_base64(to, event->signature, sizeof(event->signature));
	to = put_text(to, "\",\"text\":\"");
	to = put_base64(to, event->text, event->text_length);
	return put_text(to, "\"}");
}
