/* SPDX-License-Identifier: ISC */
/* Documents of server_sync; see document.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/encode.h"
#include "base/log.h"
#include "env.h"
#include "json/canon.h"
#include "json/envelope.h"
#include "proto/ed.h"
#include "rooms/document.h"
#include "rooms/home_certificate.h"
#include "servers/peer_table.h"

/* Whether the certificate is the signer's, and was valid at that time. */
static bool
signer_valid(const struct cert *cert, const uint8_t server[32],
    const uint8_t key_id[32], int64_t when)
{
	uint8_t own_id[32];

	cert_key_id(own_id, cert);
	return memcmp(cert->server, server, 32) == 0 &&
	       memcmp(own_id, key_id, 32) == 0 &&
	       cert_verify(cert, when) == CODE_OK;
}

static bool
event_read(struct document *document, const struct sync_document *given)
{
	struct signed_event *event = &document->event;
	const struct sync_bytes *payload = &given->payloads[0];
	struct room_certificates certificates;
	const struct cert *cert;

	if (signed_event_make(event, given->text.bytes, given->text.length,
		payload->bytes, payload->length, given->signature) != CODE_OK)
		return false;
	home_certificates_init(&certificates, &document->cert, 1);
	cert = home_certificate_find(&certificates, &event->event);
	if (cert != NULL && room_event_verify(&event->event, event->signature,
				cert->signing_key)) {
		document->cert = *cert;
		return true;
	}
	signed_event_free(event);
	return false;
}

/* An envelope or batch: which server signed it, and that it did. */
static bool
proof_read(struct document *document, const struct sync_document *given)
{
	struct signed_text *proof = &document->proof;
	const struct envelope_header *header = &document->text.header;

	if (signtext_parse(&document->text, given->text.bytes,
		given->text.length) != CODE_OK ||
	    !signer_valid(&document->cert, header->origin, header->key_id,
		header->timestamp) ||
	    !ed_verify(given->signature, given->text.bytes, given->text.length,
		document->cert.signing_key))
		return false;
	memcpy(proof->origin, header->origin, sizeof(proof->origin));
	memcpy(proof->key_id, header->key_id, sizeof(proof->key_id));
	memcpy(proof->signature, given->signature, sizeof(proof->signature));
	proof->text = given->text.bytes;
	proof->text_length = given->text.length;
	return true;
}

static bool
items_read(struct document *document, const struct sync_document *given)
{
	struct room_payload_message message;
	struct signed_message *one;
	uint8_t hash[32];
	uint32_t i;

	for (i = 0; i < given->payload_count; i++) {
		one = &document->messages[i];
		one->payload = given->payloads[i].bytes;
		one->payload_length = given->payloads[i].length;
		sha256(hash, one->payload, one->payload_length);
		if (!signtext_names(&document->text, "message", hash,
			one->message_id, one->digest) ||
		    room_payload_message(&message, document->proof.origin,
			one->payload, one->payload_length) != CODE_OK)
			return false;
		memcpy(message.message.place.digest, one->digest, 32);
		if (i == 0) {
			document->first = message.message;
			document->room = message.message.room;
		}
		if (!room_id_equal(&document->room, &message.message.room))
			return false;
	}
	document->count = given->payload_count;
	return true;
}

enum document_kind
document_read(struct document *document, const struct sync_document *given)
{
	uint8_t hash[32];
	uint32_t i;

	memset(document, 0, sizeof(*document));
	/* Whoever gets it in a request canonicalises it before all else. */
	for (i = 0; i < given->payload_count; i++)
		if (given->payloads[i].length > ITEM_MAX ||
		    !canon_check(
			given->payloads[i].bytes, given->payloads[i].length))
			return DOCUMENT_NOTHING;
	if (cert_parse(&document->cert, given->certificate.bytes,
		given->certificate.length) != CODE_OK)
		return DOCUMENT_NOTHING;
	if (given->text.length > sizeof(STATE_DOMAIN) - 1 &&
	    memcmp(given->text.bytes, STATE_DOMAIN, sizeof(STATE_DOMAIN) - 1) ==
		0) {
		if (given->payload_count == 1 && event_read(document, given))
			document->kind = DOCUMENT_EVENT;
		return document->kind;
	}
	if (!proof_read(document, given))
		return DOCUMENT_NOTHING;
	if (strcmp(document->text.header.type, "ack") != 0) {
		if (items_read(document, given))
			document->kind = DOCUMENT_ITEMS;
		return document->kind;
	}
	sha256(hash, given->payloads[0].bytes, given->payloads[0].length);
	if (given->payload_count != 1 ||
	    memcmp(hash, document->text.payload_hash, sizeof(hash)) != 0)
		return DOCUMENT_NOTHING;
	document->answer = &given->payloads[0];
	document->kind = DOCUMENT_VOIDS;
	return document->kind;
}

