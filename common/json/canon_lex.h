/* SPDX-License-Identifier: ISC */
/*
 * The tokens of canonical JSON: strings, numbers and literals, read strictly
 * and written in their canonical form. Internal to canon.c.
 */
#ifndef TORFED_CANON_LEX_H
#define TORFED_CANON_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/code.h"

struct canon_lex {
	const uint8_t *at; /* next byte */
	const uint8_t *end;
	uint8_t *out;	/* where the canonical form goes; NULL nowhere */
	bool canonical; /* refuse escapes that are not canonical */
};

/* Each begins at its first byte, and leaves at behind the last. */
enum code canon_lex_string(struct canon_lex *);
enum code canon_lex_number(struct canon_lex *);
enum code canon_lex_literal(struct canon_lex *);

/*
 * Orders two names by their UTF-16 code units (RFC 8785 section 3.2.3); both
 * as they stand between the quotes of canonical text. <0, 0 or >0.
 */
int canon_lex_compare(const uint8_t *left, size_t left_length,
    const uint8_t *right, size_t right_length);

#endif
