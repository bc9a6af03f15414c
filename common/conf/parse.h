/* SPDX-License-Identifier: ISC */
/*
 * What the grammar's actions do (statement.c), and what they need from the
 * parser to report errors. One file is parsed at a time.
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
 * How an error begins that shows only once the whole file was read:
 * "file:line: ", with the last of the lines that these fields (up to NULL) were
 * set on; "file: " where all have their defaults. Without fields the line is
 * the file's last. As long as no other file was parsed.
 */
void parse_where(FILE *errors, const void *const fields[]);
/* 0, or -1 when an error was reported. */
int parse_run(struct conf *, const char *name, const char *text, size_t length,
    FILE *errors);

void statement_directory(
    char path[CONF_PATH_SIZE], const char *text, unsigned int line);
void statement_listen(struct conf *, const char *, bool proxy, unsigned int);
void statement_control(
    struct conf *, const char *, const char *group, unsigned int);
void statement_socks_path(struct conf *, const char *, unsigned int);
void statement_socks_tcp(
    struct conf *, const char *address, const char *port, unsigned int);
void statement_database(struct conf *, const char *, unsigned int);
void statement_user(struct conf *, const char *process, const char *name,
    const char *group, unsigned int);
void statement_setting(struct conf *, const char *group, const char *name,
    const char *value, unsigned int);
bool statement_group_exists(const char *);
/* "expected a statement (keys, ...)": all that a line may begin with. */
void statement_unknown(unsigned int line, const char *found);

#endif