void
document_free(struct document *document)
{
	signed_event_free(&document->event);
}

/* A member that is bytes in base64; 0 or -1. */
static int
member_bytes(uint8_t *to, size_t size, size_t *length, const char *json,
    size_t json_length, const char *name)
{
	size_t text_length;
	const char *text = canon_member(json, json_length, name, &text_length);

	if (text == NULL || text_length < 2 || *text != '"')
		return -1;
	return base64_decode(to, size, length, text + 1, text_length - 2);
}

/* The certificate of a signer that we know. */
static int
certificate_find(
    struct sync_bytes *to, char buffer[CERT_MAX], const struct sync_bytes *text)
{
	static struct signtext parsed; /* large */
	const struct cert *cert = NULL;
	const struct peer *peer;

	if (signtext_parse(&parsed, text->bytes, text->length) != CODE_OK)
		return -1;
	peer = peer_table_find(parsed.header.origin);
	if (peer != NULL)
		cert = peer_certificate(peer, parsed.header.key_id);
	if (memcmp(parsed.header.key_id, env.identity.key_id, 32) == 0)
		cert = &env.certificate;
	if (cert == NULL)
		return -1;
	to->bytes = buffer;
	to->length = cert_format(buffer, cert);
	return 0;
}

int
document_restore(struct sync_document *document, struct stored_document *stored,
    const char *json, size_t length)
{
	const char *event = json;
	size_t event_length = length, got;

	memset(document, 0, sizeof(*document));
	if (member_bytes((uint8_t *)stored->certificate,
		sizeof(stored->certificate), &document->certificate.length,
		json, length, "certificate") == 0) {
		document->certificate.bytes = stored->certificate;
		event = canon_member(json, length, "event", &event_length);
	}
	if (event == NULL ||
	    member_bytes((uint8_t *)stored->text, sizeof(stored->text),
		&document->text.length, event, event_length, "text") == -1 ||
	    member_bytes(document->signature, sizeof(document->signature), &got,
		event, event_length, "signature") == -1 ||
	    got != sizeof(document->signature))
		return -1;
	document->text.bytes = stored->text;
	stored->payload.bytes = canon_member(
	    event, event_length, "payload", &stored->payload.length);
	document->payloads = &stored->payload;
	document->payload_count = 1;
	if (stored->payload.bytes == NULL)
		return -1;
	if (document->certificate.bytes != NULL)
		return 0;
	return certificate_find(
	    &document->certificate, stored->certificate, &document->text);
}

char *
document_store(const struct document *document,
    const struct sync_document *given, size_t *length)
{
	char certificate[BASE64_LENGTH(CERT_MAX) + 1];
	char signature[BASE64_SIGNATURE + 1], id[UUID_TEXT + 1];
	char before[sizeof(certificate) + 64] = "{";
	static char text[BASE64_LENGTH(SIGNTEXT_BATCH_MAX) + 1];
	const struct sync_bytes *payload = &given->payloads[0];
	bool event = document->kind == DOCUMENT_EVENT;
	char *json;

	base64_encode(signature, given->signature, sizeof(given->signature));
	base64_encode(
	    text, (const uint8_t *)given->text.bytes, given->text.length);
	if (event) {
		base64_encode(certificate,
		    (const uint8_t *)given->certificate.bytes,
		    given->certificate.length);
		snprintf(before, sizeof(before),
		    "{\"certificate\":\"%s\",\"event\":{", certificate);
	} else if (document->kind == DOCUMENT_ITEMS) {
		uuid_format(id, document->messages[0].message_id);
		snprintf(before, sizeof(before), "{\"id\":\"%s\",", id);
	}
	*length = xasprintf(&json,
	    "%s\"payload\":%.*s,\"signature\":\"%s\",\"text\":\"%s\"}%s",
	    before, (int)payload->length, payload->bytes, signature, text,
	    event ? "}" : "");
	return json;
}
