/* SPDX-License-Identifier: ISC */
/* Limiters' counters, and the bucket that rates are kept with. */
#include <inttypes.h>

#include "base/log.h"
#include "limit.h"

#define LIMIT_LOG_MS 1000 /* between two lines of one limiter */

uint64_t
limit_due(struct limits *limits, enum limit limit, int64_t now_ms)
{
	uint64_t count = limits->of[limit].refused - limits->of[limit].logged;
	int64_t last_ms = limits->of[limit].logged_ms;

	if (count == 0 || (last_ms != 0 && now_ms - last_ms < LIMIT_LOG_MS))
		return 0;
	limits->of[limit].logged = limits->of[limit].refused;
	limits->of[limit].logged_ms = now_ms;
	return count;
}

static void
limit_log(struct limits *limits, enum limit limit, int64_t now_ms)
{
	uint64_t count = limit_due(limits, limit, now_ms);

	if (count > 0)
		log_info(
		    "limit name=%s refused=%" PRIu64, limit_name(limit), count);
}

void
limit_pass(struct limits *limits, enum limit limit)
{
	limits->of[limit].taken++;
}

void
limit_hit(struct limits *limits, enum limit limit, int64_t now_ms)
{
	limits->of[limit].refused++;
	limit_log(limits, limit, now_ms);
}

void
limit_report(struct limits *limits, int64_t now_ms)
{
	int i;

	for (i = 0; i < LIMIT_LISTENER_COUNT; i++)
		limit_log(limits, (enum limit)i, now_ms);
}

/* One token, so that a rate of one a minute adds 1 each millisecond. */
#define TOKEN 60000

void
bucket_init(struct bucket *bucket, int64_t per_minute, int64_t now_ms)
{
	bucket->level = per_minute * TOKEN;
	bucket->updated_ms = now_ms;
}

/* What it holds at now_ms. */
static int64_t
bucket_level(const struct bucket *bucket, int64_t per_minute, int64_t now_ms)
{
	int64_t passed_ms = now_ms - bucket->updated_ms,
		full = per_minute * TOKEN, level;

	if (passed_ms >= TOKEN)
		return full;
	level = bucket->level + passed_ms * per_minute;
	return level < full ? level : full;
}

uint32_t
bucket_wait(const struct bucket *bucket, int64_t per_minute, int64_t now_ms)
{
	int64_t level = bucket_level(bucket, per_minute, now_ms), wait_ms;

	if (per_minute == 0 || level >= TOKEN)
		return 0;
	wait_ms = (TOKEN - level + per_minute - 1) / per_minute;
	return (uint32_t)((wait_ms + 999) / 1000);
}

uint32_t
bucket_take(struct bucket *bucket, int64_t per_minute, int64_t now_ms)
{
	uint32_t wait_s = bucket_wait(bucket, per_minute, now_ms);

	if (per_minute == 0)
		return 0;
	bucket->level = bucket_level(bucket, per_minute, now_ms);
	bucket->updated_ms = now_ms;
	if (wait_s == 0)
		bucket->level -= TOKEN;
	return wait_s;
}

uint64_t
bucket_used(const struct bucket *bucket, int64_t per_minute, int64_t now_ms)
{
	int64_t missing =
	    per_minute * TOKEN - bucket_level(bucket, per_minute, now_ms);

	return (uint64_t)((missing + TOKEN - 1) / TOKEN);
}
