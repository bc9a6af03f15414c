/* SPDX-License-Identifier: ISC */
/*
 * Codec pairs: what is encoded is decoded, every truncation and every byte too
 * many is an error, and so is each value that does not exist; and the
 * reduction of bodies, with handshakes where the type carries them.
 */
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
#include "json/wire.h"
#include "proto/ed.h"
#include "proto/onion.h"

#define HERE "25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid.onion"

static uint8_t room[ENVELOPE_MAX + 65536];

static struct message
message_of(const struct pack *pack)
{
	struct message message = {
	    .descriptor = -1, .data = pack->data, .length = pack->length};

	assert_true(pack_ok(pack));
	return message;
}

static void
handshake_fill(struct handshake *handshake)
{
	struct cert *cert = &handshake->cert;

	assert_int_equal(
	    onion_parse(cert->server, HERE, ONION_LENGTH), CODE_OK);
	memset(cert->signing_key, 3, sizeof(cert->signing_key));
	cert->serial = 20;
	cert->min_serial = 10;
	cert->not_before = 1000;
	cert->not_after = 2000;
	memset(cert->signature, 9, sizeof(cert->signature));
	strcpy(handshake->name, "name");
	strcpy(handshake->version, "\xc3\xb6");
	handshake->protocol_count = 2;
	strcpy(handshake->protocols[0], PROTOCOL_VERSION);
	strcpy(handshake->protocols[1], "other");
}

static void
request_fill(struct wire_request *request)
{
	struct envelope_header *header = &request->envelope.header;

	memset(request, 0, sizeof(*request));
	request->circuit = UINT64_C(0x1122334455667788);
	request->handshake_path = true;
	strcpy(header->type, "handshake");
	uuid_new(header->id);
	memset(header->origin, 1, sizeof(header->origin));
	memset(header->destination, 2, sizeof(header->destination));
	header->timestamp = 1761825600;
	memset(header->key_id, 5, sizeof(header->key_id));
	memset(request->envelope.signature, 6, 64);
	request->envelope.has_handshake = true;
	handshake_fill(&request->envelope.handshake);
	request->envelope.payload = "{\"a\":1}";
	request->envelope.payload_length = 7;
}

static int
request_try(const struct wire_request *request)
{
	struct wire_request decoded;
	struct message message;
	struct pack pack;

	pack_init(&pack, room, sizeof(room));
	wire_request_encode(&pack, request);
	message = message_of(&pack);
	return wire_request_decode(&message, &decoded);
}

static void
request_round(void **state)
{
	struct wire_request request, decoded;
	struct message message;
	struct pack pack;

	(void)state;
	request_fill(&request);
	pack_init(&pack, room, sizeof(room));
	wire_request_encode(&pack, &request);
	message = message_of(&pack);
	assert_int_equal(wire_request_decode(&message, &decoded), 0);
	assert_int_equal(decoded.envelope.payload_length, 7);
	assert_memory_equal(decoded.envelope.payload, "{\"a\":1}", 7);
	decoded.envelope.payload = request.envelope.payload;
	assert_memory_equal(&decoded, &request, sizeof(request));
}

static void
request_lengths(void **state)
{
	struct wire_request request, decoded;
	struct message message;
	struct pack pack;
	size_t length;

	(void)state;
	request_fill(&request);
	pack_init(&pack, room, sizeof(room));
	wire_request_encode(&pack, &request);
	message = message_of(&pack);
	length = message.length;
	for (message.length = 0; message.length < length; message.length++)
		assert_int_equal(wire_request_decode(&message, &decoded), -1);
	room[length] = 0;
	message.length = length + 1;
	assert_int_equal(wire_request_decode(&message, &decoded), -1);
}

static void
request_header_values(void **state)
{
	struct wire_request request;
	struct envelope_header *header = &request.envelope.header;

	(void)state;
	request_fill(&request);
	strcpy(header->type, "Handshake");
	assert_int_equal(request_try(&request), -1);
	strcpy(header->type, "");
	assert_int_equal(request_try(&request), -1);
	strcpy(header->type, "abcdefghijklmnopqrstuvwxyzabcdef");
	assert_int_equal(request_try(&request), 0);
	header->timestamp = -1;
	assert_int_equal(request_try(&request), -1);
	header->timestamp = INT64_C(253370764800);
	assert_int_equal(request_try(&request), -1);
	header->timestamp = INT64_C(253370764799);
	assert_int_equal(request_try(&request), 0);
	header->id[6] = 0x70;
	assert_int_equal(request_try(&request), -1);
	header->id[6] = 0x40;
	header->id[8] = 0xc0;
	assert_int_equal(request_try(&request), -1);
	header->id[8] = 0x80;
	request.envelope.payload_length = 0;
	assert_int_equal(request_try(&request), -1);
}

