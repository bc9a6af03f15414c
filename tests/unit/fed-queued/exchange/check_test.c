/* SPDX-License-Identifier: ISC */
/*
 * The order of checks on a request: each check fails alone, the first that
 * fails decides, and what fails up to the signature is refused alike.
 */
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fed-queued/exchange/check.h"
#include "proto/ed.h"

#define NOW 1770000000

struct party {
	uint8_t identity[32], identity_secret[64];
	uint8_t signing_secret[64];
	struct cert cert;
};

static struct party alice, bob;
static struct peer peer;
static struct limiter strangers, failures;
static struct check_context context;
static struct wire_request request;
static const char payload[] = "{\"encryptedContent\":\"AAAA\"}";

static void
party_make(struct party *party, unsigned char fill, uint64_t serial)
{
	uint8_t seed[32];
	char text[CERT_MAX];
	size_t length;

	memset(party, 0, sizeof(*party));
	memset(seed, fill, sizeof(seed));
	crypto_sign_seed_keypair(party->identity, party->identity_secret, seed);
	memset(seed, fill + 1, sizeof(seed));
	crypto_sign_seed_keypair(
	    party->cert.signing_key, party->signing_secret, seed);
	memcpy(party->cert.server, party->identity, 32);
	party->cert.serial = serial;
	party->cert.min_serial = serial;
	party->cert.not_before = NOW - 1000;
	party->cert.not_after = NOW + 80 * 86400;
	length = cert_text(text, &party->cert);
	crypto_sign_detached(party->cert.signature, NULL,
	    (const unsigned char *)text, length, party->identity_secret);
}

static void
request_sign(const struct party *by)
{
	char text[SIGNTEXT_ENVELOPE_MAX];
	uint8_t hash[32];
	size_t length;

	sha256(hash, request.envelope.payload, request.envelope.payload_length);
	length = signtext_envelope(text, &request.envelope.header, hash);
	crypto_sign_detached(request.envelope.signature, NULL,
	    (const unsigned char *)text, length, by->signing_secret);
}

static void
request_make(const char *type)
{
	struct envelope_header *header = &request.envelope.header;

	memset(&request, 0, sizeof(request));
	snprintf(header->type, sizeof(header->type), "%s", type);
	header->id[0] = 7;
	memcpy(header->origin, bob.identity, 32);
	memcpy(header->destination, alice.identity, 32);
	header->timestamp = NOW;
	cert_key_id(header->key_id, &bob.cert);
	request.envelope.payload = payload;
	request.envelope.payload_length = strlen(payload);
	if (strcmp(type, "handshake") == 0) {
		request.handshake_path = true;
		request.envelope.has_handshake = true;
		request.envelope.handshake.cert = bob.cert;
		request.envelope.handshake.protocol_count = 1;
		snprintf(request.envelope.handshake.protocols[0],
		    sizeof(request.envelope.handshake.protocols[0]), "%s",
		    PROTOCOL_VERSION);
	}
	request_sign(&bob);
}

static int
setup(void **state)
{
	(void)state;
	if (ed_init() != 0)
		return -1;
	party_make(&alice, 1, NOW - 500);
	party_make(&bob, 3, NOW - 400);
	memset(&peer, 0, sizeof(peer));
	peer.present = true;
	memcpy(peer.key, bob.identity, 32);
	peer.trust = TRUST_VERIFIED;
	peer_certificate_add(
	    &peer, &bob.cert, bob.cert.serial, bob.cert.min_serial);
	memset(&strangers, 0, sizeof(strangers));
	memset(&failures, 0, sizeof(failures));
	memset(&context, 0, sizeof(context));
	memcpy(context.server, alice.identity, 32);
	context.now = NOW;
	context.window_s = 300;
	context.strangers = &strangers;
	context.failures = &failures;
	context.space = SIZE_MAX;
	request_make("message");
	return 0;
}

