/* SPDX-License-Identifier: ISC */
/*
 * server_sync written; see sync_payload.h. Nothing in it needs an escape, so
 * the canonical text is put together as it goes.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "json/envelope.h"
#include "json/sync_payload.h"

#define HEAD_MAX	400 /* bytes of one without streams, at most */
#define STREAM_MAX	400
/* Bytes of a document beside what is in base64. */
#define DOCUMENT_AROUND 80
/* What the acknowledgement has around its answer. */
#define AROUND		(ENVELOPE_OVERHEAD + 1024)

enum list { ASK, DOCUMENTS, EVIDENCE, HEADS, VOIDS, LISTS };

static const char *const names[LISTS] = {
    "ask", "documents", "evidence", "heads", "voids"};

__attribute__((format(printf, 3, 4))) static void
put(struct sync_writer *writer, enum list list, const char *format, ...)
{
	size_t left = ENVELOPE_MAX - writer->lists[list].length;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length =
	    vsnprintf(writer->lists[list].text + writer->lists[list].length,
		left, format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= left)
		fatal("a message of server_sync is too long");
	writer->lists[list].length += (size_t)length;
	writer->length += (size_t)length;
}

/* Begins an element. */
static void
put_begin(struct sync_writer *writer, enum list list)
{
	if (writer->lists[list].text == NULL)
		writer->lists[list].text = xmalloc(ENVELOPE_MAX);
	if (writer->lists[list].count++ > 0)
		put(writer, list, ",");
}

static void
put_base64(struct sync_writer *writer, enum list list, const void *bytes,
    size_t length)
{
	size_t size = BASE64_LENGTH(length);

	put(writer, list, "\"");
	if (writer->lists[list].length + size + 1 >= ENVELOPE_MAX)
		fatal("a message of server_sync is too long");
	base64_encode(writer->lists[list].text + writer->lists[list].length,
	    bytes, length);
	writer->lists[list].length += size;
	writer->length += size;
	put(writer, list, "\"");
}

static void
put_room(struct sync_writer *writer, enum list list, const struct room_id *room)
{
	char text[ROOM_ID_SIZE];

	room_id_format(text, room);
	put(writer, list, "\"globalRoomId\":\"%s\"", text);
}

void
sync_payload_begin(struct sync_writer *writer)
{
	memset(writer, 0, sizeof(*writer));
}

bool
sync_payload_ask(struct sync_writer *writer, const struct sync_ask *ask)
{
	static const char *const wants[SYNC_WANTS] = {
	    "items", "proof", "evidence"};
	char origin[ONION_SIZE];

	if (writer->lists[ASK].count == SYNC_PAYLOAD_ASKS)
		return false;
	put_begin(writer, ASK);
	put(writer, ASK, "{");
	if (ask->stream)
		put(writer, ASK, "\"epoch\":%lld,", (long long)ask->epoch);
	put(writer, ASK, "\"from\":%lld,", (long long)ask->from);
	put_room(writer, ASK, &ask->room);
	if (ask->stream) {
		onion_format(origin, ask->origin);
		put(writer, ASK, ",\"lane\":%d,\"origin\":\"%s\"", ask->lane,
		    origin);
	}
	put(writer, ASK, ",\"to\":%lld,\"want\":\"%s\"}", (long long)ask->to,
	    wants[ask->want]);
	return true;
}

static size_t
document_size(const struct sync_document *document)
{
	size_t size = DOCUMENT_AROUND + BASE64_SIGNATURE +
		      BASE64_LENGTH(document->certificate.length) +
		      BASE64_LENGTH(document->text.length);
	uint32_t i;

	for (i = 0; i < document->payload_count; i++)
		size += 3 + BASE64_LENGTH(document->payloads[i].length);
	return size;
}

static void
put_document(struct sync_writer *writer, enum list list,
    const struct sync_document *document)
{
	uint32_t i;

	put(writer, list, "{\"certificate\":");
	put_base64(writer, list, document->certificate.bytes,
	    document->certificate.length);
	put(writer, list, ",\"payloads\":[");
	for (i = 0; i < document->payload_count; i++) {
		put(writer, list, "%s", i > 0 ? "," : "");
		put_base64(writer, list, document->payloads[i].bytes,
		    document->payloads[i].length);
	}
	put(writer, list, "],\"signature\":");
	put_base64(
	    writer, list, document->signature, sizeof(document->signature));
	put(writer, list, ",\"text\":");
	put_base64(writer, list, document->text.bytes, document->text.length);
	put(writer, list, "}");
	writer->documents++;
	writer->payloads += document->payload_count;
}

/* Whether so many documents, payloads and bytes more are in its bounds. */
static bool
document_fits(const struct sync_writer *writer, uint32_t documents,
    uint32_t payloads, size_t size)
{
	return writer->documents + documents <= SYNC_PAYLOAD_DOCUMENTS &&
	       writer->payloads + payloads <= SYNC_PAYLOAD_PAYLOADS &&
	       writer->lists[DOCUMENTS].length +
		       writer->lists[EVIDENCE].length + size <=
		   SYNC_PAYLOAD_FULL;
}

