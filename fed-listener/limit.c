/* SPDX-License-Identifier: ISC */
/* Limiters' names and counters, and the bucket that rates are kept with. */
#include <inttypes.h>

#include "limit.h"
#include "log.h"

#define LIMIT_LOG_MS 1000 /* between two lines of one limiter */

static const char *const limit_names[LIMIT_COUNT] = {
    [LIMIT_CONNECTIONS] = "connections",
    [LIMIT_CONNECTIONS_PER_CIRCUIT] = "connections-per-circuit",
    [LIMIT_REQUESTS_PER_CIRCUIT] = "requests-per-circuit",
    [LIMIT_REQUESTS_PENDING] = "requests-pending",
    [LIMIT_BODY_MEMORY] = "body-memory",
    [LIMIT_DESCRIPTORS] = "descriptors",
    [LIMIT_HEAD_TIME] = "head-time",
    [LIMIT_BODY_TIME] = "body-time",
    [LIMIT_ANSWER_TIME] = "answer-time",
    [LIMIT_WRITE_TIME] = "write-time",
    [LIMIT_MALFORMED] = "malformed",
};

const char *
limit_name(enum limit limit)
{
	return limit_names[limit];
}

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
		log_info("limit name=%s refused=%" PRIu64, limit_names[limit],
		    count);
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

	for (i = 0; i < LIMIT_COUNT; i++)
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

uint32_t
bucket_take(struct bucket *bucket, int64_t per_minute, int64_t now_ms)
{
	int64_t passed_ms = now_ms - bucket->updated_ms, wait_ms;

	if (per_minute == 0)
		return 0;
	if (passed_ms >= TOKEN) {
		bucket_init(bucket, per_minute, now_ms); /* full again */
	} else {
		bucket->level += passed_ms * per_minute;
		bucket->updated_ms = now_ms;
	}
	if (bucket->level > per_minute * TOKEN)
		bucket->level = per_minute * TOKEN;
	if (bucket->level >= TOKEN) {
		bucket->level -= TOKEN;
		return 0;
	}
	wait_ms = (TOKEN - bucket->level + per_minute - 1) / per_minute;
	return (uint32_t)((wait_ms + 999) / 1000);
}
