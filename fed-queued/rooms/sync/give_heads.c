/* SPDX-License-Identifier: ISC */
/* How far we are in rooms, told to another server; see give.h. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "rooms/sync/give.h"
#include "rooms/values.h"

/* Heads that wait for their streams. */
struct heads {
	struct sync_giving *giving;
	uint32_t count;
	struct sync_head rooms[SYNC_PAYLOAD_ROOMS];
	uint32_t stream_count;
	struct sync_stream streams[SYNC_PAYLOAD_STREAMS];
};

/* A room that we have nothing of: told, too, so that the other server tells
 * what it has. */
static void
head_missing(struct heads *heads, const struct room_id *room)
{
	const struct sync_head head = {.room = *room};
	uint32_t i;

	for (i = 0; i < heads->count; i++)
		if (room_id_equal(&heads->rooms[i].room, room))
			return;
	(void)sync_payload_head(&heads->giving->writer, &head);
}

static void
heads_end(struct heads *heads)
{
	struct sync_giving *giving = heads->giving;
	uint32_t i;

	for (i = 0; i < heads->count; i++)
		(void)sync_payload_head(&giving->writer, &heads->rooms[i]);
	for (i = 0; giving->request && i < giving->room_count; i++)
		head_missing(heads, &giving->rooms[i]);
	free(heads);
	giving->done(giving, true);
}

/*
 * A server that has left the room is told of it up to the event by which it
 * left.
 */
static void
head_row(struct sync_head *head, PGresult *result, int at)
{
	struct room_state state;
	struct room_member last;
	struct sync_head_row row;
	int64_t shown;

	db_row_read(&row, env.db, TYPE_sync_head_row, result, at, 0);
	values_room(&head->room, &row.room);
	memset(&state, 0, sizeof(state));
	values_state(&state, &row.state);
	room_head_make(&head->state, &state, row.last_hash.bytes);
	head->has_state = true;
	values_member(&last, &row.peer);
	shown = room_state_shown(&state, &last, row.home);
	if (shown >= head->state.number)
		return;
	head->state.number = shown;
	if (!db_span_copy(head->state.hash, ROOM_HASH, &row.peer_hash))
		memset(head->state.hash, 0, ROOM_HASH);
}

static void
stream_row(struct sync_stream *stream, const struct sync_stream_row *row)
{
	struct room_stream_head *head = &stream->head;

	memset(stream, 0, sizeof(*stream));
	if (row->origin.bytes == NULL ||
	    onion_parse(stream->origin, row->origin.bytes,
		row->origin.length) != CODE_OK)
		fatal("database sent a malformed address");
	head->epoch = row->epoch;
	head->lane = row->lane;
	head->sequence = row->contiguous;
	head->highest = row->highest;
	head->forked = row->forked;
	(void)db_span_copy(head->digest, ROOM_HASH, &row->digest);
	(void)db_span_copy(head->tip, ROOM_HASH, &row->tip);
}

static void
streams_loaded(PGresult *result, const char *sqlstate, void *argument)
{
	struct heads *heads = argument;
	struct sync_giving *giving = heads->giving;
	struct sync_stream_row stream;
	struct room_id room;
	uint32_t at = 0;
	int row;

	if (result == NULL) {
		free(heads);
		sync_give_fail(giving, sqlstate);
		return;
	}
	/* They come in the order of the rooms. */
	for (row = 0; row < PQntuples(result); row++) {
		db_row_read(
		    &stream, env.db, TYPE_sync_stream_row, result, row, 0);
		values_room(&room, &stream.room);
		while (at < heads->count &&
		       !room_id_equal(&heads->rooms[at].room, &room))
			at++;
		if (at == heads->count)
			break;
		if (heads->rooms[at].stream_count++ == 0)
			heads->rooms[at].streams =
			    &heads->streams[heads->stream_count];
		stream_row(&heads->streams[heads->stream_count++], &stream);
	}
	heads_end(heads);
}

/* The parameters that both statements have. */
static void
rooms_add(struct db_parameters *parameters, const struct sync_giving *giving)
{
	struct db_array *rooms = db_array_new(DB_OID_TEXT);
	char text[ROOM_ID_SIZE];
	uint32_t i;

	for (i = 0; i < giving->room_count; i++) {
		room_id_format(text, &giving->rooms[i]);
		db_array_bytes(rooms, text, ROOM_ID_LENGTH);
	}
	db_add_uuid(parameters, giving->to_id);
	db_add_array(parameters, rooms);
}

static void
heads_loaded(PGresult *result, const char *sqlstate, void *argument)
{
	struct heads *heads = argument;
	struct sync_giving *giving = heads->giving;
	struct db_parameters parameters;
	int row;

	if (result == NULL) {
		free(heads);
		sync_give_fail(giving, sqlstate);
		return;
	}
	for (row = 0;
	     row < PQntuples(result) && heads->count < SYNC_PAYLOAD_ROOMS;
	     row++)
		head_row(&heads->rooms[heads->count++], result, row);
	db_parameters_init(&parameters);
	rooms_add(&parameters, giving);
	db_add_integer(&parameters, SYNC_PAYLOAD_STREAMS);
	/* Where there are more, others each time. */
	db_add_integer(&parameters, (int64_t)randombytes_random());
	db_call(env.db, SQL_SYNC_STREAMS, &parameters, streams_loaded, heads);
	db_parameters_free(&parameters);
}

void
sync_give_heads(struct sync_giving *giving)
{
	struct heads *heads = xcalloc(1, sizeof(*heads));
	struct db_parameters parameters;

	heads->giving = giving;
	db_parameters_init(&parameters);
	rooms_add(&parameters, giving);
	db_call(env.db, SQL_SYNC_HEADS, &parameters, heads_loaded, heads);
	db_parameters_free(&parameters);
}
