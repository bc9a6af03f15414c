/* SPDX-License-Identifier: ISC */
/*
 * Canonical JSON: RFC 8785 over I-JSON (RFC 7493), narrowed as the protocol
 * says: integers within 2^53-1 and no other numbers, no duplicate names, valid
 * UTF-8 without U+0000, lone surrogates and noncharacters, depth <= 8, <= 64
 * members an object, <= 256 elements an array.
 *
 * There is one canonicaliser, from text to text; what jansson is given has
 * passed it or the scan, and what jansson writes passes it.
 */
#ifndef TORFED_CANON_H
#define TORFED_CANON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "proto/code.h"

#define CANON_DEPTH	  8
#define CANON_MEMBERS	  64
#define CANON_ELEMENTS	  256
#define CANON_INTEGER_MAX INT64_C(9007199254740991) /* 2^53-1 */
#define CANON_LENGTH_MAX  (16U * 1024 * 1024)	    /* bytes of a text */

/*
 * Once at start, before the sandbox: seeds jansson's hash from libsodium, so
 * that jansson opens no file at its first object. ed_init() comes before.
 */
void canon_init(void);

/*
 * Scans text before jansson sees it (bounded stack, no allocation): one value
 * of an object or array at the top, with nothing but spaces, tabs, CR and LF
 * around it (trailing: only spaces, 0x20, when strict_end). Everything of the
 * narrowing but duplicate names.
 */
enum code canon_scan(const char *text, size_t length, bool strict_end);
/*
 * The scan, duplicate names, and RFC 8785 section 3.2 from text to text in one
 * pass, for containers that nest at most depth deep (1 to CANON_DEPTH + 4:
 * an envelope, and a batch's three containers, are around a payload).
 * *canonical: newly allocated (free()), *canonical_length bytes and a
 * terminator that does not count; never longer than text. Memory is twice
 * length and a few KiB; work is within a small factor of length.
 */
enum code canon_rewrite(char **canonical, size_t *canonical_length,
    const char *text, size_t length, unsigned int depth, bool strict_end);
/* canon_scan(), then jansson. *root is a new reference (json_decref). */
enum code canon_parse(
    json_t **root, const char *text, size_t length, bool strict_end);
/*
 * RFC 8785 section 3.2 into newly allocated memory (free()); *length bytes and
 * a terminator that does not count. NULL: out of memory, or a value that the
 * narrowing refuses (reals, text that is not valid, a top that is neither
 * object nor array).
 */
char *canon_write(const json_t *, size_t *length);
/*
 * Whether text is the canonical form of an object within the narrowing, with
 * no tree built and no memory allocated: order and uniqueness of names, no
 * spaces, shortest escapes, and all that canon_scan() asks.
 */
bool canon_check(const char *text, size_t length);
/* How deep the containers of text that was checked before nest. */
unsigned int canon_depth(const char *text, size_t length);
/* UTF-8 without U+0000, surrogates and noncharacters. */
bool canon_text_valid(const char *text, size_t length);
/*
 * The value of a member at the top of an object that is canonical already;
 * name as it stands between the quotes. NULL: there is none. Points into text.
 */
const char *canon_member(
    const char *text, size_t length, const char *name, size_t *value_length);
/*
 * Behind the value that begins at at, in canonical text that ends at end;
 * NULL when the value has no end.
 */
const char *canon_skip(const char *at, const char *end);

#endif
