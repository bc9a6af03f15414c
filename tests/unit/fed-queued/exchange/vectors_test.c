/* SPDX-License-Identifier: ISC */
/*
 * The protocol page's vectors of what servers say to each other, made by
 * another implementation: what Bob's server answers to each request of Alice's,
 * and what she makes of each answer of his.
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

#include "base/encode.h"
#include "fed-queued/exchange/check.h"
#include "json/canon.h"
#include "json/lookup.h"
#include "json/sync_payload.h"
#include "proto/ed.h"
#include "proto/onion.h"

static json_t *vectors;
static int64_t now;
static struct cert alice, bob;
static struct limiter strangers, failures;

static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	assert_non_null(text);
	return text;
}

static int
cert_load(struct cert *cert, const char *name)
{
	const char *text =
	    text_of(json_object_get(json_object_get(vectors, "keys"), name),
		"certificate");

	return cert_parse(cert, text, strlen(text)) == CODE_OK ? 0 : -1;
}

static int
set_up(void **state)
{
	const char *at;

	(void)state;
	vectors = json_load_file("man/federation.vectors", 0, NULL);
	if (vectors == NULL)
		return -1;
	at = text_of(vectors, "at");
	if (time_parse(&now, at, strlen(at)) == -1)
		return -1;
	return cert_load(&alice, "alice") == 0 ? cert_load(&bob, "bob") : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	json_decref(vectors);
	return 0;
}

static void
peer_make(struct peer *peer, const struct cert *cert, int trust)
{
	memset(peer, 0, sizeof(*peer));
	peer->present = true;
	peer->trust = trust;
	memcpy(peer->key, cert->server, 32);
	peer_certificate_add(peer, cert, cert->serial, cert->min_serial);
}

static void
context_make(struct check_context *context, const uint8_t server[32])
{
	memset(context, 0, sizeof(*context));
	memcpy(context->server, server, 32);
	context->now = now;
	context->window_s = 300;
	context->strangers = &strangers;
	context->failures = &failures;
	context->space = SIZE_MAX;
}

static void
result_text(char *text, size_t size, const struct ack_result *result)
{
	static const char *const names[] = {
	    "accepted", "duplicate", "rejected", "retry"};

	if (result->status < ACK_REJECTED)
		snprintf(text, size, "%s", names[result->status]);
	else
		snprintf(text, size, "%s %s", names[result->status],
		    result->code == CODE_COUNT ? "NEWER"
					       : code_name(result->code));
}

/* As the vectors say it; seconds is 0 where none are told. */
static void
check_text(
    char *text, size_t size, uint32_t *seconds, const struct check *check)
{
	*seconds = 0;
	switch (check->verdict) {
	case VERDICT_COMMIT:
	case VERDICT_HANDSHAKE:
		snprintf(text, size, "accepted");
		break;
	case VERDICT_LOOKUP:
	case VERDICT_SYNC:
		if (check->code == CODE_OK) {
			snprintf(text, size, "accepted");
			break;
		}
		result_text(text, size, &check->items[0].result);
		break;
	case VERDICT_ANSWER:
		result_text(text, size, &check->items[0].result);
		*seconds = check->items[0].result.seconds;
		break;
	case VERDICT_REFUSED:
		snprintf(text, size, "401");
		break;
	case VERDICT_LIMITED:
	case VERDICT_BUSY:
	case VERDICT_MALFORMED:
	default:
		snprintf(text, size, "400");
		break;
	}
}

/* What Bob's server says to a request; it knows Alice's alone. */
static void
answer_to(
    char *text, size_t size, uint32_t *seconds, const char *body, int trust)
{
	struct wire_request request;
	struct check_context context;
	struct envelope parsed;
	struct check check;
	struct peer peer;

	memset(&request, 0, sizeof(request));
	*seconds = 0;
	if (wire_reduce(&request.envelope, &parsed, body, strlen(body)) !=
	    CODE_OK) {
		snprintf(text, size, "400");
		return;
	}
	request.handshake_path =
	    strcmp(request.envelope.header.type, "handshake") == 0;
	peer_make(&peer, &alice, trust);
	context_make(&context, bob.server);
	check_request(&check, &context,
	    memcmp(request.envelope.header.origin, alice.server, 32) == 0
		? &peer
		: NULL,
	    &request);
	check_text(text, size, seconds, &check);
	envelope_free(&parsed);
}

static void
requests_check(const char *list)
{
	json_t *rows = json_object_get(vectors, list), *row;
	const json_t *level, *told;
	char outcome[64];
	uint32_t seconds;
	size_t i;

	assert_true(json_array_size(rows) > 15);
	json_array_foreach(rows, i, row)
	{
		level = json_object_get(row, "level");
		told = json_object_get(row, "seconds");
		answer_to(outcome, sizeof(outcome), &seconds,
		    text_of(row, "envelope"),
		    level == NULL ? TRUST_VERIFIED
				  : (int)json_integer_value(level));
		if (strcmp(outcome, text_of(row, "outcome")) != 0)
			fail_msg(
			    "%s: %s: %s", list, text_of(row, "why"), outcome);
		if (told != NULL)
			assert_int_equal(seconds, json_integer_value(told));
	}
}

