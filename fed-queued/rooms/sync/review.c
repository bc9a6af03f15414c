/* SPDX-License-Identifier: ISC */
/* Freezes and forks that end with a revocation; see review.h. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "proto/ed.h"
#include "rooms/messages/judge.h"
#include "rooms/resync.h"
#include "rooms/sync/review.h"
#include "rooms/sync/take.h"
#include "rooms/vouch.h"
#include "servers/peer_table.h"

#define LIFTED_MAX 256 /* at a time */

/* One side of a contradiction. */
struct side {
	bool counts; /* by its certificate */
	bool named;  /* it can be named: link */
	struct room_link link;
};

static struct {
	bool running;
	uint64_t seen; /* of all that servers have revoked */
	int64_t id;    /* the contradiction at hand */
	struct room_id room;
	uint8_t origin[ONION_KEY];
	int64_t epoch;
	int lane;
	struct side sides[2];
	uint32_t side;
	uint32_t count;
	int64_t lifted[LIFTED_MAX];
	struct document document; /* large */
} review;

static void review_next(void);

static void
revoked_add(struct peer *peer, void *argument)
{
	uint64_t *sum = argument;

	/* It only ever grows. */
	*sum += peer->min_serial;
}

/* What is lifted is asked for anew. */
static void
lifted(PGresult *result, const char *sqlstate, void *argument)
{
	uint8_t origin[ONION_KEY];
	const char *text;
	struct room_id room;
	size_t length;
	int row;

	(void)argument;
	review.running = false;
	if (result == NULL) {
		log_warning("review failed sqlstate=%s", sqlstate);
		review.seen = 0;
		return;
	}
	for (row = 0; row < PQntuples(result); row++) {
		text = row_span(&length, result, row, 0);
		if (text == NULL ||
		    room_id_parse(&room, text, length) != CODE_OK)
			continue;
		log_warning("contradiction void: a key was revoked");
		text = row_span(&length, result, row, 1);
		if (text != NULL &&
		    onion_parse(origin, text, length) == CODE_OK &&
		    memcmp(origin, env.identity.server, ONION_KEY) != 0)
			resync_soon(&room, origin);
		messages_judge(&room);
	}
	/* There may be more. */
	if (review.count == LIFTED_MAX)
		review.seen = 0;
}

static void
review_end(void)
{
	struct db_array *ids;
	struct db_parameters parameters;
	uint32_t i;

	if (review.count == 0) {
		review.running = false;
		return;
	}
	ids = db_array_new(DB_OID_INT8);
	for (i = 0; i < review.count; i++)
		db_array_int8(ids, review.lifted[i]);
	db_parameters_init(&parameters);
	db_add_array(&parameters, ids);
	db_call(env.db, SQL_VOUCH_LIFT, &parameters, lifted, NULL);
	db_parameters_free(&parameters);
}

static void
review_fail(const char *sqlstate)
{
	log_warning("review failed sqlstate=%s", sqlstate);
	review.running = false;
	review.seen = 0;
}

/* It stands where both sides count. */
static void side_check(void);

static void
side_held(PGresult *result, const char *sqlstate, void *argument)
{
	(void)argument;
	if (result == NULL) {
		review_fail(sqlstate);
		return;
	}
	review.sides[review.side].counts = row_bool(result, 0, 0);
	review.sides[review.side].named = false;
	side_check();
}

static void
side_check(void)
{
	const struct side *side;

	for (; review.side < 2; review.side++) {
		side = &review.sides[review.side];
		if (side->counts)
			continue;
		if (!side->named) {
			review.lifted[review.count++] = review.id;
			break;
		}
		vouch_holds(&review.room, review.origin, review.epoch,
		    review.lane, &side->link, side_held, NULL);
		return;
	}
	review_next();
}

/* Of a message whose certificate is not known any more, so that it was
 * revoked: what it is, that something may name. */
static bool
link_unverified(struct room_link *link, const struct sync_document *given)
{
	struct signtext *text = &review.document.text;
	struct room_payload_message payload;
	uint8_t hash[32], id[UUID_SIZE];

	memset(link, 0, sizeof(*link));
	if (given->payload_count != 1 || signtext_parse(text, given->text.bytes,
					     given->text.length) != CODE_OK)
		return false;
	sha256(hash, given->payloads->bytes, given->payloads->length);
	if (!signtext_names(text, "message", hash, id, link->digest) ||
	    room_payload_message(&payload, text->header.origin,
		given->payloads->bytes, given->payloads->length) != CODE_OK)
		return false;
	link->number = payload.message.place.sequence;
	return true;
}

static void
side_read(struct side *side, PGresult *result, int column)
{
	static struct stored_document stored;
	struct document *document = &review.document;
	struct sync_document given;
	const char *json;
	size_t length;

	memset(side, 0, sizeof(*side));
	json = row_span(&length, result, 0, column);
	if (json == NULL)
		return;
	if (document_restore(&given, &stored, json, length) == -1) {
		side->named = link_unverified(&side->link, &given);
		return;
	}
	if (document_read(document, &given) == DOCUMENT_NOTHING)
		return;
	side->counts = !vouch_revoked(&document->cert);
	side->named = document->kind != DOCUMENT_VOIDS &&
		      sync_link(&side->link, document, 0);
	document_free(document);
}

/* Columns: id, room, origin, epoch, lane, first, second. */
static void
review_loaded(PGresult *result, const char *sqlstate, void *argument)
{
	const char *room, *origin;
	size_t room_length, origin_length;

	(void)argument;
	if (result == NULL) {
		review_fail(sqlstate);
		return;
	}
	if (PQntuples(result) == 0) {
		review_end();
		return;
	}
	review.id = row_integer(result, 0, 0);
	room = row_span(&room_length, result, 0, 1);
	origin = row_span(&origin_length, result, 0, 2);
	if (room == NULL || origin == NULL ||
	    room_id_parse(&review.room, room, room_length) != CODE_OK ||
	    onion_parse(review.origin, origin, origin_length) != CODE_OK) {
		review_next();
		return;
	}
	review.epoch = row_integer(result, 0, 3);
	review.lane = (int)row_integer(result, 0, 4);
	review.side = 0;
	side_read(&review.sides[0], result, 5);
	side_read(&review.sides[1], result, 6);
	side_check();
}

static void
review_next(void)
{
	struct db_parameters parameters;

	if (review.count == LIFTED_MAX) {
		review_end();
		return;
	}
	db_parameters_init(&parameters);
	db_add_integer(&parameters, review.id);
	db_call(env.db, SQL_VOUCH_DISPUTES, &parameters, review_loaded, NULL);
	db_parameters_free(&parameters);
}

void
review_doorbell(void)
{
	uint64_t sum = env.certificate.min_serial;

	peer_table_each(revoked_add, &sum);
	if (review.running || sum == review.seen)
		return;
	review.running = true;
	review.seen = sum;
	review.id = 0;
	review.count = 0;
	review_next();
}
