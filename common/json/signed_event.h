/* SPDX-License-Identifier: ISC */
/*
 * A state event as it travels (federation(7), "ROOMS"):
 *
 *	{"payload":{...},"signature":"<base64>",
 *	 "text":"<base64 of the signing text>"}
 *
 * Only the form is looked at, the same whoever carries the event: the payload
 * is canonical, has the hash that the text names and what its kind has, and is
 * no larger and nests no deeper than room_state can carry. The signature is the
 * caller's.
 */
#ifndef TORFED_SIGNED_EVENT_H
#define TORFED_SIGNED_EVENT_H

#include <jansson.h>

#include "json/room_payload.h"

#define SIGNED_EVENT_PAYLOAD_MAX 32768 /* bytes, canonical */
#define SIGNED_EVENT_DEPTH \
	5 /* of a payload: room_state has three containers
			      * around it, and eight at most */

struct signed_event {
	struct room_event event; /* content and payload_hash as well */
	struct room_payload_servers servers;
	size_t text_length;
	char text[SIGNTEXT_STATE_MAX];
	char *payload; /* canonical; owned */
	size_t payload_length;
	uint8_t signature[64];
};

/* CODE_OK, and signed_event_free() releases it; else PAYLOAD_MALFORMED, and
 * nothing needs freeing. */
enum code signed_event_read(struct signed_event *, const json_t *event);
/* The same of text, payload and signature as they were signed. */
enum code signed_event_make(struct signed_event *, const char *text,
    size_t text_length, const char *payload, size_t length,
    const uint8_t signature[64]);
void signed_event_free(struct signed_event *);
/* Canonical, into to; returns what is behind it. Of the event only text,
 * payload and signature are looked at, which have their form. */
char *signed_event_put(char *to, const struct signed_event *);
/* Bytes that it takes at most. */
size_t signed_event_size(const struct signed_event *);

#endif
