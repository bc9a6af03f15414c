/* SPDX-License-Identifier: ISC */
/* The order of checks on a request; see check.h. */
#include <string.h>

#include "exchange/check.h"
#include "json/canon.h"
#include "json/lookup.h"
#include "json/sync_payload.h"
#include "proto/ed.h"
#include "proto/signtext.h"

#define INBOX_RETRY_S 30  /* what peers are told while the inbox is full */
#define CROWD_S	      1	  /* when its own requests are in its way */
#define CLOCK_STEP_S  300 /* what a peer is told about its clock is rounded */

static const char *const types_known[] = {
    "message", "room_invite", "room_join", "room_leave", "room_state"};

#define TEXT_MAX SIGNTEXT_BATCH_MAX

/*
 * A certificate that came with a handshake or its answer, and verifies: whose
 * it is, that the envelope names it, and that it fits what we have seen.
 */
static enum code
check_certificate(const struct peer *peer, const uint8_t server[32],
    const struct cert *cert, const uint8_t key_id[32],
    const struct cert **known)
{
	uint8_t own_id[32];

	if (memcmp(cert->server, server, 32) != 0)
		return CODE_CERTIFICATE_SERVER;
	cert_key_id(own_id, cert);
	if (memcmp(own_id, key_id, 32) != 0)
		return CODE_KEY_UNKNOWN;
	if (peer == NULL)
		return CODE_OK;
	if (cert->serial < peer->min_serial)
		return CODE_KEY_REVOKED;
	if (peer_certificate(peer, own_id) != NULL)
		return CODE_OK;
	*known = peer_certificate_conflict(peer, cert);
	if (*known != NULL)
		return CODE_CERTIFICATE_CONFLICT;
	/* The highest itself may be one that we have forgotten. */
	if (cert->serial < peer->highest_serial)
		return CODE_CERTIFICATE_SERIAL;
	return CODE_OK;
}

/* The signing key for an envelope from a peer, among those we know. */
static enum code
check_known_key(const struct peer *peer, const uint8_t key_id[32], int64_t now,
    const struct cert **cert)
{
	if (peer == NULL)
		return CODE_SERVER_UNKNOWN;
	*cert = peer_certificate(peer, key_id);
	if (*cert == NULL)
		return CODE_KEY_UNKNOWN;
	if ((*cert)->serial < peer->min_serial)
		return CODE_KEY_REVOKED;
	return cert_verify_time(*cert, now);
}

size_t
check_signing_text(
    char *text, const struct check *check, const struct wire_envelope *envelope)
{
	struct batch_item lines[BATCH_ITEMS];
	uint8_t hash[32];
	uint32_t i;

	if (envelope->item_count == 0) {
		sha256(hash, envelope->payload, envelope->payload_length);
		return signtext_envelope(text, &envelope->header, hash);
	}
	for (i = 0; i < envelope->item_count; i++) {
		memcpy(lines[i].id, envelope->items[i].id, sizeof(lines[i].id));
		memcpy(lines[i].digest, check->items[i].digest, 32);
	}
	return signtext_batch(
	    text, &envelope->header, lines, envelope->item_count);
}

/* The request's signing text, and the digest of each item. */
static size_t
check_text(struct check *check, char text[TEXT_MAX],
    const struct wire_envelope *envelope)
{
	const struct envelope_header *header = &envelope->header;
	const struct wire_item *item;
	uint8_t hash[32];
	uint32_t i;

	check->item_count = envelope->item_count;
	if (envelope->item_count == 0) {
		check->item_count = 1;
		sha256(hash, envelope->payload, envelope->payload_length);
		signtext_item_digest(
		    check->items[0].digest, header->type, header->id, hash);
		return signtext_envelope(text, header, hash);
	}
	for (i = 0; i < envelope->item_count; i++) {
		item = &envelope->items[i];
		sha256(hash, item->payload, item->payload_length);
		signtext_item_digest(
		    check->items[i].digest, item->type, item->id, hash);
	}
	return check_signing_text(text, check, envelope);
}

