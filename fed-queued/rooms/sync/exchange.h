/* SPDX-License-Identifier: ISC */
/*
 * An exchange of server_sync with one server: heads of our rooms, as many at a
 * time as fit; what its answers show that we lack is asked for in the next
 * request, until nothing new comes. It travels like a look-up, in a lane of its
 * own: a server that does not answer it keeps no messages back.
 */
#ifndef TORFED_ROOMS_SYNC_EXCHANGE_H
#define TORFED_ROOMS_SYNC_EXCHANGE_H

struct peer;

/* The peer's lane LANE_SYNC is due and was marked busy; ends with
 * outbound_done(). */
void sync_exchange(struct peer *);

#endif
