/* SPDX-License-Identifier: ISC */
/* Limiters' counters, in the log and for fedctl; see limits.h. */
#include <stdlib.h>

#include "base/log.h"
#include "env.h"
#include "events/timer.h"
#include "ipc/message.h"
#include "proto/code.h"
#include "servers/limits.h"
#include "servers/peer_table.h"

#define LOG_MS	       1000 /* between two lines of one limiter */
#define FAILURES_BURST 2    /* seconds' worth */
#define CONFLICTS_RATE 1    /* a second; burst of ten times as many */

static struct limit_counter counters[LIMIT_COUNT];
static struct limiter failures, strangers, conflicts;
static struct msg_limits listener;
static struct {
	uint64_t (*used)(void);
	int64_t maximum;
} gauges[LIMIT_COUNT];
static struct event *log_event;

struct limit_counter *
limits_counter(enum limit limit)
{
	return &counters[limit];
}

struct limiter *
limits_bucket(enum limit limit)
{
	switch (limit) {
	case LIMIT_FAILURES:
		return &failures;
	case LIMIT_STRANGERS:
		return &strangers;
	case LIMIT_CONFLICTS:
		return &conflicts;
	default:
		fatal("limiter %s has no bucket", limit_name(limit));
	}
}

void
limits_gauge(enum limit limit, uint64_t (*used)(void), int64_t maximum)
{
	gauges[limit].used = used;
	gauges[limit].maximum = maximum;
}

static void
log_fire(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	(void)argument;
	limits_log();
}

static void
limiter_init(enum limit limit, int64_t per_second, int64_t burst)
{
	struct limiter *limiter = limits_bucket(limit);

	limiter_set(limiter, per_second, 1000, burst, clock_ms());
	limiter->counter = limits_counter(limit);
}

void
limits_init(void)
{
	const struct settings *settings = &env.settings;

	limiter_init(LIMIT_FAILURES, settings->failures_per_second,
	    FAILURES_BURST * settings->failures_per_second);
	limiter_init(LIMIT_STRANGERS, settings->strangers_per_second,
	    settings->strangers_per_second);
	limiter_init(LIMIT_CONFLICTS, CONFLICTS_RATE, 10 * CONFLICTS_RATE);
	log_event = timer_new(env.base, log_fire, NULL);
}

/* Later, when the limiter has had a line less than a second ago. */
static void
counter_log(enum limit limit, int64_t now_ms)
{
	struct limit_counter *counter = &counters[limit];
	uint64_t count = counter->refused - counter->logged;

	if (count == 0)
		return;
	if (counter->logged_ms != 0 && now_ms - counter->logged_ms < LOG_MS) {
		timer_arm_once(log_event, LOG_MS);
		return;
	}
	counter->logged = counter->refused;
	counter->logged_ms = now_ms;
	log_info("limit name=%s refused=%llu", limit_name(limit),
	    (unsigned long long)count);
}

void
limits_log(void)
{
	int64_t now_ms = clock_ms();
	int limit;

	for (limit = LIMIT_LISTENER_COUNT; limit < LIMIT_QUEUED_END; limit++)
		counter_log((enum limit)limit, now_ms);
}

void
limits_listener(const struct message *message)
{
	if (msg_limits_decode(message, &listener) == -1)
		fatal("fed-listener sent malformed limits");
}

/* How far the burst is used up, in proportion to the rate. */
static int64_t
tokens_used(struct limiter *limiter, int64_t rate)
{
	double used = limiter_used(limiter, clock_ms());

	return (int64_t)(used * (double)rate + 0.999);
}

static int64_t
larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* What those servers have in use that are nearest to their limits. */
struct most {
	int64_t requests;
	int64_t lookups;
	int64_t refusals;
	int64_t items[TRUST_TRUSTED + 1]; /* by level */
};

int64_t
limits_items_rate(int trust)
{
	int64_t rate = env.settings.items_per_minute;

	return trust == TRUST_TRUSTED	 ? 100 * rate
	       : trust == TRUST_VERIFIED ? 10 * rate
					 : rate;
}

