/* SPDX-License-Identifier: ISC */
/*
 * When a peer that is silent is asked whether it is there, when silence says
 * that it is not, and what an answer from our own onion service says. Rules
 * alone: no clock, no timer.
 */
#ifndef TORFED_SERVERS_LIVENESS_H
#define TORFED_SERVERS_LIVENESS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/code.h"
#include "servers/peer_table.h"

#define LIVENESS_SILENT 3 /* intervals without a word: offline */

/*
 * Begins a peer's account at the first look at it: unless it is heard before,
 * its first ping is due after wait_ms and a share (0 to 1) of spread_ms.
 */
void liveness_begin(struct peer *, int64_t wait_ms, int64_t spread_ms,
    double share, int64_t now_ms);
/* A ping goes out now; the next comes up to a quarter of the interval later
 * than it could, as share says. */
void liveness_pinged(
    struct peer *, int64_t interval_ms, double share, int64_t now_ms);
/*
 * By how many milliseconds a ping is overdue, 0: none is due. Due is one to a
 * server at level 1 or above that has been silent, and was not pinged, for the
 * interval, which has no back-off running, and of which no message that is
 * under way or about to go will tell as much. interval_ms 0: never.
 */
int64_t liveness_overdue(
    const struct peer *, int64_t interval_ms, int64_t now_ms);
/* Whether its silence has lasted so long that it counts as offline. */
bool liveness_silent(const struct peer *, int64_t interval_ms, int64_t now_ms);

/* Whether a probe of our own onion service met our own listener; ping: it
 * answers pings (it then has no other status for them than these). */
bool liveness_reachable(enum code, uint16_t status, bool ping);
/* The delay before the next probe: after one that succeeded about interval_ms,
 * else a short one that doubles with each failure. */
int64_t liveness_probe_delay(
    uint32_t failures, int64_t interval_ms, double share);

#endif
