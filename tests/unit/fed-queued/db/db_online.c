/* SPDX-License-Identifier: ISC */
/*
 * The database layer beside a real cluster: order, transactions, values,
 * notifications, and connections that are lost.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "db_world.h"

const struct db_statement test_statements[T_COUNT_ALL] = {
    [T_INTEGER] = {"integer", "SELECT $1::int4", 0},
    [T_DIVIDE] = {"divide", "SELECT 1000 / $1::int4", 0},
    [T_INSERT] = {"insert",
	"INSERT INTO public.test (id, value) VALUES ($1::int4, $2::text)", 0},
    [T_COUNT] = {"count",
	"SELECT count(*) FROM public.test WHERE value = $1::text", 0},
    [T_SLEEP] = {"sleep", "SELECT pg_sleep($1::int4)", 0},
    [T_ARRAYS] = {"arrays",
	"SELECT ($1::uuid[])::text || ($2::bytea[])::text ||"
	" ($3::int4[])::text || ($4::int8[])::text || ($5::text[])::text"
	" || coalesce(array_length($6::uuid[], 1), 0)::text"
	" || octet_length(($2::bytea[])[3])::text",
	0},
    [T_UNNEST] = {"unnest",
	"SELECT string_agg(a::text || b::text || c, ',' ORDER BY a) FROM"
	" unnest($1::int4[], $2::bytea[], $3::text[]) AS u (a, b, c)",
	0},
    [T_LARGE] = {"large", "SELECT length($1::text)::text || pg_sleep(5)::text",
	0},
    [T_SHOW] = {"show", "SELECT current_setting($1::text)", 0},
    [T_NOTIFY] = {"notify", "SELECT pg_notify($1::text, '')", 0},
    [T_READ_ONLY] = {"read_only",
	"SELECT set_config('default_transaction_read_only', 'on', false)", 0},
    [T_BINARY] = {"binary", "SELECT $1::bytea, $2::int4, NULL::text", 1},
};
const char *const test_channels[] = {
    "federation_queue", "federation_servers", NULL};

void
test_open(struct world *world)
{
	world_open(
	    world, conninfo, test_statements, T_COUNT_ALL, test_channels, true);
	world_wait_up(world, 1);
}

static void
call_integer(
    struct world *world, size_t index, int64_t value, struct outcome *outcome)
{
	struct db_parameters p;

	db_parameters_init(&p);
	db_add_integer(&p, value);
	db_call(world->db, index, &p, on_outcome, outcome);
	db_parameters_free(&p);
}

static void
drain(struct world *world)
{
	int64_t end = now_ms() + 60000;

	while (db_pending(world->db) > 0 && now_ms() < end)
		world_run(world, 1000);
	assert_int_equal(db_pending(world->db), 0);
}

static void
pipelined(void **state)
{
	static struct outcome outcomes[1000];
	struct world world;
	char text[16];

	(void)state;
	memset(outcomes, 0, sizeof(outcomes));
	outcome_order = 0;
	test_open(&world);
	for (int i = 0; i < 1000; i++) {
		outcomes[i].world = &world;
		call_integer(&world, i == 500 ? T_DIVIDE : T_INTEGER,
		    i == 500 ? 0 : i, &outcomes[i]);
	}
	assert_int_equal(db_pending(world.db), 1000);
	drain(&world);
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "%d", i);
		assert_int_equal(outcomes[i].calls, 1);
		assert_int_equal(outcomes[i].order, i);
		assert_int_equal(outcomes[i].good, i != 500);
		assert_string_equal(
		    outcomes[i].sqlstate, i == 500 ? "22012" : "");
		if (i != 500)
			assert_string_equal(outcomes[i].value, text);
	}
	world_close(&world);
}

static struct outcome
count_rows(struct world *world, const char *value)
{
	struct db_parameters p;

	db_parameters_init(&p);
	db_add_text(&p, value);
	return call_wait(world, T_COUNT, &p);
}

/*
 * Each call is a transaction of its own: what stands before and after an error
 * is committed, also when the error comes at commit.
 */
