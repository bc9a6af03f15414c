/* SPDX-License-Identifier: ISC */
/* fed-signer generate: keys and the first certificate. */
#ifndef TORFED_FED_SIGNER_GENERATE_H
#define TORFED_FED_SIGNER_GENERATE_H

struct options;

int generate_run(const struct options *);

#endif
