/* SPDX-License-Identifier: ISC */
/*
 * Payloads that carry state events: room_state, and room_invite in its two
 * forms (federation(7), "ROOMS"):
 *
 *	room_state	{"certificates":["<base64>"...],	1 to 4
 *			 "events":[EVENT...]}			1 to 64
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
 * All members must be there; unknown ones are left alone.
 */
#ifndef TORFED_ROOMITEM_H
#define TORFED_ROOMITEM_H

#include "cert.h"
#include "roomload.h"

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

#endif
