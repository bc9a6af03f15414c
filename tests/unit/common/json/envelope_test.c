/* SPDX-License-Identifier: ISC */
/*
 * Envelopes: the nine members in any order and spacing, every strict format,
 * the size classes, and the public JSON test suite as payload and at the top.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/encode.h"
#include "json/canon.h"
#include "json/envelope.h"
#include "proto/ed.h"
#include "proto/onion.h"

#define SUITE "tests/golden/jsontestsuite/test_parsing/"

#define HERE  "25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid.onion"
#define THERE "2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid.onion"
#define ID    "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
#define KEY   "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define TIME  "2025-10-30T12:00:00Z"
#define SIGNATURE                                                           \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
	"AAAAAAAAAAAAAAAAAAAAA=="

/* The members as they stand in text, so that a test can change one. */
enum {
	DESTINATION,
	IDENTIFIER,
	KEY_ID,
	ORIGIN,
	PAYLOAD,
	VERSION,
	SIGNED,
	TIMED,
	TYPE,
	MEMBERS
};
static const char *const good[MEMBERS] = {"\"destinationServer\":\"" HERE "\"",
    "\"id\":\"" ID "\"", "\"keyId\":\"" KEY "\"",
    "\"originServer\":\"" THERE "\"", "\"payload\":{\"a\":1}",
    "\"protocolVersion\":\"tor-chat-federation-v1\"",
    "\"signature\":\"" SIGNATURE "\"", "\"timestamp\":\"" TIME "\"",
    "\"type\":\"message\""};

/* Newly allocated; members that are NULL are left out. */
static char *
join(const char *const members[MEMBERS], const char *separator)
{
	size_t i, size = 3;
	char *text, *at;

	for (i = 0; i < MEMBERS; i++)
		if (members[i] != NULL)
			size += strlen(members[i]) + strlen(separator);
	assert_non_null(text = malloc(size));
	at = stpcpy(text, "{");
	for (i = 0; i < MEMBERS; i++) {
		if (members[i] == NULL)
			continue;
		at = stpcpy(at, at == text + 1 ? "" : separator);
		at = stpcpy(at, members[i]);
	}
	strcpy(at, "}");
	return text;
}

static enum code
parse(const char *text)
{
	struct envelope envelope;
	enum code code;

	code = envelope_parse(&envelope, text, strlen(text));
	if (code == CODE_OK)
		envelope_free(&envelope);
	assert_null(envelope.text);
	return code;
}

/* The verdict on the good envelope with one member replaced. */
static enum code
with(int member, const char *replacement)
{
	const char *members[MEMBERS];
	enum code code;
	char *text;

	memcpy(members, good, sizeof(good));
	members[member] = replacement;
	text = join(members, ",");
	code = parse(text);
	free(text);
	return code;
}

static void
fields(void **state)
{
	uint8_t key[ONION_KEY], zero[64] = {0};
	struct envelope envelope;
	char *text = join(good, ","), key_id[65], time[TIME_TEXT + 1];
	char id[UUID_TEXT + 1];

	(void)state;
	assert_int_equal(
	    envelope_parse(&envelope, text, strlen(text)), CODE_OK);
	assert_string_equal(envelope.header.type, "message");
	uuid_format(id, envelope.header.id);
	assert_string_equal(id, ID);
	assert_int_equal(onion_parse(key, HERE, ONION_LENGTH), CODE_OK);
	assert_memory_equal(key, envelope.header.destination, ONION_KEY);
	assert_int_equal(onion_parse(key, THERE, ONION_LENGTH), CODE_OK);
	assert_memory_equal(key, envelope.header.origin, ONION_KEY);
	time_format(time, envelope.header.timestamp);
	assert_string_equal(time, TIME);
	hex_encode(key_id, envelope.header.key_id, 32);
	assert_string_equal(key_id, KEY);
	assert_memory_equal(envelope.signature, zero, 64);
	assert_string_equal(envelope.payload, "{\"a\":1}");
	assert_int_equal(envelope.payload_length, 7);
	envelope_free(&envelope);
	free(text);
}