static void
request_handshake_values(void **state)
{
	struct wire_request request;
	struct handshake *handshake = &request.envelope.handshake;

	(void)state;
	request_fill(&request);
	strcpy(handshake->name, "\xff");
	assert_int_equal(request_try(&request), -1);
	memset(handshake->name, 'n', HANDSHAKE_NAME_MAX);
	assert_int_equal(request_try(&request), 0);
	strcpy(handshake->description, "\xed\xa0\x80");
	assert_int_equal(request_try(&request), -1);
	handshake->description[0] = '\0';
	strcpy(handshake->version, "\xc3");
	assert_int_equal(request_try(&request), -1);
	handshake->version[0] = '\0';
	strcpy(handshake->protocols[1], "\xc0\x80");
	assert_int_equal(request_try(&request), -1);
	handshake->protocols[1][0] = '\0';
	assert_int_equal(request_try(&request), -1);
	handshake->protocol_count = 0;
	assert_int_equal(request_try(&request), -1);
	handshake->protocol_count = 1;
	assert_int_equal(request_try(&request), 0);
	handshake->cert.serial = CERT_NUMBER_MAX + UINT64_C(1);
	assert_int_equal(request_try(&request), -1);
	handshake->cert.serial = CERT_NUMBER_MAX;
	assert_int_equal(request_try(&request), 0);
	handshake->cert.min_serial = handshake->cert.serial + 1;
	assert_int_equal(request_try(&request), -1);
	handshake->cert.min_serial = 0;
	handshake->cert.not_after = -1;
	assert_int_equal(request_try(&request), -1);
	handshake->cert.not_after = 0;
	handshake->cert.not_before = INT64_MAX;
	assert_int_equal(request_try(&request), -1);
}

/* A name one byte longer than a struct can hold, built by hand. */
static void
request_long_strings(void **state)
{
	struct wire_request request, decoded;
	struct message message;
	struct pack pack;
	uint8_t *name;

	(void)state;
	request_fill(&request);
	memset(request.envelope.handshake.name, 'n', HANDSHAKE_NAME_MAX);
	pack_init(&pack, room, sizeof(room));
	wire_request_encode(&pack, &request);
	message = message_of(&pack);
	name = memmem(room, pack.length, "nnnn", 4);
	assert_non_null(name);
	memmove(name + 1, name, pack.length - (size_t)(name - room));
	name[-4]++;
	message.length++;
	assert_int_equal(wire_request_decode(&message, &decoded), -1);
	/* and a NUL inside */
	request_fill(&request);
	pack_init(&pack, room, sizeof(room));
	wire_request_encode(&pack, &request);
	message = message_of(&pack);
	name = memmem(room, pack.length, "name", 4);
	assert_non_null(name);
	name[1] = '\0';
	assert_int_equal(wire_request_decode(&message, &decoded), -1);
}

static void
request_booleans(void **state)
{
	struct wire_request request, decoded;
	struct message message;
	struct pack pack;

	(void)state;
	request_fill(&request);
	pack_init(&pack, room, sizeof(room));
	wire_request_encode(&pack, &request);
	message = message_of(&pack);
	room[8] = 2;
	assert_int_equal(wire_request_decode(&message, &decoded), -1);
	room[8] = 0;
	assert_int_equal(wire_request_decode(&message, &decoded), 0);
	assert_false(decoded.handshake_path);
}

static void
payload_limit(void **state)
{
	char *payload = calloc(1, ENVELOPE_MAX + 1);
	struct wire_request request;

	(void)state;
	assert_non_null(payload);
	request_fill(&request);
	request.envelope.payload = payload;
	request.envelope.payload_length = ENVELOPE_MAX;
	assert_int_equal(request_try(&request), 0);
	request.envelope.payload_length = ENVELOPE_MAX + 1;
	assert_int_equal(request_try(&request), -1);
	free(payload);
}

