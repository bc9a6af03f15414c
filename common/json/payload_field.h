/* SPDX-License-Identifier: ISC */
/*
 * Members of rooms' payloads, as roomload.c and roomitem.c read them: each
 * must be there and have its form. 0 or -1.
 */
#ifndef TORFED_ROOMFIELD_H
#define TORFED_ROOMFIELD_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "room/room_id.h"

/* The object that a payload of at most ITEM_MAX bytes is (json_decref());
 * NULL: it is none. */
json_t *roomfield_object(const char *payload, size_t length);

/* A string; points into the object. */
int roomfield_text(
    const char **text, size_t *length, const json_t *object, const char *name);
/* base64 of exactly size bytes. */
int roomfield_bytes(
    uint8_t *to, size_t size, const json_t *object, const char *name);
/* globalRoomId. */
int roomfield_room(struct room_id *, const json_t *object);
/* name@address. */
int roomfield_user(struct room_user *, const json_t *object, const char *name);
/* The local name of a user of origin's. */
int roomfield_own_user(struct room_user *, const json_t *object,
    const char *name, const uint8_t origin[ONION_KEY]);
/* Seconds since 1970. */
int roomfield_time(int64_t *to, const json_t *object, const char *name);

#endif
