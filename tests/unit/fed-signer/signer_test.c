/* SPDX-License-Identifier: ISC */
/*
 * fed-signer's policy without its process: which requests are signed and over
 * which text, both sides of every limit, and tor's form of the key.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/encode.h"
#include "fed-signer/expand.h"
#include "fed-signer/identity.h"
#include "fed-signer/request.h"
#include "fed-signer/secret.h"
#include "fed-signer/signer.h"
#include "ipc/pack.h"
#include "proto/ed.h"
#include "room/room_event.h"

#define NOW    INT64_C(1761825600)
#define DAY    INT64_C(86400)
#define WINDOW 300

static struct secret secret;
static struct identity identity;
static struct signer signer;
static struct msg_sign_envelope sign;
static struct msg_sign_state event;
static struct moment now;
static struct answer answer;

static int
memory_file(void)
{
	FILE *file = tmpfile();

	assert_non_null(file);
	return fileno(file);
}

/* A signer whose clock is in the middle of all windows, and what it signs. */
/* So many signatures a second from now on. */
static void
rate_set(int64_t per_second)
{
	signer.rate = (struct bucket_rate){per_second, 1000, per_second};
	bucket_fill(&signer.bucket, &signer.rate, now.monotonic_ms);
}

static int
setup(void **state)
{
	uint8_t public[32], seed[32] = {9};

	(void)state;
	memset(&identity, 0, sizeof(identity));
	memset(&signer, 0, sizeof(signer));
	memset(&sign, 0, sizeof(sign));
	crypto_sign_seed_keypair(public, secret.key, seed);
	memset(identity.cert.server, 1, 32);
	memcpy(identity.cert.signing_key, public, 32);
	identity.cert.serial = (uint64_t)NOW;
	identity.cert.not_before = NOW - 10 * DAY;
	identity.cert.not_after = NOW + 10 * DAY;
	memcpy(identity.message.server, identity.cert.server, 32);
	memset(identity.message.key_id, 2, 32);
	signer.secret = &secret;
	signer.identity = &identity;
	signer.window_s = WINDOW;
	siglog_open(&signer.log, open("/dev/null", O_RDONLY), memory_file());
	now = (struct moment){.utc_s = NOW, .monotonic_ms = 5};
	rate_set(0);
	strcpy(sign.type, "message");
	memset(sign.id, 3, 16);
	memset(sign.origin, 1, 32);
	memset(sign.destination, 4, 32);
	sign.timestamp = NOW;
	memset(sign.payload_hash, 5, 32);
	sign.item_count = 2;
	memset(sign.items, 6, 2 * sizeof(sign.items[0]));
	memset(&event, 0, sizeof(event));
	memset(event.room, 7, sizeof(event.room));
	event.number = 2;
	memset(event.previous, 8, sizeof(event.previous));
	strcpy(event.kind, "join");
	event.timestamp = NOW;
	memset(event.payload_hash, 9, sizeof(event.payload_hash));
	return 0;
}

static const struct message *
next(void *argument)
{
	const struct message **message = argument, *one = *message;

	*message = NULL;
	return one;
}

/* 0, or -1 when it is malformed. */
static int
answer_one(const struct message *message)
{
	static struct answer answers[SIGLOG_GROUP];
	int count =
	    request_answers(&signer, &now, next, (void *)&message, answers);

	answer = answers[0];
	return count == 1 ? 0 : count;
}

static int
ask(uint16_t type)
{
	static uint8_t memory[MESSAGE_BATCH];
	struct message message;
	struct pack pack;

	pack_init(&pack, memory, sizeof(memory));
	if (type == MSG_SIGN_STATE)
		msg_sign_state_encode(&pack, &event);
	else
		msg_sign_encode(&pack, &sign, type == MSG_SIGN_BATCH);
	assert_true(pack_ok(&pack));
	message = (struct message){.type = type,
	    .descriptor = -1,
	    .data = memory,
	    .length = pack.length};
	memset(&answer, 0, sizeof(answer));
	return answer_one(&message);
}

