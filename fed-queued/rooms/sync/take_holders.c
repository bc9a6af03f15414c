/* SPDX-License-Identifier: ISC */
/*
 * What others have of messages that were given up: a number that its origin
 * declared void or gone to us is asked once of each server whose heads show it;
 * what a server shows of ours was delivered, though we had given it up; and the
 * application is told of what is gone and nobody has.
 */
#include <string.h>

#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "room/room_message.h"
#include "rooms/sync/take.h"
#include "rooms/values.h"

#define LOST_MOST 256 /* ranges looked at in one sweep */

/* Why we give up what others may have all the same. */
static const enum code given_up[] = {CODE_EXPIRED, CODE_CANCELLED};

/* Streams of a message, to be compared. */
struct compared {
	struct sync_ask_row rows[SYNC_PAYLOAD_STREAMS];
	char room[SYNC_PAYLOAD_STREAMS][ROOM_ID_SIZE];
	char origin[SYNC_PAYLOAD_STREAMS][ONION_SIZE];
	uint32_t count;
};

static void
streams_add(struct compared *compared, const struct sync_head *head)
{
	const struct room_stream_head *stream;
	struct sync_ask_row *row;
	uint32_t i, at;

	for (i = 0; i < head->stream_count; i++) {
		at = compared->count++;
		row = &compared->rows[at];
		stream = &head->streams[i].head;
		room_id_format(compared->room[at], &head->room);
		onion_format(compared->origin[at], head->streams[i].origin);
		memset(row, 0, sizeof(*row));
		row->room = db_span_text(compared->room[at]);
		row->origin = db_span_text(compared->origin[at]);
		row->epoch = stream->epoch;
		row->lane = stream->lane;
		row->sequence = stream->sequence;
		row->highest = stream->highest;
	}
}

void
sync_heads_add(
    struct db_parameters *parameters, const struct sync_message *message)
{
	static struct compared compared; /* large */
	uint32_t i;

	if (message->stream_count > SYNC_PAYLOAD_STREAMS)
		fatal("more streams than a message has");
	compared.count = 0;
	for (i = 0; i < message->room_count; i++)
		streams_add(&compared, &message->rooms[i]);
	db_add_rows(parameters, env.db, TYPE_sync_ask_row, compared.rows,
	    compared.count);
}

static const struct room_stream_head *
head_find(const struct sync_message *message, const struct sync_ask *ask)
{
	const struct sync_head *head;
	uint32_t i, j;

	for (i = 0; i < message->room_count; i++) {
		head = &message->rooms[i];
		for (j = 0; j < head->stream_count; j++)
			if (room_id_equal(&head->room, &ask->room) &&
			    memcmp(head->streams[j].origin, ask->origin,
				ONION_KEY) == 0 &&
			    head->streams[j].head.epoch == ask->epoch &&
			    head->streams[j].head.lane == ask->lane)
				return &head->streams[j].head;
	}
	return NULL;
}

static void
range_want(struct sync_taking *taking, const struct sync_range_ask_row *row)
{
	struct room_void numbers = {.first = row->first, .last = row->last};
	const struct room_stream_head *head;
	struct sync_ask ask;

	memset(&ask, 0, sizeof(ask));
	values_room(&ask.room, &row->room);
	if (onion_parse(ask.origin, (const char *)row->origin.bytes,
		row->origin.length) != CODE_OK)
		fatal("database sent a malformed address");
	ask.stream = true;
	ask.epoch = row->epoch;
	ask.lane = row->lane;
	ask.want = SYNC_ITEMS;
	head = head_find(&taking->message, &ask);
	if (head != NULL && room_void_ask(&numbers, head, &ask.from, &ask.to))
		(void)sync_want(taking, &ask);
}

static void
holders_found(PGresult *result, const char *sqlstate, void *argument)
{
	struct sync_taking *taking = argument;
	struct sync_range_ask_row row;
	int i;

	if (result == NULL) {
		log_warning("sync failed sqlstate=%s", sqlstate);
		taking->failed = true;
	}
	for (i = 0; i < PQntuples(result); i++) {
		db_row_read(
		    &row, env.db, TYPE_sync_range_ask_row, result, i, 0);
		range_want(taking, &row);
	}
	taking->held(taking);
}

