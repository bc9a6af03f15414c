/* SPDX-License-Identifier: ISC */
/*
 * Codec pairs for the messages that carry parts of the protocol between
 * fed-listener, fed-queued and fed-sender, and the one function that reduces
 * a body from outside to what those messages hold.
 */
#include <string.h>

#include "base/encode.h"
#include "json/canon.h"
#include "json/wire.h"

#define TIME_SECONDS_MAX INT64_C(253370764799) /* 9998-12-31T23:59:59Z */
#define RETRY_MAX	 86400U		       /* seconds */

static bool
time_valid(int64_t seconds)
{
	return seconds >= 0 && seconds <= TIME_SECONDS_MAX;
}

/* No advice to wait goes beyond what the decoders take. */
static uint32_t
retry_clamp(uint32_t seconds)
{
	return seconds < RETRY_MAX ? seconds : RETRY_MAX;
}

/* A string within size bytes that is valid text. */
static bool
text_unpack(struct unpack *unpack, char *text, size_t size)
{
	unpack_string(unpack, text, size);
	return !unpack->failed && canon_text_valid(text, strlen(text));
}

static void
cert_encode(struct pack *pack, const struct cert *cert)
{
	pack_bytes(pack, cert->server, sizeof(cert->server));
	pack_u64(pack, cert->serial);
	pack_u64(pack, cert->min_serial);
	pack_i64(pack, cert->not_before);
	pack_i64(pack, cert->not_after);
	pack_bytes(pack, cert->signing_key, sizeof(cert->signing_key));
	pack_u8(pack, cert->has_door);
	pack_bytes(pack, cert->door, sizeof(cert->door));
	pack_u8(pack, cert->has_client_auth);
	pack_bytes(pack, cert->client_auth, sizeof(cert->client_auth));
	pack_bytes(pack, cert->signature, sizeof(cert->signature));
}

/* What cert_parse() would have taken, so that its text fits CERT_MAX. */
static bool
cert_decode(struct unpack *unpack, struct cert *cert)
{
	unpack_bytes(unpack, cert->server, sizeof(cert->server));
	cert->serial = unpack_u64(unpack);
	cert->min_serial = unpack_u64(unpack);
	cert->not_before = unpack_i64(unpack);
	cert->not_after = unpack_i64(unpack);
	unpack_bytes(unpack, cert->signing_key, sizeof(cert->signing_key));
	cert->has_door = unpack_bool(unpack);
	unpack_bytes(unpack, cert->door, sizeof(cert->door));
	cert->has_client_auth = unpack_bool(unpack);
	unpack_bytes(unpack, cert->client_auth, sizeof(cert->client_auth));
	unpack_bytes(unpack, cert->signature, sizeof(cert->signature));
	return !unpack->failed && cert->serial <= CERT_NUMBER_MAX &&
	       cert->min_serial <= CERT_NUMBER_MAX &&
	       time_valid(cert->not_before) && time_valid(cert->not_after);
}

static void
handshake_encode(struct pack *pack, const struct handshake *handshake)
{
	uint32_t i;

	cert_encode(pack, &handshake->cert);
	pack_string(pack, handshake->name);
	pack_string(pack, handshake->description);
	pack_string(pack, handshake->version);
	pack_u32(pack, handshake->protocol_count);
	for (i = 0; i < handshake->protocol_count; i++)
		pack_string(pack, handshake->protocols[i]);
}

static bool
handshake_decode(struct unpack *unpack, struct handshake *handshake)
{
	uint32_t i;

	if (!cert_decode(unpack, &handshake->cert) ||
	    !text_unpack(unpack, handshake->name, sizeof(handshake->name)) ||
	    !text_unpack(unpack, handshake->description,
		sizeof(handshake->description)) ||
	    !text_unpack(
		unpack, handshake->version, sizeof(handshake->version)))
		return false;
	handshake->protocol_count = unpack_u32(unpack);
	if (handshake->protocol_count < 1 ||
	    handshake->protocol_count > HANDSHAKE_PROTOCOLS_MAX)
		return false;
	for (i = 0; i < handshake->protocol_count; i++)
		if (!text_unpack(unpack, handshake->protocols[i],
			sizeof(handshake->protocols[i])) ||
		    handshake->protocols[i][0] == '\0')
			return false;
	return true;
}

