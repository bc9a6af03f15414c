/* SPDX-License-Identifier: ISC */
/* Items that nobody vouches for give way; see stream_cut.h. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "rooms/attempt.h"
#include "rooms/messages/stream_cut.h"
#include "rooms/values.h"
#include "rooms/vouch.h"

struct cut {
	char room[ROOM_ID_SIZE];
	char origin[ONION_SIZE];
	uint8_t key[ONION_KEY];
	int64_t epoch;
	int lane;
	int64_t number;
	uint32_t attempts;
	stream_cut_done done;
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

	switch (attempt_end(&cut->attempts, "stream-cut", result, sqlstate,
	    result != NULL && row_bool(result, 0, 0))) {
	case ATTEMPT_STORED:
		log_warning("stream-cut server=%s number=%lld",
		    log_address(address, cut->key), (long long)cut->number);
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

/* Columns of vouch_stream(). */
enum {
	STREAM_VERSION,
	STREAM_STREAM,
	STREAM_ID = 6,
	STREAM_SEQUENCE,
	STREAM_HOLDS
};

/* The stream without what gives way; the items that do, into ids. */
static void
stream_rebuild(const struct cut *cut, struct room_stream *stream,
    PGresult *result, struct db_array *ids)
{
	int64_t before = cut->number - 1;
	int row;

	if (stream->contiguous > before)
		stream->contiguous = before;
	stream->highest = stream->contiguous;
	stream->gap_since = 0;
	memset(stream->seen, 0, sizeof(stream->seen));
	for (row = 0; row < PQntuples(result); row++) {
		if (row_null(result, row, STREAM_ID))
			continue;
		if (row_bool(result, row, STREAM_HOLDS))
			room_stream_settle(stream,
			    row_integer(result, row, STREAM_SEQUENCE),
			    clock_now());
		else
			db_array_int8(ids, row_integer(result, row, STREAM_ID));
	}
}

static void
stream_read(struct room_stream *stream, const struct cut *cut, PGresult *result)
{
	struct room_stream_row row;
	size_t length;
	const char *seen = row_span(&length, result, 0, STREAM_STREAM + 4);

	memset(&row, 0, sizeof(row));
	row.epoch = cut->epoch;
	row.lane = cut->lane;
	row.contiguous = row_integer(result, 0, STREAM_STREAM);
	row.highest = row_integer(result, 0, STREAM_STREAM + 1);
	row.gap_since = row_integer(result, 0, STREAM_STREAM + 2);
	row.forked = row_integer(result, 0, STREAM_STREAM + 3);
	row.seen = db_span_bytes(seen, length);
	(void)values_stream(stream, cut->epoch, cut->lane, &row);
}

static void
cut_write(struct cut *cut, PGresult *result)
{
	struct db_array *ids = db_array_new(DB_OID_INT8);
	struct db_parameters parameters;
	uint8_t seen[VALUES_SEEN_SIZE];
	struct room_stream_row row;
	struct room_stream stream;

	stream_read(&stream, cut, result);
	stream_rebuild(cut, &stream, result, ids);
	values_stream_make(&row, seen, &stream);
	db_parameters_init(&parameters);
	db_add_text(&parameters, cut->room);
	db_add_integer(&parameters, row_integer(result, 0, STREAM_VERSION));
	db_add_text(&parameters, cut->origin);
	db_add_integer(&parameters, cut->epoch);
	db_add_integer(&parameters, cut->lane);
	db_add_integer(&parameters, cut->number);
	db_add_array(&parameters, ids);
	db_add_integer(&parameters, (int64_t)vouch_min_serial(cut->key));
	db_add_integer(&parameters, stream.contiguous);
	db_add_integer(&parameters, stream.highest);
	db_add_integer(&parameters, stream.gap_since);
	db_add_bytes(&parameters, seen, sizeof(seen));
	db_call(env.db, SQL_VOUCH_STREAM_CUT, &parameters, cut_written, cut);
	db_parameters_free(&parameters);
}

/* Whether what stands under the number, or behind it and names it, is vouched
 * for. */
static bool
number_holds(const struct cut *cut, PGresult *result)
{
	int64_t sequence;
	int row;

	for (row = 0; row < PQntuples(result); row++) {
		if (row_null(result, row, STREAM_ID))
			return true;
		sequence = row_integer(result, row, STREAM_SEQUENCE);
		if (sequence >= cut->number)
			return sequence > cut->number + 1 ||
			       row_bool(result, row, STREAM_HOLDS);
	}
	return true;
}

static void
cut_loaded(PGresult *result, const char *sqlstate, void *argument)
{
	struct cut *cut = argument;

	if (result == NULL) {
		log_warning("stream-cut failed sqlstate=%s", sqlstate);
		cut_end(cut, false, false);
	} else if (PQntuples(result) == 0 || number_holds(cut, result))
		cut_end(cut, false, true);
	else
		cut_write(cut, result);
}

static void
cut_load(struct cut *cut)
{
	struct db_parameters parameters;

	db_parameters_init(&parameters);
	db_add_text(&parameters, cut->room);
	db_add_text(&parameters, cut->origin);
	db_add_integer(&parameters, cut->epoch);
	db_add_integer(&parameters, cut->lane);
	db_add_integer(&parameters, (int64_t)vouch_min_serial(cut->key));
	db_add_integer(&parameters, cut->number);
	db_call(env.db, SQL_VOUCH_STREAM, &parameters, cut_loaded, cut);
	db_parameters_free(&parameters);
}

void
stream_cut(const struct room_message *message, const uint8_t origin[ONION_KEY],
    int64_t number, stream_cut_done done, void *argument)
{
	struct cut *cut = xcalloc(1, sizeof(*cut));

	room_id_format(cut->room, &message->room);
	onion_format(cut->origin, origin);
	memcpy(cut->key, origin, ONION_KEY);
	cut->epoch = message->epoch;
	cut->lane = message->lane;
	cut->number = number;
	cut->done = done;
	cut->argument = argument;
	cut_load(cut);
}
