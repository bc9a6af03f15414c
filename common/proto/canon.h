/*
 * Canonical JSON: RFC 8785 over I-JSON (RFC 7493), narrowed as the protocol
 * says: integers within 2^53-1 and no other numbers, no duplicate names, valid
 * UTF-8 without U+0000, lone surrogates and noncharacters, depth <= 8, <= 64
 * members an object, <= 256 elements an array.
 */
#ifndef TORFED_CANON_H
#define TORFED_CANON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "code.h"

#define CANON_DEPTH    8
#define CANON_MEMBERS  64
#define CANON_ELEMENTS 256

/*
 * Scans text before jansson sees it (bounded stack, no allocation): one value
 * of an object or array at the top, with nothing but spaces, tabs, CR and LF
 * around it (trailing: only spaces, 0x20, when strict_end). Everything of the
 * narrowing but duplicate names.
 */
enum code canon_scan(const char *text, size_t length, bool strict_end);
/* canon_scan(), then jansson. *root is a new reference (json_decref). */
enum code canon_parse(
    json_t **root, const char *text, size_t length, bool strict_end);
/*
 * RFC 8785 section 3.2 into newly allocated memory (free()); *length bytes and
 * a terminator that does not count. NULL: out of memory, or a value that the
 * narrowing refuses (reals, text that is not valid).
 */
char *canon_write(const json_t *, size_t *length);
/*
 * Whether text is the canonical form of an object within the narrowing, with
 * no tree built and no memory allocated: order and uniqueness of names, no
 * spaces, shortest escapes, and all that canon_scan() asks.
 */
bool canon_check(const char *text, size_t length);

#endif
