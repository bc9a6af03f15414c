/* SPDX-License-Identifier: ISC */
/*
 * SOCKS5 as a client: what is written, every form of reply, and that bytes
 * that come one at a time mean the same as all at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/encode.h"
#include "proto/ed.h"
#include "proto/socks.h"

#define SERVER "aoqqpp7tzyil4hlq3umoos6atft6jvrqtosq2xy53sdgiesvgg4bqead.onion"

static const uint8_t key[32] = {0x03, 0xa1, 0x07, 0xbf, 0xf3, 0xce, 0x10, 0xbe,
    0x1d, 0x70, 0xdd, 0x18, 0xe7, 0x4b, 0xc0, 0x99, 0x67, 0xe4, 0xd6, 0x30,
    0x9b, 0xa5, 0x0d, 0x5f, 0x1d, 0xdc, 0x86, 0x64, 0x12, 0x55, 0x31, 0xb8};
static const uint8_t secret[32] = {1};

static void
start(struct socks *socks, enum socks_state state)
{
	socks_init(socks, secret, key, 7, 80);
	socks->state = state;
}

/*
 * Feeds length bytes one by one, as a caller does that keeps what was not
 * used, from the given state on until a failure, the end, or SOCKS_DONE.
 */
static enum code
feed(struct socks *socks, const uint8_t *bytes, size_t length, size_t *total)
{
	size_t from = 0, used, until;
	enum code code;

	for (until = 1; until <= length; until++) {
		if (socks->state == SOCKS_DONE)
			break;
		code = socks_read(socks, bytes + from, until - from, &used);
		assert_true(used <= until - from);
		if (code != CODE_OK)
			return code;
		from += used;
	}
	*total = from;
	return CODE_OK;
}

/* Both ways; the reply stands at the end and 3 bytes of HTTP follow it. */
static void
expect(enum socks_state state, const void *reply, size_t length, enum code code,
    enum socks_state after)
{
	uint8_t bytes[SOCKS_REPLY_MAX + 3];
	struct socks one, whole;
	size_t total = 0, used;

	memcpy(bytes, reply, length);
	memcpy(bytes + length, "\5\0\5", 3);
	start(&whole, state);
	assert_int_equal(socks_read(&whole, bytes, length + 3, &used), code);
	assert_int_equal(whole.state, after);
	if (code != CODE_OK)
		assert_int_equal(used, 0);
	else
		assert_int_equal(used, length);
	start(&one, state);
	assert_int_equal(feed(&one, bytes, length, &total), code);
	assert_int_equal(one.state, after);
	if (code == CODE_OK)
		assert_int_equal(total, length);
}

/* Every prefix waits for more and uses nothing. */
static void
expect_prefixes(enum socks_state state, const uint8_t *reply, size_t length)
{
	struct socks socks;
	size_t i, used;

	for (i = 0; i < length; i++) {
		start(&socks, state);
		used = 99;
		assert_int_equal(socks_read(&socks, reply, i, &used), CODE_OK);
		assert_int_equal(used, 0);
		assert_int_equal(socks.state, state);
	}
}

static void
writes(void **state)
{
	uint8_t buf[SOCKS_REQUEST_MAX];
	struct socks socks;
	uint8_t both[64];
	char user[65];

	(void)state;
	start(&socks, SOCKS_METHOD);
	assert_int_equal(socks_write(&socks, buf), 3);
	assert_memory_equal(buf, "\5\1\2", 3);

	start(&socks, SOCKS_AUTH);
	memcpy(both, secret, 32);
	memcpy(both + 32, key, 32);
	sha256(both, both, 64);
	hex_encode(user, both, 32);
	assert_int_equal(socks_write(&socks, buf), 2 + 64 + 1 + 1);
	assert_memory_equal(buf, "\1\100", 2);
	assert_memory_equal(buf + 2, user, 64);
	assert_memory_equal(buf + 66,
	    "\1"
	    "7",
	    2);

	start(&socks, SOCKS_REPLY);
	assert_int_equal(socks_write(&socks, buf), 5 + 62 + 2);
	assert_memory_equal(buf, "\5\1\0\3\76" SERVER "\0\120", 69);

	start(&socks, SOCKS_DONE);
	assert_int_equal(socks_write(&socks, buf), 0);
}

