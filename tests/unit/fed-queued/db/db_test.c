/* SPDX-License-Identifier: ISC */
/*
 * The database layer. Started by hand this tests what needs no database:
 * parameters, connection strings, and what happens while there is none.
 * tests/integration/fed-queued/db/db.t starts it beside a real cluster, named
 * by TORFED_TEST_CONNINFO, for the tests of db_online.c and db_refused.c;
 * TORFED_TEST_CONTROL is a command that restarts, changes and stops it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "db_world.h"
#include "fed-queued/db/statements.h"

static void
parameters_values(void **state)
{
	uint8_t uuid[16] = {1, 2, 3, 0, 255};
	struct db_parameters p;

	(void)state;
	db_parameters_init(&p);
	db_add_text(&p, "text");
	db_add_null(&p);
	db_add_integer(&p, INT64_MIN);
	db_add_integer(&p, INT64_MAX);
	db_add_bytes(&p, "a\0b", 3);
	db_add_bytes(&p, NULL, 0);
	db_add_uuid(&p, uuid);
	memset(uuid, 9, sizeof(uuid)); /* it was copied */
	assert_int_equal(p.count, 7);
	assert_string_equal(p.values[0], "text");
	assert_int_equal(p.formats[0], 0);
	assert_null(p.values[1]);
	assert_string_equal(p.values[2], "-9223372036854775808");
	assert_string_equal(p.values[3], "9223372036854775807");
	assert_memory_equal(p.values[4], "a\0b", 3);
	assert_int_equal(p.lengths[4], 3);
	assert_int_equal(p.formats[4], 1);
	assert_non_null(p.values[5]);
	assert_int_equal(p.lengths[5], 0);
	assert_memory_equal(p.values[6], "\1\2\3\0\377", 5);
	assert_int_equal(p.lengths[6], 16);
	assert_int_equal(p.formats[6], 1);
	db_parameters_free(&p);
	assert_int_equal(p.count, 0);
}

