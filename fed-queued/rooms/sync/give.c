/* SPDX-License-Identifier: ISC */
/* What another server is given; see give.h. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "exchange/signing.h"
#include "rooms/document.h"
#include "rooms/sync/give.h"
#include "rooms/values.h"

struct sync_bytes
sync_bytes_of(const struct db_span *span)
{
	struct sync_bytes bytes = {span->bytes, span->length};

	return bytes;
}

void
sync_give_signed(
    struct sync_document *document, const struct room_signed_row *row)
{
	document->certificate = sync_bytes_of(&row->certificate);
	document->text = sync_bytes_of(&row->signing_text);
	(void)db_span_copy(
	    document->signature, sizeof(document->signature), &row->signature);
}

void
sync_give_fail(struct sync_giving *giving, const char *sqlstate)
{
	size_t length;

	log_warning("sync failed sqlstate=%s", sqlstate);
	free(sync_payload_end(&giving->writer, &length));
	giving->done(giving, false);
}

static void
event_give(
    struct sync_giving *giving, const struct room_event_row *row, bool *full)
{
	struct sync_bytes payload = sync_bytes_of(&row->payload);
	struct sync_document document = {.payload_count = 1,
	    .payloads = &payload,
	    .certificate = sync_bytes_of(&row->certificate),
	    .text = sync_bytes_of(&row->signing_text)};

	(void)db_span_copy(
	    document.signature, sizeof(document.signature), &row->signature);
	*full = !sync_payload_document(&giving->writer, &document);
}

static void
events_loaded(PGresult *result, const char *sqlstate, void *argument)
{
	struct sync_giving *giving = argument;
	struct sync_event_row row;
	struct room_state state = {.number = 0};
	struct room_member last;
	bool full = false;
	int i;

	if (result == NULL) {
		sync_give_fail(giving, sqlstate);
		return;
	}
	for (i = 0; i < PQntuples(result) && !full; i++) {
		db_row_read(&row, env.db, TYPE_sync_event_row, result, i, 0);
		values_member(&last, &row.peer);
		state.closed = row.closed;
		if (row.event.certificate.bytes != NULL &&
		    row.event.number <=
			room_state_shown(&state, &last, row.home))
			event_give(giving, &row.event, &full);
	}
	sync_give_next(giving);
}

static void
events_give(struct sync_giving *giving, const struct sync_ask *ask)
{
	struct db_parameters parameters;
	char room[ROOM_ID_SIZE];

	room_id_format(room, &ask->room);
	db_parameters_init(&parameters);
	db_add_uuid(&parameters, giving->to_id);
	db_add_text(&parameters, room);
	db_add_integer(&parameters, ask->from);
	db_add_integer(&parameters, ask->to);
	db_call(env.db, SQL_SYNC_EVENTS, &parameters, events_loaded, giving);
	db_parameters_free(&parameters);
}

/* What contradicts: a pair; of an event that breaks the rules, each by itself,
 * too. */
static void
pair_give(struct sync_giving *giving, const char *kind,
    const struct sync_document documents[2], const bool restored[2])
{
	bool pair = restored[0] && restored[1];
	int i;

	if (pair)
		(void)sync_payload_evidence(
		    &giving->writer, &documents[0], &documents[1]);
	for (i = 0; i < 2; i++)
		if (restored[i] &&
		    (!pair || strcmp(kind, code_name(CODE_STATE_INVALID)) == 0))
			(void)sync_payload_document(
			    &giving->writer, &documents[i]);
}

/* Columns: kind, first, second. */
static void
evidence_loaded(PGresult *result, const char *sqlstate, void *argument)
{
	static struct stored_document stored[2]; /* large */
	struct sync_giving *giving = argument;
	struct sync_document documents[2];
	struct sync_bytes json;
	bool restored[2];
	int row, i;

	if (result == NULL) {
		sync_give_fail(giving, sqlstate);
		return;
	}
	for (row = 0; row < PQntuples(result); row++) {
		for (i = 0; i < 2; i++) {
			json.bytes = row_span(&json.length, result, row, 1 + i);
			restored[i] =
			    json.bytes != NULL &&
			    document_restore(&documents[i], &stored[i],
				json.bytes, json.length) == 0;
		}
		pair_give(
		    giving, row_string(result, row, 0), documents, restored);
	}
	sync_give_next(giving);
}

