/* SPDX-License-Identifier: ISC */
/*
 * The protocol page's heads, made by another implementation: what a server
 * that is shown them asks for.
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/encode.h"
#include "room/room_heads.h"

static json_t *vectors;

static int64_t
number_of(const json_t *object, const char *name)
{
	const json_t *number = json_object_get(object, name);

	assert_true(json_is_integer(number));
	return json_integer_value(number);
}

/* NULL where it is null. */
static const uint8_t *
digest_of(uint8_t digest[ROOM_HASH], const json_t *object, const char *name)
{
	const json_t *text = json_object_get(object, name);

	assert_non_null(text);
	if (json_is_null(text))
		return NULL;
	assert_int_equal(base64_decode_exact(digest, ROOM_HASH,
			     json_string_value(text), json_string_length(text)),
	    0);
	return digest;
}

static struct room_want
state_wants(const json_t *ours, const json_t *theirs)
{
	uint8_t at[ROOM_HASH];
	struct room_state state;
	struct room_head head;

	memset(&state, 0, sizeof(state));
	memset(&head, 0, sizeof(head));
	state.number = number_of(ours, "number");
	state.disputed = number_of(ours, "disputed");
	head.number = number_of(theirs, "number");
	head.disputed = number_of(theirs, "disputed");
	assert_non_null(digest_of(head.hash, theirs, "hash"));
	return room_head_compare(
	    &state, &head, digest_of(at, ours, "at"), false);
}

static struct room_want
stream_wants(const json_t *ours, const json_t *theirs)
{
	uint8_t at[ROOM_HASH], tip[ROOM_HASH];
	struct room_stream_head head;
	struct room_stream stream;

	memset(&head, 0, sizeof(head));
	room_stream_init(&stream, 1, 2);
	stream.contiguous = number_of(ours, "sequence");
	stream.highest = number_of(ours, "highest");
	stream.forked = number_of(ours, "forked");
	head.sequence = number_of(theirs, "sequence");
	head.highest = number_of(theirs, "highest");
	head.forked = number_of(theirs, "forked");
	assert_non_null(digest_of(head.digest, theirs, "digest"));
	assert_non_null(digest_of(head.tip, theirs, "tip"));
	return room_stream_compare(&stream, &head, digest_of(at, ours, "at"),
	    digest_of(tip, ours, "tip"), false, false);
}

static void
ask_add(json_t *asks, int64_t from, int64_t to, const char *want)
{
	assert_int_equal(json_array_append_new(asks,
			     json_pack("{sI sI ss}", "from", (json_int_t)from,
				 "to", (json_int_t)to, "want", want)),
	    0);
}

static void
heads(void **unused)
{
	json_t *rows = json_object_get(vectors, "heads"), *row, *asks;
	const json_t *ours, *theirs;
	struct room_want want;
	size_t i;

	(void)unused;
	assert_true(json_array_size(rows) >= 30);
	json_array_foreach(rows, i, row)
	{
		ours = json_object_get(row, "ours");
		theirs = json_object_get(row, "theirs");
		want = json_object_get(ours, "number") != NULL
			   ? state_wants(ours, theirs)
			   : stream_wants(ours, theirs);
		asks = json_array();
		if ((want.what & ROOM_WANT_ITEMS) != 0)
			ask_add(asks, want.from, want.to, "items");
		if ((want.what & ROOM_WANT_ONE) != 0)
			ask_add(asks, want.one, want.one, "proof");
		if ((want.what & ROOM_WANT_EVIDENCE) != 0)
			ask_add(asks, want.evidence, want.evidence, "evidence");
		if (!json_equal(asks, json_object_get(row, "asks")))
			fail_msg("%s: %s",
			    json_string_value(json_object_get(row, "why")),
			    json_dumps(asks, 0));
		json_decref(asks);
	}
}

static int
set_up(void **unused)
{
	(void)unused;
	vectors = json_load_file("man/federation.vectors", 0, NULL);
	return vectors == NULL ? -1 : 0;
}

static int
tear_down(void **unused)
{
	(void)unused;
	json_decref(vectors);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(heads),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
