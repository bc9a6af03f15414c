/* SPDX-License-Identifier: ISC */
/*
 * Which (destination, lane) is due: back-off per destination, flush delay per
 * lane, round-robin over those that are due, and a bound on how many
 * destinations that have not answered lately may be tried at once, so that
 * dead peers never starve live ones.
 */
#ifndef TORFED_OUTBOUND_SCHEDULE_H
#define TORFED_OUTBOUND_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/peer_table.h"

struct settings;

/* run() is called when something may be due. */
void schedule_init(const struct settings *, void (*run)(void));
/* Runs what is due now. */
void schedule_run(void);
/* The database has items for this lane. */
void schedule_fill(struct peer *, int lane);
/* The same, of which newest is the highest queue id. A lane that was left for
 * all that is in it waits is not looked at again and again for that. */
void schedule_found(struct peer *, int lane, int64_t newest);
/* The lane has items that are due after a delay, and is left alone until then.
 */
void schedule_again(struct peer *, int lane, int64_t delay_ms);
/* Something in the lane waits by itself, and is due after a delay; the rest of
 * the lane does not wait for it. */
void schedule_due(struct peer *, int lane, int64_t delay_ms);
/* Whether more was seen since the last claim; asking clears it. */
bool schedule_more(struct peer *, int lane);
/* Nothing more is known of a lane until schedule_fill(). */
void schedule_empty(struct peer *, int lane);
/* And what is left in it is behind something that waits. */
void schedule_stopped(struct peer *, int lane);
/*
 * The next pair that is due, marked busy; false when there is none or no slot
 * is free. schedule_done() ends it.
 */
bool schedule_next(struct peer **, int *lane);
void schedule_done(struct peer *, int lane);

/* Whether destinations that are due wait for a slot. */
bool schedule_crowded(void);

/*
 * A handshake that decides what is to come takes a slot of those for
 * destinations that may be dead, until schedule_handshake_end().
 */
void schedule_handshake_begin(struct peer *);
void schedule_handshake_end(struct peer *);
/*
 * A slot for a ping: one of those for destinations that may be dead, of which
 * pings have half at most, and only while no destination is due. true:
 * schedule_pinged() ends it; false: not now.
 */
bool schedule_ping(struct peer *);
void schedule_pinged(struct peer *);

/* Observes PEER_ADMINISTERED: it may be due by now. */
void schedule_administered(struct peer *);
/* Ends a destination's back-off. */
void schedule_back_off_end(struct peer *);
/* Exponential back-off with jitter; returns the delay in ms. */
int64_t schedule_back_off(struct peer *, bool longest);
/* How long to wait after the peer asked for seconds count times before: longer
 * each time, never shorter than it says. */
int64_t schedule_asked_ms(uint32_t count, uint32_t seconds);
/* Exactly this delay, whatever the back-off was. */
void schedule_wait(struct peer *, int64_t delay_ms);
/* Our own outage: nothing is sent for a while, longer each time; the first
 * success ends it. */
void schedule_pause(void);
void schedule_resume(void);
bool schedule_paused(void);

/* Uniform in [0, 1). */
double schedule_random(void);
/* The back-off after count failures, without jitter: minimum * 2^count, at
 * most maximum. */
int64_t schedule_delay_ms(
    uint32_t count, int64_t minimum_ms, int64_t maximum_ms);

#endif
