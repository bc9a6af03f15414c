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

/* The text that was signed, and what it says. */
static int
text_read(struct signed_event *event, const json_t *object)
{
	const char *base64;
	size_t length;

	if (payload_field_text(&base64, &length, object, "text") == -1 ||
	    base64_decode((uint8_t *)event->text, sizeof(event->text),
		&event->text_length, base64, length) == -1)
		return -1;
	return room_event_parse(
		   &event->event, event->text, event->text_length) == CODE_OK
		   ? 0
		   : -1;
}

/*
 * The payload as the home hashed it: the tree it came in is written again,
 * since one that was cut from a larger text is canonical only where that is.
 */
static int
content_read(struct signed_event *event, const json_t *object)
{
	uint8_t hash[ROOM_HASH];

	if (!json_is_object(json_object_get(object, "payload")))
		return -1;
	event->payload = canon_write(
	    json_object_get(object, "payload"), &event->payload_length);
	if (event->payload == NULL)
		return -1;
	sha256(hash, event->payload, event->payload_length);
	if (memcmp(hash, event->event.payload_hash, ROOM_HASH) != 0)
		return -1;
	return room_payload_content(&event->event.content, &event->servers,
		   event->event.kind, event->payload,
		   event->payload_length) == CODE_OK
		   ? 0
		   : -1;
}

enum code
signed_event_read(struct signed_event *event, const json_t *object)
{
	memset(event, 0, sizeof(*event));
	if (text_read(event, object) == 0 &&
	    payload_field_bytes(event->signature, sizeof(event->signature),
		object, "signature") == 0 &&
	    content_read(event, object) == 0)
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
