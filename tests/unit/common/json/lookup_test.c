/* SPDX-License-Identifier: ISC */
/* Look-ups: both sides of every limit, every trick with a handle or a name. */
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
#include "json/lookup.h"
#include "proto/ed.h"

static struct lookup_user user;
static bool found;

static int
setup(void **state)
{
	(void)state;
	if (ed_init() != 0)
		return -1;
	canon_init();
	return 0;
}

static bool
handle_good(const char *handle)
{
	return lookup_handle_valid(handle, strlen(handle));
}

static void
handles(void **state)
{
	static const char *const good[] = {
	    "a", "z9", "0", "a.b_c-d", "alice", "a-", "x__", "9..9"};
	static const char *const bad[] = {"", ".a", "-a", "_a", "..", "A",
	    "aLice", "a b", " a", "a ", "a@b", "a/b", "a\\b", "a'b", "a%",
	    "a\n", "\ta", "a:b", "a+b", "\x7f",
	    "\xc3\xa9",		 /* e acute, composed */
	    "e\xcc\x81",	 /* and decomposed */
	    "\xd0\xb0lice",	 /* Cyrillic a */
	    "alice\xe2\x80\x8b", /* zero width space */
	    "\xe2\x80\xae"
	    "alice",		 /* right-to-left override */
	    "alice\xe2\x81\xa6", /* isolate */
	    "\xd7\x90\x62",	 /* mixed direction */
	    "\xef\xbd\x81",	 /* full width a */
	    "\xf0\x9d\x92\xb6", "\xff", "\xc0\x80"};
	char large[4097];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(handle_good(good[i]));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (handle_good(bad[i]))
			fail_msg("%s is no handle", bad[i]);
	assert_false(lookup_handle_valid("a\0b", 3));
	assert_false(lookup_handle_valid("a\0", 2));
	memset(large, 'a', sizeof(large));
	assert_true(lookup_handle_valid(large, 64));
	assert_false(lookup_handle_valid(large, 65));
	assert_false(lookup_handle_valid(large, 4096));
}

static bool
name_good(const char *name)
{
	return lookup_name_valid(name, strlen(name));
}

static void
names(void **state)
{
	static const char *const good[] = {" ", "Alice", "\xc3\xa9",
	    "\xd7\x90\xd7\x91 Alef", "\xe2\x80\x8d", /* joins emoji */
	    "\xc2\xa0", "\xd8\x9b", "\xd8\x9d", "\xe2\x80\x8d", "\xe2\x80\x90",
	    "\xe2\x80\xa7", "\xe2\x80\xaf", "\xe2\x81\xa5", "\xe2\x81\xaa",
	    "\xef\xbf\xbd", "\xf0\x9f\x98\x80", "\"\\/<&>'"};
	static const char *const bad[] = {"", "a\n", "\x01", "\x1f", "\x7f",
	    "\xc2\x80", "\xc2\x9f", "\xd8\x9c", "\xe2\x80\x8e", "\xe2\x80\x8f",
	    "a\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaa", "\xe2\x80\xae",
	    "\xe2\x81\xa6", "\xe2\x81\xa9", "\xef\xb7\x90", "\xef\xbf\xbe",
	    "\xf0\x9f\xbf\xbf", "\xff", "\xed\xa0\x80", "\xc3"};
	char large[129];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!name_good(good[i]))
			fail_msg("name %zu is good", i);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (name_good(bad[i]))
			fail_msg("name %zu is not good", i);
	assert_false(lookup_name_valid("a\0b", 3));
	memset(large, 'n', sizeof(large));
	assert_true(lookup_name_valid(large, 128));
	assert_false(lookup_name_valid(large, 129));
}

static enum code
request(const char *payload)
{
	char handle[LOOKUP_HANDLE_MAX + 1];

	return lookup_request_parse(handle, payload, strlen(payload));
}

