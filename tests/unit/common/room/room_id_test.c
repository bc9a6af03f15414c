/* SPDX-License-Identifier: ISC */
/* Room ids and names: what parses is what would be written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "json/lookup.h"
#include "proto/ed.h"
#include "room/room_id.h"

#define UUID "f81d4fae-7dec-41d0-a765-00a0c91e6bf6"
#define HOME "aoqqpp7tzyil4hlq3umoos6atft6jvrqtosq2xy53sdgiesvgg4bqead.onion"
#define ID   UUID "@" HOME

static enum code
parse(const char *text)
{
	struct room_id id;

	return room_id_parse(&id, text, strlen(text));
}

static void
round_trip(void **state)
{
	struct room_id id, again;
	char text[ROOM_ID_SIZE];

	(void)state;
	assert_int_equal(room_id_parse(&id, ID, strlen(ID)), CODE_OK);
	assert_int_equal(strlen(ID), ROOM_ID_LENGTH);
	room_id_format(text, &id);
	assert_string_equal(text, ID);
	room_id_parse(&again, text, strlen(text));
	assert_true(room_id_equal(&id, &again));
	again.uuid[15] ^= 1;
	assert_false(room_id_equal(&id, &again));
	again = id;
	again.home[0] ^= 1;
	assert_false(room_id_equal(&id, &again));
}

static void
refused(void **state)
{
	static const struct {
		const char *text;
		enum code code;
	} rows[] = {
	    {"", CODE_ROOM_ID},
	    {"@", CODE_ROOM_ID},
	    {UUID, CODE_ROOM_ID},
	    {UUID "@", CODE_ADDRESS_EMPTY},
	    {HOME, CODE_ROOM_ID},
	    {UUID HOME, CODE_ROOM_ID},
	    {UUID "-" HOME, CODE_ROOM_ID},
	    {" " ID, CODE_ROOM_ID},
	    {ID " ", CODE_ADDRESS_SUFFIX},
	    {ID "\n", CODE_ADDRESS_SUFFIX},
	    {ID ".", CODE_ADDRESS_SUFFIX},
	    {UUID "@@" HOME, CODE_ADDRESS_LENGTH},
	    {UUID " @" HOME, CODE_ROOM_ID},
	    {UUID "@ " HOME, CODE_ADDRESS_LENGTH},
	    {UUID "@www." HOME, CODE_ADDRESS_LENGTH},
	    /* version 1, variant 0, upper case, braces */
	    {"f81d4fae-7dec-11d0-a765-00a0c91e6bf6@" HOME, CODE_ROOM_ID},
	    {"f81d4fae-7dec-41d0-0765-00a0c91e6bf6@" HOME, CODE_ROOM_ID},
	    {"F81d4fae-7dec-41d0-a765-00a0c91e6bf6@" HOME, CODE_ROOM_ID},
	    {"{f81d4fae-7dec-41d0-a765-00a0c91e6bf6}@" HOME, CODE_ROOM_ID},
	    {UUID "@aoqqpp7tzyil4hlq3umoos6atft6jvrqtosq2xy53sdgiesvgg4bq"
		  "eae.onion",
		CODE_ADDRESS_VERSION},
	    {UUID "@boqqpp7tzyil4hlq3umoos6atft6jvrqtosq2xy53sdgiesvgg4bq"
		  "ead.onion",
		CODE_ADDRESS_CHECKSUM},
	    {UUID "@Aoqqpp7tzyil4hlq3umoos6atft6jvrqtosq2xy53sdgiesvgg4bq"
		  "ead.onion",
		CODE_ADDRESS_CHARACTER},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (parse(rows[i].text) != rows[i].code)
			fail_msg(
			    "row %zu: %s", i, code_name(parse(rows[i].text)));
}

static bool
valid(const char *name)
{
	return room_name_valid(name, strlen(name));
}

static void
names(void **state)
{
	char name[ROOM_NAME_MAX + 2];

	(void)state;
	assert_true(valid("a"));
	assert_true(valid("7"));
	assert_true(valid("user.name-1_2"));
	assert_true(valid("a._-"));
	memset(name, 'x', sizeof(name));
	assert_true(room_name_valid(name, ROOM_NAME_MAX));
	assert_false(room_name_valid(name, ROOM_NAME_MAX + 1));
	assert_false(room_name_valid(name, 0));
	assert_false(room_name_valid("a\0b", 3));
}

static void
names_refused(void **state)
{
	static const char *const bad[] = {"a@b", "a b", " a", "a ", "a\n",
	    "a\t", "\x1b[1m", "a\x7f", ".a", "_a", "-a", "Alice", "aLICE",
	    "a+b", "a/b", "a:b", "a%00", "a\"b", "a'b", "a\\b", "J\xc3\xbcrgen",
	    "\xd0\xb0lice",  /* Cyrillic a */
	    "a\xe2\x80\x8b", /* zero width space */
	    "\xe2\x80\xae"
	    "a",	    /* right-to-left override */
	    "a\xcc\x81",    /* combining accent */
	    "\xef\xbd\x81", /* full-width a */
	    "\xed\xa0\x80", "\x80", "\xff", "a\xc3", "\xc1\xa1"};
	size_t i, length;
	char every[1];
	int c;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		length = strlen(bad[i]);
		assert_false(lookup_handle_valid(bad[i], length));
		if (valid(bad[i]))
			fail_msg("row %zu", i);
	}
	/* what look-ups take, and nothing else */
	for (c = 0; c < 256; c++) {
		every[0] = (char)c;
		assert_int_equal(
		    room_name_valid(every, 1), lookup_handle_valid(every, 1));
	}
}

static void
users(void **state)
{
	struct room_user a, b;
	uint8_t server[32] = {1}, other[32] = {2};

	(void)state;
	memset(&a, 0xff, sizeof(a));
	memset(&b, 0, sizeof(b));
	assert_int_equal(room_user_make(&a, server, "al", 2), CODE_OK);
	assert_int_equal(room_user_make(&b, server, "al", 2), CODE_OK);
	assert_true(room_user_equal(&a, &b));
	assert_int_equal(room_user_make(&b, server, "all", 3), CODE_OK);
	assert_false(room_user_equal(&a, &b));
	assert_int_equal(room_user_make(&b, other, "al", 2), CODE_OK);
	assert_false(room_user_equal(&a, &b));
	assert_int_equal(room_user_make(&b, server, "a@b", 3), CODE_USER_NAME);
	assert_int_equal(b.name[0], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(round_trip),
	    cmocka_unit_test(refused),
	    cmocka_unit_test(names),
	    cmocka_unit_test(names_refused),
	    cmocka_unit_test(users),
	};

	if (ed_init() == -1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
