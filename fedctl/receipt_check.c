/* SPDX-License-Identifier: ISC */
/*
 * Receipts, checked by a stranger: everything that is believed is signed by
 * the server that acknowledged, or follows by hashes from what it signed.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "ipc/message.h"
#include "json/canon.h"
#include "proto/cert.h"
#include "proto/ed.h"
#include "proto/onion.h"
#include "receipt_check.h"

#define RECEIPT_VERSION PROTOCOL_VERSION "/receipt"
#define ENVELOPE_DOMAIN PROTOCOL_VERSION "/envelope"

/* A text's lines one by one; at is NULL behind the last. */
struct lines {
	const char *at;
	const char *end;
};

/* The two texts taken apart, and where the item stands in the request. */
struct parts {
	struct cert cert;
	struct envelope_header ack;
	struct envelope_header request;
	uint8_t ack_payload_hash[32]; /* as ackText names it */
	size_t position;	      /* of the item, from 0 */
	size_t count;		      /* of the request's items */
};

static bool
line_take(struct lines *lines, const char **line, size_t *length)
{
	const char *feed;

	if (lines->at == NULL)
		return false;
	feed = memchr(lines->at, '\n', (size_t)(lines->end - lines->at));
	*line = lines->at;
	*length = (size_t)((feed == NULL ? lines->end : feed) - lines->at);
	lines->at = feed == NULL ? NULL : feed + 1;
	return true;
}

static bool
hash_take(struct lines *lines, uint8_t hash[32])
{
	const char *line;
	size_t length;

	return line_take(lines, &line, &length) &&
	       base64_decode_exact(hash, 32, line, length) == 0;
}

/* The seven lines that every envelope's signing text begins with. */
static bool
header_take(struct lines *lines, struct envelope_header *header)
{
	const char *line;
	size_t length;

	memset(header, 0, sizeof(*header));
	if (!line_take(lines, &line, &length) ||
	    length != sizeof(ENVELOPE_DOMAIN) - 1 ||
	    memcmp(line, ENVELOPE_DOMAIN, length) != 0)
		return false;
	if (!line_take(lines, &line, &length) ||
	    !signtext_type_valid(line, length))
		return false;
	memcpy(header->type, line, length);
	return line_take(lines, &line, &length) &&
	       uuid_parse(header->id, line, length) == 0 &&
	       line_take(lines, &line, &length) &&
	       onion_parse(header->origin, line, length) == CODE_OK &&
	       line_take(lines, &line, &length) &&
	       onion_parse(header->destination, line, length) == CODE_OK &&
	       line_take(lines, &line, &length) &&
	       time_parse(&header->timestamp, line, length) == 0 &&
	       line_take(lines, &line, &length) &&
	       hex_decode(header->key_id, 32, line, length) == 0;
}

/* A member's string; false when it is not there. */
static bool
member_string(
    const json_t *root, const char *name, const char **text, size_t *length)
{
	const json_t *value = json_object_get(root, name);

	if (!json_is_string(value))
		return false;
	*text = json_string_value(value);
	*length = json_string_length(value);
	return true;
}

/* The same for base64 of at most size bytes. */
static bool
member_bytes(const json_t *root, const char *name, uint8_t *bytes, size_t size,
    size_t *length)
{
	const char *text;
	size_t text_length;

	return member_string(root, name, &text, &text_length) &&
	       base64_decode(bytes, size, length, text, text_length) == 0;
}

static bool
lines_init(struct lines *lines, const json_t *root, const char *name)
{
	size_t length;

	if (!member_string(root, name, &lines->at, &length))
		return false;
	lines->end = lines->at + length;
	return true;
}

/* Version, item, and the certificate's form. */
static enum code
members_parse(
    struct receipt_proof *proof, struct parts *parts, const json_t *root)
{
	uint8_t certificate[CERT_MAX];
	const char *text;
	size_t length;

	if (!member_string(root, "receipt", &text, &length) ||
	    strcmp(text, RECEIPT_VERSION) != 0 ||
	    !member_string(root, "id", &text, &length) ||
	    uuid_parse(proof->id, text, length) != 0 ||
	    !member_string(root, "type", &text, &length) ||
	    !signtext_type_valid(text, length))
		return CODE_RECEIPT_FORM;
	memcpy(proof->type, text, length);
	if (json_object_get(root, "payloadHash") != NULL) {
		if (!member_bytes(root, "payloadHash", proof->payload_hash,
			sizeof(proof->payload_hash), &length) ||
		    length != sizeof(proof->payload_hash))
			return CODE_RECEIPT_FORM;
		proof->has_payload = true;
	}
	if (json_object_size(root) != (proof->has_payload ? 9 : 8) ||
	    !member_bytes(
		root, "certificate", certificate, sizeof(certificate), &length))
		return CODE_RECEIPT_FORM;
	return cert_parse(&parts->cert, certificate, length);
}