static void
requests(void **state)
{
	static const char *const bad[] = {"{}", "[]", "{\"handle\":1}",
	    "{\"handle\":null}", "{\"handle\":[\"a\"]}", "{\"handle\":\"\"}",
	    "{\"handle\":\"A\"}", "{\"Handle\":\"a\"}",
	    "{\"handle\":\"a\",\"handle\":\"a\"}", "{\"handle\":\"\\u0000\"}",
	    "{\"handle\":\"a\\u202eb\"}", "{\"handle\":\"a\"", ""};
	char handle[LOOKUP_HANDLE_MAX + 1], *text;
	size_t length, i;

	(void)state;
	text = lookup_request_format("alice", &length);
	assert_string_equal(text, "{\"handle\":\"alice\"}");
	assert_int_equal(length, strlen(text));
	assert_true(canon_check(text, length));
	assert_int_equal(lookup_request_parse(handle, text, length), CODE_OK);
	assert_string_equal(handle, "alice");
	free(text);
	/* unknown members are left alone */
	assert_int_equal(request("{\"handle\":\"a\",\"x\":{}}"), CODE_OK);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(request(bad[i]), CODE_PAYLOAD_MALFORMED);
}

static void
user_fill(size_t key, size_t name, size_t avatar)
{
	memset(&user, 0, sizeof(user));
	snprintf(user.handle, sizeof(user.handle), "alice");
	user.key_epoch = 20418;
	user.key_length = key;
	memset(user.key, 0xfb, key);
	memset(user.name, '"', name);
	user.avatar_length = avatar;
	memset(user.avatar, 0xa5, avatar);
}

/* The acknowledgement's payload around an answer. */
static enum code
answer_read(const char *answer, const char *handle)
{
	static char payload[2 * ITEM_MAX];
	int length = snprintf(payload, sizeof(payload),
	    "{\"answer\":%s,\"credit\":64,\"requestHash\":\"\",\"results\":[]}",
	    answer);

	return lookup_answer_parse(
	    &user, &found, handle, payload, (size_t)length);
}

static void
answers(void **state)
{
	static const uint8_t key[] = {1, 2};
	size_t length;
	char *text;

	(void)state;
	user_fill(2, 0, 0);
	memcpy(user.key, key, sizeof(key));
	text = lookup_answer_format(&user, &length);
	assert_string_equal(text, "{\"handle\":\"alice\",\"keyEpoch\":20418,"
				  "\"publicKey\":\"AQI=\"}");
	memset(&user, 9, sizeof(user));
	assert_int_equal(answer_read(text, "alice"), CODE_OK);
	assert_true(found);
	assert_string_equal(user.handle, "alice");
	assert_int_equal(user.key_epoch, 20418);
	assert_int_equal(user.key_length, 2);
	assert_memory_equal(user.key, key, 2);
	assert_string_equal(user.name, "");
	assert_int_equal(user.avatar_length, 0);
	/* another than was asked for */
	assert_int_equal(answer_read(text, "bob"), CODE_PAYLOAD_MALFORMED);
	free(text);

	text = lookup_answer_format(NULL, &length);
	assert_string_equal(text, "{}");
	assert_int_equal(answer_read(text, "alice"), CODE_OK);
	assert_false(found);
	free(text);
}

/* The largest fits the size that every answer has. */
static void
largest(void **state)
{
	static char body[ENVELOPE_MAX];
	struct envelope_header header;
	uint8_t signature[64] = {0};
	char handle[LOOKUP_HANDLE_MAX + 1], *text;
	size_t length;

	(void)state;
	memset(&header, 0, sizeof(header));
	snprintf(header.type, sizeof(header.type), "ack");
	user_fill(LOOKUP_KEY_MAX, LOOKUP_NAME_MAX, LOOKUP_AVATAR_MAX);
	memset(user.handle, 'a', LOOKUP_HANDLE_MAX);
	user.key_epoch = CANON_INTEGER_MAX;
	text = lookup_answer_format(&user, &length);
	assert_non_null(text);
	assert_true(canon_check(text, length));
	/* 256: results, hash and credit around it */
	assert_int_equal(
	    envelope_format(body, &header, signature, text, length + 256),
	    LOOKUP_BODY);
	memset(handle, 'a', LOOKUP_HANDLE_MAX);
	handle[LOOKUP_HANDLE_MAX - 1] = '\0';
	assert_int_equal(answer_read(text, handle), CODE_PAYLOAD_MALFORMED);
	handle[LOOKUP_HANDLE_MAX - 1] = 'a';
	handle[LOOKUP_HANDLE_MAX] = '\0';
	assert_int_equal(answer_read(text, handle), CODE_OK);
	assert_int_equal(user.avatar_length, LOOKUP_AVATAR_MAX);
	assert_int_equal(user.key_length, LOOKUP_KEY_MAX);
	assert_int_equal(strlen(user.name), LOOKUP_NAME_MAX);
	free(text);
}

