/* SPDX-License-Identifier: ISC */
/*
 * The form of tor's key files.  tor stores the expanded key, libsodium signs
 * with the seed: a file with the wrong one of the two is taken by tor without
 * complaint and publishes another address.
 */
#include <sodium.h>
#include <string.h>

#include "expand.h"

/* 29 characters and three NULs. */
static const char secret_header[EXPAND_HEADER] =
    "== ed25519v1-secret: type0 ==";
static const char public_header[EXPAND_HEADER] =
    "== ed25519v1-public: type0 ==";

void
expand_secret(uint8_t file[EXPAND_SECRET_SIZE], const uint8_t seed[SEED_SIZE])
{
	uint8_t *scalar = file + EXPAND_HEADER;

	memcpy(file, secret_header, EXPAND_HEADER);
	crypto_hash_sha512(scalar, seed, SEED_SIZE);
	/* RFC 8032 section 5.1.5, step 2. */
	scalar[0] &= 0xf8;
	scalar[31] &= 0x7f;
	scalar[31] |= 0x40;
}

void
expand_public(uint8_t file[EXPAND_PUBLIC_SIZE], const uint8_t public[32])
{
	memcpy(file, public_header, EXPAND_HEADER);
	memcpy(file + EXPAND_HEADER, public, 32);
}
