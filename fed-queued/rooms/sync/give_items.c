/* SPDX-License-Identifier: ISC */
/*
 * Messages that another server asks for; see give.h: those of others as their
 * origin signed them, and ours from the queue once more. Numbers of ours that
 * are for no server, or not for the one that asks, are declared void.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/statements.h"
#include "env.h"
#include "json/batch.h"
#include "room/room_message.h"
#include "rooms/sync/give.h"
#include "rooms/values.h"

#define BYTES_MAX 131072 /* of payloads that are read at a time */

/* A range of a stream, under way. */
struct range {
	struct sync_giving *giving;
	struct sync_ask ask;
	bool own;
	struct room_state state;
	struct room_stream stream;
	struct sync_item_row rows[ROOM_RANGE_MAX + 1];
	int first; /* row of the first number to be declared; 0 none */
	bool gone; /* how, else void */
	struct db_array *again; /* ids of ours to be sent once more */
	uint32_t again_count;
};

/* Numbers of our own, from row first to row last. */
static void
void_give(struct range *range, int last)
{
	const struct sync_item_row *row = &range->rows[last];
	const struct sync_item_row *first = &range->rows[range->first];
	struct sync_void declared = {.room = range->ask.room,
	    .epoch = range->ask.epoch,
	    .lane = range->ask.lane,
	    .range = {.gone = range->gone}};
	struct room_void *numbers = &declared.range;

	numbers->first = first->sequence;
	numbers->last = row->sequence;
	if (db_span_copy(numbers->digest, ROOM_HASH, &row->digest) &&
	    (db_span_copy(numbers->previous, ROOM_HASH, &first[-1].digest) ||
		numbers->first == 1))
		(void)sync_payload_void(&range->giving->writer, &declared);
	range->first = 0;
}

static enum room_giving
giving_find(const struct range *range, const struct sync_item_row *row)
{
	struct room_asked asked = {.known = row->id != 0,
	    .state_number = row->state_number,
	    .member_then = row->member_then,
	    .member_now = row->range.member_now,
	    .refused = db_span_is(&row->status, "refused"),
	    .proof = range->ask.want != SYNC_ITEMS,
	    .payload = row->kept && (!range->own || row->age < ROOM_SENT_S),
	    .left = row->sent,
	    .cancelled = row->cancelled};

	return room_message_give(&range->state, &asked);
}

/* Ours is given by sending it, unless it is on its way already. */
static void
own_give(struct range *range, const struct sync_item_row *row)
{
	if (db_span_is(&row->queue, "coming"))
		return;
	if (range->again == NULL)
		range->again = db_array_new(DB_OID_INT8);
	db_array_int8(range->again, row->id);
	range->again_count++;
}

/* Rows that came in one request of the origin; false: the message is full. */
static bool
run_give(struct range *range, const int *rows, uint32_t count)
{
	struct sync_bytes payloads[BATCH_ITEMS];
	struct sync_document document = {.payloads = payloads};
	uint32_t i;

	sync_give_signed(&document, &range->rows[rows[0]].signing);
	for (i = 0; i < count; i++)
		payloads[i] = sync_bytes_of(&range->rows[rows[i]].payload);
	document.payload_count = count;
	while (document.payload_count > 0 &&
	       !sync_payload_document(&range->giving->writer, &document))
		document.payload_count /= 2;
	return document.payload_count == count;
}

static void
others_give(struct range *range, const int *rows, uint32_t count)
{
	const struct sync_item_row *all = range->rows;
	uint32_t from, to;

	for (from = 0; from < count; from = to) {
		for (to = from + 1;
		     to < count && to - from < BATCH_ITEMS &&
		     all[rows[to]].proof_id == all[rows[from]].proof_id;
		     to++)
			continue;
		if (!run_give(range, rows + from, to - from))
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

/* A number of ours is declared, with those before it that are so alike. */
static bool
row_declare(struct range *range, int row, enum room_giving giving)
{
	bool gone = giving == ROOM_GIVE_GONE;
	bool declare =
	    range->own && (gone || giving == ROOM_GIVE_VOID) &&
	    room_stream_is_settled(&range->stream, range->rows[row].sequence);

	if (range->first != 0 && (!declare || gone != range->gone))
		void_give(range, row - 1);
	if (declare && range->first == 0) {
		range->first = row;
		range->gone = gone;
	}
	return declare;
}

static void
range_give(struct range *range, int last)
{
	int rows[ROOM_RANGE_MAX + 1], i;
	const struct sync_item_row *row;
	enum room_giving giving;
	uint32_t count = 0;

	for (i = 1; i <= last; i++) {
		row = &range->rows[i];
		giving = giving_find(range, row);
		if (row_declare(range, i, giving) || giving != ROOM_GIVE)
			continue;
		if (range->own)
			own_give(range, row);
		else if (row->payload.bytes != NULL &&
			 row->signing.certificate.bytes != NULL)
			rows[count++] = i;
	}
	if (range->first != 0)
		void_give(range, last);
	others_give(range, rows, count);
}

/* All rows, of which each has what is the range's as well. */
static void
range_row(struct range *range, PGresult *result)
{
	const struct sync_range_row *row = &range->rows[0].range;
	int i, count = PQntuples(result);

	if (count > ROOM_RANGE_MAX + 1)
		fatal("database sent more of a range than was asked for");
	for (i = 0; i < count; i++)
		db_row_read(
		    &range->rows[i], env.db, TYPE_sync_item_row, result, i, 0);
	if (count < 2)
		return;
	range->state.room = range->ask.room;
	values_state(&range->state, &row->state);
	(void)values_stream(
	    &range->stream, range->ask.epoch, range->ask.lane, &row->stream);
	range_give(range, count - 1);
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
	range_row(range, result);
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
	db_add_integer(&parameters, BYTES_MAX);
	db_call(env.db, SQL_SYNC_ITEMS, &parameters, range_loaded, range);
	db_parameters_free(&parameters);
}
