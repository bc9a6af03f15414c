/* SPDX-License-Identifier: ISC */
/*
 * The database's schema: version 1 is the files under sql/, applied in one
 * transaction, and each forward-only migration is one version and one
 * transaction more, with its row in federation.schema_version. A lock makes
 * two who migrate at once do each step once. Checksums are compared before
 * anything is done: of the files with those that this program was built with,
 * and with those that the database has recorded. The files are read and the
 * connection is made before the sandbox closes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/schema.h"
#include "command.h"
#include "database.h"
#include "fail.h"
#include "ipc/message.h"
#include "migrate.h"
#include "migration.h"
#include "output.h"

/* "torfed" as a number: the key of the advisory lock. */
#define LOCK "SELECT pg_catalog.pg_advisory_xact_lock(128022009505124)"

/* All zeroes where there is no schema. */
static struct schema_found
database_schema(PGconn *connection)
{
	struct schema_found found = {0};
	PGresult *result;
	bool missing;
	int i;

	result = database_query(connection,
	    "SELECT pg_catalog.to_regclass('federation.schema_version')", "");
	missing = PQgetisnull(result, 0, 0);
	PQclear(result);
	if (missing)
		return found;
	/* Before the first release there was no column checksum. */
	result = database_query(connection,
	    "SELECT version, pg_catalog.jsonb_extract_path_text("
	    "pg_catalog.to_jsonb(v), 'checksum') "
	    "FROM federation.schema_version v ORDER BY version",
	    "");
	for (i = 0; i < PQntuples(result); i++)
		schema_found_row(&found, atoi(PQgetvalue(result, i, 0)),
		    PQgetisnull(result, i, 1) ? NULL
					      : PQgetvalue(result, i, 1));
	if (PQntuples(result) == 0)
		schema_found_none(&found);
	PQclear(result);
	return found;
}

static void
other_refuse(const struct schema_found *found)
{
	char text[256];

	if (schema_refused(found, text, sizeof(text)))
		fail_text(EXIT_DATA, code_name(CODE_DATABASE), "%s", text);
}

static void
newer_refuse(const struct schema_found *found)
{
	if (found->version > schema_newest())
		fail_text(EXIT_DATA, code_name(CODE_DATABASE),
		    "the database has schema version %d, newer than this "
		    "program's %d",
		    found->version, schema_newest());
}

/* A file that ends our transaction would leave the rest half done. */
static void
step_run(PGconn *connection, const struct migration *step)
{
	database_execute(connection, step->sql, step->name);
	if (PQtransactionStatus(connection) != PQTRANS_INTRANS)
		fail_text(EXIT_DATA, code_name(CODE_DATABASE),
		    "%s: ends the transaction it runs in", step->name);
}

static void
version_run(PGconn *connection, const struct migration *steps, int version)
{
	size_t i, files = schema_file_count();
	char insert[192];

	if (version > 1)
		step_run(connection, &steps[files + (size_t)version - 2]);
	for (i = 0; version == 1 && i < files; i++)
		step_run(connection, &steps[i]);
	snprintf(insert, sizeof(insert),
	    "INSERT INTO federation.schema_version (version, checksum) "
	    "VALUES (%d, '%s')",
	    version, schema_version(version)->checksum);
	database_execute(connection, insert, schema_version(version)->name);
}

/* True when the version was still to be reached. */
static bool
version_apply(PGconn *connection, const struct migration *steps, int version)
{
	const char *name = schema_version(version)->name;
	struct schema_found found;

	database_execute(connection, "BEGIN", name);
	database_execute(connection, LOCK, name);
	found = database_schema(connection);
	other_refuse(&found);
	newer_refuse(&found);
	if (found.version >= version) {
		database_execute(connection, "ROLLBACK", name);
		return false;
	}
	version_run(connection, steps, version);
	database_execute(connection, "COMMIT", name);
	return true;
}

void
migrate_run(const struct parsed *parsed)
{
	size_t count;
	struct migration *steps =
	    migration_read(parsed->options[OPTION_DIRECTORY], &count);
	PGconn *connection = database_open(parsed);
	struct output *output = output_new(parsed->json, true);
	struct msg_control_row row = {.kind = "migration", .field_count = 2};
	const char *name;
	int version;

	row.fields[0] =
	    (struct control_field){.name = "version", .type = CONTROL_INTEGER};
	row.fields[1] =
	    (struct control_field){.name = "migration", .type = CONTROL_STRING};
	for (version = 1; version <= schema_newest(); version++) {
		if (!version_apply(connection, steps, version))
			continue;
		name = schema_version(version)->name;
		row.fields[0].integer = version;
		row.fields[1].string = name;
		row.fields[1].string_length = strlen(name);
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
	struct schema_found found = database_schema(connection);
	struct output *output = output_new(parsed->json, false);

	if (found.former) /* its numbers mean something else */
		other_refuse(&found);
	output_integer(output, "version", found.version);
	output_integer(output, "wanted", schema_newest());
	PQfinish(connection);
	output_end(output);
}
