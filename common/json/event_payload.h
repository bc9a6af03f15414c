/* SPDX-License-Identifier: ISC */
/*
 * Payloads that carry state events: room_state, and room_invite in its two
 * forms (federation(7), "ROOMS"):
 *
 *	room_state	{"certificates":["<base64>"...],	1 to 4
 *			 "events":[EVENT...]}	1 to 64, of one room
 *	EVENT		see signed_event.h
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
 * Only the form is looked at: signatures, numbers and whose certificates they
 * are, are the caller's.
 */
#ifndef TORFED_EVENT_PAYLOAD_H
#define TORFED_EVENT_PAYLOAD_H

#include "json/signed_event.h"
#include "proto/cert.h"

#define EVENT_PAYLOAD_EVENTS_MAX       64
#define EVENT_PAYLOAD_CERTIFICATES_MAX 4
#define EVENT_PAYLOAD_KEY_MAX	       4096 /* bytes of an encrypted room key */
#define EVENT_PAYLOAD_METADATA_MAX     4096 /* bytes, canonical */

/* The payload of room_state. */
struct event_payload_state {
	uint32_t certificate_count;
	struct cert certificates[EVENT_PAYLOAD_CERTIFICATES_MAX];
	uint32_t event_count;
	struct signed_event *events; /* owned */
};

/* room_invite, shown; pointers into the payload. */
struct event_payload_invite {
	struct cert certificate;
	struct signed_event event; /* its payload is owned */
	const char *room_key;	   /* base64 */
	size_t room_key_length;	   /* characters */
	const char *metadata;	   /* canonical object */
	size_t metadata_length;
};

/* room_invite, asked of the home. */
struct event_payload_ask {
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
enum code event_payload_state_read(
    struct event_payload_state *, const char *payload, size_t length);
void event_payload_state_free(struct event_payload_state *);
enum code event_payload_invite_read(
    struct event_payload_invite *, const char *payload, size_t length);
void event_payload_invite_free(struct event_payload_invite *);

/* Whether a room_invite is shown, not asked; whichever it is may still not
 * have its form. */
bool event_payload_invite_shown(const char *payload, size_t length);
/* The inviter is put together from inviterId and origin. CODE_OK or
 * PAYLOAD_MALFORMED. */
enum code event_payload_ask_read(struct event_payload_ask *,
    const uint8_t origin[ONION_KEY], const char *payload, size_t length);

/*
 * Canonical payloads, newly allocated (free()), *length bytes and no
 * terminator; NULL: out of memory. What they are given has its form. Of an
 * event only text, payload and signature are looked at.
 */
char *event_payload_state_write(
    const struct event_payload_state *, size_t *length);
char *event_payload_invite_write(
    const struct event_payload_invite *, size_t *length);
char *event_payload_ask_write(const struct event_payload_ask *, size_t *length);

#endif
