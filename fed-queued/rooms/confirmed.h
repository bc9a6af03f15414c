/* SPDX-License-Identifier: ISC */
/*
 * Rooms of ours of which another server has told, since this process began,
 * how far it is. A home whose database was put back to a backup would give a
 * number away twice; so it signs nothing until somebody in the room was heard
 * who knows no more than it does itself, or for ten seconds.
 */
#ifndef TORFED_ROOM_HEARD_H
#define TORFED_ROOM_HEARD_H

#include "room/room_id.h"

/* Others are asked from now on. */
void confirmed_begin(void);
/* Somebody knows no more of the room than we do. */
void confirmed_set(const struct room_id *);
/* Whether nothing may be signed yet. servers: others that have a member. */
bool confirmed_wait(const struct room_id *, uint32_t servers);

#endif
