/* SPDX-License-Identifier: ISC */
/*
 * SHA3-256 (FIPS 202). It hashes some fifty bytes for each onion address,
 * which is some ten times for a message: so its tables are written out. Lanes
 * are loaded byte by byte, so the machine's byte order does not matter.
 */
#include <string.h>

#include "proto/keccak.h"

#define RATE   136 /* bytes: (1600 - 2 * 256) / 8 */
#define ROUNDS 24

/* Section 3.2.5: what the shift register there yields. */
static const uint64_t constants[ROUNDS] = {UINT64_C(0x0000000000000001),
    UINT64_C(0x0000000000008082), UINT64_C(0x800000000000808a),
    UINT64_C(0x8000000080008000), UINT64_C(0x000000000000808b),
    UINT64_C(0x0000000080000001), UINT64_C(0x8000000080008081),
    UINT64_C(0x8000000000008009), UINT64_C(0x000000000000008a),
    UINT64_C(0x0000000000000088), UINT64_C(0x0000000080008009),
    UINT64_C(0x000000008000000a), UINT64_C(0x000000008000808b),
    UINT64_C(0x800000000000008b), UINT64_C(0x8000000000008089),
    UINT64_C(0x8000000000008003), UINT64_C(0x8000000000008002),
    UINT64_C(0x8000000000000080), UINT64_C(0x000000000000800a),
    UINT64_C(0x800000008000000a), UINT64_C(0x8000000080008081),
    UINT64_C(0x8000000000008080), UINT64_C(0x0000000080000001),
    UINT64_C(0x8000000080008008)};
/* Sections 3.2.2 and 3.2.3: where each lane goes, beginning at lane 1, and by
 * how many bits it is turned. */
static const uint8_t places[24] = {10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4,
    15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1};
static const uint8_t turns[24] = {1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14,
    27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44};

/* bits: 1 to 63. */
static inline uint64_t
rotate(uint64_t lane, unsigned int bits)
{
	return lane << bits | lane >> (64 - bits);
}

/* Section 3.2.1. */
static inline void
theta(uint64_t a[25])
{
	uint64_t c[5], d;
	size_t i, x;

#pragma GCC unroll 5
	for (x = 0; x < 5; x++)
		c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
#pragma GCC unroll 5
	for (x = 0; x < 5; x++) {
		d = c[(x + 4) % 5] ^ rotate(c[(x + 1) % 5], 1);
#pragma GCC unroll 5
		for (i = x; i < 25; i += 5)
			a[i] ^= d;
	}
}

static inline void
rho_pi(uint64_t a[25])
{
	uint64_t moved = a[1], kept;
	size_t i;

#pragma GCC unroll 24
	for (i = 0; i < 24; i++) {
		kept = a[places[i]];
		a[places[i]] = rotate(moved, turns[i]);
		moved = kept;
	}
}

/* Section 3.2.4. */
static inline void
chi(uint64_t row[5])
{
	uint64_t first = row[0], second = row[1];

	row[0] ^= ~row[1] & row[2];
	row[1] ^= ~row[2] & row[3];
	row[2] ^= ~row[3] & row[4];
	row[3] ^= ~row[4] & first;
	row[4] ^= ~first & second;
}

static void
permute(uint64_t a[25])
{
	size_t round, y;

	for (round = 0; round < ROUNDS; round++) {
		theta(a);
		rho_pi(a);
#pragma GCC unroll 5
		for (y = 0; y < 25; y += 5)
			chi(a + y);
		a[0] ^= constants[round];
	}
}

static void
absorb(uint64_t a[25], const uint8_t block[RATE])
{
	size_t i;

	for (i = 0; i < RATE; i++)
		a[i / 8] ^= (uint64_t)block[i] << (8 * (i % 8));
	permute(a);
}

void
sha3_256(uint8_t digest[32], const void *bytes, size_t length)
{
	const uint8_t *next = bytes;
	uint8_t block[RATE];
	uint64_t a[25] = {0};
	size_t i;

	for (; length >= RATE; length -= RATE, next += RATE)
		absorb(a, next);
	memset(block, 0, sizeof(block));
	if (length > 0)
		memcpy(block, next, length);
	block[length] ^= 0x06; /* SHA-3's suffix 01 and the first pad bit */
	block[RATE - 1] ^= 0x80;
	absorb(a, block);
	for (i = 0; i < 32; i++)
		digest[i] = (uint8_t)(a[i / 8] >> (8 * (i % 8)));
}
