/* SPDX-License-Identifier: ISC */
/* Messages of one (destination, lane), from claim through exchange to
 * settlement. */
#ifndef TORFED_OUTBOUND_SESSION_H
#define TORFED_OUTBOUND_SESSION_H

struct peer;

/* doorbell: to be called when another worker's lease has ended. */
void session_init(void (*doorbell)(void));
/* The lane of messages is due and marked busy; schedule_done() ends it. */
void session_run(struct peer *, int lane);

#endif