static void
header_encode(struct pack *pack, const struct envelope_header *header)
{
	pack_string(pack, header->type);
	pack_bytes(pack, header->id, sizeof(header->id));
	pack_bytes(pack, header->origin, sizeof(header->origin));
	pack_bytes(pack, header->destination, sizeof(header->destination));
	pack_i64(pack, header->timestamp);
	pack_bytes(pack, header->key_id, sizeof(header->key_id));
}

static bool
header_decode(struct unpack *unpack, struct envelope_header *header)
{
	unpack_string(unpack, header->type, sizeof(header->type));
	unpack_bytes(unpack, header->id, sizeof(header->id));
	unpack_bytes(unpack, header->origin, sizeof(header->origin));
	unpack_bytes(unpack, header->destination, sizeof(header->destination));
	header->timestamp = unpack_i64(unpack);
	unpack_bytes(unpack, header->key_id, sizeof(header->key_id));
	return !unpack->failed && time_valid(header->timestamp) &&
	       signtext_type_valid(header->type, strlen(header->type)) &&
	       header->id[6] >> 4 == 4 && header->id[8] >> 6 == 2;
}

static void
items_encode(struct pack *pack, const struct wire_envelope *envelope)
{
	const struct wire_item *item;
	uint32_t i;

	for (i = 0; i < envelope->item_count; i++) {
		item = &envelope->items[i];
		pack_string(pack, item->type);
		pack_bytes(pack, item->id, sizeof(item->id));
		pack_blob(pack, item->payload, item->payload_length);
	}
}

static bool
items_decode(struct unpack *unpack, struct wire_envelope *envelope)
{
	struct wire_item *item;
	uint32_t i;

	if (envelope->item_count > BATCH_ITEMS)
		return false;
	for (i = 0; i < envelope->item_count; i++) {
		item = &envelope->items[i];
		unpack_string(unpack, item->type, sizeof(item->type));
		unpack_bytes(unpack, item->id, sizeof(item->id));
		item->payload = (const char *)unpack_blob(
		    unpack, &item->payload_length, ENVELOPE_MAX);
		if (unpack->failed || item->payload_length == 0 ||
		    !signtext_type_valid(item->type, strlen(item->type)))
			return false;
	}
	return true;
}

static void
envelope_encode(struct pack *pack, const struct wire_envelope *envelope)
{
	header_encode(pack, &envelope->header);
	pack_bytes(pack, envelope->signature, sizeof(envelope->signature));
	pack_u8(pack, envelope->has_handshake);
	if (envelope->has_handshake)
		handshake_encode(pack, &envelope->handshake);
	pack_u8(pack, (uint8_t)envelope->item_count);
	if (envelope->item_count > 0)
		items_encode(pack, envelope);
	else
		pack_blob(pack, envelope->payload, envelope->payload_length);
}

static bool
envelope_decode(struct unpack *unpack, struct wire_envelope *envelope)
{
	if (!header_decode(unpack, &envelope->header))
		return false;
	unpack_bytes(unpack, envelope->signature, sizeof(envelope->signature));
	envelope->has_handshake = unpack_bool(unpack);
	if (envelope->has_handshake &&
	    !handshake_decode(unpack, &envelope->handshake))
		return false;
	envelope->item_count = unpack_u8(unpack);
	if ((strcmp(envelope->header.type, "batch") == 0) !=
	    (envelope->item_count > 0))
		return false;
	if (envelope->item_count > 0)
		return items_decode(unpack, envelope);
	envelope->payload = (const char *)unpack_blob(
	    unpack, &envelope->payload_length, ENVELOPE_MAX);
	return !unpack->failed && envelope->payload_length > 0;
}