/* Destination, origin and key, none of which costs anything. */
static enum code
check_names(struct check *check, const struct check_context *context,
    const struct peer *peer, const struct wire_envelope *envelope,
    const struct cert **cert)
{
	const struct envelope_header *header = &envelope->header;

	if (memcmp(header->destination, context->server, 32) != 0)
		return CODE_DESTINATION;
	if (memcmp(header->origin, context->server, 32) == 0)
		return CODE_SELF;
	if (peer != NULL && peer->trust == TRUST_BLOCKED)
		return CODE_SERVER_BLOCKED;
	if (!envelope->has_handshake)
		return check_known_key(
		    peer, header->key_id, context->now, cert);
	*cert = &envelope->handshake.cert;
	return check_certificate(
	    peer, header->origin, *cert, header->key_id, &check->known);
}

/*
 * Everything up to the signature. Whatever fails first, as much is verified as
 * where nothing fails, and the caller answers all alike: the work depends on
 * what the sender wrote and not on what we know. Over the budget for failures
 * that is given up, so that a flood of them costs next to nothing.
 */
static enum code
check_authenticity(struct check *check, const struct check_context *context,
    const struct peer *peer, const struct wire_envelope *envelope)
{
	char text[TEXT_MAX];
	size_t length = check_text(check, text, envelope);
	const struct cert *cert = NULL;
	enum code code, genuine = CODE_OK;

	sha256(check->request_hash, text, length);
	code = check_names(check, context, peer, envelope, &cert);
	if (code != CODE_OK &&
	    !limiter_take(context->failures, 1, context->now_ms)) {
		check->known = NULL;
		return code;
	}
	if (envelope->has_handshake)
		genuine = cert_verify(&envelope->handshake.cert, context->now);
	if (code == CODE_OK && genuine == CODE_OK) {
		if (ed_verify(
			envelope->signature, text, length, cert->signing_key))
			return CODE_OK;
	} else
		(void)ed_verify_dummy(envelope->signature, text, length);
	if (code == CODE_OK) {
		(void)limiter_take(context->failures, 1, context->now_ms);
		code = genuine == CODE_OK ? CODE_SIGNATURE : genuine;
	}
	/* fed-listener leaves this to us: no server has such an address. */
	if (!ed_key_valid(envelope->header.origin))
		code = CODE_ADDRESS_KEY;
	/* Evidence is what the identity key has signed. */
	if (genuine != CODE_OK)
		check->known = NULL;
	return code;
}

static void
check_end(
    struct check *check, enum verdict verdict, enum code code, uint32_t seconds)
{
	check->verdict = verdict;
	check->code = code;
	check->seconds = seconds;
}

/* One answer, signed, for all items. */
static void
check_all(struct check *check, enum ack_status status, enum code code,
    uint32_t seconds)
{
	uint32_t i;

	check_end(check, VERDICT_ANSWER, code, seconds);
	for (i = 0; i < check->item_count; i++) {
		check->items[i].commit = false;
		check->items[i].result =
		    (struct ack_result){status, code, seconds};
	}
}

/*
 * One answer, signed, that costs the peer no item: so many, and then unsigned
 * ones, or a peer could use up the signatures that all others wait for.
 */
static void
check_refuse(struct check *check, const struct check_context *context,
    struct peer *peer, enum code code, uint32_t seconds)
{
	if (limiter_take(&peer->refusals, 1, context->now_ms))
		check_all(check, ACK_RETRY, code, seconds);
	else
		check_end(check, VERDICT_LIMITED, CODE_RATE,
		    limiter_wait_s(&peer->refusals, 1, context->now_ms));
}

/* true when the timestamp is within the window; else check has the verdict. */
static bool
check_window(struct check *check, const struct check_context *context,
    struct peer *peer, int64_t timestamp)
{
	int64_t skew = timestamp - context->now;
	int64_t size = skew < 0 ? -skew : skew;

	if (size <= context->window_s)
		return true;
	if (peer == NULL || peer->trust < TRUST_KNOWN) {
		check_end(check, VERDICT_REFUSED, CODE_TIME_WINDOW, 0);
		return false;
	}
	size = (size + CLOCK_STEP_S / 2) / CLOCK_STEP_S * CLOCK_STEP_S;
	if (size > ACK_SECONDS_MAX)
		size = ACK_SECONDS_MAX;
	check_refuse(check, context, peer,
	    skew > 0 ? CODE_CLOCK_AHEAD : CODE_CLOCK_BEHIND, (uint32_t)size);
	return false;
}

/* Strangers have a budget of their own; peers pay for each item. */
static bool
check_stranger_rate(struct check *check, const struct check_context *context)
{
	if (limiter_take(context->strangers, 1, context->now_ms))
		return true;
	check_end(check, VERDICT_LIMITED, CODE_RATE,
	    limiter_wait_s(context->strangers, 1, context->now_ms));
	return false;
}

