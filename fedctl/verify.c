/* SPDX-License-Identifier: ISC */
/*
 * The protocol's checks of an envelope whose shape is good, in the protocol's
 * order: certificate and signature, the time window, the size of its items.
 */
#include <string.h>

#include "json/batch.h"
#include "json/canon.h"
#include "proto/ed.h"
#include "verify.h"

#define WINDOW_S 300 /* either side */

/* What is signed, and the longest payload of an item in it. */
struct signed_text {
	char text[SIGNTEXT_BATCH_MAX];
	size_t length;
	size_t longest;
};

static enum code
batch_text(struct signed_text *out, const struct envelope *envelope)
{
	struct wire_item items[BATCH_ITEMS];
	struct batch_item lines[BATCH_ITEMS];
	uint8_t hash[ED_HASH];
	uint32_t i, count;
	enum code code;

	code = batch_cut(
	    items, &count, envelope->payload, envelope->payload_length);
	if (code != CODE_OK)
		return code;
	for (i = 0; i < count; i++) {
		if (!canon_check(items[i].payload, items[i].payload_length))
			return CODE_PAYLOAD_MALFORMED;
		sha256(hash, items[i].payload, items[i].payload_length);
		memcpy(lines[i].id, items[i].id, sizeof(lines[i].id));
		signtext_item_digest(
		    lines[i].digest, items[i].type, items[i].id, hash);
		if (items[i].payload_length > out->longest)
			out->longest = items[i].payload_length;
	}
	out->length =
	    signtext_batch(out->text, &envelope->header, lines, count);
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
