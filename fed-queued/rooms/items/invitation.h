/* SPDX-License-Identifier: ISC */
/*
 * Invitations that other servers hand on to our users: judged by
 * room_invite_take(), and written with the id of the item that brought them.
 */
#ifndef TORFED_ROOMS_ITEMS_INVITATION_H
#define TORFED_ROOMS_ITEMS_INVITATION_H

#include "inbound/commit.h"
#include "json/event_payload.h"
#include "rooms/done.h"

/*
 * One whose event's signature by the home was verified. item: what brought it
 * from origin; it must last until done() is called, the rest is copied.
 */
void invitation_take(const struct event_payload_invite *,
    const uint8_t origin[32], const struct commit_item *item, room_done,
    void *argument);

#endif
