/* SPDX-License-Identifier: ISC */
/*
 * What a room's home decides: whether a request, or its own chat server's
 * request, becomes the next event. Who may ask is room_speaker_check()'s.
 */
#ifndef TORFED_ROOM_HOME_H
#define TORFED_ROOM_HOME_H

#include "room/room_restore.h"
#include "room/room_state.h"

/*
 * Fills in what follows from the state: room, number, previous, and the time,
 * which is the later of now and the last event's. kind, key_id, payload_hash
 * and content are the caller's.
 */
void room_home_event(
    struct room_event *, const struct room_state *, int64_t now);
/*
 * event as it would be signed. ROOM_TAKEN: commit number and content, then
 * have it signed. ROOM_KNOWN: the same was done before (an invitation or join
 * with its nonce, a leave; without a nonce a join of a member). ROOM_WAIT:
 * RECOVERING, or BUSY while an event that was committed before is not signed
 * yet, or the room is about to be created (pending): what comes of that is not
 * in the facts. ROOM_REFUSED: the rule it breaks, ROOM_FROZEN, or ROOM_UNKNOWN
 * where there is no room. To ask whether an event may be made is to change
 * nothing.
 */
struct room_verdict room_home_decide(const struct room_state *,
    const struct room_event *, const struct room_facts *,
    const struct room_recovery *, bool pending, int64_t now);

/*
 * Whether a room needs an event of the kind key: its last event was signed
 * under our certificate of that serial, and we have revoked what is below
 * min_serial.
 */
bool room_home_key_due(uint64_t serial, uint64_t min_serial);

#endif
