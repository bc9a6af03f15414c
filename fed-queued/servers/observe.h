/* SPDX-License-Identifier: ISC */
/*
 * What becomes known of a server in one place and matters in another: main.c
 * says once, at start, who observes what, so that nobody calls upwards.
 */
#ifndef TORFED_SERVERS_OBSERVE_H
#define TORFED_SERVERS_OBSERVE_H

struct peer;

enum peer_event {
	PEER_HEARD,    /* something new of it was verified: a request, or an
		     * acknowledgement of one of ours */
	PEER_SEEN,     /* the same, and last_seen is written already */
	PEER_LIVES,    /* it sent a new valid request, at level 1 or above */
	PEER_RETURNED, /* it counted as offline, and is there again */
	PEER_ADMINISTERED, /* an admin paused it, or ended its back-off */
	PEER_RAISED,	   /* an admin raised its trust */
	PEER_EVENTS
};

/* One observer for each event; to tell before main.c named it is fatal. */
void observe(enum peer_event, void (*observer)(struct peer *));
void observe_tell(enum peer_event, struct peer *);

#endif