static void
order_and_spacing(void **state)
{
	const char *members[MEMBERS] = {good[8], good[7], good[6], good[5],
	    "\"payload\" : { \"b\" :[1 , 2],\n\"\\u0061\":\"\\/\" }", good[3],
	    good[2], good[1], good[0]};
	char *text = join(members, " ,\r\n\t"), *spaced;
	struct envelope envelope;

	(void)state;
	assert_true(asprintf(&spaced, "\n\t\r %s   ", text) > 0);
	assert_int_equal(
	    envelope_parse(&envelope, spaced, strlen(spaced)), CODE_OK);
	assert_string_equal(envelope.payload, "{\"a\":\"/\",\"b\":[1,2]}");
	assert_string_equal(envelope.header.type, "message");
	envelope_free(&envelope);
	free(spaced);
	assert_true(asprintf(&spaced, "%s  \n", text) > 0);
	assert_int_equal(parse(spaced), CODE_JSON_TRAILING);
	free(spaced);
	free(text);
	/* an escaped name is the same name */
	assert_int_equal(
	    with(TYPE, "\"\\u0074ype\":\"m\\u0065ssage\""), CODE_OK);
}

static void
membership(void **state)
{
	char *extra;
	int i;

	(void)state;
	for (i = 0; i < MEMBERS; i++) {
		assert_int_equal(with(i, NULL), CODE_ENVELOPE_MEMBER);
		assert_true(asprintf(&extra, "%s,\"zz\":1", good[i]) > 0);
		assert_int_equal(with(i, extra), CODE_ENVELOPE_MEMBER);
		free(extra);
		assert_true(asprintf(&extra, "%s,%s", good[i], good[i]) > 0);
		assert_int_equal(with(i, extra), CODE_JSON_DUPLICATE);
		free(extra);
		assert_true(asprintf(&extra, "%.*s1",
				(int)(strchr(good[i], ':') - good[i]) + 1,
				good[i]) > 0);
		assert_int_equal(with(i, extra), CODE_ENVELOPE_MEMBER);
		free(extra);
	}
	assert_int_equal(
	    with(TYPE, "\"Type\":\"message\""), CODE_ENVELOPE_MEMBER);
	assert_int_equal(with(TYPE, "\"type\":null"), CODE_ENVELOPE_MEMBER);
	assert_int_equal(with(TYPE, "\"type\":{}"), CODE_ENVELOPE_MEMBER);
	assert_int_equal(with(TYPE, "\"type\":[\"m\"]"), CODE_ENVELOPE_MEMBER);
	assert_int_equal(with(PAYLOAD, "\"payload\":[]"), CODE_ENVELOPE_MEMBER);
	assert_int_equal(
	    with(PAYLOAD, "\"payload\":\"{}\""), CODE_ENVELOPE_MEMBER);
	assert_int_equal(parse("{}"), CODE_ENVELOPE_MEMBER);
	assert_int_equal(parse("[]"), CODE_ENVELOPE_MEMBER);
	assert_int_equal(
	    parse("{\"destinationServer\":\"\"}"), CODE_ENVELOPE_MEMBER);
	assert_int_equal(parse(""), CODE_JSON);
}

struct format {
	int member;
	const char *value;
	enum code code;
};

