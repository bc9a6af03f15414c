/* SPDX-License-Identifier: ISC */
/*
 * What the grammar's actions do with a statement, and the line that it stands
 * on. Errors are reported with parse_error().
 */
#ifndef TORFED_CONF_STATEMENT_H
#define TORFED_CONF_STATEMENT_H

#include <stdbool.h>

#include "conf/conf.h"

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
