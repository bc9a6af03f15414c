/* SPDX-License-Identifier: ISC */
/*
 * Messages that another server asks for; see give.h: those of others as their
 * origin signed them, and ours from the queue once more. Numbers of ours that
 * are for no server, or not for the one that asks, are declared void.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "json/batch.h"
#include "room/room_message.h"
#include "rooms/columns.h"
#include "rooms/sync/give.h"

/* Columns of sync_items(). */
enum {
	SEQUENCE,
	DIGEST,
	ID,
	STATUS,
	STATE_NUMBER,
	MEMBER_THEN,
	PAYLOAD,
	PROOF,
	CERTIFICATE,
	TEXT,
	SIGNATURE,
	QUEUE,
	STREAM,		    /* five */
	STATE = STREAM + 5, /* seven */
	MEMBER_NOW = STATE + 7
};

/* A range of a stream, under way. */
struct range {
	struct sync_giving *giving;
	struct sync_ask ask;
	bool own;
	struct room_state state;
	struct room_stream stream;
	int first; /* row of the first void number under way; 0 none */
	struct db_array *again; /* ids of ours to be sent once more */
	uint32_t again_count;
};

static bool
row_is(PGresult *result, int row, int column, const char *value)
{
	const char *text = row_string(result, row, column);

	return text != NULL && strcmp(text, value) == 0;
}

/* Numbers of our own, from row first to row last. */
static void
void_give(struct range *range, PGresult *result, int last)
{
	struct sync_void declared = {.room = range->ask.room,
	    .epoch = range->ask.epoch,
	    .lane = range->ask.lane};
	struct room_void *numbers = &declared.range;

	numbers->first = row_integer(result, range->first, SEQUENCE);
	numbers->last = row_integer(result, last, SEQUENCE);
	if (row_bytes(numbers->digest, ROOM_HASH, result, last, DIGEST) &&
	    (row_bytes(numbers->previous, ROOM_HASH, result, range->first - 1,
		 DIGEST) ||
		numbers->first == 1))
		(void)sync_payload_void(&range->giving->writer, &declared);
	range->first = 0;
}

static enum room_giving
giving_find(const struct range *range, PGresult *result, int row)
{
	bool now = row_bool(result, row, MEMBER_NOW);
	enum room_giving giving;

	if (row_null(result, row, ID))
		return now ? ROOM_GIVE_VOID : ROOM_GIVE_NOTHING;
	giving = room_message_give(&range->state,
	    row_integer(result, row, STATE_NUMBER),
	    row_bool(result, row, MEMBER_THEN), now);
	/* Whoever asks for proof gets what was signed. What we refused, others
	 * refuse, too. */
	if (now && (range->ask.want != SYNC_ITEMS ||
		       row_is(result, row, STATUS, "refused")))
		giving = ROOM_GIVE;
	if (giving == ROOM_GIVE && (row_is(result, row, STATUS, "cancelled") ||
				       row_is(result, row, QUEUE, "dead")))
		giving = ROOM_GIVE_VOID;
	return giving;
}

/* Ours is given by sending it, unless it is on its way already. */
static void
own_give(struct range *range, PGresult *result, int row)
{
	if (row_is(result, row, QUEUE, "coming"))
		return;
	if (range->again == NULL)
		range->again = db_array_new(DB_OID_INT8);
	db_array_int8(range->again, row_integer(result, row, ID));
	range->again_count++;
}

/* Rows that came in one request of the origin; false: the message is full. */
static bool
run_give(struct range *range, PGresult *result, const int *rows, uint32_t count)
{
	struct sync_bytes payloads[BATCH_ITEMS];
	struct sync_document document = {.payloads = payloads};
	uint32_t i;

	document.certificate.bytes = row_span(
	    &document.certificate.length, result, rows[0], CERTIFICATE);
	document.text.bytes =
	    row_span(&document.text.length, result, rows[0], TEXT);
	(void)row_bytes(document.signature, sizeof(document.signature), result,
	    rows[0], SIGNATURE);
	for (i = 0; i < count; i++)
		payloads[i].bytes =
		    row_span(&payloads[i].length, result, rows[i], PAYLOAD);
	document.payload_count = count;
	while (document.payload_count > 0 &&
	       !sync_payload_document(&range->giving->writer, &document))
		document.payload_count /= 2;
	return document.payload_count == count;
}

