/* SPDX-License-Identifier: ISC */
/*
 * server_sync: heads exchanged with the servers that we share rooms with, and
 * what one lacks asked for and given.
 */
#ifndef TORFED_ROOM_SYNC_H
#define TORFED_ROOM_SYNC_H

#include "room/room_id.h"

struct peer;

/* We lack something of the room: its heads are exchanged with that server
 * soon. peer: NULL for the room's home. */
void resync_soon(const struct room_id *, const uint8_t *peer);
/* The same, but not right behind an exchange with it. */
void resync_later(const struct room_id *, const uint8_t peer[ONION_KEY]);
/* A server that was offline is there again: heads of all rooms. */
void resync_peer(struct peer *);
/* Our database is older than it should be: all are asked. */
void resync_all(void);
/* Heads are exchanged with those that it is time for. */
void resync_doorbell(void);
/* The peer's lane LANE_SYNC is due and marked busy; ends with
 * outbound_done(). */
void sync_exchange(struct peer *);

/* Between resync.c and sync_exchange.c: takes the rooms that wait for the
 * peer, at most most of them; all: all that are shared. */
uint32_t resync_waiting(
    const struct peer *, struct room_id *rooms, uint32_t most, bool *all);
/* An exchange with the peer has ended; failed: it comes again. */
void resync_ended(struct peer *, bool failed);

#endif
