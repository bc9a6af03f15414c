/* SPDX-License-Identifier: ISC */
/* Messages of others in parameters and results; see take.h. */
#include <string.h>

#include "base/log.h"
#include "rooms/messages/take.h"
#include "rooms/room_row.h"

#define TRUST_LEAST 1 /* of whom something is taken */

void
take_facts_ask(struct db_parameters *parameters, const struct take *take)
{
	struct db_array *id = db_array_new(DB_OID_UUID);
	struct db_array *sender = db_array_new(DB_OID_TEXT);
	struct db_array *lane = db_array_new(DB_OID_INT4);
	struct db_array *epoch = db_array_new(DB_OID_INT8);
	struct db_array *sequence = db_array_new(DB_OID_INT8);
	struct db_array *state = db_array_new(DB_OID_INT8);
	const struct intake_item *item;
	uint32_t i;

	for (i = 0; i < take->intake.count; i++) {
		item = &take->intake.items[i];
		db_array_bytes(id, item->id, sizeof(item->id));
		db_array_bytes(sender, item->message.sender.name,
		    strlen(item->message.sender.name));
		db_array_int4(lane, item->message.lane);
		db_array_int8(epoch, item->message.epoch);
		db_array_int8(sequence, item->message.place.sequence);
		db_array_int8(state, item->message.state_number);
	}
	db_parameters_init(parameters);
	db_add_text(parameters, take->room_text);
	db_add_text(parameters, take->origin_text);
	db_add_array(parameters, id);
	db_add_array(parameters, sender);
	db_add_array(parameters, lane);
	db_add_array(parameters, epoch);
	db_add_array(parameters, sequence);
	db_add_array(parameters, state);
}

/* Columns of room_messages_facts(). */
enum {
	FACT_VERSION,
	FACT_STATE,
	FACT_NOW = 8,
	FACT_TRUST,
	FACT_SERVER_SEEN,
	FACT_HERE,
	FACT_JOINING,
	FACT_HELD,
	FACT_HELD_SERVER,
	FACT_EPOCHS,
	FACT_MEMBER,
	FACT_LEFT_LEARNED = 18,
	FACT_KNOWN,
	FACT_ITEM,
	FACT_EPOCH_KNOWN,
	FACT_STREAM,
	FACT_BEFORE = 27,
	FACT_AT,
	FACT_AT_VOID,
	FACT_AFTER
};

static void
item_row(struct intake_item *item, PGresult *result, int row)
{
	row_member(&item->member, result, row, FACT_MEMBER);
	item->left_learned = row_integer(result, row, FACT_LEFT_LEARNED);
	item->has_known =
	    row_bytes(item->known, ROOM_HASH, result, row, FACT_KNOWN);
	item->has_item =
	    row_bytes(item->item, ROOM_HASH, result, row, FACT_ITEM);
	item->epoch_known = row_bool(result, row, FACT_EPOCH_KNOWN);
	item->has_stream = row_stream(&item->stream, item->message.epoch,
	    item->message.lane, result, row, FACT_STREAM);
	item->has_before =
	    row_bytes(item->before, ROOM_HASH, result, row, FACT_BEFORE);
	item->has_at = row_bytes(item->at, ROOM_HASH, result, row, FACT_AT);
	item->at_void = row_bool(result, row, FACT_AT_VOID);
	item->has_after =
	    row_bytes(item->after, ROOM_HASH, result, row, FACT_AFTER);
}

void
take_facts_row(struct take *take, PGresult *result)
{
	struct room_message_facts *facts = &take->intake.room;
	uint32_t i;

	if (PQntuples(result) != (int)take->intake.count)
		fatal("database answered for messages not asked");
	memset(facts, 0, sizeof(*facts));
	take->intake.state = NULL;
	if (!PQgetisnull(result, 0, FACT_VERSION)) {
		take->version = row_integer(result, 0, FACT_VERSION);
		take->state.room = take->room;
		row_state(&take->state, result, 0, FACT_STATE);
		take->intake.state = &take->state;
	}
	take->intake.now = row_integer(result, 0, FACT_NOW);
	take->intake.trusted =
	    row_integer(result, 0, FACT_TRUST) >= TRUST_LEAST;
	facts->server_seen = row_bool(result, 0, FACT_SERVER_SEEN);
	facts->here = row_bool(result, 0, FACT_HERE);
	facts->joining = row_bool(result, 0, FACT_JOINING);
	facts->held = (uint32_t)row_integer(result, 0, FACT_HELD);
	facts->held_server = (uint32_t)row_integer(result, 0, FACT_HELD_SERVER);
	facts->epochs = (uint32_t)row_integer(result, 0, FACT_EPOCHS);
	for (i = 0; i < take->intake.count; i++)
		item_row(&take->intake.items[i], result, (int)i);
}

/* The arrays of messages that messages_take() writes. */
struct columns {
	struct db_array *id, *digest, *sender, *type, *status, *code, *flags,
	    *lane, *epoch, *sequence, *state, *previous, *payload, *number;
	uint32_t rows;
};

