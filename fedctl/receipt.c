/* SPDX-License-Identifier: ISC */
/*
 * fedctl receipt verify: what a receipt proves, for somebody who trusts
 * neither of the two servers and asks no daemon.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/sandbox.h"
#include "command.h"
#include "fail.h"
#include "input.h"
#include "json/canon.h"
#include "json/envelope.h"
#include "output.h"
#include "proto/ed.h"
#include "proto/onion.h"
#include "receipt.h"
#include "receipt_check.h"

static void
proof_print(const struct parsed *parsed, const struct receipt_proof *proof)
{
	struct output *output = output_new(parsed->json, false);
	char id[UUID_TEXT + 1], time[TIME_TEXT + 1];

	uuid_format(id, proof->id);
	time_format(time, proof->time);
	output_address(output, "server", proof->server);
	output_string(
	    output, "result", proof->duplicate ? "duplicate" : "accepted");
	output_string(output, "timestamp", time);
	output_address(output, "originServer", proof->origin);
	output_string(output, "id", id);
	output_hex(output, "digest", proof->digest);
	if (proof->has_payload) {
		output_string(output, "type", proof->type);
		output_hex(output, "payloadHash", proof->payload_hash);
	}
	output_hex(output, "keyId", proof->key_id);
	output_end(output);
}

/* The hash of a payload's canonical form. */
static void
payload_hash(uint8_t hash[ED_HASH], int fd)
{
	char *text, *canonical;
	size_t length, canonical_length;

	text = input_read(fd, ENVELOPE_MAX, &length);
	fail_unless_ok(canon_rewrite(
	    &canonical, &canonical_length, text, length, CANON_DEPTH, false));
	sha256(hash, canonical, canonical_length);
	free(canonical);
	free(text);
}

void
receipt_verify(const struct parsed *parsed)
{
	const char *payload = parsed->options[OPTION_PAYLOAD];
	int fd = input_open(parsed->arguments[0]);
	int payload_fd = payload == NULL ? -1 : input_open(payload);
	struct receipt_proof proof;
	uint8_t hash[ED_HASH];
	char *text;
	size_t length;

	if (fd == payload_fd) /* both from standard input */
		fail(CODE_FILE);
	sandbox_enter(SANDBOX_OFFLINE, 0);
	if (payload != NULL)
		payload_hash(hash, payload_fd);
	text = input_read(fd, RECEIPT_MAX, &length);
	fail_unless_ok(
	    receipt_check(&proof, text, length, payload == NULL ? NULL : hash));
	free(text);
	proof_print(parsed, &proof);
}
