/* SPDX-License-Identifier: ISC */
/*
 * Turns: one thing at a time is done to a room, since each is decided by what
 * was read from the database before it is written. What other workers on the
 * database do meanwhile is noticed when it is written (rooms/attempt.h).
 */
#ifndef TORFED_ROOMS_TURN_H
#define TORFED_ROOMS_TURN_H

#include "room/room_id.h"

/*
 * run(argument) is called when it is this one's turn, at once if nothing is
 * under way in the room. turn_end() must follow, once, when all of it is
 * written or given up. Turns come in the order in which they were asked for.
 */
void turn_begin(const struct room_id *, void (*run)(void *), void *argument);
void turn_end(const struct room_id *);

#endif
