/* SPDX-License-Identifier: ISC */
/* The cache of servers; see peer_table.h. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/encode.h"
#include "base/log.h"
#include "db/db.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "events/timer.h"
#include "json/batch.h"
#include "servers/limits.h"
#include "servers/observe.h"
#include "servers/peer_table.h"

#define RELOAD_MS 50

RB_HEAD(key_tree, peer);
RB_HEAD(id_tree, peer);

static int
peer_compare_key(const struct peer *a, const struct peer *b)
{
	return memcmp(a->key, b->key, sizeof(a->key));
}

static int
peer_compare_id(const struct peer *a, const struct peer *b)
{
	return memcmp(a->id, b->id, sizeof(a->id));
}

RB_GENERATE_STATIC(key_tree, peer, by_key, peer_compare_key);
RB_GENERATE_STATIC(id_tree, peer, by_id, peer_compare_id);

static struct key_tree keys = RB_INITIALIZER(&keys);
static struct id_tree ids = RB_INITIALIZER(&ids);
static unsigned int count;
static bool loaded;
static struct event *reload_event;

/* One load at a time; whoever asks during it waits for the next. */
static struct {
	bool running;
	bool again;
	void (*done)(bool, void *);
	void *argument;
} load;

struct peer *
peer_table_find(const uint8_t key[32])
{
	struct peer probe;
	struct peer *peer;

	memcpy(probe.key, key, sizeof(probe.key));
	peer = RB_FIND(key_tree, &keys, &probe);
	return peer != NULL && peer->present ? peer : NULL;
}

struct peer *
peer_table_find_id(const uint8_t id[16])
{
	struct peer probe;
	struct peer *peer;

	memcpy(probe.id, id, sizeof(probe.id));
	peer = RB_FIND(id_tree, &ids, &probe);
	return peer != NULL && peer->present ? peer : NULL;
}

/* The rates of its level. */
static void
peer_rate(struct peer *peer)
{
	int64_t rate = limits_items_rate(peer->trust);

	limiter_set(&peer->items, rate, 60000, 3 * rate, clock_ms());
	peer->items.counter = limits_counter(
	    peer->trust == TRUST_TRUSTED    ? LIMIT_ITEMS_TRUSTED
	    : peer->trust == TRUST_VERIFIED ? LIMIT_ITEMS_VERIFIED
					    : LIMIT_ITEMS_KNOWN);
	limiter_set(&peer->lookups, env.settings.lookups_per_minute, 60000,
	    env.settings.lookups_per_minute, clock_ms());
	peer->lookups.counter = limits_counter(LIMIT_LOOKUPS);
	limiter_set(&peer->refusals, PEER_REFUSALS, 1000, 10 * PEER_REFUSALS,
	    clock_ms());
	peer->refusals.counter = limits_counter(LIMIT_REFUSALS);
	limiter_set(&peer->introductions, PEER_INTRODUCTIONS, 60000,
	    PEER_INTRODUCTIONS, clock_ms());
}

struct peer *
peer_table_put(const uint8_t key[32], const uint8_t id[16], int trust)
{
	struct peer probe;
	struct peer *peer;

	memcpy(probe.key, key, sizeof(probe.key));
	peer = RB_FIND(key_tree, &keys, &probe);
	if (peer == NULL) {
		peer = xcalloc(1, sizeof(*peer));
		peer->fresh = true;
		peer->appeals = true;
		peer->batch_most = BATCH_ITEMS;
		memcpy(peer->key, key, sizeof(peer->key));
		memcpy(peer->id, id, sizeof(peer->id));
		RB_INSERT(key_tree, &keys, peer);
		RB_INSERT(id_tree, &ids, peer);
	} else if (memcmp(peer->id, id, sizeof(peer->id)) != 0) {
		/* deleted and made anew under another id */
		RB_REMOVE(id_tree, &ids, peer);
		memcpy(peer->id, id, sizeof(peer->id));
		RB_INSERT(id_tree, &ids, peer);
		peer->certificate_count = 0;
	}
	if (!peer->present)
		count++;
	peer->present = true;
	peer->trust = trust;
	peer_rate(peer);
	return peer;
}

unsigned int
peer_table_strangers(void)
{
	struct peer *peer;
	unsigned int n = 0;

	RB_FOREACH (peer, key_tree, &keys)
		if (peer->present &&
		    (peer->trust == TRUST_UNKNOWN ||
			peer->trust == TRUST_KNOWN) &&
		    !peer->kept)
			n++;
	return n;
}

unsigned int
peer_table_count(void)
{
	return count;
}

bool
peer_table_loaded(void)
{
	return loaded;
}

void
peer_table_each(void (*each)(struct peer *, void *), void *argument)
{
	struct peer *peer;

	RB_FOREACH (peer, key_tree, &keys)
		if (peer->present)
			each(peer, argument);
}

static void
load_finish(bool ok)
{
	void (*done)(bool, void *) = load.done;

	load.running = false;
	load.done = NULL;
	if (ok)
		loaded = true;
	if (load.again) {
		load.again = false;
		peer_table_load(done, load.argument);
		return;
	}
	if (done != NULL)
		done(ok, load.argument);
}

