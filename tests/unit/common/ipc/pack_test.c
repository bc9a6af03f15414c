/* SPDX-License-Identifier: ISC */
/*
 * Packing: the bytes themselves, the ends of every bound, and errors that
 * latch.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ipc/pack.h"

static void
test_bytes(void **state)
{
	static const uint8_t expected[] = {0x01, 0x03, 0x02, 0x07, 0x06, 0x05,
	    0x04, 0x0f, 0x0e, 0x0d, 0x0c, 0x0b, 0x0a, 0x09, 0x08, 0xfe, 0xff,
	    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 'r', 'a', 'w', 2, 0, 0, 0, 'b',
	    'l', 3, 0, 0, 0, 's', 't', 'r'};
	uint8_t memory[sizeof(expected)];
	struct pack pack;

	(void)state;
	pack_init(&pack, memory, sizeof(memory));
	pack_u8(&pack, 0x01);
	pack_u16(&pack, 0x0203);
	pack_u32(&pack, 0x04050607);
	pack_u64(&pack, 0x08090a0b0c0d0e0fULL);
	pack_i64(&pack, -2);
	pack_bytes(&pack, "raw", 3);
	pack_blob(&pack, "bl", 2);
	pack_string(&pack, "str");
	pack_bytes(&pack, NULL, 0);
	assert_true(pack_ok(&pack));
	assert_int_equal(pack.length, sizeof(expected));
	assert_memory_equal(memory, expected, sizeof(expected));
	/* Full: nothing more, and it stays so. */
	pack_u8(&pack, 0);
	assert_false(pack_ok(&pack));
	assert_int_equal(pack.length, sizeof(expected));
	pack_bytes(&pack, NULL, 0);
	assert_false(pack_ok(&pack));
}

static void
test_back(void **state)
{
	uint8_t memory[64], raw[3];
	struct pack pack;
	struct unpack unpack;
	const uint8_t *blob;
	size_t length;
	char string[4];

	(void)state;
	pack_init(&pack, memory, sizeof(memory));
	pack_u8(&pack, 255);
	pack_u8(&pack, 1);
	pack_u8(&pack, 0);
	pack_u16(&pack, 65535);
	pack_u32(&pack, UINT32_MAX);
	pack_u64(&pack, UINT64_MAX);
	pack_i64(&pack, INT64_MIN);
	pack_bytes(&pack, "raw", 3);
	pack_blob(&pack, "blo\0b", 5);
	pack_string(&pack, "str");
	unpack_init(&unpack, memory, pack.length);
	assert_int_equal(unpack_u8(&unpack), 255);
	assert_true(unpack_bool(&unpack));
	assert_false(unpack_bool(&unpack));
	assert_int_equal(unpack_u16(&unpack), 65535);
	assert_true(unpack_u32(&unpack) == UINT32_MAX);
	assert_true(unpack_u64(&unpack) == UINT64_MAX);
	assert_true(unpack_i64(&unpack) == INT64_MIN);
	unpack_bytes(&unpack, raw, 3);
	assert_memory_equal(raw, "raw", 3);
	blob = unpack_blob(&unpack, &length, 5);
	assert_int_equal(length, 5);
	assert_memory_equal(blob, "blo\0b", 5);
	assert_int_equal(unpack_done(&unpack), -1); /* left over */
	unpack_string(&unpack, string, sizeof(string));
	assert_string_equal(string, "str");
	assert_int_equal(unpack_done(&unpack), 0);
}

