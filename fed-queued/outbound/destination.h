/* SPDX-License-Identifier: ISC */
/*
 * A server as what we send to: its back-off here and in the database, the
 * handshakes that sending calls for, and our own outages.
 */
#ifndef TORFED_OUTBOUND_DESTINATION_H
#define TORFED_OUTBOUND_DESTINATION_H

#include <stdbool.h>
#include <stdint.h>

#include "exchange/reaction.h"
#include "proto/code.h"

struct peer;

/* What an exchange means for the destination; true when it has to wait. heard:
 * its answer was signed, or it was heard meanwhile. */
bool destination_react(struct peer *, const struct reaction *, enum code,
    uint32_t seconds, bool heard);
/* A handshake now, for which the destination waits: our certificate is not
 * known to it, or not any more. */
void destination_handshake(struct peer *);
/* Whether it is backing off with items waiting. */
bool destination_waiting(const struct peer *);
/* Ends its back-off: it has just shown that it is alive. */
void destination_wake(struct peer *);
/* Begins or prolongs it: it did not answer. */
void destination_unreachable(struct peer *, enum code);
/* Our own outage: all sending waits a little. */
void destination_pause(void);

#endif
