/* SPDX-License-Identifier: ISC */
/*
 * server_sync: what is written is canonical and read as it was; each member
 * missing, of a wrong type or beyond its limit; what a message holds at most.
 * And signing texts read back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json/canon.h"
#include "json/envelope.h"
#include "json/sync_payload.h"
#include "proto/ed.h"
#include "proto/signtext_parse.h"

#define ONION "fgwlvykbxtfpbmrodkkngtily43b4utnbp7bfsexss6jgiuwnxluewad.onion"
#define ROOM  "f81d4fae-7dec-41d0-a765-00a0c91e6bf6@" ONION
#define ZERO  "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\""
#define SIGNATURE                                              \
	"\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\""
#define ASK(epoch, from, lane, to, want)                                       \
	"{\"ask\":[{\"epoch\":" epoch ",\"from\":" from                        \
	",\"globalRoomId\":\"" ROOM "\",\"lane\":" lane ",\"origin\":\"" ONION \
	"\",\"to\":" to ",\"want\":" want "}]}"
#define ASK_STATE(from, to, want)                                       \
	"{\"ask\":[{\"from\":" from ",\"globalRoomId\":\"" ROOM "\",\"" \
	"to\":" to ",\"want\":" want "}]}"
#define DOCUMENT(certificate, payloads, signature, text)                    \
	"{\"certificate\":" certificate ",\"payloads\":" payloads ",\"sign" \
	"ature\":" signature ",\"text\":" text "}"
#define STREAM(digest, forked, highest, lane, sequence)                 \
	"{\"digest\":" digest ",\"epoch\":1,\"forked\":" forked ",\"hi" \
	"ghest\":" highest ",\"lane\":" lane ",\"origin\":\"" ONION     \
	"\",\"sequence\":" sequence ",\"tip\":" ZERO "}"
#define HEAD(state, streams)                                          \
	"{\"heads\":[{\"globalRoomId\":\"" ROOM "\",\"state\":" state \
	",\"streams\":[" streams "]}]}"
#define STATE(disputed, hash, number) \
	"{\"disputed\":" disputed ",\"hash\":" hash ",\"number\":" number "}"
#define DECLARED(kind, digest, first, last)                                 \
	"{\"answer\":{\"voids\":[{\"digest\":" digest ",\"epoch\":1,\""     \
	"first\":" first ",\"globalRoomId\":\"" ROOM "\"" kind ",\"lane\":" \
	"1,\"last\":" last ",\"previous\":" ZERO "}]}}"
#define VOID(digest, first, last) \
	DECLARED(",\"kind\":\"void\"", digest, first, last)

static struct sync_message message;
static struct room_id room;
static uint8_t origin[ONION_KEY];

static enum code
parse(bool answer, const char *text)
{
	enum code code =
	    sync_payload_parse(&message, answer, text, strlen(text));

	if (code == CODE_OK)
		sync_payload_free(&message);
	return code;
}

#define good(answer, text) assert_int_equal(parse(answer, text), CODE_OK)
#define bad(answer, text) \
	assert_int_equal(parse(answer, text), CODE_PAYLOAD_MALFORMED)

static void
asks(void **state)
{
	(void)state;
	good(false, "{}");
	good(false, ASK("1", "1", "1", "256", "\"items\""));
	bad(false, ASK("1", "1", "1", "257", "\"items\""));
	good(false, ASK("9007199254740991", "9007199254740991", "3",
			"9007199254740991", "\"proof\""));
	bad(false, ASK("0", "1", "1", "1", "\"items\""));
	bad(false, ASK("1", "0", "1", "1", "\"items\""));
	bad(false, ASK("1", "2", "1", "1", "\"items\""));
	bad(false, ASK("1", "1", "4", "1", "\"items\""));
	bad(false, ASK("1", "1", "0", "1", "\"items\""));
	bad(false, ASK("1", "1", "1", "2", "\"proof\""));
	bad(false, ASK("1", "1", "1", "2", "\"evidence\""));
	bad(false, ASK("1", "1", "1", "1", "\"all\""));
	bad(false, ASK("1", "1", "1", "1", "1"));
	good(false, ASK_STATE("2", "65", "\"items\""));
	bad(false, ASK_STATE("2", "66", "\"items\""));
	good(false, ASK_STATE("7", "7", "\"evidence\""));
	bad(true, "{\"answer\":" ASK_STATE("7", "7", "\"evidence\"") "}");
	bad(false, "{\"ask\":[{}]}");
	bad(false, "{\"ask\":{}}");
	bad(true, "{}");
	bad(true, "{\"answer\":[]}");
	bad(false, "[]");
}

static void
documents(void **state)
{
	static const char *const names[] = {"documents", "evidence"};
	char text[4096];
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		snprintf(text, sizeof(text), "{\"%s\":[%s]}", names[i],
		    i == 0 ? DOCUMENT("\"AA==\"", "[\"AA==\"]", SIGNATURE,
				 "\"AA==\"")
			   : "[" DOCUMENT("\"AA==\"", "[\"AA==\"]", SIGNATURE,
				 "\"AA==\"") "," DOCUMENT("\"AQ==\"",
				 "[\"AQ==\"]", SIGNATURE, "\"AQ==\"") "]");
		good(false, text);
	}
	assert_int_equal(message.pair_count, 2);
	bad(false, "{\"documents\":[" DOCUMENT(
		       "\"\"", "[\"AA==\"]", SIGNATURE, "\"AA==\"") "]}");
	bad(false, "{\"documents\":[" DOCUMENT(
		       "\"AA==\"", "[]", SIGNATURE, "\"AA==\"") "]}");
	bad(false, "{\"documents\":[" DOCUMENT(
		       "\"AA==\"", "[\"AA\"]", SIGNATURE, "\"AA==\"") "]}");
	bad(false, "{\"documents\":[" DOCUMENT(
		       "\"AA==\"", "[1]", SIGNATURE, "\"AA==\"") "]}");
	bad(false, "{\"documents\":[" DOCUMENT(
		       "\"AA==\"", "[\"AA==\"]", ZERO, "\"AA==\"") "]}");
	bad(false, "{\"documents\":[" DOCUMENT(
		       "\"AA==\"", "[\"AA==\"]", SIGNATURE, "null") "]}");
	bad(false, "{\"evidence\":[[" DOCUMENT(
		       "\"AA==\"", "[\"AA==\"]", SIGNATURE, "\"AA==\"") "]]}");
}

static void
heads(void **state)
{
	(void)state;
	good(false, HEAD("null", ""));
	good(false, HEAD(STATE("0", ZERO, "0"), ""));
	good(true, "{\"answer\":" HEAD(STATE("1", ZERO, "9007199254740991"),
		       STREAM(ZERO, "0", "5", "3", "5")) "}");
	bad(false, HEAD(STATE("-1", ZERO, "0"), ""));
	bad(false, HEAD(STATE("0", "\"\"", "0"), ""));
	bad(false, HEAD(STATE("0", ZERO, "9007199254740992"), ""));
	bad(false, HEAD("1", ""));
	bad(false, HEAD("null", STREAM("\"AA==\"", "0", "5", "3", "5")));
	bad(false, HEAD("null", STREAM(ZERO, "0", "4", "3", "5")));
	bad(false, HEAD("null", STREAM(ZERO, "-1", "5", "3", "5")));
	bad(false, HEAD("null", STREAM(ZERO, "0", "5", "4", "5")));
	bad(false, HEAD("null", STREAM(ZERO, "0", "5", "3", "-1")));
	bad(false,
	    "{\"heads\":[{\"globalRoomId\":\"" ROOM "\",\"state\":null}]}");
}

static void
voids(void **state)
{
	(void)state;
	good(true, VOID(ZERO, "1", "1"));
	good(true, VOID(ZERO, "9007199254740991", "9007199254740991"));
	good(true, VOID(ZERO, "3", "258"));
	bad(true, VOID(ZERO, "3", "259"));
	bad(true, VOID(ZERO, "1", "9007199254740991"));
	bad(true, VOID(ZERO, "0", "1"));
	bad(true, VOID(ZERO, "2", "1"));
	bad(true, VOID("\"AAAA\"", "1", "1"));
	good(true, DECLARED(",\"kind\":\"gone\"", ZERO, "1", "1"));
	bad(true, DECLARED(",\"kind\":\"lost\"", ZERO, "1", "1"));
	bad(true, DECLARED(",\"kind\":null", ZERO, "1", "1"));
	bad(true, DECLARED("", ZERO, "1", "1"));
	bad(false, "{\"voids\":[]}");
}

static struct sync_document
document_make(const struct sync_bytes *payloads, uint32_t count)
{
	struct sync_document document = {.certificate = {"certificate", 11},
	    .text = {"text", 4},
	    .payloads = payloads,
	    .payload_count = count};

	return document;
}

/* What was written, read again; the message is the caller's to free. */
static void
again(struct sync_writer *writer, bool answer)
{
	size_t length;
	char *text = sync_payload_end(writer, &length);
	char *ack = malloc(length + 16);

	assert_non_null(ack);
	assert_true(length + 1024 <= ENVELOPE_MAX);
	assert_true(canon_check(text, length));
	if (answer)
		length = (size_t)sprintf(
		    ack, "{\"answer\":%.*s}", (int)length, text);
	else
		memcpy(ack, text, length);
	assert_int_equal(
	    sync_payload_parse(&message, answer, ack, length), CODE_OK);
	free(text);
	free(ack);
}

