/* SPDX-License-Identifier: ISC */
/* Places for messages of ours; see number.h. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/tree.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "exchange/signing.h"
#include "json/canon.h"
#include "json/envelope.h"
#include "json/room_payload.h"
#include "proto/ed.h"
#include "rooms/attempt.h"
#include "rooms/messages/number.h"
#include "rooms/state/requests.h"
#include "rooms/turn.h"
#include "rooms/values.h"

#define PORTION	     64 /* messages in a transaction */
#define STREAM_LANES 3

/* A stream of ours, and the digest of its last number. */
struct own {
	bool used;
	bool broken; /* its last number is lost: nothing can follow it */
	struct room_stream stream;
	uint8_t tip[ROOM_HASH];
};

struct numbering {
	TAILQ_ENTRY(numbering) entry;
	struct room_id room;
	char room_text[ROOM_ID_SIZE];
	bool more;  /* the portion was full */
	bool again; /* something was written since it began */
	/* of the present portion */
	struct room_state state;
	int64_t version;
	int64_t epoch;
	int64_t now;
	struct own lanes[STREAM_LANES];
	uint32_t attempts;
};

/* One for each room. */
static TAILQ_HEAD(, numbering) numberings = TAILQ_HEAD_INITIALIZER(numberings);

static void numbering_run(void *argument);

static void
numbering_end(struct numbering *numbering, bool ok)
{
	struct room_id room = numbering->room;

	if (ok && (numbering->more || numbering->again)) {
		/* What waits for the room has its turn in between. */
		turn_begin(&room, numbering_run, numbering);
	} else {
		TAILQ_REMOVE(&numberings, numbering, entry);
		free(numbering);
	}
	turn_end(&room);
	/* A request to leave waits for the messages that were written
	 * before it. */
	if (ok && memcmp(room.home, env.identity.server, ONION_KEY) == 0)
		requests_soon(&room);
}

static void
numbering_written(PGresult *result, const char *sqlstate, void *argument)
{
	struct numbering *numbering = argument;

	/* The answer is the mark; null, too, when another epoch has begun. */
	switch (attempt_end(&numbering->attempts, "room-number", result,
	    sqlstate, result != NULL && !row_null(result, 0, 0))) {
	case ATTEMPT_STORED:
		signing_mark(row_integer(result, 0, 0));
		numbering_end(numbering, true);
		break;
	case ATTEMPT_AGAIN:
		numbering_run(numbering);
		break;
	case ATTEMPT_FAILED:
		/* They have no place until the next doorbell. */
		numbering_end(numbering, false);
		break;
	}
}

/* What is written of a portion; payloads are owned. */
struct places {
	struct room_place place[PORTION];
	char *payload[PORTION];
	struct room_numbered_row rows[PORTION];
	uint32_t count;
};

/* payload: owned from here on; NULL with a code. */
static void
places_add(struct places *places, int64_t id, enum code code,
    const struct room_place *place, char *payload, size_t length)
{
	uint32_t i = places->count++;
	struct room_numbered_row *row = &places->rows[i];

	places->place[i] = *place;
	places->payload[i] = payload;
	memset(row, 0, sizeof(*row));
	row->id = id;
	row->code = db_span_text(code == CODE_OK ? NULL : code_name(code));
	row->sequence = place->sequence;
	row->digest = db_span_bytes(places->place[i].digest, ROOM_HASH);
	row->previous = db_span_bytes(places->place[i].previous, ROOM_HASH);
	row->payload = db_span_bytes(payload, length);
}

static void
places_free(struct places *places)
{
	uint32_t i;

	for (i = 0; i < places->count; i++)
		free(places->payload[i]);
}

