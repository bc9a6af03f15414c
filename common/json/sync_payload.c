/* SPDX-License-Identifier: ISC */
/* server_sync read; see sync_payload.h. */
#include <stdlib.h>
#include <string.h>

#include "json/canon.h"
#include "json/envelope.h"
#include "json/sync_payload.h"
#include "proto/cert.h"

/* While a message is read. */
struct reader {
	struct sync_message *message;
	char *at; /* where the next bytes go in storage */
};

/* Each of these takes a member that must be there: 0 or -1. */

static int
number_get(int64_t *to, const json_t *object, const char *name, int64_t least,
    int64_t most)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_integer(value) || json_integer_value(value) < least ||
	    json_integer_value(value) > most)
		return -1;
	*to = json_integer_value(value);
	return 0;
}

static int
hash_get(uint8_t *to, size_t size, const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_string(value))
		return -1;
	return base64_decode_exact(
	    to, size, json_string_value(value), json_string_length(value));
}

static int
room_get(struct room_id *to, const json_t *object)
{
	const json_t *value = json_object_get(object, "globalRoomId");

	if (!json_is_string(value) ||
	    room_id_parse(to, json_string_value(value),
		json_string_length(value)) != CODE_OK)
		return -1;
	return 0;
}

static int
origin_get(uint8_t to[ONION_KEY], const json_t *object)
{
	const json_t *value = json_object_get(object, "origin");

	if (!json_is_string(value) || onion_parse(to, json_string_value(value),
					  json_string_length(value)) != CODE_OK)
		return -1;
	return 0;
}

static int
lane_get(int64_t *epoch, int *lane, const json_t *object)
{
	int64_t number;

	if (number_get(epoch, object, "epoch", 1, ROOM_NUMBER_MAX) == -1 ||
	    number_get(&number, object, "lane", 1, 3) == -1)
		return -1;
	*lane = (int)number;
	return 0;
}

static int
want_get(enum sync_want *want, const json_t *object)
{
	static const char *const names[SYNC_WANTS] = {
	    "items", "proof", "evidence"};
	const char *text = json_string_value(json_object_get(object, "want"));

	for (*want = 0; text != NULL && *want < SYNC_WANTS; (*want)++)
		if (strcmp(text, names[*want]) == 0)
			return 0;
	return -1;
}

/* Whether any of what names a stream is there; then all of it must be. */
static bool
stream_named(const json_t *object)
{
	return json_object_get(object, "epoch") != NULL ||
	       json_object_get(object, "lane") != NULL ||
	       json_object_get(object, "origin") != NULL;
}

static int
ask_read(struct reader *reader, const json_t *object)
{
	struct sync_message *message = reader->message;
	struct sync_ask *ask = &message->asks[message->ask_count];
	int64_t most;

	if (message->ask_count == SYNC_PAYLOAD_ASKS)
		return -1;
	ask->stream = stream_named(object);
	most = ask->stream ? ROOM_RANGE_MAX : ROOM_EVENTS_MAX;
	if (room_get(&ask->room, object) == -1 ||
	    want_get(&ask->want, object) == -1 ||
	    number_get(&ask->from, object, "from", 1, ROOM_NUMBER_MAX) == -1 ||
	    number_get(&ask->to, object, "to", ask->from, ROOM_NUMBER_MAX) ==
		-1 ||
	    ask->to - ask->from >= (ask->want == SYNC_ITEMS ? most : 1))
		return -1;
	if (ask->stream && (lane_get(&ask->epoch, &ask->lane, object) == -1 ||
			       origin_get(ask->origin, object) == -1))
		return -1;
	message->ask_count++;
	return 0;
}

/* Bytes in base64: at least one, and no more than most. */
static int
bytes_get(struct reader *reader, struct sync_bytes *to, size_t most,
    const json_t *value)
{
	size_t length;

	/* Together they are shorter than the payload that they came in. */
	if (!json_is_string(value) ||
	    base64_decode((uint8_t *)reader->at, most, &length,
		json_string_value(value), json_string_length(value)) == -1 ||
	    length == 0)
		return -1;
	to->bytes = reader->at;
	to->length = length;
	reader->at += length;
	return 0;
}

