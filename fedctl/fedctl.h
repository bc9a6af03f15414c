/* SPDX-License-Identifier: ISC */
/*
 * What the files of fedctl share: its way to fail, bounded reading, output as
 * rows of fields, and the functions behind the commands.
 */
#ifndef TORFED_FEDCTL_H
#define TORFED_FEDCTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/message.h"
#include "parser.h"
#include "proto/code.h"

/* Exit codes, see sysexits(3). */
#define EXIT_DATA      65
#define EXIT_USAGE     64
#define EXIT_DAEMON    69
#define EXIT_ALLOWED   77

#define CONTROL_SOCKET "/run/torfed/control.sock"

/*
 * fail.c. Prints "fedctl: CODE: text" on standard error and exits; nothing
 * has been printed on standard output by then. Of the text only printable
 * ASCII comes out. fail() takes code's own text and exit code.
 */
void fail(enum code) __attribute__((noreturn));
void fail_text(int status, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), noreturn));
/* Fails unless code is CODE_OK. */
void require(enum code);
/* Copies text into buf with other bytes than printable ASCII as \ooo. */
const char *printable(char *buf, size_t size, const char *text, size_t length);

/*
 * input.c. All of a file (a descriptor, closed afterwards) of at most maximum
 * bytes, TOO_LARGE beyond; a terminator follows that does not count. What
 * cannot be read is FILE.
 */
int input_open(const char *path); /* "-" is standard input */
char *input_read(int fd, size_t maximum, size_t *length);
/* --at TIME, or now. */
int64_t input_time(const char *at);

/*
 * output.c. Rows are kept until output_end(), so that a failure prints nothing.
 * A list is a table with a line a row, or a JSON array of objects; otherwise
 * there is one row, "name=value" lines or a JSON object.
 */
#define OUTPUT_MAX (64U * 1024 * 1024) /* bytes of rows kept */
struct output;
struct output *output_new(bool json, bool list);
/* Strings are copied. */
void output_row(struct output *, const struct msg_control_row *);
/* For one row: a field more. */
void output_string(struct output *, const char *name, const char *value);
void output_integer(struct output *, const char *name, int64_t value);
/* Prints and frees; fails when standard output cannot be written. Returns how
 * many rows there were. */
size_t output_end(struct output *);
/* Bytes as they are. */
void output_bytes(const char *bytes, size_t length);
/* What was written there by other means; fails likewise. */
void output_flush(void);

/* The commands; each fails or returns. */
void control_run(const struct parsed *);
void onion_check(const struct parsed *);
void json_canonical(const struct parsed *);
void certificate_verify(const struct parsed *);
void envelope_verify(const struct parsed *);
void signature_verify(const struct parsed *);
void receipt_verify(const struct parsed *);
void database_migrate(const struct parsed *);
void database_version(const struct parsed *);
void database_attach(const struct parsed *);
void database_detach(const struct parsed *);

#endif
