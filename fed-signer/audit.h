/* SPDX-License-Identifier: ISC */
/* fed-signer audit: files of the log of signatures. */
#ifndef TORFED_FED_SIGNER_AUDIT_H
#define TORFED_FED_SIGNER_AUDIT_H

struct options;

int audit_run(const struct options *);

#endif
