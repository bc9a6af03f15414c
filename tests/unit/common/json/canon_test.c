/* SPDX-License-Identifier: ISC */
/*
 * Canonical JSON: every limit of the narrowing on both sides, the canonical
 * form and its check, and the public vectors of RFC 8785.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json/canon.h"

#define JCS "tests/golden/jcs/testdata/"

static enum code
scan(const char *text)
{
	return canon_scan(text, strlen(text), true);
}

/* Rewrites text; the caller frees. NULL and *code when it is refused. */
static char *
rewrite(const char *text, enum code *code)
{
	char *canonical;
	size_t length;

	*code = canon_rewrite(
	    &canonical, &length, text, strlen(text), CANON_DEPTH, true);
	if (canonical != NULL)
		assert_int_equal(strlen(canonical), length);
	return canonical;
}

/* Every entrance refuses text with the same code. */
static void
refused(const char *text, enum code expected)
{
	enum code code;
	json_t *root;

	if (expected != CODE_JSON_DUPLICATE)
		assert_int_equal(scan(text), expected);
	else
		assert_int_equal(scan(text), CODE_OK);
	assert_null(rewrite(text, &code));
	assert_int_equal(code, expected);
	assert_int_equal(
	    canon_parse(&root, text, strlen(text), true), expected);
	assert_null(root);
	assert_false(canon_check(text, strlen(text)));
}

/* Every entrance takes text, and all agree on its canonical form. */
static void
taken(const char *text, const char *expected)
{
	char *canonical, *written;
	enum code code;
	size_t length;
	json_t *root;

	assert_int_equal(scan(text), CODE_OK);
	canonical = rewrite(text, &code);
	assert_int_equal(code, CODE_OK);
	assert_string_equal(canonical, expected);
	assert_int_equal(canon_parse(&root, text, strlen(text), true), CODE_OK);
	assert_non_null(written = canon_write(root, &length));
	assert_string_equal(written, expected);
	assert_int_equal(length, strlen(expected));
	assert_int_equal(canon_check(expected, length), expected[0] == '{');
	if (strcmp(text, expected) != 0)
		assert_false(canon_check(text, strlen(text)));
	free(canonical);
	free(written);
	json_decref(root);
}

static void
numbers(void **state)
{
	static const char *const wrong[] = {"1.0", "1e2", "-0", "01", "-01",
	    "+1", "-", "1.", ".5", "1E0", "0e0", "0.0", "00",
	    "9007199254740992", "-9007199254740992", "10000000000000000",
	    "99999999999999999999999999"};
	char text[64];
	enum code code;
	size_t i;

	(void)state;
	taken("{\"a\":9007199254740991}", "{\"a\":9007199254740991}");
	taken("[-9007199254740991,0,-1,10]", "[-9007199254740991,0,-1,10]");
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), "{\"a\":%s}", wrong[i]);
		code = strchr("+.", wrong[i][0]) != NULL ? CODE_JSON
							 : CODE_JSON_NUMBER;
		refused(text, code);
	}
	refused("[NaN]", CODE_JSON);
	refused("[Infinity]", CODE_JSON);
	refused("[0x1]", CODE_JSON);
}

static void
strings(void **state)
{
	(void)state;
	taken("[\"\\u0061\\/\\b\\f\\n\\r\\t\\\"\\\\\"]",
	    "[\"a/\\b\\f\\n\\r\\t\\\"\\\\\"]");
	taken("[\"\\u0008\\u000C\\u000a\\u000D\\u0009\\u0022\\u005C\"]",
	    "[\"\\b\\f\\n\\r\\t\\\"\\\\\"]");
	taken(
	    "[\"\\u0001\\u001F\\u007f\x7f\"]", "[\"\\u0001\\u001f\x7f\x7f\"]");
	taken("[\"\\u00f6\\uD83D\\uDE02\"]", "[\"\xc3\xb6\xf0\x9f\x98\x82\"]");
	/* neighbours of what is refused */
	taken("[\"\\uD7FF\\uE000\\uFDCF\\uFDF0\\uFFFD\"]",
	    "[\"\xed\x9f\xbf\xee\x80\x80\xef\xb7\x8f\xef\xb7\xb0"
	    "\xef\xbf\xbd\"]");
	taken("[\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xf0\x90\x80\x80"
	      "\xf4\x8f\xbf\xbd\"]",
	    "[\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xf0\x90\x80\x80"
	    "\xf4\x8f\xbf\xbd\"]");
}

