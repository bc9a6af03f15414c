/* SPDX-License-Identifier: ISC */
/*
 * Numbers that their origin declared void; see take.h: judged and settled in
 * the room's turn, or found to contradict what is stored.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "rooms/attempt.h"
#include "rooms/messages/stream_cut.h"
#include "rooms/sync/take.h"
#include "rooms/turn.h"
#include "rooms/values.h"
#include "rooms/vouch.h"

struct declaration {
	struct sync_taking *taking;
	struct sync_void declared;
	const struct signed_text *proof;
	const struct sync_bytes *answer;
	bool mine; /* made to us: it settles its numbers */
	void (*done)(struct sync_taking *);
	char room[ROOM_ID_SIZE];
	char origin[ONION_SIZE];
	uint32_t attempts;
	int64_t number;	 /* in dispute, */
	int64_t version; /* of the room in which it is */
	bool news;	 /* it settles what was not */
};

static void declaration_load(void *argument);

static void
declaration_end(struct declaration *declaration)
{
	struct sync_taking *taking = declaration->taking;
	void (*done)(struct sync_taking *) = declaration->done;

	turn_end(&declaration->declared.room);
	free(declaration);
	done(taking);
}

static void
declaration_fail(struct declaration *declaration, const char *sqlstate)
{
	log_warning("void failed sqlstate=%s", sqlstate);
	declaration->taking->failed = true;
	declaration_end(declaration);
}

static void
conflict_written(PGresult *result, const char *sqlstate, void *argument)
{
	struct declaration *declaration = argument;

	switch (attempt_end(&declaration->attempts, "void-conflict", result,
	    sqlstate, result != NULL && !row_null(result, 0, 0))) {
	case ATTEMPT_STORED:
		if (row_bool(result, 0, 0))
			log_error("sequence-conflict server=%s number=%lld",
			    declaration->origin,
			    (long long)declaration->declared.range.first);
		declaration_end(declaration);
		break;
	case ATTEMPT_AGAIN:
		declaration_load(declaration);
		break;
	case ATTEMPT_FAILED:
		declaration->taking->failed = true;
		declaration_end(declaration);
		break;
	}
}

static void
conflict_write(struct declaration *declaration, int64_t number)
{
	const struct signed_text *proof = declaration->proof;
	struct sync_document given = {.payloads = declaration->answer,
	    .payload_count = 1,
	    .text = {proof->text, proof->text_length}};
	struct document *document = &declaration->taking->other;
	struct sync_dispute_row dispute = {
	    .origin = db_span_text(declaration->origin),
	    .kind = db_span_text(code_name(CODE_SEQUENCE_CONFLICT)),
	    .epoch = declaration->declared.epoch,
	    .lane = declaration->declared.lane,
	    .number = number};
	struct db_parameters parameters;
	size_t length;
	char *one;

	memcpy(given.signature, proof->signature, sizeof(given.signature));
	document->kind = DOCUMENT_VOIDS;
	one = document_store(document, &given, &length);
	db_parameters_init(&parameters);
	db_add_text(&parameters, declaration->room);
	db_add_integer(&parameters, declaration->version);
	db_add_row(&parameters, env.db, TYPE_sync_dispute_row, &dispute);
	db_add_bytes(&parameters, one, length);
	db_add_null(&parameters);
	db_call(env.db, SQL_SYNC_CONFLICT, &parameters, conflict_written,
	    declaration);
	db_parameters_free(&parameters);
	free(one);
}

static void
void_written(PGresult *result, const char *sqlstate, void *argument)
{
	struct declaration *declaration = argument;

	switch (attempt_end(&declaration->attempts, "void", result, sqlstate,
	    result != NULL && row_bool(result, 0, 0))) {
	case ATTEMPT_STORED:
		if (declaration->news)
			declaration->taking->progress = true;
		declaration_end(declaration);
		break;
	case ATTEMPT_AGAIN:
		declaration_load(declaration);
		break;
	case ATTEMPT_FAILED:
		declaration->taking->failed = true;
		declaration_end(declaration);
		break;
	}
}

