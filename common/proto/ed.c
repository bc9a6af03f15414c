/* SPDX-License-Identifier: ISC */
/* Ed25519 and SHA-256: libsodium, with the protocol's key policy. */
#include <sodium.h>
#include <string.h>

#include "proto/ed.h"

/*
 * A point of mixed order, for the self-test.  Let B be the base point, of prime
 * order L, and T = (0, -1) the point of order 2.  By the addition law of the
 * curve (x, y) + (0, -1) = (-x, -y), so B + T is B with both coordinates
 * negated, and L(B + T) = LT = T, since L is odd: not the neutral element
 * (0, 1), so the point lies outside the prime-order subgroup.  A libsodium
 * with the fault of CVE-2025-69277 looks at the x coordinate of L(B + T) alone,
 * which is 0, and takes the point.
 *
 * Its encoding: y of B is 4/5, encoded as 58 66 ... 66, and x of B is even.
 * p - y is then 95 99 ... 99 19, and the sign bit of -x, which is odd, makes
 * the last byte 99.
 */
static const uint8_t mixed_order[ED_KEY] = {0x95, 0x99, 0x99, 0x99, 0x99, 0x99,
    0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99,
    0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99,
    0x99, 0x99};

/* B itself, which every libsodium must take; also the dummy's key. */
static const uint8_t base_point[ED_KEY] = {0x58, 0x66, 0x66, 0x66, 0x66, 0x66,
    0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
    0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
    0x66, 0x66};

int
ed_init(void)
{
	if (sodium_init() == -1)
		return -1;
	if (!ed_key_valid(base_point) || ed_key_valid(mixed_order))
		return -1;
	return 0;
}

bool
ed_key_valid(const uint8_t key[ED_KEY])
{
	return crypto_core_ed25519_is_valid_point(key) == 1;
}

bool
ed_verify(const uint8_t signature[ED_SIGNATURE], const void *text,
    size_t length, const uint8_t key[ED_KEY])
{
	return crypto_sign_verify_detached(signature, text, length, key) == 0;
}

bool
ed_verify_dummy(
    const uint8_t signature[ED_SIGNATURE], const void *text, size_t length)
{
	/* Volatile: the work is the point, its result is thrown away. */
	volatile bool result;

	result = ed_verify(signature, text, length, base_point);
	(void)result;
	return false;
}

void
sha256(uint8_t hash[ED_HASH], const void *bytes, size_t length)
{
	crypto_hash_sha256(hash, bytes, length);
}
