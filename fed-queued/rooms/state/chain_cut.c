/* SPDX-License-Identifier: ISC */
/* A chain cut off where nobody vouches for it any more; see chain_cut.h. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "json/room_payload.h"
#include "room/room_state.h"
#include "rooms/attempt.h"
#include "rooms/state/chain_cut.h"
#include "rooms/values.h"
#include "rooms/vouch.h"

struct cut {
	struct room_id id;
	char room[ROOM_ID_SIZE];
	struct room_verdict conflict;
	uint32_t attempts;
	cut_done done;
	void *argument;
};

static void cut_load(struct cut *cut);

static void
cut_end(struct cut *cut, bool was, bool ok)
{
	cut->done(was, ok, cut->argument);
	free(cut);
}

static void
cut_written(PGresult *result, const char *sqlstate, void *argument)
{
	struct cut *cut = argument;
	char address[LOG_ADDRESS_SIZE];

	switch (attempt_end(&cut->attempts, "room-cut", result, sqlstate,
	    result != NULL && row_bool(result, 0, 0))) {
	case ATTEMPT_STORED:
		log_warning("room-cut server=%s number=%lld",
		    log_address(address, cut->id.home),
		    (long long)cut->conflict.from);
		cut_end(cut, true, true);
		break;
	case ATTEMPT_AGAIN:
		cut_load(cut);
		break;
	case ATTEMPT_FAILED:
		cut_end(cut, false, false);
		break;
	}
}

/* Columns of vouch_chain(). */
enum {
	CHAIN_VERSION,
	CHAIN_THROUGH,
	CHAIN_TEXT,
	CHAIN_DISPUTED,
	CHAIN_CLOSED,
	CHAIN_CREATED,
	CHAIN_FEDERATION,
	CHAIN_SERVERS
};

/* What an event that is stored says; false: there is none. */
static bool
content_read(struct room_content *content, enum room_kind kind,
    PGresult *result, int column)
{
	struct room_payload_servers servers;
	size_t length;
	const char *payload = row_span(&length, result, 0, column);

	return payload != NULL && room_payload_content(content, &servers, kind,
				      payload, length) == CODE_OK;
}

/* The last event that stays: the next one names it, and is not older. */
static void
last_read(struct room_state *state, PGresult *result)
{
	struct room_event event;
	size_t length;
	const char *text = row_span(&length, result, 0, CHAIN_TEXT);

	if (text == NULL || room_event_parse(&event, text, length) != CODE_OK)
		return;
	room_event_hash(state->hash, &event);
	state->timestamp = event.timestamp;
}

/* The room as it was when the last event that stays was applied. */
static void
state_read(struct room_state *state, PGresult *result)
{
	struct room_content content;

	memset(state, 0, sizeof(*state));
	state->number = row_integer(result, 0, CHAIN_THROUGH);
	last_read(state, result);
	state->closed = row_integer(result, 0, CHAIN_CLOSED);
	state->disputed = row_integer(result, 0, CHAIN_DISPUTED);
	if (state->disputed > state->number)
		state->disputed = 0;
	state->require_invite = state->federated = true;
	if (content_read(&content, ROOM_CREATE, result, CHAIN_CREATED)) {
		state->require_invite = content.require_invite;
		state->federated = content.federated;
		state->restricted = content.restricted;
	}
	if (content_read(&content, ROOM_FEDERATION, result, CHAIN_FEDERATION))
		state->federated = content.federated;
	if (content_read(&content, ROOM_SERVERS, result, CHAIN_SERVERS))
		state->restricted = content.restricted;
}

static void
cut_write(struct cut *cut, int64_t version, const struct room_state *state)
{
	struct db_parameters parameters;
	struct room_state_row row;

	values_state_make(&row, state, version);
	db_parameters_init(&parameters);
	db_add_text(&parameters, cut->room);
	db_add_row(&parameters, env.db, TYPE_room_state_row, &row);
	db_call(env.db, SQL_VOUCH_CUT, &parameters, cut_written, cut);
	db_parameters_free(&parameters);
}

static void
cut_loaded(PGresult *result, const char *sqlstate, void *argument)
{
	struct cut *cut = argument;
	struct room_state state;

	if (result == NULL) {
		log_warning("room-cut failed sqlstate=%s", sqlstate);
		cut_end(cut, false, false);
		return;
	}
	if (PQntuples(result) == 0 ||
	    !room_vouch_gives_way(
		&cut->conflict, row_integer(result, 0, CHAIN_THROUGH))) {
		cut_end(cut, false, true);
		return;
	}
	state_read(&state, result);
	cut_write(cut, row_integer(result, 0, CHAIN_VERSION), &state);
}

static void
cut_load(struct cut *cut)
{
	struct db_parameters parameters;

	db_parameters_init(&parameters);
	db_add_text(&parameters, cut->room);
	db_add_integer(&parameters, (int64_t)vouch_min_serial(cut->id.home));
	db_call(env.db, SQL_VOUCH_CHAIN, &parameters, cut_loaded, cut);
	db_parameters_free(&parameters);
}

void
state_cut(const struct room_id *room, const struct room_verdict *conflict,
    cut_done done, void *argument)
{
	struct cut *cut = xcalloc(1, sizeof(*cut));

	cut->id = *room;
	room_id_format(cut->room, room);
	cut->conflict = *conflict;
	cut->done = done;
	cut->argument = argument;
	cut_load(cut);
}