static void
header_expected(struct envelope_header *header)
{
	memset(header, 0, sizeof(*header));
	strcpy(header->type, sign.type);
	memset(header->id, 3, 16);
	memset(header->origin, 1, 32);
	memset(header->destination, 4, 32);
	header->timestamp = sign.timestamp;
	memset(header->key_id, 2, 32); /* ours, whatever was asked */
}

static void
expect_signed(uint16_t type)
{
	static char text[SIGNTEXT_BATCH_MAX];
	struct envelope_header header;
	struct batch_item items[SIGN_ITEMS_MAX];
	size_t length;

	assert_int_equal(ask(type), 0);
	assert_int_equal(answer.type, MSG_SIGNATURE);
	assert_int_equal(answer.length, 64);
	header_expected(&header);
	memset(items, 6, sizeof(items));
	if (type == MSG_SIGN_BATCH)
		length = signtext_batch(text, &header, items, sign.item_count);
	else
		length = signtext_envelope(text, &header, sign.payload_hash);
	assert_true(
	    ed_verify(answer.bytes, text, length, identity.cert.signing_key));
}

static void
expect_refused(uint16_t type, enum sign_refusal refusal)
{
	uint64_t before = signer.refused;

	assert_int_equal(ask(type), 0);
	assert_int_equal(answer.type, MSG_SIGN_REFUSED);
	assert_int_equal(answer.length, 1);
	assert_int_equal(answer.bytes[0], refusal);
	assert_int_equal(signer.refused, before + 1);
}

static void
expect_state_signed(void)
{
	char text[SIGNTEXT_STATE_MAX];
	struct room_event expected;
	size_t length;

	assert_int_equal(ask(MSG_SIGN_STATE), 0);
	assert_int_equal(answer.type, MSG_SIGNATURE);
	memset(&expected, 0, sizeof(expected));
	memset(expected.room.uuid, 7, sizeof(expected.room.uuid));
	memset(expected.room.home, 1, sizeof(expected.room.home));
	expected.number = event.number;
	memcpy(expected.previous, event.previous, sizeof(expected.previous));
	expected.kind = room_kind_find(event.kind, strlen(event.kind));
	expected.timestamp = event.timestamp;
	memset(expected.key_id, 2, sizeof(expected.key_id));
	memset(expected.payload_hash, 9, sizeof(expected.payload_hash));
	length = room_event_text(text, &expected);
	assert_true(
	    ed_verify(answer.bytes, text, length, identity.cert.signing_key));
}

/* All that there are for the rest of us, and no other. */
static void
state_kinds(void **state)
{
	static const char *bad[] = {"notice", "creat", "creates", "message",
	    "state", "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"};
	size_t i;

	(void)state;
	for (i = 0; i < ROOM_KINDS; i++) {
		strcpy(event.kind, room_kind_name((enum room_kind)i));
		expect_state_signed();
	}
	assert_int_equal(signer.states, ROOM_KINDS);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		strcpy(event.kind, bad[i]);
		expect_refused(MSG_SIGN_STATE, SIGN_REFUSED_TYPE);
	}
	strcpy(event.kind, "create");
	event.number = 1;
	memset(event.previous, 0, sizeof(event.previous));
	expect_state_signed();
	assert_int_equal(signer.envelopes + signer.batches, 0);
}

/* A day back and a day ahead; and never when the certificate that
 * it names was not valid. */
static void
state_times(void **state)
{
	(void)state;
	event.timestamp = NOW - DAY;
	expect_state_signed();
	event.timestamp = NOW - DAY - 1;
	expect_refused(MSG_SIGN_STATE, SIGN_REFUSED_TIME);
	event.timestamp = NOW + DAY;
	expect_state_signed();
	event.timestamp = NOW + DAY + 1;
	expect_refused(MSG_SIGN_STATE, SIGN_REFUSED_TIME);
	event.timestamp = NOW - DAY;
	identity.cert.not_before = NOW;
	expect_state_signed(); /* the protocol's grace is a day */
	identity.cert.not_before = NOW + 1;
	expect_refused(MSG_SIGN_STATE, SIGN_REFUSED_CERTIFICATE);
	identity.cert.not_before = NOW - 10 * DAY;
	event.timestamp = NOW;
	identity.cert.not_after = NOW - DAY;
	expect_state_signed();
	event.timestamp = NOW - 1;
	identity.cert.not_after = NOW - DAY - 1;
	expect_refused(MSG_SIGN_STATE, SIGN_REFUSED_CERTIFICATE);
}

