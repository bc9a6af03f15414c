/* SPDX-License-Identifier: ISC */
/* Messages of others in parameters and results; see take_row.h. */
#include <string.h>

#include "base/log.h"
#include "db/row.h"
#include "rooms/columns.h"
#include "rooms/messages/take_row.h"
#include "servers/peer_table.h"

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
	FACT_AFTER,
	FACT_HERE_THEN,
	FACT_OUT_KIND,
	FACT_OUT_LEARNED
};

static void
item_row(struct intake_item *item, PGresult *result, int row)
{
	columns_member(&item->member, result, row, FACT_MEMBER);
	item->left_learned = row_integer(result, row, FACT_LEFT_LEARNED);
	item->here_then = row_bool(result, row, FACT_HERE_THEN);
	item->has_known =
	    row_bytes(item->known, ROOM_HASH, result, row, FACT_KNOWN);
	item->has_item =
	    row_bytes(item->item, ROOM_HASH, result, row, FACT_ITEM);
	item->epoch_known = row_bool(result, row, FACT_EPOCH_KNOWN);
	item->has_stream = columns_stream(&item->stream, item->message.epoch,
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
	if (!row_null(result, 0, FACT_VERSION)) {
		take->version = row_integer(result, 0, FACT_VERSION);
		take->state.room = take->room;
		columns_state(&take->state, result, 0, FACT_STATE);
		take->intake.state = &take->state;
	}
	take->intake.now = row_integer(result, 0, FACT_NOW);
	take->intake.trusted =
	    row_integer(result, 0, FACT_TRUST) >= TRUST_KNOWN;
	facts->server_seen = row_bool(result, 0, FACT_SERVER_SEEN);
	facts->here = row_bool(result, 0, FACT_HERE);
	facts->joining = row_bool(result, 0, FACT_JOINING);
	facts->held = (uint32_t)row_integer(result, 0, FACT_HELD);
	facts->held_server = (uint32_t)row_integer(result, 0, FACT_HELD_SERVER);
	facts->epochs = (uint32_t)row_integer(result, 0, FACT_EPOCHS);
	facts->out = columns_kind(result, 0, FACT_OUT_KIND);
	facts->out_learned = row_integer(result, 0, FACT_OUT_LEARNED);
	for (i = 0; i < take->intake.count; i++)
		item_row(&take->intake.items[i], result, (int)i);
}

/* The messages that room_messages_take() writes, a row in each array. */
struct arrays {
	struct db_array *id, *digest, *sender, *type, *status, *code, *flags,
	    *lane, *epoch, *sequence, *state, *previous, *payload, *number;
	uint32_t rows;
};

static void
arrays_begin(struct arrays *arrays)
{
	arrays->id = db_array_new(DB_OID_UUID);
	arrays->digest = db_array_new(DB_OID_BYTEA);
	arrays->sender = db_array_new(DB_OID_TEXT);
	arrays->type = db_array_new(DB_OID_TEXT);
	arrays->status = db_array_new(DB_OID_TEXT);
	arrays->code = db_array_new(DB_OID_TEXT);
	arrays->flags = db_array_new(DB_OID_INT4);
	arrays->lane = db_array_new(DB_OID_INT4);
	arrays->epoch = db_array_new(DB_OID_INT8);
	arrays->sequence = db_array_new(DB_OID_INT8);
	arrays->state = db_array_new(DB_OID_INT8);
	arrays->previous = db_array_new(DB_OID_BYTEA);
	arrays->payload = db_array_new(DB_OID_BYTEA);
	arrays->number = db_array_new(DB_OID_INT8);
	arrays->rows = 0;
}

static void
arrays_end(struct db_parameters *parameters, const struct arrays *arrays)
{
	db_add_array(parameters, arrays->id);
	db_add_array(parameters, arrays->digest);
	db_add_array(parameters, arrays->sender);
	db_add_array(parameters, arrays->type);
	db_add_array(parameters, arrays->status);
	db_add_array(parameters, arrays->code);
	db_add_array(parameters, arrays->flags);
	db_add_array(parameters, arrays->lane);
	db_add_array(parameters, arrays->epoch);
	db_add_array(parameters, arrays->sequence);
	db_add_array(parameters, arrays->state);
	db_add_array(parameters, arrays->previous);
	db_add_array(parameters, arrays->payload);
	db_add_array(parameters, arrays->number);
}

static void
text_add(struct db_array *array, const char *text)
{
	db_array_bytes(array, text, strlen(text));
}

/* number: the one in dispute, of which the row is evidence; else 0. */
static void
arrays_row(struct arrays *arrays, const struct take *take, uint32_t i,
    const char *status, const struct room_verdict *verdict, int64_t number)
{
	const struct intake_item *item = &take->intake.items[i];
	const struct room_message *message = &item->message;
	const char *code =
	    verdict->code == CODE_OK ? "" : code_name(verdict->code);

	db_array_bytes(arrays->id, item->id, sizeof(item->id));
	db_array_bytes(arrays->digest, message->place.digest, ROOM_HASH);
	text_add(arrays->sender, message->sender.name);
	text_add(arrays->type, take->type[i]);
	text_add(arrays->status, status);
	text_add(arrays->code, code);
	db_array_int4(arrays->flags, (int32_t)(verdict->flags & ~ROOM_SETTLED));
	db_array_int4(arrays->lane, message->lane);
	db_array_int8(arrays->epoch, message->epoch);
	db_array_int8(arrays->sequence, message->place.sequence);
	db_array_int8(arrays->state, message->state_number);
	db_array_bytes(arrays->previous, message->place.previous, ROOM_HASH);
	db_array_bytes(
	    arrays->payload, take->payload[i], take->payload_length[i]);
	db_array_int8(arrays->number, number);
	arrays->rows++;
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
arrays_item(struct arrays *arrays, const struct take *take, uint32_t i)
{
	static const struct room_verdict id_conflict = {
	    ROOM_REFUSED, CODE_ID_CONFLICT, 0, 0, 0, 0};
	const struct intake_item *item = &take->intake.items[i];
	const struct room_verdict *last;

	if (item->id_conflict)
		arrays_row(arrays, take, i,
		    item->stored ? "refused" : "conflict", &id_conflict,
		    item->message.place.sequence);
	if (item->verdict.outcome == ROOM_CONFLICT)
		arrays_row(arrays, take, i, "conflict", &item->verdict,
		    item->verdict.from);
	else if (item->stored && !item->id_conflict &&
		 intake_first(&take->intake, item)) {
		last = intake_last(&take->intake, item);
		arrays_row(arrays, take, i, status_name(last), last, 0);
	}
}

bool
take_write_ask(struct db_parameters *parameters, const struct take *take)
{
	const struct signed_text *proof = &take->proof;
	struct room_stream changed[BATCH_ITEMS];
	struct arrays arrays;
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
	arrays_begin(&arrays);
	for (i = 0; i < take->intake.count; i++)
		arrays_item(&arrays, take, i);
	arrays_end(parameters, &arrays);
	columns_streams_add(parameters, changed, count);
	return arrays.rows > 0;
}
