/* SPDX-License-Identifier: ISC */
/*
 * What happens on a new connection before it counts as up: is this a database
 * that we may write to, that keeps what it has committed, and whose schema and
 * types we know? Then the statements are prepared and the channels listened to.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/schema.h"
#include "db/db_internal.h"
#include "db/row.h"

#define SERVER_VERSION_MIN 130000 /* PostgreSQL 13 */

/* Each column is true where all is well. */
static const char sql_check[] =
    "SELECT current_setting('transaction_read_only') = 'off',"
    " current_setting('synchronous_commit') = 'on',"
    " current_setting('fsync') = 'on',"
    " current_setting('full_page_writes') = 'on'";
static const struct check {
	const char *reason;
	bool durability; /* unless durability is unchecked */
} checks[] = {
    {"database is read-only", false},
    {"synchronous_commit is off", true},
    {"fsync is off: what is committed can be lost", true},
    {"full_page_writes is off: what is committed can be lost", true},
};
#define CHECKS ((int)(sizeof(checks) / sizeof(checks[0])))

/* Before the first release there was no column checksum. */
static const char sql_version[] =
    "SELECT version, to_jsonb(v) ->> 'checksum' "
    "FROM federation.schema_version v ORDER BY version";

static bool
setup_session_valid(struct db *db)
{
	const char *encoding =
	    PQparameterStatus(db->connection, "client_encoding");
	const char *strings =
	    PQparameterStatus(db->connection, "standard_conforming_strings");

	return encoding != NULL && strcmp(encoding, "UTF8") == 0 &&
	       strings != NULL && strcmp(strings, "on") == 0;
}

/* An error in words: SQLSTATE and what we wanted, none of the server's text. */
void
db_setup_refuse(struct db *db, const char *what, const char *sqlstate)
{
	char reason[DB_REASON_SIZE];

	if (sqlstate[0] == '\0')
		return; /* the connection is lost, which tells itself */
	snprintf(reason, sizeof(reason), "%s fails with SQLSTATE %s", what,
	    sqlstate);
	/* Shut down, crashed or out of resources meanwhile: not refused. */
	if (strncmp(sqlstate, "57", 2) == 0 ||
	    strncmp(sqlstate, "53", 2) == 0 || strncmp(sqlstate, "08", 2) == 0)
		db_connect_fail(db, reason);
	else
		db_connect_refuse(db, reason);
}

static size_t
channels_count(const struct db *db)
{
	size_t count = 0;

	while (db->channels != NULL && db->channels[count] != NULL)
		count++;
	return count;
}

static void
setup_up(struct db *db)
{
	evtimer_del(db->timer);
	db->state = DB_UP;
	db->backoff_ms = DB_BACKOFF_FIRST_MS;
	snprintf(db->reason, sizeof(db->reason), "up");
	db->logged[0] = '\0';
	log_info("database up");
	if (db->handlers.on_up != NULL)
		db->handlers.on_up(db->argument);
}

/* Each statement and each channel answers once, in order. */
static void
setup_step(PGresult *result, const char *sqlstate, void *argument)
{
	struct db *db = argument;
	char what[128];

	if (result == NULL) {
		snprintf(what, sizeof(what), "preparing statement %s",
		    db->setup_next < db->count
			? db->statements[db->setup_next].name
			: "LISTEN");
		db_setup_refuse(db, what, sqlstate);
		return;
	}
	db->setup_next++;
	if (db->setup_next == db->count + channels_count(db) && !db->failing)
		setup_up(db);
}

static void
setup_listen(struct db *db, const char *channel)
{
	char *name = xpointer(
	    PQescapeIdentifier(db->connection, channel, strlen(channel)));
	char sql[128];

	snprintf(sql, sizeof(sql), "LISTEN %s", name);
	PQfreemem(name);
	db_enqueue(db,
	    PQsendQueryParams(
		db->connection, sql, 0, NULL, NULL, NULL, NULL, 0),
	    setup_step, db);
}

static void
setup_prepare(struct db *db)
{
	size_t channels = channels_count(db);

	db->setup_next = 0;
	for (size_t i = 0; i < db->count && !db->failing; i++)
		db_enqueue(db,
		    PQsendPrepare(db->connection, db->statements[i].name,
			db->statements[i].sql, 0, NULL),
		    setup_step, db);
	for (size_t i = 0; i < channels && !db->failing; i++)
		setup_listen(db, db->channels[i]);
	if (db->count + channels == 0)
		setup_up(db);
}

static struct schema_found
setup_schema(const PGresult *result)
{
	struct schema_found found = {0};

	for (int i = 0; i < PQntuples(result); i++)
		schema_found_row(&found, atoi(PQgetvalue(result, i, 0)),
		    PQgetisnull(result, i, 1) ? NULL
					      : PQgetvalue(result, i, 1));
	if (PQntuples(result) == 0)
		schema_found_none(&found);
	return found;
}

/* reason: too old, too new or another than this program's. */
static bool
setup_schema_refused(
    const struct schema_found *found, char *reason, size_t size)
{
	if (schema_refused(found, reason, size))
		return true;
	if (found->version == schema_newest())
		return false;
	snprintf(reason, size,
	    "schema is version %d, this program needs %d: %s", found->version,
	    schema_newest(),
	    found->version < schema_newest() ? "run fedctl db migrate"
					     : "install a newer torfed");
	return true;
}

static void
setup_version(PGresult *result, const char *sqlstate, void *argument)
{
	struct db *db = argument;
	char reason[DB_REASON_SIZE];
	struct schema_found found = {0};

	/* No schema at all is version 0. */
	if (result != NULL)
		found = setup_schema(result);
	else if (strcmp(sqlstate, "42P01") != 0 &&
		 strcmp(sqlstate, "3F000") != 0) {
		db_setup_refuse(db, "reading the schema's version", sqlstate);
		return;
	}
	if (setup_schema_refused(&found, reason, sizeof(reason)))
		db_connect_refuse(db, reason);
	else if (!db->failing)
		db_types_ask(db, setup_prepare);
}

static void
setup_check(PGresult *result, const char *sqlstate, void *argument)
{
	struct db *db = argument;

	if (result == NULL || PQntuples(result) != 1 ||
	    PQnfields(result) != CHECKS) {
		db_setup_refuse(db, "checking the settings", sqlstate);
		return;
	}
	for (int i = 0; i < CHECKS; i++) {
		if (row_bool(result, 0, i) ||
		    (checks[i].durability && !db->durability_check))
			continue;
		db_connect_refuse(db, checks[i].reason);
		return;
	}
}

void
db_setup_start(struct db *db)
{
	if (PQserverVersion(db->connection) < SERVER_VERSION_MIN) {
		db_connect_refuse(db, "PostgreSQL is older than version 13");
		return;
	}
	if (!setup_session_valid(db)) {
		db_connect_refuse(db, "client_encoding is not UTF8, or "
				      "standard_conforming_strings is off");
		return;
	}
	db_enqueue(db,
	    PQsendQueryParams(
		db->connection, sql_check, 0, NULL, NULL, NULL, NULL, 0),
	    setup_check, db);
	db_enqueue(db,
	    PQsendQueryParams(
		db->connection, sql_version, 0, NULL, NULL, NULL, NULL, 0),
	    setup_version, db);
}