static const struct format formats[] = {
    {VERSION, "tor-chat-federation-v2", CODE_ENVELOPE_VERSION},
    {VERSION, "tor-chat-federation-v", CODE_ENVELOPE_VERSION},
    {VERSION, "", CODE_ENVELOPE_VERSION},
    {IDENTIFIER, "1B4E28BA-2FA1-41D2-883F-0016D3CCA427", CODE_ENVELOPE_ID},
    {IDENTIFIER, "1b4e28ba-2fa1-11d2-883f-0016d3cca427", CODE_ENVELOPE_ID},
    {IDENTIFIER, "1b4e28ba-2fa1-71d2-883f-0016d3cca427", CODE_ENVELOPE_ID},
    {IDENTIFIER, "1b4e28ba-2fa1-41d2-c83f-0016d3cca427", CODE_ENVELOPE_ID},
    {IDENTIFIER, "1b4e28ba2fa141d2883f0016d3cca427", CODE_ENVELOPE_ID},
    {IDENTIFIER, "", CODE_ENVELOPE_ID},
    {IDENTIFIER, "{" ID "}", CODE_ENVELOPE_ID},
    {TYPE, "", CODE_ENVELOPE_TYPE},
    {TYPE, "Message", CODE_ENVELOPE_TYPE},
    {TYPE, "mess age", CODE_ENVELOPE_TYPE},
    {TYPE, "message\\n", CODE_ENVELOPE_TYPE},
    {TYPE, "message\\\"", CODE_ENVELOPE_TYPE},
    {TYPE, "abcdefghijklmnopqrstuvwxyzabcdefg", CODE_ENVELOPE_TYPE},
    {TYPE, "abcdefghijklmnopqrstuvwxyz_abcde", CODE_OK},
    {TIMED, "2025-10-30T12:00:00+00:00", CODE_ENVELOPE_TIMESTAMP},
    {TIMED, "2025-10-30 12:00:00Z", CODE_ENVELOPE_TIMESTAMP},
    {TIMED, "2025-02-29T12:00:00Z", CODE_ENVELOPE_TIMESTAMP},
    {TIMED, "2025-10-30T12:00:60Z", CODE_ENVELOPE_TIMESTAMP},
    {TIMED, "2025-10-30T12:00:00.0Z", CODE_ENVELOPE_TIMESTAMP},
    {TIMED, "1969-12-31T23:59:59Z", CODE_ENVELOPE_TIMESTAMP},
    {TIMED, "2024-02-29T12:00:00Z", CODE_OK},
    {KEY_ID, "", CODE_ENVELOPE_KEY_ID},
    {KEY_ID, KEY "0", CODE_ENVELOPE_KEY_ID},
    {KEY_ID, "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff",
	CODE_ENVELOPE_KEY_ID},
    {SIGNED, "", CODE_ENVELOPE_SIGNATURE},
    {SIGNED, "A" SIGNATURE, CODE_ENVELOPE_SIGNATURE},
    {SIGNED, "AAAA" SIGNATURE, CODE_ENVELOPE_SIGNATURE},
    {SIGNED, SIGNATURE " ", CODE_ENVELOPE_SIGNATURE},
    {DESTINATION, "", CODE_ADDRESS_EMPTY},
    {DESTINATION, "http://" HERE, CODE_ADDRESS_LENGTH},
    {DESTINATION, HERE ".", CODE_ADDRESS_SUFFIX},
    {DESTINATION, HERE ":80", CODE_ADDRESS_SUFFIX},
    {DESTINATION, "www." HERE, CODE_ADDRESS_LENGTH},
    {ORIGIN, "www." THERE, CODE_ADDRESS_LENGTH},
    {ORIGIN, "2GZYXA5IHM7NSGGFXNU52RCK2VV4RVMDLKIU3ZZUI5DU4XYCLEN53WID.onion",
	CODE_ADDRESS_CHARACTER},
    {ORIGIN, "2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wie.onion",
	CODE_ADDRESS_VERSION},
    {ORIGIN, "3gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid.onion",
	CODE_ADDRESS_CHECKSUM},
    {ORIGIN, "facebookcorewwwi.onion", CODE_ADDRESS_LENGTH},
};

static void
strict_formats(void **state)
{
	char text[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		snprintf(text, sizeof(text), "%.*s\"%s\"",
		    (int)(strchr(good[formats[i].member], ':') -
			  good[formats[i].member]) +
			1,
		    good[formats[i].member], formats[i].value);
		assert_int_equal(
		    with(formats[i].member, text), formats[i].code);
	}
	/* once more after the last good destination was remembered */
	assert_int_equal(with(DESTINATION, good[DESTINATION]), CODE_OK);
	assert_int_equal(
	    with(DESTINATION, "\"destinationServer\":\"" THERE "\""), CODE_OK);
	assert_int_equal(with(DESTINATION, "\"destinationServer\":\"\""),
	    CODE_ADDRESS_EMPTY);
}

