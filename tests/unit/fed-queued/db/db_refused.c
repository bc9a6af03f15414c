/* SPDX-License-Identifier: ISC */
/*
 * The database layer beside a real cluster: databases that it refuses, what
 * its role may do, and life in the sandbox.
 */
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sandbox.h"
#include "base/schema.h"
#include "db_world.h"
#include "fed-queued/db/statements.h"

#define SANDBOXED_TURNS 4 /* of half a minute, until the database is there */

static void
refused(const char *info, bool durability, const char *reason)
{
	struct world world;

	world_open(&world, info, test_statements, T_COUNT_ALL, test_channels,
	    durability);
	world_wait_state(&world, DB_REFUSED, reason);
	assert_int_equal(world.up + world.down, 0);
	world_close(&world);
}

/* The same, and the log says so in one line, once in two attempts. */
static void
refused_once(const char *info, const char *reason)
{
	char expected[512], text[2048] = "";
	struct world world;
	int saved = dup(2), fds[2];
	ssize_t length;

	assert_int_equal(pipe(fds), 0);
	dup2(fds[1], 2);
	world_open(
	    &world, info, test_statements, T_COUNT_ALL, test_channels, true);
	world_run(&world, 6000);
	world_close(&world);
	dup2(saved, 2);
	close(saved);
	close(fds[1]);
	length = read(fds[0], text, sizeof(text) - 1);
	close(fds[0]);
	snprintf(expected, sizeof(expected),
	    "db_test[%d]: error: database refused reason=\"%s\"\n",
	    (int)getpid(), reason);
	assert_int_equal(length, (ssize_t)strlen(expected));
	assert_string_equal(text, expected);
}

/* What is said of a schema of that version. */
static const char *
schema_reason(int version, const char *advice)
{
	static char text[256];

	snprintf(text, sizeof(text),
	    "schema is version %d, this program needs %d%s", version,
	    schema_newest(), advice);
	return text;
}

#define VERSIONS "federation.schema_version"

static void
schema(void **state)
{
	struct world world;
	int64_t start;

	(void)state;
	control_run("sql \"INSERT INTO " VERSIONS " (version, checksum) "
		    "VALUES (%d, repeat('0', 64))\"",
	    schema_newest() + 1);
	refused_once(conninfo,
	    schema_reason(schema_newest() + 1, ": install a newer torfed"));
	control_run("sql 'DELETE FROM " VERSIONS " WHERE version >= %d'",
	    schema_newest());
	world_open(&world, conninfo, test_statements, T_COUNT_ALL,
	    test_channels, true);
	/* where there is but one version, no row is left */
	world_wait_state(&world, DB_REFUSED,
	    schema_newest() == 1
		? "the row of version 1 is missing from " VERSIONS
		: schema_reason(
		      schema_newest() - 1, ": run fedctl db migrate"));
	control_run("sql \"INSERT INTO " VERSIONS " (version, checksum) "
		    "VALUES (%d, '%s')\"",
	    schema_newest(), schema_version(schema_newest())->checksum);
	start = now_ms(); /* tried again by itself */
	world_wait_up(&world, 1);
	assert_in_range(now_ms() - start, 1000, 6000);
	world_close(&world);

	control_run("sql 'ALTER SCHEMA federation RENAME TO away'");
	refused(conninfo, true, schema_reason(0, ": run fedctl db migrate"));
	control_run("sql 'ALTER SCHEMA away RENAME TO federation'");
}

