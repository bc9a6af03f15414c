/* SPDX-License-Identifier: ISC */
/*
 * The database's schema: numbered, forward-only migrations, each applied in a
 * transaction of its own together with its row in federation.schema_version,
 * under a lock, so that two who migrate at once do each step once. The files
 * are read and the connection is made before the sandbox closes.
 */
#include <stdlib.h>
#include <string.h>

#include "../fed-queued/db/db.h"
#include "command.h"
#include "database.h"
#include "fail.h"
#include "ipc/message.h"
#include "migrate.h"
#include "migration.h"
#include "output.h"

/* "torfed" as a number: the key of the advisory lock. */
#define LOCK "SELECT pg_catalog.pg_advisory_xact_lock(128022009505124)"

/* The highest migration that was applied, 0 where there is no schema. */
static int
database_level(PGconn *connection)
{
	PGresult *result;
	bool missing;
	int version;

	result = database_query(connection,
	    "SELECT pg_catalog.to_regclass('federation.schema_version')", "");
	missing = PQgetisnull(result, 0, 0);
	PQclear(result);
	if (missing)
		return 0;
	result = database_query(connection,
	    "SELECT coalesce(pg_catalog.max(version), 0) "
	    "FROM federation.schema_version",
	    "");
	version = atoi(PQgetvalue(result, 0, 0));
	PQclear(result);
	return version;
}

static void
newer_refuse(int version, size_t known)
{
	if (version > (int)known)
		fail_text(EXIT_DATA, code_name(CODE_DATABASE),
		    "the database has schema version %d, newer than this "
		    "program's %zu",
		    version, known);
}

/* A file that ends our transaction would leave the rest half done. */
static void
step_run(PGconn *connection, const struct migration *step)
{
	char insert[160];

	database_execute(connection, step->sql, step->name);
	if (PQtransactionStatus(connection) != PQTRANS_INTRANS)
		fail_text(EXIT_DATA, code_name(CODE_DATABASE),
		    "%s: ends the transaction it runs in", step->name);
	snprintf(insert, sizeof(insert),
	    "INSERT INTO federation.schema_version (version) VALUES (%d) "
	    "ON CONFLICT (version) DO NOTHING", /* some enter themselves */
	    step->version);
	database_execute(connection, insert, step->name);
}

/* True when the step was still to be done. */
static bool
step_apply(PGconn *connection, const struct migration *step, size_t known)
{
	int version;

	database_execute(connection, "BEGIN", step->name);
	database_execute(connection, LOCK, step->name);
	version = database_level(connection);
	newer_refuse(version, known);
	if (version >= step->version) {
		database_execute(connection, "ROLLBACK", step->name);
		return false;
	}
	step_run(connection, step);
	database_execute(connection, "COMMIT", step->name);
	return true;
}

void
migrate_run(const struct parsed *parsed)
{
	size_t count, i;
	struct migration *steps =
	    migration_read(parsed->options[OPTION_DIRECTORY], &count);
	PGconn *connection = database_open(parsed);
	struct output *output = output_new(parsed->json, true);
	struct msg_control_row row = {.kind = "migration", .field_count = 2};

	row.fields[0] =
	    (struct control_field){.name = "version", .type = CONTROL_INTEGER};
	row.fields[1] =
	    (struct control_field){.name = "migration", .type = CONTROL_STRING};
	for (i = 0; i < count; i++) {
		if (!step_apply(connection, &steps[i], count))
			continue;
		row.fields[0].integer = steps[i].version;
		row.fields[1].string = steps[i].name;
		row.fields[1].string_length = strlen(steps[i].name);
		output_row(output, &row);
	}
	PQfinish(connection);
	migration_free(steps, count);
	output_end(output);
}

void
migrate_version(const struct parsed *parsed)
{
	PGconn *connection = database_open(parsed);
	struct output *output = output_new(parsed->json, false);

	output_integer(output, "version", database_level(connection));
	output_integer(output, "wanted", DB_SCHEMA_VERSION);
	PQfinish(connection);
	output_end(output);
}
