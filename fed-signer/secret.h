/* SPDX-License-Identifier: ISC */
/*
 * The signing key in guarded memory: locked, left out of core dumps, with an
 * inaccessible page on either side.
 */
#ifndef TORFED_FED_SIGNER_SECRET_H
#define TORFED_FED_SIGNER_SECRET_H

#include <sys/types.h>
#include <stdint.h>

struct secret {
	uint8_t key[64];  /* seed and public key, as libsodium signs with */
	uint8_t seed[33]; /* while it is read; a file may be too long */
};
/*
 * The key in the file behind descriptor (32 bytes, a regular file that is
 * nobody else's; owner is whose it may be beside root's and ours). Fatal
 * when it is anything else. Wiped at exit.
 */
struct secret *secret_load(int descriptor, uid_t owner);

#endif
