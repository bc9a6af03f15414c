/* SPDX-License-Identifier: ISC */
/* Messages as their origin signed them, and what proves that it did. */
#ifndef TORFED_ROOMS_SIGNED_MESSAGE_H
#define TORFED_ROOMS_SIGNED_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/encode.h"
#include "exchange/proof.h"

/* One message of those that the text names. */
struct signed_message {
	uint8_t message_id[UUID_SIZE];
	uint8_t digest[32];  /* the item digest */
	const char *payload; /* canonical */
	size_t payload_length;
};

#endif
