/* SPDX-License-Identifier: ISC */
/* A claimed item through an exchange to its settlement. */
#ifndef TORFED_OUTBOUND_H
#define TORFED_OUTBOUND_H

#include <stdbool.h>

struct peer;

void outbound_init(void);
/* Looks at the queue: after NOTIFY, at each sweep, after a reconnection. */
void outbound_doorbell(void);
/* Whether the peer is backing off with items waiting. */
bool outbound_waiting(const struct peer *);
/* Ends a peer's back-off: it has just shown that it is alive. */
void outbound_wake(struct peer *);

#endif
