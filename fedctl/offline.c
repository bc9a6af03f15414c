/* SPDX-License-Identifier: ISC */
/*
 * The commands that need no daemon: the protocol's checks one by one, for
 * operators and for people who implement it elsewhere. Each opens what it
 * reads, then gives up everything but its standard streams, and only then
 * looks at the first byte.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/sandbox.h"
#include "command.h"
#include "fail.h"
#include "input.h"
#include "json/canon.h"
#include "json/envelope.h"
#include "offline.h"
#include "output.h"
#include "proto/cert.h"
#include "proto/ed.h"
#include "proto/onion.h"
#include "verify.h"

#define MESSAGE_MAX (1024U * 1024) /* bytes of a signed message */

void
offline_onion_check(const struct parsed *parsed)
{
	const char *address = parsed->arguments[0];
	struct output *output;
	uint8_t key[ONION_KEY];

	sandbox_enter(SANDBOX_OFFLINE, 0);
	fail_unless_ok(onion_parse(key, address, strlen(address)));
	output = output_new(parsed->json, false);
	output_address(output, "address", key);
	output_hex(output, "publicKey", key);
	output_end(output);
}

void
offline_json_canonical(const struct parsed *parsed)
{
	char *text, *canonical;
	size_t length, canonical_length;

	(void)parsed;
	sandbox_enter(SANDBOX_OFFLINE, 0);
	text = input_read(STDIN_FILENO, ENVELOPE_MAX, &length);
	fail_unless_ok(canon_rewrite(
	    &canonical, &canonical_length, text, length, CANON_DEPTH, false));
	output_bytes(canonical, canonical_length);
	free(canonical);
	free(text);
}

static void
certificate_read(struct cert *cert, int fd)
{
	size_t length;
	char *text = input_read(fd, CERT_MAX, &length);

	fail_unless_ok(cert_parse(cert, text, length));
	free(text);
}

static void
certificate_print(const struct parsed *parsed, const struct cert *cert)
{
	struct output *output = output_new(parsed->json, false);
	uint8_t key_id[32];

	cert_key_id(key_id, cert);
	output_address(output, "server", cert->server);
	output_integer(output, "serial", (int64_t)cert->serial);
	output_integer(output, "minSerial", (int64_t)cert->min_serial);
	output_time(output, "notBefore", cert->not_before);
	output_time(output, "notAfter", cert->not_after);
	output_hex(output, "signingKey", cert->signing_key);
	if (cert->has_door)
		output_address(output, "door", cert->door);
	if (cert->has_client_auth)
		output_hex(output, "clientKey", cert->client_auth);
	output_hex(output, "keyId", key_id);
	output_end(output);
}

void
offline_certificate_verify(const struct parsed *parsed)
{
	int64_t now = input_time(parsed->options[OPTION_AT]);
	int fd = input_open(parsed->arguments[0]);
	struct cert cert;

	sandbox_enter(SANDBOX_OFFLINE, 0);
	certificate_read(&cert, fd);
	fail_unless_ok(cert_verify(&cert, now));
	certificate_print(parsed, &cert);
}

static void
envelope_print(const struct parsed *parsed, const struct envelope *envelope)
{
	const struct envelope_header *header = &envelope->header;
	struct output *output = output_new(parsed->json, false);
	char id[UUID_TEXT + 1];
	uint8_t hash[ED_HASH];

	uuid_format(id, header->id);
	sha256(hash, envelope->payload, envelope->payload_length);
	output_string(output, "type", header->type);
	output_string(output, "id", id);
	output_address(output, "originServer", header->origin);
	output_address(output, "destinationServer", header->destination);
	output_time(output, "timestamp", header->timestamp);
	output_hex(output, "keyId", header->key_id);
	output_integer(
	    output, "payloadBytes", (int64_t)envelope->payload_length);
	output_hex(output, "payloadHash", hash);
	output_end(output);
}

void
offline_envelope_verify(const struct parsed *parsed)
{
	int64_t now = input_time(parsed->options[OPTION_AT]);
	int fd = input_open(parsed->options[OPTION_CERTIFICATE]);
	struct envelope envelope;
	struct cert cert;
	char *body;
	size_t length;

	if (fd == STDIN_FILENO) /* the envelope comes from there */
		fail(CODE_FILE);
	sandbox_enter(SANDBOX_OFFLINE, 0);
	certificate_read(&cert, fd);
	body = input_read(STDIN_FILENO, ENVELOPE_MAX, &length);
	fail_unless_ok(envelope_parse(&envelope, body, length));
	if (!ed_key_valid(envelope.header.origin))
		fail_unless_ok(CODE_ADDRESS_KEY);
	free(body);
	fail_unless_ok(verify_envelope(&envelope, &cert, now));
	envelope_print(parsed, &envelope);
	envelope_free(&envelope);
}

/* People paste capitals; the wire has none. */
static enum code
hex_argument(uint8_t *bytes, size_t length, const char *text, enum code code)
{
	char lower[2 * ED_SIGNATURE + 1];
	size_t i, digits = strlen(text);

	if (digits != 2 * length || digits >= sizeof(lower))
		return code;
	for (i = 0; i < digits; i++)
		lower[i] = (char)(text[i] >= 'A' && text[i] <= 'F'
				      ? text[i] - 'A' + 'a'
				      : text[i]);
	return hex_decode(bytes, length, lower, digits) == -1 ? code : CODE_OK;
}

void
offline_signature_verify(const struct parsed *parsed)
{
	uint8_t key[ED_KEY], signature[ED_SIGNATURE];
	struct output *output;
	char *message;
	size_t length;

	sandbox_enter(SANDBOX_OFFLINE, 0);
	fail_unless_ok(hex_argument(key, sizeof(key),
	    parsed->options[OPTION_PUBLIC_KEY], CODE_KEY_MALFORMED));
	fail_unless_ok(hex_argument(signature, sizeof(signature),
	    parsed->options[OPTION_SIGNATURE], CODE_SIGNATURE_MALFORMED));
	if (!ed_key_valid(key))
		fail(CODE_KEY_INVALID);
	message = input_read(STDIN_FILENO, MESSAGE_MAX, &length);
	if (!ed_verify(signature, message, length, key))
		fail(CODE_SIGNATURE);
	free(message);
	output = output_new(parsed->json, false);
	output_string(output, "signature", "valid");
	output_end(output);
}
