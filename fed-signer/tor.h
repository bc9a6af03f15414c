/* SPDX-License-Identifier: ISC */
/* fed-signer tor: tor's key files. */
#ifndef TORFED_FED_SIGNER_TOR_H
#define TORFED_FED_SIGNER_TOR_H

struct options;

int tor_run(const struct options *);

#endif
