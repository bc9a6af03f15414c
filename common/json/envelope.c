/* SPDX-License-Identifier: ISC */
/*
 * Envelopes. A body is rewritten canonically first; then its nine members can
 * only stand in one order, and reading them is matching text. Every value but
 * the payload has a strict form without escapes, so nothing is decoded twice.
 */
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "json/canon.h"
#include "json/envelope.h"
#include "proto/onion.h"

/* The envelope, a batch's payload, its list and an item are around what may
 * be 8 deep. */
#define DEPTH_AROUND	  4
#define ENVELOPE_SMALLEST (8U * 1024) /* bytes of the least size class */

/* The members in canonical order: the place in an array is the only one. */
enum member {
	MEMBER_DESTINATION,
	MEMBER_ID,
	MEMBER_KEY_ID,
	MEMBER_ORIGIN,
	MEMBER_PAYLOAD,
	MEMBER_VERSION,
	MEMBER_SIGNATURE,
	MEMBER_TIMESTAMP,
	MEMBER_TYPE,
	MEMBER_COUNT
};

static const char *const member_names[MEMBER_COUNT] = {"destinationServer",
    "id", "keyId", "originServer", "payload", "protocolVersion", "signature",
    "timestamp", "type"};

struct span {
	const char *text; /* strings: without their quotes */
	size_t length;
};

/* Cuts name:value at *at; what is cut is a string, the payload an object. */
static int
member_cut(
    struct span *value, const char **at, const char *end, enum member member)
{
	const char *name = member_names[member], *start;
	size_t length = strlen(name);

	if ((size_t)(end - *at) <= length + 3 || **at != '"' ||
	    memcmp(*at + 1, name, length) != 0 ||
	    memcmp(*at + 1 + length, "\":", 2) != 0)
		return -1;
	start = *at + length + 3; /* two quotes, colon */
	if (*start != (member == MEMBER_PAYLOAD ? '{' : '"'))
		return -1;
	if ((*at = canon_skip(start, end)) == NULL)
		return -1;
	value->text = start;
	value->length = (size_t)(*at - start);
	if (member != MEMBER_PAYLOAD) {
		value->text++;
		value->length -= 2;
	}
	return 0;
}

/* Exactly the nine members: text is the canonical form of the body. */
static int
envelope_cut(struct span values[MEMBER_COUNT], const char *text, size_t length)
{
	const char *at = text, *end = text + length;
	int member;

	for (member = 0; member < MEMBER_COUNT; member++) {
		if (at >= end || *at++ != (member == 0 ? '{' : ','))
			return -1;
		if (member_cut(
			&values[member], &at, end, (enum member)member) == -1)
			return -1;
	}
	return at < end && *at == '}' ? 0 : -1;
}

/*
 * The address that nearly every body names as its destination is our own, and
 * the check of its key costs more than all else here; so the last one that was
 * good is remembered. Only destinations: who writes to us must not show in the
 * time that an answer takes.
 */
static enum code
destination_parse(uint8_t key[ONION_KEY], const struct span *span)
{
	static char known[ONION_LENGTH];
	static uint8_t known_key[ONION_KEY];
	enum code code;

	if (span->length == ONION_LENGTH &&
	    memcmp(span->text, known, ONION_LENGTH) == 0) {
		memcpy(key, known_key, ONION_KEY);
		return CODE_OK;
	}
	code = onion_parse(key, span->text, span->length);
	if (code == CODE_OK) {
		memcpy(known, span->text, ONION_LENGTH);
		memcpy(known_key, key, ONION_KEY);
	}
	return code;
}

static enum code
header_parse(struct envelope_header *header, const struct span *values)
{
	const struct span *id = &values[MEMBER_ID];
	const struct span *key_id = &values[MEMBER_KEY_ID];
	const struct span *time = &values[MEMBER_TIMESTAMP];
	const struct span *type = &values[MEMBER_TYPE];

	if (uuid_parse(header->id, id->text, id->length) == -1)
		return CODE_ENVELOPE_ID;
	if (!signtext_type_valid(type->text, type->length))
		return CODE_ENVELOPE_TYPE;
	if (time_parse(&header->timestamp, time->text, time->length) == -1)
		return CODE_ENVELOPE_TIMESTAMP;
	if (hex_decode(header->key_id, sizeof(header->key_id), key_id->text,
		key_id->length) == -1)
		return CODE_ENVELOPE_KEY_ID;
	memcpy(header->type, type->text, type->length);
	return CODE_OK;
}

