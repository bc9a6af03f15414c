/* SPDX-License-Identifier: ISC */
/* State events as text and back; see room_event.h. */
#include <string.h>

#include "proto/ed.h"
#include "room/room_event.h"

static const char *const kinds[ROOM_KINDS] = {
    [ROOM_CREATE] = "create",
    [ROOM_INVITE] = "invite",
    [ROOM_JOIN] = "join",
    [ROOM_LEAVE] = "leave",
    [ROOM_REMOVE] = "remove",
    [ROOM_SERVERS] = "allowed_servers",
    [ROOM_RENAME] = "rename",
    [ROOM_FEDERATION] = "federation",
    [ROOM_CLOSE] = "close",
    [ROOM_KEY] = "key",
};

/* A text that is being read, line by line. */
struct lines {
	const char *at;
	const char *end; /* of the text */
	const char *line;
	size_t length; /* of the line */
};

const char *
room_kind_name(enum room_kind kind)
{
	return (unsigned int)kind < ROOM_KINDS ? kinds[kind] : "";
}

enum room_kind
room_kind_find(const char *name, size_t length)
{
	int i;

	for (i = 0; i < ROOM_KINDS; i++)
		if (strlen(kinds[i]) == length &&
		    memcmp(kinds[i], name, length) == 0)
			return (enum room_kind)i;
	return ROOM_KINDS;
}

size_t
room_event_text(char *text, const struct room_event *event)
{
	struct state_header header;
	const char *kind = room_kind_name(event->kind);

	memset(&header, 0, sizeof(header));
	memcpy(header.room, event->room.uuid, sizeof(header.room));
	memcpy(header.home, event->room.home, sizeof(header.home));
	header.number = event->number;
	memcpy(header.previous, event->previous, sizeof(header.previous));
	memcpy(header.kind, kind, strlen(kind));
	header.timestamp = event->timestamp;
	memcpy(header.key_id, event->key_id, sizeof(header.key_id));
	return signtext_state(text, &header, event->payload_hash);
}

void
room_event_hash(uint8_t hash[ROOM_HASH], const struct room_event *event)
{
	char text[SIGNTEXT_STATE_MAX];

	sha256(hash, text, room_event_text(text, event));
}

/* The next line; -1 when there is none. */
static int
line_next(struct lines *lines)
{
	const char *end;

	if (lines->at == NULL)
		return -1;
	lines->line = lines->at;
	end = memchr(lines->at, '\n', (size_t)(lines->end - lines->at));
	lines->at = end == NULL ? NULL : end + 1;
	lines->length =
	    (size_t)((end == NULL ? lines->end : end) - lines->line);
	return 0;
}

static int
line_hash(uint8_t hash[ROOM_HASH], struct lines *lines)
{
	if (line_next(lines) == -1)
		return -1;
	return base64_decode_exact(hash, ROOM_HASH, lines->line, lines->length);
}

static int
line_number(int64_t *number, struct lines *lines)
{
	uint64_t value;

	if (line_next(lines) == -1 ||
	    decimal_parse(
		&value, lines->line, lines->length, ROOM_NUMBER_MAX) == -1 ||
	    value == 0)
		return -1;
	*number = (int64_t)value;
	return 0;
}

/* What stands behind the room id. */
static int
lines_parse(struct room_event *event, struct lines *lines)
{
	static const uint8_t zero[ROOM_HASH];

	if (line_number(&event->number, lines) == -1 ||
	    line_hash(event->previous, lines) == -1 || line_next(lines) == -1)
		return -1;
	event->kind = room_kind_find(lines->line, lines->length);
	if (event->kind == ROOM_KINDS || line_next(lines) == -1 ||
	    time_parse(&event->timestamp, lines->line, lines->length) == -1)
		return -1;
	if (line_next(lines) == -1 ||
	    hex_decode(event->key_id, sizeof(event->key_id), lines->line,
		lines->length) == -1)
		return -1;
	if (line_hash(event->payload_hash, lines) == -1 || lines->at != NULL)
		return -1;
	/* The first event, and it alone, has nothing before it. */
	if ((event->number == 1) != (event->kind == ROOM_CREATE) ||
	    (event->number == 1) !=
		(memcmp(event->previous, zero, sizeof(zero)) == 0))
		return -1;
	return 0;
}

enum code
room_event_parse(struct room_event *event, const char *text, size_t length)
{
	struct lines lines = {text, text + length, text, 0};
	enum code code;

	memset(event, 0, sizeof(*event));
	if (length > SIGNTEXT_STATE_MAX || line_next(&lines) == -1 ||
	    lines.length != sizeof(STATE_DOMAIN) - 1 ||
	    memcmp(lines.line, STATE_DOMAIN, lines.length) != 0 ||
	    line_next(&lines) == -1)
		return CODE_STATE_EVENT;
	code = room_id_parse(&event->room, lines.line, lines.length);
	if (code != CODE_OK)
		return code;
	return lines_parse(event, &lines) == -1 ? CODE_STATE_EVENT : CODE_OK;
}

bool
room_event_verify(const struct room_event *event, const uint8_t signature[64],
    const uint8_t key[32])
{
	char text[SIGNTEXT_STATE_MAX];

	return ed_verify(signature, text, room_event_text(text, event), key);
}
