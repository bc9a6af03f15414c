/* SPDX-License-Identifier: ISC */
/*
 * Who is there: pings to peers that are silent, and what is known of each
 * (is_online, last_seen, connection_failures). Only what is signed says that a
 * peer is there: a ping is a handshake. (Whether we can be reached ourselves:
 * self_probe.c.)
 */
#ifndef TORFED_OUTBOUND_HEALTH_H
#define TORFED_OUTBOUND_HEALTH_H

#include <stdint.h>

#include "exchange/ack.h"
#include "proto/code.h"

struct peer;

void health_init(void);
/* Something new of the peer was verified: a request, or an acknowledgement of
 * one of ours. Written at most once a minute, and at once when it was away. */
void health_heard(struct peer *);
/* The same has just been written by another statement. */
void health_seen(struct peer *);
/* A request got no signed answer, and that has been written. */
void health_lost(struct peer *, enum code);
/* What a ping that began then means for the peer; result: of a signed answer
 * that refuses it, else NULL. */
void health_settle(struct peer *, int64_t began_ms, enum code,
    const struct ack_result *result);

#endif
