/* SPDX-License-Identifier: ISC */
/* What fed-signer run by hand says when it cannot go on. */
#ifndef TORFED_FED_SIGNER_FAIL_H
#define TORFED_FED_SIGNER_FAIL_H

/* Prints "fed-signer: ..." and returns status. */
int fail(int status, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The exit status for errno when something that should exist cannot be had. */
int fail_status(void);

#endif