static int
payloads_read(struct reader *reader, struct sync_document *document,
    const json_t *list, size_t most)
{
	struct sync_message *message = reader->message;
	size_t count = json_array_size(list), i; /* 0 when it is none */

	if (count < 1 || count > most ||
	    count > SYNC_PAYLOAD_PAYLOADS - message->payload_count)
		return -1;
	document->payloads = &message->payloads[message->payload_count];
	document->payload_count = (uint32_t)count;
	message->payload_count += document->payload_count;
	for (i = 0; i < count; i++)
		if (bytes_get(reader,
			&message->payloads[message->payload_count - count + i],
			ITEM_MAX, json_array_get(list, i)) == -1)
			return -1;
	return 0;
}

static int
document_get(struct reader *reader, struct sync_document *document,
    const json_t *object, size_t payloads)
{
	const struct sync_message *message = reader->message;

	if (message->document_count + message->pair_count >=
		SYNC_PAYLOAD_DOCUMENTS ||
	    bytes_get(reader, &document->certificate, CERT_MAX,
		json_object_get(object, "certificate")) == -1 ||
	    bytes_get(reader, &document->text, SIGNTEXT_BATCH_MAX,
		json_object_get(object, "text")) == -1 ||
	    hash_get(document->signature, sizeof(document->signature), object,
		"signature") == -1)
		return -1;
	return payloads_read(
	    reader, document, json_object_get(object, "payloads"), payloads);
}

static int
document_read(struct reader *reader, const json_t *object)
{
	struct sync_message *message = reader->message;

	if (message->document_count == SYNC_PAYLOAD_DOCUMENTS ||
	    document_get(reader, &message->documents[message->document_count],
		object, 64) == -1)
		return -1;
	message->document_count++;
	return 0;
}

/* Two documents with one payload each. */
static int
evidence_read(struct reader *reader, const json_t *pair)
{
	struct sync_message *message = reader->message;
	size_t i;

	if (json_array_size(pair) != 2)
		return -1;
	for (i = 0; i < 2; i++) {
		if (message->pair_count == SYNC_PAYLOAD_DOCUMENTS ||
		    document_get(reader, &message->pairs[message->pair_count],
			json_array_get(pair, i), 1) == -1)
			return -1;
		message->pair_count++;
	}
	return 0;
}

static int
stream_read(struct sync_message *message, const json_t *object)
{
	struct sync_stream *stream = &message->streams[message->stream_count];
	struct room_stream_head *head = &stream->head;

	if (message->stream_count == SYNC_PAYLOAD_STREAMS ||
	    origin_get(stream->origin, object) == -1 ||
	    lane_get(&head->epoch, &head->lane, object) == -1 ||
	    number_get(&head->sequence, object, "sequence", 0,
		ROOM_NUMBER_MAX) == -1 ||
	    number_get(&head->highest, object, "highest", head->sequence,
		ROOM_NUMBER_MAX) == -1 ||
	    number_get(&head->forked, object, "forked", 0, ROOM_NUMBER_MAX) ==
		-1 ||
	    hash_get(head->digest, ROOM_HASH, object, "digest") == -1 ||
	    hash_get(head->tip, ROOM_HASH, object, "tip") == -1)
		return -1;
	message->stream_count++;
	return 0;
}

static int
state_get(struct sync_head *head, const json_t *state)
{
	head->has_state = !json_is_null(state);
	if (!head->has_state)
		return 0;
	if (number_get(&head->state.number, state, "number", 0,
		ROOM_NUMBER_MAX) == -1 ||
	    number_get(&head->state.disputed, state, "disputed", 0,
		ROOM_NUMBER_MAX) == -1)
		return -1;
	return hash_get(head->state.hash, ROOM_HASH, state, "hash");
}