/* A payload whose containers nest levels deep. */
static enum code
with_depth(unsigned int levels)
{
	char text[256], *at = stpcpy(text, "\"payload\":");
	unsigned int i;

	for (i = 0; i + 1 < levels; i++)
		at = stpcpy(at, "{\"a\":");
	at = stpcpy(at, "{}");
	for (i = 0; i + 1 < levels; i++)
		at = stpcpy(at, "}");
	return with(PAYLOAD, text);
}

static void
payload_depth(void **state)
{
	(void)state;
	assert_int_equal(with_depth(1), CODE_OK);
	assert_int_equal(with_depth(CANON_DEPTH), CODE_OK);
	assert_int_equal(with_depth(CANON_DEPTH + 1), CODE_JSON_DEPTH);
}

/* An escaped payload whose canonical form holds quotes and brackets. */
static void
payload_escapes(void **state)
{
	const char *members[MEMBERS];
	struct envelope envelope;
	char *text;

	(void)state;
	memcpy(members, good, sizeof(good));
	members[PAYLOAD] = "\"payload\":{\"\\u005c\\u0022}\":\"\\\\\","
			   "\"\\u0022,\":[\"]\",\"}\"]}";
	text = join(members, ",");
	assert_int_equal(
	    envelope_parse(&envelope, text, strlen(text)), CODE_OK);
	assert_string_equal(envelope.payload,
	    "{\"\\\",\":[\"]\",\"}\"],\"\\\\\\\"}\":\"\\\\\"}");
	assert_true(canon_check(envelope.payload, envelope.payload_length));
	envelope_free(&envelope);
	free(text);
}

static void
body_size(void **state)
{
	char *text = join(good, ","), *body = malloc(ENVELOPE_MAX + 1);
	struct envelope envelope;

	(void)state;
	assert_non_null(body);
	memset(body, ' ', ENVELOPE_MAX + 1);
	memcpy(body, text, strlen(text));
	assert_int_equal(
	    envelope_parse(&envelope, body, ENVELOPE_MAX), CODE_OK);
	envelope_free(&envelope);
	assert_int_equal(
	    envelope_parse(&envelope, body, ENVELOPE_MAX + 1), CODE_TOO_LARGE);
	assert_int_equal(envelope_parse(&envelope, body, 0), CODE_JSON);
	free(body);
	free(text);
}

static void
size_classes(void **state)
{
	size_t size;

	(void)state;
	assert_int_equal(envelope_padded(0), 8192);
	for (size = 8192; size < ENVELOPE_MAX; size *= 2) {
		assert_int_equal(envelope_padded(size), size);
		assert_int_equal(envelope_padded(size + 1), 2 * size);
	}
	assert_int_equal(envelope_padded(ENVELOPE_MAX), ENVELOPE_MAX);
	assert_int_equal(envelope_padded(ENVELOPE_MAX + 1), 0);
}

/* {"a":"xxx..."} of length bytes; the caller frees. */
static char *
payload_of(size_t length)
{
	char *payload = malloc(length + 1);

	assert_non_null(payload);
	memset(payload, 'x', length);
	memcpy(payload, "{\"a\":\"", 6);
	memcpy(payload + length - 2, "\"}", 3);
	return payload;
}

static void
format_round(void **state)
{
	char *body = malloc(ENVELOPE_MAX), *payload, *text = join(good, ",");
	struct envelope envelope, again;
	size_t length;

	(void)state;
	assert_non_null(body);
	assert_int_equal(
	    envelope_parse(&envelope, text, strlen(text)), CODE_OK);
	length = envelope_format(body, &envelope.header, envelope.signature,
	    envelope.payload, envelope.payload_length);
	assert_int_equal(length, 8192);
	assert_memory_equal(body, text, strlen(text));
	payload = payload_of(20000);
	length = envelope_format(
	    body, &envelope.header, envelope.signature, payload, 20000);
	assert_int_equal(length, 32768);
	assert_int_equal(envelope_parse(&again, body, length), CODE_OK);
	assert_memory_equal(
	    &again.header, &envelope.header, sizeof(again.header));
	assert_memory_equal(again.signature, envelope.signature, 64);
	assert_int_equal(again.payload_length, 20000);
	assert_memory_equal(again.payload, payload, 20000);
	envelope_free(&again);
	envelope_free(&envelope);
	free(payload);
	free(text);
	free(body);
}