static void
others_give(
    struct range *range, PGresult *result, const int *rows, uint32_t count)
{
	uint32_t from, to;

	for (from = 0; from < count; from = to) {
		for (to = from + 1; to < count && to - from < BATCH_ITEMS &&
				    row_integer(result, rows[to], PROOF) ==
					row_integer(result, rows[from], PROOF);
		     to++)
			continue;
		if (!run_give(range, result, rows + from, to - from))
			return;
	}
}

static void
range_end(struct range *range)
{
	struct sync_giving *giving = range->giving;

	free(range);
	sync_give_next(giving);
}

static void
sent_again(PGresult *result, const char *sqlstate, void *argument)
{
	struct range *range = argument;
	struct sync_giving *giving = range->giving;

	if (result != NULL) {
		range_end(range);
		return;
	}
	free(range);
	sync_give_fail(giving, sqlstate);
}

static void
range_give(struct range *range, PGresult *result)
{
	int rows[ROOM_RANGE_MAX + 1], row, last = PQntuples(result) - 1;
	enum room_giving giving;
	uint32_t count = 0;

	for (row = 1; row <= last; row++) {
		giving = giving_find(range, result, row);
		if (giving == ROOM_GIVE_VOID && range->own &&
		    room_stream_is_settled(
			&range->stream, row_integer(result, row, SEQUENCE))) {
			if (range->first == 0)
				range->first = row;
			continue;
		}
		if (range->first != 0)
			void_give(range, result, row - 1);
		if (giving != ROOM_GIVE)
			continue;
		if (range->own)
			own_give(range, result, row);
		else if (!row_null(result, row, PAYLOAD) &&
			 !row_null(result, row, CERTIFICATE))
			rows[count++] = row;
	}
	if (range->first != 0)
		void_give(range, result, last);
	others_give(range, result, rows, count);
}

static void
range_loaded(PGresult *result, const char *sqlstate, void *argument)
{
	struct range *range = argument;
	struct sync_giving *giving = range->giving;
	struct db_parameters parameters;

	if (result == NULL) {
		free(range);
		sync_give_fail(giving, sqlstate);
		return;
	}
	if (PQntuples(result) > 1) {
		range->state.room = range->ask.room;
		columns_state(&range->state, result, 0, STATE);
		(void)columns_stream(&range->stream, range->ask.epoch,
		    range->ask.lane, result, 0, STREAM);
		range_give(range, result);
	}
	if (range->again_count == 0) {
		range_end(range);
		return;
	}
	db_parameters_init(&parameters);
	db_add_uuid(&parameters, giving->to_id);
	db_add_array(&parameters, range->again);
	db_call(env.db, SQL_SYNC_RESEND, &parameters, sent_again, range);
	db_parameters_free(&parameters);
}

void
sync_give_items(struct sync_giving *giving, const struct sync_ask *ask)
{
	struct range *range = xcalloc(1, sizeof(*range));
	char room[ROOM_ID_SIZE], origin[ONION_SIZE];
	struct db_parameters parameters;

	range->giving = giving;
	range->ask = *ask;
	range->own = memcmp(ask->origin, env.identity.server, ONION_KEY) == 0;
	room_id_format(room, &ask->room);
	onion_format(origin, ask->origin);
	db_parameters_init(&parameters);
	db_add_uuid(&parameters, giving->to_id);
	db_add_text(&parameters, room);
	db_add_text(&parameters, origin);
	db_add_integer(&parameters, ask->epoch);
	db_add_integer(&parameters, ask->lane);
	db_add_integer(&parameters, ask->from);
	db_add_integer(&parameters, ask->to);
	db_call(env.db, SQL_SYNC_ITEMS, &parameters, range_loaded, range);
	db_parameters_free(&parameters);
}