static void
void_write(struct declaration *declaration, int64_t version,
    const struct room_stream *stream)
{
	const struct room_void *range = &declaration->declared.range;
	const struct signed_text *proof = declaration->proof;
	struct room_void_row row = {.gone = range->gone,
	    .first = range->first,
	    .last = range->last,
	    .previous = db_span_bytes(range->previous, ROOM_HASH),
	    .digest = db_span_bytes(range->digest, ROOM_HASH)};
	struct room_proof_row proof_row = {
	    .signing_text = db_span_bytes(proof->text, proof->text_length),
	    .signature =
		db_span_bytes(proof->signature, sizeof(proof->signature)),
	    .key_id = db_span_bytes(proof->key_id, sizeof(proof->key_id)),
	    .payload = db_span_bytes(
		declaration->answer->bytes, declaration->answer->length)};
	struct room_stream_row stream_row;
	struct db_parameters parameters;
	uint8_t seen[VALUES_SEEN_SIZE];

	values_stream_make(&stream_row, seen, stream);
	db_parameters_init(&parameters);
	db_add_text(&parameters, declaration->room);
	db_add_integer(&parameters, version);
	db_add_text(&parameters, declaration->origin);
	db_add_row(&parameters, env.db, TYPE_room_stream_row, &stream_row);
	db_add_row(&parameters, env.db, TYPE_room_void_row, &row);
	db_add_row(&parameters, env.db, TYPE_room_proof_row, &proof_row);
	db_call(env.db, SQL_SYNC_VOID, &parameters, void_written, declaration);
	db_parameters_free(&parameters);
}

/* What stood against it gave way, and it is judged anew; or it stands. */
static void
declaration_cut(bool cut, bool ok, void *argument)
{
	struct declaration *declaration = argument;

	if (!ok)
		declaration_fail(declaration, "none");
	else if (cut)
		declaration_load(declaration);
	else
		conflict_write(declaration, declaration->number);
}

/* It counts, to whomever it was made. Our own items give way to nothing. */
static void
declaration_contradicted(
    struct declaration *declaration, int64_t number, int64_t version)
{
	const struct sync_void *declared = &declaration->declared;
	const uint8_t *origin = declaration->proof->origin;
	struct room_message message = {.room = declared->room,
	    .epoch = declared->epoch,
	    .lane = declared->lane};

	declaration->number = number;
	declaration->version = version;
	if (vouch_min_serial(origin) == 0 ||
	    memcmp(origin, env.identity.server, ONION_KEY) == 0)
		conflict_write(declaration, number);
	else
		stream_cut(
		    &message, origin, number, declaration_cut, declaration);
}

static void
declaration_judge(
    struct declaration *declaration, const struct sync_void_facts_row *row)
{
	const struct room_void *range = &declaration->declared.range;
	struct room_beside beside = {.before = row->beside.before.bytes,
	    .at = row->beside.at.bytes,
	    .after = row->beside.after.bytes,
	    .at_void = row->beside.at_void};
	struct room_stream stream, before;
	int64_t number;
	bool known, kept = room_epoch_check(declaration->declared.epoch,
			       row->floor, clock_now()) == CODE_OK;

	known = values_stream(&stream, declaration->declared.epoch,
	    declaration->declared.lane, &row->stream);
	before = stream;
	number = declaration->mine
		     ? room_stream_void(&stream, range, &beside, clock_now())
		     : room_void_contradiction(range, &beside);
	/* Who declares the same again and again has nothing more. */
	declaration->news =
	    stream.contiguous != before.contiguous ||
	    memcmp(stream.seen, before.seen, sizeof(stream.seen)) != 0;
	if (number != 0 && known && kept)
		declaration_contradicted(
		    declaration, number, row->state.version);
	else if (number == 0 && declaration->mine && kept)
		void_write(declaration, row->state.version, &stream);
	else
		declaration_end(declaration);
}

static void
declaration_loaded(PGresult *result, const char *sqlstate, void *argument)
{
	struct declaration *declaration = argument;
	struct sync_void_facts_row row;

	if (result == NULL) {
		declaration_fail(declaration, sqlstate);
		return;
	}
	db_row_read(&row, env.db, TYPE_sync_void_facts_row, result, 0, 0);
	if (row.state.number == 0)
		declaration_end(declaration);
	else
		declaration_judge(declaration, &row);
}

static void
declaration_load(void *argument)
{
	struct declaration *declaration = argument;
	const struct sync_void *declared = &declaration->declared;
	struct db_parameters parameters;

	db_parameters_init(&parameters);
	db_add_text(&parameters, declaration->room);
	db_add_text(&parameters, declaration->origin);
	db_add_integer(&parameters, declared->epoch);
	db_add_integer(&parameters, declared->lane);
	db_add_integer(&parameters, declared->range.first);
	db_add_integer(&parameters, declared->range.last);
	db_call(env.db, SQL_SYNC_VOID_FACTS, &parameters, declaration_loaded,
	    declaration);
	db_parameters_free(&parameters);
}

void
sync_take_void(struct sync_taking *taking, const struct sync_void *declared,
    const struct signed_text *proof, const struct sync_bytes *answer, bool mine,
    void (*done)(struct sync_taking *))
{
	struct declaration *declaration = xcalloc(1, sizeof(*declaration));

	declaration->taking = taking;
	declaration->declared = *declared;
	declaration->proof = proof;
	declaration->answer = answer;
	declaration->mine = mine;
	declaration->done = done;
	room_id_format(declaration->room, &declared->room);
	onion_format(declaration->origin, proof->origin);
	turn_begin(&declared->room, declaration_load, declaration);
}
