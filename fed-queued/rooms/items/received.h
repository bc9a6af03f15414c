/* SPDX-License-Identifier: ISC */
/*
 * Ids of items that left no row of their own: kept, so that each is known when
 * it comes again, and found when it names something else.
 */
#ifndef TORFED_ROOMS_ITEMS_RECEIVED_H
#define TORFED_ROOMS_ITEMS_RECEIVED_H

#include "inbound/commit.h"
#include "rooms/done.h"

/*
 * Keeps the id of an item that origin has sent. done: ROOM_TAKEN, or
 * ROOM_REFUSED with ID_CONFLICT, and evidence is kept; a verdict also with ok
 * false. item must last until this returns.
 */
void received_keep(const uint8_t origin[32], const struct commit_item *item,
    room_done, void *argument);

#endif