static void
round_trip(void **state)
{
	const struct sync_bytes payloads[] = {{"one", 3}, {"three", 5}};
	struct sync_document document = document_make(payloads, 2);
	struct sync_document single = document_make(payloads, 1);
	struct sync_ask ask = {room, SYNC_PROOF, true, {0}, 7, 2, 9, 9, false};
	struct sync_stream stream = {{0}, {4, 3, 10, {1}, 11, {2}, 12}};
	struct sync_head head = {room, true, {5, {6}, 4}, &stream, 1};
	struct sync_writer writer;

	(void)state;
	memcpy(ask.origin, origin, ONION_KEY);
	memcpy(stream.origin, origin, ONION_KEY);
	sync_payload_begin(&writer);
	assert_true(sync_payload_head(&writer, &head));
	assert_true(sync_payload_evidence(&writer, &single, &single));
	assert_true(sync_payload_document(&writer, &document));
	assert_true(sync_payload_ask(&writer, &ask));
	assert_int_equal(sync_payload_declares(&writer), 0);
	again(&writer, false);
	assert_int_equal(message.ask_count, 1);
	assert_memory_equal(message.asks[0].origin, origin, ONION_KEY);
	assert_int_equal(message.asks[0].want, SYNC_PROOF);
	assert_int_equal(message.asks[0].epoch, 7);
	assert_int_equal(message.asks[0].to, 9);
	assert_int_equal(message.document_count, 1);
	assert_int_equal(message.documents[0].payload_count, 2);
	assert_memory_equal(message.documents[0].payloads[1].bytes, "three", 5);
	assert_memory_equal(message.documents[0].text.bytes, "text", 4);
	assert_int_equal(message.pair_count, 2);
	assert_true(room_id_equal(&message.rooms[0].room, &room));
	assert_int_equal(message.rooms[0].state.number, 5);
	assert_int_equal(message.rooms[0].state.disputed, 4);
	assert_int_equal(message.rooms[0].streams[0].head.highest, 11);
	assert_int_equal(message.rooms[0].streams[0].head.forked, 12);
	assert_int_equal(message.rooms[0].streams[0].head.tip[0], 2);
	sync_payload_free(&message);
}

