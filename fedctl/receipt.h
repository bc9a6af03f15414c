/* SPDX-License-Identifier: ISC */
/* The command that verifies a receipt. */
#ifndef TORFED_FEDCTL_RECEIPT_H
#define TORFED_FEDCTL_RECEIPT_H

struct parsed;

/* Fails or returns. */
void receipt_verify(const struct parsed *);

#endif