/* Shape first, the costly addresses last. */
static enum code
values_parse(struct envelope *envelope, const struct span *values)
{
	const struct span *version = &values[MEMBER_VERSION];
	const struct span *signature = &values[MEMBER_SIGNATURE];
	const struct span *origin = &values[MEMBER_ORIGIN];
	enum code code;

	if (version->length != strlen(PROTOCOL_VERSION) ||
	    memcmp(version->text, PROTOCOL_VERSION, version->length) != 0)
		return CODE_ENVELOPE_VERSION;
	if ((code = header_parse(&envelope->header, values)) != CODE_OK)
		return code;
	if (base64_decode_exact(envelope->signature,
		sizeof(envelope->signature), signature->text,
		signature->length) == -1)
		return CODE_ENVELOPE_SIGNATURE;
	code = destination_parse(
	    envelope->header.destination, &values[MEMBER_DESTINATION]);
	if (code != CODE_OK)
		return code;
	return onion_decode(
	    envelope->header.origin, origin->text, origin->length);
}

enum code
envelope_parse(struct envelope *envelope, const char *body, size_t length)
{
	struct span values[MEMBER_COUNT], *payload = &values[MEMBER_PAYLOAD];
	enum code code;

	memset(envelope, 0, sizeof(*envelope));
	if (length > ENVELOPE_MAX)
		return CODE_TOO_LARGE;
	code = canon_rewrite(&envelope->text, &envelope->text_length, body,
	    length, DEPTH_AROUND + CANON_DEPTH, true);
	if (code != CODE_OK)
		return code;
	code = CODE_ENVELOPE_MEMBER;
	if (envelope_cut(values, envelope->text, envelope->text_length) == 0)
		code = values_parse(envelope, values);
	if (code == CODE_OK && strcmp(envelope->header.type, "batch") != 0 &&
	    canon_depth(payload->text, payload->length) > CANON_DEPTH)
		code = CODE_JSON_DEPTH;
	if (code != CODE_OK) {
		envelope_free(envelope);
		return code;
	}
	envelope->text[payload->text - envelope->text + payload->length] = '\0';
	envelope->payload = payload->text;
	envelope->payload_length = payload->length;
	return CODE_OK;
}

void
envelope_free(struct envelope *envelope)
{
	free(envelope->text);
	memset(envelope, 0, sizeof(*envelope));
}

size_t
envelope_padded(size_t length)
{
	size_t padded;

	for (padded = ENVELOPE_SMALLEST; padded < length; padded *= 2)
		if (padded == ENVELOPE_MAX)
			return 0;
	return padded;
}

/* All that stands before and after the payload; both terminated. */
struct frame {
	char before[384];
	char after[320];
};

static void
frame_format(struct frame *frame, const struct envelope_header *header,
    const uint8_t signature[64])
{
	char destination[ONION_SIZE], origin[ONION_SIZE], id[UUID_TEXT + 1];
	char key_id[2 * sizeof(header->key_id) + 1], time[TIME_TEXT + 1];
	char base64[BASE64_SIGNATURE + 1];

	onion_format(destination, header->destination);
	onion_format(origin, header->origin);
	uuid_format(id, header->id);
	hex_encode(key_id, header->key_id, sizeof(header->key_id));
	time_format(time, header->timestamp);
	base64_encode(base64, signature, 64);
	snprintf(frame->before, sizeof(frame->before),
	    "{\"destinationServer\":\"%s\",\"id\":\"%s\",\"keyId\":\"%s\","
	    "\"originServer\":\"%s\",\"payload\":",
	    destination, id, key_id, origin);
	snprintf(frame->after, sizeof(frame->after),
	    ",\"protocolVersion\":\"" PROTOCOL_VERSION "\",\"signature\":\"%s\""
	    ",\"timestamp\":\"%s\",\"type\":\"%s\"}",
	    base64, time, header->type);
}

size_t
envelope_format(char *body, const struct envelope_header *header,
    const uint8_t signature[64], const char *payload, size_t payload_length)
{
	struct frame frame = {.before = "", .after = ""};
	size_t before, after, length, padded;

	frame_format(&frame, header, signature);
	before = strlen(frame.before);
	after = strlen(frame.after);
	if (payload_length > ENVELOPE_MAX)
		return 0;
	length = before + payload_length + after;
	if ((padded = envelope_padded(length)) == 0)
		return 0;
	memcpy(body, frame.before, before);
	memcpy(body + before, payload, payload_length);
	memcpy(body + before + payload_length, frame.after, after);
	memset(body + length, ' ', padded - length);
	return padded;
}
