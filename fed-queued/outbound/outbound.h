/* SPDX-License-Identifier: ISC */
/* A claimed item through an exchange to its settlement. */
#ifndef TORFED_OUTBOUND_H
#define TORFED_OUTBOUND_H

#include <stdbool.h>
#include <stdint.h>

#include "exchange/reaction.h"
#include "proto/code.h"

struct peer;

void outbound_init(void);
/* Looks at the queue: after NOTIFY, at each sweep, after a reconnection. */
void outbound_doorbell(void);
/* Whether the peer is backing off with items waiting. */
bool outbound_waiting(const struct peer *);
/* Ends a peer's back-off: it has just shown that it is alive. */
void outbound_wake(struct peer *);
/* The same for what comes by itself: at most once a minute. */
void outbound_alive(struct peer *);
/* Begins or prolongs it: it did not answer. */
void outbound_unreachable(struct peer *, enum code);
/* Our own outage: all sending waits a little. */
void outbound_pause(void);

/* What an exchange means for the destination; true when it has to wait. heard:
 * its answer was signed, or it was heard meanwhile. */
bool outbound_react(struct peer *, const struct reaction *, enum code,
    uint32_t seconds, bool heard);
/* A lane's turn is over. */
void outbound_done(struct peer *, int lane);
/* Something has become due. */
void outbound_due(void);

#endif
