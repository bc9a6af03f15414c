/* SPDX-License-Identifier: ISC */
/*
 * Heads of another server compared with ours; see take.h: what to ask for,
 * which evidence to give, and whether it knows more of us than we do.
 */
#include <string.h>

#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "exchange/restored.h"
#include "room/room_heads.h"
#include "room/room_message.h"
#include "room/room_restore.h"
#include "rooms/confirmed.h"
#include "rooms/resync.h"
#include "rooms/state/requests.h"
#include "rooms/sync/take.h"
#include "rooms/values.h"
#include "servers/peer_table.h"

#define HEARD_S 3600 /* a home's word is noted again after that */

static void streams_load(struct sync_taking *);

static void
compare_end(struct sync_taking *taking)
{
	taking->done(taking);
}

static void
compare_fail(struct sync_taking *taking, const char *sqlstate)
{
	log_warning("heads failed sqlstate=%s", sqlstate);
	taking->failed = true;
	compare_end(taking);
}

/* ask: but for what and which numbers. */
static void
ask_add(struct sync_taking *taking, struct sync_ask *ask, enum sync_want want,
    int64_t from, int64_t to)
{
	ask->want = want;
	ask->from = from;
	ask->to = to;
	(void)sync_want(taking, ask);
}

/* place: the room, and the stream if it is one, that want is about. */
static void
want_note(struct sync_taking *taking, struct sync_ask *place,
    const struct room_want *want)
{
	if ((want->what & ROOM_WANT_ITEMS) != 0)
		ask_add(taking, place, SYNC_ITEMS, want->from, want->to);
	if ((want->what & ROOM_WANT_ONE) != 0)
		ask_add(taking, place, SYNC_PROOF, want->one, want->one);
	if ((want->what & ROOM_WANT_EVIDENCE) != 0)
		ask_add(taking, place, SYNC_EVIDENCE, want->evidence,
		    want->evidence);
	if ((want->what & ROOM_SHOW_EVIDENCE) == 0 ||
	    taking->evidence_count == SYNC_PAYLOAD_ASKS)
		return;
	place->want = SYNC_EVIDENCE;
	place->from = place->to = want->evidence;
	taking->evidence[taking->evidence_count++] = *place;
}

static void
own_judged(enum restored_outcome outcome, void *argument)
{
	struct sync_taking *taking = argument;

	if (outcome == RESTORED_FAILED)
		taking->failed = true;
	/* What was not taken before that is asked for anew. */
	if (outcome == RESTORED_BEGUN)
		resync_all();
	compare_end(taking);
}

/* It has shown something that we signed, and have not. */
static void
own_judge(struct sync_taking *taking)
{
	struct restored_shown shown = {
	    .epoch = taking->behind_epoch, .serial = taking->behind_serial};

	memcpy(shown.via, taking->via, sizeof(shown.via));
	restored_judge(&shown, own_judged, taking);
}

/* Of rooms of ours we have all that the server has which an administrator
 * named: they go on, the first event being one of the new key. */
static void
adoptions_end(const struct sync_taking *taking, PGresult *result)
{
	char address[LOG_ADDRESS_SIZE];
	struct room_id room;
	int row;

	for (row = 0; row < PQntuples(result); row++) {
		values_room_read(&room, result, row, 0);
		log_info("room-adopted server=%s",
		    log_address(address, taking->via));
		requests_soon(&room);
	}
}

static void
confirmed_written(PGresult *result, const char *sqlstate, void *argument)
{
	struct sync_taking *taking = argument;

	if (result == NULL) {
		compare_fail(taking, sqlstate);
		return;
	}
	adoptions_end(taking, result);
	/* What is claimed alone is asked for, and proves nothing. */
	if (taking->behind)
		own_judge(taking);
	else
		compare_end(taking);
}

/* The rooms of which it has told no more than we have: state_compare() leaves
 * has_state in those alone. */
static void
confirmed_write(struct sync_taking *taking)
{
	struct db_array *rooms = db_array_new(DB_OID_TEXT);
	struct db_parameters parameters;
	char text[ROOM_ID_SIZE];
	const struct sync_head *head;
	uint32_t i;

	for (i = 0; i < taking->message.room_count; i++) {
		head = &taking->message.rooms[i];
		if (!head->has_state)
			continue;
		confirmed_set(&head->room);
		room_id_format(text, &head->room);
		db_array_bytes(rooms, text, ROOM_ID_LENGTH);
	}
	db_parameters_init(&parameters);
	db_add_uuid(&parameters, taking->via_id);
	db_add_array(&parameters, rooms);
	db_add_integer(&parameters, HEARD_S);
	db_call(env.db, SQL_SYNC_HEARD, &parameters, confirmed_written, taking);
	db_parameters_free(&parameters);
}

