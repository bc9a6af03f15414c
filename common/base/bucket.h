/* SPDX-License-Identifier: ISC */
/*
 * A token bucket, in whole numbers: however often it is asked, nothing is lost
 * to rounding. It knows no clock: now_ms is monotonic, and if it goes back all
 * the same, nothing comes for that, and time counts from there. Any figures
 * will do: products are kept within 63 bits.
 */
#ifndef TORFED_BUCKET_H
#define TORFED_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/* How fast it fills, often the same for many buckets; zeros: no limit. */
struct bucket_rate {
	int64_t count;	     /* tokens that come in interval_ms; 0: no limit */
	int64_t interval_ms; /* above 0 */
	int64_t burst;	     /* tokens that fit in */
};

struct bucket {
	int64_t level; /* interval_ms of these are a token; 0: empty */
	int64_t at_ms; /* when level was right */
};

/* Full. */
void bucket_fill(struct bucket *, const struct bucket_rate *, int64_t now_ms);
/* Takes amount tokens; false, and takes none, when there are fewer. Without a
 * limit there are always enough. */
bool bucket_take(struct bucket *, const struct bucket_rate *, int64_t amount,
    int64_t now_ms);
/* Milliseconds, rounded up, until amount is there: 0 now, or no limit. */
int64_t bucket_wait_ms(const struct bucket *, const struct bucket_rate *,
    int64_t amount, int64_t now_ms);
/* Tokens, rounded up, that it is short of being full; 0 without a limit. */
int64_t bucket_used(
    const struct bucket *, const struct bucket_rate *, int64_t now_ms);
/* What it holds at now_ms, as level has it. */
int64_t bucket_level(
    const struct bucket *, const struct bucket_rate *, int64_t now_ms);

#endif