static void
declared(void **state)
{
	struct sync_void given = {room, 8, 3, {true, 2, 5, {1}, {2}}};
	struct sync_head head = {.room = room};
	struct sync_writer writer;
	uint32_t i;

	(void)state;
	sync_payload_begin(&writer);
	assert_true(sync_payload_head(&writer, &head));
	for (i = 0; i < SYNC_PAYLOAD_VOIDS; i++)
		assert_true(sync_payload_void(&writer, &given));
	assert_false(sync_payload_void(&writer, &given));
	assert_int_equal(sync_payload_declares(&writer), SYNC_PAYLOAD_VOIDS);
	again(&writer, true);
	assert_int_equal(message.void_count, SYNC_PAYLOAD_VOIDS);
	assert_int_equal(message.room_count, 0);
	assert_true(message.voids[0].range.gone);
	assert_int_equal(message.voids[0].range.last, 5);
	assert_int_equal(message.voids[0].range.digest[0], 2);
	sync_payload_free(&message);
}

/* As much of everything as fits is within an envelope. */
static void
full(void **state)
{
	static char large[ITEM_MAX];
	const struct sync_bytes payload = {large, sizeof(large)};
	struct sync_document document = document_make(&payload, 1);
	struct sync_ask ask = {room, SYNC_ITEMS, true, {0}, ROOM_NUMBER_MAX, 3,
	    ROOM_NUMBER_MAX, ROOM_NUMBER_MAX, false};
	struct sync_stream streams[SYNC_PAYLOAD_STREAMS];
	struct sync_head head = {.room = room, .streams = streams};
	struct sync_writer writer;
	uint32_t asked = 0, given = 0, told = 0;

	(void)state;
	memcpy(ask.origin, origin, ONION_KEY);
	memset(streams, 0, sizeof(streams));
	for (told = 0; told < SYNC_PAYLOAD_STREAMS; told++) {
		memcpy(streams[told].origin, origin, ONION_KEY);
		streams[told].head = (struct room_stream_head){ROOM_NUMBER_MAX,
		    3, ROOM_NUMBER_MAX, {0}, ROOM_NUMBER_MAX, {0},
		    ROOM_NUMBER_MAX};
	}
	sync_payload_begin(&writer);
	while (sync_payload_ask(&writer, &ask))
		asked++;
	while (sync_payload_document(&writer, &document))
		given++;
	head.stream_count = SYNC_PAYLOAD_STREAMS / 2;
	for (told = 0; sync_payload_head(&writer, &head);)
		told++;
	assert_int_equal(asked, SYNC_PAYLOAD_ASKS);
	assert_int_equal(given, 2);
	assert_int_equal(told, 2);
	again(&writer, false);
	assert_int_equal(message.stream_count, SYNC_PAYLOAD_STREAMS);
	sync_payload_free(&message);
}