static void
not_formatted(void **state)
{
	size_t length;

	(void)state;
	user_fill(1, 1, 1);
	user.key_epoch = 0;
	assert_null(lookup_answer_format(&user, &length));
	user_fill(0, 0, 0);
	assert_null(lookup_answer_format(&user, &length));
	user_fill(1, 0, 0);
	snprintf(user.name, sizeof(user.name), "\xe2\x80\xae");
	assert_null(lookup_answer_format(&user, &length));
	user_fill(1, 0, 0);
	snprintf(user.handle, sizeof(user.handle), "Alice");
	assert_null(lookup_answer_format(&user, &length));
}

#define ANSWER(epoch, key, more)                                              \
	"{" more "\"handle\":\"a\",\"keyEpoch\":" epoch ",\"publicKey\":" key \
	"}"

static void
hostile_answers(void **state)
{
	static const char *const bad[] = {"[]", "null", "1", "\"\"",
	    "{\"handle\":\"a\"}", ANSWER("0", "\"AQ==\"", ""),
	    ANSWER("-1", "\"AQ==\"", ""), ANSWER("\"1\"", "\"AQ==\"", ""),
	    ANSWER("1", "\"\"", ""), ANSWER("1", "\"AR==\"", ""),
	    ANSWER("1", "\"AQ=\"", ""), ANSWER("1", "1", ""),
	    ANSWER("1", "\"AQ==\"", "\"avatar\":\"\","),
	    ANSWER("1", "\"AQ==\"", "\"avatar\":null,"),
	    ANSWER("1", "\"AQ==\"", "\"displayName\":\"\","),
	    ANSWER("1", "\"AQ==\"", "\"displayName\":\"\\n\","),
	    ANSWER("1", "\"AQ==\"", "\"displayName\":\"\xe2\x80\xae\","),
	    ANSWER("1", "\"AQ==\"", "\"displayName\":null,")};
	static const char bare[] = "{\"credit\":64,\"results\":[]}";
	static char large[3 * LOOKUP_AVATAR_MAX];
	size_t i, length;

	(void)state;
	assert_int_equal(
	    answer_read(ANSWER("1", "\"AQ==\"", ""), "a"), CODE_OK);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (answer_read(bad[i], "a") != CODE_PAYLOAD_MALFORMED)
			fail_msg("answer %zu was taken", i);
	assert_int_equal(
	    lookup_answer_parse(&user, &found, "a", bare, strlen(bare)),
	    CODE_PAYLOAD_MALFORMED);
	/* an avatar of one byte more, in whole groups of base64 */
	length = (size_t)snprintf(large, sizeof(large), "{\"avatar\":\"");
	memset(large + length, 'A', BASE64_LENGTH(LOOKUP_AVATAR_MAX + 2));
	length += BASE64_LENGTH(LOOKUP_AVATAR_MAX + 2);
	snprintf(large + length, sizeof(large) - length, "\",%s",
	    &ANSWER("1", "\"AQ==\"", "")[1]);
	assert_int_equal(answer_read(large, "a"), CODE_PAYLOAD_MALFORMED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(handles),
	    cmocka_unit_test(names),
	    cmocka_unit_test(requests),
	    cmocka_unit_test(answers),
	    cmocka_unit_test(largest),
	    cmocka_unit_test(not_formatted),
	    cmocka_unit_test(hostile_answers),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
