/* SPDX-License-Identifier: ISC */
/*
 * Signing texts read back, as somebody shows what another has signed.
 */
#ifndef TORFED_SIGNTEXT_PARSE_H
#define TORFED_SIGNTEXT_PARSE_H

#include <stdbool.h>

#include "proto/code.h"
#include "proto/signtext.h"

/* An envelope's, or a batch's. */
struct signtext {
	struct envelope_header header;
	uint8_t payload_hash[32];	      /* of an envelope */
	uint32_t count;			      /* of a batch, 1 to 64; else 0 */
	struct batch_item items[BATCH_ITEMS]; /* of a batch */
};

/*
 * What parses is byte for byte what signtext_envelope() or signtext_batch()
 * would write. CODE_OK or PAYLOAD_MALFORMED.
 */
enum code signtext_parse(struct signtext *, const char *text, size_t length);
/*
 * Whether the text names that payload: an envelope's own, or that of an item
 * of the type. id and digest: the item's. payload_hash: SHA-256 of it.
 */
bool signtext_names(const struct signtext *, const char *type,
    const uint8_t payload_hash[32], uint8_t id[16], uint8_t digest[32]);

#endif
