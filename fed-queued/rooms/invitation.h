/* SPDX-License-Identifier: ISC */
/*
 * Invitations that others show to our users: judged by room_invite_take(), and
 * written with the id of the item that brought them.
 */
#ifndef TORFED_ROOM_SHOWN_H
#define TORFED_ROOM_SHOWN_H

#include "inbound/commit.h"
#include "rooms/state/take.h"

/*
 * The event's signature by the home was verified. item: what brought it from
 * origin; it must last until done() is called, the rest is copied. ok false:
 * the database did not answer.
 */
void invitation_take(const struct event_payload_invite *,
    const uint8_t origin[32], const struct commit_item *item, room_done,
    void *argument);
/*
 * Keeps the id of an item that was accepted. done: ROOM_TAKEN, or ROOM_REFUSED
 * with ID_CONFLICT, and evidence is kept; item as above.
 */
void received_keep(const uint8_t origin[32], const struct commit_item *item,
    room_done, void *argument);

#endif