static void
format_limit(void **state)
{
	char *body = malloc(ENVELOPE_MAX), *payload;
	struct envelope_header header = {
	    .type = "abcdefghijklmnopqrstuvwxyzabcdef"};
	uint8_t signature[64] = {0};
	size_t around, length;

	(void)state;
	assert_non_null(body);
	payload = payload_of(ENVELOPE_MAX + 1);
	/* what stands around the payload, with the longest type */
	assert_int_equal(
	    envelope_format(body, &header, signature, "{}", 2), 8192);
	around = strcspn(body, " ") - 2;
	assert_true(around <= ENVELOPE_OVERHEAD);
	length = ENVELOPE_MAX - around;
	assert_int_equal(
	    envelope_format(body, &header, signature, payload, length),
	    ENVELOPE_MAX);
	assert_int_equal(
	    envelope_format(body, &header, signature, payload, length + 1), 0);
	assert_int_equal(envelope_format(body, &header, signature, payload,
			     ENVELOPE_MAX + 1),
	    0);
	free(payload);
	free(body);
}

/* What of the suite's y_ files the narrowing refuses, and why. */
static const struct {
	const char *name;
	enum code code;
} narrowed[] = {
    {"y_number.json", CODE_JSON_NUMBER},
    {"y_number_0e+1.json", CODE_JSON_NUMBER},
    {"y_number_0e1.json", CODE_JSON_NUMBER},
    {"y_number_double_close_to_zero.json", CODE_JSON_NUMBER},
    {"y_number_int_with_exp.json", CODE_JSON_NUMBER},
    {"y_number_minus_zero.json", CODE_JSON_NUMBER},
    {"y_number_negative_zero.json", CODE_JSON_NUMBER},
    {"y_number_real_capital_e.json", CODE_JSON_NUMBER},
    {"y_number_real_capital_e_neg_exp.json", CODE_JSON_NUMBER},
    {"y_number_real_capital_e_pos_exp.json", CODE_JSON_NUMBER},
    {"y_number_real_exponent.json", CODE_JSON_NUMBER},
    {"y_number_real_fraction_exponent.json", CODE_JSON_NUMBER},
    {"y_number_real_neg_exp.json", CODE_JSON_NUMBER},
    {"y_number_real_pos_exponent.json", CODE_JSON_NUMBER},
    {"y_number_simple_real.json", CODE_JSON_NUMBER},
    {"y_object_duplicated_key.json", CODE_JSON_DUPLICATE},
    {"y_object_duplicated_key_and_value.json", CODE_JSON_DUPLICATE},
    {"y_object_escaped_null_in_key.json", CODE_JSON_ENCODING},
    {"y_object_extreme_numbers.json", CODE_JSON_NUMBER},
    {"y_string_escaped_noncharacter.json", CODE_JSON_ENCODING},
    {"y_string_last_surrogates_1_and_2.json", CODE_JSON_ENCODING},
    {"y_string_nonCharacterInUTF-8_U+10FFFF.json", CODE_JSON_ENCODING},
    {"y_string_nonCharacterInUTF-8_U+FFFF.json", CODE_JSON_ENCODING},
    {"y_string_null_escape.json", CODE_JSON_ENCODING},
    {"y_string_space.json", CODE_JSON_TOP},
    {"y_string_unicode_U+10FFFE_nonchar.json", CODE_JSON_ENCODING},
    {"y_string_unicode_U+1FFFE_nonchar.json", CODE_JSON_ENCODING},
    {"y_string_unicode_U+FDD0_nonchar.json", CODE_JSON_ENCODING},
    {"y_string_unicode_U+FFFE_nonchar.json", CODE_JSON_ENCODING},
    {"y_structure_lonely_false.json", CODE_JSON_TOP},
    {"y_structure_lonely_int.json", CODE_JSON_TOP},
    {"y_structure_lonely_negative_real.json", CODE_JSON_NUMBER},
    {"y_structure_lonely_null.json", CODE_JSON_TOP},
    {"y_structure_lonely_string.json", CODE_JSON_TOP},
    {"y_structure_lonely_true.json", CODE_JSON_TOP},
    {"y_structure_string_empty.json", CODE_JSON_TOP},
};
#define NARROWED_COUNT (sizeof(narrowed) / sizeof(narrowed[0]))