static void
expect(enum verdict verdict, enum code code, struct peer *of)
{
	struct check check;

	check_request(&check, &context, of, &request);
	assert_string_equal(code_name(check.code), code_name(code));
	if (check.verdict == VERDICT_COMMIT)
		assert_true(check.items[0].commit);
	if (check.verdict == VERDICT_ANSWER) {
		assert_false(check.items[0].commit);
		assert_int_equal(check.items[0].result.code, code);
	}
	assert_int_equal(check.verdict, verdict);
}

static void
good(void **state)
{
	(void)state;
	expect(VERDICT_COMMIT, CODE_OK, &peer);
	peer.trust = TRUST_KNOWN;
	expect(VERDICT_COMMIT, CODE_OK, &peer);
	peer.trust = TRUST_TRUSTED;
	expect(VERDICT_COMMIT, CODE_OK, &peer);
}

static void
refused_alike(void **state)
{
	(void)state;
	expect(VERDICT_REFUSED, CODE_SERVER_UNKNOWN, NULL);

	memcpy(context.server, bob.identity, 32);
	expect(VERDICT_REFUSED, CODE_DESTINATION, &peer);
	memcpy(context.server, alice.identity, 32);

	peer.trust = TRUST_BLOCKED;
	expect(VERDICT_REFUSED, CODE_SERVER_BLOCKED, &peer);
	peer.trust = TRUST_VERIFIED;

	request.envelope.header.key_id[0] ^= 1;
	expect(VERDICT_REFUSED, CODE_KEY_UNKNOWN, &peer);
	request.envelope.header.key_id[0] ^= 1;

	peer.min_serial = bob.cert.serial + 1;
	expect(VERDICT_REFUSED, CODE_KEY_REVOKED, &peer);
	peer.min_serial = 0;

	context.now = bob.cert.not_after + CERT_GRACE_S + 1;
	expect(VERDICT_REFUSED, CODE_CERTIFICATE_EXPIRED, &peer);
	context.now = bob.cert.not_before - CERT_GRACE_S - 1;
	expect(VERDICT_REFUSED, CODE_CERTIFICATE_NOT_YET, &peer);
	context.now = NOW;

	request.envelope.signature[0] ^= 1;
	expect(VERDICT_REFUSED, CODE_SIGNATURE, &peer);
	request.envelope.signature[0] ^= 1;
	expect(VERDICT_COMMIT, CODE_OK, &peer);
}

/* Everything that is signed, and the payload, one bit at a time. */
static void
every_bit_is_covered(void **state)
{
	struct envelope_header *header = &request.envelope.header;
	char other[sizeof(payload)];
	size_t i;

	(void)state;
	for (i = 0; i < 16; i++) {
		header->id[i] ^= 1;
		expect(VERDICT_REFUSED, CODE_SIGNATURE, &peer);
		header->id[i] ^= 1;
	}
	header->timestamp++;
	expect(VERDICT_REFUSED, CODE_SIGNATURE, &peer);
	header->timestamp--;
	header->type[0] = 'n';
	expect(VERDICT_REFUSED, CODE_SIGNATURE, &peer);
	header->type[0] = 'm';
	for (i = 0; i < strlen(payload); i++) {
		memcpy(other, payload, sizeof(other));
		other[i] ^= 1;
		request.envelope.payload = other;
		expect(VERDICT_REFUSED, CODE_SIGNATURE, &peer);
	}
}

static void
window(void **state)
{
	struct check check;

	(void)state;
	request.envelope.header.timestamp = NOW + 300;
	request_sign(&bob);
	expect(VERDICT_COMMIT, CODE_OK, &peer);
	request.envelope.header.timestamp = NOW - 300;
	request_sign(&bob);
	expect(VERDICT_COMMIT, CODE_OK, &peer);

	request.envelope.header.timestamp = NOW + 301;
	request_sign(&bob);
	check_request(&check, &context, &peer, &request);
	assert_int_equal(check.verdict, VERDICT_ANSWER);
	assert_int_equal(check.code, CODE_CLOCK_AHEAD);
	assert_int_equal(check.seconds, 300);
	request.envelope.header.timestamp = NOW - 3601;
	request_sign(&bob);
	check_request(&check, &context, &peer, &request);
	assert_int_equal(check.code, CODE_CLOCK_BEHIND);
	assert_int_equal(check.seconds, 3600);

	/* strangers learn nothing of our clock */
	peer.trust = TRUST_UNKNOWN;
	expect(VERDICT_REFUSED, CODE_TIME_WINDOW, &peer);
}