static bool
type_known(const char *type)
{
	size_t i;

	for (i = 0; i < sizeof(types_known) / sizeof(types_known[0]); i++)
		if (strcmp(type, types_known[i]) == 0)
			return true;
	return false;
}

static enum code
item_code(const char *type, const char *payload, size_t length)
{
	if (!type_known(type))
		return CODE_TYPE_UNKNOWN;
	if (length > ITEM_MAX)
		return CODE_PAYLOAD_TOO_LARGE;
	if (!canon_check(payload, length))
		return CODE_PAYLOAD_MALFORMED;
	return CODE_OK;
}

static void
check_item(struct check_item *item, enum code code)
{
	item->commit = code == CODE_OK;
	if (code != CODE_OK)
		item->result = (struct ack_result){ACK_REJECTED, code, 0};
}

/* What the rate and the inbox allow, as a prefix; the rest comes again. */
static void
check_items(struct check *check, const struct check_context *context,
    struct peer *peer, const struct wire_envelope *envelope)
{
	const struct wire_item *item;
	bool any = false;
	uint32_t i, seconds;
	enum code code;

	for (i = 0; i < check->item_count && i < context->space; i++) {
		if (!limiter_take(&peer->items, 1, context->now_ms))
			break;
		item = &envelope->items[i];
		if (envelope->item_count == 0)
			check_item(&check->items[0],
			    item_code(envelope->header.type, envelope->payload,
				envelope->payload_length));
		else
			check_item(&check->items[i],
			    item_code(item->type, item->payload,
				item->payload_length));
		any = any || check->items[i].commit;
	}
	check_end(check, any ? VERDICT_COMMIT : VERDICT_ANSWER, CODE_OK, 0);
	if (check->item_count > 0 && i > 0 && !check->items[0].commit)
		check->code = check->items[0].result.code;
	if (i == check->item_count)
		return;
	if (i < context->space) {
		code = CODE_RATE;
		seconds = limiter_wait_s(&peer->items, 1, context->now_ms);
		limiter_refused(&peer->items, check->item_count - i - 1);
	} else {
		code = CODE_STORAGE;
		seconds = INBOX_RETRY_S;
		check->unstored = check->item_count - i;
	}
	if (i == 0) {
		check_refuse(check, context, peer, code, seconds);
		return;
	}
	for (; i < check->item_count; i++)
		check->items[i].result =
		    (struct ack_result){ACK_RETRY, code, seconds};
}

/*
 * A look-up pays like an item, and has a rate of its own at every level alike:
 * it must not show who may look up. Whether the peer may is decided by
 * inbound_lookup(), since the answer is the same.
 */
static void
check_lookup(struct check *check, const struct check_context *context,
    struct peer *peer, const struct wire_envelope *envelope)
{
	struct limiter *limiters[] = {&peer->lookups, &peer->items};
	char handle[LOOKUP_HANDLE_MAX + 1];
	enum code code = CODE_OK;
	size_t i;

	for (i = 0; i < sizeof(limiters) / sizeof(limiters[0]); i++)
		if (!limiter_take(limiters[i], 1, context->now_ms)) {
			check_refuse(check, context, peer, CODE_RATE,
			    limiter_wait_s(limiters[i], 1, context->now_ms));
			return;
		}
	if (envelope->payload_length > ITEM_MAX)
		code = CODE_PAYLOAD_TOO_LARGE;
	else if (!canon_check(envelope->payload, envelope->payload_length))
		code = CODE_PAYLOAD_MALFORMED;
	else
		code = lookup_request_parse(
		    handle, envelope->payload, envelope->payload_length);
	check_end(check, VERDICT_LOOKUP, code, 0);
	check_item(&check->items[0], code);
}

/* Heads of rooms pay like an item, and are read by those who compare them. */
static void
check_sync(struct check *check, const struct check_context *context,
    struct peer *peer, const struct wire_envelope *envelope)
{
	enum code code = CODE_OK;

	if (!limiter_take(&peer->items, 1, context->now_ms)) {
		check_refuse(check, context, peer, CODE_RATE,
		    limiter_wait_s(&peer->items, 1, context->now_ms));
		return;
	}
	if (!canon_check(envelope->payload, envelope->payload_length))
		code = CODE_PAYLOAD_MALFORMED;
	check_end(check, VERDICT_SYNC, code, 0);
	check_item(&check->items[0], code);
}