/* Another secret or key is another user, another generation a password. */
static void
isolation(void **state)
{
	uint8_t other_key[32], other_secret[32] = {2};
	struct socks a, b;

	(void)state;
	memcpy(other_key, key, 32);
	other_key[31] ^= 1;
	socks_init(&a, secret, key, 0, 80);
	socks_init(&b, secret, key, 0, 80);
	assert_string_equal(a.user, b.user);
	assert_string_equal(a.password, b.password);
	socks_init(&b, secret, key, UINT32_MAX, 65535);
	assert_string_equal(a.user, b.user);
	assert_string_equal(b.password, "4294967295");
	socks_init(&b, other_secret, key, 0, 80);
	assert_string_not_equal(a.user, b.user);
	socks_init(&b, secret, other_key, 0, 80);
	assert_string_not_equal(a.user, b.user);
	/* a probe has nothing in common with what is sent there */
	socks_init_probe(&b, secret, key, 0, 80);
	assert_int_equal(strlen(b.user), 64);
	assert_string_not_equal(a.user, b.user);
	assert_string_equal(a.host, b.host);
	assert_int_equal(b.state, SOCKS_METHOD);
}

static void
method(void **state)
{
	(void)state;
	expect(SOCKS_METHOD, "\5\2", 2, CODE_OK, SOCKS_AUTH);
	expect(SOCKS_METHOD, "\5\377", 2, CODE_SOCKS_METHOD, SOCKS_METHOD);
	/* a method that was not offered */
	expect(SOCKS_METHOD, "\5\0", 2, CODE_SOCKS_PROTOCOL, SOCKS_METHOD);
	expect(SOCKS_METHOD, "\5\1", 2, CODE_SOCKS_PROTOCOL, SOCKS_METHOD);
	expect(SOCKS_METHOD, "\4\2", 2, CODE_SOCKS_PROTOCOL, SOCKS_METHOD);
	expect(SOCKS_METHOD, "HT", 2, CODE_SOCKS_PROTOCOL, SOCKS_METHOD);
	expect_prefixes(SOCKS_METHOD, (const uint8_t *)"\5\2", 2);
}

static void
auth(void **state)
{
	(void)state;
	expect(SOCKS_AUTH, "\1\0", 2, CODE_OK, SOCKS_REPLY);
	expect(SOCKS_AUTH, "\1\1", 2, CODE_SOCKS_AUTH, SOCKS_AUTH);
	expect(SOCKS_AUTH, "\1\377", 2, CODE_SOCKS_AUTH, SOCKS_AUTH);
	expect(SOCKS_AUTH, "\5\0", 2, CODE_SOCKS_PROTOCOL, SOCKS_AUTH);
	expect_prefixes(SOCKS_AUTH, (const uint8_t *)"\1\0", 2);
}

static void
reply_forms(void **state)
{
	uint8_t reply[SOCKS_REPLY_MAX] = {5, 0, 0, 0};
	size_t length;
	int name;

	(void)state;
	reply[3] = 1;
	expect(SOCKS_REPLY, reply, 10, CODE_OK, SOCKS_DONE);
	expect_prefixes(SOCKS_REPLY, reply, 10);
	reply[3] = 4;
	expect(SOCKS_REPLY, reply, 22, CODE_OK, SOCKS_DONE);
	expect_prefixes(SOCKS_REPLY, reply, 22);
	reply[3] = 3;
	for (name = 0; name <= 255; name++) {
		reply[4] = (uint8_t)name;
		length = 7 + (size_t)name;
		assert_true(length <= SOCKS_REPLY_MAX);
		expect(SOCKS_REPLY, reply, length, CODE_OK, SOCKS_DONE);
		expect_prefixes(SOCKS_REPLY, reply, length);
	}
	assert_int_equal(length, SOCKS_REPLY_MAX);
}

