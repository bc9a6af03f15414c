/* SPDX-License-Identifier: ISC */
/*
 * A room's chain cut off behind the last event that its home vouches for,
 * where something that counts stands against what follows; members are then
 * what they were there, and the rest is asked for anew.
 */
#ifndef TORFED_ROOMS_STATE_CHAIN_CUT_H
#define TORFED_ROOMS_STATE_CHAIN_CUT_H

#include <stdbool.h>

#include "room/room_id.h"
#include "room/room_verdict.h"

/* cut: it was; else what stands there is vouched for. ok false: the database
 * did not answer. */
typedef void (*cut_done)(bool cut, bool ok, void *argument);

/* In the room's turn. conflict: what something that counts has shown. */
void state_cut(const struct room_id *, const struct room_verdict *conflict,
    cut_done, void *argument);

#endif
