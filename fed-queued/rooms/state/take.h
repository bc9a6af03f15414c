/* SPDX-License-Identifier: ISC */
/*
 * State events that a home signed, whoever sent them: read, judged by
 * room_state_apply() and written in the room's turn.
 */
#ifndef TORFED_ROOMS_STATE_TAKE_H
#define TORFED_ROOMS_STATE_TAKE_H

#include "json/event_payload.h"
#include "rooms/done.h"

/*
 * changed() is called after each event, or contradiction, that is written: for
 * messages, which are judged by the room's state. Set once, before any event.
 */
void state_observe(void (*changed)(const struct room_id *, enum room_kind));

/*
 * event: one that json/event_payload.h has read. cert: of the room's home, with
 * the event's key id, verified. via: the server that sent it. vouched: it
 * stands in a run that vouches for it (rooms/vouch.h). All is copied.
 * The signature is verified here: ROOM_REFUSED with NOT_HOME when it does not
 * hold. Of a room that we are not in and did not ask to join: ROOM_REFUSED with
 * ROOM_UNKNOWN. What is under a revoked certificate and nobody vouches for:
 * ROOM_WAIT with UNVOUCHED, and the home is asked. Of a room of our own from
 * elsewhere, but while we adopt after a restore: ROOM_REFUSED with SPEAKER.
 */
void state_take(const struct signed_event *event, const struct cert *cert,
    const uint8_t via[ONION_KEY], bool vouched, room_done, void *argument);

#endif
