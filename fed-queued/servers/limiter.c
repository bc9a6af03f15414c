/* SPDX-License-Identifier: ISC */
/* A token bucket that counts; see limiter.h. */
#include <stddef.h>

#include "servers/limiter.h"

void
limiter_set(struct limiter *limiter, int64_t count, int64_t interval_ms,
    int64_t burst, int64_t now_ms)
{
	struct bucket_rate *rate = &limiter->rate;

	if (rate->count == count && rate->interval_ms == interval_ms &&
	    rate->burst == burst)
		return;
	*rate = (struct bucket_rate){count, interval_ms, burst};
	bucket_fill(&limiter->bucket, rate, now_ms);
}

void
limiter_refused(struct limiter *limiter, uint64_t amount)
{
	if (limiter->counter != NULL)
		limiter->counter->refused += amount;
}

bool
limiter_ready(struct limiter *limiter, int64_t amount, int64_t now_ms)
{
	if (bucket_wait_ms(&limiter->bucket, &limiter->rate, amount, now_ms) ==
	    0)
		return true;
	limiter_refused(limiter, (uint64_t)amount);
	return false;
}

bool
limiter_take(struct limiter *limiter, int64_t amount, int64_t now_ms)
{
	if (!bucket_take(&limiter->bucket, &limiter->rate, amount, now_ms)) {
		limiter_refused(limiter, (uint64_t)amount);
		return false;
	}
	if (limiter->counter != NULL)
		limiter->counter->taken += (uint64_t)amount;
	return true;
}

uint32_t
limiter_wait_s(const struct limiter *limiter, int64_t amount, int64_t now_ms)
{
	int64_t ms =
	    bucket_wait_ms(&limiter->bucket, &limiter->rate, amount, now_ms);

	return ms <= 1000 ? 1 : (uint32_t)((ms + 999) / 1000);
}

double
limiter_used(const struct limiter *limiter, int64_t now_ms)
{
	const struct bucket_rate *rate = &limiter->rate;

	if (rate->count <= 0)
		return 0;
	return 1 - (double)bucket_level(&limiter->bucket, rate, now_ms) /
		       (double)(rate->burst * rate->interval_ms);
}

int64_t
limiter_left(const struct limiter *limiter, int64_t now_ms)
{
	const struct bucket_rate *rate = &limiter->rate;

	if (rate->count <= 0)
		return -1;
	return bucket_level(&limiter->bucket, rate, now_ms) / rate->interval_ms;
}
