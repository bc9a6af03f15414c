/* SPDX-License-Identifier: ISC */
/* Whether two documents contradict each other; see take.h. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "db/types.h"
#include "env.h"
#include "rooms/messages/judge.h"
#include "rooms/sync/take.h"
#include "rooms/vouch.h"

/* The number about which a declaration and a message of one origin contradict
 * each other, else 0. */
static int64_t
void_against(const struct room_void *range, const struct room_place *place)
{
	struct room_beside beside = {NULL, NULL, NULL, false};

	if (place->sequence == range->last)
		beside.at = place->digest;
	else if (place->sequence == range->first - 1)
		beside.before = place->digest;
	else if (place->sequence == range->last + 1)
		beside.after = place->previous;
	return room_void_contradiction(range, &beside);
}

static int64_t
declared_against(const struct document *item, const struct document *answer)
{
	static struct sync_message declared; /* large */
	int64_t number = 0;
	uint32_t i;

	if (sync_payload_parse(&declared, true, answer->answer->bytes,
		answer->answer->length) != CODE_OK)
		return 0;
	for (i = 0; number == 0 && i < declared.void_count; i++)
		if (room_id_equal(&declared.voids[i].room, &item->room) &&
		    declared.voids[i].epoch == item->first.epoch &&
		    declared.voids[i].lane == item->first.lane)
			number = void_against(
			    &declared.voids[i].range, &item->first.place);
	sync_payload_free(&declared);
	return number;
}

/* The number in dispute of a stream that both are about, else 0. */
static int64_t
streams_against(const struct document *a, const struct document *b)
{
	if (memcmp(a->proof.origin, b->proof.origin, ONION_KEY) != 0)
		return 0;
	if (b->kind == DOCUMENT_VOIDS)
		return declared_against(a, b);
	if (!room_id_equal(&a->room, &b->room) ||
	    a->first.epoch != b->first.epoch || a->first.lane != b->first.lane)
		return 0;
	return room_stream_contradiction(&a->first.place, &b->first.place);
}

static void
evidence_written(PGresult *result, const char *sqlstate, void *argument)
{
	struct sync_taking *taking = argument;
	const struct document *document = &taking->document;

	if (result == NULL) {
		log_warning("evidence failed sqlstate=%s", sqlstate);
		taking->failed = true;
	} else if (row_bool(result, 0, 0)) {
		taking->progress = true;
		messages_judge(document->kind == DOCUMENT_EVENT
				   ? &document->event.event.room
				   : &document->room);
	}
	sync_take_next(taking);
}

static void
evidence_write(struct sync_taking *taking, int64_t number,
    const struct sync_document *a, const struct sync_document *b)
{
	const struct document *document = &taking->document;
	bool event = document->kind == DOCUMENT_EVENT;
	char room[ROOM_ID_SIZE], origin[ONION_SIZE];
	size_t one_length, other_length;
	char *one = document_store(document, a, &one_length);
	char *other = document_store(&taking->other, b, &other_length);
	struct sync_dispute_row dispute = {
	    .kind = db_span_text(code_name(
		event ? CODE_STATE_CONFLICT : CODE_SEQUENCE_CONFLICT)),
	    .epoch = event ? 0 : document->first.epoch,
	    .lane = event ? 0 : document->first.lane,
	    .number = number};
	struct db_parameters parameters;

	room_id_format(
	    room, event ? &document->event.event.room : &document->room);
	onion_format(origin,
	    event ? document->event.event.room.home : document->proof.origin);
	dispute.origin = db_span_text(origin);
	db_parameters_init(&parameters);
	db_add_text(&parameters, room);
	db_add_null(&parameters); /* two that stand against each other always */
	db_add_row(&parameters, env.db, TYPE_sync_dispute_row, &dispute);
	db_add_bytes(&parameters, one, one_length);
	db_add_bytes(&parameters, other, other_length);
	db_call(
	    env.db, SQL_SYNC_CONFLICT, &parameters, evidence_written, taking);
	db_parameters_free(&parameters);
	free(one);
	free(other);
}

static void evidence_vouch(struct sync_taking *taking);

static void
side_held(PGresult *result, const char *sqlstate, void *argument)
{
	struct sync_taking *taking = argument;

	if (result == NULL) {
		log_warning("vouching failed sqlstate=%s", sqlstate);
		taking->failed = true;
		sync_take_next(taking);
	} else if (row_bool(result, 0, 0)) {
		taking->pair.side++;
		evidence_vouch(taking);
	} else
		sync_take_next(taking);
}

/* Each side has to count, or it proves nothing about who signed it. */
static void
evidence_vouch(struct sync_taking *taking)
{
	const struct document *side;
	struct room_link link;

	if (taking->pair.side == 2) {
		evidence_write(taking, taking->pair.number, taking->pair.a,
		    taking->pair.b);
		return;
	}
	side = taking->pair.side == 0 ? &taking->document : &taking->other;
	if (!vouch_revoked(&side->cert) ||
	    (side->kind != DOCUMENT_VOIDS &&
		memcmp(sync_author(side), taking->via, ONION_KEY) == 0)) {
		taking->pair.side++;
		evidence_vouch(taking);
	} else if (side->kind == DOCUMENT_VOIDS || !sync_link(&link, side, 0))
		sync_take_next(taking);
	else
		vouch_holds(sync_room(side), sync_author(side),
		    side->kind == DOCUMENT_EVENT ? 0 : side->first.epoch,
		    side->kind == DOCUMENT_EVENT ? 0 : side->first.lane, &link,
		    side_held, taking);
}

void
sync_take_evidence(struct sync_taking *taking, const struct sync_document *a,
    const struct sync_document *b)
{
	enum document_kind first = document_read(&taking->document, a);
	enum document_kind second = document_read(&taking->other, b);
	int64_t number = 0;

	if (first == DOCUMENT_EVENT && second == DOCUMENT_EVENT)
		number = room_state_contradiction(
		    &taking->document.event.event, &taking->other.event.event);
	else if (first == DOCUMENT_ITEMS &&
		 (second == DOCUMENT_ITEMS || second == DOCUMENT_VOIDS))
		number = streams_against(&taking->document, &taking->other);
	else if (first == DOCUMENT_VOIDS && second == DOCUMENT_ITEMS) {
		sync_take_evidence(taking, b, a);
		return;
	}
	if (number == 0) {
		sync_take_next(taking);
		return;
	}
	taking->pair.a = a;
	taking->pair.b = b;
	taking->pair.number = number;
	taking->pair.side = 0;
	evidence_vouch(taking);
}
