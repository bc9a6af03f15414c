/* SPDX-License-Identifier: ISC */
/*
 * With which servers heads are to be exchanged, and of which rooms; see
 * resync.h. What becomes of it is sync/exchange.c's.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/tree.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "events/timer.h"
#include "exchange/restored.h"
#include "outbound/outbound.h"
#include "outbound/schedule.h"
#include "room/room_restore.h"
#include "room/room_stream.h"
#include "rooms/confirmed.h"
#include "rooms/resync.h"
#include "rooms/values.h"
#include "servers/peer_table.h"

#define EVERY_MS    (15 * 60 * 1000) /* exchanges; 75 to 125 of a hundred */
#define SPREAD_MS   5000  /* over which those of one look are spread */
#define LATER_MS    15000 /* behind an exchange that just ended */
#define FAILED_MS   5000  /* before one that failed is repeated */
#define SERVERS_MS  60000 /* between two looks for servers */
#define GAPS_MS	    10000 /* between two looks for gaps */
#define GAPS_MAX    1000  /* of one look */
#define ORIGINS	    75	  /* of a hundred looks: a gap's origin is asked */
#define WAITING_MAX 1024  /* rooms for one server; beyond: all of its rooms */

/* What is to be exchanged with one server. */
struct waiting {
	RB_ENTRY(waiting) entry;
	uint8_t key[ONION_KEY];
	bool all; /* rooms */
	uint32_t count;
	struct room_id *rooms; /* owned */
	uint32_t proof_count;
	struct resync_proof proofs[RESYNC_PROOFS];
	int64_t ended_ms; /* of the last exchange; 0 none */
	int64_t next_ms;  /* when all rooms are due; 0 not yet */
};

static int
waiting_compare(const struct waiting *a, const struct waiting *b)
{
	return memcmp(a->key, b->key, ONION_KEY);
}

static RB_HEAD(waiting_servers, waiting) servers = RB_INITIALIZER(&servers);
RB_GENERATE_STATIC(waiting_servers, waiting, entry, waiting_compare)

static struct event *timer;
static int64_t gaps_ms;	   /* when to look for gaps again */
static int64_t servers_ms; /* when to look for servers again */
static bool gaps_running;
static bool servers_running;

static struct waiting *
waiting_get(const uint8_t key[ONION_KEY])
{
	struct waiting wanted, *waiting;

	memcpy(wanted.key, key, ONION_KEY);
	waiting = RB_FIND(waiting_servers, &servers, &wanted);
	if (waiting != NULL)
		return waiting;
	waiting = xcalloc(1, sizeof(*waiting));
	memcpy(waiting->key, key, ONION_KEY);
	RB_INSERT(waiting_servers, &servers, waiting);
	return waiting;
}

static void
waiting_add(struct waiting *waiting, const struct room_id *room)
{
	uint32_t i;

	for (i = 0; i < waiting->count; i++)
		if (room_id_equal(&waiting->rooms[i], room))
			return;
	if (waiting->count == WAITING_MAX) {
		waiting->all = true;
		return;
	}
	waiting->rooms = xpointer(realloc(
	    waiting->rooms, (waiting->count + 1) * sizeof(*waiting->rooms)));
	waiting->rooms[waiting->count++] = *room;
}

/* Soon, or after delay_ms if that is above 0. room: NULL for all. */
static void
waiting_wake(
    const uint8_t key[ONION_KEY], const struct room_id *room, int64_t delay_ms)
{
	struct peer *peer = peer_table_find(key);
	struct waiting *waiting;

	if (peer == NULL || peer->trust < TRUST_KNOWN)
		return;
	waiting = waiting_get(key);
	if (room == NULL)
		waiting->all = true;
	else
		waiting_add(waiting, room);
	if (delay_ms > 0 && !peer->lanes[LANE_SYNC].filled)
		schedule_again(peer, LANE_SYNC, delay_ms);
	else if (delay_ms <= 0)
		schedule_fill(peer, LANE_SYNC);
}

void
resync_soon(const struct room_id *room, const uint8_t *peer)
{
	const uint8_t *key = peer == NULL ? room->home : peer;

	if (!env.has_identity ||
	    memcmp(key, env.identity.server, ONION_KEY) == 0)
		return;
	waiting_wake(key, room, 0);
	outbound_due();
}

void
resync_later(const struct room_id *room, const uint8_t peer[ONION_KEY])
{
	int64_t ended_ms = waiting_get(peer)->ended_ms;

	waiting_wake(
	    peer, room, ended_ms == 0 ? 0 : ended_ms + LATER_MS - clock_ms());
	outbound_due();
}

void
resync_prove(
    const struct room_id *room, const uint8_t peer[ONION_KEY], int64_t number)
{
	struct waiting *waiting = waiting_get(peer);
	struct resync_proof *proof;
	uint32_t i;

	for (i = 0; i < waiting->proof_count; i++)
		if (room_id_equal(&waiting->proofs[i].room, room))
			break;
	if (i < RESYNC_PROOFS) {
		proof = &waiting->proofs[i];
		proof->room = *room;
		proof->number = number;
		if (i == waiting->proof_count)
			waiting->proof_count++;
	}
	resync_later(room, peer);
}

uint32_t
resync_proofs(
    const struct peer *peer, struct resync_proof proofs[RESYNC_PROOFS])
{
	struct waiting *waiting = waiting_get(peer->key);
	uint32_t count = waiting->proof_count;

	memcpy(proofs, waiting->proofs, count * sizeof(*proofs));
	waiting->proof_count = 0;
	return count;
}

