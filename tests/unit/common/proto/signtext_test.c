/* SPDX-License-Identifier: ISC */
/* Signing texts, byte for byte, against another implementation. */
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
#include "proto/onion.h"
#include "proto/signtext.h"

#define ORIGIN "aoqqpp7tzyil4hlq3umoos6atft6jvrqtosq2xy53sdgiesvgg4bqead.onion"
#define TARGET "fgwlvykbxtfpbmrodkkngtily43b4utnbp7bfsexss6jgiuwnxluewad.onion"
#define ID     "f81d4fae-7dec-41d0-a765-00a0c91e6bf6"
#define KEY_ID \
	"61488fe7500b7b24d76bdcf1a225b521f780a437ce1aebc4fe43c12b55894474"
/* base64 of SHA-256 of "{}" */
#define HASH "RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o="
#define HEADER                                                      \
	"tor-chat-federation-v1/envelope\nmessage\n" ID "\n" ORIGIN \
	"\n" TARGET "\n2025-10-30T12:00:00Z\n" KEY_ID

static void
header_fill(struct envelope_header *header)
{
	memset(header, 0, sizeof(*header));
	strcpy(header->type, "message");
	uuid_parse(header->id, ID, UUID_TEXT);
	onion_parse(header->origin, ORIGIN, ONION_LENGTH);
	onion_parse(header->destination, TARGET, ONION_LENGTH);
	time_parse(&header->timestamp, "2025-10-30T12:00:00Z", TIME_TEXT);
	hex_decode(header->key_id, 32, KEY_ID, 64);
}

static void
envelope(void **state)
{
	static const char expected[] = HEADER "\n" HASH;
	char text[SIGNTEXT_ENVELOPE_MAX];
	struct envelope_header header;
	uint8_t hash[32];
	size_t length;

	(void)state;
	header_fill(&header);
	sha256(hash, "{}", 2);
	length = signtext_envelope(text, &header, hash);
	assert_int_equal(length, strlen(expected));
	assert_memory_equal(text, expected, length);
}

/* The longest type, not terminated, stays within the size that is promised. */
static void
envelope_longest(void **state)
{
	char text[SIGNTEXT_ENVELOPE_MAX];
	struct envelope_header header;
	uint8_t hash[32] = {0};
	size_t length;

	(void)state;
	header_fill(&header);
	memset(header.type, 'z', sizeof(header.type));
	length = signtext_envelope(text, &header, hash);
	assert_int_equal(length, 333 - 7 + 32);
	assert_memory_equal(text + 31 + 1 + 32, "\n" ID "\n", 38);
}

static void
batch(void **state)
{
	static const char one[] = HEADER "\n" ID " " HASH;
	static const char two[] = HEADER "\n" ID " " HASH "\n" ID " " HASH;
	static char text[SIGNTEXT_BATCH_MAX];
	struct batch_item items[64];
	struct envelope_header header;
	size_t i, length;

	(void)state;
	header_fill(&header);
	for (i = 0; i < 64; i++) {
		uuid_parse(items[i].id, ID, UUID_TEXT);
		sha256(items[i].digest, "{}", 2);
	}
	length = signtext_batch(text, &header, items, 1);
	assert_int_equal(length, strlen(one));
	assert_memory_equal(text, one, length);
	length = signtext_batch(text, &header, items, 2);
	assert_int_equal(length, strlen(two));
	assert_memory_equal(text, two, length);
	length = signtext_batch(text, &header, items, 64);
	assert_int_equal(length, strlen(HEADER) + 64 * 82);
	assert_true(length <= SIGNTEXT_BATCH_MAX);
	assert_memory_equal(text, two, strlen(two));
}

static void
item(void **state)
{
	uint8_t digest[32], hash[32], id[16];
	char text[65];

	(void)state;
	uuid_parse(id, ID, UUID_TEXT);
	sha256(hash, "{}", 2);
	signtext_item_digest(digest, "message", id, hash);
	hex_encode(text, digest, sizeof(digest));
	assert_string_equal(text,
	    "a3a352310809a90b87cfde3e56beca528b602294baad618887f320ecce3969a1");
	signtext_item_digest(digest, "room_join", id, hash);
	hex_encode(text, digest, sizeof(digest));
	assert_string_not_equal(text,
	    "a3a352310809a90b87cfde3e56beca528b602294baad618887f320ecce3969a1");
}

static void
types(void **state)
{
	static const char long_type[] = "abcdefghijklmnopqrstuvwxyz______";
	static const char *bad[] = {"Message", "message ", "mess4ge",
	    "message\n", "room-join", "room.join", "m\xc3\xa9ssage"};
	size_t i;

	(void)state;
	assert_true(signtext_type_valid("a", 1));
	assert_true(signtext_type_valid("_", 1));
	assert_true(signtext_type_valid(long_type, 32));
	assert_false(signtext_type_valid("", 0));
	assert_false(
	    signtext_type_valid("abcdefghijklmnopqrstuvwxyz_______", 33));
	assert_false(signtext_type_valid("a\0b", 3));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(signtext_type_valid(bad[i], strlen(bad[i])));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(envelope),
	    cmocka_unit_test(envelope_longest),
	    cmocka_unit_test(batch),
	    cmocka_unit_test(item),
	    cmocka_unit_test(types),
	};

	if (ed_init() == -1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
