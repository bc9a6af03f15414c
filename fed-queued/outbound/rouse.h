/* SPDX-License-Identifier: ISC */
/*
 * Trying again is worth it: a server tells us so by a new valid request, and we
 * tell it by a handshake. Each at most once a minute for one server; what comes
 * within that minute is made up for at its end, so that the last word counts.
 */
#ifndef TORFED_OUTBOUND_ROUSE_H
#define TORFED_OUTBOUND_ROUSE_H

struct peer;

void rouse_init(void);
/* Ends its back-off, and what waits for its admin is due. Observes PEER_LIVES.
 */
void rouse_heard(struct peer *);
/* An admin has raised its trust: what waits there is to come. Observes
 * PEER_RAISED. */
void rouse_tell(struct peer *);

#endif
