/* SPDX-License-Identifier: ISC */
/* fedctl's own connection to a database; see database.h. */
#include <string.h>

#include "base/sandbox.h"
#include "command.h"
#include "database.h"
#include "fail.h"

static void
notice_ignore(void *argument, const PGresult *result)
{
	(void)argument;
	(void)result;
}

/* One line of the server's or the library's words. */
static void
fail_database(PGconn *connection, const PGresult *result, const char *step)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	bool denied = state != NULL && strcmp(state, "42501") == 0;
	enum code code = denied ? CODE_NOT_ALLOWED : CODE_DATABASE;
	int status = denied ? EXIT_ALLOWED : EXIT_DATA;

	if (PQstatus(connection) == CONNECTION_BAD)
		status = EXIT_DAEMON;
	if (text == NULL)
		text = PQerrorMessage(connection);
	fail_text(status, code_name(code), "%s%s%.*s", step,
	    step[0] == '\0' ? "" : ": ", (int)strcspn(text, "\n"), text);
}

PGresult *
database_query(PGconn *connection, const char *sql, const char *step)
{
	PGresult *result = PQexec(connection, sql);
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		fail_database(connection, result, step);
	return result;
}

PGresult *
database_ask(
    PGconn *connection, const char *sql, int count, const char *const *values)
{
	PGresult *result =
	    PQexecParams(connection, sql, count, NULL, values, NULL, NULL, 0);

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		fail_database(connection, result, "");
	return result;
}

void
database_execute(PGconn *connection, const char *sql, const char *step)
{
	PQclear(database_query(connection, sql, step));
}

PGconn *
database_open(const struct parsed *parsed)
{
	const char *conninfo = parsed->options[OPTION_DATABASE];
	PGconn *connection = PQconnectdb(conninfo == NULL ? "" : conninfo);

	if (PQstatus(connection) != CONNECTION_OK)
		fail_database(connection, NULL, "");
	sandbox_enter(SANDBOX_FEDCTL, 0);
	PQsetNoticeReceiver(connection, notice_ignore, NULL);
	database_execute(connection,
	    "SET search_path TO pg_catalog; SET client_encoding TO 'UTF8'; "
	    "SET standard_conforming_strings TO on",
	    "");
	return connection;
}