static void
reply_malformed(void **state)
{
	uint8_t reply[SOCKS_REPLY_MAX];
	int type;

	(void)state;
	memset(reply, 0, sizeof(reply));
	for (type = 0; type <= 255; type++) {
		if (type == 1 || type == 3 || type == 4)
			continue;
		reply[0] = 5;
		reply[3] = (uint8_t)type;
		expect(
		    SOCKS_REPLY, reply, 10, CODE_SOCKS_PROTOCOL, SOCKS_REPLY);
	}
	reply[3] = 1;
	reply[0] = 4;
	expect(SOCKS_REPLY, reply, 10, CODE_SOCKS_PROTOCOL, SOCKS_REPLY);
	reply[0] = 5;
	reply[2] = 1; /* reserved */
	expect(SOCKS_REPLY, reply, 10, CODE_SOCKS_PROTOCOL, SOCKS_REPLY);
}

static void
reply_failures(void **state)
{
	static const struct {
		uint8_t reply;
		enum code code;
	} known[] = {{1, CODE_SOCKS_GENERAL}, {2, CODE_SOCKS_RULES},
	    {3, CODE_SOCKS_NETWORK}, {4, CODE_SOCKS_HOST},
	    {5, CODE_SOCKS_REFUSED}, {6, CODE_SOCKS_TTL},
	    {7, CODE_SOCKS_COMMAND}, {8, CODE_SOCKS_COMMAND},
	    {9, CODE_SOCKS_GENERAL}, {0xef, CODE_SOCKS_GENERAL},
	    {0xf0, CODE_ONION_NOT_FOUND}, {0xf1, CODE_ONION_INVALID},
	    {0xf2, CODE_ONION_INTRODUCTION}, {0xf3, CODE_ONION_RENDEZVOUS},
	    {0xf4, CODE_ONION_AUTH_MISSING}, {0xf5, CODE_ONION_AUTH_WRONG},
	    {0xf6, CODE_ONION_ADDRESS}, {0xf7, CODE_ONION_TIMEOUT},
	    {0xf8, CODE_SOCKS_GENERAL}, {0xff, CODE_SOCKS_GENERAL}};
	uint8_t reply[10] = {5, 0, 0, 1};
	size_t i, length;

	(void)state;
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		reply[1] = known[i].reply;
		/* also cut short: the failure is known with its byte */
		for (length = 2; length <= 10; length++)
			expect(SOCKS_REPLY, reply, length, known[i].code,
			    SOCKS_REPLY);
	}
}

/* The whole conversation, tor's three answers and the peer's HTTP in one. */
static void
conversation(void **state)
{
	static const uint8_t bytes[] = "\5\2\1\0\5\0\0\1\0\0\0\0\0\0HTTP";
	size_t from = 0, steps = 0, total, used;
	struct socks socks;

	(void)state;
	start(&socks, SOCKS_METHOD);
	while (socks.state != SOCKS_DONE && steps++ < 3) {
		assert_int_equal(socks_read(&socks, bytes + from,
				     sizeof(bytes) - 1 - from, &used),
		    CODE_OK);
		assert_true(used > 0);
		from += used;
	}
	assert_int_equal(socks.state, SOCKS_DONE);
	assert_memory_equal(bytes + from, "HTTP", 4);
	assert_int_equal(socks_read(&socks, bytes + from, 4, &used), CODE_OK);
	assert_int_equal(used, 0);
	start(&socks, SOCKS_METHOD);
	assert_int_equal(
	    feed(&socks, bytes, sizeof(bytes) - 1, &total), CODE_OK);
	assert_int_equal(total, from);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(writes),
	    cmocka_unit_test(isolation),
	    cmocka_unit_test(method),
	    cmocka_unit_test(auth),
	    cmocka_unit_test(reply_forms),
	    cmocka_unit_test(reply_malformed),
	    cmocka_unit_test(reply_failures),
	    cmocka_unit_test(conversation),
	};

	if (ed_init() == -1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