/* Both sides of what is counted: documents, payloads, rooms. */
static void
counted(void **state)
{
	const struct sync_bytes payload = {"x", 1};
	struct sync_bytes many[64];
	struct sync_document one = document_make(&payload, 1);
	struct sync_document batch = document_make(many, 64);
	struct sync_head head = {.room = room};
	struct sync_writer writer;
	uint32_t i;

	(void)state;
	sync_payload_begin(&writer);
	for (i = 0; i < SYNC_PAYLOAD_DOCUMENTS - 1; i++)
		assert_true(sync_payload_document(&writer, &one));
	assert_false(sync_payload_evidence(&writer, &one, &one));
	assert_true(sync_payload_document(&writer, &one));
	assert_false(sync_payload_document(&writer, &one));
	for (i = 0; i < SYNC_PAYLOAD_ROOMS; i++)
		assert_true(sync_payload_head(&writer, &head));
	assert_false(sync_payload_head(&writer, &head));
	again(&writer, true);
	assert_int_equal(message.document_count, SYNC_PAYLOAD_DOCUMENTS);
	assert_int_equal(message.room_count, SYNC_PAYLOAD_ROOMS);
	sync_payload_free(&message);
	for (i = 0; i < 64; i++)
		many[i] = payload;
	sync_payload_begin(&writer);
	for (i = 0; i < SYNC_PAYLOAD_PAYLOADS / 64; i++)
		assert_true(sync_payload_document(&writer, &batch));
	assert_false(sync_payload_document(&writer, &one));
	again(&writer, false);
	assert_int_equal(message.payload_count, SYNC_PAYLOAD_PAYLOADS);
	sync_payload_free(&message);
}

