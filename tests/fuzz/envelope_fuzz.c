/* SPDX-License-Identifier: ISC */
/*
 * Envelopes: what parses, formats to a body that parses to the same. The input
 * is taken as a whole body, and as the payload of each type that is looked
 * into.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/canon.h"
#include "json/wire.h"
#include "proto/ed.h"

#define HERE "25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid.onion"
#define BEFORE                                                         \
	"{\"type\":\"%s\",\"destinationServer\":\"" HERE "\","         \
	"\"originServer\":\"" HERE "\","                               \
	"\"id\":\"1b4e28ba-2fa1-41d2-883f-0016d3cca427\","             \
	"\"protocolVersion\":\"tor-chat-federation-v1\","              \
	"\"timestamp\":\"2025-10-30T12:00:00Z\","                      \
	"\"keyId\":\"00112233445566778899aabbccddeeff"                 \
	"00112233445566778899aabbccddeeff\","                          \
	"\"signature\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\",\"payload\":"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static char body[ENVELOPE_MAX];

static void
require(bool condition)
{
	if (!condition)
		abort();
}

static void
check_again(const struct envelope *envelope)
{
	struct envelope again;
	size_t length;

	require(strlen(envelope->payload) == envelope->payload_length);
	require(canon_check(envelope->payload, envelope->payload_length));
	length = envelope_format(body, &envelope->header, envelope->signature,
	    envelope->payload, envelope->payload_length);
	if (length == 0)
		return;
	require(envelope_parse(&again, body, length) == CODE_OK);
	require(memcmp(&again.header, &envelope->header,
		    sizeof(again.header)) == 0);
	require(memcmp(again.signature, envelope->signature, 64) == 0);
	require(again.payload_length == envelope->payload_length &&
		memcmp(again.payload, envelope->payload,
		    again.payload_length) == 0);
	envelope_free(&again);
}

/* The reduced form survives its way to another process. */
static void
check_reduced(const char *text, size_t length)
{
	static uint8_t room[ENVELOPE_MAX + 65536];
	struct wire_request decoded, request = {.circuit = 1};
	struct message message = {.descriptor = -1, .data = room};
	struct envelope parsed;
	struct pack pack;

	if (wire_reduce(&request.envelope, &parsed, text, length) != CODE_OK) {
		require(parsed.text == NULL);
		return;
	}
	pack_init(&pack, room, sizeof(room));
	wire_request_encode(&pack, &request);
	require(pack_ok(&pack));
	message.length = pack.length;
	require(wire_request_decode(&message, &decoded) == 0);
	envelope_free(&parsed);
}

static void
check_body(const char *text, size_t length)
{
	struct envelope envelope;

	if (envelope_parse(&envelope, text, length) == CODE_OK) {
		check_again(&envelope);
		envelope_free(&envelope);
	}
	check_reduced(text, length);
}

static void
check_payload(const char *type, const uint8_t *data, size_t size)
{
	size_t length;
	char *text;

	if ((text = malloc(size + 1024)) == NULL)
		abort();
	length = (size_t)snprintf(text, 1024, BEFORE, type);
	memcpy(text + length, data, size);
	text[length + size] = '}';
	check_reduced(text, length + size + 1);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (ed_init() == -1)
		abort();
	check_body((const char *)data, size);
	check_payload("message", data, size);
	check_payload("handshake", data, size);
	check_payload("ack", data, size);
	return 0;
}
