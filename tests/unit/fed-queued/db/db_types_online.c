/* SPDX-License-Identifier: ISC */
/*
 * Composite types beside a real cluster: values there and back, and types that
 * are not those of the program.
 */
#include <stdio.h>
#include <string.h>

#include "db_world.h"
#include "fed-queued/db/types.h"

struct inner {
	bool null;
	int64_t number;
	struct db_span text;
};

struct outer {
	bool null;
	int32_t narrow;
	int64_t wide;
	bool truth;
	struct db_span text;
	struct db_span bytes;
	struct db_span uuid;
	struct inner inner;
};

#define AT(type, column) offsetof(struct type, column)
static const struct db_column inner_columns[] = {
    {"number", DB_INT8, AT(inner, number), 0},
    {"text", DB_TEXT, AT(inner, text), 0},
};
static const struct db_column outer_columns[] = {
    {"narrow", DB_INT4, AT(outer, narrow), 0},
    {"wide", DB_INT8, AT(outer, wide), 0},
    {"truth", DB_BOOL, AT(outer, truth), 0},
    {"text", DB_TEXT, AT(outer, text), 0},
    {"bytes", DB_BYTES, AT(outer, bytes), 0},
    {"uuid", DB_UUID, AT(outer, uuid), 0},
    {"inner_row", DB_ROW, AT(outer, inner), 0},
};
enum { INNER, OUTER, TEST_TYPES };
static const struct db_type test_types[TEST_TYPES] = {
    {"test_inner", inner_columns, 2, sizeof(struct inner)},
    {"test_outer", outer_columns, 7, sizeof(struct outer)},
};

static const char create[] =
    "CREATE TYPE federation.test_inner AS (number bigint, text text); "
    "CREATE TYPE federation.test_outer AS (narrow integer, wide bigint, "
    "truth boolean, text text, bytes bytea, uuid uuid, "
    "inner_row federation.test_inner)";
static const char drop[] =
    "DROP TYPE federation.test_outer, federation.test_inner";

enum { ONE, MANY, SHOWN };
static const struct db_statement row_statements[] = {
    {"one", "SELECT $1::federation.test_outer", 1},
    {"many",
	"SELECT a[i] FROM (SELECT $1::federation.test_outer[]) x(a),"
	" generate_series(1, cardinality(a)) i ORDER BY i",
	1},
    {"shown", "SELECT ($1::federation.test_outer)::text", 0},
};

/* What came back: spans live as long as the callback, so texts are copied. */
struct back {
	struct world *world;
	int rows;
	struct outer row[3];
	char text[3][2][64];
};

static void
text_copy(char text[64], const struct db_span *span)
{
	if (span->bytes != NULL)
		snprintf(text, 64, "%.*s", (int)span->length,
		    (const char *)span->bytes);
}

static void
on_back(PGresult *result, const char *sqlstate, void *argument)
{
	struct back *back = argument;
	struct outer *row;

	assert_string_equal(sqlstate, "");
	back->rows = PQntuples(result);
	for (int i = 0; i < back->rows; i++) {
		row = &back->row[i];
		db_row_read(row, back->world->db, OUTER, result, i, 0);
		text_copy(back->text[i][0], &row->text);
		text_copy(back->text[i][1], &row->inner.text);
	}
	event_base_loopbreak(back->world->base);
}

static void
back_call(struct back *back, size_t statement, struct db_parameters *parameters)
{
	memset(back->row, 0xff, sizeof(back->row));
	back->rows = -1;
	db_call(back->world->db, statement, parameters, on_back, back);
	db_parameters_free(parameters);
	while (back->rows == -1)
		world_run(back->world, 10000);
}

static const struct outer whole = {false, -7, -(INT64_C(1) << 40), true,
    {"t\xc3\xa4xt", 5}, {"\0b", 2}, {"0123456789abcdef", 16},
    {false, INT64_MAX, {"inner", 5}}};

static void
types_open(struct world *world, size_t statements)
{
	world_open(world, conninfo, row_statements, statements, NULL, true);
	db_types_use(world->db, test_types, TEST_TYPES);
}

