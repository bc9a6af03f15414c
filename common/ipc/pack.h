/* SPDX-License-Identifier: ISC */
/*
 * Fixed-width packing of messages between processes: little-endian integers,
 * raw bytes of agreed length, and blobs (32-bit length, then bytes). Errors
 * latch: check once at the end, with pack_ok() or unpack_done().
 */
#ifndef TORFED_PACK_H
#define TORFED_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pack {
	uint8_t *data; /* caller's memory */
	size_t size;   /* bytes there */
	size_t length; /* bytes written */
	bool failed;   /* something did not fit */
};

struct unpack {
	const uint8_t *data;
	size_t length;
	size_t position;
	bool failed;
};

void pack_init(struct pack *, void *memory, size_t size);
void pack_u8(struct pack *, uint8_t);
void pack_u16(struct pack *, uint16_t);
void pack_u32(struct pack *, uint32_t);
void pack_u64(struct pack *, uint64_t);
void pack_i64(struct pack *, int64_t);
void pack_bytes(struct pack *, const void *bytes, size_t length);
void pack_blob(struct pack *, const void *bytes, size_t length);
void pack_string(struct pack *, const char *string); /* as a blob */
bool pack_ok(const struct pack *);

void unpack_init(struct unpack *, const void *memory, size_t length);
uint8_t unpack_u8(struct unpack *);
bool unpack_bool(struct unpack *); /* 0 or 1, anything else fails */
uint16_t unpack_u16(struct unpack *);
uint32_t unpack_u32(struct unpack *);
uint64_t unpack_u64(struct unpack *);
int64_t unpack_i64(struct unpack *);
void unpack_bytes(struct unpack *, void *bytes, size_t length);
/*
 * A blob of at most max bytes; the pointer leads into the message's own
 * memory. On failure NULL, and *length is 0.
 */
const uint8_t *unpack_blob(struct unpack *, size_t *length, size_t max);
/*
 * A string without NUL inside into size bytes, terminator included; one that
 * is longer fails.
 */
void unpack_string(struct unpack *, char *string, size_t size);
/* 0 when everything was there and nothing is left over, else -1. */
int unpack_done(const struct unpack *);

#endif