static void
rates(void **state)
{
	struct check check;
	int i;

	(void)state;
	limiter_set(&peer.items, 100, 60000, 300, 0);
	for (i = 0; i < 300; i++)
		expect(VERDICT_COMMIT, CODE_OK, &peer);
	check_request(&check, &context, &peer, &request);
	assert_int_equal(check.verdict, VERDICT_ANSWER);
	assert_int_equal(check.code, CODE_RATE);
	assert_true(check.seconds >= 1);

	limiter_set(&strangers, 10, 1000, 10, 0);
	request_make("handshake");
	for (i = 0; i < 10; i++)
		expect(VERDICT_HANDSHAKE, CODE_OK, NULL);
	expect(VERDICT_LIMITED, CODE_RATE, NULL);
	/* peers never wait for strangers */
	memset(&peer.items, 0, sizeof(peer.items));
	expect(VERDICT_HANDSHAKE, CODE_OK, &peer);
}

static void
trust_and_types(void **state)
{
	(void)state;
	peer.trust = TRUST_UNKNOWN;
	expect(VERDICT_ANSWER, CODE_UNTRUSTED, &peer);
	request_make("handshake");
	expect(VERDICT_HANDSHAKE, CODE_OK, &peer);
	peer.trust = TRUST_TRUSTED;
	request_make("ack");
	expect(VERDICT_ANSWER, CODE_TYPE_UNKNOWN, &peer);
	request_make("gossip");
	expect(VERDICT_ANSWER, CODE_TYPE_UNKNOWN, &peer);
}

static void
payload_size(void **state)
{
	static char large[ITEM_MAX + 1];

	(void)state;
	memset(large, 'a', sizeof(large));
	memcpy(large, "{\"a\":\"", 6);
	memcpy(large + ITEM_MAX - 2, "\"}", 2);
	request.envelope.payload = large;
	request.envelope.payload_length = ITEM_MAX;
	request_sign(&bob);
	expect(VERDICT_COMMIT, CODE_OK, &peer);
	memcpy(large + ITEM_MAX - 2, "a\"}", 3);
	request.envelope.payload_length = ITEM_MAX + 1;
	request_sign(&bob);
	expect(VERDICT_ANSWER, CODE_PAYLOAD_TOO_LARGE, &peer);
}

static void
not_canonical(void **state)
{
	static const char spaced[] = "{ \"a\":1}";

	(void)state;
	request.envelope.payload = spaced;
	request.envelope.payload_length = strlen(spaced);
	request_sign(&bob);
	expect(VERDICT_ANSWER, CODE_PAYLOAD_MALFORMED, &peer);
}

static void
lookup_make(const char *text)
{
	request_make("user_lookup");
	request.envelope.payload = text;
	request.envelope.payload_length = strlen(text);
	request_sign(&bob);
}

static void
lookups(void **state)
{
	static const char good[] = "{\"handle\":\"alice\"}";
	static char large[ITEM_MAX + 2];
	int level;

	(void)state;
	/* Who may look up is not for the check to show. */
	for (level = TRUST_KNOWN; level <= TRUST_TRUSTED; level++) {
		peer.trust = level;
		lookup_make(good);
		expect(VERDICT_LOOKUP, CODE_OK, &peer);
		lookup_make("{\"handle\":\"Alice\"}");
		expect(VERDICT_LOOKUP, CODE_PAYLOAD_MALFORMED, &peer);
		lookup_make("{ \"handle\":\"alice\"}");
		expect(VERDICT_LOOKUP, CODE_PAYLOAD_MALFORMED, &peer);
		lookup_make("{}");
		expect(VERDICT_LOOKUP, CODE_PAYLOAD_MALFORMED, &peer);
		memset(large, ' ', ITEM_MAX + 1);
		lookup_make(large);
		expect(VERDICT_LOOKUP, CODE_PAYLOAD_TOO_LARGE, &peer);
	}
	lookup_make(good);
	peer.trust = TRUST_UNKNOWN;
	expect(VERDICT_ANSWER, CODE_UNTRUSTED, &peer);
	peer.trust = TRUST_BLOCKED;
	expect(VERDICT_REFUSED, CODE_SERVER_BLOCKED, &peer);
}