static void
columns_begin(struct columns *columns)
{
	columns->id = db_array_new(DB_OID_UUID);
	columns->digest = db_array_new(DB_OID_BYTEA);
	columns->sender = db_array_new(DB_OID_TEXT);
	columns->type = db_array_new(DB_OID_TEXT);
	columns->status = db_array_new(DB_OID_TEXT);
	columns->code = db_array_new(DB_OID_TEXT);
	columns->flags = db_array_new(DB_OID_INT4);
	columns->lane = db_array_new(DB_OID_INT4);
	columns->epoch = db_array_new(DB_OID_INT8);
	columns->sequence = db_array_new(DB_OID_INT8);
	columns->state = db_array_new(DB_OID_INT8);
	columns->previous = db_array_new(DB_OID_BYTEA);
	columns->payload = db_array_new(DB_OID_BYTEA);
	columns->number = db_array_new(DB_OID_INT8);
	columns->rows = 0;
}

static void
columns_end(struct db_parameters *parameters, const struct columns *columns)
{
	db_add_array(parameters, columns->id);
	db_add_array(parameters, columns->digest);
	db_add_array(parameters, columns->sender);
	db_add_array(parameters, columns->type);
	db_add_array(parameters, columns->status);
	db_add_array(parameters, columns->code);
	db_add_array(parameters, columns->flags);
	db_add_array(parameters, columns->lane);
	db_add_array(parameters, columns->epoch);
	db_add_array(parameters, columns->sequence);
	db_add_array(parameters, columns->state);
	db_add_array(parameters, columns->previous);
	db_add_array(parameters, columns->payload);
	db_add_array(parameters, columns->number);
}

static void
text_add(struct db_array *array, const char *text)
{
	db_array_bytes(array, text, strlen(text));
}

/* number: in dispute, or 0; it is evidence then. */
static void
columns_row(struct columns *columns, const struct take *take, uint32_t i,
    const char *status, const struct room_verdict *verdict, int64_t number)
{
	const struct intake_item *item = &take->intake.items[i];
	const struct room_message *message = &item->message;
	const char *code =
	    verdict->code == CODE_OK ? "" : code_name(verdict->code);

	db_array_bytes(columns->id, item->id, sizeof(item->id));
	db_array_bytes(columns->digest, message->place.digest, ROOM_HASH);
	text_add(columns->sender, message->sender.name);
	text_add(columns->type, take->type[i]);
	text_add(columns->status, status);
	text_add(columns->code, code);
	db_array_int4(
	    columns->flags, (int32_t)(verdict->flags & ~ROOM_SETTLED));
	db_array_int4(columns->lane, message->lane);
	db_array_int8(columns->epoch, message->epoch);
	db_array_int8(columns->sequence, message->place.sequence);
	db_array_int8(columns->state, message->state_number);
	db_array_bytes(columns->previous, message->place.previous, ROOM_HASH);
	db_array_bytes(
	    columns->payload, take->payload[i], take->payload_length[i]);
	db_array_int8(columns->number, number);
	columns->rows++;
}

static const char *
status_name(const struct room_verdict *verdict)
{
	switch (verdict->outcome) {
	case ROOM_TAKEN:
		return "taken";
	case ROOM_HELD:
		return "held";
	default:
		return "refused";
	}
}

/* None, one, or two rows: both its id and its place may contradict. */
static void
columns_item(struct columns *columns, const struct take *take, uint32_t i)
{
	static const struct room_verdict id_conflict = {
	    ROOM_REFUSED, CODE_ID_CONFLICT, 0, 0, 0, 0};
	const struct intake_item *item = &take->intake.items[i];
	const struct room_verdict *last;

	if (item->id_conflict)
		columns_row(columns, take, i,
		    item->stored ? "refused" : "conflict", &id_conflict,
		    item->message.place.sequence);
	if (item->verdict.outcome == ROOM_CONFLICT)
		columns_row(columns, take, i, "conflict", &item->verdict,
		    item->verdict.from);
	else if (item->stored && !item->id_conflict &&
		 intake_first(&take->intake, item)) {
		last = intake_last(&take->intake, item);
		columns_row(columns, take, i, status_name(last), last, 0);
	}
}

bool
take_write_ask(struct db_parameters *parameters, const struct take *take)
{
	const struct room_proof *proof = &take->proof;
	struct room_stream changed[BATCH_ITEMS];
	struct columns columns;
	uint32_t i, count = 0;

	for (i = 0; i < take->intake.stream_count; i++)
		if (take->intake.streams[i].changed)
			changed[count++] = take->intake.streams[i].stream;
	db_parameters_init(parameters);
	db_add_text(parameters, take->room_text);
	db_add_integer(parameters, take->version);
	db_add_text(parameters, take->origin_text);
	db_add_bytes(parameters, proof->text, proof->text_length);
	db_add_bytes(parameters, proof->signature, sizeof(proof->signature));
	db_add_bytes(parameters, proof->key_id, sizeof(proof->key_id));
	columns_begin(&columns);
	for (i = 0; i < take->intake.count; i++)
		columns_item(&columns, take, i);
	columns_end(parameters, &columns);
	room_streams_add(parameters, changed, count);
	return columns.rows > 0;
}