void
wire_request_encode(struct pack *pack, const struct wire_request *request)
{
	pack_u64(pack, request->circuit);
	pack_u8(pack, request->handshake_path);
	envelope_encode(pack, &request->envelope);
}

int
wire_request_decode(const struct message *message, struct wire_request *request)
{
	struct unpack unpack;

	memset(request, 0, sizeof(*request));
	unpack_init(&unpack, message->data, message->length);
	request->circuit = unpack_u64(&unpack);
	request->handshake_path = unpack_bool(&unpack);
	if (!envelope_decode(&unpack, &request->envelope))
		return -1;
	return unpack_done(&unpack);
}

void
wire_response_encode(struct pack *pack, const struct wire_response *response)
{
	pack_u16(pack, response->status);
	pack_u32(pack, retry_clamp(response->retry_after));
	pack_blob(pack, response->body, response->body_length);
}

int
wire_response_decode(
    const struct message *message, struct wire_response *response)
{
	struct unpack unpack;

	memset(response, 0, sizeof(*response));
	unpack_init(&unpack, message->data, message->length);
	response->status = unpack_u16(&unpack);
	response->retry_after = unpack_u32(&unpack);
	response->body = (const char *)unpack_blob(
	    &unpack, &response->body_length, ENVELOPE_MAX);
	if (unpack_done(&unpack) == -1 || response->retry_after > RETRY_MAX)
		return -1;
	switch (response->status) {
	case 200:
		return response->body_length > 0 ? 0 : -1;
	case 400:
	case 401:
	case 429:
	case 503:
		return response->body_length == 0 ? 0 : -1;
	default:
		return -1;
	}
}

void
wire_send_encode(struct pack *pack, const struct wire_send *send)
{
	pack_bytes(pack, send->destination, sizeof(send->destination));
	pack_u32(pack, send->generation);
	pack_u8(pack, send->handshake);
	pack_blob(pack, send->body, send->body_length);
}

int
wire_send_decode(const struct message *message, struct wire_send *send)
{
	struct unpack unpack;

	memset(send, 0, sizeof(*send));
	unpack_init(&unpack, message->data, message->length);
	unpack_bytes(&unpack, send->destination, sizeof(send->destination));
	send->generation = unpack_u32(&unpack);
	send->handshake = unpack_bool(&unpack);
	send->body = (const char *)unpack_blob(
	    &unpack, &send->body_length, ENVELOPE_MAX);
	if (unpack_done(&unpack) == -1 || send->body_length == 0)
		return -1;
	return 0;
}

void
wire_send_result_encode(struct pack *pack, const struct wire_send_result *sent)
{
	pack_u16(pack, (uint16_t)sent->code);
	pack_u16(pack, sent->status);
	pack_u32(pack, retry_clamp(sent->retry_after));
	pack_u8(pack, sent->started);
	if (sent->code == CODE_OK)
		envelope_encode(pack, &sent->envelope);
}

int
wire_send_result_decode(
    const struct message *message, struct wire_send_result *sent)
{
	struct unpack unpack;
	uint16_t code;

	memset(sent, 0, sizeof(*sent));
	unpack_init(&unpack, message->data, message->length);
	code = unpack_u16(&unpack);
	sent->status = unpack_u16(&unpack);
	sent->retry_after = unpack_u32(&unpack);
	sent->started = unpack_bool(&unpack);
	if (unpack.failed || code >= CODE_COUNT ||
	    sent->retry_after > RETRY_MAX ||
	    (sent->status != 0 && (sent->status < 200 || sent->status > 599)))
		return -1;
	sent->code = (enum code)code;
	if (sent->code == CODE_OK) {
		if (!envelope_decode(&unpack, &sent->envelope))
			return -1;
	} else if (code_class(sent->code) != CODE_CLASS_LOCAL)
		return -1;
	return unpack_done(&unpack);
}

