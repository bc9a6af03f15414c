/* SPDX-License-Identifier: ISC */
/* The secrets, in guarded memory from the file to the signature. */
#ifndef TORFED_FED_SIGNER_KEYS_H
#define TORFED_FED_SIGNER_KEYS_H

#include <stdint.h>

#include "hand.h"
#include "proto/cert.h"

struct directory;

struct keys {
	uint8_t identity_seed[SEED_SIZE + 1]; /* a 33rd byte is seen */
	uint8_t signing_seed[SEED_SIZE + 1];
	uint8_t secret[64]; /* of the identity, for libsodium */
	uint8_t identity[32];
	uint8_t signing[32];
};
struct keys *keys_new(void);
void keys_free(struct keys *); /* wipes */
int keys_read_identity(struct keys *, const struct directory *);
int keys_read_signing(struct keys *, const struct directory *);
void keys_make_identity(struct keys *);
void keys_make_signing(struct keys *);
/* Sets server, signing key and signature, and verifies the whole. */
int keys_certify(const struct keys *, struct cert *, int64_t now);

#endif
