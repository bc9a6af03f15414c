/* SPDX-License-Identifier: ISC */
/* A token bucket that counts what it let pass and what it refused. */
#ifndef TORFED_SERVERS_LIMITER_H
#define TORFED_SERVERS_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bucket.h"

/* What limiters of one kind let pass and refused, since the start. */
struct limit_counter {
	uint64_t taken;
	uint64_t refused;
	uint64_t logged;   /* of those refused */
	int64_t logged_ms; /* when; 0 never */
};

struct limiter {
	struct bucket_rate rate;
	struct bucket bucket;
	struct limit_counter *counter; /* may be NULL */
};

/* count tokens in interval_ms, burst of burst tokens; starts full. A count of
 * 0 is no limit. Unchanged figures keep what the bucket holds. */
void limiter_set(struct limiter *, int64_t count, int64_t interval_ms,
    int64_t burst, int64_t now_ms);
/* Whether amount is there; if not, it counts as refused. */
bool limiter_ready(struct limiter *, int64_t amount, int64_t now_ms);
/* Takes amount when it is there. */
bool limiter_take(struct limiter *, int64_t amount, int64_t now_ms);
/* So many more were refused without being asked for. */
void limiter_refused(struct limiter *, uint64_t amount);
/* Seconds, rounded up, until amount is there; at least 1. */
uint32_t limiter_wait_s(const struct limiter *, int64_t amount, int64_t now_ms);
/* How far the burst is used up: 0 not at all, 1 nothing is left. */
double limiter_used(const struct limiter *, int64_t now_ms);
/* Whole tokens that are there now; -1 when there is no limit. */
int64_t limiter_left(const struct limiter *, int64_t now_ms);

#endif