static void
transactions(void **state)
{
	static const int64_t ids[] = {1, 2, 1, 3}; /* deferred UNIQUE */
	struct outcome outcomes[ENTRIES(ids)] = {0};
	struct db_parameters p;
	struct world world;

	(void)state;
	control_run("sql 'TRUNCATE public.test'");
	test_open(&world);
	for (size_t i = 0; i < ENTRIES(ids); i++) {
		outcomes[i].world = &world;
		db_parameters_init(&p);
		db_add_integer(&p, ids[i]);
		db_add_text(&p, "row");
		db_call(world.db, T_INSERT, &p, on_outcome, &outcomes[i]);
	}
	drain(&world);
	for (size_t i = 0; i < ENTRIES(ids); i++) {
		assert_int_equal(outcomes[i].calls, 1);
		assert_string_equal(
		    outcomes[i].sqlstate, i == 2 ? "23505" : "");
	}
	assert_string_equal(count_rows(&world, "row").value, "3");
	assert_string_equal(
	    count_rows(&world, "'; DROP TABLE public.test; --").value, "0");
	world_close(&world);
}

static void
on_chained(PGresult *result, const char *sqlstate, void *argument)
{
	struct outcome *outcome = argument;

	on_outcome(result, sqlstate, outcome);
	if (outcome->next != NULL) {
		struct db_parameters p;

		db_parameters_init(&p);
		db_add_integer(&p, outcome->order);
		db_call(outcome->world->db, T_INTEGER, &p, on_chained,
		    outcome->next);
	}
}

static void
chained(void **state)
{
	struct outcome outcomes[100] = {0};
	struct db_parameters p;
	struct world world;

	(void)state;
	outcome_order = 0;
	test_open(&world);
	for (int i = 0; i < 100; i++) {
		outcomes[i].world = &world;
		outcomes[i].next = i < 99 ? &outcomes[i + 1] : NULL;
	}
	db_parameters_init(&p);
	db_add_integer(&p, 7);
	db_call(world.db, T_INTEGER, &p, on_chained, &outcomes[0]);
	while (outcomes[99].calls == 0)
		world_run(&world, 10000);
	assert_string_equal(outcomes[99].value, "98");
	world_close(&world);
}

static void
arrays(void **state)
{
	static uint8_t large[70000];
	uint8_t uuid[16] = {
	    0xff, 0, 1, 2, 0x43, 4, 0x85, 6, 7, 8, 9, 10, 11, 12, 13, 14};
	struct db_array *array[6];
	struct db_parameters p;
	struct outcome outcome;
	struct world world;

	(void)state;
	test_open(&world);
	array[0] = db_array_new(DB_OID_UUID);
	db_array_bytes(array[0], uuid, sizeof(uuid));
	array[1] = db_array_new(DB_OID_BYTEA);
	db_array_bytes(array[1], "\0\377'\\", 4);
	db_array_bytes(array[1], NULL, 0);
	array[2] = db_array_new(DB_OID_INT4);
	db_array_int4(array[2], INT32_MIN);
	db_array_int4(array[2], INT32_MAX);
	array[3] = db_array_new(DB_OID_INT8);
	db_array_int8(array[3], INT64_MIN);
	db_array_int8(array[3], INT64_MAX);
	array[4] = db_array_new(DB_OID_TEXT);
	db_array_bytes(array[4], "{\"},NULL", 8);
	db_array_bytes(array[4], "\xc3\xa9", 2);
	array[5] = db_array_new(DB_OID_UUID);
	db_parameters_init(&p);
	db_add_array(&p, array[0]);
	db_array_bytes(array[1], large, sizeof(large));
	/* the large one would not fit into the text below: only its length */
	db_add_array(&p, array[1]);
	for (int i = 2; i < 6; i++)
		db_add_array(&p, array[i]);
	outcome = call_wait(&world, T_ARRAYS, &p);
	db_parameters_free(&p);
	assert_true(outcome.good);
	assert_non_null(strstr(outcome.value,
	    "{ff000102-4304-8506-0708-090a0b0c0d0e}{\"\\\\x00ff275c\","
	    "\"\\\\x\",\"\\\\x0000"));

	db_parameters_init(&p);
	for (int i = 0; i < 3; i++)
		array[i] = db_array_new(i == 0	 ? DB_OID_INT4
					: i == 1 ? DB_OID_BYTEA
						 : DB_OID_TEXT);
	for (int i = 0; i < 3; i++) {
		db_array_int4(array[0], i);
		db_array_bytes(array[1], &i, 1);
		db_array_bytes(array[2], "{\"},\xc3\xa9", 6);
	}
	for (int i = 0; i < 3; i++)
		db_add_array(&p, array[i]);
	outcome = call_wait(&world, T_UNNEST, &p);
	db_parameters_free(&p);
	assert_string_equal(outcome.value,
	    "0\\x00{\"},\xc3\xa9,1\\x01{\"},\xc3\xa9,2\\x02{\"},\xc3\xa9");
	world_close(&world);
}

