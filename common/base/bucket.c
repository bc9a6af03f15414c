/* SPDX-License-Identifier: ISC */
/*
 * The token bucket. A token is interval_ms of level, so that count of it come
 * in each millisecond.
 */
#include "base/bucket.h"

/* So many tokens in parts, or as many parts as there can be. */
static int64_t
token_parts(const struct bucket_rate *rate, int64_t tokens)
{
	if (rate->count <= 0)
		return 0;
	if (tokens > INT64_MAX / rate->interval_ms)
		return INT64_MAX;
	return tokens * rate->interval_ms;
}

void
bucket_fill(
    struct bucket *bucket, const struct bucket_rate *rate, int64_t now_ms)
{
	bucket->level = token_parts(rate, rate->burst);
	bucket->at_ms = now_ms;
}

int64_t
bucket_level(
    const struct bucket *bucket, const struct bucket_rate *rate, int64_t now_ms)
{
	int64_t full = token_parts(rate, rate->burst), passed_ms;

	if (bucket->level >= full)
		return full;
	passed_ms = now_ms - bucket->at_ms;
	if (rate->count <= 0 || passed_ms <= 0)
		return bucket->level;
	if (passed_ms > (full - bucket->level) / rate->count)
		return full;
	return bucket->level + passed_ms * rate->count;
}

int64_t
bucket_wait_ms(const struct bucket *bucket, const struct bucket_rate *rate,
    int64_t amount, int64_t now_ms)
{
	int64_t missing;

	if (rate->count <= 0)
		return 0;
	missing =
	    token_parts(rate, amount) - bucket_level(bucket, rate, now_ms);
	return missing <= 0 ? 0 : (missing - 1) / rate->count + 1;
}

bool
bucket_take(struct bucket *bucket, const struct bucket_rate *rate,
    int64_t amount, int64_t now_ms)
{
	int64_t wanted;

	if (rate->count <= 0)
		return true;
	wanted = token_parts(rate, amount);
	bucket->level = bucket_level(bucket, rate, now_ms);
	bucket->at_ms = now_ms;
	if (bucket->level < wanted)
		return false;
	bucket->level -= wanted;
	return true;
}

int64_t
bucket_used(
    const struct bucket *bucket, const struct bucket_rate *rate, int64_t now_ms)
{
	if (rate->count <= 0)
		return 0;
	return rate->burst -
	       bucket_level(bucket, rate, now_ms) / rate->interval_ms;
}