static int
head_read(struct reader *reader, const json_t *object)
{
	struct sync_message *message = reader->message;
	struct sync_head *head = &message->rooms[message->room_count];
	const json_t *list = json_object_get(object, "streams");
	size_t i;

	if (message->room_count == SYNC_PAYLOAD_ROOMS || !json_is_array(list) ||
	    room_get(&head->room, object) == -1 ||
	    state_get(head, json_object_get(object, "state")) == -1)
		return -1;
	head->streams = &message->streams[message->stream_count];
	for (i = 0; i < json_array_size(list); i++)
		if (stream_read(message, json_array_get(list, i)) == -1)
			return -1;
	head->stream_count = (uint32_t)i;
	message->room_count++;
	return 0;
}

/* kind: "void" or "gone". */
static int
void_kind_get(bool *gone, const json_t *object)
{
	const char *kind = json_string_value(json_object_get(object, "kind"));

	if (kind == NULL)
		return -1;
	*gone = strcmp(kind, "gone") == 0;
	return *gone || strcmp(kind, "void") == 0 ? 0 : -1;
}

static int
void_read(struct reader *reader, const json_t *object)
{
	struct sync_message *message = reader->message;
	struct sync_void *declared = &message->voids[message->void_count];
	struct room_void *range = &declared->range;
	int64_t most = ROOM_NUMBER_MAX;

	if (number_get(&range->first, object, "first", 1, most) == -1)
		return -1;
	if (most - range->first >= ROOM_RANGE_MAX)
		most = range->first + ROOM_RANGE_MAX - 1;
	if (message->void_count == SYNC_PAYLOAD_VOIDS ||
	    room_get(&declared->room, object) == -1 ||
	    lane_get(&declared->epoch, &declared->lane, object) == -1 ||
	    void_kind_get(&range->gone, object) == -1 ||
	    number_get(&range->last, object, "last", range->first, most) ==
		-1 ||
	    hash_get(range->digest, ROOM_HASH, object, "digest") == -1 ||
	    hash_get(range->previous, ROOM_HASH, object, "previous") == -1)
		return -1;
	message->void_count++;
	return 0;
}

static int
list_read(struct reader *reader, const json_t *object, const char *name,
    int (*read)(struct reader *, const json_t *))
{
	const json_t *list = json_object_get(object, name);
	size_t i;

	if (list == NULL)
		return 0;
	if (!json_is_array(list))
		return -1;
	for (i = 0; i < json_array_size(list); i++)
		if (read(reader, json_array_get(list, i)) == -1)
			return -1;
	return 0;
}

static int
message_read(struct reader *reader, bool answer, const json_t *object)
{
	if (!json_is_object(object) ||
	    json_object_get(object, answer ? "ask" : "voids") != NULL ||
	    list_read(reader, object, "ask", ask_read) == -1 ||
	    list_read(reader, object, "documents", document_read) == -1 ||
	    list_read(reader, object, "evidence", evidence_read) == -1 ||
	    list_read(reader, object, "heads", head_read) == -1)
		return -1;
	return list_read(reader, object, "voids", void_read);
}

enum code
sync_payload_parse(struct sync_message *message, bool answer,
    const char *payload, size_t length)
{
	struct reader reader = {message, NULL};
	json_t *root;
	int read;

	memset(message, 0, sizeof(*message));
	if (length > ENVELOPE_MAX ||
	    canon_parse(&root, payload, length, true) != CODE_OK)
		return CODE_PAYLOAD_MALFORMED;
	message->storage = reader.at = malloc(length);
	read = message->storage == NULL
		   ? -1
		   : message_read(&reader, answer,
			 answer ? json_object_get(root, "answer") : root);
	json_decref(root);
	if (read == 0)
		return CODE_OK;
	sync_payload_free(message);
	return CODE_PAYLOAD_MALFORMED;
}

void
sync_payload_free(struct sync_message *message)
{
	free(message->storage);
	message->storage = NULL;
}
