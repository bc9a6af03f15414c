/* SPDX-License-Identifier: ISC */
/*
 * statement CONNINFO [-e] NAME [PARAMETER ...]
 *
 * Sends one of fed-queued's statements by its name, with parameters as text
 * ("\N" is null), and prints the rows, columns parted by tabs. With -e prints
 * how PostgreSQL went about it instead: EXPLAIN (ANALYZE, BUFFERS).
 */
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fed-queued/db/statements.h"

#define EXPLAIN_MAX 65536

static const struct db_statement *
find(const char *name)
{
	size_t i;

	for (i = 0; i < SQL_COUNT; i++)
		if (strcmp(statements[i].name, name) == 0)
			return &statements[i];
	errx(1, "no statement is called %s", name);
}

static const char *
value(const char *argument)
{
	return strcmp(argument, "\\N") == 0 ? NULL : argument;
}

static PGresult *
checked(PGconn *connection, PGresult *result)
{
	if (PQresultStatus(result) != PGRES_TUPLES_OK &&
	    PQresultStatus(result) != PGRES_COMMAND_OK)
		errx(1, "%s", PQerrorMessage(connection));
	return result;
}

static PGresult *
explain(PGconn *connection, int count, char *const arguments[])
{
	static char text[EXPLAIN_MAX];
	FILE *file = fmemopen(text, sizeof(text), "w");
	char *quoted;
	int i;

	if (file == NULL)
		err(1, "fmemopen");
	fprintf(file, "EXPLAIN (ANALYZE, BUFFERS) EXECUTE statement");
	for (i = 0; i < count; i++) {
		quoted = value(arguments[i]) == NULL
			     ? NULL
			     : PQescapeLiteral(connection, arguments[i],
				   strlen(arguments[i]));
		fprintf(file, "%s%s", i == 0 ? "(" : ", ",
		    quoted == NULL ? "NULL" : quoted);
		PQfreemem(quoted);
	}
	fprintf(file, "%s", count > 0 ? ")" : "");
	fclose(file);
	return PQexec(connection, text);
}

static PGresult *
run(PGconn *connection, int count, char *const arguments[])
{
	const char **values = calloc((size_t)count + 1, sizeof(*values));
	PGresult *result;
	int i;

	if (values == NULL)
		err(1, "calloc");
	for (i = 0; i < count; i++)
		values[i] = value(arguments[i]);
	result = PQexecPrepared(
	    connection, "statement", count, values, NULL, NULL, 0);
	free(values);
	return result;
}

int
main(int argc, char *argv[])
{
	bool explaining = argc > 2 && strcmp(argv[2], "-e") == 0;
	int at = explaining ? 3 : 2, row, column;
	PGconn *connection;
	PGresult *result;

	if (argc <= at)
		errx(1, "usage: statement CONNINFO [-e] NAME [PARAMETER ...]");
	connection = PQconnectdb(argv[1]);
	if (PQstatus(connection) != CONNECTION_OK)
		errx(1, "%s", PQerrorMessage(connection));
	PQclear(checked(connection,
	    PQprepare(connection, "statement", find(argv[at])->sql, 0, NULL)));
	result = checked(connection,
	    explaining ? explain(connection, argc - at - 1, argv + at + 1)
		       : run(connection, argc - at - 1, argv + at + 1));
	for (row = 0; row < PQntuples(result); row++)
		for (column = 0; column < PQnfields(result); column++)
			printf("%s%c", PQgetvalue(result, row, column),
			    column + 1 < PQnfields(result) ? '\t' : '\n');
	PQclear(result);
	PQfinish(connection);
	return 0;
}
