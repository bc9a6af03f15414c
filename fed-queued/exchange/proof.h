/* SPDX-License-Identifier: ISC */
/* What a server signed, whole: a request's or an answer's signing text. */
#ifndef TORFED_EXCHANGE_PROOF_H
#define TORFED_EXCHANGE_PROOF_H

#include <stddef.h>
#include <stdint.h>

struct signed_text {
	uint8_t origin[32]; /* identity key */
	const char *text;
	size_t text_length;
	uint8_t signature[64];
	uint8_t key_id[32];
};

#endif
