/* SPDX-License-Identifier: ISC */
/* Batches: what is written is canonical and cuts back; nothing else cuts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json/batch.h"
#include "json/canon.h"

#define ID   "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
#define ID2  "3f2504e0-4f89-41d3-9a0c-0305e82c3302"
#define ITEM "{\"id\":\"" ID "\",\"payload\":{},\"type\":\"message\"}"
#define ITEM2 \
	"{\"id\":\"" ID2 "\",\"payload\":{\"a\":\"]}\"},\"type\":\"message\"}"

static struct wire_item items[BATCH_ITEMS];
static uint32_t count;

static enum code
cut(const char *text)
{
	return batch_cut(items, &count, text, strlen(text));
}

static void
round_trip(void **state)
{
	struct wire_item made[BATCH_ITEMS];
	size_t length;
	uint32_t n, i;
	char *text;

	(void)state;
	memset(made, 0, sizeof(made));
	for (i = 0; i < BATCH_ITEMS; i++) {
		memcpy(made[i].type, "message", 8);
		made[i].id[0] = (uint8_t)i;
		made[i].id[6] = 0x40;
		made[i].id[8] = 0x80;
		made[i].payload = i % 2 ? "{\"b\":[{},\"\\\"]}\"]}" : "{}";
		made[i].payload_length = strlen(made[i].payload);
	}
	for (n = 1; n <= BATCH_ITEMS; n++) {
		text = batch_format(made, n, &length);
		assert_non_null(text);
		assert_true(canon_check(text, length));
		assert_int_equal(
		    batch_cut(items, &count, text, length), CODE_OK);
		assert_int_equal(count, n);
		for (i = 0; i < n; i++) {
			assert_memory_equal(items[i].id, made[i].id, 16);
			assert_string_equal(items[i].type, "message");
			assert_int_equal(
			    items[i].payload_length, made[i].payload_length);
			assert_memory_equal(items[i].payload, made[i].payload,
			    made[i].payload_length);
		}
		free(text);
	}
}

static void
forms_refused(void **state)
{
	static const char *const bad[] = {
	    "",
	    "{}",
	    "{\"items\":[]}",
	    "{\"items\":{}}",
	    "{\"items\":[" ITEM "]",
	    "{\"items\":[" ITEM "]} ",
	    "{\"items\":[" ITEM ",]}",
	    "{\"items\":[" ITEM "," ITEM "]}", /* an id twice */
	    "{\"items\":[" ITEM "],\"more\":1}",
	    "{\"a\":1,\"items\":[" ITEM "]}",
	    "{\"items\":[1]}",
	    "{\"items\":[{\"id\":\"" ID "\",\"payload\":{}}]}",
	    "{\"items\":[{\"id\":\"" ID
	    "\",\"payload\":[],\"type\":\"message\"}]}",
	    "{\"items\":[{\"id\":\"" ID
	    "\",\"payload\":{},\"type\":\"Message\"}]}",
	    "{\"items\":[{\"id\":\"" ID "\",\"payload\":{},\"type\":\"\"}]}",
	    "{\"items\":[{\"id\":\"3F2504E0-4F89-41D3-9A0C-0305E82C3301\","
	    "\"payload\":{},\"type\":\"message\"}]}",
	    "{\"items\":[{\"extra\":1,\"id\":\"" ID
	    "\",\"payload\":{},\"type\":\"message\"}]}",
	    "{\"items\":[{\"id\":\"" ID
	    "\",\"payload\":{},\"type\":\"message\",\"z\":1}]}",
	};
	size_t i;

	(void)state;
	assert_int_equal(cut("{\"items\":[" ITEM "]}"), CODE_OK);
	assert_int_equal(cut("{\"items\":[" ITEM "," ITEM2 "]}"), CODE_OK);
	assert_int_equal(count, 2);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (cut(bad[i]) != CODE_PAYLOAD_MALFORMED)
			fail_msg("accepted: %s", bad[i]);
}

/* No prefix of a batch is a batch, and none is read beyond. */
static void
truncated(void **state)
{
	static const char whole[] = "{\"items\":[" ITEM "," ITEM2 "]}";
	size_t length;
	char *copy;

	(void)state;
	for (length = 0; length < strlen(whole); length++) {
		copy = malloc(length + 1);
		assert_non_null(copy);
		memcpy(copy, whole, length);
		assert_int_equal(batch_cut(items, &count, copy, length),
		    CODE_PAYLOAD_MALFORMED);
		free(copy);
	}
}

static void
one_too_many(void **state)
{
	char text[BATCH_ITEMS * 100 + 200], *at = text;
	unsigned int i;

	(void)state;
	at += sprintf(at, "{\"items\":[");
	for (i = 0; i <= BATCH_ITEMS; i++)
		at += sprintf(at,
		    "%s{\"id\":\"3f2504e0-4f89-41d3-9a0c-0305e82c33%02x\","
		    "\"payload\":{},\"type\":\"message\"}",
		    i == 0 ? "" : ",", i);
	sprintf(at, "]}");
	assert_int_equal(cut(text), CODE_PAYLOAD_MALFORMED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(round_trip),
	    cmocka_unit_test(forms_refused),
	    cmocka_unit_test(truncated),
	    cmocka_unit_test(one_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