/* A database that other files made, or one of before the first release. */
static void
schema_other(void **state)
{
	char expected[256];

	(void)state;
	control_run("sql \"UPDATE " VERSIONS " SET checksum = "
		    "repeat('0', 64) WHERE version = 1\"");
	snprintf(expected, sizeof(expected),
	    "schema version 1 was made of other files than this program's: "
	    "checksum 000000000000..., not %.12s...",
	    schema_version(1)->checksum);
	refused_once(conninfo, expected);
	/* also of a version that we do not know yet */
	control_run("sql \"INSERT INTO " VERSIONS " (version, checksum) "
		    "VALUES (%d, repeat('1', 64))\"",
	    schema_newest() + 1);
	refused(conninfo, true, expected);
	control_run("sql 'DELETE FROM " VERSIONS " WHERE version = 1'");
	refused(
	    conninfo, true, "the row of version 1 is missing from " VERSIONS);

	control_run("sql 'ALTER TABLE " VERSIONS " RENAME TO now_named; "
		    "CREATE TABLE " VERSIONS " (version int, at timestamptz); "
		    "GRANT SELECT ON " VERSIONS " TO _fedqueued; "
		    "INSERT INTO " VERSIONS " SELECT generate_series(1, 10)'");
	refused_once(conninfo,
	    "the schema is version 10 of the numbering before the first "
	    "release: make a new database");
	control_run("sql \"DROP TABLE " VERSIONS "; "
		    "ALTER TABLE federation.now_named RENAME TO "
		    "schema_version; DELETE FROM " VERSIONS "; "
		    "INSERT INTO " VERSIONS " (version, checksum) "
		    "VALUES (1, '%s')\"",
	    schema_version(1)->checksum);
}

static void
rights(void **state)
{
	static const struct db_statement bad[] = {
	    {"first", "SELECT 1", 0}, {"second", "SELECT nonsense", 0}};
	char info[512];
	struct world world;

	(void)state;
	snprintf(info, sizeof(info), "%s user=nothing", conninfo);
	refused(info, true,
	    "reading the schema's version fails with SQLSTATE 42501");
	world_open(&world, conninfo, bad, 2, NULL, true);
	world_wait_state(&world, DB_REFUSED,
	    "preparing statement second fails with SQLSTATE 42703");
	world_close(&world);
	world_open(&world, conninfo, bad, 1, NULL, true);
	world_wait_up(&world, 1);
	world_close(&world);
	world_open(&world, conninfo, bad, 0, NULL, true);
	world_wait_up(&world, 1);
	world_close(&world);
}

static void
durability(void **state)
{
	struct world world;

	(void)state;
	control_run("restart fsync=off");
	refused(conninfo, true, "fsync is off");
	world_open(&world, conninfo, test_statements, T_COUNT_ALL,
	    test_channels, false);
	world_wait_up(&world, 1);
	world_close(&world);
	control_run("restart full_page_writes=off");
	refused(conninfo, true, "full_page_writes is off");
	control_run("restart");
	test_open(&world);
	world_close(&world);
}

static void
read_only(void **state)
{
	struct db_parameters p;
	struct outcome outcome;
	struct world world;

	(void)state;
	control_run("sql \"ALTER ROLE _fedqueued SET "
		    "default_transaction_read_only = on\"");
	refused(conninfo, true, "database is read-only");
	control_run("sql 'ALTER ROLE _fedqueued RESET ALL'");
	/* becomes so while we are connected: look for another server */
	test_open(&world);
	world.sticky = true;
	call_wait(&world, T_READ_ONLY, NULL);
	db_parameters_init(&p);
	db_add_integer(&p, 9);
	db_add_text(&p, "x");
	outcome = call_wait(&world, T_INSERT, &p);
	assert_string_equal(outcome.sqlstate, "25006");
	world_run(&world, 50);
	assert_int_equal(world.down, 1);
	world.sticky = false;
	world_wait_up(&world, 2);
	world_close(&world);
}