static void
strings_refused(void **state)
{
	static const char *const encoding[] = {"\\u0000", "\\uD800", "\\uDBFF",
	    "\\uDC00", "\\uDFFF", "\\uD800\\u0061", "\\uD800\\uD800",
	    "\\uDC00\\uD800", "\\uD800x", "\\uFDD0", "\\uFDEF", "\\uFFFE",
	    "\\uFFFF", "\\uD83F\\uDFFE", "\\uDBFF\\uDFFF", "\xef\xb7\x90",
	    "\xef\xb7\xaf", "\xef\xbf\xbe", "\xef\xbf\xbf", "\xf0\x9f\xbf\xbe",
	    "\xf4\x8f\xbf\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xc0\x80",
	    "\xc1\xbf", "\xe0\x80\xaf", "\xe0\x9f\xbf", "\xf0\x80\x80\xaf",
	    "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\x80",
	    "\xbf", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xc3(", "\xe2(\xa1",
	    "\xff", "\xfe"};
	static const char *const syntax[] = {"\x01", "\n", "\t", "\x1f",
	    "\\x41", "\\u00", "\\u00g0", "\\U0041", "\\", "\\'",
	    "\\ud83d\\u00"};
	char text[64];
	enum code code;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(encoding) / sizeof(encoding[0]); i++) {
		snprintf(text, sizeof(text), "[\"%s\"]", encoding[i]);
		refused(text, CODE_JSON_ENCODING);
	}
	for (i = 0; i < sizeof(syntax) / sizeof(syntax[0]); i++) {
		snprintf(text, sizeof(text), "{\"%s\":1}", syntax[i]);
		assert_null(rewrite(text, &code));
		assert_in_set(code,
		    ((unsigned long[]){CODE_JSON, CODE_JSON_ENCODING}), 2);
	}
	assert_int_equal(canon_scan("[\"a\0b\"]", 7, true), CODE_JSON);
}

static void
syntax_refused(void **state)
{
	static const char *const wrong[] = {"", " ", "{", "[", "{\"a\"",
	    "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,}", "{1:1}",
	    "[1,]", "[,1]", "[1", "[1 2]", "{\"a\" 1}", "{\"a\"::1}", "[tru]",
	    "[True]", "[nul", "[\"a]", "]", "}", "{a:1}", "{'a':1}", "[1}",
	    "{\"a\":1]", "/**/[]", "\xef\xbb\xbf[]", "[\v1]", "[\f]", "\xa0[]"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		refused(wrong[i], CODE_JSON);
}

static void
ends(void **state)
{
	(void)state;
	taken(" \t\r\n{ \"a\" : [ 1 , true ] } ", "{\"a\":[1,true]}");
	refused("{}\n", CODE_JSON_TRAILING);
	refused("{}\t", CODE_JSON_TRAILING);
	refused("{} {}", CODE_JSON_TRAILING);
	refused("[]x", CODE_JSON_TRAILING);
	refused("[] \r\n", CODE_JSON_TRAILING);
	assert_int_equal(canon_scan("[]\0", 3, true), CODE_JSON_TRAILING);
	assert_int_equal(canon_scan("[] \r\n\t", 6, false), CODE_OK);
	assert_int_equal(canon_scan("[]x", 3, false), CODE_JSON_TRAILING);
	refused("\"a\"", CODE_JSON_TOP);
	refused("1", CODE_JSON_TOP);
	refused("true", CODE_JSON_TOP);
	refused("null ", CODE_JSON_TOP);
}

/* count times before, then middle, then count times after. */
static char *
nested(
    const char *before, const char *middle, const char *after, unsigned count)
{
	size_t size =
	    (strlen(before) + strlen(after)) * count + strlen(middle) + 1;
	char *text = malloc(size), *at = text;
	unsigned int i;

	assert_non_null(text);
	for (i = 0; i < count; i++)
		at = stpcpy(at, before);
	at = stpcpy(at, middle);
	for (i = 0; i < count; i++)
		at = stpcpy(at, after);
	return text;
}

static void
depth(void **state)
{
	char *text;

	(void)state;
	text = nested("[", "", "]", CANON_DEPTH);
	taken(text, text);
	free(text);
	text = nested("{\"a\":", "1", "}", CANON_DEPTH);
	taken(text, text);
	free(text);
	text = nested("[", "", "]", CANON_DEPTH + 1);
	refused(text, CODE_JSON_DEPTH);
	free(text);
	text = nested("{\"a\":", "1", "}", CANON_DEPTH + 1);
	refused(text, CODE_JSON_DEPTH);
	free(text);
	text = nested("[", "", "]", 100000);
	refused(text, CODE_JSON_DEPTH);
	free(text);
	text = nested("[", "", "", 2048);
	refused(text, CODE_JSON_DEPTH);
	free(text);
}

static void
depth_parameter(void **state)
{
	char *canonical, *text = nested("[", "", "]", CANON_DEPTH + 1);
	size_t length;

	(void)state;
	assert_int_equal(canon_rewrite(&canonical, &length, text, strlen(text),
			     CANON_DEPTH + 1, true),
	    CODE_OK);
	assert_string_equal(canonical, text);
	free(canonical);
	assert_int_equal(
	    canon_rewrite(&canonical, &length, text, strlen(text), 1, true),
	    CODE_JSON_DEPTH);
	free(text);
}

/* An object of count members, in canonical or in reversed order. */
static char *
members(unsigned int count, bool reversed)
{
	char *text = malloc(count * 16 + 3), *at = text;
	unsigned int i;

	assert_non_null(text);
	*at++ = '{';
	for (i = 0; i < count; i++)
		at += sprintf(at, "%s\"n%05u\":%u", i == 0 ? "" : ",",
		    reversed ? count - 1 - i : i, 7U);
	strcpy(at, "}");
	return text;
}

static void
widths(void **state)
{
	char *text, *ordered;

	(void)state;
	ordered = members(CANON_MEMBERS, false);
	taken(ordered, ordered);
	text = members(CANON_MEMBERS, true);
	taken(text, ordered);
	free(text);
	free(ordered);
	text = members(CANON_MEMBERS + 1, false);
	refused(text, CODE_JSON_MEMBERS);
	free(text);
	text = members(20000, true);
	refused(text, CODE_JSON_MEMBERS);
	free(text);
}

static char *
elements(unsigned int count)
{
	char *text = malloc(2 * count + 2);
	unsigned int i;

	assert_non_null(text);
	for (i = 0; i < count; i++)
		memcpy(text + 2 * i, i == 0 ? "[0" : ",0", 2);
	strcpy(text + 2 * count, "]");
	return text;
}

static void
elements_limit(void **state)
{
	char *text = elements(CANON_ELEMENTS);

	(void)state;
	taken(text, text);
	free(text);
	text = elements(CANON_ELEMENTS + 1);
	refused(text, CODE_JSON_ELEMENTS);
	free(text);
}

static void
duplicates(void **state)
{
	(void)state;
	refused("{\"a\":1,\"a\":1}", CODE_JSON_DUPLICATE);
	refused("{\"a\":1,\"\\u0061\":2}", CODE_JSON_DUPLICATE);
	refused("{\"\\n\":1,\"b\":3,\"\\u000A\":2}", CODE_JSON_DUPLICATE);
	refused("{\"\":1,\"\":2}", CODE_JSON_DUPLICATE);
	refused("[[{\"z\":{\"a\":1,\"c\":1,\"b\":2,\"a\":3}}]]",
	    CODE_JSON_DUPLICATE);
	refused("{\"\xc3\xb6\":1,\"\\u00F6\":2}", CODE_JSON_DUPLICATE);
	taken("{\"a\":{\"a\":1},\"b\":{\"a\":1}}",
	    "{\"a\":{\"a\":1},\"b\":{\"a\":1}}");
}

/* RFC 8785 section 3.2.3: by UTF-16 code units, not bytes or code points. */
static void
order(void **state)
{
	(void)state;
	taken("{\"\xef\xac\xb3\":1,\"\xf0\x9f\x98\x82\":2,\"\xc3\xb6\":3,"
	      "\"\\r\":4,\"1\":5,\"\":6,\"\xee\x80\x80\":7,\"a\":8,\"aa\":9,"
	      "\"\\\\\":10,\"\\\"\":11,\"]\":12,\"\xf0\x90\x80\x80\":13,"
	      "\"\xed\x9f\xbf\":14,\"\x7f\":15,\"\\u0001\":16,\"[\":17}",
	    "{\"\":6,\"\\u0001\":16,\"\\r\":4,\"\\\"\":11,\"1\":5,\"[\":17,"
	    "\"\\\\\":10,\"]\":12,\"a\":8,\"aa\":9,\"\x7f\":15,\"\xc3\xb6\":3,"
	    "\"\xed\x9f\xbf\":14,\"\xf0\x90\x80\x80\":13,"
	    "\"\xf0\x9f\x98\x82\":2,\"\xee\x80\x80\":7,\"\xef\xac\xb3\":1}");
	taken("{\"b\":{\"d\":[{\"f\":1,\"e\":2}],\"c\":3},\"a\":4}",
	    "{\"a\":4,\"b\":{\"c\":3,\"d\":[{\"e\":2,\"f\":1}]}}");
}

static void
check(void **state)
{
	static const char *const wrong[] = {"{} ", " {}", "{ }", "[]", "",
	    "{\"a\":1 }", "{\"a\": 1}", "{\"a\" :1}", "{\"b\":1,\"a\":1}",
	    "{\"a\":1,\"a\":1}", "{\"a\":\"\\/\"}", "{\"a\":\"\\u0061\"}",
	    "{\"a\":\"\\u001F\"}", "{\"a\":\"\\u000a\"}", "{\"a\":\"\\u00f6\"}",
	    "{\"a\":\"\\ud83d\\ude02\"}", "{\"a\":[1, 2]}", "{\"a\":1}\n",
	    "{\"a\":1}{}", "{\"a\":-0}", "{\"a\":\"\\u005c\"}",
	    "{\"a\":{\"c\":1,\"b\":1}}"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(canon_check(wrong[i], strlen(wrong[i])));
	assert_true(canon_check("{}", 2));
	assert_true(canon_check("{\"a\":\"\\u001f\\n\"}", 16));
	assert_true(canon_check("{\"a\":[{},[]],\"b\":null}", 22));
}

static void
write_refuses(void **state)
{
	json_t *root = json_object();
	size_t length;

	(void)state;
	json_object_set_new(root, "a", json_real(1.0));
	assert_null(canon_write(root, &length));
	json_object_set_new(root, "a", json_integer(CANON_INTEGER_MAX + 1));
	assert_null(canon_write(root, &length));
	json_object_set_new(root, "a", json_stringn("a\0b", 3));
	assert_null(canon_write(root, &length));
	json_object_set_new(root, "a", json_stringn_nocheck("\xff", 1));
	assert_null(canon_write(root, &length));
	json_object_set_new(root, "a", json_string("\xef\xbf\xbe"));
	assert_null(canon_write(root, &length));
	json_decref(root);
	root = json_integer(1);
	assert_null(canon_write(root, &length));
	assert_null(canon_write(NULL, &length));
	json_decref(root);
}

static void
member(void **state)
{
	static const char text[] =
	    "{\"a\":\"x\\\"},\",\"b\":{\"c\":[1,\"]\"],\"d\":2},\"e\":-3}";
	size_t i, length, value_length;
	const char *value;

	(void)state;
	length = strlen(text);
	value = canon_member(text, length, "a", &value_length);
	assert_int_equal(value_length, 7);
	assert_memory_equal(value, "\"x\\\"},\"", 7);
	value = canon_member(text, length, "b", &value_length);
	assert_int_equal(value_length, 19);
	assert_memory_equal(value, "{\"c\":[1,\"]\"],\"d\":2}", 19);
	value = canon_member(text, length, "e", &value_length);
	assert_int_equal(value_length, 2);
	assert_memory_equal(value, "-3", 2);
	assert_null(canon_member(text, length, "c", &value_length));
	assert_null(canon_member(text, length, "", &value_length));
	assert_null(canon_member("{}", 2, "a", &value_length));
	assert_null(canon_member("[]", 2, "a", &value_length));
	for (i = 0; i < length; i++) /* cut anywhere: no look beyond */
		canon_member(text, i, "zz", &value_length);
}

static void
text_valid(void **state)
{
	(void)state;
	assert_true(canon_text_valid("", 0));
	assert_true(canon_text_valid("a\"\\\n\xc3\xb6", 6));
	assert_false(canon_text_valid("a\0", 2));
	assert_false(canon_text_valid("\xc3", 1));
	assert_false(canon_text_valid("\xed\xa0\x80", 3));
	assert_false(canon_text_valid("\xef\xbf\xbe", 3));
}

static char *
file_read(const char *folder, const char *name, const char *suffix)
{
	static char text[65536];
	char path[256];
	size_t length;
	FILE *file;

	snprintf(path, sizeof(path), JCS "%s/%s.%s", folder, name, suffix);
	assert_non_null(file = fopen(path, "rb"));
	length = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[length] = '\0';
	return text;
}

/* Decodes the hexadecimal bytes, apart by white space, in place. */
static size_t
hex_read(char *text)
{
	char *end, *at = text;
	unsigned long value;
	size_t length = 0;

	for (;; at = end) {
		value = strtoul(at, &end, 16);
		if (end == at)
			return length;
		text[length++] = (char)value;
	}
}

static void
golden_jcs(void **state)
{
	static const char *const names[] = {
	    "arrays", "french", "unicode", "weird"};
	char *canonical, *expected, *text;
	size_t i, length;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		text = file_read("input", names[i], "json");
		assert_int_equal(canon_rewrite(&canonical, &length, text,
				     strlen(text), CANON_DEPTH, false),
		    CODE_OK);
		expected = file_read("outhex", names[i], "txt");
		length = hex_read(expected);
		assert_int_equal(strlen(canonical), length);
		assert_memory_equal(canonical, expected, length);
		expected = file_read("output", names[i], "json");
		assert_string_equal(canonical, expected);
		free(canonical);
	}
}

/* Reals: outside the narrowing. */
static void
golden_jcs_refused(void **state)
{
	(void)state;
	refused(file_read("input", "structures", "json"), CODE_JSON_NUMBER);
	refused(file_read("input", "values", "json"), CODE_JSON_NUMBER);
}

/* What ends a run of plain characters, at each place of a string that is looked
 * at in words of eight, between neighbours that are just plain. */
static void
special_places(void **state)
{
	static const struct {
		char character;
		enum code code;
	} specials[] = {{'\x1f', CODE_JSON}, {'\x01', CODE_JSON},
	    {'\n', CODE_JSON}, {'\x80', CODE_JSON_ENCODING},
	    {'\xff', CODE_JSON_ENCODING}, {'\\', CODE_JSON}, {'"', CODE_JSON},
	    {' ', CODE_OK}, {'!', CODE_OK}, {'#', CODE_OK}, {'[', CODE_OK},
	    {']', CODE_OK}, {'\x7f', CODE_OK}};
	static const char neighbours[] = " !#[^\x7f";
	char text[40];
	size_t i, length, place, neighbour;

	(void)state;
	for (i = 0; i < sizeof(specials) / sizeof(specials[0]); i++)
		for (length = 1; length < 20; length++)
			for (place = 0; place < length; place++) {
				neighbour =
				    (place + length) % (sizeof(neighbours) - 1);
				memset(text, 0, sizeof(text));
				memcpy(text, "[\"", 2);
				memset(text + 2, neighbours[neighbour], length);
				text[2 + place] = specials[i].character;
				memcpy(text + 2 + length, "\"]", 2);
				assert_int_equal(scan(text), specials[i].code);
			}
}

/* Spaces behind the text, and what is none, at each place among them. */
static void
padding(void **state)
{
	char text[64];
	size_t length, place;

	(void)state;
	for (length = 0; length < 40; length++) {
		memset(text, 0, sizeof(text));
		memcpy(text, "{}", 2);
		memset(text + 2, ' ', length);
		assert_int_equal(scan(text), CODE_OK);
		for (place = 0; place < length; place++) {
			text[2 + place] = place % 2 == 0 ? '\n' : '!';
			assert_int_equal(scan(text), CODE_JSON_TRAILING);
			text[2 + place] = ' ';
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers),
	    cmocka_unit_test(strings),
	    cmocka_unit_test(strings_refused),
	    cmocka_unit_test(special_places),
	    cmocka_unit_test(padding),
	    cmocka_unit_test(syntax_refused),
	    cmocka_unit_test(ends),
	    cmocka_unit_test(depth),
	    cmocka_unit_test(depth_parameter),
	    cmocka_unit_test(widths),
	    cmocka_unit_test(elements_limit),
	    cmocka_unit_test(duplicates),
	    cmocka_unit_test(order),
	    cmocka_unit_test(check),
	    cmocka_unit_test(write_refuses),
	    cmocka_unit_test(member),
	    cmocka_unit_test(text_valid),
	    cmocka_unit_test(golden_jcs),
	    cmocka_unit_test(golden_jcs_refused),
	};

	canon_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
