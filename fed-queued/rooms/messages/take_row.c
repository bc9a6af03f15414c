/* SPDX-License-Identifier: ISC */
/* Messages of others in parameters and results; see take_row.h. */
#include <string.h>

#include "base/log.h"
#include "env.h"
#include "room/room_restore.h"
#include "rooms/messages/take_row.h"
#include "rooms/values.h"
#include "servers/peer_table.h"

void
take_facts_ask(struct db_parameters *parameters, const struct take *take)
{
	struct room_place_row rows[BATCH_ITEMS] = {{0}};
	const struct intake_item *item;
	uint32_t i;

	for (i = 0; i < take->intake.count; i++) {
		item = &take->intake.items[i];
		rows[i].message_id = db_span_bytes(item->id, sizeof(item->id));
		rows[i].sender = db_span_text(item->message.sender.name);
		rows[i].lane = item->message.lane;
		rows[i].epoch = item->message.epoch;
		rows[i].sequence = item->message.place.sequence;
		rows[i].state_number = item->message.state_number;
	}
	db_parameters_init(parameters);
	db_add_text(parameters, take->room_text);
	db_add_text(parameters, take->origin_text);
	db_add_rows(
	    parameters, env.db, TYPE_room_place_row, rows, take->intake.count);
}

static void
item_row(struct intake_item *item, const struct room_message_facts_row *row)
{
	const struct room_beside_row *beside = &row->beside;

	values_member(&item->member, &row->member);
	item->left_learned = row->left_learned;
	item->here_then = row->here_then;
	item->has_known = db_span_copy(item->known, ROOM_HASH, &row->known);
	item->has_item = db_span_copy(item->item, ROOM_HASH, &row->refused);
	item->has_stream = values_stream(&item->stream, item->message.epoch,
	    item->message.lane, &row->stream);
	item->has_before =
	    db_span_copy(item->before, ROOM_HASH, &beside->before);
	item->has_at = db_span_copy(item->at, ROOM_HASH, &beside->at);
	item->at_void = beside->at_void;
	item->has_after = db_span_copy(item->after, ROOM_HASH, &beside->after);
}

/* What all messages have in common. */
static void
origin_row(struct take *take, const struct room_message_facts_row *row)
{
	struct room_message_facts *facts = &take->intake.room;
	const struct room_origin_row *origin = &row->origin;

	memset(facts, 0, sizeof(*facts));
	take->intake.state = NULL;
	if (!row->state.null) {
		take->version = row->state.version;
		take->state.room = take->room;
		values_state(&take->state, &row->state);
		take->intake.state = &take->state;
	}
	take->intake.now = row->now;
	take->intake.trusted = origin->trust_level >= TRUST_KNOWN;
	facts->server_seen = origin->server_seen;
	facts->here = origin->here;
	facts->joining =
	    take->intake.state != NULL &&
	    (origin->waiting ||
		room_forgotten(origin->restored,
		    memcmp(take->room.home, take->intake.self, ONION_KEY) == 0,
		    origin->answered, row->now));
	facts->held = (uint32_t)origin->held;
	facts->held_server = (uint32_t)origin->held_server;
	facts->floor = origin->floor;
	facts->out = values_kind(&origin->out_kind);
	facts->out_learned = origin->out_learned;
}

void
take_facts_row(struct take *take, PGresult *result)
{
	struct room_message_facts_row row;
	uint32_t i;

	if (PQntuples(result) != (int)take->intake.count)
		fatal("database answered for messages not asked");
	for (i = 0; i < take->intake.count; i++) {
		db_row_read(&row, env.db, TYPE_room_message_facts_row, result,
		    (int)i, 0);
		if (i == 0)
			origin_row(take, &row);
		item_row(&take->intake.items[i], &row);
	}
}

bool
take_visible(const struct take *take, const struct room_verdict *verdict)
{
	return verdict->outcome == ROOM_TAKEN &&
	       room_message_visible(verdict->flags) &&
	       memcmp(take->intake.origin, take->intake.self, ONION_KEY) != 0;
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

/* What is written: of an item none, one, or two rows. */
struct written {
	struct room_message_row rows[2 * BATCH_ITEMS];
	uint32_t count;
};

/* disputed: the number in dispute, of which the row is evidence; else 0. */
static void
written_add(struct written *written, const struct take *take, uint32_t i,
    const char *status, const struct room_verdict *verdict, int64_t disputed)
{
	const struct intake_item *item = &take->intake.items[i];
	const struct room_message *message = &item->message;
	const struct room_place *place = &message->place;
	struct room_message_row *row = &written->rows[written->count++];

	memset(row, 0, sizeof(*row));
	row->message_id = db_span_bytes(item->id, sizeof(item->id));
	row->digest = db_span_bytes(place->digest, ROOM_HASH);
	row->sender = db_span_text(message->sender.name);
	row->message_type = db_span_text(take->type[i]);
	row->status = db_span_text(status);
	row->code = db_span_text(
	    verdict->code == CODE_OK ? NULL : code_name(verdict->code));
	row->flags = (int32_t)(verdict->flags & ~ROOM_SETTLED);
	row->again = disputed == 0 && room_message_open(verdict);
	row->shown = disputed == 0 && take_visible(take, verdict);
	row->lane = message->lane;
	row->epoch = message->epoch;
	row->sequence = place->sequence;
	row->state_number = message->state_number;
	row->previous = db_span_bytes(place->previous, ROOM_HASH);
	row->payload = db_span_bytes(take->payload[i], take->payload_length[i]);
	row->disputed = disputed;
}

/* Both its id and its place may contradict. */
static void
written_item(struct written *written, const struct take *take, uint32_t i)
{
	static const struct room_verdict id_conflict = {
	    ROOM_REFUSED, CODE_ID_CONFLICT, 0, 0, 0, 0};
	const struct intake_item *item = &take->intake.items[i];
	const struct room_verdict *last;

	if (item->id_conflict)
		written_add(written, take, i,
		    item->stored ? "refused" : "conflict", &id_conflict,
		    item->message.place.sequence);
	if (item->verdict.outcome == ROOM_CONFLICT)
		written_add(written, take, i, "conflict", &item->verdict,
		    item->verdict.from);
	else if (item->stored && !item->id_conflict &&
		 intake_first(&take->intake, item)) {
		last = intake_last(&take->intake, item);
		written_add(written, take, i, status_name(last), last, 0);
	}
}

bool
take_write_ask(struct db_parameters *parameters, const struct take *take)
{
	static struct written written; /* large */
	const struct signed_text *proof = &take->proof;
	struct room_stream changed[BATCH_ITEMS];
	struct room_proof_row row = {
	    .signing_text = db_span_bytes(proof->text, proof->text_length),
	    .signature =
		db_span_bytes(proof->signature, sizeof(proof->signature)),
	    .key_id = db_span_bytes(proof->key_id, sizeof(proof->key_id))};
	uint32_t i, count = 0;

	for (i = 0; i < take->intake.stream_count; i++)
		if (take->intake.streams[i].changed)
			changed[count++] = take->intake.streams[i].stream;
	written.count = 0;
	for (i = 0; i < take->intake.count; i++)
		written_item(&written, take, i);
	db_parameters_init(parameters);
	db_add_text(parameters, take->room_text);
	db_add_integer(parameters, take->version);
	db_add_text(parameters, take->origin_text);
	db_add_row(parameters, env.db, TYPE_room_proof_row, &row);
	db_add_rows(parameters, env.db, TYPE_room_message_row, written.rows,
	    written.count);
	values_streams_add(parameters, changed, count);
	return written.count > 0;
}
