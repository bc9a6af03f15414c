/* SPDX-License-Identifier: ISC */
/* Acknowledgements: what is written is canonical and reads back; what else
 * may come is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fed-queued/exchange/ack.h"
#include "json/canon.h"

static const uint8_t hash[32] = {1, 2, 3};
#define HASH "AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static void
round_trip(void **state)
{
	static const struct ack_result results[] = {
	    {ACK_ACCEPTED, CODE_OK, 0},
	    {ACK_DUPLICATE, CODE_OK, 0},
	    {ACK_REJECTED, CODE_ID_CONFLICT, 0},
	    {ACK_RETRY, CODE_RATE, 30},
	};
	struct ack_result read;
	uint32_t credit;
	size_t i, length;
	char *text;

	(void)state;
	for (i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		text = ack_format(hash, &results[i], 1, 64, NULL, 0, &length);
		assert_non_null(text);
		assert_int_equal(length, strlen(text));
		assert_true(canon_check(text, length));
		assert_int_equal(
		    ack_parse(text, length, hash, &read, 1, &credit), CODE_OK);
		assert_int_equal(credit, 64);
		assert_int_equal(read.status, results[i].status);
		assert_int_equal(read.seconds, results[i].seconds);
		if (results[i].status >= ACK_REJECTED)
			assert_int_equal(read.code, results[i].code);
		free(text);
	}
}

static void
answer_is_embedded(void **state)
{
	static const char answer[] = "{\"certificate\":\"AA==\"}";
	const struct ack_result result = {ACK_ACCEPTED, CODE_OK, 0};
	size_t length;
	char *text;

	(void)state;
	text = ack_format(hash, &result, 1, 1, answer, strlen(answer), &length);
	assert_non_null(text);
	assert_true(canon_check(text, length));
	assert_string_equal(text,
	    "{\"answer\":{\"certificate\":\"AA==\"},\"credit\":1,"
	    "\"requestHash\":\"" HASH "\","
	    "\"results\":[{\"status\":\"accepted\"}]}");
	free(text);
}

static enum code
parse(const char *text)
{
	struct ack_result result;
	uint32_t credit;

	return ack_parse(text, strlen(text), hash, &result, 1, &credit);
}

#define ACK(credit, results)                             \
	"{\"credit\":" credit ",\"requestHash\":\"" HASH \
	"\",\"results\":" results "}"
#define GOOD "[{\"status\":\"accepted\"}]"

static void
forms_refused(void **state)
{
	static const char *const bad[] = {
	    "",
	    "[]",
	    "{}",
	    ACK("0", GOOD),
	    ACK("65", GOOD),
	    ACK("1", "[]"),
	    ACK("1", "{}"),
	    ACK("1", "[{\"status\":\"accepted\"},{\"status\":\"accepted\"}]"),
	    ACK("1", "[\"accepted\"]"),
	    ACK("1", "[{\"status\":\"Accepted\"}]"),
	    ACK("1", "[{\"status\":\"rejected\"}]"),
	    ACK("1", "[{\"code\":7,\"status\":\"rejected\"}]"),
	    ACK("1", "[{\"code\":\"RATE\",\"status\":\"retry\"}]"),
	    ACK("1",
		"[{\"code\":\"RATE\",\"seconds\":-1,\"status\":\"retry\"}]"),
	};
	size_t i;

	(void)state;
	assert_int_equal(parse(ACK("1", GOOD)), CODE_OK);
	assert_int_equal(parse(ACK("64", GOOD)), CODE_OK);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse(bad[i]), CODE_ANSWER_JSON);
}

static void
another_request(void **state)
{
	static const uint8_t other[32] = {9};
	struct ack_result result;
	uint32_t credit;

	(void)state;
	assert_int_equal(ack_parse(ACK("1", GOOD), strlen(ACK("1", GOOD)),
			     other, &result, 1, &credit),
	    CODE_ANSWER_UNBOUND);
}

static void
unknown_code_and_long_delay(void **state)
{
	static const char unknown[] =
	    ACK("1", "[{\"code\":\"NEWER\",\"status\":\"rejected\"}]");
	static const char longer[] = ACK("1",
	    "[{\"code\":\"RATE\",\"seconds\":99999999,\"status\":\"retry\"}]");
	struct ack_result result;
	uint32_t credit;

	(void)state;
	assert_int_equal(
	    ack_parse(unknown, strlen(unknown), hash, &result, 1, &credit),
	    CODE_OK);
	assert_int_equal(result.code, CODE_COUNT);
	assert_int_equal(
	    ack_parse(longer, strlen(longer), hash, &result, 1, &credit),
	    CODE_OK);
	assert_int_equal(result.seconds, ACK_SECONDS_MAX);
}

/* A code that is none of an acknowledgement's is not the peer's to say. */
static void
codes_of_ours(void **state)
{
	static const char *const names[] = {"OK", "TOR_DOWN", "ANSWER_UNSIGNED",
	    "SERVER_BLOCKED", "DATABASE", "SIGNATURE"};
	struct ack_result result;
	uint32_t credit;
	char text[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(text, sizeof(text),
		    ACK("1", "[{\"code\":\"%s\",\"status\":\"rejected\"}]"),
		    names[i]);
		assert_int_equal(
		    ack_parse(text, strlen(text), hash, &result, 1, &credit),
		    CODE_OK);
		assert_int_equal(result.code, CODE_COUNT);
	}
	assert_int_equal(ack_parse(ACK("1", "[{\"code\":\"UNTRUSTED\","
					    "\"status\":\"rejected\"}]"),
			     strlen(ACK("1", "[{\"code\":\"UNTRUSTED\","
					     "\"status\":\"rejected\"}]")),
			     hash, &result, 1, &credit),
	    CODE_OK);
	assert_int_equal(result.code, CODE_UNTRUSTED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(round_trip),
	    cmocka_unit_test(answer_is_embedded),
	    cmocka_unit_test(forms_refused),
	    cmocka_unit_test(another_request),
	    cmocka_unit_test(unknown_code_and_long_delay),
	    cmocka_unit_test(codes_of_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