static enum code
suite_expected(const char *name)
{
	size_t i;

	for (i = 0; i < NARROWED_COUNT; i++)
		if (strcmp(narrowed[i].name, name) == 0)
			return narrowed[i].code;
	return CODE_OK;
}

static size_t
suite_read(char *text, size_t size, const char *name)
{
	char path[512];
	size_t length;
	FILE *file;

	snprintf(path, sizeof(path), SUITE "%s", name);
	assert_non_null(file = fopen(path, "rb"));
	length = fread(text, 1, size, file);
	assert_true(length < size);
	fclose(file);
	return length;
}

static enum code
suite_top(const char *text, size_t length)
{
	enum code code;
	json_t *root;

	code = canon_parse(&root, text, length, false);
	json_decref(root);
	return code;
}

/* The same text as a payload, between the other members. */
static enum code
suite_payload(const char *text, size_t length)
{
	const char *members[MEMBERS];
	struct envelope envelope;
	char *before, *body;
	enum code code;
	size_t size;

	memcpy(members, good, sizeof(good));
	members[PAYLOAD] = NULL;
	before = join(members, ",");
	size = strlen(before);
	assert_non_null(body = malloc(size + length + 16));
	size =
	    (size_t)sprintf(body, "%.*s,\"payload\":", (int)size - 1, before);
	memcpy(body + size, text, length);
	body[size + length] = '}';
	code = envelope_parse(&envelope, body, size + length + 1);
	if (code == CODE_OK)
		envelope_free(&envelope);
	free(body);
	free(before);
	return code;
}

static void
suite_accept(const char *name, const char *text, size_t length)
{
	size_t space = strspn(text, " \t\r\n");
	enum code expected = suite_expected(name);

	if (suite_top(text, length) != expected)
		fail_msg("%s at the top: %s", name,
		    code_name(suite_top(text, length)));
	if (expected == CODE_JSON_TOP ||
	    (expected == CODE_OK && text[space] != '{'))
		expected = CODE_ENVELOPE_MEMBER;
	if (suite_payload(text, length) != expected)
		fail_msg("%s as payload: %s", name,
		    code_name(suite_payload(text, length)));
}

static void
golden_suite(void **state)
{
	static char text[300000];
	unsigned int accepted = 0, refused = 0;
	struct dirent *entry;
	size_t length;
	DIR *folder;

	(void)state;
	assert_non_null(folder = opendir(SUITE));
	while ((entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		length = suite_read(text, sizeof(text) - 1, entry->d_name);
		text[length] = '\0';
		if (entry->d_name[0] == 'y') {
			suite_accept(entry->d_name, text, length);
			accepted++;
			continue;
		}
		if (suite_top(text, length) == CODE_OK ||
		    suite_payload(text, length) == CODE_OK)
			fail_msg("%s was accepted", entry->d_name);
		refused++;
	}
	closedir(folder);
	assert_int_equal(accepted, 95);
	assert_int_equal(refused, 188);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fields),
	    cmocka_unit_test(order_and_spacing),
	    cmocka_unit_test(membership),
	    cmocka_unit_test(strict_formats),
	    cmocka_unit_test(payload_depth),
	    cmocka_unit_test(payload_escapes),
	    cmocka_unit_test(body_size),
	    cmocka_unit_test(size_classes),
	    cmocka_unit_test(format_round),
	    cmocka_unit_test(format_limit),
	    cmocka_unit_test(golden_suite),
	};

	if (ed_init() == -1)
		return 1;
	canon_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
