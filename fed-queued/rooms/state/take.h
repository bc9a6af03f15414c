/* SPDX-License-Identifier: ISC */
/*
 * State events that a home signed, taken from any hand: read, judged by
 * room_state_apply() and written in the room's turn.
 */
#ifndef TORFED_ROOM_EVENTS_H
#define TORFED_ROOM_EVENTS_H

#include <stdbool.h>

#include "json/event_payload.h"
#include "room/room_verdict.h"

/* ok false: the database did not answer, and nothing is known. */
typedef void (*room_done)(const struct room_verdict *, bool ok, void *argument);

/*
 * event: one that event_payload.h has read. cert: of the room's home, with the
 * event's key id, verified. via: the server that showed it. All is copied.
 * The signature is verified here: ROOM_REFUSED with NOT_HOME when it does not
 * hold. Of a room that we are not in and did not ask to join: ROOM_UNKNOWN.
 */
void state_take(const struct signed_event *event, const struct cert *cert,
    const uint8_t via[ONION_KEY], room_done, void *argument);

#endif
