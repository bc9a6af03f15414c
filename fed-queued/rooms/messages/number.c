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
#include "rooms/columns.h"
#include "rooms/messages/number.h"
#include "rooms/state/requests.h"
#include "rooms/turn.h"

#define PORTION	     64 /* messages in a transaction */
#define STREAM_LANES 3

/* Columns of room_messages_new(). */
enum {
	NEW_VERSION,
	NEW_STATE,
	NEW_NOW = 8,
	NEW_EPOCH,
	NEW_ID,
	NEW_MESSAGE,
	NEW_SENDER,
	NEW_CONTENT,
	NEW_TYPE,
	NEW_METADATA,
	NEW_MEMBER,
	NEW_LEAVING = 18,
	NEW_LANE,
	NEW_STREAM,
	NEW_TIP = 25
};

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

/* What is written of a portion. */
struct places {
	struct db_array *id, *code, *sequence, *digest, *previous, *payload;
	uint32_t count;
};

static void
places_begin(struct places *places)
{
	places->id = db_array_new(DB_OID_INT8);
	places->code = db_array_new(DB_OID_TEXT);
	places->sequence = db_array_new(DB_OID_INT8);
	places->digest = db_array_new(DB_OID_BYTEA);
	places->previous = db_array_new(DB_OID_BYTEA);
	places->payload = db_array_new(DB_OID_BYTEA);
	places->count = 0;
}

static void
places_add(struct places *places, int64_t id, enum code code,
    const struct room_place *place, const char *payload, size_t length)
{
	const char *name = code == CODE_OK ? "" : code_name(code);

	db_array_int8(places->id, id);
	db_array_bytes(places->code, name, strlen(name));
	db_array_int8(places->sequence, place->sequence);
	db_array_bytes(places->digest, place->digest, ROOM_HASH);
	db_array_bytes(places->previous, place->previous, ROOM_HASH);
	db_array_bytes(places->payload, payload, length);
	places->count++;
}

/* The stream of the row's lane, with those before it in the portion. */
static struct own *
own_get(struct numbering *numbering, PGresult *result, int row, int lane)
{
	struct own *own = &numbering->lanes[lane - 1];

	if (own->used)
		return own;
	own->used = true;
	(void)columns_stream(
	    &own->stream, numbering->epoch, lane, result, row, NEW_STREAM);
	memset(own->tip, 0, sizeof(own->tip));
	own->broken =
	    !row_bytes(own->tip, sizeof(own->tip), result, row, NEW_TIP) &&
	    own->stream.contiguous != 0;
	if (own->broken)
		log_error("the last message of a room's lane %d is lost", lane);
	return own;
}

/* The sender and the type; false: one does not have its form. */
static bool
sender_row(struct room_payload_message *message, PGresult *result, int row)
{
	size_t sender_length, type_length;
	const char *sender = row_span(&sender_length, result, row, NEW_SENDER);
	const char *type = row_span(&type_length, result, row, NEW_TYPE);

	if (sender == NULL || type == NULL ||
	    room_user_make(&message->message.sender, env.identity.server,
		sender, sender_length) != CODE_OK ||
	    !signtext_type_valid(type, type_length))
		return false;
	memcpy(message->type, type, type_length);
	return true;
}

/* The whole message; false: a part does not have its form. *content: what
 * message->content points to, owned by the caller. */
static bool
message_row(struct room_payload_message *message, char **content,
    PGresult *result, int row)
{
	size_t length;
	const char *bytes = row_span(&length, result, row, NEW_CONTENT);

	if (length == 0 || length > ITEM_MAX ||
	    !sender_row(message, result, row))
		return false;
	*content = xmalloc(BASE64_LENGTH(length) + 1);
	base64_encode(*content, (const uint8_t *)bytes, length);
	message->content = *content;
	message->content_length = BASE64_LENGTH(length);
	message->metadata =
	    row_span(&message->metadata_length, result, row, NEW_METADATA);
	return true;
}

/* What it is on the wire; NULL: it cannot go there, and *code tells why. */
static char *
payload_make(struct room_payload_message *message, size_t *length,
    enum code *code, PGresult *result, int row)
{
	char *content = NULL, *payload;

	*code = CODE_PAYLOAD_MALFORMED;
	if (!message_row(message, &content, result, row))
		return NULL;
	payload = xpointer(room_payload_message_format(message, length));
	free(content);
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
row_number(struct numbering *numbering, struct places *places, PGresult *result,
    int row)
{
	struct room_payload_message message;
	struct room_message *place = &message.message;
	int64_t id = row_integer(result, row, NEW_ID);
	struct room_member member;
	uint8_t uuid[UUID_SIZE];
	char *payload = NULL;
	size_t length = 0;
	struct own *own;
	enum code code;

	memset(&message, 0, sizeof(message));
	columns_member(&member, result, row, NEW_MEMBER);
	code = room_message_send(&numbering->state, &member,
	    row_bool(result, row, NEW_LEAVING), &place->state_number);
	place->lane = (int)row_integer(result, row, NEW_LANE);
	own = own_get(numbering, result, row, place->lane);
	if (code == CODE_OK && own->broken)
		return;
	place->room = numbering->room;
	place->epoch = numbering->epoch;
	place->place.sequence = own->stream.contiguous + 1;
	memcpy(place->place.previous, own->tip, ROOM_HASH);
	if (code == CODE_OK)
		payload = payload_make(&message, &length, &code, result, row);
	if (code == CODE_OK) {
		if (!row_bytes(uuid, sizeof(uuid), result, row, NEW_MESSAGE))
			fatal("database sent a message without id");
		digest_make(place->place.digest, uuid, payload, length);
		memcpy(own->tip, place->place.digest, ROOM_HASH);
		room_stream_settle(
		    &own->stream, place->place.sequence, numbering->now);
	}
	places_add(places, id, code, &place->place,
	    payload != NULL ? payload : "", length);
	free(payload);
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
	db_add_array(&parameters, places->id);
	db_add_array(&parameters, places->code);
	db_add_array(&parameters, places->sequence);
	db_add_array(&parameters, places->digest);
	db_add_array(&parameters, places->previous);
	db_add_array(&parameters, places->payload);
	columns_streams_add(&parameters, streams, count);
	if (places->count > 0)
		db_call(env.db, SQL_ROOM_MESSAGES_NUMBER, &parameters,
		    numbering_written, numbering);
	else
		numbering_end(numbering, true);
	db_parameters_free(&parameters);
}

static void
numbering_known(PGresult *result, const char *sqlstate, void *argument)
{
	struct numbering *numbering = argument;
	struct places places;
	int row;

	if (result == NULL)
		log_warning("room-new failed sqlstate=%s", sqlstate);
	numbering->more = false;
	if (result == NULL || PQntuples(result) == 0) {
		numbering_end(numbering, result != NULL);
		return;
	}
	memset(numbering->lanes, 0, sizeof(numbering->lanes));
	numbering->state.room = numbering->room;
	numbering->version = row_integer(result, 0, NEW_VERSION);
	columns_state(&numbering->state, result, 0, NEW_STATE);
	numbering->epoch = row_integer(result, 0, NEW_EPOCH);
	numbering->now = row_integer(result, 0, NEW_NOW);
	places_begin(&places);
	for (row = 0; row < PQntuples(result); row++)
		row_number(numbering, &places, result, row);
	numbering->more = PQntuples(result) == PORTION && places.count > 0;
	numbering_write(numbering, &places);
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