/* Frees what is neither in the database nor in use. */
static void
peers_forget(void)
{
	struct peer *peer, *next;

	RB_FOREACH_SAFE (peer, key_tree, &keys, next) {
		if (peer->present || peer->references > 0)
			continue;
		RB_REMOVE(key_tree, &keys, peer);
		RB_REMOVE(id_tree, &ids, peer);
		free(peer);
	}
}

static void
load_certificates(PGresult *result, const char *sqlstate, void *argument)
{
	struct cert cert;
	struct peer *peer;
	const char *text;
	uint8_t id[16];
	size_t length;
	int row;

	(void)argument;
	if (result == NULL) {
		log_warning("peers-load failed sqlstate=%s", sqlstate);
		load_finish(false);
		return;
	}
	/* All in one turn: no request ever meets a cache that is half full. */
	RB_FOREACH (peer, key_tree, &keys)
		peer->certificate_count = 0;
	for (row = 0; row < PQntuples(result); row++) {
		row_uuid(id, result, row, 0);
		peer = peer_table_find_id(id);
		if (peer == NULL)
			continue;
		/*
		 * Verified when it was stored. Who can write the database can
		 * set trust levels, too; yet identity is cheap to keep honest.
		 */
		text = row_span(&length, result, row, 1);
		if (text == NULL ||
		    cert_parse(&cert, text, length) != CODE_OK ||
		    memcmp(cert.server, peer->key, 32) != 0) {
			log_warning("certificate stored is not valid");
			continue;
		}
		peer_certificate_add(peer, &cert, 0, 0);
	}
	peers_forget();
	load_finish(true);
}

/* No longer than a back-off can be: clocks may have been set back. */
static int64_t
retry_left(PGresult *result, int row)
{
	int64_t left = row_integer(result, row, 7);

	return left < env.settings.retry_max_ms ? left
						: env.settings.retry_max_ms;
}

static void
load_peer(PGresult *result, int row)
{
	const char *text, *hex;
	struct peer *peer;
	uint8_t id[16], key[32];
	size_t text_length, hex_length;
	uint32_t woken;
	bool paused;
	int before;

	text = row_span(&text_length, result, row, 0);
	hex = row_span(&hex_length, result, row, 1);
	if (text == NULL || uuid_parse(id, text, text_length) != 0 ||
	    hex == NULL || hex_decode(key, sizeof(key), hex, hex_length) != 0) {
		log_warning("server stored is not valid row=%d", row);
		return;
	}
	peer = peer_table_find(key);
	before = peer != NULL ? peer->trust : TRUST_TRUSTED;
	peer = peer_table_put(key, id, (int)row_integer(result, row, 2));
	peer->kept = row_integer(result, row, 3) == 1;
	peer->highest_serial = (uint64_t)row_integer(result, row, 4);
	peer->min_serial = (uint64_t)row_integer(result, row, 5);
	peer->told_serial = (uint64_t)row_integer(result, row, 6);
	paused = row_integer(result, row, 10) == 1;
	woken = (uint32_t)row_integer(result, row, 11);
	if (!peer->fresh) {
		/* the rest of the schedule's state is ours since then */
		peer_administer(peer, paused, woken);
		if (peer->kept && peer->trust > before)
			observe_tell(PEER_RAISED, peer);
		return;
	}
	peer->fresh = false;
	peer->paused = paused;
	peer->woken = woken;
	peer->retry_ms = clock_ms() + retry_left(result, row);
	peer->retry_count = (uint32_t)row_integer(result, row, 8);
	peer->postponed = peer->retry_count > 0 || peer->retry_ms > clock_ms();
	peer->generation = (uint32_t)row_integer(result, row, 9);
}

static void
load_peers(PGresult *result, const char *sqlstate, void *argument)
{
	struct db_parameters parameters;
	struct peer *peer;
	int row;

	(void)argument;
	if (result == NULL) {
		log_warning("peers-load failed sqlstate=%s", sqlstate);
		load_finish(false);
		return;
	}
	/* Objects stay: exchanges under way point at them. */
	RB_FOREACH (peer, key_tree, &keys)
		peer->present = false;
	count = 0;
	for (row = 0; row < PQntuples(result); row++)
		load_peer(result, row);
	db_parameters_init(&parameters);
	db_call(env.db, SQL_CERTIFICATES, &parameters, load_certificates, NULL);
}

void
peer_table_load(void (*done)(bool, void *), void *argument)
{
	struct db_parameters parameters;

	if (load.running) {
		load.again = true;
		if (done != NULL) {
			load.done = done;
			load.argument = argument;
		}
		return;
	}
	load.running = true;
	load.done = done;
	load.argument = argument;
	db_parameters_init(&parameters);
	db_call(env.db, SQL_PEERS, &parameters, load_peers, NULL);
}

static void
reload_fire(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	(void)argument;
	if (db_state(env.db) == DB_UP)
		peer_table_load(NULL, NULL);
}

void
peer_table_reload_soon(void)
{
	if (reload_event == NULL)
		reload_event = timer_new(env.base, reload_fire, NULL);
	timer_arm_once(reload_event, RELOAD_MS);
}