/* Every statement of fed-queued is allowed to its role, and is planned. */
static void
production(void **state)
{
	static struct db_statement all[2 * SQL_COUNT];
	static char names[SQL_COUNT][64], texts[SQL_COUNT][256];
	struct outcome outcome;
	struct world world;

	(void)state;
	for (size_t i = 0; i < SQL_COUNT; i++) {
		size_t nulls = 0;
		char *text = texts[i];

		for (size_t n = 1; n < DB_PARAMETERS; n++) {
			char parameter[8];

			snprintf(parameter, sizeof(parameter), "$%zu:", n);
			if (strstr(statements[i].sql, parameter) != NULL)
				nulls = n;
		}
		all[i] = statements[i];
		snprintf(names[i], sizeof(names[i]), "explain_%s",
		    statements[i].name);
		text += sprintf(text, "EXPLAIN EXECUTE %s", statements[i].name);
		for (size_t n = 0; n < nulls; n++)
			text += sprintf(text, "%sNULL", n == 0 ? "(" : ", ");
		if (nulls > 0)
			strcpy(text, ")");
		all[SQL_COUNT + i] =
		    (struct db_statement){names[i], texts[i], 0};
	}
	world_open(&world, conninfo, all, 2 * SQL_COUNT, test_channels, true);
	world_wait_up(&world, 1);
	for (size_t i = 0; i < SQL_COUNT; i++) {
		outcome = call_wait(&world, SQL_COUNT + i, NULL);
		if (!outcome.good)
			print_message("# statement %s: SQLSTATE %s\n",
			    statements[i].name, outcome.sqlstate);
		assert_true(outcome.good);
	}
	world_close(&world);
}

/*
 * As fed-queued runs: its root is the directory of the socket (when we are
 * root), its user has no name, and no file can be opened. The child connects,
 * is told when the server has been restarted, and connects again. ready: a
 * byte is written to it at each of the two.
 */
static void
sandboxed_child(const char *sockets, const char *extra, int ready)
{
	char info[512];
	struct world world;

	memset(&world, 0, sizeof(world));
	world.base = event_base_new();
	if (geteuid() == 0 && (chroot(sockets) == -1 || chdir("/") == -1 ||
				  setgroups(0, NULL) == -1 ||
				  setgid(54321) == -1 || setuid(54321) == -1))
		_exit(2);
	if (db_conninfo_rehost(info, sizeof(info), extra,
		getuid() == 54321 ? "/" : sockets) == -1)
		_exit(3);
	sandbox_enter(SANDBOX_QUEUED, 0);
	world.db = db_new(world.base, info, test_statements, T_COUNT_ALL,
	    test_channels, true, &world_handlers, &world);
	for (int i = 1; i <= 2; i++) {
		for (int turn = 0; world.up < i; turn++) {
			if (turn == SANDBOXED_TURNS)
				_exit(5);
			world_run(&world, 30000);
		}
		if (write(ready, "u", 1) != 1)
			_exit(4);
	}
	_exit(0);
}

static void
sandboxed_run(const char *extra)
{
	const char *sockets = getenv("TORFED_TEST_SOCKETS");
	int ready[2], status;
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	if ((pid = fork()) == 0)
		sandboxed_child(sockets, extra, ready[1]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	control_run("restart");
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(ready[0]);
}

static void
sandboxed(void **state)
{
	(void)state;
	sandboxed_run("dbname=federation user=_fedqueued");
}

static void
sandboxed_password(void **state)
{
	struct world world;
	char info[512];

	(void)state;
	control_run("password scram-sha-256");
	world_open(&world, conninfo, test_statements, T_COUNT_ALL,
	    test_channels, true);
	world_wait_state(&world, DB_CONNECTING, "no password supplied");
	world_close(&world);
	snprintf(info, sizeof(info), "%s password=wrong", conninfo);
	world_open(
	    &world, info, test_statements, T_COUNT_ALL, test_channels, true);
	world_wait_state(&world, DB_CONNECTING, "password authentication");
	assert_null(strstr(db_reason(world.db), "wrong"));
	world_close(&world);
	sandboxed_run("dbname=federation user=_fedqueued password='pass word'");
	control_run("password trust");
}

const struct CMUnitTest db_refused[] = {
    cmocka_unit_test(schema),
    cmocka_unit_test(schema_other),
    cmocka_unit_test(rights),
    cmocka_unit_test(durability),
    cmocka_unit_test(read_only),
    cmocka_unit_test(production),
    cmocka_unit_test(types_values),
    cmocka_unit_test(types_other),
    cmocka_unit_test(types_production),
    cmocka_unit_test(sandboxed),
    cmocka_unit_test(sandboxed_password),
};
const size_t db_refused_count = ENTRIES(db_refused);