/* The stream of the row's lane, with those before it in the portion. */
static struct own *
own_get(struct numbering *numbering, const struct room_new_row *row)
{
	int lane = row->draft.lane;
	struct own *own = &numbering->lanes[lane - 1];

	if (own->used)
		return own;
	own->used = true;
	(void)values_stream(&own->stream, numbering->epoch, lane, &row->stream);
	memset(own->tip, 0, sizeof(own->tip));
	own->broken = !db_span_copy(own->tip, sizeof(own->tip), &row->tip) &&
		      own->stream.contiguous != 0;
	if (own->broken)
		log_error("the last message of a room's lane %d is lost", lane);
	return own;
}

/* The sender and the type; false: one does not have its form. */
static bool
sender_row(
    struct room_payload_message *message, const struct room_draft_row *row)
{
	const struct db_span *sender = &row->sender;
	const struct db_span *type = &row->message_type;

	if (sender->bytes == NULL || type->bytes == NULL ||
	    room_user_make(&message->message.sender, env.identity.server,
		sender->bytes, sender->length) != CODE_OK ||
	    !signtext_type_valid(type->bytes, type->length))
		return false;
	memcpy(message->type, type->bytes, type->length);
	return true;
}

/* Of a message as it is on the wire, in base64 and canonical. */
struct parts {
	char *content;
	char *metadata; /* NULL none */
};

static void
parts_free(struct parts *parts)
{
	free(parts->content);
	free(parts->metadata);
}

/* The whole message, which points into parts; false: one does not have its
 * form. */
static bool
message_row(struct room_payload_message *message, struct parts *parts,
    const struct room_draft_row *row)
{
	const struct db_span *metadata = &row->metadata;
	size_t length = row->content.length;

	if (length == 0 || length > ITEM_MAX || !sender_row(message, row))
		return false;
	if (metadata->bytes != NULL &&
	    canon_rewrite(&parts->metadata, &message->metadata_length,
		metadata->bytes, metadata->length, CANON_DEPTH,
		true) != CODE_OK)
		return false;
	message->metadata = parts->metadata;
	parts->content = xmalloc(BASE64_LENGTH(length) + 1);
	base64_encode(parts->content, row->content.bytes, length);
	message->content = parts->content;
	message->content_length = BASE64_LENGTH(length);
	return true;
}

/* What it is on the wire; NULL: it cannot go there, and *code tells why. */
static char *
payload_make(struct room_payload_message *message, size_t *length,
    enum code *code, const struct room_draft_row *row)
{
	struct parts parts = {NULL, NULL};
	char *payload = NULL;

	*code = CODE_PAYLOAD_MALFORMED;
	if (message_row(message, &parts, row))
		payload =
		    xpointer(room_payload_message_format(message, length));
	parts_free(&parts);
	if (payload == NULL)
		return NULL;
	*code = CODE_OK;
	if (*length > ITEM_MAX)
		*code = CODE_PAYLOAD_TOO_LARGE;
	else if (!canon_check(payload, *length))
		*code = CODE_PAYLOAD_MALFORMED;
	if (*code == CODE_OK)
		return payload;
	*length = 0;
	free(payload);
	return NULL;
}

static void
digest_make(uint8_t digest[ROOM_HASH], const uint8_t id[UUID_SIZE],
    const char *payload, size_t length)
{
	uint8_t hash[32];

	sha256(hash, payload, length);
	signtext_item_digest(digest, "message", id, hash);
}

/* The next number of its stream, unless it is refused. */
static void
row_number(struct numbering *numbering, struct places *places,
    const struct room_new_row *row)
{
	struct room_payload_message message;
	struct room_message *place = &message.message;
	struct room_member member;
	uint8_t uuid[UUID_SIZE];
	char *payload = NULL;
	size_t length = 0;
	struct own *own;
	enum code code;

	memset(&message, 0, sizeof(message));
	values_member(&member, &row->member);
	code = room_message_send(
	    &numbering->state, &member, row->leaving, &place->state_number);
	place->lane = row->draft.lane;
	own = own_get(numbering, row);
	if (code == CODE_OK && own->broken)
		return;
	place->room = numbering->room;
	place->epoch = numbering->epoch;
	place->place.sequence = own->stream.contiguous + 1;
	memcpy(place->place.previous, own->tip, ROOM_HASH);
	if (code == CODE_OK)
		payload = payload_make(&message, &length, &code, &row->draft);
	if (code == CODE_OK) {
		if (!db_span_copy(uuid, sizeof(uuid), &row->draft.message_id))
			fatal("database sent a message without id");
		digest_make(place->place.digest, uuid, payload, length);
		memcpy(own->tip, place->place.digest, ROOM_HASH);
		room_stream_settle(
		    &own->stream, place->place.sequence, numbering->now);
	}
	places_add(places, row->draft.id, code, &place->place, payload, length);
}

