/* SPDX-License-Identifier: ISC */
/*
 * fed-queued's db/db.h without its loop: a call is answered before it returns.
 * The time that SQL sees is the world's (sim.now()).
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "db/db_internal.h"
#include "db/statements.h"
#include "db/types.h"
#include "env.h"
#include "sql/mirror_internal.h"

struct link {
	struct db db; /* of the daemon */
	PGconn *connection;
	int64_t now; /* that was told */
	bool prepared[SQL_COUNT];
};

static struct node_links {
	struct link daemon;
	struct link admin;
	bool written;
} links[SERVERS];

static struct node_links *present;
static char state[6]; /* of the last admin's call that failed */

static void
link_open(struct link *link, const char *host, const char *prefix, int node,
    const char *user)
{
	char text[512];

	snprintf(text, sizeof(text), "host=%s dbname=%s%d user=%s", host,
	    prefix, node, user);
	link->connection = PQconnectdb(text);
	if (PQstatus(link->connection) != CONNECTION_OK)
		errx(1, "%s", PQerrorMessage(link->connection));
}

/* For db_types.c, which asks the catalogue. */
void
db_enqueue(struct db *db, int sent, db_callback callback, void *argument)
{
	PGresult *result = sent == 1 ? PQgetResult(db->connection) : NULL;

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		errx(1, "types: %s", PQerrorMessage(db->connection));
	PQclear(PQgetResult(db->connection));
	callback(result, "", argument);
	PQclear(result);
}

void
db_setup_refuse(struct db *db, const char *what, const char *sqlstate)
{
	(void)db;
	errx(1, "%s: %s", what, sqlstate);
}

void
db_connect_refuse(struct db *db, const char *reason)
{
	(void)db;
	errx(1, "%s", reason);
}

static void
types_checked(struct db *db)
{
	(void)db;
}

static void
types_open(struct link *link)
{
	link->db.connection = link->connection;
	db_types_use(&link->db, row_types, TYPE_COUNT);
	db_types_ask(&link->db, types_checked);
}

void
mirror_db_open(const char *host, const char *prefix)
{
	int i;

	for (i = 0; i < SERVERS; i++) {
		link_open(&links[i].daemon, host, prefix, i, "_fedqueued");
		types_open(&links[i].daemon);
		link_open(&links[i].admin, host, prefix, i, "postgres");
	}
}

void
mirror_db_enter(int node)
{
	present = &links[node];
	env.db = &present->daemon.db;
}

bool
mirror_db_written(int node)
{
	bool written = links[node].written;

	links[node].written = false;
	return written;
}

static void
clock_tell(struct link *link)
{
	char text[64];
	PGresult *result;

	if (link->now == world.now)
		return;
	link->now = world.now;
	snprintf(
	    text, sizeof(text), "SET sim.now = %lld", (long long)world.now);
	result = PQexec(link->connection, text);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		errx(1, "%s", PQerrorMessage(link->connection));
	PQclear(result);
}

/* The statement with the world's clock. */
static char *
statement_text(const char *sql)
{
	static const char real[] = "now()", ours[] = "sim.now()";
	char *text = xcalloc(1, 2 * strlen(sql) + 1), *at = text;

	while (*sql != '\0') {
		if (strncmp(sql, real, sizeof(real) - 1) == 0) {
			memcpy(at, ours, sizeof(ours) - 1);
			at += sizeof(ours) - 1;
			sql += sizeof(real) - 1;
		} else
			*at++ = *sql++;
	}
	return text;
}

static void
statement_prepare(struct link *link, size_t index)
{
	char *text;
	PGresult *result;

	if (link->prepared[index])
		return;
	link->prepared[index] = true;
	text = statement_text(statements[index].sql);
	result =
	    PQprepare(link->connection, statements[index].name, text, 0, NULL);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		errx(1, "%s: %s", statements[index].name,
		    PQerrorMessage(link->connection));
	PQclear(result);
	free(text);
}

void
db_call(struct db *db, size_t index, const struct db_parameters *parameters,
    db_callback callback, void *argument)
{
	struct link *link = &present->daemon;
	char sqlstate[6] = "";
	PGresult *result;
	bool ok;

	clock_tell(link);
	statement_prepare(link, index);
	result = PQexecPrepared(link->connection, statements[index].name,
	    parameters->count, parameters->values, parameters->lengths,
	    parameters->formats, statements[index].binary);
	ok = PQresultStatus(result) == PGRES_TUPLES_OK ||
	     PQresultStatus(result) == PGRES_COMMAND_OK;
	if (!ok) {
		snprintf(sqlstate, sizeof(sqlstate), "%s",
		    PQresultErrorField(result, PG_DIAG_SQLSTATE));
		world_fail("sql: %s: %s", statements[index].name,
		    PQresultErrorMessage(result));
	}
	(void)db;
	present->written = true;
	callback(ok ? result : NULL, sqlstate, argument);
	PQclear(result);
}

const char *
mirror_sql(const char *sql, int count, const char *const *values)
{
	static PGresult *result; /* the last, until the next */
	struct link *link = &present->admin;

	PQclear(result);
	clock_tell(link);
	result = PQexecParams(
	    link->connection, sql, count, NULL, values, NULL, NULL, 0);
	if (PQresultStatus(result) != PGRES_TUPLES_OK &&
	    PQresultStatus(result) != PGRES_COMMAND_OK) {
		snprintf(state, sizeof(state), "%s",
		    PQresultErrorField(result, PG_DIAG_SQLSTATE));
		return NULL;
	}
	present->written = true;
	if (PQresultStatus(result) == PGRES_COMMAND_OK ||
	    PQntuples(result) == 0)
		return "";
	return PQgetvalue(result, 0, 0);
}

const char *
mirror_sqlstate(void)
{
	return state;
}