/* The acknowledgement's signing text, taken apart. */
static enum code
ack_parse_text(
    struct receipt_proof *proof, struct parts *parts, const json_t *root)
{
	struct lines lines;

	if (!lines_init(&lines, root, "ackText") ||
	    !header_take(&lines, &parts->ack) ||
	    strcmp(parts->ack.type, "ack") != 0 ||
	    !hash_take(&lines, parts->ack_payload_hash) || lines.at != NULL)
		return CODE_RECEIPT_FORM;
	proof->time = parts->ack.timestamp;
	memcpy(proof->server, parts->ack.origin, 32);
	memcpy(proof->origin, parts->ack.destination, 32);
	memcpy(proof->key_id, parts->ack.key_id, 32);
	return CODE_OK;
}

/* Who signed, and that it did. */
static enum code
ack_verify(const struct parts *parts, const json_t *root)
{
	uint8_t key_id[32], signature[ED_SIGNATURE];
	const char *text;
	size_t length;
	enum code code;

	code = cert_verify(&parts->cert, parts->ack.timestamp);
	if (code != CODE_OK)
		return code;
	if (memcmp(parts->cert.server, parts->ack.origin, 32) != 0)
		return CODE_CERTIFICATE_SERVER;
	cert_key_id(key_id, &parts->cert);
	if (memcmp(key_id, parts->ack.key_id, 32) != 0)
		return CODE_KEY_UNKNOWN;
	if (!member_bytes(
		root, "ackSignature", signature, sizeof(signature), &length) ||
	    length != sizeof(signature))
		return CODE_SIGNATURE_MALFORMED;
	if (!member_string(root, "ackText", &text, &length))
		return CODE_RECEIPT_FORM;
	return ed_verify(signature, text, length, parts->cert.signing_key)
		   ? CODE_OK
		   : CODE_SIGNATURE;
}

/* A batch's lines: the item's digest and position. */
static enum code
batch_find(
    struct receipt_proof *proof, struct parts *parts, struct lines *lines)
{
	uint8_t id[UUID_SIZE], digest[32];
	const char *line;
	bool found = false;
	size_t length;

	while (line_take(lines, &line, &length)) {
		if (parts->count == SIGN_ITEMS_MAX ||
		    length != UUID_TEXT + 1 + BASE64_SHA256 ||
		    line[UUID_TEXT] != ' ' ||
		    uuid_parse(id, line, UUID_TEXT) != 0 ||
		    base64_decode_exact(digest, sizeof(digest),
			line + UUID_TEXT + 1, BASE64_SHA256) != 0)
			return CODE_RECEIPT_FORM;
		if (memcmp(id, proof->id, sizeof(id)) == 0) {
			if (found) /* an id stands once in a batch */
				return CODE_RECEIPT_FORM;
			found = true;
			parts->position = parts->count;
			memcpy(proof->digest, digest, sizeof(digest));
		}
		parts->count++;
	}
	return found ? CODE_OK : CODE_RECEIPT_ITEM;
}

/* A request that is the item itself. */
static enum code
single_find(
    struct receipt_proof *proof, struct parts *parts, struct lines *lines)
{
	uint8_t hash[32];

	if (!hash_take(lines, hash) || lines->at != NULL)
		return CODE_RECEIPT_FORM;
	if (memcmp(parts->request.id, proof->id, sizeof(proof->id)) != 0 ||
	    strcmp(parts->request.type, proof->type) != 0 ||
	    !proof->has_payload || memcmp(hash, proof->payload_hash, 32) != 0)
		return CODE_RECEIPT_ITEM;
	parts->count = 1;
	signtext_item_digest(
	    proof->digest, proof->type, proof->id, proof->payload_hash);
	return CODE_OK;
}

/* The request that the acknowledgement has to be for, and the item in it. */
static enum code
request_parse(
    struct receipt_proof *proof, struct parts *parts, const json_t *root)
{
	struct lines lines;
	uint8_t digest[32];
	enum code code;

	if (!lines_init(&lines, root, "requestText") ||
	    !header_take(&lines, &parts->request))
		return CODE_RECEIPT_FORM;
	if (memcmp(parts->request.origin, parts->ack.destination, 32) != 0 ||
	    memcmp(parts->request.destination, parts->ack.origin, 32) != 0)
		return CODE_RECEIPT_REQUEST;
	if (strcmp(parts->request.type, "batch") != 0)
		return single_find(proof, parts, &lines);
	code = batch_find(proof, parts, &lines);
	if (code != CODE_OK || !proof->has_payload)
		return code;
	signtext_item_digest(
	    digest, proof->type, proof->id, proof->payload_hash);
	return memcmp(digest, proof->digest, sizeof(digest)) == 0
		   ? CODE_OK
		   : CODE_RECEIPT_ITEM;
}

