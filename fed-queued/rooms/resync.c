/* SPDX-License-Identifier: ISC */
/*
 * With whom heads are to be exchanged, and of which rooms: when something is
 * missing, when a server is heard again, after a start, and otherwise every
 * quarter of an hour. What becomes of it is sync_exchange.c's.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/tree.h"
#include "db/statements.h"
#include "env.h"
#include "outbound/outbound.h"
#include "outbound/schedule.h"
#include "rooms/confirmed.h"
#include "rooms/resync.h"
#include "rooms/room_row.h"
#include "servers/peer_table.h"

#define EVERY_MS  (15 * 60 * 1000) /* 75 to 125 of a hundred */
#define SPREAD_MS 5000		   /* over which all are asked */
#define LATER_MS  15000		   /* after one that just ended */
#define LOOK_MS	  60000		   /* between looks for servers */
#define FAILED_MS 5000		   /* before one that failed is repeated */
#define DUE_MS	  10000		   /* between looks for gaps */
#define DUE_MOST  1000		   /* gaps */
#define ROOMS_MAX 1024 /* that wait for one server; more: all are due */

/* What is to be exchanged with one server. */
struct waiting {
	RB_ENTRY(waiting) entry;
	uint8_t key[ONION_KEY];
	bool all;
	uint32_t count;
	struct room_id *rooms; /* owned */
	int64_t ended_ms;      /* the last exchange; 0 none */
	int64_t next_ms;       /* the next of all rooms; 0 not yet */
};

static int
waiting_compare(const struct waiting *a, const struct waiting *b)
{
	return memcmp(a->key, b->key, ONION_KEY);
}

static RB_HEAD(waiting_servers, waiting) servers = RB_INITIALIZER(&servers);
RB_GENERATE_STATIC(waiting_servers, waiting, entry, waiting_compare)

static struct event *timer;
static int64_t due_ms;	   /* the next look for gaps */
static int64_t servers_ms; /* the next look for servers */
static bool running_due;
static bool running_servers;

static struct waiting *
waiting_get(const uint8_t key[ONION_KEY])
{
	struct waiting wanted, *waiting;

	memcpy(wanted.key, key, ONION_KEY);
	waiting = RB_FIND(waiting_servers, &servers, &wanted);
	if (waiting != NULL)
		return waiting;
	waiting = calloc(1, sizeof(*waiting));
	if (waiting == NULL)
		fatal("out of memory");
	memcpy(waiting->key, key, ONION_KEY);
	RB_INSERT(waiting_servers, &servers, waiting);
	return waiting;
}

static void
waiting_add(struct waiting *waiting, const struct room_id *room)
{
	struct room_id *rooms;
	uint32_t i;

	for (i = 0; i < waiting->count; i++)
		if (room_id_equal(&waiting->rooms[i], room))
			return;
	if (waiting->count == ROOMS_MAX) {
		waiting->all = true;
		return;
	}
	rooms = realloc(
	    waiting->rooms, (waiting->count + 1) * sizeof(*waiting->rooms));
	if (rooms == NULL)
		fatal("out of memory");
	waiting->rooms = rooms;
	waiting->rooms[waiting->count++] = *room;
}

/* room: NULL for all. */
static void
sync_add(
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
	sync_add(key, room, 0);
	outbound_due();
}

void
resync_later(const struct room_id *room, const uint8_t peer[ONION_KEY])
{
	int64_t ended_ms = waiting_get(peer)->ended_ms;

	sync_add(
	    peer, room, ended_ms == 0 ? 0 : ended_ms + LATER_MS - clock_ms());
	outbound_due();
}

void
resync_peer(struct peer *peer)
{
	sync_add(peer->key, NULL, 0);
	outbound_due();
}

void
resync_all(void)
{
	struct waiting *waiting;

	RB_FOREACH (waiting, waiting_servers, &servers)
		waiting->next_ms = 0;
	servers_ms = 0;
	resync_doorbell();
}

uint32_t
resync_waiting(
    const struct peer *peer, struct room_id *rooms, uint32_t most, bool *all)
{
	struct waiting *waiting = waiting_get(peer->key);
	uint32_t count = waiting->count < most ? waiting->count : most;

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
due_loaded(PGresult *result, const char *sqlstate, void *argument)
{
	uint8_t id[UUID_SIZE];
	struct room_id room;
	struct peer *peer;
	int row;

	(void)argument;
	running_due = false;
	if (result == NULL) {
		log_warning("gaps-look failed sqlstate=%s", sqlstate);
		return;
	}
	for (row = 0; row < PQntuples(result); row++) {
		if (!row_bytes(id, sizeof(id), result, row, 0) ||
		    room_id_parse(&room, PQgetvalue(result, row, 1),
			(size_t)PQgetlength(result, row, 1)) != CODE_OK)
			fatal("database sent a malformed gap");
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
	running_servers = false;
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
		sync_add(peer->key, NULL,
		    first ? 0 : (int64_t)(schedule_random() * SPREAD_MS));
	}
	outbound_due();
}

static void
due_look(void)
{
	struct db_parameters parameters;

	if (running_due || clock_ms() < due_ms)
		return;
	due_ms = clock_ms() + DUE_MS;
	running_due = true;
	db_parameters_init(&parameters);
	db_add_integer(&parameters, DUE_MOST);
	db_call(env.db, SQL_SYNC_DUE, &parameters, due_loaded, NULL);
	db_parameters_free(&parameters);
}

static void
servers_look(void)
{
	struct db_parameters parameters;

	if (running_servers || clock_ms() < servers_ms)
		return;
	servers_ms = clock_ms() + LOOK_MS;
	running_servers = true;
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

static void
timer_begin(void)
{
	static const struct timeval every = {DUE_MS / 1000, 0};

	if (timer != NULL)
		return;
	timer = event_new(env.base, -1, EV_PERSIST, timer_fire, NULL);
	if (timer == NULL || event_add(timer, &every) != 0)
		fatal("out of memory");
}

void
resync_doorbell(void)
{
	timer_begin();
	if (!env.registered || !env.has_identity || !peer_table_loaded() ||
	    db_state(env.db) != DB_UP)
		return;
	confirmed_begin();
	due_look();
	servers_look();
}
