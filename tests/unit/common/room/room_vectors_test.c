/* SPDX-License-Identifier: ISC */
/*
 * The protocol page's state events, made by another implementation: their
 * chain, hashes and signatures, and those that must be refused.
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/cert.h"
#include "proto/ed.h"
#include "room/room_event.h"

static json_t *vectors;
static struct cert cert;

static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	assert_non_null(text);
	return text;
}

static int
set_up(void **state)
{
	const char *text;

	(void)state;
	vectors = json_load_file("man/federation.vectors", 0, NULL);
	if (vectors == NULL)
		return -1;
	text =
	    text_of(json_object_get(json_object_get(vectors, "keys"), "alice"),
		"certificate");
	return cert_parse(&cert, text, strlen(text)) == CODE_OK ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	json_decref(vectors);
	return 0;
}

static bool
good(const json_t *entry, struct room_event *event)
{
	const char *text = text_of(entry, "signingText");
	const char *base64 = text_of(entry, "signature");
	char again[SIGNTEXT_STATE_MAX];
	uint8_t signature[64];
	size_t length;

	if (room_event_parse(event, text, strlen(text)) != CODE_OK)
		return false;
	length = room_event_text(again, event);
	assert_int_equal(length, strlen(text));
	assert_memory_equal(again, text, length);
	assert_int_equal(
	    base64_decode_exact(signature, 64, base64, strlen(base64)), 0);
	return room_event_verify(event, signature, cert.signing_key);
}

static void
chain(void **state)
{
	json_t *events = json_object_get(vectors, "state"), *entry;
	uint8_t hash[32], previous[32] = {0}, key_id[32];
	char base64[BASE64_SHA256 + 1];
	struct room_event event;
	const char *payload;
	unsigned int kinds = 0;
	size_t i;

	(void)state;
	cert_key_id(key_id, &cert);
	assert_int_equal(json_array_size(events), ROOM_KINDS);
	json_array_foreach(events, i, entry)
	{
		assert_true(good(entry, &event));
		assert_int_equal(event.number, i + 1);
		assert_memory_equal(event.previous, previous, 32);
		assert_memory_equal(event.room.home, cert.server, 32);
		assert_memory_equal(event.key_id, key_id, 32);
		payload = text_of(entry, "canonicalPayload");
		sha256(hash, payload, strlen(payload));
		assert_memory_equal(event.payload_hash, hash, 32);
		room_event_hash(previous, &event);
		base64_encode(base64, previous, 32);
		assert_string_equal(base64, text_of(entry, "hash"));
		kinds |= 1U << event.kind;
	}
	assert_int_equal(kinds, (1U << ROOM_KINDS) - 1);
}

static void
refused(void **state)
{
	json_t *rows = json_object_get(vectors, "refusedStates"), *entry;
	struct room_event event;
	size_t i;

	(void)state;
	assert_true(json_array_size(rows) > 10);
	json_array_foreach(rows, i, entry)
	{
		if (good(entry, &event))
			fail_msg("%s", text_of(entry, "why"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(chain),
	    cmocka_unit_test(refused),
	};

	if (ed_init() == -1)
		return 1;
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