static void
state_rate(void **state)
{
	(void)state;
	rate_set(2);
	expect_state_signed();
	event.timestamp = 0;
	expect_refused(MSG_SIGN_STATE, SIGN_REFUSED_TIME);
	event.timestamp = NOW;
	expect_signed(MSG_SIGN_ENVELOPE); /* one rate for all */
	expect_refused(MSG_SIGN_STATE, SIGN_REFUSED_RATE);
}

static void
types(void **state)
{
	static const char *good[] = {"ack", "handshake", "message",
	    "room_invite", "room_join", "room_leave", "room_state",
	    "server_sync", "user_lookup"};
	static const char *bad[] = {"notice", "certificate", "state", "item",
	    "envelope", "messag", "messagee",
	    "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		strcpy(sign.type, good[i]);
		expect_signed(MSG_SIGN_ENVELOPE);
		/* each by its own request alone */
		expect_refused(MSG_SIGN_BATCH, SIGN_REFUSED_TYPE);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		strcpy(sign.type, bad[i]);
		expect_refused(MSG_SIGN_ENVELOPE, SIGN_REFUSED_TYPE);
		expect_refused(MSG_SIGN_BATCH, SIGN_REFUSED_TYPE);
	}
	strcpy(sign.type, "batch");
	expect_signed(MSG_SIGN_BATCH);
	expect_refused(MSG_SIGN_ENVELOPE, SIGN_REFUSED_TYPE);
	assert_int_equal(signer.envelopes, 9);
	assert_int_equal(signer.batches, 1);
}

static void
batches(void **state)
{
	(void)state;
	strcpy(sign.type, "batch");
	memset(sign.items, 6, sizeof(sign.items));
	for (sign.item_count = 1; sign.item_count <= SIGN_ITEMS_MAX;
	     sign.item_count++)
		expect_signed(MSG_SIGN_BATCH);
}

static void
origin(void **state)
{
	(void)state;
	sign.origin[31] ^= 1;
	expect_refused(MSG_SIGN_ENVELOPE, SIGN_REFUSED_ORIGIN);
	sign.origin[31] ^= 1;
	sign.origin[0] ^= 1;
	expect_refused(MSG_SIGN_ENVELOPE, SIGN_REFUSED_ORIGIN);
}

static void
window(void **state)
{
	(void)state;
	sign.timestamp = NOW - WINDOW;
	expect_signed(MSG_SIGN_ENVELOPE);
	sign.timestamp = NOW - WINDOW - 1;
	expect_refused(MSG_SIGN_ENVELOPE, SIGN_REFUSED_TIME);
	sign.timestamp = NOW + WINDOW;
	expect_signed(MSG_SIGN_ENVELOPE);
	sign.timestamp = NOW + WINDOW + 1;
	expect_refused(MSG_SIGN_ENVELOPE, SIGN_REFUSED_TIME);
	sign.timestamp = 0;
	expect_refused(MSG_SIGN_ENVELOPE, SIGN_REFUSED_TIME);
	sign.timestamp = 253370764799; /* the last that has a text */
	expect_refused(MSG_SIGN_ENVELOPE, SIGN_REFUSED_TIME);
}

/* The protocol's grace counts here, too: peers still take what is signed. */
static void
certificate(void **state)
{
	(void)state;
	identity.cert.not_after = NOW - DAY;
	expect_signed(MSG_SIGN_ENVELOPE);
	identity.cert.not_after = NOW - DAY - 1;
	expect_refused(MSG_SIGN_ENVELOPE, SIGN_REFUSED_CERTIFICATE);
	identity.cert.not_after = NOW + DAY;
	identity.cert.not_before = NOW + DAY;
	expect_signed(MSG_SIGN_ENVELOPE);
	identity.cert.not_before = NOW + DAY + 1;
	expect_refused(MSG_SIGN_ENVELOPE, SIGN_REFUSED_CERTIFICATE);
}

