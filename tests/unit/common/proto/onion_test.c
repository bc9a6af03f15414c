/* SPDX-License-Identifier: ISC */
/* Onion addresses: the wire's rules in their order, and the public lists. */
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/ed.h"
#include "proto/onion.h"

/* tor's own test vector. */
#define GOOD "25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid"

static enum code
parse(const char *text)
{
	uint8_t key[ONION_KEY];

	return onion_parse(key, text, strlen(text));
}

static void
golden_valid(void **state)
{
	char again[ONION_SIZE], line[128];
	uint8_t key[ONION_KEY];
	unsigned int count = 0;
	FILE *file;

	(void)state;
	assert_non_null(file = fopen("tests/golden/onion/valid.txt", "r"));
	while (fgets(line, sizeof(line), file) != NULL) {
		strcpy(line + strcspn(line, "\n"), ".onion");
		assert_int_equal(onion_parse(key, line, strlen(line)), CODE_OK);
		onion_format(again, key);
		assert_string_equal(again, line);
		count++;
	}
	fclose(file);
	assert_int_equal(count, 66);
}

static void
golden_invalid(void **state)
{
	char address[ONION_SIZE], line[128];
	unsigned int count = 0;
	enum code expected;
	FILE *file;

	(void)state;
	assert_non_null(file = fopen("tests/golden/onion/invalid.txt", "r"));
	while (fgets(line, sizeof(line), file) != NULL) {
		expected = strstr(line, "version") != NULL
			       ? CODE_ADDRESS_VERSION
			       : CODE_ADDRESS_CHECKSUM;
		snprintf(address, sizeof(address), "%.56s.onion", line);
		assert_int_equal(parse(address), expected);
		count++;
	}
	fclose(file);
	assert_int_equal(count, 14);
}

static void
shapes(void **state)
{
	(void)state;
	assert_int_equal(parse(GOOD ".onion"), CODE_OK);
	assert_int_equal(parse(""), CODE_ADDRESS_EMPTY);
	assert_int_equal(parse("onion"), CODE_ADDRESS_SUFFIX);
	assert_int_equal(parse(GOOD), CODE_ADDRESS_SUFFIX);
	assert_int_equal(parse(GOOD ".onion."), CODE_ADDRESS_SUFFIX);
	assert_int_equal(parse(GOOD ".onion:80"), CODE_ADDRESS_SUFFIX);
	assert_int_equal(parse(GOOD ".ONION"), CODE_ADDRESS_SUFFIX);
	assert_int_equal(parse(GOOD "-onion"), CODE_ADDRESS_SUFFIX);
	assert_int_equal(parse(GOOD ".onion\n"), CODE_ADDRESS_SUFFIX);
	assert_int_equal(parse(GOOD ".onion "), CODE_ADDRESS_SUFFIX);
	assert_int_equal(parse(".onion"), CODE_ADDRESS_LENGTH);
	assert_int_equal(parse("www." GOOD ".onion"), CODE_ADDRESS_LENGTH);
	assert_int_equal(parse(" " GOOD ".onion"), CODE_ADDRESS_LENGTH);
	/* version 2, 16 characters */
	assert_int_equal(parse("expyuzz4wqqyqhjn.onion"), CODE_ADDRESS_LENGTH);
	assert_int_equal(parse(GOOD "a.onion"), CODE_ADDRESS_LENGTH);
	assert_int_equal(parse(&GOOD ".onion"[1]), CODE_ADDRESS_LENGTH);
}

static void
characters(void **state)
{
	static const char bad[] = {'A', 'Z', '0', '1', '8', '9', '.', '-', '=',
	    ' ', '\n', '@', '[', '`', '{', '\x80', '\xff', '\0'};
	uint8_t key[ONION_KEY];
	char text[ONION_SIZE];
	size_t at, i;

	(void)state;
	for (at = 0; at < 56; at++)
		for (i = 0; i < sizeof(bad); i++) {
			strcpy(text, GOOD ".onion");
			text[at] = bad[i];
			assert_int_equal(onion_parse(key, text, ONION_LENGTH),
			    CODE_ADDRESS_CHARACTER);
		}
}

/* Any other digit anywhere breaks version or checksum, version first. */
static void
single_changes(void **state)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	char text[ONION_SIZE];
	enum code code;
	size_t at, i;

	(void)state;
	for (at = 0; at < 56; at++)
		for (i = 0; i < 32; i++) {
			strcpy(text, GOOD ".onion");
			if (text[at] == digits[i])
				continue;
			text[at] = digits[i];
			code = parse(text);
			/* the version's 8 bits: 3 of digit 54, all of 55 */
			if (at == 55)
				assert_int_equal(code, CODE_ADDRESS_VERSION);
			else if (at != 54)
				assert_int_equal(code, CODE_ADDRESS_CHECKSUM);
			else
				assert_int_not_equal(code, CODE_OK);
		}
}

/* Checksum and version hold, the key is none: small order, mixed order, not
 * canonical, not on the curve. */
static void
bad_keys(void **state)
{
	uint8_t key[ONION_KEY], kept[ONION_KEY];
	char text[ONION_SIZE];
	size_t i;

	(void)state;
	memset(kept, 7, sizeof(kept));
	for (i = 0; i < 4; i++) {
		memset(key, i == 3 ? 0x99 : 0, sizeof(key));
		if (i == 1)
			key[0] = 1;
		if (i == 2)
			key[0] = 2; /* not on the curve */
		if (i == 3)
			key[0] = 0x95; /* base point + (0, -1) */
		onion_format(text, key);
		assert_int_equal(
		    onion_parse(kept, text, ONION_LENGTH), CODE_ADDRESS_KEY);
		assert_int_equal(kept[0], 7); /* untouched on failure */
		assert_int_equal(
		    onion_decode(kept, text, ONION_LENGTH), CODE_OK);
		assert_memory_equal(kept, key, sizeof(key));
		memset(kept, 7, sizeof(kept));
	}
}

static void
normalise(void **state)
{
	uint8_t key[ONION_KEY];
	char out[ONION_SIZE], text[300];
	size_t i;

	(void)state;
	snprintf(text, sizeof(text), " \t\r\n\v\f%s.Onion \t\n", GOOD);
	for (i = 6; i < 62; i++)
		if (text[i] >= 'a' && text[i] <= 'z')
			text[i] = (char)(text[i] - 'a' + 'A');
	assert_int_equal(onion_normalise(key, out, text), CODE_OK);
	assert_string_equal(out, GOOD ".onion");
	assert_int_equal(onion_normalise(key, NULL, text), CODE_OK);
	assert_int_equal(onion_normalise(key, out, ""), CODE_ADDRESS_EMPTY);
	assert_int_equal(onion_normalise(key, out, " \n"), CODE_ADDRESS_EMPTY);
	assert_int_equal(
	    onion_normalise(key, out, GOOD ".onion:80"), CODE_ADDRESS_SUFFIX);
	assert_int_equal(onion_normalise(key, out, "www." GOOD ".onion"),
	    CODE_ADDRESS_LENGTH);
	assert_int_equal(onion_normalise(key, out, "25nj " GOOD ".onion"),
	    CODE_ADDRESS_LENGTH);
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(onion_normalise(key, out, text), CODE_ADDRESS_SUFFIX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(golden_valid),
	    cmocka_unit_test(golden_invalid),
	    cmocka_unit_test(shapes),
	    cmocka_unit_test(characters),
	    cmocka_unit_test(single_changes),
	    cmocka_unit_test(bad_keys),
	    cmocka_unit_test(normalise),
	};

	if (ed_init() == -1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