static void
on_binary(PGresult *result, const char *sqlstate, void *argument)
{
	struct world *world = argument;

	assert_string_equal(sqlstate, "");
	assert_non_null(result);
	assert_int_equal(PQgetlength(result, 0, 0), 3);
	assert_memory_equal(PQgetvalue(result, 0, 0), "a\0b", 3);
	assert_memory_equal(PQgetvalue(result, 0, 1), "\0\0\1\0", 4);
	assert_true(PQgetisnull(result, 0, 2));
	event_base_loopbreak(world->base);
}

static void
binary(void **state)
{
	struct db_parameters p;
	struct world world;

	(void)state;
	test_open(&world);
	db_parameters_init(&p);
	db_add_bytes(&p, "a\0b", 3);
	db_add_integer(&p, 256);
	db_call(world.db, T_BINARY, &p, on_binary, &world);
	world_run(&world, 10000);
	assert_int_equal(db_pending(world.db), 0);
	world_close(&world);
}

static void
notifications(void **state)
{
	struct db_parameters p;
	struct world world;

	(void)state;
	test_open(&world);
	/* from elsewhere, while nothing is under way */
	control_run("sql 'NOTIFY federation_queue'");
	world_run(&world, 10000);
	assert_int_equal(world.notified, 1);
	assert_string_equal(world.channel, "federation_queue");
	/* one that nobody listens to */
	control_run("sql 'NOTIFY federation_inbox'");
	world_run(&world, 300);
	assert_int_equal(world.notified, 1);
	/* our own */
	db_parameters_init(&p);
	db_add_text(&p, "federation_servers");
	call_wait(&world, T_NOTIFY, &p);
	if (world.notified < 2)
		world_run(&world, 10000);
	assert_int_equal(world.notified, 2);
	assert_string_equal(world.channel, "federation_servers");
	world_close(&world);
}

static void
setting_is(struct world *world, const char *name, const char *value)
{
	struct db_parameters p;

	db_parameters_init(&p);
	db_add_text(&p, name);
	assert_string_equal(call_wait(world, T_SHOW, &p).value, value);
}

static void
session(void **state)
{
	struct world world;

	(void)state;
	control_run(
	    "sql \"ALTER ROLE _fedqueued SET synchronous_commit = off\"");
	control_run("sql \"ALTER ROLE _fedqueued SET search_path = public\"");
	control_run("sql \"ALTER ROLE _fedqueued SET "
		    "default_transaction_isolation = serializable\"");
	test_open(&world);
	setting_is(&world, "synchronous_commit", "on");
	setting_is(&world, "search_path", "pg_catalog");
	setting_is(&world, "transaction_isolation", "read committed");
	setting_is(&world, "client_encoding", "UTF8");
	setting_is(&world, "application_name", "fed-queued");
	world_close(&world);
	control_run("sql 'ALTER ROLE _fedqueued RESET ALL'");
}

