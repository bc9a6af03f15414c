/* SPDX-License-Identifier: ISC */
/*
 * Pings, and what is known of who is there; see health.h. Those whose silence
 * has lasted longest come first, as many at a time as have slots (schedule.c):
 * nothing that is to be delivered waits for them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/statements.h"
#include "env.h"
#include "events/timer.h"
#include "outbound/destination.h"
#include "outbound/handshake_out.h"
#include "outbound/health.h"
#include "outbound/schedule.h"
#include "outbound/self_probe.h"
#include "servers/liveness.h"
#include "servers/observe.h"
#include "servers/peer_table.h"

#define SEEN_EVERY_MS	 60000
#define TICKS		 20 /* in an interval, if that is not */
#define TICK_SHORTEST_MS 50 /* beyond these */
#define TICK_LONGEST_MS	 1000
#define TICK_PINGS	 32    /* begun at most */
#define TICK_SILENCES	 64    /* written at most */
#define FIRST_EACH_MS	 1000  /* for each peer: all their first pings */
#define FIRST_WAIT_MS	 60000 /* for tor to work, before the first */

struct ping {
	struct peer *peer;
	int64_t began_ms;
};

/* One look at all peers. */
struct look {
	int64_t now;
	int64_t wait_ms; /* before the first pings of those not seen before, */
	int64_t spread_ms; /* and within which time they go */
	struct peer *most; /* overdue */
	int64_t overdue;
	unsigned int silences;
};

static int64_t begun_ms; /* of this process */
static bool looked;	 /* once, at all peers */

static void
written(PGresult *result, const char *sqlstate, void *argument)
{
	(void)argument;
	if (result == NULL)
		log_warning("health failed sqlstate=%s", sqlstate);
}

/* Of those that matter to the admin; strangers could fill the log. */
static void
change_log(const struct peer *peer, const char *what, const char *why)
{
	char address[LOG_ADDRESS_SIZE];

	if (peer->trust >= TRUST_KNOWN)
		log_info("%s server=%s%s", what,
		    log_address(address, peer->key), why);
}

void
health_seen(struct peer *peer)
{
	if (peer->offline) {
		change_log(peer, "online", "");
		observe_tell(PEER_RETURNED, peer);
	}
	peer->offline = false;
	peer->heard_ms = peer->seen_ms = clock_ms();
}

void
health_lost(struct peer *peer, enum code code)
{
	char why[64];

	snprintf(why, sizeof(why), " code=%s",
	    code < CODE_COUNT ? code_name(code) : "-");
	if (!peer->offline)
		change_log(peer, "offline", why);
	peer->offline = true;
}

void
health_heard(struct peer *peer)
{
	struct db_parameters parameters;

	peer->heard_ms = clock_ms();
	if (!peer->offline && peer->seen_ms != 0 &&
	    peer->heard_ms - peer->seen_ms < SEEN_EVERY_MS)
		return;
	if (db_state(env.db) != DB_UP)
		return; /* the next time will do */
	health_seen(peer);
	db_parameters_init(&parameters);
	db_add_uuid(&parameters, peer->id);
	db_add_text(&parameters, "f");
	db_call(env.db, SQL_PEER_SEEN, &parameters, written, NULL);
	db_parameters_free(&parameters);
}

/* Nothing of it for so long that it does not count as there. */
static void
peer_silent(struct peer *peer)
{
	struct db_parameters parameters;

	change_log(peer, "offline", " silent=yes");
	peer->offline = true;
	db_parameters_init(&parameters);
	db_add_uuid(&parameters, peer->id);
	db_add_integer(
	    &parameters, LIVENESS_SILENT * env.settings.health_interval_ms);
	db_call(env.db, SQL_SILENT, &parameters, written, NULL);
	db_parameters_free(&parameters);
}

void
health_settle(struct peer *peer, int64_t began_ms, enum code code,
    const struct ack_result *result)
{
	if (code == CODE_DATABASE)
		return; /* of ours; its answer was heard */
	if (code == CODE_TOR_DOWN || (code == CODE_BUSY && result == NULL)) {
		destination_pause();
		return;
	}
	schedule_resume();
	if (!peer->present)
		return;
	if (code == CODE_OK)
		destination_wake(peer);
	else if (peer->heard_ms < began_ms && !destination_waiting(peer))
		destination_unreachable(peer, code);
}