static void
requests(void **state)
{
	(void)state;
	requests_check("requests");
	requests_check("refused");
	requests_check("handshakes");
	requests_check("certificates");
}

/* A certificate alone, as its page says. */
static void
certificates(void **state)
{
	json_t *rows = json_object_get(vectors, "certificates"), *row;
	const json_t *expected;
	struct cert cert;
	const char *text;
	enum code code;
	size_t i;

	(void)state;
	json_array_foreach(rows, i, row)
	{
		text = text_of(row, "certificate");
		code = cert_parse(&cert, text, strlen(text));
		if (code == CODE_OK)
			code = cert_verify(&cert, now);
		expected = json_object_get(row, "code");
		if (strcmp(code_name(code),
			expected == NULL ? "OK" : json_string_value(expected)))
			fail_msg(
			    "%s: %s", text_of(row, "why"), code_name(code));
	}
}

/* What Alice's server makes of an answer to her message. */
static enum code
answer_read(struct ack_result *result, const char *body)
{
	const char *hash =
	    text_of(json_object_get(vectors, "message"), "requestHash");
	struct wire_envelope envelope;
	struct check_context context;
	uint8_t request_hash[32];
	const struct cert *cert;
	struct envelope parsed;
	struct peer peer;
	uint32_t credit;
	enum code code;

	memset(result, 0, sizeof(*result));
	assert_int_equal(
	    base64_decode_exact(request_hash, 32, hash, strlen(hash)), 0);
	if (wire_reduce(&envelope, &parsed, body, strlen(body)) != CODE_OK)
		return CODE_ANSWER_JSON;
	peer_make(&peer, &bob, TRUST_VERIFIED);
	context_make(&context, alice.server);
	code = check_answer(&context, &peer, bob.server, &envelope, &cert);
	if (code == CODE_OK)
		code = ack_parse(envelope.payload, envelope.payload_length,
		    request_hash, result, 1, &credit);
	envelope_free(&parsed);
	return code;
}

static void
acknowledgements(void **state)
{
	json_t *rows = json_object_get(vectors, "acks"), *row;
	struct ack_result result;
	char outcome[64];
	enum code code;
	size_t i;

	(void)state;
	json_array_foreach(rows, i, row)
	{
		assert_string_equal(text_of(row, "request"), "message");
		code = answer_read(&result, text_of(row, "envelope"));
		if (code == CODE_OK)
			result_text(outcome, sizeof(outcome), &result);
		else
			snprintf(outcome, sizeof(outcome), "none");
		if (strcmp(outcome, text_of(row, "outcome")) != 0)
			fail_msg("%s: %s", text_of(row, "why"), outcome);
		if (code != CODE_OK)
			assert_string_equal(
			    code_name(code), text_of(row, "code"));
	}
}

/* The member answer, in an acknowledgement's payload. */
static void
lookups(void **state)
{
	json_t *rows = json_object_get(vectors, "lookupAnswers"), *row, *root;
	static struct lookup_user user;
	const char *outcome;
	size_t i, length;
	char *payload;
	bool found;

	(void)state;
	json_array_foreach(rows, i, row)
	{
		root =
		    json_pack("{sO}", "answer", json_object_get(row, "answer"));
		assert_non_null(payload = canon_write(root, &length));
		outcome = lookup_answer_parse(
			      &user, &found, "bob", payload, length) != CODE_OK
			      ? "none"
			  : found ? "found"
				  : "nobody";
		if (strcmp(outcome, text_of(row, "outcome")) != 0)
			fail_msg("%s: %s", text_of(row, "why"), outcome);
		free(payload);
		json_decref(root);
	}
}

static void
syncs(void **state)
{
	json_t *rows = json_object_get(vectors, "syncs"), *row;
	static struct sync_message message;
	const char *payload;
	enum code code;
	bool answer;
	size_t i;

	(void)state;
	json_array_foreach(rows, i, row)
	{
		payload = text_of(row, "payload");
		answer = json_is_true(json_object_get(row, "answer"));
		assert_true(canon_check(payload, strlen(payload)));
		code = sync_payload_parse(
		    &message, answer, payload, strlen(payload));
		if (code == CODE_OK)
			sync_payload_free(&message);
		if ((code == CODE_OK) !=
		    (strcmp(text_of(row, "outcome"), "accepted") == 0))
			fail_msg(
			    "%s: %s", text_of(row, "why"), code_name(code));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(requests),
	    cmocka_unit_test(certificates),
	    cmocka_unit_test(acknowledgements),
	    cmocka_unit_test(lookups),
	    cmocka_unit_test(syncs),
	};

	if (ed_init() == -1)
		return 1;
	canon_init();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