/* Of an ask: room, origin, epoch and lane as parameters. */
static void
place_add(struct db_parameters *parameters, const struct sync_ask *ask,
    char room[ROOM_ID_SIZE], char origin[ONION_SIZE])
{
	room_id_format(room, &ask->room);
	onion_format(origin, ask->stream ? ask->origin : ask->room.home);
	db_add_text(parameters, room);
	db_add_text(parameters, origin);
	db_add_integer(parameters, ask->stream ? ask->epoch : 0);
	db_add_integer(parameters, ask->stream ? ask->lane : 0);
}

static void
evidence_give(struct sync_giving *giving, const struct sync_ask *ask)
{
	char room[ROOM_ID_SIZE], origin[ONION_SIZE];
	struct db_parameters parameters;

	db_parameters_init(&parameters);
	db_add_uuid(&parameters, giving->to_id);
	place_add(&parameters, ask, room, origin);
	db_add_integer(&parameters, ask->from);
	db_add_text(&parameters, ask->shown ? "t" : "f");
	db_call(
	    env.db, SQL_SYNC_EVIDENCE, &parameters, evidence_loaded, giving);
	db_parameters_free(&parameters);
}

static void
declared_loaded(PGresult *result, const char *sqlstate, void *argument)
{
	struct sync_giving *giving = argument;
	struct sync_document document = {.payload_count = 1};
	struct sync_bytes payload;
	struct room_signed_row row;
	int i;

	if (result == NULL) {
		sync_give_fail(giving, sqlstate);
		return;
	}
	for (i = 0; i < PQntuples(result); i++) {
		db_row_read(&row, env.db, TYPE_room_signed_row, result, i, 0);
		if (row.certificate.bytes == NULL)
			continue;
		sync_give_signed(&document, &row);
		payload = sync_bytes_of(&row.payload);
		document.payloads = &payload;
		(void)sync_payload_document(&giving->writer, &document);
	}
	sync_give_next(giving);
}

/* What the origin declared void of the range to us, as proof that it did. */
static void
declared_give(struct sync_giving *giving, const struct sync_ask *ask)
{
	char room[ROOM_ID_SIZE], origin[ONION_SIZE];
	struct db_parameters parameters;

	db_parameters_init(&parameters);
	db_add_uuid(&parameters, giving->to_id);
	place_add(&parameters, ask, room, origin);
	db_add_integer(&parameters, ask->from);
	db_add_integer(&parameters, ask->to);
	db_call(
	    env.db, SQL_SYNC_DECLARED, &parameters, declared_loaded, giving);
	db_parameters_free(&parameters);
}

/* The mark is committed: the answer may be signed. */
static void
mark_loaded(PGresult *result, const char *sqlstate, void *argument)
{
	struct sync_giving *giving = argument;

	if (result == NULL || PQntuples(result) == 0) {
		sync_give_fail(giving, sqlstate);
		return;
	}
	signing_mark(row_integer(result, 0, 0));
	giving->done(giving, true);
}

static void
asks_given(struct sync_giving *giving)
{
	uint32_t declared = sync_payload_declares(&giving->writer);
	struct db_parameters parameters;

	if (declared == 0) {
		sync_give_heads(giving);
		return;
	}
	db_parameters_init(&parameters);
	db_add_integer(&parameters, declared);
	db_call(env.db, SQL_SYNC_MARK, &parameters, mark_loaded, giving);
	db_parameters_free(&parameters);
}

void
sync_give_next(struct sync_giving *giving)
{
	const struct sync_ask *ask;
	bool evidence, own;

	for (;;) {
		if (giving->at == giving->ask_count) {
			asks_given(giving);
			return;
		}
		ask = &giving->asks[giving->at];
		evidence = ask->want == SYNC_EVIDENCE;
		own = memcmp(ask->origin, env.identity.server, ONION_KEY) == 0;
		switch (giving->step++) {
		case 0:
			if (!evidence)
				continue;
			evidence_give(giving, ask);
			return;
		case 1:
			/* A message under that number may be proof by itself.
			 * What is ours the other server has, or is sent. */
			if (evidence && (!ask->stream || own))
				continue;
			if (ask->stream)
				sync_give_items(giving, ask);
			else
				events_give(giving, ask);
			return;
		case 2:
			/* What we declare is in the answer itself. */
			if (!ask->stream || own)
				continue;
			declared_give(giving, ask);
			return;
		default:
			giving->at++;
			giving->step = 0;
			continue;
		}
	}
}

void
sync_give(struct sync_giving *giving)
{
	sync_give_next(giving);
}
