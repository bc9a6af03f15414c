/* SPDX-License-Identifier: ISC */
/*
 * Messages that we signed ourselves; see take.h. What we have is nothing new;
 * what we have not may be what a thief of our key has written, and is judged by
 * exchange/restored.h, before anything of it is taken.
 */
#include <string.h>

#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "exchange/restored.h"
#include "json/room_payload.h"
#include "rooms/sync/take.h"
#include "rooms/values.h"
#include "rooms/vouch.h"

void
sync_take_behind(
    struct sync_taking *taking, const struct cert *cert, int64_t epoch)
{
	/* A key that we revoked proves nothing of us. */
	if (vouch_revoked(cert))
		return;
	taking->behind = true;
	if (cert->serial > taking->behind_serial)
		taking->behind_serial = cert->serial;
	if (epoch > taking->behind_epoch)
		taking->behind_epoch = epoch;
}

/* Whether we have what is said of a place. Of a room that we are not in nothing
 * is taken anyway. */
static bool
place_had(const struct room_message *message,
    const struct sync_compared_stream_row *row)
{
	struct room_stream stream;

	if (!row->here)
		return true;
	if (row->ours.bytes != NULL)
		return memcmp(row->ours.bytes, message->place.digest,
			   ROOM_HASH) == 0;
	(void)values_stream(
	    &stream, message->epoch, message->lane, &row->stream);
	return room_stream_is_settled(&stream, message->place.sequence);
}

/* A message of the document; false: it has not its form. */
static bool
message_read(
    struct room_message *message, const struct document *document, uint32_t i)
{
	const struct signed_message *given = &document->messages[i];
	struct room_payload_message payload;

	if (room_payload_message(&payload, document->proof.origin,
		given->payload, given->payload_length) != CODE_OK)
		return false;
	*message = payload.message;
	memcpy(message->place.digest, given->digest, ROOM_HASH);
	return true;
}

static void
compared(PGresult *result, const char *sqlstate, void *argument)
{
	struct sync_taking *taking = argument;
	const struct document *document = &taking->document;
	struct sync_compared_stream_row row;
	struct room_message message;
	int64_t epoch = 0;
	uint32_t i;
	int at = 0;

	if (result == NULL) {
		log_warning("own messages unknown sqlstate=%s", sqlstate);
		taking->failed = true;
		taking->own_go(taking, false);
		return;
	}
	for (i = 0; i < document->count; i++) {
		if (!message_read(&message, document, i))
			continue;
		db_row_read(&row, env.db, TYPE_sync_compared_stream_row, result,
		    at++, 0);
		if (!place_had(&message, &row) && message.epoch > epoch)
			epoch = message.epoch;
	}
	if (epoch != 0 && room_shown_judge(restored_past(), epoch,
			      clock_now()) != ROOM_SHOWN_FORGOTTEN) {
		sync_take_behind(taking, &document->cert, epoch);
		taking->own_go(taking, false);
	} else
		taking->own_go(taking, true);
}

void
sync_take_own(
    struct sync_taking *taking, void (*go)(struct sync_taking *, bool take))
{
	const struct document *document = &taking->document;
	struct sync_ask_row rows[BATCH_ITEMS];
	char rooms[BATCH_ITEMS][ROOM_ID_SIZE];
	struct db_parameters parameters;
	struct room_message message;
	uint32_t i, count = 0;

	taking->own_go = go;
	memset(rows, 0, sizeof(rows));
	for (i = 0; i < document->count; i++) {
		if (!message_read(&message, document, i))
			continue;
		room_id_format(rooms[count], &message.room);
		rows[count].room = db_span_text(rooms[count]);
		rows[count].origin = db_span_text(env.address);
		rows[count].epoch = message.epoch;
		rows[count].lane = message.lane;
		rows[count].sequence = message.place.sequence;
		rows[count].highest = message.place.sequence;
		count++;
	}
	db_parameters_init(&parameters);
	db_add_rows(&parameters, env.db, TYPE_sync_ask_row, rows, count);
	db_call(
	    env.db, SQL_SYNC_COMPARE_STREAMS, &parameters, compared, taking);
	db_parameters_free(&parameters);
}
