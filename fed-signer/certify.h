/* SPDX-License-Identifier: ISC */
/* fed-signer certify: the next certificate. */
#ifndef TORFED_FED_SIGNER_CERTIFY_H
#define TORFED_FED_SIGNER_CERTIFY_H

struct options;

int certify_run(const struct options *);

#endif
