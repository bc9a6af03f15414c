/* SPDX-License-Identifier: ISC */
/*
 * fedctl's own connection to a database, as its owner. Whatever fails ends
 * fedctl, with one line of the server's words.
 */
#ifndef TORFED_FEDCTL_DATABASE_H
#define TORFED_FEDCTL_DATABASE_H

#include <libpq-fe.h>

struct parsed;

/*
 * Opens the connection that --database names, and closes the sandbox behind
 * it. The search path is set so that nobody's functions are found where
 * pg_catalog's are meant.
 */
PGconn *database_open(const struct parsed *);
/* step: what is done, for the message; "" nothing to say. */
PGresult *database_query(PGconn *, const char *sql, const char *step);
void database_execute(PGconn *, const char *sql, const char *step);
/* With count text parameters. */
PGresult *database_ask(
    PGconn *, const char *sql, int count, const char *const *values);

#endif
