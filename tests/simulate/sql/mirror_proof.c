/* SPDX-License-Identifier: ISC */
/* Requests of their own in which items travelled, as their origin signed. */
#include <string.h>

#include "proto/ed.h"
#include "sql/mirror_internal.h"

static void
proof_begin(struct mirror_proof *proof, struct envelope_header *header,
    const char *type, int origin, uint64_t serial)
{
	memset(proof, 0, sizeof(*proof));
	memset(header, 0, sizeof(*header));
	memcpy(header->type, type, strlen(type) + 1);
	memcpy(header->origin, ledger_key(origin), ONION_KEY);
	memcpy(header->destination, ledger_key(origin), ONION_KEY);
	memcpy(header->key_id, ledger_key_id(origin, serial), ROOM_HASH);
	header->timestamp = WORLD_START;
	memcpy(proof->signed_text.origin, ledger_key(origin), ONION_KEY);
	memcpy(proof->signed_text.key_id, ledger_key_id(origin, serial),
	    ROOM_HASH);
}

static void
proof_end(struct mirror_proof *proof, const struct envelope_header *header)
{
	uint8_t hash[ROOM_HASH];

	sha256(hash, proof->payload, proof->payload_length);
	proof->signed_text.text_length =
	    signtext_envelope(proof->text, header, hash);
	proof->signed_text.text = proof->text;
	sha256(proof->signed_text.signature, proof->text,
	    proof->signed_text.text_length);
}

void
mirror_proof_item(struct mirror_proof *proof, int number, uint64_t serial)
{
	const struct item *item = &world.items[number];
	struct envelope_header header;

	proof_begin(proof, &header, "message", item->origin, serial);
	ledger_uuid(header.id, 'm', item->origin, item->id);
	proof->payload = ledger_item_payload(item, &proof->payload_length);
	proof_end(proof, &header);
}

void
mirror_proof_answer(struct mirror_proof *proof, int origin, uint64_t serial,
    char *payload, size_t length)
{
	struct envelope_header header;

	proof_begin(proof, &header, "ack", origin, serial);
	ledger_uuid(header.id, 'a', origin, 0);
	proof->payload = payload;
	proof->payload_length = length;
	proof_end(proof, &header);
}
