/* SPDX-License-Identifier: ISC */
/* Limiters' counters. */
#include <inttypes.h>

#include "base/log.h"
#include "limit.h"

#define LIMIT_LOG_MS 1000 /* between two lines of one limiter */

uint64_t
limit_due(struct limit_counters *limits, enum limit limit, int64_t now_ms)
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
limit_log(struct limit_counters *limits, enum limit limit, int64_t now_ms)
{
	uint64_t count = limit_due(limits, limit, now_ms);

	if (count > 0)
		log_info(
		    "limit name=%s refused=%" PRIu64, limit_name(limit), count);
}

void
limit_pass(struct limit_counters *limits, enum limit limit)
{
	limits->of[limit].taken++;
}

void
limit_hit(struct limit_counters *limits, enum limit limit, int64_t now_ms)
{
	limits->of[limit].refused++;
	limit_log(limits, limit, now_ms);
}

void
limit_report(struct limit_counters *limits, int64_t now_ms)
{
	int i;

	for (i = 0; i < LIMIT_LISTENER_COUNT; i++)
		limit_log(limits, (enum limit)i, now_ms);
}
