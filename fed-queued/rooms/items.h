/* SPDX-License-Identifier: ISC */
/*
 * The items of rooms in one request, one after the other, each to the part
 * whose it is; messages of one room go together.
 */
#ifndef TORFED_ROOM_INBOUND_H
#define TORFED_ROOM_INBOUND_H

#include "inbound/commit.h"
#include "rooms/messages/look.h"

/*
 * items: 1 to BATCH_ITEMS, of types that item_kind_is_room() knows, in the order of
 * the request, each with its type; done() of each is called once, and with ok
 * false of all that follow one whose outcome is not known. proof is copied.
 * trust: the level of proof->origin.
 */
void items_take(struct commit_item *const *items, uint32_t count,
    const struct room_proof *proof, int trust);

#endif
