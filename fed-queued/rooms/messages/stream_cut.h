/* SPDX-License-Identifier: ISC */
/*
 * A stream cut off where its origin does not vouch for it any more: what
 * stands against something that counts, and what follows it, gives way.
 */
#ifndef TORFED_ROOMS_MESSAGES_STREAM_CUT_H
#define TORFED_ROOMS_MESSAGES_STREAM_CUT_H

#include <stdbool.h>

#include "room/room_message.h"

/* cut: it was; else it is vouched for. ok false: the database failed. */
typedef void (*stream_cut_done)(bool cut, bool ok, void *argument);

/* In the room's turn. message: of origin's, which counts; number: in dispute.
 */
void stream_cut(const struct room_message *message,
    const uint8_t origin[ONION_KEY], int64_t number, stream_cut_done,
    void *argument);

#endif
