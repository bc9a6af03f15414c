/* SPDX-License-Identifier: ISC */
/*
 * Names in rooms: the global room id, UUID@HOME, and a user, who is always a
 * local name at the server that speaks for it.
 */
#ifndef TORFED_ROOM_ID_H
#define TORFED_ROOM_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/encode.h"
#include "proto/code.h"
#include "proto/onion.h"

#define ROOM_ID_LENGTH (UUID_TEXT + 1 + ONION_LENGTH) /* characters */
#define ROOM_ID_SIZE   (ROOM_ID_LENGTH + 1)
#define ROOM_NAME_MAX  64 /* bytes of a user's local name */

struct room_id {
	uint8_t uuid[UUID_SIZE];
	uint8_t home[ONION_KEY]; /* the only writer of the room's state */
};

struct room_user {
	uint8_t server[ONION_KEY];
	char name[ROOM_NAME_MAX + 1]; /* rest zero: users compare by bytes */
};

/*
 * Strict: a lower-case version 4 UUID, "@", an address by onion_parse()'s
 * rules; nothing before, between or behind. CODE_OK, ROOM_ID, or what is wrong
 * with the address.
 */
enum code room_id_parse(struct room_id *, const char *text, size_t length);
void room_id_format(char text[ROOM_ID_SIZE], const struct room_id *);
bool room_id_equal(const struct room_id *, const struct room_id *);

/*
 * A handle as look-ups have it: 1 to 64 of a-z, 0-9, ".", "_" and "-", a
 * letter or digit first. So whoever is in a room can be looked up, and no
 * script, direction or invisible character hides a difference.
 */
bool room_name_valid(const char *name, size_t length);
/*
 * Puts a user together, as a receiver must: the name a server sent, and the
 * server that signed. CODE_OK or USER_NAME.
 */
enum code room_user_make(struct room_user *, const uint8_t server[ONION_KEY],
    const char *name, size_t length);
bool room_user_equal(const struct room_user *, const struct room_user *);

#endif
