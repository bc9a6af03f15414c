/* SPDX-License-Identifier: ISC */
/*
 * Turns: what is done to one room is done one after the other, since each
 * decides by what it has read from the database before it writes. Other
 * workers on the database are noticed by room_states.version; what lost against
 * one reads and decides again.
 */
#ifndef TORFED_ROOM_TURN_H
#define TORFED_ROOM_TURN_H

#include "room/room_id.h"

/*
 * run(argument) is called when it is this one's turn, at once if nobody else
 * has it; turn_end() must follow, once, when all of it is written or
 * given up. Turns come in the order in which they were asked for.
 */
void turn_begin(const struct room_id *, void (*run)(void *), void *argument);
void turn_end(const struct room_id *);

#endif