/* So many a minute, whatever they ask for and at whichever level. */
static void
lookup_rate(void **state)
{
	struct check check;
	int i;

	(void)state;
	limiter_set(&peer.lookups, 10, 60000, 10, 0);
	limiter_set(&peer.items, 1000, 60000, 1000, 0);
	for (i = 0; i < 10; i++) {
		peer.trust = 1 + i % 3;
		lookup_make(i % 2 == 0 ? "{\"handle\":\"alice\"}" : "{}");
		expect(VERDICT_LOOKUP,
		    i % 2 == 0 ? CODE_OK : CODE_PAYLOAD_MALFORMED, &peer);
	}
	check_request(&check, &context, &peer, &request);
	assert_int_equal(check.verdict, VERDICT_ANSWER);
	assert_int_equal(check.items[0].result.status, ACK_RETRY);
	assert_int_equal(check.items[0].result.code, CODE_RATE);
	assert_in_range(check.items[0].result.seconds, 6, 7);
	/* messages have their own */
	request_make("message");
	expect(VERDICT_COMMIT, CODE_OK, &peer);
	/* six seconds for each */
	lookup_make("{\"handle\":\"alice\"}");
	context.now_ms = 5900;
	expect(VERDICT_ANSWER, CODE_RATE, &peer);
	context.now_ms = 6100;
	expect(VERDICT_LOOKUP, CODE_OK, &peer);
	/* and pays like an item */
	limiter_set(&peer.items, 1, 60000, 1, context.now_ms);
	context.now_ms = 100000;
	expect(VERDICT_LOOKUP, CODE_OK, &peer);
	expect(VERDICT_ANSWER, CODE_RATE, &peer);
}

/* Heads of rooms are for peers, and pay like an item. */
static void
syncs(void **state)
{
	static const char good[] = "{\"heads\":[]}", spaced[] = "{ }";
	int level;

	(void)state;
	limiter_set(&peer.items, 4, 60000, 4, context.now_ms);
	request_make("server_sync");
	request.envelope.payload = good;
	request.envelope.payload_length = sizeof(good) - 1;
	request_sign(&bob);
	for (level = TRUST_KNOWN; level <= TRUST_TRUSTED; level++) {
		peer.trust = level;
		expect(VERDICT_SYNC, CODE_OK, &peer);
	}
	request.envelope.payload = spaced;
	request.envelope.payload_length = sizeof(spaced) - 1;
	request_sign(&bob);
	expect(VERDICT_SYNC, CODE_PAYLOAD_MALFORMED, &peer);
	expect(VERDICT_ANSWER, CODE_RATE, &peer);
	peer.trust = TRUST_UNKNOWN;
	expect(VERDICT_ANSWER, CODE_UNTRUSTED, &peer);
}