/* A prefix of a message never decodes, and reads nothing behind its end. */
static void
test_short(void **state)
{
	uint8_t memory[32] = {0};
	struct unpack unpack;
	uint8_t raw[2] = {9, 9};

	(void)state;
	unpack_init(&unpack, memory, 0);
	assert_int_equal(unpack_u8(&unpack), 0);
	assert_int_equal(unpack_done(&unpack), -1);
	unpack_init(&unpack, memory, 1);
	assert_int_equal(unpack_u16(&unpack), 0);
	assert_int_equal(unpack_u8(&unpack), 0); /* latched */
	assert_int_equal(unpack_done(&unpack), -1);
	unpack_init(&unpack, memory, 3);
	assert_int_equal(unpack_u32(&unpack), 0);
	assert_int_equal(unpack_done(&unpack), -1);
	unpack_init(&unpack, memory, 7);
	assert_int_equal(unpack_u64(&unpack), 0);
	assert_int_equal(unpack_done(&unpack), -1);
	unpack_init(&unpack, memory, 1);
	unpack_bytes(&unpack, raw, 2);
	assert_int_equal(raw[0], 0);
	assert_int_equal(raw[1], 0);
	assert_int_equal(unpack_done(&unpack), -1);
	unpack_init(&unpack, NULL, 0);
	unpack_bytes(&unpack, raw, 0);
	assert_int_equal(unpack_done(&unpack), 0);
	unpack_init(&unpack, NULL, 5);
	assert_int_equal(unpack_u8(&unpack), 0);
	assert_int_equal(unpack_done(&unpack), -1);
}

static void
test_bool(void **state)
{
	uint8_t byte;
	struct unpack unpack;

	(void)state;
	byte = 2;
	unpack_init(&unpack, &byte, 1);
	assert_false(unpack_bool(&unpack));
	assert_int_equal(unpack_done(&unpack), -1);
	byte = 255;
	unpack_init(&unpack, &byte, 1);
	assert_false(unpack_bool(&unpack));
	assert_int_equal(unpack_done(&unpack), -1);
}

/* A blob of five bytes. */
static const uint8_t *
blob_with(uint32_t announced, size_t max, size_t *length, int *done)
{
	static uint8_t memory[9];
	struct unpack unpack;
	struct pack pack;
	const uint8_t *blob;

	pack_init(&pack, memory, sizeof(memory));
	pack_u32(&pack, announced);
	pack_bytes(&pack, "abcde", 5);
	unpack_init(&unpack, memory, sizeof(memory));
	*length = 77;
	blob = unpack_blob(&unpack, length, max);
	*done = unpack_done(&unpack);
	return blob;
}

static void
test_blob(void **state)
{
	size_t length;
	int done;

	(void)state;
	assert_non_null(blob_with(5, 5, &length, &done));
	assert_int_equal(length, 5);
	assert_int_equal(done, 0);
	assert_null(blob_with(5, 4, &length, &done));
	assert_int_equal(length, 0);
	assert_int_equal(done, -1);
	assert_null(blob_with(6, 100, &length, &done));
	assert_int_equal(length, 0);
	assert_int_equal(done, -1);
	assert_null(blob_with(UINT32_MAX, SIZE_MAX, &length, &done));
	assert_int_equal(length, 0);
	assert_int_equal(done, -1);
	assert_non_null(blob_with(4, 5, &length, &done));
	assert_int_equal(length, 4);
	assert_int_equal(done, -1); /* left over */
}

static int
string_with(const char *bytes, uint32_t length, char *string, size_t size)
{
	uint8_t memory[32];
	struct unpack unpack;
	struct pack pack;

	pack_init(&pack, memory, sizeof(memory));
	pack_blob(&pack, bytes, length);
	unpack_init(&unpack, memory, pack.length);
	unpack_string(&unpack, string, size);
	return unpack_done(&unpack);
}

static void
test_string(void **state)
{
	char string[5] = "****";

	(void)state;
	assert_int_equal(string_with("abcd", 4, string, 5), 0);
	assert_string_equal(string, "abcd");
	assert_int_equal(string_with("abcde", 5, string, 5), -1);
	assert_string_equal(string, "");
	assert_int_equal(string_with("ab\0d", 4, string, 5), -1);
	assert_string_equal(string, "");
	assert_int_equal(string_with("abc\0", 4, string, 5), -1);
	assert_int_equal(string_with("", 0, string, 1), 0);
	assert_string_equal(string, "");
	assert_int_equal(string_with("", 0, string, 0), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bytes),
	    cmocka_unit_test(test_back),
	    cmocka_unit_test(test_short),
	    cmocka_unit_test(test_bool),
	    cmocka_unit_test(test_blob),
	    cmocka_unit_test(test_string),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