static void
malformed(void **state)
{
	uint8_t bytes[300] = {0};
	struct message message = {.type = MSG_SIGN_ENVELOPE,
	    .descriptor = -1,
	    .data = bytes,
	    .length = 0};

	(void)state;
	for (message.length = 0; message.length < sizeof(bytes);
	     message.length++)
		assert_int_equal(answer_one(&message), -1);
	message.type = MSG_SIGN_STATE;
	for (message.length = 0; message.length < sizeof(bytes);
	     message.length++)
		assert_int_equal(answer_one(&message), -1);
	message.type = MSG_SIGNATURE;
	assert_int_equal(answer_one(&message), -1);
	assert_int_equal(signer.envelopes + signer.batches, 0);
	assert_int_equal(signer.states, 0);
}

static void
rate_limit(void **state)
{
	int i;

	(void)state;
	rate_set(3);
	for (i = 0; i < 3; i++)
		expect_signed(MSG_SIGN_ENVELOPE);
	expect_refused(MSG_SIGN_ENVELOPE, SIGN_REFUSED_RATE);
	/* what is refused for another reason takes nothing */
	now.monotonic_ms += 1000 / 3 + 1;
	sign.timestamp = 0;
	expect_refused(MSG_SIGN_ENVELOPE, SIGN_REFUSED_TIME);
	sign.timestamp = NOW;
	expect_signed(MSG_SIGN_ENVELOPE);
	expect_refused(MSG_SIGN_ENVELOPE, SIGN_REFUSED_RATE);
}

/* Vectors of tor's own tests: seed, expanded, public. */
static const struct {
	const char *seed;
	const char *expanded;
	const char *public;
} vectors[] = {
    {"26c76712d89d906e6672dafa614c42e5cb1caac8c6568e4d2493087db51f0d36",
	"c0a4de23cc64392d85aa1da82b3defddbea946d13bb053bf8489fa9296281f49"
	"5022f1f7ec0dcf52f07d4c7965c4eaed121d5d88d0a8ff546b06116a20e97755",
	"c2247870536a192d142d056abefca68d6193158e7c1a59c1654c954eccaff894"},
    {"fba7a5366b5cb98c2667a18783f5cf8f4f8d1a2ce939ad22a6e685edde85128d",
	"18a8a69a06790dac778e882f7e868baacfa12521a5c058f5194f3a729184514a"
	"2a656fe7799c3e41f43d756da8d9cd47a061316cfe6147e23ea2f90d1ca45f30",
	"1519a3b15816a1aafab0b213892026ebf5c0dc232c58b21088d88cb90e9b940d"},
};

static void
expansions(void **state)
{
	uint8_t expanded[64], file[EXPAND_SECRET_SIZE], seed[32];
	uint8_t derived[32], key[EXPAND_PUBLIC_SIZE], public[32];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		hex_decode(seed, 32, vectors[i].seed, 64);
		hex_decode(expanded, 64, vectors[i].expanded, 128);
		hex_decode(public, 32, vectors[i].public, 64);
		expand_secret(file, seed);
		assert_memory_equal(
		    file, "== ed25519v1-secret: type0 ==\0\0\0", 32);
		assert_memory_equal(file + 32, expanded, 64);
		expand_public(key, public);
		assert_memory_equal(
		    key, "== ed25519v1-public: type0 ==\0\0\0", 32);
		assert_memory_equal(key + 32, public, 32);
		/* the scalar in tor's file makes libsodium's public key */
		crypto_scalarmult_ed25519_base_noclamp(derived, file + 32);
		assert_memory_equal(derived, public, 32);
		crypto_sign_seed_keypair(derived, secret.key, seed);
		assert_memory_equal(derived, public, 32);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(types, setup),
	    cmocka_unit_test_setup(batches, setup),
	    cmocka_unit_test_setup(state_kinds, setup),
	    cmocka_unit_test_setup(state_times, setup),
	    cmocka_unit_test_setup(state_rate, setup),
	    cmocka_unit_test_setup(origin, setup),
	    cmocka_unit_test_setup(window, setup),
	    cmocka_unit_test_setup(certificate, setup),
	    cmocka_unit_test_setup(malformed, setup),
	    cmocka_unit_test_setup(rate_limit, setup),
	    cmocka_unit_test_setup(expansions, setup),
	};

	if (ed_init() == -1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