static void
stream_compare(struct sync_taking *taking, const struct room_id *room,
    const struct sync_stream *theirs,
    const struct sync_compared_stream_row *row)
{
	const struct room_stream_head *head = &theirs->head;
	struct room_stream stream;
	struct sync_ask place;
	struct room_want want;

	if (!row->here ||
	    room_epoch_check(head->epoch, row->floor, clock_now()) != CODE_OK)
		return;
	(void)values_stream(&stream, head->epoch, head->lane, &row->stream);
	want = room_stream_compare(&stream, head, row->ours.bytes,
	    row->tip.bytes, row->own, row->current);
	if (memcmp(theirs->origin, taking->via, ONION_KEY) == 0)
		sync_stated_add(taking, room, head, &want);
	memset(&place, 0, sizeof(place));
	place.room = *room;
	place.stream = true;
	memcpy(place.origin, theirs->origin, ONION_KEY);
	place.epoch = head->epoch;
	place.lane = head->lane;
	want_note(taking, &place, &want);
}

static void
heads_stated(struct sync_taking *taking)
{
	sync_take_holders(taking, confirmed_write);
}

static void
streams_loaded(PGresult *result, const char *sqlstate, void *argument)
{
	struct sync_taking *taking = argument;
	struct sync_compared_stream_row row;
	const struct sync_head *head;
	uint32_t i, j;
	int at = 0;

	if (result == NULL) {
		compare_fail(taking, sqlstate);
		return;
	}
	if (PQntuples(result) != (int)taking->message.stream_count)
		fatal("database did not answer for each stream");
	for (i = 0; i < taking->message.room_count; i++) {
		head = &taking->message.rooms[i];
		for (j = 0; j < head->stream_count; j++) {
			db_row_read(&row, env.db, TYPE_sync_compared_stream_row,
			    result, at++, 0);
			stream_compare(
			    taking, &head->room, &head->streams[j], &row);
		}
	}
	sync_stated_write(taking, heads_stated);
}

static void
streams_load(struct sync_taking *taking)
{
	struct db_parameters parameters;

	db_parameters_init(&parameters);
	sync_heads_add(&parameters, &taking->message);
	db_call(env.db, SQL_SYNC_COMPARE_STREAMS, &parameters, streams_loaded,
	    taking);
	db_parameters_free(&parameters);
}

static void
state_compare(struct sync_taking *taking, struct sync_head *head,
    const struct sync_compared_row *row)
{
	struct room_state state = {.room = head->room};
	struct sync_ask place;
	struct room_want want;

	/* A room that we do not know concerns us only after a restore. */
	if (!head->has_state ||
	    (row->state.null &&
		!room_restored_lately(row->restored, clock_now()))) {
		head->has_state = false;
		return;
	}
	values_state(&state, &row->state);
	want =
	    room_head_compare(&state, &head->state, row->ours.bytes, row->own);
	sync_stated_state(taking, head, &want);
	memset(&place, 0, sizeof(place));
	place.room = head->room;
	want_note(taking, &place, &want);
	/* It has confirmed the room once we have all that it has. */
	head->has_state = head->state.number <= state.number;
}

static void
states_loaded(PGresult *result, const char *sqlstate, void *argument)
{
	struct sync_taking *taking = argument;
	struct sync_compared_row row;
	uint32_t i;

	if (result == NULL) {
		compare_fail(taking, sqlstate);
		return;
	}
	if (PQntuples(result) != (int)taking->message.room_count)
		fatal("database did not answer for each room");
	for (i = 0; i < taking->message.room_count; i++) {
		db_row_read(
		    &row, env.db, TYPE_sync_compared_row, result, (int)i, 0);
		state_compare(taking, &taking->message.rooms[i], &row);
	}
	streams_load(taking);
}

void
sync_take_heads(struct sync_taking *taking)
{
	struct db_array *rooms = db_array_new(DB_OID_TEXT);
	struct db_array *numbers = db_array_new(DB_OID_INT8);
	struct db_parameters parameters;
	char text[ROOM_ID_SIZE];
	uint32_t i;

	for (i = 0; i < taking->message.room_count; i++) {
		room_id_format(text, &taking->message.rooms[i].room);
		db_array_bytes(rooms, text, ROOM_ID_LENGTH);
		db_array_int8(numbers, taking->message.rooms[i].state.number);
	}
	db_parameters_init(&parameters);
	db_add_array(&parameters, rooms);
	db_add_array(&parameters, numbers);
	db_call(env.db, SQL_SYNC_COMPARE, &parameters, states_loaded, taking);
	db_parameters_free(&parameters);
}