/* What it was asked for, and what came of it was taken before. While something
 * new comes there may be more of it. */
static void
answered_add(struct db_parameters *parameters, const struct sync_taking *taking)
{
	static struct sync_range_ask_row rows[SYNC_PAYLOAD_ASKS];
	static char room[SYNC_PAYLOAD_ASKS][ROOM_ID_SIZE];
	static char origin[SYNC_PAYLOAD_ASKS][ONION_SIZE];
	const struct sync_ask *ask;
	uint32_t i, count = 0;

	for (i = 0; i < taking->answered_count && !taking->progress; i++) {
		ask = &taking->answered[i];
		if (!ask->stream || ask->want != SYNC_ITEMS)
			continue;
		room_id_format(room[count], &ask->room);
		onion_format(origin[count], ask->origin);
		rows[count] = (struct sync_range_ask_row){
		    .room = db_span_text(room[count]),
		    .origin = db_span_text(origin[count]),
		    .epoch = ask->epoch,
		    .lane = ask->lane,
		    .first = ask->from,
		    .last = ask->to};
		count++;
	}
	db_add_rows(parameters, env.db, TYPE_sync_range_ask_row, rows, count);
}

static void
holds_written(PGresult *result, const char *sqlstate, void *argument)
{
	struct sync_taking *taking = argument;
	struct db_parameters parameters;

	if (result == NULL) {
		log_warning("sync failed sqlstate=%s", sqlstate);
		taking->failed = true;
		taking->held(taking);
		return;
	}
	db_parameters_init(&parameters);
	db_add_uuid(&parameters, taking->via_id);
	sync_heads_add(&parameters, &taking->message);
	answered_add(&parameters, taking);
	db_add_integer(
	    &parameters, SYNC_PAYLOAD_ASKS - (int64_t)taking->ask_count);
	db_call(env.db, SQL_SYNC_HOLDERS, &parameters, holders_found, taking);
	db_parameters_free(&parameters);
}

void
sync_take_holders(
    struct sync_taking *taking, void (*done)(struct sync_taking *))
{
	struct db_array *codes;
	struct db_parameters parameters;
	const char *name;
	size_t i;

	taking->held = done;
	if (taking->message.stream_count == 0 && taking->answered_count == 0) {
		done(taking);
		return;
	}
	codes = db_array_new(DB_OID_TEXT);
	for (i = 0; i < sizeof(given_up) / sizeof(given_up[0]); i++) {
		name = code_name(given_up[i]);
		db_array_bytes(codes, name, strlen(name));
	}
	db_parameters_init(&parameters);
	db_add_uuid(&parameters, taking->via_id);
	sync_heads_add(&parameters, &taking->message);
	db_add_array(&parameters, codes);
	db_add_integer(&parameters, ROOM_SENT_S);
	db_call(env.db, SQL_SYNC_HOLDS, &parameters, holds_written, taking);
	db_parameters_free(&parameters);
}

static void
lost_told(PGresult *result, const char *sqlstate, void *argument)
{
	char address[LOG_ADDRESS_SIZE];
	uint8_t key[ONION_KEY];
	const char *origin;
	int i;

	(void)argument;
	if (result == NULL) {
		log_warning("room-lost failed sqlstate=%s", sqlstate);
		return;
	}
	for (i = 0; i < PQntuples(result); i++) {
		origin = row_string(result, i, 1);
		if (onion_parse(key, origin, strlen(origin)) != CODE_OK)
			fatal("database sent a malformed address");
		log_warning("room-lost server=%s messages=%lld",
		    log_address(address, key),
		    (long long)row_integer(result, i, 2));
	}
}

void
sync_lost_sweep(void)
{
	struct db_parameters parameters;

	db_parameters_init(&parameters);
	db_add_integer(&parameters, ROOM_LOST_S);
	db_add_integer(&parameters, LOST_MOST);
	db_call(env.db, SQL_SYNC_LOST, &parameters, lost_told, NULL);
	db_parameters_free(&parameters);
}