static void
ping_answered(enum code code, const struct ack_result *result, void *argument)
{
	struct ping *ping = argument;

	ping->peer->pinging = false;
	health_settle(ping->peer, ping->began_ms, code, result);
	schedule_pinged(ping->peer);
	free(ping);
}

/* false: there is no slot for it now. */
static bool
ping_begin(struct peer *peer)
{
	char address[LOG_ADDRESS_SIZE];
	struct ping *ping;

	if (!schedule_ping(peer))
		return false;
	ping = xcalloc(1, sizeof(*ping));
	ping->peer = peer;
	ping->began_ms = clock_ms();
	peer->pinging = true;
	liveness_pinged(peer, env.settings.health_interval_ms,
	    schedule_random(), ping->began_ms);
	log_debug("ping server=%s", log_address(address, peer->key));
	handshake_ping(peer->key, ping_answered, ping);
	return true;
}

/* One that an admin has paused is not asked, so its silence proves nothing. */
static void
look_overdue(struct peer *peer, void *argument)
{
	struct look *look = argument;
	int64_t overdue;

	if (peer->paused)
		return;
	if (peer->watched_ms == 0)
		liveness_begin(peer, look->wait_ms, look->spread_ms,
		    schedule_random(), look->now);
	overdue =
	    liveness_overdue(peer, env.settings.health_interval_ms, look->now);
	if (overdue > look->overdue) {
		look->overdue = overdue;
		look->most = peer;
	}
}

/*
 * Whether all pings that are due have begun. While some wait for a slot a
 * silence proves nothing: nobody was asked.
 */
static bool
pings_begin(struct look *look)
{
	int begun;

	for (begun = 0; begun < TICK_PINGS; begun++) {
		look->most = NULL;
		look->overdue = 0;
		peer_table_each(look_overdue, look);
		if (look->most == NULL)
			return true;
		if (!ping_begin(look->most))
			return schedule_paused();
	}
	return false;
}

static void
look_silent(struct peer *peer, void *argument)
{
	struct look *look = argument;

	if (peer->offline || peer->paused || look->silences >= TICK_SILENCES ||
	    !liveness_silent(peer, env.settings.health_interval_ms, look->now))
		return;
	look->silences++;
	peer_silent(peer);
}

/*
 * The first pings tell peers that had given us up that we are back, so they go
 * soon after the suite was started, but not all at once. A new generation has
 * no such news, and of who is known only since then something was heard.
 */
static void
first_pings(struct look *look)
{
	int64_t interval = env.settings.health_interval_ms,
		spread = FIRST_EACH_MS * (int64_t)peer_table_count();

	if (looked || env.go.generation > 1) {
		look->wait_ms = interval;
		spread = interval;
	}
	look->spread_ms = spread < interval ? spread : interval;
}

/* Right after a start tor often does not work yet, and nobody is to blame. */
static bool
tor_works(int64_t now)
{
	return env.settings.health_self_probe_ms == 0 || self_probe_good() ||
	       now - begun_ms >= FIRST_WAIT_MS;
}

static void
tick_fire(evutil_socket_t fd, short what, void *argument)
{
	struct look look = {.now = clock_ms()};

	(void)fd;
	(void)what;
	(void)argument;
	if (!env.registered || !env.has_identity || !peer_table_loaded() ||
	    db_state(env.db) != DB_UP || (!looked && !tor_works(look.now)))
		return;
	first_pings(&look);
	if (pings_begin(&look))
		peer_table_each(look_silent, &look);
	looked = true;
}

void
health_init(void)
{
	int64_t ms = env.settings.health_interval_ms / TICKS;

	if (env.settings.health_interval_ms == 0)
		return;
	if (ms < TICK_SHORTEST_MS)
		ms = TICK_SHORTEST_MS;
	if (ms > TICK_LONGEST_MS)
		ms = TICK_LONGEST_MS;
	begun_ms = clock_ms();
	(void)timer_every(env.base, ms, tick_fire, NULL);
}
