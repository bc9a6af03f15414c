/* SPDX-License-Identifier: ISC */
/*
 * The parser of fed.conf, and what reports errors in a file that it reads. One
 * file is parsed at a time.
 */
#ifndef TORFED_PARSE_H
#define TORFED_PARSE_H

#include "conf/conf.h"

/* Reports "file:line: expected E, found F" and counts it. */
void parse_error(unsigned int line, const char *found, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Notes on which line the statement of this field of struct conf ends. */
void parse_said(const void *field, unsigned int line);
/*
 * Begins a report of an error that shows only once the whole file was read:
 * "file:line: ", where the line is the last one that set one of these fields
 * (up to NULL), or "file: " where all have their defaults. Without fields the
 * line is the file's last. Call it before another file is parsed.
 */
void parse_where(FILE *errors, const void *const fields[]);
/* 0, or -1 when an error was reported. */
int parse_run(struct conf *, const char *name, const char *text, size_t length,
    FILE *errors);

#endif
