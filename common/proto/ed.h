/* SPDX-License-Identifier: ISC */
/*
 * Ed25519 (RFC 8032) with the protocol's key policy: keys are canonical points
 * of the prime-order subgroup; verification is cofactorless, S < L, R
 * canonical and not of small order.
 */
#ifndef TORFED_ED_H
#define TORFED_ED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ED_KEY	     32 /* bytes */
#define ED_SEED	     32
#define ED_SIGNATURE 64
#define ED_HASH	     32 /* SHA-256 */

/*
 * Initialises libsodium and refuses one that takes a point of mixed order for
 * one of prime order (CVE-2025-69277). 0 or -1.
 */
int ed_init(void);
/* Canonical, not of small order, in the prime-order subgroup. */
bool ed_key_valid(const uint8_t key[ED_KEY]);
/* key must have passed ed_key_valid(). */
bool ed_verify(const uint8_t signature[ED_SIGNATURE], const void *text,
    size_t length, const uint8_t key[ED_KEY]);
/* A verification of the same cost with a fixed key; its result is false. */
bool ed_verify_dummy(
    const uint8_t signature[ED_SIGNATURE], const void *text, size_t length);
void sha256(uint8_t hash[ED_HASH], const void *bytes, size_t length);

#endif