bool
sync_payload_document(
    struct sync_writer *writer, const struct sync_document *document)
{
	if (!document_fits(
		writer, 1, document->payload_count, document_size(document)))
		return false;
	put_begin(writer, DOCUMENTS);
	put_document(writer, DOCUMENTS, document);
	return true;
}

bool
sync_payload_evidence(struct sync_writer *writer, const struct sync_document *a,
    const struct sync_document *b)
{
	if (!document_fits(writer, 2, 2, document_size(a) + document_size(b)))
		return false;
	put_begin(writer, EVIDENCE);
	put(writer, EVIDENCE, "[");
	put_document(writer, EVIDENCE, a);
	put(writer, EVIDENCE, ",");
	put_document(writer, EVIDENCE, b);
	put(writer, EVIDENCE, "]");
	return true;
}

static void
put_stream(struct sync_writer *writer, const struct sync_stream *stream)
{
	const struct room_stream_head *head = &stream->head;
	char origin[ONION_SIZE];

	onion_format(origin, stream->origin);
	put(writer, HEADS, "{\"digest\":");
	put_base64(writer, HEADS, head->digest, ROOM_HASH);
	put(writer, HEADS,
	    ",\"epoch\":%lld,\"forked\":%lld,\"highest\":%lld,"
	    "\"lane\":%d,\"origin\":\"%s\",\"sequence\":%lld,\"tip\":",
	    (long long)head->epoch, (long long)head->forked,
	    (long long)head->highest, head->lane, origin,
	    (long long)head->sequence);
	put_base64(writer, HEADS, head->tip, ROOM_HASH);
	put(writer, HEADS, "}");
}

static void
put_state(struct sync_writer *writer, const struct sync_head *head)
{
	if (!head->has_state) {
		put(writer, HEADS, "null");
		return;
	}
	put(writer, HEADS,
	    "{\"disputed\":%lld,\"hash\":", (long long)head->state.disputed);
	put_base64(writer, HEADS, head->state.hash, ROOM_HASH);
	put(writer, HEADS, ",\"number\":%lld}", (long long)head->state.number);
}

bool
sync_payload_head(struct sync_writer *writer, const struct sync_head *head)
{
	uint32_t i;

	if (writer->lists[HEADS].count == SYNC_PAYLOAD_ROOMS ||
	    head->stream_count > SYNC_PAYLOAD_STREAMS - writer->streams ||
	    writer->length + HEAD_MAX + head->stream_count * STREAM_MAX >
		ENVELOPE_MAX - AROUND)
		return false;
	put_begin(writer, HEADS);
	put(writer, HEADS, "{");
	put_room(writer, HEADS, &head->room);
	put(writer, HEADS, ",\"state\":");
	put_state(writer, head);
	put(writer, HEADS, ",\"streams\":[");
	for (i = 0; i < head->stream_count; i++) {
		put(writer, HEADS, "%s", i > 0 ? "," : "");
		put_stream(writer, &head->streams[i]);
	}
	put(writer, HEADS, "]}");
	writer->streams += head->stream_count;
	return true;
}

bool
sync_payload_void(struct sync_writer *writer, const struct sync_void *declared)
{
	const struct room_void *range = &declared->range;

	if (writer->lists[VOIDS].count == SYNC_PAYLOAD_VOIDS)
		return false;
	put_begin(writer, VOIDS);
	put(writer, VOIDS, "{\"digest\":");
	put_base64(writer, VOIDS, range->digest, ROOM_HASH);
	put(writer, VOIDS, ",\"epoch\":%lld,\"first\":%lld,",
	    (long long)declared->epoch, (long long)range->first);
	put_room(writer, VOIDS, &declared->room);
	put(writer, VOIDS,
	    ",\"kind\":\"%s\",\"lane\":%d,\"last\":%lld,\"previous\":",
	    range->gone ? "gone" : "void", declared->lane,
	    (long long)range->last);
	put_base64(writer, VOIDS, range->previous, ROOM_HASH);
	put(writer, VOIDS, "}");
	return true;
}

uint32_t
sync_payload_declares(const struct sync_writer *writer)
{
	return writer->lists[VOIDS].count;
}

char *
sync_payload_end(struct sync_writer *writer, size_t *length)
{
	enum list list = sync_payload_declares(writer) > 0 ? VOIDS : ASK;
	char *text = xmalloc(writer->length + LISTS * 32), *at = text;

	*at++ = '{';
	for (; list < LISTS; list++) {
		if (writer->lists[list].count == 0)
			continue;
		at += sprintf(
		    at, "%s\"%s\":[", at > text + 1 ? "," : "", names[list]);
		memcpy(
		    at, writer->lists[list].text, writer->lists[list].length);
		at += writer->lists[list].length;
		*at++ = ']';
	}
	*at++ = '}';
	for (list = ASK; list < LISTS; list++)
		free(writer->lists[list].text);
	*length = (size_t)(at - text);
	return text;
}
