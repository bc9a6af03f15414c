/* SPDX-License-Identifier: ISC */
/*
 * Items of rooms in requests: which those are, and how a verdict about one is
 * answered. Pure.
 */
#ifndef TORFED_ROOMS_ITEMS_ITEM_KIND_H
#define TORFED_ROOMS_ITEMS_ITEM_KIND_H

#include <stdbool.h>
#include <stddef.h>

#include "exchange/ack.h"
#include "room/room_verdict.h"

/*
 * Whether an item is a room's: by its type, or a message whose canonical
 * payload has globalRoomId.
 */
bool item_kind_is_room(const char *type, const char *payload, size_t length);
/* ROOM_HELD is accepted; ROOM_WAIT waits for a second at least. */
void item_kind_result(struct ack_result *, const struct room_verdict *);

#endif