static void
parameters_limit(void **state)
{
	struct db_parameters p;
	int status;
	pid_t pid;

	(void)state;
	db_parameters_init(&p);
	for (int i = 0; i < DB_PARAMETERS; i++)
		db_add_integer(&p, i);
	assert_int_equal(p.count, DB_PARAMETERS);
	if ((pid = fork()) == 0) {
		db_add_null(&p);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

static void
parameters_arrays(void **state)
{
	static const uint8_t two[] = {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0, 0,
	    0, 2, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 4, 0xff, 0xff,
	    0xff, 0xfe};
	static const uint8_t none[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25};
	static const uint8_t big[] = {0, 0, 0, 8, 0x80, 0, 0, 0, 0, 0, 0, 1};
	struct db_array *array = db_array_new(DB_OID_INT4);
	struct db_parameters p;

	(void)state;
	db_parameters_init(&p);
	db_array_int4(array, 1);
	db_array_int4(array, -2);
	db_add_array(&p, array);
	assert_int_equal(p.lengths[0], sizeof(two));
	assert_memory_equal(p.values[0], two, sizeof(two));
	db_add_array(&p, db_array_new(DB_OID_TEXT));
	assert_int_equal(p.lengths[1], sizeof(none));
	assert_memory_equal(p.values[1], none, sizeof(none));
	array = db_array_new(DB_OID_INT8);
	db_array_int8(array, INT64_MIN + 1);
	db_add_array(&p, array);
	assert_int_equal(p.lengths[2], 20 + sizeof(big));
	assert_memory_equal(p.values[2] + 20, big, sizeof(big));
	db_parameters_free(&p);
}

static void
rehost(void **state)
{
	static const struct {
		const char *in;
		const char *out; /* NULL: malformed */
	} cases[] = {
	    {"", "host='/' "},
	    {"host=/run/postgresql user=u", "host='/' user='u' "},
	    {"hostaddr=1.2.3.4 host=db port=6000 dbname=d",
		"host='/' dbname='d' port='6000' "},
	    {"password='it''s'", NULL},
	    {"password='it\\'s \\\\ one' user=a",
		"host='/' user='a' password='it\\'s \\\\ one' "},
	    {"postgresql://u:p%20w@/d?host=/tmp/x",
		"host='/' user='u' password='p w' dbname='d' "},
	    {"nonsense", NULL},
	    {"unknown=1", NULL},
	    {"user='open", NULL},
	};
	char out[256];

	(void)state;
	for (size_t i = 0; i < ENTRIES(cases); i++) {
		int status =
		    db_conninfo_rehost(out, sizeof(out), cases[i].in, "/");

		assert_int_equal(status, cases[i].out != NULL ? 0 : -1);
		if (cases[i].out != NULL)
			assert_string_equal(out, cases[i].out);
	}
	/* On both sides of every size, the NUL included. */
	for (size_t size = 0; size < 60; size++) {
		const char *long_one = "host='/a\\'b' user='u\\\\v' ";
		int status =
		    db_conninfo_rehost(out, size, "user=u\\\\v", "/a'b");

		assert_int_equal(status, size > strlen(long_one) ? 0 : -1);
		if (status == 0)
			assert_string_equal(out, long_one);
	}
}

static const char *
conninfo_value(const struct conninfo *info, const char *keyword)
{
	for (size_t i = 0; info->keywords[i] != NULL; i++)
		if (strcmp(info->keywords[i], keyword) == 0)
			return info->values[i];
	return NULL;
}

static void
conninfo_defaults(void **state)
{
	struct conninfo *info = db_conninfo_new("host=a,b,c");

	(void)state;
	assert_non_null(info);
	assert_int_equal(info->hosts, 3);
	assert_string_equal(conninfo_value(info, "user"), "_fedqueued");
	assert_string_equal(conninfo_value(info, "client_encoding"), "UTF8");
	assert_non_null(conninfo_value(info, "passfile"));
	assert_non_null(
	    strstr(conninfo_value(info, "options"), "synchronous_commit=on"));
	db_conninfo_free(info);

	info = db_conninfo_new("user=u client_encoding=LATIN1 passfile=/p "
			       "options='-c work_mem=1MB' application_name=x");
	assert_string_equal(conninfo_value(info, "user"), "u");
	assert_string_equal(conninfo_value(info, "client_encoding"), "UTF8");
	assert_string_equal(conninfo_value(info, "passfile"), "/p");
	assert_string_equal(
	    conninfo_value(info, "application_name"), "fed-queued");
	assert_int_equal(strncmp(conninfo_value(info, "options"),
			     "-c work_mem=1MB -c sync", 23),
	    0);
	db_conninfo_free(info);
	assert_null(db_conninfo_new("user='open"));
}

static void
absent(void **state)
{
	struct db_parameters none;
	struct outcome outcome = {0};
	struct world world;

	(void)state;
	db_parameters_init(&none);
	world_open(&world, "host=/nonexistent password=geheim user=u",
	    statements, SQL_COUNT, NULL, true);
	db_call(world.db, SQL_COUNTS, &none, on_outcome, &outcome);
	assert_int_equal(outcome.calls, 1); /* at once */
	assert_false(outcome.good);
	assert_string_equal(outcome.sqlstate, "");
	world_run(&world, 300);
	assert_int_equal(db_state(world.db), DB_CONNECTING);
	assert_null(strstr(db_reason(world.db), "geheim"));
	assert_null(strchr(db_reason(world.db), '\n'));
	assert_int_equal(world.up + world.down, 0);
	assert_int_equal(db_pending(world.db), 0);
	world_close(&world);
	world.base = event_base_new();
	assert_null(db_new(world.base, "user='open", statements, SQL_COUNT,
	    NULL, true, &world_handlers, NULL));
	event_base_free(world.base);
}

/* A server that is none: counts, and says nothing or closes. */
struct fake {
	char directory[32];
	char socket[64];
	int fd;
	int accepted;
	bool closes;
	int64_t times[64];
};

static void
fake_accept(evutil_socket_t fd, short what, void *argument)
{
	struct fake *fake = argument;
	int connection = accept(fd, NULL, NULL);

	(void)what;
	if (fake->accepted < 64)
		fake->times[fake->accepted] = now_ms();
	fake->accepted++;
	if (fake->closes)
		close(connection);
}

static void
fake_open(struct fake *fake, bool closes)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memset(fake, 0, sizeof(*fake));
	fake->closes = closes;
	strcpy(fake->directory, "/tmp/db_test.XXXXXX");
	assert_non_null(mkdtemp(fake->directory));
	snprintf(fake->socket, sizeof(fake->socket), "%s/.s.PGSQL.5432",
	    fake->directory);
	strcpy(address.sun_path, fake->socket);
	fake->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(
	    bind(fake->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fake->fd, 8), 0);
}

static void
fake_run(struct fake *fake, struct world *world, int ms)
{
	struct event *event;
	char info[128];

	snprintf(info, sizeof(info), "host=%s user=u", fake->directory);
	world_open(world, info, statements, SQL_COUNT, NULL, true);
	event = event_new(
	    world->base, fake->fd, EV_READ | EV_PERSIST, fake_accept, fake);
	event_add(event, NULL);
	world_run(world, ms);
	event_free(event);
	close(fake->fd);
	unlink(fake->socket);
	rmdir(fake->directory);
}

/* Attempts at 0, 0.1, 0.3, 0.7, 1.5, 3.1, 6.3, then each 5 s. */
static void
back_off(void **state)
{
	static const int64_t pauses[] = {100, 200, 400, 800, 1600, 3200, 5000};
	struct world world;
	struct fake fake;

	(void)state;
	fake_open(&fake, true);
	fake_run(&fake, &world, 12000);
	assert_int_equal(fake.accepted, (int)ENTRIES(pauses) + 1);
	for (size_t i = 0; i < ENTRIES(pauses); i++) {
		int64_t pause = fake.times[i + 1] - fake.times[i];

		assert_in_range(pause, pauses[i] - 10, pauses[i] + 400);
	}
	assert_int_equal(db_state(world.db), DB_CONNECTING);
	world_close(&world);
}

/* One that is silent is given up after 10 s. */
static void
silent(void **state)
{
	struct world world;
	struct fake fake;

	(void)state;
	fake_open(&fake, false);
	fake_run(&fake, &world, 11000);
	assert_int_equal(fake.accepted, 2);
	assert_in_range(fake.times[1] - fake.times[0], 9900, 10900);
	world_close(&world);
}

/* One group, so that there is one plan. */
static int
online_run(void)
{
	struct CMUnitTest tests[32];

	assert_true(db_online_count + db_refused_count <= ENTRIES(tests));
	memcpy(tests, db_online, db_online_count * sizeof(tests[0]));
	memcpy(tests + db_online_count, db_refused,
	    db_refused_count * sizeof(tests[0]));
	return _cmocka_run_group_tests(
	    "online", tests, db_online_count + db_refused_count, NULL, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(parameters_values),
	    cmocka_unit_test(parameters_limit),
	    cmocka_unit_test(parameters_arrays),
	    cmocka_unit_test(rehost),
	    cmocka_unit_test(conninfo_defaults),
	    cmocka_unit_test(absent),
	    cmocka_unit_test(back_off),
	    cmocka_unit_test(silent),
	};

	log_init("db_test", LOG_FORM_PLAIN, LOG_LEVEL_ERROR);
	conninfo = getenv("TORFED_TEST_CONNINFO");
	control = getenv("TORFED_TEST_CONTROL");
	if (conninfo == NULL)
		return cmocka_run_group_tests(tests, NULL, NULL);
	return online_run();
}
