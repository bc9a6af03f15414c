/* SPDX-License-Identifier: ISC */
/* Who is asked, and what silence means; see liveness.h. Pure. */
#include "servers/liveness.h"

#define PROBE_RETRY_MS 5000 /* after the first probe that failed */
#define JITTER	       4    /* a quarter of an interval, at most */

void
liveness_begin(struct peer *peer, int64_t wait_ms, int64_t spread_ms,
    double share, int64_t now_ms)
{
	peer->watched_ms = now_ms;
	peer->ping_ms = now_ms + wait_ms + (int64_t)((double)spread_ms * share);
}

void
liveness_pinged(
    struct peer *peer, int64_t interval_ms, double share, int64_t now_ms)
{
	peer->ping_jitter_ms = (int64_t)((double)interval_ms / JITTER * share);
	peer->ping_ms = now_ms + interval_ms + peer->ping_jitter_ms;
}

/* A message is under way or goes at once. */
static bool
busy(const struct peer *peer, int64_t now_ms)
{
	int lane;

	for (lane = 1; lane <= LANES; lane++)
		if (peer->lanes[lane].busy ||
		    (peer->lanes[lane].filled &&
			peer->lanes[lane].ready_ms <= now_ms))
			return true;
	return false;
}

int64_t
liveness_overdue(const struct peer *peer, int64_t interval_ms, int64_t now_ms)
{
	int64_t due = peer->ping_ms, silent;

	if (interval_ms == 0 || !peer->present || peer->trust < TRUST_KNOWN ||
	    peer->watched_ms == 0 || peer->pinging || peer->retry_ms > now_ms ||
	    busy(peer, now_ms))
		return 0;
	silent = peer->heard_ms + interval_ms + peer->ping_jitter_ms;
	if (peer->heard_ms != 0 && due < silent)
		due = silent;
	return now_ms >= due ? now_ms - due + 1 : 0;
}

bool
liveness_silent(const struct peer *peer, int64_t interval_ms, int64_t now_ms)
{
	int64_t since = peer->heard_ms;

	if (interval_ms == 0 || peer->watched_ms == 0)
		return false;
	if (since < peer->watched_ms)
		since = peer->watched_ms;
	return now_ms - since > LIVENESS_SILENT * interval_ms;
}

bool
liveness_reachable(enum code code, uint16_t status, bool ping)
{
	if (code != CODE_OK)
		return false;
	return !ping || status == 200 || status == 429 || status == 503;
}

int64_t
liveness_probe_delay(uint32_t failures, int64_t interval_ms, double share)
{
	int64_t delay = PROBE_RETRY_MS;

	if (failures == 0)
		return interval_ms +
		       (int64_t)((double)interval_ms / JITTER * share);
	while (--failures > 0 && delay < interval_ms)
		delay *= 2;
	return delay < interval_ms ? delay : interval_ms;
}
