/* SPDX-License-Identifier: ISC */
/*
 * Columns of a result, in either format (text or binary, as the statement
 * asked for it). A column without its form is fatal: our own functions wrote
 * it. row and column count from 0.
 */
#ifndef TORFED_DB_ROW_H
#define TORFED_DB_ROW_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool row_null(PGresult *, int row, int column);
/* int4 or int8; 0 when it is null. */
int64_t row_integer(PGresult *, int row, int column);
bool row_bool(PGresult *, int row, int column); /* false when it is null */
/* Copies exactly size bytes, binary; false when it is null. */
bool row_bytes(void *to, size_t size, PGresult *, int row, int column);
/* A uuid that is not null, in either format. */
void row_uuid(uint8_t uuid[16], PGresult *, int row, int column);
/* A text without NUL of less than size bytes, terminated; false: null. */
bool row_text(char *to, size_t size, PGresult *, int row, int column);
/* A text in the result itself, terminated; NULL: null. */
const char *row_string(PGresult *, int row, int column);
/* Bytes in the result itself, as long as it lives; NULL: null, of length 0. */
const char *row_span(size_t *length, PGresult *, int row, int column);

#endif