static void
texts(void **state)
{
	struct envelope_header header = {
	    .type = "message", .timestamp = 1000000000};
	struct batch_item items[64];
	char text[SIGNTEXT_BATCH_MAX + 82];
	uint8_t hash[32] = {7}, id[16], digest[32];
	static struct signtext parsed;
	size_t length, i;

	(void)state;
	uuid_new(header.id);
	memcpy(header.origin, origin, 32);
	memcpy(header.destination, origin, 32);
	length = signtext_envelope(text, &header, hash);
	assert_int_equal(signtext_parse(&parsed, text, length), CODE_OK);
	assert_memory_equal(&parsed.header, &header, sizeof(header));
	assert_int_equal(parsed.count, 0);
	assert_true(signtext_names(&parsed, "message", hash, id, digest));
	assert_memory_equal(id, header.id, 16);
	assert_false(signtext_names(&parsed, "ack", hash, id, digest));
	for (i = 0; i < length; i++)
		assert_int_equal(
		    signtext_parse(&parsed, text, i), CODE_PAYLOAD_MALFORMED);
	text[0] = 'T';
	assert_int_equal(
	    signtext_parse(&parsed, text, length), CODE_PAYLOAD_MALFORMED);
	snprintf(header.type, sizeof(header.type), "batch");
	for (i = 0; i < 64; i++) {
		uuid_new(items[i].id);
		signtext_item_digest(
		    items[i].digest, "message", items[i].id, hash);
	}
	length = signtext_batch(text, &header, items, 64);
	assert_int_equal(signtext_parse(&parsed, text, length), CODE_OK);
	assert_int_equal(parsed.count, 64);
	assert_memory_equal(parsed.items, items, sizeof(items));
	assert_true(signtext_names(&parsed, "message", hash, id, digest));
	assert_memory_equal(id, items[0].id, 16);
	assert_false(signtext_names(&parsed, "room_state", hash, id, digest));
	memcpy(text + length, text + length - 82, 82);
	assert_int_equal(
	    signtext_parse(&parsed, text, length + 82), CODE_PAYLOAD_MALFORMED);
}

static void
vector_read(const json_t *vectors, const char *name, bool answer)
{
	const char *text = json_string_value(json_object_get(
	    json_object_get(vectors, name), "canonicalPayload"));

	assert_non_null(text);
	assert_int_equal(
	    sync_payload_parse(&message, answer, text, strlen(text)), CODE_OK);
}

/* Those of the protocol's page, made by another implementation. */
static void
vectors(void **state)
{
	json_t *root = json_load_file("man/federation.vectors", 0, NULL);
	static struct signtext parsed;
	uint8_t hash[32], id[16], digest[32];

	(void)state;
	assert_non_null(root);
	vector_read(root, "sync", false);
	assert_int_equal(message.ask_count, 2);
	assert_false(message.asks[0].stream);
	assert_true(message.asks[1].stream);
	assert_int_equal(message.document_count, 1);
	assert_int_equal(message.rooms[0].stream_count, 1);
	assert_int_equal(
	    signtext_parse(&parsed, message.documents[0].text.bytes,
		message.documents[0].text.length),
	    CODE_OK);
	sha256(hash, message.documents[0].payloads[0].bytes,
	    message.documents[0].payloads[0].length);
	assert_true(signtext_names(&parsed, "message", hash, id, digest));
	assert_memory_equal(
	    digest, message.rooms[0].streams[0].head.digest, 32);
	sync_payload_free(&message);
	vector_read(root, "syncAck", true);
	assert_int_equal(message.document_count, 1);
	assert_int_equal(message.rooms[0].state.number, 4);
	sync_payload_free(&message);
	vector_read(root, "syncVoids", true);
	assert_int_equal(message.void_count, 1);
	assert_int_equal(message.voids[0].range.last, 2);
	sync_payload_free(&message);
	json_decref(root);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(asks),
	    cmocka_unit_test(documents),
	    cmocka_unit_test(heads),
	    cmocka_unit_test(voids),
	    cmocka_unit_test(round_trip),
	    cmocka_unit_test(declared),
	    cmocka_unit_test(full),
	    cmocka_unit_test(counted),
	    cmocka_unit_test(texts),
	    cmocka_unit_test(vectors),
	};

	if (ed_init() != 0)
		return 1;
	canon_init();
	if (room_id_parse(&room, ROOM, ROOM_ID_LENGTH) != CODE_OK)
		return 1;
	memcpy(origin, room.home, ONION_KEY);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
