/* SPDX-License-Identifier: ISC */
/*
 * Payloads of rooms to typed fields, from canonical text whose signature was
 * verified: what federation(7), "ROOMS" says of each. Unknown members are left
 * alone; a known one has its form, or the payload is refused whole.
 */
#ifndef TORFED_ROOM_PAYLOAD_H
#define TORFED_ROOM_PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "room/room_event.h"
#include "room/room_message.h"

#define ROOM_PAYLOAD_CONTENT_MAX  45056 /* bytes that we send, decoded */
#define ROOM_PAYLOAD_METADATA_MAX 16384 /* bytes, of a rename, decoded */

/* A list of allowed servers. */
struct room_payload_servers {
	uint32_t count; /* at most ROOM_SERVERS_MAX, each once */
	uint8_t key[ROOM_SERVERS_MAX][ONION_KEY];
};

/* A message; pointers into the payload. */
struct room_payload_message {
	struct room_message message; /* all but place.digest */
	const char *content;	     /* base64, opaque */
	size_t content_length;	     /* characters, without quotes */
	char type[TYPE_SIZE];	     /* messageType: [a-z_]{1,32} */
	const char *metadata;	     /* canonical; NULL none */
	size_t metadata_length;
};

/* A request to join or to leave. */
struct room_payload_request {
	struct room_id room;
	struct room_user user;
	bool has_nonce; /* to join, with an invitation */
	uint8_t nonce[ROOM_NONCE];
};

/*
 * A state event's payload. content: all that the kind has; servers: what
 * create and allowed_servers list, else empty. CODE_OK or PAYLOAD_MALFORMED.
 */
enum code room_payload_content(struct room_content *content,
    struct room_payload_servers *servers, enum room_kind, const char *payload,
    size_t length);
/* What a state event's payload is made of. */
struct room_payload_content {
	enum room_kind kind; /* a valid one */
	struct room_content content;
	struct room_payload_servers servers; /* where content is restricted */
	const uint8_t *metadata;	     /* rename, encrypted */
	size_t metadata_length;		     /* bytes */
};
/*
 * The opposite: the canonical payload, newly allocated (free()), *length bytes
 * and no terminator. Limits are not looked at: whoever writes reads it back.
 * NULL: out of memory.
 */
char *room_payload_content_format(
    const struct room_payload_content *, size_t *length);
/*
 * A message of origin's: the sender is put together from senderId and origin.
 * CODE_OK or PAYLOAD_MALFORMED.
 */
enum code room_payload_message(struct room_payload_message *,
    const uint8_t origin[ONION_KEY], const char *payload, size_t length);
/*
 * The opposite: the canonical payload, newly allocated (free()), *length bytes
 * and no terminator. content and metadata must have their form. NULL: out of
 * memory.
 */
char *room_payload_message_format(
    const struct room_payload_message *, size_t *length);
/*
 * room_join (join true: with nonce, a string or null) or room_leave of
 * origin's: {"globalRoomId","nonce","userId"}. CODE_OK or PAYLOAD_MALFORMED.
 */
enum code room_payload_request(struct room_payload_request *, bool join,
    const uint8_t origin[ONION_KEY], const char *payload, size_t length);

#endif
