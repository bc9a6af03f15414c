/* SPDX-License-Identifier: ISC */
/*
 * Which documents count though they are under a revoked certificate; see
 * take.h: those of a run, each of which the next one names, up to one that
 * counts by itself or that the database has named.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "json/room_payload.h"
#include "rooms/sync/take.h"
#include "rooms/vouch.h"

#define NAMES_MAX 1024

/* Events or messages from the document at hand on. */
struct run {
	struct sync_taking *taking;
	void (*done)(struct sync_taking *, uint32_t);
	uint32_t at; /* the document at hand */
	uint32_t count;
	struct room_link links[SYNC_PAYLOAD_PAYLOADS];
	uint32_t documents;
	uint32_t ends[SYNC_PAYLOAD_DOCUMENTS]; /* links with that document */
};

const uint8_t *
sync_author(const struct document *document)
{
	return document->kind == DOCUMENT_EVENT
		   ? document->event.event.room.home
		   : document->proof.origin;
}

const struct room_id *
sync_room(const struct document *document)
{
	return document->kind == DOCUMENT_EVENT ? &document->event.event.room
						: &document->room;
}

static bool
chain_same(const struct document *a, const struct document *b)
{
	if (a->kind != b->kind || !room_id_equal(sync_room(a), sync_room(b)))
		return false;
	return a->kind == DOCUMENT_EVENT ||
	       (memcmp(a->proof.origin, b->proof.origin, ONION_KEY) == 0 &&
		   a->first.epoch == b->first.epoch &&
		   a->first.lane == b->first.lane);
}

bool
sync_link(struct room_link *link, const struct document *document, uint32_t at)
{
	const struct signed_message *message = &document->messages[at];
	struct room_payload_message payload;

	if (document->kind == DOCUMENT_EVENT) {
		vouch_link(link, &document->event.event, &document->cert);
		return true;
	}
	if (room_payload_message(&payload, document->proof.origin,
		message->payload, message->payload_length) != CODE_OK ||
	    payload.message.epoch != document->first.epoch ||
	    payload.message.lane != document->first.lane)
		return false;
	link->number = payload.message.place.sequence;
	memcpy(link->digest, message->digest, ROOM_HASH);
	memcpy(link->previous, payload.message.place.previous, ROOM_HASH);
	link->serial = document->cert.serial;
	return true;
}

/* Adds what the document holds; false where the run ends. */
static bool
run_add(struct run *run, const struct document *document)
{
	uint32_t i,
	    all = document->kind == DOCUMENT_EVENT ? 1 : document->count;
	struct room_link *link;

	for (i = 0; i < all && run->count < SYNC_PAYLOAD_PAYLOADS; i++) {
		link = &run->links[run->count];
		if (!sync_link(link, document, i) ||
		    (run->count > 0 && !room_vouch_follows(link - 1, link)))
			break;
		run->count++;
	}
	if (i == 0)
		return false;
	run->ends[run->documents++] = run->count;
	/* What is behind one that counts by itself needs nobody. */
	return i == all && vouch_revoked(&document->cert);
}

static void
run_gather(struct run *run)
{
	struct sync_taking *taking = run->taking;
	const struct sync_message *message = &taking->message;
	uint32_t i;
	bool more = run_add(run, &taking->document);

	for (i = run->at + 1; more && i < message->document_count; i++) {
		more = document_read(&taking->other, &message->documents[i]) !=
			   DOCUMENT_NOTHING &&
		       chain_same(&taking->document, &taking->other) &&
		       run_add(run, &taking->other);
		document_free(&taking->other);
	}
}

/* How much of the document at hand counts, when its run was judged before. */
static uint32_t
run_known(const struct sync_taking *taking, uint32_t at)
{
	if (at < taking->run_whole)
		return BATCH_ITEMS;
	return at == taking->run_whole ? taking->run_part : 0;
}

static void
run_end(struct run *run, uint32_t counts)
{
	struct sync_taking *taking = run->taking;
	void (*done)(struct sync_taking *, uint32_t) = run->done;
	uint32_t i = 0, at = run->at;

	while (i < run->documents && run->ends[i] <= counts)
		i++;
	taking->run_end = at + (run->documents > 0 ? run->documents : 1);
	taking->run_whole = at + i;
	taking->run_part =
	    i < run->documents ? counts - (i == 0 ? 0 : run->ends[i - 1]) : 0;
	free(run);
	done(taking, run_known(taking, at));
}

static void
run_named(PGresult *result, const char *sqlstate, void *argument)
{
	static uint8_t named[NAMES_MAX][ROOM_HASH];
	struct run *run = argument;
	struct room_vouch vouch = {
	    .min_serial = vouch_min_serial(sync_author(&run->taking->document)),
	    .named = named,
	};
	int row;

	if (result == NULL) {
		log_warning("vouching failed sqlstate=%s", sqlstate);
		run->taking->failed = true;
		run_end(run, 0);
		return;
	}
	for (row = 0; row < PQntuples(result) && row < NAMES_MAX; row++)
		if (row_bytes(
			named[vouch.named_count], ROOM_HASH, result, row, 0))
			vouch.named_count++;
	run_end(run, room_vouch_run(&vouch, run->links, run->count));
}

/* What the database names of the run's numbers. */
static void
run_ask(struct run *run)
{
	const struct document *document = &run->taking->document;
	bool event = document->kind == DOCUMENT_EVENT;
	char room[ROOM_ID_SIZE], author[ONION_SIZE];
	struct db_parameters parameters;

	room_id_format(room, sync_room(document));
	onion_format(author, sync_author(document));
	db_parameters_init(&parameters);
	db_add_text(&parameters, room);
	db_add_text(&parameters, author);
	db_add_integer(&parameters, event ? 0 : document->first.epoch);
	db_add_integer(&parameters, event ? 0 : document->first.lane);
	db_add_integer(
	    &parameters, (int64_t)vouch_min_serial(sync_author(document)));
	db_add_integer(&parameters, run->links[0].number);
	db_add_integer(&parameters, run->links[run->count - 1].number);
	db_add_integer(&parameters, ROOM_RANGE_MAX);
	db_call(env.db, SQL_VOUCH_NAMES, &parameters, run_named, run);
	db_parameters_free(&parameters);
}

void
sync_take_run(
    struct sync_taking *taking, void (*done)(struct sync_taking *, uint32_t))
{
	const struct document *document = &taking->document;
	const uint8_t *author = sync_author(document);
	struct run *run;
	uint32_t at = taking->at - 1;

	if (!vouch_revoked(&document->cert) ||
	    memcmp(author, taking->via, ONION_KEY) == 0) {
		done(taking, BATCH_ITEMS);
		return;
	}
	if (at < taking->run_end) {
		done(taking, run_known(taking, at));
		return;
	}
	run = xcalloc(1, sizeof(*run));
	run->taking = taking;
	run->done = done;
	run->at = at;
	run_gather(run);
	if (run->count == 0)
		run_end(run, 0);
	else if (room_vouch_revoked(run->links[run->count - 1].serial,
		     vouch_min_serial(author)))
		run_ask(run);
	else
		run_end(run, run->count);
}