static int
response_try(uint16_t status, uint32_t retry_after, size_t body_length)
{
	static const char body[ENVELOPE_MAX + 1];
	struct wire_response decoded, response = {.status = status,
					  .retry_after = retry_after,
					  .body = body,
					  .body_length = body_length};
	struct message message;
	struct pack pack;
	size_t length;

	pack_init(&pack, room, sizeof(room));
	wire_response_encode(&pack, &response);
	message = message_of(&pack);
	if (wire_response_decode(&message, &decoded) == -1)
		return -1;
	assert_int_equal(decoded.status, status);
	assert_int_equal(decoded.retry_after, retry_after);
	assert_int_equal(decoded.body_length, body_length);
	length = message.length++;
	assert_int_equal(wire_response_decode(&message, &decoded), -1);
	message.length = length - 1;
	assert_int_equal(wire_response_decode(&message, &decoded), -1);
	return 0;
}

static void
responses(void **state)
{
	(void)state;
	assert_int_equal(response_try(200, 0, 8192), 0);
	assert_int_equal(response_try(200, 0, ENVELOPE_MAX), 0);
	assert_int_equal(response_try(200, 0, ENVELOPE_MAX + 1), -1);
	assert_int_equal(response_try(200, 0, 0), -1);
	assert_int_equal(response_try(400, 0, 0), 0);
	assert_int_equal(response_try(401, 0, 0), 0);
	assert_int_equal(response_try(401, 0, 1), -1);
	assert_int_equal(response_try(429, 86400, 0), 0);
	assert_int_equal(response_try(503, 30, 0), 0);
	assert_int_equal(response_try(500, 0, 0), -1);
	assert_int_equal(response_try(0, 0, 0), -1);
}

static void
sends(void **state)
{
	static const char body[ENVELOPE_MAX + 1];
	struct wire_send decoded, send = {.generation = 7,
				      .handshake = true,
				      .body = body,
				      .body_length = ENVELOPE_MAX};
	struct message message;
	struct pack pack;

	(void)state;
	memset(send.destination, 8, sizeof(send.destination));
	pack_init(&pack, room, sizeof(room));
	wire_send_encode(&pack, &send);
	message = message_of(&pack);
	assert_int_equal(wire_send_decode(&message, &decoded), 0);
	decoded.body = body;
	assert_memory_equal(&decoded, &send, sizeof(send));
	message.length--;
	assert_int_equal(wire_send_decode(&message, &decoded), -1);
	message.length += 2;
	assert_int_equal(wire_send_decode(&message, &decoded), -1);
	message.length--;
	room[36] = 2; /* the boolean */
	assert_int_equal(wire_send_decode(&message, &decoded), -1);
	pack_init(&pack, room, sizeof(room));
	send.body_length = 0;
	wire_send_encode(&pack, &send);
	message = message_of(&pack);
	assert_int_equal(wire_send_decode(&message, &decoded), -1);
	pack_init(&pack, room, sizeof(room));
	send.body_length = ENVELOPE_MAX + 1;
	wire_send_encode(&pack, &send);
	message = message_of(&pack);
	assert_int_equal(wire_send_decode(&message, &decoded), -1);
}

static int
sent_try(enum code code, uint16_t status, uint32_t retry_after)
{
	struct wire_send_result decoded, sent = {.code = code,
					     .status = status,
					     .retry_after = retry_after,
					     .started = true};
	struct wire_request request;
	struct message message;
	struct pack pack;

	request_fill(&request);
	sent.envelope = request.envelope;
	pack_init(&pack, room, sizeof(room));
	wire_send_result_encode(&pack, &sent);
	message = message_of(&pack);
	if (wire_send_result_decode(&message, &decoded) == -1)
		return -1;
	assert_int_equal(decoded.code, code);
	assert_int_equal(decoded.status, status);
	assert_int_equal(decoded.retry_after, retry_after);
	assert_true(decoded.started);
	if (code == CODE_OK)
		assert_string_equal(decoded.envelope.header.type, "handshake");
	else
		assert_null(decoded.envelope.payload);
	message.length++;
	assert_int_equal(wire_send_result_decode(&message, &decoded), -1);
	return 0;
}

static void
sents(void **state)
{
	(void)state;
	assert_int_equal(sent_try(CODE_OK, 200, 0), 0);
	assert_int_equal(sent_try(CODE_TOR_DOWN, 0, 0), 0);
	assert_int_equal(sent_try(CODE_ANSWER_UNSIGNED, 599, 86400), 0);
	assert_int_equal(sent_try(CODE_ANSWER_UNSIGNED, 600, 0), -1);
	assert_int_equal(sent_try(CODE_ANSWER_UNSIGNED, 199, 0), -1);
	assert_int_equal(sent_try(CODE_UNTRUSTED, 200, 0), -1);
	assert_int_equal(sent_try(CODE_COUNT, 200, 0), -1);
	assert_int_equal(sent_try((enum code)65535, 200, 0), -1);
}

