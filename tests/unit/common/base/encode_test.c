/* SPDX-License-Identifier: ISC */
/* Hexadecimal, base64, UUIDs, times and decimals: both directions, strict. */
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

static void
hex(void **state)
{
	static const char *bad[] = {"", "0", "00f", "00ff0", "00FF", "0x00",
	    "00 f", "00fg", "00ff00", "\xff\xff\xff\xff"};
	uint8_t bytes[2] = {0, 0};
	char text[5];
	size_t i;

	(void)state;
	hex_encode(text, (const uint8_t *)"\x00\xff", 2);
	assert_string_equal(text, "00ff");
	hex_encode(text, NULL, 0);
	assert_string_equal(text, "");
	assert_int_equal(hex_decode(bytes, 2, "1aF0", 4), -1);
	assert_int_equal(hex_decode(bytes, 2, "1af0", 4), 0);
	assert_memory_equal(bytes, "\x1a\xf0", 2);
	assert_int_equal(hex_decode(bytes, 0, "", 0), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
		    hex_decode(bytes, 2, bad[i], strlen(bad[i])), -1);
}

/* RFC 4648 section 10. */
static void
base64_vectors(void **state)
{
	static const char *pairs[][2] = {{"", ""}, {"f", "Zg=="},
	    {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
	    {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
	uint8_t bytes[8];
	char text[16];
	size_t i, length;

	(void)state;
	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		length = strlen(pairs[i][0]);
		base64_encode(text, (const uint8_t *)pairs[i][0], length);
		assert_string_equal(text, pairs[i][1]);
		assert_int_equal(strlen(text), BASE64_LENGTH(length));
		assert_int_equal(base64_decode(bytes, sizeof(bytes), &length,
				     text, strlen(text)),
		    0);
		assert_int_equal(length, strlen(pairs[i][0]));
		assert_memory_equal(bytes, pairs[i][0], length);
	}
}

/* Whatever decodes is what would be written: every text of four characters. */
static void
base64_strict(void **state)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
	    "-_ \n\xff";
	size_t a, b, c, d, length, n = sizeof(alphabet); /* with the NUL */
	unsigned long taken = 0;
	uint8_t bytes[3];
	char again[8], text[4];

	(void)state;
	for (a = 0; a < n; a++)
		for (b = 0; b < n; b++)
			for (c = 0; c < n; c += 3)
				for (d = 0; d < n; d++) {
					text[0] = alphabet[a];
					text[1] = alphabet[b];
					text[2] = alphabet[c];
					text[3] = alphabet[d];
					if (base64_decode(bytes, 3, &length,
						text, 4) == -1)
						continue;
					base64_encode(again, bytes, length);
					assert_memory_equal(again, text, 4);
					taken++;
				}
	assert_true(taken > 64 * 64 * 21);
}

static void
base64_lengths(void **state)
{
	static const char *bad[] = {"Zg", "Zg=", "Zg==\n", "Zg===", "====",
	    "Z===", "Zg==Zg==", "Zh==", "Zm9=", "Zm9v=", "=Zg=", "Zg=A"};
	uint8_t bytes[6];
	size_t i, length;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		length = 99;
		assert_int_equal(
		    base64_decode(bytes, 6, &length, bad[i], strlen(bad[i])),
		    -1);
		assert_int_equal(length, 0);
	}
	assert_int_equal(base64_decode(bytes, 6, &length, "Zm9vYmFy", 8), 0);
	assert_int_equal(base64_decode(bytes, 5, &length, "Zm9vYmFy", 8), -1);
	assert_int_equal(base64_decode_exact(bytes, 6, "Zm9vYmFy", 8), 0);
	assert_int_equal(base64_decode_exact(bytes, 5, "Zm9vYmFy", 8), -1);
	assert_int_equal(base64_decode_exact(bytes, 5, "Zm9vYmE=", 8), 0);
	assert_int_equal(base64_decode_exact(bytes, 6, "Zm9vYmE=", 8), -1);
	assert_int_equal(base64_decode_exact(bytes, 0, "", 0), 0);
}

static void
uuid(void **state)
{
	static const char good[] = "f81d4fae-7dec-41d0-a765-00a0c91e6bf6";
	static const char *bad[] = {"", "f81d4fae-7dec-41d0-a765-00a0c91e6bf",
	    "f81d4fae-7dec-41d0-a765-00a0c91e6bf60",
	    "F81d4fae-7dec-41d0-a765-00a0c91e6bf6", /* upper case */
	    "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", /* version 1 */
	    "f81d4fae-7dec-71d0-a765-00a0c91e6bf6", /* version 7 */
	    "f81d4fae-7dec-41d0-7765-00a0c91e6bf6", /* variant 0 */
	    "f81d4fae-7dec-41d0-c765-00a0c91e6bf6", /* variant 2 */
	    "f81d4fae07dec041d00a765000a0c91e6bf6",
	    "f81d4fae7-dec-41d0-a765-00a0c91e6bf6",
	    "{81d4fae-7dec-41d0-a765-00a0c91e6bf}"};
	uint8_t id[UUID_SIZE], other[UUID_SIZE];
	char text[UUID_TEXT + 1];
	size_t i;

	(void)state;
	assert_int_equal(uuid_parse(id, good, strlen(good)), 0);
	assert_int_equal(id[0], 0xf8);
	assert_int_equal(id[15], 0xf6);
	uuid_format(text, id);
	assert_string_equal(text, good);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(uuid_parse(id, bad[i], strlen(bad[i])), -1);
	for (i = 0; i < 100; i++) {
		uuid_new(id);
		uuid_format(text, id);
		assert_int_equal(uuid_parse(other, text, UUID_TEXT), 0);
		assert_memory_equal(id, other, UUID_SIZE);
	}
	uuid_new(other);
	assert_memory_not_equal(id, other, UUID_SIZE);
}

