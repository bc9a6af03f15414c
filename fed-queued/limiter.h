/* SPDX-License-Identifier: ISC */
/* A token bucket on the monotonic clock. */
#ifndef TORFED_LIMITER_H
#define TORFED_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

struct limiter {
	double tokens;
	double rate;  /* tokens a millisecond; 0: no limit */
	double burst; /* tokens at most */
	int64_t at_ms;
};

/* count tokens in interval_ms, burst of burst tokens; starts full. A count of
 * 0 is no limit. Unchanged figures keep what the bucket holds. */
void limiter_set(struct limiter *, int64_t count, int64_t interval_ms,
    int64_t burst, int64_t now_ms);
/* Whether amount is there. */
bool limiter_ready(struct limiter *, double amount, int64_t now_ms);
/* Takes amount when it is there. */
bool limiter_take(struct limiter *, double amount, int64_t now_ms);
/* Seconds, rounded up, until amount is there; at least 1. */
uint32_t limiter_wait_s(const struct limiter *, double amount);

#endif
