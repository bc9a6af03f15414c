/* SPDX-License-Identifier: ISC */
/* fed-signer show: what there is. */
#ifndef TORFED_FED_SIGNER_SHOW_H
#define TORFED_FED_SIGNER_SHOW_H

struct options;

int show_run(const struct options *);

#endif