void
resync_peer(struct peer *peer)
{
	waiting_wake(peer->key, NULL, 0);
	outbound_due();
}

static void
ask_all(void)
{
	struct waiting *waiting;

	RB_FOREACH (waiting, waiting_servers, &servers)
		waiting->next_ms = 0;
	servers_ms = 0;
}

void
resync_all(void)
{
	ask_all();
	resync_doorbell();
}

uint32_t
resync_waiting(
    const struct peer *peer, struct room_id *rooms, uint32_t max, bool *all)
{
	struct waiting *waiting = waiting_get(peer->key);
	uint32_t count = waiting->count < max ? waiting->count : max;

	*all = waiting->all;
	waiting->all = false;
	if (*all)
		count = 0;
	if (count > 0)
		memcpy(rooms, waiting->rooms, count * sizeof(*rooms));
	waiting->count = *all ? 0 : waiting->count - count;
	if (waiting->count > 0)
		memmove(waiting->rooms, waiting->rooms + count,
		    waiting->count * sizeof(*waiting->rooms));
	return count;
}

void
resync_ended(struct peer *peer, bool failed)
{
	struct waiting *waiting = waiting_get(peer->key);

	waiting->ended_ms = clock_ms();
	if (failed) {
		waiting->all = true;
		schedule_again(peer, LANE_SYNC, FAILED_MS);
	} else if (waiting->count > 0 || waiting->all)
		schedule_again(peer, LANE_SYNC, 0);
	else
		schedule_empty(peer, LANE_SYNC);
	outbound_done(peer, LANE_SYNC);
}

/* Columns: server, room. */
static void
gaps_loaded(PGresult *result, const char *sqlstate, void *argument)
{
	uint8_t id[UUID_SIZE];
	struct room_id room;
	struct peer *peer;
	int row;

	(void)argument;
	gaps_running = false;
	if (result == NULL) {
		log_warning("gaps-look failed sqlstate=%s", sqlstate);
		return;
	}
	for (row = 0; row < PQntuples(result); row++) {
		if (!row_bytes(id, sizeof(id), result, row, 0))
			fatal("database sent a malformed id");
		values_room_read(&room, result, row, 1);
		peer = peer_table_find_id(id);
		if (peer != NULL)
			resync_later(&room, peer->key);
	}
}

static int64_t
jittered(int64_t every_ms)
{
	return (int64_t)((double)every_ms * (0.75 + schedule_random() / 2));
}

/* Columns: server. */
static void
servers_loaded(PGresult *result, const char *sqlstate, void *argument)
{
	struct waiting *waiting;
	uint8_t id[UUID_SIZE];
	struct peer *peer;
	bool first;
	int row;

	(void)argument;
	servers_running = false;
	if (result == NULL) {
		log_warning("rooms-look failed sqlstate=%s", sqlstate);
		return;
	}
	for (row = 0; row < PQntuples(result); row++) {
		if (!row_bytes(id, sizeof(id), result, row, 0))
			fatal("database sent a malformed id");
		peer = peer_table_find_id(id);
		if (peer == NULL)
			continue;
		waiting = waiting_get(peer->key);
		first = waiting->next_ms == 0;
		if (!first && clock_ms() < waiting->next_ms)
			continue;
		waiting->next_ms = clock_ms() + jittered(EVERY_MS);
		waiting_wake(peer->key, NULL,
		    first ? 0 : (int64_t)(schedule_random() * SPREAD_MS));
	}
	outbound_due();
}

static void
gaps_look(void)
{
	struct db_parameters parameters;

	if (gaps_running || clock_ms() < gaps_ms)
		return;
	gaps_ms = clock_ms() + GAPS_MS;
	gaps_running = true;
	db_parameters_init(&parameters);
	db_add_integer(&parameters, GAPS_MAX);
	db_add_integer(&parameters, ROOM_GAP_S);
	db_add_integer(&parameters, ROOM_RECOVERY_S);
	db_add_integer(&parameters, ROOM_ADOPT_S);
	/* It may have forgotten: now and then another is asked. */
	db_add_text(&parameters, schedule_random() * 100 < ORIGINS ? "t" : "f");
	db_add_integer(&parameters, (int64_t)randombytes_random());
	db_call(env.db, SQL_SYNC_DUE, &parameters, gaps_loaded, NULL);
	db_parameters_free(&parameters);
}

static void
servers_look(void)
{
	struct db_parameters parameters;

	if (servers_running || clock_ms() < servers_ms)
		return;
	servers_ms = clock_ms() + SERVERS_MS;
	servers_running = true;
	db_parameters_init(&parameters);
	db_add_integer(&parameters, TRUST_KNOWN);
	db_call(env.db, SQL_SYNC_SERVERS, &parameters, servers_loaded, NULL);
	db_parameters_free(&parameters);
}

static void
timer_fire(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	(void)argument;
	resync_doorbell();
}

void
resync_doorbell(void)
{
	if (timer == NULL)
		timer = timer_every(env.base, GAPS_MS, timer_fire, NULL);
	if (!env.registered || !env.has_identity || !peer_table_loaded() ||
	    db_state(env.db) != DB_UP)
		return;
	confirmed_begin();
	if (restored_tick())
		ask_all();
	gaps_look();
	servers_look();
}
