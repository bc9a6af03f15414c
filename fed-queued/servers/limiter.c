/* SPDX-License-Identifier: ISC */
/* A token bucket on the monotonic clock. */
#include <stddef.h>

#include "servers/limiter.h"

static void
limiter_fill(struct limiter *limiter, int64_t now_ms)
{
	if (now_ms > limiter->at_ms)
		limiter->tokens +=
		    limiter->rate * (double)(now_ms - limiter->at_ms);
	if (limiter->tokens > limiter->burst)
		limiter->tokens = limiter->burst;
	limiter->at_ms = now_ms;
}

void
limiter_set(struct limiter *limiter, int64_t count, int64_t interval_ms,
    int64_t burst, int64_t now_ms)
{
	double rate = (double)count / (double)interval_ms;

	/* The same figures computed the same way: exact comparison is meant. */
	if (!(limiter->rate < rate) && !(limiter->rate > rate) &&
	    !(limiter->burst < (double)burst) &&
	    !(limiter->burst > (double)burst))
		return;
	limiter->rate = rate;
	limiter->burst = (double)burst;
	limiter->tokens = (double)burst;
	limiter->at_ms = now_ms;
}

void
limiter_refused(struct limiter *limiter, uint64_t amount)
{
	if (limiter->counter != NULL)
		limiter->counter->refused += amount;
}

bool
limiter_ready(struct limiter *limiter, double amount, int64_t now_ms)
{
	if (limiter->rate <= 0)
		return true;
	limiter_fill(limiter, now_ms);
	if (limiter->tokens >= amount)
		return true;
	limiter_refused(limiter, (uint64_t)amount);
	return false;
}

bool
limiter_take(struct limiter *limiter, double amount, int64_t now_ms)
{
	if (!limiter_ready(limiter, amount, now_ms))
		return false;
	if (limiter->rate > 0)
		limiter->tokens -= amount;
	if (limiter->counter != NULL)
		limiter->counter->taken += (uint64_t)amount;
	return true;
}

uint32_t
limiter_wait_s(const struct limiter *limiter, double amount)
{
	double missing = amount - limiter->tokens;

	if (limiter->rate <= 0 || missing <= 0)
		return 1;
	return (uint32_t)(missing / limiter->rate / 1000) + 1;
}

double
limiter_used(struct limiter *limiter, int64_t now_ms)
{
	if (limiter->rate <= 0)
		return 0;
	limiter_fill(limiter, now_ms);
	return 1 - limiter->tokens / limiter->burst;
}

int64_t
limiter_left(struct limiter *limiter, int64_t now_ms)
{
	if (limiter->rate <= 0)
		return -1;
	limiter_fill(limiter, now_ms);
	return (int64_t)limiter->tokens;
}
