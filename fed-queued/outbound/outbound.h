/* SPDX-License-Identifier: ISC */
/* What is due is sent: lanes of messages, and others that are registered. */
#ifndef TORFED_OUTBOUND_OUTBOUND_H
#define TORFED_OUTBOUND_OUTBOUND_H

struct peer;

void outbound_init(void);
/*
 * Who sends what waits in a lane without messages (LANE_LOOKUP, LANE_SYNC):
 * runner(peer) when the lane is due and marked busy; it ends with
 * outbound_done(). Once, at start.
 */
void outbound_register(int lane, void (*runner)(struct peer *));
/* A lane's turn is over. */
void outbound_done(struct peer *, int lane);
/* Something has become due. */
void outbound_due(void);
/* Looks at the queue: after NOTIFY, at each sweep, after a reconnection. */
void outbound_doorbell(void);

#endif
