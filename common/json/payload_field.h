/* SPDX-License-Identifier: ISC */
/*
 * Members of rooms' payloads, as room_payload.c and event_payload.c read them:
 * each must be there and have its form. 0 or -1.
 */
#ifndef TORFED_PAYLOAD_FIELD_H
#define TORFED_PAYLOAD_FIELD_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "room/room_id.h"

/* The object that a payload of at most ITEM_MAX bytes is (json_decref());
 * NULL: it is none. */
json_t *payload_field_object(const char *payload, size_t length);

/* A string; points into the object. */
int payload_field_text(
    const char **text, size_t *length, const json_t *object, const char *name);
/* base64 of exactly size bytes. */
int payload_field_bytes(
    uint8_t *to, size_t size, const json_t *object, const char *name);
/* globalRoomId. */
int payload_field_room(struct room_id *, const json_t *object);
/* name@address. */
int payload_field_user(
    struct room_user *, const json_t *object, const char *name);
/* The local name of a user of origin's. */
int payload_field_own_user(struct room_user *, const json_t *object,
    const char *name, const uint8_t origin[ONION_KEY]);
/* Seconds since 1970. */
int payload_field_time(int64_t *to, const json_t *object, const char *name);

#endif
