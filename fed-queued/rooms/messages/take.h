/* SPDX-License-Identifier: ISC */
/*
 * Messages of others: what is known is read, they are judged by it and written,
 * and all of it once more when another worker was faster.
 */
#ifndef TORFED_ROOMS_MESSAGES_TAKE_H
#define TORFED_ROOMS_MESSAGES_TAKE_H

#include <stdbool.h>

#include "room/room_id.h"
#include "room/room_verdict.h"
#include "rooms/signed_message.h"

/* verdicts: one for each; ok false: the database did not answer. */
typedef void (*messages_done)(
    const struct room_verdict *verdicts, bool ok, void *argument);

/*
 * Messages of one origin in one room, in the order of the request, 1 to
 * BATCH_ITEMS. All are written in one transaction, or none. A duplicate is
 * ROOM_KNOWN; one that is malformed ROOM_REFUSED with PAYLOAD_MALFORMED. via:
 * the server that sent them. All is copied.
 */
void messages_take(const struct room_id *, const struct signed_message *,
    uint32_t count, const struct signed_text *, const uint8_t via[ONION_KEY],
    messages_done, void *argument);

#endif