static void
same(const struct outer *a, const struct outer *b)
{
	assert_int_equal(a->null, b->null);
	assert_int_equal(a->narrow, b->narrow);
	assert_int_equal(a->wide, b->wide);
	assert_int_equal(a->truth, b->truth);
	assert_int_equal(a->text.length, b->text.length);
	assert_int_equal(a->bytes.length, b->bytes.length);
	assert_int_equal(a->uuid.length, b->uuid.length);
	assert_int_equal(a->inner.null, b->inner.null);
	assert_int_equal(a->inner.number, b->inner.number);
}

void
types_values(void **state)
{
	struct outer nothing = {.null = true, .inner.null = true};
	struct outer rows[3] = {whole, {.inner.null = true}, nothing};
	struct db_parameters p;
	struct outcome outcome;
	struct world world;
	struct back back = {.world = &world};

	(void)state;
	control_run("sql '%s'", create);
	types_open(&world, ENTRIES(row_statements));
	world_wait_up(&world, 1);
	db_parameters_init(&p);
	db_add_row(&p, world.db, OUTER, &whole);
	outcome = call_wait(&world, SHOWN, &p);
	db_parameters_free(&p);
	assert_string_equal(outcome.value,
	    "(-7,-1099511627776,t,t\xc3\xa4xt,\"\\\\x0062\","
	    "30313233-3435-3637-3839-616263646566,"
	    "\"(9223372036854775807,inner)\")");
	db_add_row(&p, world.db, OUTER, &whole);
	back_call(&back, ONE, &p);
	assert_int_equal(back.rows, 1);
	same(&back.row[0], &whole);
	assert_string_equal(back.text[0][0], "t\xc3\xa4xt");
	assert_string_equal(back.text[0][1], "inner");
	db_add_row(&p, world.db, OUTER, &nothing);
	back_call(&back, ONE, &p);
	same(&back.row[0], &nothing);
	assert_null(back.row[0].text.bytes);
	db_add_rows(&p, world.db, OUTER, rows, 3);
	back_call(&back, MANY, &p);
	assert_int_equal(back.rows, 3);
	for (int i = 0; i < 3; i++)
		same(&back.row[i], &rows[i]);
	db_add_rows(&p, world.db, OUTER, rows, 0);
	back_call(&back, MANY, &p);
	assert_int_equal(back.rows, 0);
	world_close(&world);
	control_run("sql '%s'", drop);
}

static void
types_refused(const char *change, const char *reason)
{
	struct world world;

	control_run("sql '%s; %s'", create, change);
	types_open(&world, 0);
	world_wait_state(&world, DB_REFUSED, reason);
	assert_int_equal(world.up, 0);
	world_close(&world);
	control_run("sql '%s'", drop);
}

void
types_other(void **state)
{
	struct world world;

	(void)state;
	types_open(&world, 0);
	world_wait_state(&world, DB_REFUSED,
	    "column 1 of type federation.test_inner is none, this program "
	    "needs number bigint");
	world_close(&world);
	types_refused("ALTER TYPE federation.test_outer DROP ATTRIBUTE uuid",
	    "column 6 of type federation.test_outer is inner_row "
	    "federation.test_inner, this program needs uuid uuid");
	types_refused("ALTER TYPE federation.test_outer "
		      "RENAME ATTRIBUTE truth TO lie",
	    "column 3 of type federation.test_outer is lie boolean, this "
	    "program needs truth boolean");
	types_refused("ALTER TYPE federation.test_outer "
		      "ALTER ATTRIBUTE wide TYPE integer",
	    "column 2 of type federation.test_outer is wide integer, this "
	    "program needs wide bigint");
	types_refused("ALTER TYPE federation.test_outer ADD ATTRIBUTE more int",
	    "column 8 of type federation.test_outer is more integer, this "
	    "program needs none");
}

/* The types of fed-queued are those of its schema. */
void
types_production(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, conninfo, NULL, 0, NULL, true);
	db_types_use(world.db, row_types, TYPE_COUNT);
	world_wait_up(&world, 1);
	world_close(&world);
}