static void
handshake_certificates(void **state)
{

	(void)state;
	request_make("handshake");
	expect(VERDICT_HANDSHAKE, CODE_OK, NULL);
	expect(VERDICT_HANDSHAKE, CODE_OK, &peer);

	/* it speaks another protocol, and this one behind it */
	request.envelope.handshake.protocols[0][21] = '2';
	expect(VERDICT_ANSWER, CODE_VERSION, NULL);
	expect(VERDICT_ANSWER, CODE_VERSION, &peer);
	request.envelope.handshake.protocol_count = 2;
	snprintf(request.envelope.handshake.protocols[1], 33, "%s",
	    PROTOCOL_VERSION);
	expect(VERDICT_HANDSHAKE, CODE_OK, &peer);

	/* another server's certificate */
	request.envelope.handshake.cert = alice.cert;
	expect(VERDICT_REFUSED, CODE_CERTIFICATE_SERVER, &peer);

	/* the envelope names another certificate */
	request_make("handshake");
	request.envelope.header.key_id[5] ^= 1;
	request_sign(&bob);
	expect(VERDICT_REFUSED, CODE_KEY_UNKNOWN, &peer);

	/* not signed by the identity key */
	request_make("handshake");
	request.envelope.handshake.cert.signature[3] ^= 1;
	expect(VERDICT_REFUSED, CODE_SIGNATURE, &peer);

	/* a known serial with other content */
	bob.cert.not_after++;
	{
		char text[CERT_MAX];
		size_t length = cert_text(text, &bob.cert);

		crypto_sign_detached(bob.cert.signature, NULL,
		    (const unsigned char *)text, length, bob.identity_secret);
	}
	request_make("handshake");
	expect(VERDICT_REFUSED, CODE_CERTIFICATE_CONFLICT, &peer);

	/* over the budget nothing is verified, so nothing is evidence */
	limiter_set(&failures, 1, 1000, 1, 0);
	assert_true(limiter_take(&failures, 1, 0));
	expect(VERDICT_REFUSED, CODE_CERTIFICATE_CONFLICT, &peer);
	{
		struct check check;

		check_request(&check, &context, &peer, &request);
		assert_null(check.known);
		memset(&failures, 0, sizeof(failures));
		check_request(&check, &context, &peer, &request);
		assert_non_null(check.known);
	}

	/* what was highest, and has been forgotten since */
	party_make(&bob, 3, NOW - 400);
	request_make("handshake");
	peer.certificate_count = 0;
	expect(VERDICT_HANDSHAKE, CODE_OK, &peer);

	/* lower than what was seen, then higher */
	party_make(&bob, 3, NOW - 401);
	request_make("handshake");
	peer.min_serial = 0;
	expect(VERDICT_REFUSED, CODE_CERTIFICATE_SERIAL, &peer);
	peer.min_serial = NOW - 400;
	expect(VERDICT_REFUSED, CODE_KEY_REVOKED, &peer);
	party_make(&bob, 3, NOW - 399);
	request_make("handshake");
	expect(VERDICT_HANDSHAKE, CODE_OK, &peer);

	/* more than 24 h ahead of our clock */
	party_make(&bob, 3, NOW + CERT_GRACE_S);
	request_make("handshake");
	expect(VERDICT_HANDSHAKE, CODE_OK, &peer);
	party_make(&bob, 3, NOW + CERT_GRACE_S + 1);
	request_make("handshake");
	expect(VERDICT_REFUSED, CODE_CERTIFICATE_SERIAL, &peer);
}

/* Signed answers that cost no item: so many, then unsigned ones. */
static void
refusals_limited(void **state)
{
	(void)state;
	context.now_ms = 1000;
	limiter_set(&peer.refusals, 1, 1000, 2, context.now_ms);
	request.envelope.header.timestamp = NOW - 301;
	request_sign(&bob);
	expect(VERDICT_ANSWER, CODE_CLOCK_BEHIND, &peer);
	expect(VERDICT_ANSWER, CODE_CLOCK_BEHIND, &peer);
	expect(VERDICT_LIMITED, CODE_RATE, &peer);
	context.now_ms += 1000;
	expect(VERDICT_ANSWER, CODE_CLOCK_BEHIND, &peer);
	expect(VERDICT_LIMITED, CODE_RATE, &peer);

	/* the same for items, and for handshakes */
	limiter_set(&peer.items, 1, 60000, 1, context.now_ms);
	request_make("message");
	expect(VERDICT_COMMIT, CODE_OK, &peer);
	expect(VERDICT_LIMITED, CODE_RATE, &peer);
	request_make("handshake");
	expect(VERDICT_LIMITED, CODE_RATE, &peer);
	context.now_ms += 2000;
	expect(VERDICT_ANSWER, CODE_RATE, &peer);
	request_make("message");
	expect(VERDICT_ANSWER, CODE_RATE, &peer);
	expect(VERDICT_LIMITED, CODE_RATE, &peer);
	context.now_ms += 60000;
	expect(VERDICT_COMMIT, CODE_OK, &peer);
}

