/* SPDX-License-Identifier: ISC */
/*
 * The protocol's checks of an envelope whose shape is good, in the protocol's
 * order: certificate and signature, the time window, the size of its items.
 */
#include <string.h>

#include "canon.h"
#include "ed.h"
#include "encode.h"
#include "fedctl.h"
#include "verify.h"

#define WINDOW_S 300 /* either side */

/* What is signed, and the longest payload of an item in it. */
struct signed_text {
	char text[SIGNTEXT_BATCH_MAX];
	size_t length;
	size_t longest;
};

/* Bytes that a member takes beside name and value: quotes, colon, comma. */
#define MEMBER(name) (sizeof("\"" name "\":,") - 1)

/* A string without escapes, which neither ids nor types have. */
static bool
unquote(const char **text, size_t *length)
{
	if (*text == NULL || *length < 2 || **text != '"')
		return false;
	(*text)++;
	*length -= 2;
	return true;
}

/* One element of a batch, canonical: exactly id, payload and type. */
static enum code
item_digest(struct batch_item *item, struct signed_text *out, const char *text,
    size_t length)
{
	size_t id_length, payload_length, type_length, all;
	const char *id, *payload, *type;
	char name[TYPE_SIZE] = "";
	uint8_t hash[ED_HASH];

	if (*text != '{')
		return CODE_PAYLOAD_MALFORMED;
	id = canon_member(text, length, "id", &id_length);
	payload = canon_member(text, length, "payload", &payload_length);
	type = canon_member(text, length, "type", &type_length);
	if (id == NULL || payload == NULL || type == NULL || *payload != '{')
		return CODE_PAYLOAD_MALFORMED;
	all = MEMBER("id") + id_length + MEMBER("payload") + payload_length +
	      MEMBER("type") + type_length + 1;
	if (length != all || !unquote(&id, &id_length) ||
	    !unquote(&type, &type_length) ||
	    !signtext_type_valid(type, type_length) ||
	    uuid_parse(item->id, id, id_length) == -1)
		return CODE_PAYLOAD_MALFORMED;
	memcpy(name, type, type_length);
	sha256(hash, payload, payload_length);
	signtext_item_digest(item->digest, name, item->id, hash);
	if (payload_length > out->longest)
		out->longest = payload_length;
	return CODE_OK;
}

/* An id may stand once in a batch. */
static bool
item_repeated(const struct batch_item *items, size_t last)
{
	size_t i;

	for (i = 0; i < last; i++)
		if (memcmp(items[i].id, items[last].id, UUID_SIZE) == 0)
			return true;
	return false;
}

/* {"items":[...]} and nothing else; the items are cut out as they stand. */
static enum code
batch_text(struct signed_text *out, const struct envelope *envelope)
{
	struct batch_item items[SIGN_ITEMS_MAX];
	const char *at, *next, *end;
	size_t length, count = 0;
	enum code code;

	at = canon_member(
	    envelope->payload, envelope->payload_length, "items", &length);
	if (at == NULL || *at != '[' || length == 2 ||
	    envelope->payload_length != MEMBER("items") + length + 1)
		return CODE_PAYLOAD_MALFORMED;
	for (end = at + length; *at != ']'; at = next) {
		next = canon_skip(++at, end);
		if (next == NULL || count == SIGN_ITEMS_MAX)
			return CODE_PAYLOAD_MALFORMED;
		code = item_digest(&items[count], out, at, (size_t)(next - at));
		if (code != CODE_OK)
			return code;
		if (item_repeated(items, count++))
			return CODE_PAYLOAD_MALFORMED;
	}
	out->length =
	    signtext_batch(out->text, &envelope->header, items, count);
	return CODE_OK;
}

static enum code
signing_text(struct signed_text *out, const struct envelope *envelope)
{
	uint8_t hash[ED_HASH];

	out->longest = 0;
	if (strcmp(envelope->header.type, "batch") == 0)
		return batch_text(out, envelope);
	sha256(hash, envelope->payload, envelope->payload_length);
	out->length = signtext_envelope(out->text, &envelope->header, hash);
	out->longest = envelope->payload_length;
	return CODE_OK;
}

enum code
verify_envelope(
    const struct envelope *envelope, const struct cert *cert, int64_t now)
{
	const struct envelope_header *header = &envelope->header;
	struct signed_text out;
	uint8_t key_id[ED_HASH];
	enum code code;

	code = cert_verify(cert, now);
	if (code != CODE_OK)
		return code;
	if (memcmp(cert->server, header->origin, sizeof(cert->server)) != 0)
		return CODE_CERTIFICATE_SERVER;
	cert_key_id(key_id, cert);
	if (memcmp(key_id, header->key_id, sizeof(key_id)) != 0)
		return CODE_KEY_UNKNOWN;
	code = signing_text(&out, envelope);
	if (code != CODE_OK)
		return code;
	if (!ed_verify(
		envelope->signature, out.text, out.length, cert->signing_key))
		return CODE_SIGNATURE;
	if (header->timestamp < now - WINDOW_S ||
	    header->timestamp > now + WINDOW_S)
		return CODE_TIME_WINDOW;
	return out.longest > ITEM_MAX ? CODE_PAYLOAD_TOO_LARGE : CODE_OK;
}
