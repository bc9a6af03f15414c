/* SPDX-License-Identifier: ISC */
/*
 * Which item of a lane may be the one that kills its exchanges: requests that
 * were sent and never acknowledged are halved until one item is alone. Alone,
 * it stays at the head of its lane, for most failures are the wire's and order
 * is a promise; once it has failed a few times, a handshake after each failure
 * shows whether the destination lives without it. An item that fails a dozen
 * times alone while the destination lives is taken to be the culprit, and
 * steps aside so that the others get through. Several may stand aside at once;
 * more than that are hardly all culprits, and the next keeps its place. Memory
 * only: a new process begins to count anew.
 */
#ifndef TORFED_SERVERS_SUSPECT_H
#define TORFED_SERVERS_SUSPECT_H

#include <stdbool.h>
#include <stdint.h>

#define SUSPECT_PROVE_AFTER 4  /* failures alone before a handshake is made */
#define SUSPECT_ASIDE_AFTER 12 /* failures alone before it steps aside */
#define SUSPECTS	    4  /* of one lane that may stand aside at once */

struct suspect {
	int64_t queue_id;
	uint32_t failures; /* alone, in a row; 0 no suspect */
	bool proving;	   /* a handshake is on its way */
};

/* Of a lane: those that stand aside, and one that is at the head. */
struct suspects {
	struct suspect entries[SUSPECTS];
};

enum suspect_step {
	SUSPECT_WAIT,  /* the destination backs off, as for any failure */
	SUSPECT_PROVE, /* a handshake shows whether the destination lives */
	SUSPECT_ASIDE  /* the same, and the item steps behind the others */
};

/* The item was alone in a request that was sent and not acknowledged. */
enum suspect_step suspect_failed(struct suspects *, int64_t queue_id);
/* The handshake's outcome: of a destination that is down itself no item is
 * the culprit, and the last failure does not count. */
void suspect_proved(struct suspects *, bool lives);
/* A request with these items, in ascending order, was acknowledged. */
void suspect_passed(struct suspects *, int64_t first, int64_t last);
/* Whether one has stepped aside: it is sent alone when its time comes. */
bool suspect_aside(const struct suspects *);
/* How often the item came back since, and failed again: it stands aside for
 * longer each time. */
uint32_t suspect_returns(const struct suspects *, int64_t queue_id);

#endif
