/* SPDX-License-Identifier: ISC */
/*
 * SHA3-256 (FIPS 202), written for clarity: it hashes some fifty bytes for
 * each onion address. Lanes are loaded byte by byte, so the machine's byte
 * order does not matter.
 */
#include <string.h>

#include "keccak.h"

#define RATE   136 /* bytes: (1600 - 2 * 256) / 8 */
#define ROUNDS 24

static uint64_t
rotate(uint64_t lane, unsigned int bits)
{
	return bits == 0 ? lane : lane << bits | lane >> (64 - bits);
}

/* Section 3.2.1. */
static void
theta(uint64_t a[25])
{
	uint64_t c[5], d;
	size_t i, x;

	for (x = 0; x < 5; x++)
		c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
	for (x = 0; x < 5; x++) {
		d = c[(x + 4) % 5] ^ rotate(c[(x + 1) % 5], 1);
		for (i = 0; i < 25; i += 5)
			a[i + x] ^= d;
	}
}

/* Sections 3.2.2 and 3.2.3 in one walk over the lanes. */
static void
rho_pi(uint64_t a[25])
{
	uint64_t moved, kept;
	size_t t, x = 1, y = 0, z;

	moved = a[1];
	for (t = 0; t < 24; t++) {
		z = (2 * x + 3 * y) % 5;
		x = y;
		y = z;
		kept = a[x + 5 * y];
		a[x + 5 * y] =
		    rotate(moved, (unsigned int)((t + 1) * (t + 2) / 2 % 64));
		moved = kept;
	}
}

/* Section 3.2.4. */
static void
chi(uint64_t a[25])
{
	uint64_t row[5];
	size_t x, y;

	for (y = 0; y < 25; y += 5) {
		memcpy(row, a + y, sizeof(row));
		for (x = 0; x < 5; x++)
			a[y + x] =
			    row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
	}
}

/* Section 3.2.5: the constant's bits come from a shift register. */
static void
iota(uint64_t a[25], uint8_t *shift)
{
	unsigned int j;

	for (j = 0; j <= 6; j++) {
		if (*shift & 1)
			a[0] ^= UINT64_C(1) << ((1U << j) - 1);
		*shift = (uint8_t)(*shift << 1 ^ (*shift >> 7) * 0x71);
	}
}

static void
permute(uint64_t a[25])
{
	uint8_t shift = 1;
	int round;

	for (round = 0; round < ROUNDS; round++) {
		theta(a);
		rho_pi(a);
		chi(a);
		iota(a, &shift);
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
