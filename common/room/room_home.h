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
 * Fills in what follows from the state: room, number and previous. kind,
 * timestamp, key_id, payload_hash and content are the caller's.
 */
void room_home_event(struct room_event *, const struct room_state *);
/*
 * event as it would be signed. ROOM_TAKEN: commit number and content, then
 * have it signed. ROOM_KNOWN: it is so already (a join or leave that was asked
 * for again). ROOM_WAIT: RECOVERING, or BUSY while an event that was committed
 * before is not signed yet (pending): what it says is not in the facts.
 * ROOM_REFUSED: the rule it breaks, or
 * ROOM_FROZEN. To ask whether an event may be made is to change nothing.
 */
struct room_verdict room_home_decide(const struct room_state *,
    const struct room_event *, const struct room_facts *,
    const struct room_recovery *, bool pending, int64_t now);

#endif
