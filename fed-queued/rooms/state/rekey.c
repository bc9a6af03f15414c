/* SPDX-License-Identifier: ISC */
/*
 * Rooms whose last event a revoked certificate of ours signed; see rekey.h.
 * Nothing is kept of how far it is: a room that has its event is not found any
 * more, so this goes on wherever a start before this one has stopped.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "events/timer.h"
#include "room/room_home.h"
#include "rooms/state/rekey.h"
#include "rooms/state/requests.h"
#include "rooms/values.h"

#define PAGE	 16    /* rooms at a time, */
#define PAGE_MS	 1000  /* so many milliseconds apart */
#define AGAIN_MS 60000 /* until those are looked at that could not be done */

static struct {
	bool known; /* keys are those that min_serial revokes */
	bool done;  /* no room is left */
	bool running;
	bool found; /* a room, since the search began at the first one */
	uint64_t min_serial;
	uint8_t (*keys)[32]; /* key ids, owned */
	uint32_t count;
	char after[ROOM_ID_SIZE]; /* the last room that was looked at */
	struct event *timer;
} rekey;

static void
timer_fire(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	(void)argument;
	rekey.running = false;
	rekey_look();
}

/* running holds until then. */
static void
look_later(int64_t ms)
{
	if (rekey.timer == NULL)
		rekey.timer = timer_new(env.base, timer_fire, NULL);
	timer_arm(rekey.timer, ms);
}

static void
rooms_found(PGresult *result, const char *sqlstate, void *argument)
{
	struct room_id room;
	int row, count;

	(void)argument;
	if (result == NULL) {
		log_warning("room-keys failed sqlstate=%s", sqlstate);
		look_later(AGAIN_MS);
		return;
	}
	count = PQntuples(result);
	for (row = 0; row < count; row++) {
		values_room_read(&room, result, row, 0);
		room_id_format(rekey.after, &room);
		requests_soon(&room);
	}
	rekey.found |= count > 0;
	if (count == PAGE) {
		look_later(PAGE_MS);
		return;
	}
	rekey.done = !rekey.found;
	rekey.found = false;
	rekey.after[0] = '\0';
	if (rekey.done)
		rekey.running = false;
	else
		look_later(AGAIN_MS);
}

static void
rooms_look(void)
{
	struct db_array *keys = db_array_new(DB_OID_BYTEA);
	struct db_parameters parameters;
	uint32_t i;

	for (i = 0; i < rekey.count; i++)
		db_array_bytes(keys, rekey.keys[i], sizeof(rekey.keys[i]));
	db_parameters_init(&parameters);
	db_add_array(&parameters, keys);
	db_add_text(&parameters, rekey.after);
	db_add_integer(&parameters, PAGE);
	db_call(env.db, SQL_ROOM_HOME_SIGNED, &parameters, rooms_found, NULL);
	db_parameters_free(&parameters);
}

static void
certificates_found(PGresult *result, const char *sqlstate, void *argument)
{
	struct cert cert;
	size_t length;
	const char *text;
	int row;

	(void)argument;
	if (result == NULL) {
		log_warning("room-keys failed sqlstate=%s", sqlstate);
		look_later(AGAIN_MS);
		return;
	}
	rekey.count = 0;
	free(rekey.keys);
	rekey.keys =
	    xcalloc((size_t)PQntuples(result) + 1, sizeof(rekey.keys[0]));
	for (row = 0; row < PQntuples(result); row++) {
		text = row_span(&length, result, row, 0);
		if (text == NULL || cert_parse(&cert, text, length) != CODE_OK)
			fatal("database sent a malformed certificate");
		if (room_home_key_due(cert.serial, rekey.min_serial))
			cert_key_id(rekey.keys[rekey.count++], &cert);
	}
	rekey.known = true;
	rekey.done = rekey.count == 0;
	rekey.running = false;
	rekey_look();
}

void
rekey_look(void)
{
	struct db_parameters parameters;

	if (rekey.min_serial != env.certificate.min_serial && !rekey.running) {
		rekey.min_serial = env.certificate.min_serial;
		rekey.known = rekey.done = rekey.found = false;
		rekey.after[0] = '\0';
	}
	if (rekey.running || rekey.done || db_state(env.db) != DB_UP)
		return;
	rekey.running = true;
	if (rekey.known) {
		rooms_look();
		return;
	}
	db_parameters_init(&parameters);
	db_call(env.db, SQL_ROOM_HOME_CERTIFICATES, &parameters,
	    certificates_found, NULL);
	db_parameters_free(&parameters);
}

bool
rekey_due(const uint8_t key_id[32])
{
	uint32_t i;

	for (i = 0; rekey.known && i < rekey.count; i++)
		if (memcmp(rekey.keys[i], key_id, sizeof(rekey.keys[i])) == 0)
			return true;
	return false;
}