void
wire_probe_encode(struct pack *pack, const struct wire_probe *probe)
{
	pack_bytes(pack, probe->server, sizeof(probe->server));
	pack_u32(pack, probe->generation);
}

int
wire_probe_decode(const struct message *message, struct wire_probe *probe)
{
	struct unpack unpack;

	unpack_init(&unpack, message->data, message->length);
	unpack_bytes(&unpack, probe->server, sizeof(probe->server));
	probe->generation = unpack_u32(&unpack);
	return unpack_done(&unpack);
}

void
wire_probe_result_encode(
    struct pack *pack, const struct wire_probe_result *probed)
{
	pack_u16(pack, (uint16_t)probed->code);
	pack_u16(pack, probed->status);
}

int
wire_probe_result_decode(
    const struct message *message, struct wire_probe_result *probed)
{
	struct unpack unpack;
	uint16_t code;

	memset(probed, 0, sizeof(*probed));
	unpack_init(&unpack, message->data, message->length);
	code = unpack_u16(&unpack);
	probed->status = unpack_u16(&unpack);
	if (unpack_done(&unpack) == -1 || code >= CODE_COUNT)
		return -1;
	probed->code = (enum code)code;
	if (probed->code == CODE_OK)
		return probed->status >= 200 && probed->status <= 599 ? 0 : -1;
	if (code_class(probed->code) != CODE_CLASS_LOCAL || probed->status != 0)
		return -1;
	return 0;
}

/* Where in the payload a handshake's fields stand; NULL nowhere. */
static const char *
handshake_find(const struct envelope *parsed, size_t *length)
{
	const char *answer;
	size_t certificate_length;

	if (strcmp(parsed->header.type, "handshake") == 0) {
		*length = parsed->payload_length;
		return parsed->payload;
	}
	if (strcmp(parsed->header.type, "ack") != 0)
		return NULL;
	answer = canon_member(
	    parsed->payload, parsed->payload_length, "answer", length);
	if (answer == NULL || canon_member(answer, *length, "certificate",
				  &certificate_length) == NULL)
		return NULL;
	return answer;
}

static enum code
handshake_parse(struct handshake *handshake, const char *text, size_t length)
{
	enum code code;
	json_t *object;

	if (length > ITEM_MAX)
		return CODE_PAYLOAD_TOO_LARGE;
	if ((code = canon_parse(&object, text, length, true)) != CODE_OK)
		return code;
	code = handshake_reduce(handshake, object);
	json_decref(object);
	return code;
}

static enum code
reduce_end(struct wire_envelope *wire, struct envelope *parsed, enum code code)
{
	if (code != CODE_OK) {
		envelope_free(parsed);
		memset(wire, 0, sizeof(*wire));
	}
	return code;
}

enum code
wire_reduce(struct wire_envelope *wire, struct envelope *parsed,
    const char *body, size_t length)
{
	const char *handshake;
	size_t handshake_length;
	enum code code;

	memset(wire, 0, sizeof(*wire));
	if ((code = envelope_parse(parsed, body, length)) != CODE_OK)
		return code;
	wire->header = parsed->header;
	memcpy(wire->signature, parsed->signature, sizeof(wire->signature));
	wire->payload = parsed->payload;
	wire->payload_length = parsed->payload_length;
	if (strcmp(wire->header.type, "batch") == 0) {
		code = batch_cut(wire->items, &wire->item_count, wire->payload,
		    wire->payload_length);
		wire->payload = NULL;
		wire->payload_length = 0;
		return reduce_end(wire, parsed, code);
	}
	handshake = handshake_find(parsed, &handshake_length);
	if (handshake == NULL)
		return CODE_OK;
	wire->has_handshake = true;
	code = handshake_parse(&wire->handshake, handshake, handshake_length);
	return reduce_end(wire, parsed, code);
}