/* A batch of count messages, signed by bob. */
static void
batch_make(uint32_t count)
{
	struct batch_item lines[BATCH_ITEMS];
	char text[SIGNTEXT_BATCH_MAX];
	uint8_t hash[32];
	size_t length;
	uint32_t i;

	request_make("batch");
	request.envelope.item_count = count;
	sha256(hash, payload, strlen(payload));
	for (i = 0; i < count; i++) {
		struct wire_item *item = &request.envelope.items[i];

		snprintf(item->type, sizeof(item->type), "message");
		item->id[0] = (uint8_t)i;
		item->payload = payload;
		item->payload_length = strlen(payload);
		memcpy(lines[i].id, item->id, 16);
		signtext_item_digest(
		    lines[i].digest, item->type, item->id, hash);
	}
	length = signtext_batch(text, &request.envelope.header, lines, count);
	crypto_sign_detached(request.envelope.signature, NULL,
	    (const unsigned char *)text, length, bob.signing_secret);
}

static void
batches(void **state)
{
	struct check check;
	uint32_t i;

	(void)state;
	batch_make(64);
	check_request(&check, &context, &peer, &request);
	assert_int_equal(check.verdict, VERDICT_COMMIT);
	assert_int_equal(check.item_count, 64);
	for (i = 0; i < 64; i++)
		assert_true(check.items[i].commit);

	/* one item changed: nothing of the batch holds */
	request.envelope.items[63].id[5] ^= 1;
	expect(VERDICT_REFUSED, CODE_SIGNATURE, &peer);

	/* a bad item is rejected alone */
	batch_make(3);
	snprintf(request.envelope.items[1].type, TYPE_SIZE, "gossip");
	expect(VERDICT_REFUSED, CODE_SIGNATURE, &peer);

	/* over the rate: a prefix, and the rest comes again */
	limiter_set(&peer.items, 2, 60000, 6, 0);
	batch_make(10);
	check_request(&check, &context, &peer, &request);
	assert_int_equal(check.verdict, VERDICT_COMMIT);
	for (i = 0; i < 10; i++) {
		assert_int_equal(check.items[i].commit, i < 6);
		if (i >= 6)
			assert_int_equal(
			    check.items[i].result.status, ACK_RETRY);
	}
	check_request(&check, &context, &peer, &request);
	assert_int_equal(check.verdict, VERDICT_ANSWER);

	/* a stranger's batch: UNTRUSTED, once for each item */
	peer.trust = TRUST_UNKNOWN;
	check_request(&check, &context, &peer, &request);
	assert_int_equal(check.verdict, VERDICT_ANSWER);
	assert_int_equal(check.item_count, 10);
	assert_int_equal(check.items[9].result.code, CODE_UNTRUSTED);
}

