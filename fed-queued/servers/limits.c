/* SPDX-License-Identifier: ISC */
/* Limiters' counters, logged and shown; see limits.h. */
#include <stdlib.h>

#include "base/log.h"
#include "control/control.h"
#include "env.h"
#include "events/timer.h"
#include "inbound/inbound.h"
#include "inbound/inbox.h"
#include "ipc/message.h"
#include "proto/code.h"
#include "servers/limits.h"
#include "servers/peer_table.h"

#define LOG_MS	       1000 /* between two lines of one limiter */
#define FAILURES_BURST 2    /* seconds' worth */
#define CONFLICTS_RATE 1    /* a second; burst of ten times as many */
#define UNKNOWN	       (-1)

static struct limit_counter counters[LIMIT_COUNT];
static struct limiter failures, strangers, conflicts;
static struct msg_limits listener;
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

static int64_t
items_rate(int trust)
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
		    tokens_used(&peer->items, items_rate(trust)));
}

/* A figure that is UNKNOWN is null. */
static void
figure_add(struct msg_control_row *row, const char *name, int64_t figure)
{
	if (figure == UNKNOWN)
		control_add_string(row, name, NULL);
	else
		control_add_integer(row, name, figure);
}

static void
row_send(struct control_client *client, enum limit limit, int64_t used,
    int64_t maximum, int64_t taken, int64_t refused)
{
	enum limit_kind kind = limit_kind(limit);
	struct msg_control_row row;

	control_row_init(&row, "limit");
	control_add_string(&row, "limiter", limit_name(limit));
	control_add_string(&row, "process", role_name(limit_owner(limit)));
	figure_add(&row, "used", kind == LIMIT_LEVEL ? used : UNKNOWN);
	figure_add(&row, "limit", kind == LIMIT_EVENT ? UNKNOWN : maximum);
	figure_add(&row, "taken", kind == LIMIT_LEVEL ? taken : UNKNOWN);
	control_add_integer(&row, "refused", refused);
	control_add_string(&row, "unit", limit_unit(limit));
	control_row(client, &row);
}

static void
own_row(struct control_client *client, enum limit limit, int64_t used,
    int64_t maximum)
{
	row_send(client, limit, used, maximum, (int64_t)counters[limit].taken,
	    (int64_t)counters[limit].refused);
}

static void
show_listener(struct control_client *client)
{
	const struct limit_figures *figures = listener.of;
	int limit;

	for (limit = 0; limit < LIMIT_LISTENER_COUNT; limit++, figures++)
		row_send(client, (enum limit)limit, (int64_t)figures->used,
		    (int64_t)figures->maximum, (int64_t)figures->taken,
		    (int64_t)figures->refused);
}

static void
show_own(struct control_client *client)
{
	const struct settings *settings = &env.settings;
	struct most most = {0};
	int trust;

	peer_table_each(most_add, &most);
	own_row(client, LIMIT_REQUESTS_UNDER_WAY, (int64_t)inbound_pending(),
	    settings->requests_pending);
	/* What is free, but 0 would read as no limit. */
	own_row(client, LIMIT_REQUESTS_PER_SERVER, most.requests,
	    larger(1, settings->requests_pending - (int64_t)inbound_pending()));
	own_row(client, LIMIT_BYTES_UNDER_WAY, (int64_t)inbound_bytes(),
	    INBOUND_BYTES);
	own_row(client, LIMIT_FAILURES,
	    tokens_used(&failures, settings->failures_per_second),
	    settings->failures_per_second);
	own_row(client, LIMIT_STRANGERS,
	    tokens_used(&strangers, settings->strangers_per_second),
	    settings->strangers_per_second);
	for (trust = TRUST_KNOWN; trust <= TRUST_TRUSTED; trust++)
		own_row(client,
		    (enum limit)(LIMIT_ITEMS_KNOWN + trust - TRUST_KNOWN),
		    most.items[trust], items_rate(trust));
	own_row(client, LIMIT_LOOKUPS, most.lookups,
	    env.settings.lookups_per_minute);
	own_row(client, LIMIT_REFUSALS, most.refusals, PEER_REFUSALS);
	own_row(client, LIMIT_CONFLICTS,
	    tokens_used(&conflicts, CONFLICTS_RATE), CONFLICTS_RATE);
	own_row(client, LIMIT_INBOX, (int64_t)inbox_messages(),
	    settings->inbox_messages);
	own_row(
	    client, LIMIT_SIGNATURES, UNKNOWN, settings->signatures_per_second);
}

void
limits_show(struct control_client *client, const struct msg_control *message)
{
	(void)message;
	show_listener(client);
	show_own(client);
	control_end(client, CODE_OK, NULL);
}