static const struct {
	const char *text;
	int64_t seconds;
} times[] = {
    {"1970-01-01T00:00:00Z", 0},
    {"1970-01-01T00:00:01Z", 1},
    {"1999-12-31T23:59:59Z", 946684799},
    {"2000-02-29T00:00:00Z", 951782400},
    {"2000-03-01T00:00:00Z", 951868800},
    {"2024-02-29T12:30:45Z", 1709209845},
    {"2025-10-30T12:00:00Z", 1761825600},
    {"2038-01-19T03:14:08Z", 2147483648},
    {"2100-02-28T23:59:59Z", 4107542399},
    {"2100-03-01T00:00:00Z", 4107542400},
    {"9998-12-31T23:59:59Z", 253370764799},
};

static void
time_both(void **state)
{
	char text[TIME_TEXT + 1];
	int64_t seconds;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		assert_int_equal(
		    time_parse(&seconds, times[i].text, TIME_TEXT), 0);
		assert_int_equal(seconds, times[i].seconds);
		time_format(text, seconds);
		assert_string_equal(text, times[i].text);
	}
	/* Every day of the range, at a time of day that moves. */
	for (seconds = 0; seconds < 253370764800; seconds += 86399) {
		int64_t again;

		time_format(text, seconds);
		assert_int_equal(time_parse(&again, text, TIME_TEXT), 0);
		assert_int_equal(again, seconds);
	}
	time_format(text, -1);
	assert_string_equal(text, "1970-01-01T00:00:00Z");
	time_format(text, INT64_MIN);
	assert_string_equal(text, "1970-01-01T00:00:00Z");
	time_format(text, INT64_MAX);
	assert_string_equal(text, "9998-12-31T23:59:59Z");
}

static void
time_refused(void **state)
{
	static const char *bad[] = {"", "1969-12-31T23:59:59Z",
	    "9999-01-01T00:00:00Z", "2025-00-10T00:00:00Z",
	    "2025-13-10T00:00:00Z", "2025-01-00T00:00:00Z",
	    "2025-01-32T00:00:00Z", "2025-04-31T00:00:00Z",
	    "2025-02-29T00:00:00Z", "2100-02-29T00:00:00Z",
	    "2025-01-10T24:00:00Z", "2025-01-10T23:60:00Z",
	    "2025-01-10T23:59:60Z", "2025-01-10t23:59:59Z",
	    "2025-01-10T23:59:59z", "2025-01-10 23:59:59Z",
	    "2025-01-10T23:59:59Z ", " 2025-01-10T23:59:59Z",
	    "2025-01-10T23:59:59", "2025-01-10T23:59:5Z",
	    "2025-1-10T23:59:059Z", "2025-01-10T-3:59:59Z",
	    "2025-01-10T23:59:59.0Z", "2025-01-10T23:59:59+00:00",
	    "2025/01/10T23:59:59Z", "+025-01-10T23:59:59Z"};
	int64_t seconds = 42;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
		    time_parse(&seconds, bad[i], strlen(bad[i])), -1);
	assert_int_equal(seconds, 42);
}

static void
decimal(void **state)
{
	static const char *bad[] = {"", "00", "01", "-0", "-1", "+1", " 1",
	    "1 ", "1.0", "1e2", "0x1", "18446744073709551616",
	    "18446744073709551620", "99999999999999999999999"};
	uint64_t value;
	size_t i;

	(void)state;
	assert_int_equal(decimal_parse(&value, "0", 1, 0), 0);
	assert_true(value == 0);
	assert_int_equal(decimal_parse(&value, "255", 3, 255), 0);
	assert_true(value == 255);
	assert_int_equal(decimal_parse(&value, "256", 3, 255), -1);
	assert_int_equal(
	    decimal_parse(&value, "18446744073709551615", 20, UINT64_MAX), 0);
	assert_true(value == UINT64_MAX);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
		    decimal_parse(&value, bad[i], strlen(bad[i]), UINT64_MAX),
		    -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hex),
	    cmocka_unit_test(base64_vectors),
	    cmocka_unit_test(base64_strict),
	    cmocka_unit_test(base64_lengths),
	    cmocka_unit_test(uuid),
	    cmocka_unit_test(time_both),
	    cmocka_unit_test(time_refused),
	    cmocka_unit_test(decimal),
	};

	if (ed_init() == -1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