/* As many as the inbox has room for, at no cost for the others. */
static void
inbox_space(void **state)
{
	struct limit_counter counter = {0};
	struct check check;
	uint32_t i;

	(void)state;
	limiter_set(&peer.items, 20, 60000, 20, 0);
	peer.items.counter = &counter;
	batch_make(10);
	context.space = 10;
	check_request(&check, &context, &peer, &request);
	assert_int_equal(check.verdict, VERDICT_COMMIT);
	assert_int_equal(check.unstored, 0);
	context.space = 4;
	check_request(&check, &context, &peer, &request);
	assert_int_equal(check.verdict, VERDICT_COMMIT);
	assert_int_equal(check.unstored, 6);
	for (i = 0; i < 10; i++)
		assert_int_equal(check.items[i].commit, i < 4);
	assert_int_equal(check.items[9].result.status, ACK_RETRY);
	assert_int_equal(check.items[9].result.code, CODE_STORAGE);
	assert_true(check.items[9].result.seconds > 0);
	context.space = 0;
	check_request(&check, &context, &peer, &request);
	assert_int_equal(check.verdict, VERDICT_ANSWER);
	assert_int_equal(check.code, CODE_STORAGE);
	assert_int_equal(check.unstored, 10);
	/* 14 were paid for: 6 are left, and what is too many is counted */
	context.space = SIZE_MAX;
	check_request(&check, &context, &peer, &request);
	assert_true(check.items[5].commit && !check.items[6].commit);
	assert_int_equal(check.items[6].result.code, CODE_RATE);
	assert_int_equal(counter.taken, 20);
	assert_int_equal(counter.refused, 4);
	/* both at once: what comes first */
	context.space = 1;
	check_request(&check, &context, &peer, &request);
	assert_int_equal(check.code, CODE_RATE);
	/* a handshake needs no room */
	request_make("handshake");
	context.space = 0;
	memset(&peer.items, 0, sizeof(peer.items));
	expect(VERDICT_HANDSHAKE, CODE_OK, &peer);
}

/* Told to come later only whoever it truly is. */
static void
crowded(void **state)
{
	(void)state;
	context.crowded = true;
	limiter_set(&peer.items, 1, 60000, 1, 0);
	expect(VERDICT_BUSY, CODE_BUSY, &peer);
	request_make("handshake");
	expect(VERDICT_BUSY, CODE_BUSY, &peer);
	request.envelope.signature[1] ^= 1;
	expect(VERDICT_REFUSED, CODE_SIGNATURE, &peer);
	context.crowded = false;
	request_make("message");
	expect(VERDICT_COMMIT, CODE_OK, &peer);
	expect(VERDICT_ANSWER, CODE_RATE, &peer);
}

static void
paths(void **state)
{
	(void)state;
	request.handshake_path = true;
	expect(VERDICT_MALFORMED, CODE_PAYLOAD_MALFORMED, &peer);
	request_make("handshake");
	request.handshake_path = false;
	expect(VERDICT_MALFORMED, CODE_PAYLOAD_MALFORMED, &peer);
}

static void
answers(void **state)
{
	const struct cert *cert;

	(void)state;
	request_make("ack");
	assert_int_equal(check_answer(&context, &peer, bob.identity,
			     &request.envelope, &cert),
	    CODE_OK);
	assert_int_equal(check_answer(&context, &peer, alice.identity,
			     &request.envelope, &cert),
	    CODE_ANSWER_UNBOUND);
	assert_int_equal(check_answer(&context, NULL, bob.identity,
			     &request.envelope, &cert),
	    CODE_SERVER_UNKNOWN);
	request.envelope.signature[9] ^= 1;
	assert_int_equal(check_answer(&context, &peer, bob.identity,
			     &request.envelope, &cert),
	    CODE_ANSWER_SIGNATURE);
	request_make("message");
	assert_int_equal(check_answer(&context, &peer, bob.identity,
			     &request.envelope, &cert),
	    CODE_ANSWER_UNBOUND);
	memcpy(context.server, bob.identity, 32);
	request_make("ack");
	assert_int_equal(check_answer(&context, &peer, bob.identity,
			     &request.envelope, &cert),
	    CODE_ANSWER_UNBOUND);
}

int
main(void)
{
#define TEST(function) cmocka_unit_test_setup(function, setup)
	const struct CMUnitTest tests[] = {
	    TEST(refusals_limited),
	    TEST(good),
	    TEST(refused_alike),
	    TEST(every_bit_is_covered),
	    TEST(window),
	    TEST(rates),
	    TEST(trust_and_types),
	    TEST(payload_size),
	    TEST(not_canonical),
	    TEST(lookups),
	    TEST(lookup_rate),
	    TEST(syncs),
	    TEST(handshake_certificates),
	    TEST(batches),
	    TEST(paths),
	    TEST(inbox_space),
	    TEST(crowded),
	    TEST(answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
