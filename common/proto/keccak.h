/* SPDX-License-Identifier: ISC */
/* SHA3-256, FIPS 202: for the checksum of onion addresses alone. */
#ifndef TORFED_KECCAK_H
#define TORFED_KECCAK_H

#include <stddef.h>
#include <stdint.h>

void sha3_256(uint8_t digest[32], const void *bytes, size_t length);

#endif
