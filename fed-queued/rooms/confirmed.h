/* SPDX-License-Identifier: ISC */
/*
 * Rooms of ours that another server has confirmed since this process began: it
 * knows no more of the room than we do. A home whose database was put back to a
 * backup would give a number away twice. So it signs nothing in a room until a
 * server with a member there has confirmed it, or until ten seconds after the
 * first were asked.
 */
#ifndef TORFED_ROOMS_CONFIRMED_H
#define TORFED_ROOMS_CONFIRMED_H

#include "room/room_id.h"

/* Other servers are asked from now on. */
void confirmed_begin(void);
/* A server knows no more of the room than we do. */
void confirmed_set(const struct room_id *);
/* Whether nothing may be signed in it yet. servers: how many others have a
 * member there. */
bool confirmed_wait(const struct room_id *, uint32_t servers);

#endif
