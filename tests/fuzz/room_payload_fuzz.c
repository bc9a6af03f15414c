/* SPDX-License-Identifier: ISC */
/*
 * Payloads of rooms from any bytes. The first byte says which: a kind of state
 * event, a message, a request to join or to leave.
 */
#include <stdlib.h>
#include <string.h>

#include "json/canon.h"
#include "json/room_payload.h"
#include "proto/ed.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const uint8_t origin[ONION_KEY];

static void
message_try(const char *text, size_t size)
{
	struct room_payload_message message;

	if (room_payload_message(&message, origin, text, size) != CODE_OK)
		return;
	if (message.content < text ||
	    message.content + message.content_length > text + size ||
	    message.content_length % 4 != 0 ||
	    message.message.place.sequence < 1 || message.message.lane < 1 ||
	    message.message.lane > 3)
		abort();
}

/* What was read is written so that it reads the same. */
static void
content_try(enum room_kind kind, const char *text, size_t size)
{
	static struct room_payload_content from;
	static struct room_payload_servers servers;
	struct room_content content;
	size_t length;
	char *written;

	if (room_payload_content(
		&from.content, &from.servers, kind, text, size) != CODE_OK)
		return;
	from.kind = kind;
	if (kind == ROOM_RENAME)
		return; /* its metadata is not among what is read */
	written = room_payload_content_format(&from, &length);
	if (written == NULL ||
	    room_payload_content(&content, &servers, kind, written, length) !=
		CODE_OK ||
	    memcmp(&content, &from.content, sizeof(content)) != 0 ||
	    servers.count != from.servers.count ||
	    memcmp(servers.key, from.servers.key,
		servers.count * sizeof(servers.key[0])) != 0)
		abort();
	free(written);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;
	struct room_payload_request request;

	if (ed_init() == -1)
		abort();
	canon_init();
	if (size == 0)
		return 0;
	/* Only canonical text comes this far. */
	if (!canon_check(text, size - 1))
		return 0;
	switch (data[0] % (ROOM_KINDS + 3)) {
	case ROOM_KINDS:
		message_try(text, size - 1);
		break;
	case ROOM_KINDS + 1:
	case ROOM_KINDS + 2:
		room_payload_request(
		    &request, data[0] % 2 == 0, origin, text, size - 1);
		break;
	default:
		content_try((enum room_kind)(data[0] % (ROOM_KINDS + 3)), text,
		    size - 1);
		break;
	}
	return 0;
}
