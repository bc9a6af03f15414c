/* SPDX-License-Identifier: ISC */
/*
 * Payloads that carry state events: room_state, and room_invite in its two
 * forms (federation(7), "ROOMS"):
 *
 *	room_state	{"certificates":["<base64>"...],	1 to 4
 *			 "events":[EVENT...]}	1 to 64, of one room
 *	EVENT		{"payload":{...},"signature":"<base64>",
 *			 "text":"<base64 of the signing text>"}
 *	room_invite, shown to the invitee's server
 *			{"certificate":"<base64>",	the home's
 *			 "encryptedRoomKey":"<base64>",	1 to 4096 bytes
 *			 "event":EVENT,			of the kind invite
 *			 "metadata":{...}}		4096 bytes at most
 *	room_invite, asked of the home
 *			{"expires":"<time>","globalRoomId":"...",
 *			 "invitee":"name@address","inviterId":"name",
 *			 "nonce":"<base64>"}
 *
 * All members must be there; unknown ones are left alone. What has "event" is
 * of the first form, and then has no "globalRoomId".
 *
 * Only the form is looked at: an event's payload has the hash that its text
 * names and what its kind has; signatures, numbers and whose certificates they
 * are, are the caller's.
 */
#ifndef TORFED_ROOMITEM_H
#define TORFED_ROOMITEM_H

#include <jansson.h>

#include "json/room_payload.h"
#include "proto/cert.h"

#define ROOMITEM_EVENTS_MAX	  64
#define ROOMITEM_CERTIFICATES_MAX 4
#define ROOMITEM_KEY_MAX	  4096 /* bytes of an encrypted room key */
#define ROOMITEM_METADATA_MAX	  4096 /* bytes, canonical */

/* One event as it travels. */
struct roomload_event {
	struct room_event event; /* content and payload_hash as well */
	struct roomload_servers servers;
	size_t text_length;
	char text[SIGNTEXT_STATE_MAX];
	char *payload; /* canonical; owned */
	size_t payload_length;
	uint8_t signature[64];
};

/* The payload of room_state. */
struct roomitem_state {
	uint32_t certificate_count;
	struct cert certificates[ROOMITEM_CERTIFICATES_MAX];
	uint32_t event_count;
	struct roomload_event *events; /* owned */
};

/* room_invite, shown; pointers into the payload. */
struct roomitem_invite {
	struct cert certificate;
	struct roomload_event event; /* its payload is owned */
	const char *room_key;	     /* base64 */
	size_t room_key_length;	     /* characters */
	const char *metadata;	     /* canonical object */
	size_t metadata_length;
};

/* room_invite, asked of the home. */
struct roomitem_ask {
	struct room_id room;
	struct room_user inviter;
	struct room_user invitee;
	uint8_t nonce[ROOM_NONCE];
	int64_t expires; /* seconds since 1970 */
};

/*
 * Each reads into memory that its _free() releases, or returns
 * PAYLOAD_MALFORMED, and nothing needs freeing. Payloads are canonical.
 */
enum code roomitem_event_read(struct roomload_event *, const json_t *event);
void roomitem_event_free(struct roomload_event *);
enum code roomitem_state_read(
    struct roomitem_state *, const char *payload, size_t length);
void roomitem_state_free(struct roomitem_state *);
enum code roomitem_invite_read(
    struct roomitem_invite *, const char *payload, size_t length);
void roomitem_invite_free(struct roomitem_invite *);

/* Whether a room_invite is shown, not asked; whichever it is may still not
 * have its form. */
bool roomitem_invite_shown(const char *payload, size_t length);
/* The inviter is put together from inviterId and origin. CODE_OK or
 * PAYLOAD_MALFORMED. */
enum code roomitem_ask_read(struct roomitem_ask *,
    const uint8_t origin[ONION_KEY], const char *payload, size_t length);

/*
 * Canonical payloads, newly allocated (free()), *length bytes and no
 * terminator; NULL: out of memory. What they are given has its form. Of an
 * event only text, payload and signature are looked at.
 */
char *roomitem_state_write(const struct roomitem_state *, size_t *length);
char *roomitem_invite_write(const struct roomitem_invite *, size_t *length);
char *roomitem_ask_write(const struct roomitem_ask *, size_t *length);

/* One event into to, canonical; returns what is behind it. */
char *roomitem_event_put(char *to, const struct roomload_event *);
/* Bytes that it takes at most. */
size_t roomitem_event_size(const struct roomload_event *);

#endif
