/* SPDX-License-Identifier: ISC */
/* One way to fail, and exit codes. */
#ifndef TORFED_FEDCTL_FAIL_H
#define TORFED_FEDCTL_FAIL_H

#include "proto/code.h"

/* See sysexits(3). */
#define EXIT_DATA    65
#define EXIT_USAGE   64
#define EXIT_DAEMON  69
#define EXIT_ALLOWED 77

/*
 * Prints "fedctl: CODE: text" on standard error and exits; nothing has been
 * printed on standard output by then. Of the text only printable ASCII comes
 * out. fail() takes code's own text and exit code.
 */
void fail(enum code) __attribute__((noreturn));
void fail_text(int status, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), noreturn));
/* Fails unless code is CODE_OK. */
void fail_unless_ok(enum code);

#endif
