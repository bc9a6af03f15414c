/* SPDX-License-Identifier: ISC */
/*
 * One server as this process knows it: its identity, trust and certificates,
 * and what the parts that deal with it remember of it.
 */
#ifndef TORFED_SERVERS_PEER_H
#define TORFED_SERVERS_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/tree.h"
#include "proto/cert.h"
#include "proto/trust.h"
#include "servers/fairness.h"
#include "servers/limiter.h"
#include "servers/suspect.h"

#define PEER_CERTIFICATES  8 /* newest serials kept of each server */
#define LANES		   3 /* 1 high, 2 normal, 3 low */
#define LANE_LOOKUP	   4 /* no messages: look-ups of users */
#define LANE_SYNC	   5 /* nor here: heads of rooms */
#define LANES_ALL	   5
#define PEER_REFUSALS	   5 /* signed for one server a second */
#define PEER_INTRODUCTIONS 4 /* of us to one server a minute */

struct peer_certificate {
	uint8_t key_id[32];
	struct cert cert;
};

struct lane {
	bool filled;	    /* the database has items that may be due */
	bool busy;	    /* a claim or an exchange of ours is under way */
	bool again;	    /* more was seen while busy */
	bool retry;	    /* items wait for ready_ms */
	bool anew;	    /* look from the start: an admin put items back */
	bool probing;	    /* busy, and counted among those that may be dead */
	int64_t ready_ms;   /* when the flush delay ends */
	int64_t due_ms;	    /* when one that waits by itself is due; 0 none */
	int64_t newest;	    /* queue id seen */
	int64_t stopped_ms; /* when all that was left could not go; 0 else */
	struct suspects suspects;
};

struct peer {
	RB_ENTRY(peer) by_key;
	RB_ENTRY(peer) by_id;
	TAILQ_ENTRY(peer) due; /* outbound/schedule.c's round */
	bool in_round;
	bool present; /* in the database; else only still referenced */
	bool fresh;   /* not yet filled in from the database */
	unsigned int references; /* whoever keeps a pointer over a call */

	uint8_t key[32]; /* identity key */
	uint8_t id[16];	 /* federation_servers.id */
	int trust;
	bool kept; /* an admin touched it */
	uint64_t highest_serial;
	uint64_t min_serial;
	uint64_t told_serial; /* of ours, that the peer acknowledged */
	unsigned int certificate_count;
	struct peer_certificate certificates[PEER_CERTIFICATES];

	/* inbound */
	struct limiter items;	 /* by trust level */
	struct limiter lookups;	 /* of users, at every level alike */
	struct limiter refusals; /* signed, and paid with no item */
	struct {		 /* of requests that are authentic */
		size_t requests;
		size_t bytes;
	} under_way;
	struct fairness_queue commits; /* items that wait for a transaction */
	int64_t seen_ms;	       /* when last_seen was last written */
	int64_t woken_ms; /* when a request last ended the back-off */
	bool wake_again;  /* another one did not: it came too soon after */

	/* outbound: outbound/schedule.c */
	struct lane lanes[LANES_ALL + 1];
	int64_t retry_ms; /* clock_ms() before which nothing is sent */
	bool postponed;	  /* and so says the database */
	uint32_t retry_count;
	uint32_t asked;	     /* to wait, so often in a row */
	bool appeals;	     /* items may wait for its admin */
	int64_t told_ms;     /* when it was last told that trust in it rose */
	bool tell_again;     /* which it has again since */
	bool paused;	     /* an admin lets nothing be sent to it */
	uint32_t woken;	     /* changed when an admin ended its back-off */
	int64_t retried_ms;  /* when that was last, or is to be; 0 never */
	uint32_t generation; /* of isolation credentials */
	bool slow;	     /* its last exchange took over SLOW_MS */
	uint32_t batch_most; /* items in the next request, as far as known */
	struct limiter introductions; /* handshakes that it makes us begin */
	bool asking;		      /* such a handshake is under way */
	int64_t introduced_ms; /* when a handshake with it was last stored */

	/* outbound/health.c, by the rules of liveness.c; all of clock_ms() */
	int64_t heard_ms;	/* something signed last came; 0 never */
	int64_t watched_ms;	/* since then; 0 not yet */
	int64_t ping_ms;	/* not before this */
	int64_t ping_jitter_ms; /* nor before so long beyond the interval */
	bool pinging;
	bool offline; /* and so says the database */
};

/* The certificate that key_id names, or NULL. */
const struct cert *peer_certificate(
    const struct peer *, const uint8_t key_id[32]);
/* Adds a verified certificate, keeping the newest serials. */
void peer_certificate_add(struct peer *, const struct cert *,
    uint64_t highest_serial, uint64_t min_serial);
/* A known certificate of that serial with another key id, or NULL. */
const struct cert *peer_certificate_conflict(
    const struct peer *, const struct cert *);
/*
 * What an admin has set, by the database: whether nothing is sent to it, and a
 * number that has changed when its back-off is to end. PEER_ADMINISTERED
 * (observe.h) when either is new.
 */
void peer_administer(struct peer *, bool paused, uint32_t woken);

#endif