static void
numbering_write(struct numbering *numbering, const struct places *places)
{
	struct room_stream streams[STREAM_LANES];
	struct db_parameters parameters;
	uint32_t i, count = 0;

	for (i = 0; i < STREAM_LANES; i++)
		if (numbering->lanes[i].used &&
		    numbering->lanes[i].stream.contiguous > 0)
			streams[count++] = numbering->lanes[i].stream;
	db_parameters_init(&parameters);
	db_add_text(&parameters, numbering->room_text);
	db_add_integer(&parameters, numbering->version);
	db_add_integer(&parameters, numbering->epoch);
	db_add_integer(&parameters, numbering->state.number);
	db_add_rows(&parameters, env.db, TYPE_room_numbered_row, places->rows,
	    places->count);
	values_streams_add(&parameters, streams, count);
	db_call(env.db, SQL_ROOM_MESSAGES_NUMBER, &parameters,
	    numbering_written, numbering);
	db_parameters_free(&parameters);
}

/* Of the portion as a whole. */
static void
numbering_begin(struct numbering *numbering, const struct room_new_row *row)
{
	memset(numbering->lanes, 0, sizeof(numbering->lanes));
	numbering->state.room = numbering->room;
	numbering->version = row->state.version;
	values_state(&numbering->state, &row->state);
	numbering->epoch = row->epoch;
	numbering->now = row->now;
}

static void
numbering_known(PGresult *result, const char *sqlstate, void *argument)
{
	struct numbering *numbering = argument;
	struct room_new_row row;
	struct places places;
	int i;

	if (result == NULL)
		log_warning("room-new failed sqlstate=%s", sqlstate);
	numbering->more = false;
	if (result == NULL || PQntuples(result) == 0) {
		numbering_end(numbering, result != NULL);
		return;
	}
	places.count = 0;
	for (i = 0; i < PQntuples(result); i++) {
		db_row_read(&row, env.db, TYPE_room_new_row, result, i, 0);
		if (i == 0)
			numbering_begin(numbering, &row);
		row_number(numbering, &places, &row);
	}
	numbering->more = PQntuples(result) == PORTION && places.count > 0;
	if (places.count > 0)
		numbering_write(numbering, &places);
	else
		numbering_end(numbering, true);
	places_free(&places);
}

static void
numbering_run(void *argument)
{
	struct numbering *numbering = argument;
	struct db_parameters parameters;

	numbering->again = false;
	db_parameters_init(&parameters);
	db_add_text(&parameters, numbering->room_text);
	db_add_integer(&parameters, PORTION);
	db_call(env.db, SQL_ROOM_MESSAGES_NEW, &parameters, numbering_known,
	    numbering);
	db_parameters_free(&parameters);
}

void
messages_number(const struct room_id *room)
{
	struct numbering *numbering;

	TAILQ_FOREACH (numbering, &numberings, entry)
		if (room_id_equal(&numbering->room, room)) {
			numbering->again = true;
			return;
		}
	numbering = xcalloc(1, sizeof(*numbering));
	TAILQ_INSERT_TAIL(&numberings, numbering, entry);
	numbering->room = *room;
	room_id_format(numbering->room_text, room);
	turn_begin(room, numbering_run, numbering);
}
