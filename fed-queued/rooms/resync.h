/* SPDX-License-Identifier: ISC */
/*
 * With which servers heads are to be exchanged by server_sync, and of which
 * rooms: when something is missing, when a server is there again, after a
 * start, and otherwise every quarter of an hour.
 */
#ifndef TORFED_ROOMS_RESYNC_H
#define TORFED_ROOMS_RESYNC_H

#include "room/room_id.h"

struct peer;

/* An event of the room that a server is to prove; of one server so many: what
 * is more comes again with its next heads. */
#define RESYNC_PROOFS 16
struct resync_proof {
	struct room_id room;
	int64_t number;
};

/* We lack something of the room: its heads are exchanged with that server
 * soon. peer: its key; NULL for the room's home. */
void resync_soon(const struct room_id *, const uint8_t *peer);
/* The same, but not right behind an exchange with it. */
void resync_later(const struct room_id *, const uint8_t peer[ONION_KEY]);
/* It has an event of that number, which it is to prove: it is asked for that,
 * and the heads of the room are exchanged. */
void resync_prove(
    const struct room_id *, const uint8_t peer[ONION_KEY], int64_t number);
/* A server that was offline is there again: heads of all rooms. */
void resync_peer(struct peer *);
/* Our database is older than it should be: all servers are asked. */
void resync_all(void);
/* Exchanges heads with the servers that it is time for. */
void resync_doorbell(void);

/* For sync/exchange.c: takes rooms that wait for the peer, max at most; all:
 * then it is all that are shared, and rooms has none. */
uint32_t resync_waiting(
    const struct peer *, struct room_id *rooms, uint32_t max, bool *all);
/* The same: takes what the peer is to prove, RESYNC_PROOFS at most. */
uint32_t resync_proofs(
    const struct peer *, struct resync_proof proofs[RESYNC_PROOFS]);
/* An exchange with the peer has ended; failed: it comes again. */
void resync_ended(struct peer *, bool failed);

#endif