static void
probes(void **state)
{
	struct wire_probe decoded, probe = {.generation = UINT32_MAX};
	struct message message;
	struct pack pack;

	(void)state;
	memset(probe.server, 8, sizeof(probe.server));
	pack_init(&pack, room, sizeof(room));
	wire_probe_encode(&pack, &probe);
	message = message_of(&pack);
	assert_int_equal(message.length, 36);
	assert_int_equal(wire_probe_decode(&message, &decoded), 0);
	assert_memory_equal(&decoded, &probe, sizeof(probe));
	message.length--;
	assert_int_equal(wire_probe_decode(&message, &decoded), -1);
	message.length += 2;
	assert_int_equal(wire_probe_decode(&message, &decoded), -1);
}

static int
probed_try(enum code code, uint16_t status)
{
	struct wire_probe_result decoded,
	    probed = {.code = code, .status = status};
	struct message message;
	struct pack pack;

	pack_init(&pack, room, sizeof(room));
	wire_probe_result_encode(&pack, &probed);
	message = message_of(&pack);
	if (wire_probe_result_decode(&message, &decoded) == -1)
		return -1;
	assert_int_equal(decoded.code, code);
	assert_int_equal(decoded.status, status);
	message.length--;
	assert_int_equal(wire_probe_result_decode(&message, &decoded), -1);
	message.length += 2;
	assert_int_equal(wire_probe_result_decode(&message, &decoded), -1);
	return 0;
}

static void
probeds(void **state)
{
	(void)state;
	assert_int_equal(probed_try(CODE_OK, 200), 0);
	assert_int_equal(probed_try(CODE_OK, 599), 0);
	assert_int_equal(probed_try(CODE_OK, 199), -1);
	assert_int_equal(probed_try(CODE_OK, 600), -1);
	assert_int_equal(probed_try(CODE_OK, 0), -1);
	assert_int_equal(probed_try(CODE_TOR_DOWN, 0), 0);
	assert_int_equal(probed_try(CODE_TOR_DOWN, 200), -1);
	assert_int_equal(probed_try(CODE_UNTRUSTED, 0), -1);
	assert_int_equal(probed_try(CODE_COUNT, 0), -1);
	assert_int_equal(probed_try((enum code)65535, 0), -1);
}

/* Encoders clamp to a day, decoders take no more: the integer by hand. */
static void
retry_limits(void **state)
{
	struct wire_response response = {.status = 503,
				 .retry_after = UINT32_MAX},
			     response_out;
	struct wire_send_result sent = {.code = CODE_TOR_DOWN,
				    .retry_after = UINT32_MAX},
				sent_out;
	struct message message;
	struct pack pack;

	(void)state;
	pack_init(&pack, room, sizeof(room));
	wire_response_encode(&pack, &response);
	message = message_of(&pack);
	assert_int_equal(wire_response_decode(&message, &response_out), 0);
	assert_int_equal(response_out.retry_after, 86400);
	room[2]++;
	assert_int_equal(wire_response_decode(&message, &response_out), -1);
	pack_init(&pack, room, sizeof(room));
	wire_send_result_encode(&pack, &sent);
	message = message_of(&pack);
	assert_int_equal(wire_send_result_decode(&message, &sent_out), 0);
	assert_int_equal(sent_out.retry_after, 86400);
	room[4]++;
	assert_int_equal(wire_send_result_decode(&message, &sent_out), -1);
}

/* A body with this type and payload. */
static enum code
reduce(struct wire_envelope *wire, struct envelope *parsed, const char *type,
    const char *payload)
{
	static char body[ENVELOPE_MAX];
	struct wire_request request;
	size_t length;

	request_fill(&request);
	assert_int_equal(
	    onion_parse(request.envelope.header.origin, HERE, ONION_LENGTH),
	    CODE_OK);
	memcpy(request.envelope.header.destination,
	    request.envelope.header.origin, ONION_KEY);
	strcpy(request.envelope.header.type, type);
	length = envelope_format(body, &request.envelope.header,
	    request.envelope.signature, payload, strlen(payload));
	assert_int_not_equal(length, 0);
	return wire_reduce(wire, parsed, body, length);
}

/* The verdict alone. */
static enum code
reduced(const char *type, const char *payload)
{
	struct wire_envelope wire;
	struct envelope parsed;
	enum code code;

	if ((code = reduce(&wire, &parsed, type, payload)) == CODE_OK)
		envelope_free(&parsed);
	assert_null(parsed.text);
	return code;
}

