/* SPDX-License-Identifier: ISC */
/*
 * Output as rows of fields. Rows are kept until output_end(), so that a failure
 * prints nothing. A list is a table with a line a row, or a JSON array of
 * objects; otherwise there is one row, "name=value" lines or a JSON object.
 */
#ifndef TORFED_FEDCTL_OUTPUT_H
#define TORFED_FEDCTL_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/message.h"

#define OUTPUT_MAX (64U * 1024 * 1024) /* bytes of rows kept */
struct output;
struct output *output_new(bool json, bool list);
/* Strings are copied. */
void output_row(struct output *, const struct msg_control_row *);
/* For one row: a field more. */
void output_string(struct output *, const char *name, const char *value);
void output_integer(struct output *, const char *name, int64_t value);
void output_hex(struct output *, const char *name, const uint8_t bytes[32]);
void output_time(struct output *, const char *name, int64_t seconds);
void output_address(struct output *, const char *name, const uint8_t key[32]);
/* Prints and frees; fails when standard output cannot be written. Returns how
 * many rows there were. */
size_t output_end(struct output *);
/* Bytes as they are. */
void output_bytes(const char *bytes, size_t length);
/* What was written there by other means; fails likewise. */
void output_flush(void);

#endif