/* The server crashes under a thousand calls; each ends exactly once. */
static void
crash(void **state)
{
	static struct outcome outcomes[1000];
	struct outcome late = {0};
	int64_t end = now_ms() + 60000;
	struct world world;
	int failed = 0;

	(void)state;
	memset(outcomes, 0, sizeof(outcomes));
	test_open(&world);
	for (int i = 0; i < 1000; i++)
		call_integer(&world, i == 700 ? T_SLEEP : T_INTEGER,
		    i == 700 ? 60 : i, &outcomes[i]);
	/* All before the one that sleeps are answered, however slowly. */
	while (outcomes[699].calls == 0 && now_ms() < end)
		world_run(&world, 1000);
	control_run("immediate");
	while (world.down == 0)
		world_run(&world, 10000);
	assert_int_equal(world.down, 1);
	assert_int_equal(db_state(world.db), DB_CONNECTING);
	assert_int_equal(db_pending(world.db), 0);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(outcomes[i].calls, 1);
		assert_int_equal(outcomes[i].good, i < 700);
		assert_string_equal(outcomes[i].sqlstate, "");
		failed += !outcomes[i].good;
	}
	assert_int_equal(failed, 300);
	call_integer(&world, T_INTEGER, 1, &late);
	assert_int_equal(late.calls, 1);
	assert_false(late.good);
	control_run("start");
	world_wait_up(&world, 2);
	setting_is(&world, "search_path", "pg_catalog");
	control_run("sql 'NOTIFY federation_queue'");
	world_run(&world, 10000);
	assert_int_equal(world.notified, 1);
	world_close(&world);
}

#define LARGE (4 * 1024 * 1024) /* more than a socket takes at once */

struct large {
	struct world *world;
	struct outcome outcome;
};

/* The answer to what was sent before is there, and the loop has not looked. */
static void
large_send(evutil_socket_t fd, short what, void *argument)
{
	struct large *large = argument;
	char *text = xmalloc(LARGE + 1);
	struct db_parameters p;

	(void)fd;
	(void)what;
	usleep(300000);
	memset(text, 'x', LARGE);
	text[LARGE] = '\0';
	db_parameters_init(&p);
	db_add_text(&p, text);
	db_call(large->world->db, T_LARGE, &p, on_outcome, &large->outcome);
	free(text);
}

/*
 * A flush that cannot go on reads what has arrived: that is looked at, and not
 * left until more comes.
 */
static void
read_by_flush(void **state)
{
	int64_t end = now_ms() + 60000;
	struct outcome small = {0};
	struct large large = {0};
	struct world world;
	struct event *event;

	(void)state;
	test_open(&world);
	large.world = &world;
	event = event_new(world.base, -1, 0, large_send, &large);
	call_integer(&world, T_INTEGER, 7, &small);
	event_active(event, EV_TIMEOUT, 0);
	while (small.calls == 0 && large.outcome.calls == 0 && now_ms() < end)
		world_run(&world, 100);
	assert_int_equal(small.calls, 1);
	assert_string_equal(small.value, "7");
	assert_int_equal(large.outcome.calls, 0);
	drain(&world);
	assert_true(large.outcome.good);
	event_free(event);
	world_close(&world);
}

/* Killed while idle: noticed, and back within a second. */
static void
terminated(void **state)
{
	struct world world;
	int64_t start;

	(void)state;
	test_open(&world);
	control_run("sql \"SELECT pg_terminate_backend(pid) FROM "
		    "pg_stat_activity WHERE usename = '_fedqueued'\"");
	start = now_ms();
	world_wait_up(&world, 2);
	assert_int_equal(world.down, 1);
	assert_in_range(now_ms() - start, 0, 1000);
	world_close(&world);
}

const struct CMUnitTest db_online[] = {
    cmocka_unit_test(pipelined),
    cmocka_unit_test(transactions),
    cmocka_unit_test(chained),
    cmocka_unit_test(arrays),
    cmocka_unit_test(binary),
    cmocka_unit_test(notifications),
    cmocka_unit_test(session),
    cmocka_unit_test(crash),
    cmocka_unit_test(read_by_flush),
    cmocka_unit_test(terminated),
};
const size_t db_online_count = ENTRIES(db_online);
