/* SPDX-License-Identifier: ISC */
/* Acknowledgements: the payload written and read; see ack.h. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "exchange/ack.h"
#include "json/canon.h"

#define RESULT_SIZE 128 /* bytes of one result, at most */
#define ACK_AROUND  160 /* bytes around results and answer, at most */

/* Members in the order that RFC 8785 asks for: code, seconds, status. */
static void
result_format(char *text, size_t size, const struct ack_result *result)
{
	switch (result->status) {
	case ACK_ACCEPTED:
		snprintf(text, size, "{\"status\":\"accepted\"}");
		break;
	case ACK_DUPLICATE:
		snprintf(text, size, "{\"status\":\"duplicate\"}");
		break;
	case ACK_REJECTED:
		snprintf(text, size,
		    "{\"code\":\"%s\",\"status\":\"rejected\"}",
		    code_name(result->code));
		break;
	case ACK_RETRY:
		snprintf(text, size,
		    "{\"code\":\"%s\",\"seconds\":%u,\"status\":\"retry\"}",
		    code_name(result->code), result->seconds);
		break;
	}
}

char *
ack_format(const uint8_t request_hash[32], const struct ack_result *results,
    size_t count, uint32_t credit, const char *answer, size_t answer_length,
    size_t *length)
{
	char hash[BASE64_SHA256 + 1], text[RESULT_SIZE];
	size_t size = answer_length + ACK_AROUND + count * RESULT_SIZE, i;
	char *payload, *at;

	base64_encode(hash, request_hash, 32);
	at = payload = malloc(size);
	if (payload == NULL)
		return NULL;
	*at++ = '{';
	if (answer != NULL)
		at +=
		    sprintf(at, "\"answer\":%.*s,", (int)answer_length, answer);
	at += sprintf(at, "\"credit\":%u,\"requestHash\":\"%s\",\"results\":[",
	    credit, hash);
	for (i = 0; i < count; i++) {
		result_format(text, sizeof(text), &results[i]);
		at += sprintf(at, "%s%s", i == 0 ? "" : ",", text);
	}
	at += sprintf(at, "]}");
	*length = (size_t)(at - payload);
	return payload;
}

/*
 * What a peer may say of an item. Any other code is as good as one that we do
 * not know: "tor is down", "success" and the like are ours to find, and what
 * they call for is not a peer's to ask.
 */
static enum code
code_said(const json_t *text)
{
	enum code code =
	    code_find(json_string_value(text), json_string_length(text));

	if (code == CODE_COUNT)
		return code;
	switch (code_class(code)) {
	case CODE_CLASS_NEVER:
	case CODE_CLASS_LATER:
	case CODE_CLASS_ADMINISTRATIVE:
	case CODE_CLASS_LOAD:
		return code;
	default:
		return CODE_COUNT;
	}
}

static int
result_parse(struct ack_result *result, const json_t *value)
{
	static const char *const names[] = {
	    "accepted", "duplicate", "rejected", "retry"};
	const char *status =
	    json_string_value(json_object_get(value, "status"));
	const json_t *code = json_object_get(value, "code");
	const json_t *seconds = json_object_get(value, "seconds");
	size_t i;

	memset(result, 0, sizeof(*result));
	if (status == NULL)
		return -1;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(status, names[i]) == 0)
			break;
	if (i == sizeof(names) / sizeof(names[0]))
		return -1;
	result->status = (enum ack_status)i;
	if (result->status < ACK_REJECTED)
		return 0;
	if (!json_is_string(code))
		return -1;
	/* The peer's text goes no further than this comparison. */
	result->code = code_said(code);
	if (result->status == ACK_REJECTED)
		return 0;
	if (!json_is_integer(seconds) || json_integer_value(seconds) < 0)
		return -1;
	result->seconds = json_integer_value(seconds) > ACK_SECONDS_MAX
			      ? ACK_SECONDS_MAX
			      : (uint32_t)json_integer_value(seconds);
	return 0;
}

static enum code
payload_parse(const json_t *root, const uint8_t request_hash[32],
    struct ack_result *results, size_t expected, uint32_t *credit)
{
	const json_t *hash = json_object_get(root, "requestHash");
	const json_t *list = json_object_get(root, "results");
	const json_t *number = json_object_get(root, "credit");
	uint8_t bytes[32];
	size_t i;

	if (!json_is_string(hash) || !json_is_array(list) ||
	    !json_is_integer(number) || json_integer_value(number) < 1 ||
	    json_integer_value(number) > ACK_CREDIT_MAX ||
	    base64_decode_exact(bytes, sizeof(bytes), json_string_value(hash),
		json_string_length(hash)) != 0)
		return CODE_ANSWER_JSON;
	if (memcmp(bytes, request_hash, sizeof(bytes)) != 0)
		return CODE_ANSWER_UNBOUND;
	if (json_array_size(list) != expected)
		return CODE_ANSWER_JSON;
	for (i = 0; i < expected; i++)
		if (result_parse(&results[i], json_array_get(list, i)) != 0)
			return CODE_ANSWER_JSON;
	*credit = (uint32_t)json_integer_value(number);
	return CODE_OK;
}

enum code
ack_parse(const char *payload, size_t length, const uint8_t request_hash[32],
    struct ack_result *results, size_t expected, uint32_t *credit)
{
	json_t *root;
	enum code code;

	if (canon_parse(&root, payload, length, true) != CODE_OK)
		return CODE_ANSWER_JSON;
	code = payload_parse(root, request_hash, results, expected, credit);
	json_decref(root);
	return code;
}
