/* SPDX-License-Identifier: ISC */
/* Messages as their origin signed them, and what proves that it did. */
#ifndef TORFED_ROOM_PROOF_H
#define TORFED_ROOM_PROOF_H

#include <stddef.h>
#include <stdint.h>

#include "base/encode.h"
#include "proto/onion.h"

/* What the origin signed, whole: a request's signing text. */
struct room_proof {
	uint8_t origin[ONION_KEY];
	const char *text;
	size_t text_length;
	uint8_t signature[64];
	uint8_t key_id[32];
};

/* One message of those that the text names. */
struct signed_message {
	uint8_t message_id[UUID_SIZE];
	uint8_t digest[32];  /* the item digest */
	const char *payload; /* canonical */
	size_t payload_length;
};

#endif