static void
most_add(struct peer *peer, void *argument)
{
	struct most *most = argument;
	int trust = peer->trust;

	most->requests =
	    larger(most->requests, (int64_t)peer->under_way.requests);
	most->lookups = larger(most->lookups,
	    tokens_used(&peer->lookups, env.settings.lookups_per_minute));
	most->refusals =
	    larger(most->refusals, tokens_used(&peer->refusals, PEER_REFUSALS));
	if (trust >= TRUST_KNOWN && trust <= TRUST_TRUSTED)
		most->items[trust] = larger(most->items[trust],
		    tokens_used(&peer->items, limits_items_rate(trust)));
}

/* Whom limits_each() tells. */
struct audience {
	void (*each)(const struct limit_state *, void *);
	void *argument;
};

static void
listener_each(const struct audience *audience)
{
	struct limit_state state;
	int limit;

	for (limit = 0; limit < LIMIT_LISTENER_COUNT; limit++) {
		state.limit = (enum limit)limit;
		state.used = (int64_t)listener.of[limit].used;
		state.maximum = (int64_t)listener.of[limit].maximum;
		state.taken = (int64_t)listener.of[limit].taken;
		state.refused = (int64_t)listener.of[limit].refused;
		audience->each(&state, audience->argument);
	}
}

static void
own_tell(const struct audience *audience, enum limit limit, int64_t used,
    int64_t maximum)
{
	struct limit_state state = {limit, used, maximum,
	    (int64_t)counters[limit].taken, (int64_t)counters[limit].refused};

	audience->each(&state, audience->argument);
}

static void
gauge_tell(const struct audience *audience, enum limit limit)
{
	own_tell(audience, limit, (int64_t)gauges[limit].used(),
	    gauges[limit].maximum);
}

/* What is free is left to each server, but 0 would read as no limit. */
static int64_t
requests_free(void)
{
	return larger(1, gauges[LIMIT_REQUESTS_UNDER_WAY].maximum -
			     (int64_t)gauges[LIMIT_REQUESTS_UNDER_WAY].used());
}

static void
own_each(const struct audience *audience)
{
	const struct settings *settings = &env.settings;
	struct most most = {0};
	int trust;

	peer_table_each(most_add, &most);
	gauge_tell(audience, LIMIT_REQUESTS_UNDER_WAY);
	own_tell(audience, LIMIT_REQUESTS_PER_SERVER, most.requests,
	    requests_free());
	gauge_tell(audience, LIMIT_BYTES_UNDER_WAY);
	own_tell(audience, LIMIT_FAILURES,
	    tokens_used(&failures, settings->failures_per_second),
	    settings->failures_per_second);
	own_tell(audience, LIMIT_STRANGERS,
	    tokens_used(&strangers, settings->strangers_per_second),
	    settings->strangers_per_second);
	for (trust = TRUST_KNOWN; trust <= TRUST_TRUSTED; trust++)
		own_tell(audience,
		    (enum limit)(LIMIT_ITEMS_KNOWN + trust - TRUST_KNOWN),
		    most.items[trust], limits_items_rate(trust));
	own_tell(audience, LIMIT_LOOKUPS, most.lookups,
	    settings->lookups_per_minute);
	own_tell(audience, LIMIT_REFUSALS, most.refusals, PEER_REFUSALS);
	own_tell(audience, LIMIT_CONFLICTS,
	    tokens_used(&conflicts, CONFLICTS_RATE), CONFLICTS_RATE);
	gauge_tell(audience, LIMIT_INBOX);
	own_tell(audience, LIMIT_SIGNATURES, LIMITS_UNKNOWN,
	    settings->signatures_per_second);
}

void
limits_each(void (*each)(const struct limit_state *, void *), void *argument)
{
	const struct audience audience = {each, argument};

	listener_each(&audience);
	own_each(&audience);
}