static char *
handshake_payload(void)
{
	struct handshake handshake;
	size_t length;
	char *text;

	memset(&handshake, 0, sizeof(handshake));
	handshake_fill(&handshake);
	memcpy(handshake.cert.signing_key, handshake.cert.server, 32);
	assert_non_null(text = handshake_format(&handshake, &length));
	return text;
}

static void
reduce_handshake(void **state)
{
	char *payload = handshake_payload(), *answer;
	struct wire_envelope wire;
	struct envelope parsed;

	(void)state;
	assert_int_equal(reduce(&wire, &parsed, "handshake", payload), CODE_OK);
	assert_true(wire.has_handshake);
	assert_string_equal(wire.handshake.name, "name");
	assert_int_equal(wire.handshake.protocol_count, 2);
	assert_ptr_equal(wire.payload, parsed.payload);
	assert_string_equal(wire.payload, payload);
	envelope_free(&parsed);

	assert_true(asprintf(&answer,
			"{\"aa\":\"\\\"answer\",\"answer\":%s,\"credit\":1}",
			payload) > 0);
	assert_int_equal(reduce(&wire, &parsed, "ack", answer), CODE_OK);
	assert_true(wire.has_handshake);
	assert_string_equal(wire.handshake.name, "name");
	envelope_free(&parsed);
	/* only these two types carry one */
	assert_int_equal(reduce(&wire, &parsed, "message", payload), CODE_OK);
	assert_false(wire.has_handshake);
	envelope_free(&parsed);
	assert_int_equal(reduce(&wire, &parsed, "message", answer), CODE_OK);
	assert_false(wire.has_handshake);
	envelope_free(&parsed);
	free(answer);
	free(payload);
}

static void
reduce_refuses(void **state)
{
	struct wire_envelope wire;
	struct envelope parsed;

	(void)state;
	assert_int_equal(reduced("handshake", "{}"), CODE_PAYLOAD_MALFORMED);
	assert_int_equal(reduced("handshake",
			     "{\"certificate\":\"\",\"protocols\":[\"a\"]}"),
	    CODE_CERTIFICATE_MALFORMED);
	assert_int_equal(reduced("ack", "{\"answer\":{\"certificate\":1}}"),
	    CODE_PAYLOAD_MALFORMED);
	assert_int_equal(reduced("ack", "{\"answer\":{}}"), CODE_OK);
	assert_int_equal(reduced("ack", "{\"answer\":[]}"), CODE_OK);
	assert_int_equal(reduced("ack", "{\"certificate\":1}"), CODE_OK);
	assert_int_equal(
	    reduced("message", "{\"a\":1,\"a\":2}"), CODE_JSON_DUPLICATE);
	assert_int_equal(
	    wire_reduce(&wire, &parsed, "{}", 2), CODE_ENVELOPE_MEMBER);
}

/* A handshake's payload may be as long as an item, and no longer. */
static void
reduce_handshake_size(void **state)
{
	char *payload = handshake_payload(), *filler, *text;
	size_t length = strlen(payload), fill;

	(void)state;
	fill = ITEM_MAX - length - strlen("\"a\":\"\",");
	assert_non_null(filler = malloc(fill + 2));
	memset(filler, 'f', fill + 1);
	filler[fill + 1] = '\0';
	assert_true(asprintf(&text, "{\"a\":\"%s\",%s", filler + 1,
			payload + 1) == (int)ITEM_MAX);
	assert_int_equal(reduced("handshake", text), CODE_OK);
	free(text);
	assert_true(asprintf(&text, "{\"a\":\"%s\",%s", filler, payload + 1) ==
		    (int)ITEM_MAX + 1);
	assert_int_equal(reduced("handshake", text), CODE_PAYLOAD_TOO_LARGE);
	free(text);
	free(filler);
	free(payload);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(request_round),
	    cmocka_unit_test(request_lengths),
	    cmocka_unit_test(request_header_values),
	    cmocka_unit_test(request_handshake_values),
	    cmocka_unit_test(request_long_strings),
	    cmocka_unit_test(request_booleans),
	    cmocka_unit_test(payload_limit),
	    cmocka_unit_test(responses),
	    cmocka_unit_test(sends),
	    cmocka_unit_test(sents),
	    cmocka_unit_test(probes),
	    cmocka_unit_test(probeds),
	    cmocka_unit_test(retry_limits),
	    cmocka_unit_test(reduce_handshake),
	    cmocka_unit_test(reduce_refuses),
	    cmocka_unit_test(reduce_handshake_size),
	};

	if (ed_init() == -1)
		return 1;
	canon_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
