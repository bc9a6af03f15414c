/* SPDX-License-Identifier: ISC */
/*
 * tor's key files. tor keeps not the seed but what RFC 8032 section 5.1.5 makes
 * of it: the clamped scalar and the prefix.
 */
#ifndef TORFED_FED_SIGNER_EXPAND_H
#define TORFED_FED_SIGNER_EXPAND_H

#include <stdint.h>

#include "hand.h"

#define EXPAND_HEADER	   32
#define EXPAND_SECRET_SIZE (EXPAND_HEADER + 64)
#define EXPAND_PUBLIC_SIZE (EXPAND_HEADER + 32)
void expand_secret(
    uint8_t file[EXPAND_SECRET_SIZE], const uint8_t seed[SEED_SIZE]);
void expand_public(uint8_t file[EXPAND_PUBLIC_SIZE], const uint8_t public[32]);

#endif