static bool
member_is(const char *text, size_t length, const char *name, const char *wanted)
{
	size_t value_length;
	const char *value = canon_member(text, length, name, &value_length);

	return value != NULL && value_length == strlen(wanted) &&
	       memcmp(value, wanted, value_length) == 0;
}

/* One element of results. */
static enum code
status_parse(struct receipt_proof *proof, const char *text, size_t length)
{
	if (*text != '{')
		return CODE_RECEIPT_FORM;
	proof->duplicate = member_is(text, length, "status", "\"duplicate\"");
	return proof->duplicate ||
		       member_is(text, length, "status", "\"accepted\"")
		   ? CODE_OK
		   : CODE_RECEIPT_RESULT;
}

/* The result at the item's position, one for each item of the request. */
static enum code
results_parse(struct receipt_proof *proof, const struct parts *parts,
    const char *payload, size_t payload_length)
{
	enum code code = CODE_RECEIPT_FORM;
	const char *at, *next, *end;
	size_t length, count = 0;

	at = canon_member(payload, payload_length, "results", &length);
	if (at == NULL || *at != '[' || length == 2)
		return CODE_RECEIPT_FORM;
	for (end = at + length; *at != ']'; at = next, count++) {
		next = canon_skip(++at, end);
		if (next == NULL)
			return CODE_RECEIPT_FORM;
		if (count == parts->position)
			code = status_parse(proof, at, (size_t)(next - at));
	}
	return count == parts->count ? code : CODE_RECEIPT_FORM;
}

/* The acknowledgement's payload: of this request, and the item's result. */
static enum code
payload_parse(struct receipt_proof *proof, const struct parts *parts,
    const json_t *root, const char *payload, size_t length)
{
	char quoted[BASE64_SHA256 + 3] = "\"";
	const char *text;
	size_t text_length;
	uint8_t hash[32];

	sha256(hash, payload, length);
	if (memcmp(hash, parts->ack_payload_hash, sizeof(hash)) != 0)
		return CODE_RECEIPT_PAYLOAD;
	if (!canon_check(payload, length) ||
	    !member_string(root, "requestText", &text, &text_length))
		return CODE_RECEIPT_FORM;
	sha256(hash, text, text_length);
	base64_encode(quoted + 1, hash, sizeof(hash));
	quoted[BASE64_SHA256 + 1] = '"';
	if (!member_is(payload, length, "requestHash", quoted))
		return CODE_RECEIPT_REQUEST;
	return results_parse(proof, parts, payload, length);
}

static enum code
ack_payload_parse(
    struct receipt_proof *proof, const struct parts *parts, const json_t *root)
{
	uint8_t *payload = malloc(RECEIPT_MAX + 1);
	enum code code = CODE_RECEIPT_FORM;
	size_t length;

	if (payload == NULL)
		return CODE_INTERNAL;
	if (member_bytes(root, "ackPayload", payload, RECEIPT_MAX, &length)) {
		payload[length] = '\0';
		code = payload_parse(
		    proof, parts, root, (const char *)payload, length);
	}
	free(payload);
	return code;
}

/* The caller has the payload itself: it must be the one that is proven. */
static enum code
payload_known(struct receipt_proof *proof, const uint8_t hash[32])
{
	uint8_t digest[32];

	signtext_item_digest(digest, proof->type, proof->id, hash);
	if (memcmp(digest, proof->digest, sizeof(digest)) != 0)
		return CODE_RECEIPT_PAYLOAD;
	memcpy(proof->payload_hash, hash, 32);
	proof->has_payload = true;
	return CODE_OK;
}

static enum code
document_check(
    struct receipt_proof *proof, const json_t *root, const uint8_t *hash)
{
	struct parts parts;
	enum code code;

	memset(&parts, 0, sizeof(parts));
	if (!json_is_object(root))
		return CODE_RECEIPT_FORM;
	code = members_parse(proof, &parts, root);
	if (code == CODE_OK)
		code = ack_parse_text(proof, &parts, root);
	if (code == CODE_OK)
		code = ack_verify(&parts, root);
	if (code == CODE_OK)
		code = request_parse(proof, &parts, root);
	if (code == CODE_OK)
		code = ack_payload_parse(proof, &parts, root);
	if (code == CODE_OK && hash != NULL)
		code = payload_known(proof, hash);
	return code;
}

enum code
receipt_check(struct receipt_proof *proof, const char *text, size_t length,
    const uint8_t *payload_hash)
{
	json_t *root;
	enum code code;

	memset(proof, 0, sizeof(*proof));
	code = canon_parse(&root, text, length, false);
	if (code != CODE_OK)
		return code;
	code = document_check(proof, root, payload_hash);
	json_decref(root);
	return code;
}