/*
 * A handshake pays like an item; so peers never wait for strangers. One that
 * does not name the protocol it is written in is not recorded.
 */
static void
check_handshake(struct check *check, const struct check_context *context,
    struct peer *peer, const struct handshake *handshake)
{
	if (peer == NULL || peer->trust < TRUST_KNOWN) {
		if (!check_stranger_rate(check, context))
			return;
	} else if (!limiter_take(&peer->items, 1, context->now_ms)) {
		check_refuse(check, context, peer, CODE_RATE,
		    limiter_wait_s(&peer->items, 1, context->now_ms));
		return;
	}
	if (handshake_speaks(handshake))
		check_end(check, VERDICT_HANDSHAKE, CODE_OK, 0);
	else
		check_all(check, ACK_REJECTED, CODE_VERSION, 0);
}

void
check_request(struct check *check, const struct check_context *context,
    struct peer *peer, const struct wire_request *request)
{
	const struct wire_envelope *envelope = &request->envelope;
	int trust = peer == NULL ? TRUST_UNKNOWN : peer->trust;
	bool handshake = strcmp(envelope->header.type, "handshake") == 0;
	enum code code;

	memset(check, 0, sizeof(*check));
	if (handshake != request->handshake_path ||
	    handshake != envelope->has_handshake) {
		check_end(check, VERDICT_MALFORMED, CODE_PAYLOAD_MALFORMED, 0);
		return;
	}
	/* A flood of strangers is turned away before it costs anything. */
	if (handshake && trust < TRUST_KNOWN &&
	    !limiter_ready(context->strangers, 1, context->now_ms)) {
		check_end(check, VERDICT_LIMITED, CODE_RATE,
		    limiter_wait_s(context->strangers, 1, context->now_ms));
		return;
	}
	code = check_authenticity(check, context, peer, envelope);
	if (code != CODE_OK) {
		check_end(check,
		    code == CODE_ADDRESS_KEY ? VERDICT_MALFORMED
					     : VERDICT_REFUSED,
		    code, 0);
		return;
	}
	if (!check_window(check, context, peer, envelope->header.timestamp))
		return;
	if (context->crowded)
		check_end(check, VERDICT_BUSY, CODE_BUSY, CROWD_S);
	else if (handshake)
		check_handshake(check, context, peer, &envelope->handshake);
	else if (trust >= TRUST_KNOWN &&
		 strcmp(envelope->header.type, LOOKUP_TYPE) == 0)
		check_lookup(check, context, peer, envelope);
	else if (trust >= TRUST_KNOWN &&
		 strcmp(envelope->header.type, SYNC_TYPE) == 0)
		check_sync(check, context, peer, envelope);
	else if (trust >= TRUST_KNOWN)
		check_items(check, context, peer, envelope);
	else if (check_stranger_rate(check, context))
		check_all(check, ACK_REJECTED, CODE_UNTRUSTED, 0);
}

enum code
check_answer(const struct check_context *context, const struct peer *peer,
    const uint8_t asked[32], const struct wire_envelope *envelope,
    const struct cert **cert)
{
	const struct envelope_header *header = &envelope->header;
	const struct cert *known = NULL;
	char text[SIGNTEXT_ENVELOPE_MAX];
	uint8_t hash[32];
	size_t length;
	enum code code;

	*cert = NULL;
	if (strcmp(header->type, "ack") != 0 ||
	    memcmp(header->origin, asked, 32) != 0 ||
	    memcmp(header->destination, context->server, 32) != 0)
		return CODE_ANSWER_UNBOUND;
	if (envelope->has_handshake) {
		*cert = &envelope->handshake.cert;
		code = check_certificate(
		    peer, asked, *cert, header->key_id, &known);
		if (code == CODE_OK)
			code = cert_verify(*cert, context->now);
	} else
		code =
		    check_known_key(peer, header->key_id, context->now, cert);
	if (code != CODE_OK)
		return code;
	sha256(hash, envelope->payload, envelope->payload_length);
	length = signtext_envelope(text, header, hash);
	if (!ed_verify(envelope->signature, text, length, (*cert)->signing_key))
		return CODE_ANSWER_SIGNATURE;
	return CODE_OK;
}
