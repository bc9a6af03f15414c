/* SPDX-License-Identifier: ISC */
/*
 * What the tests of the database layer share: a loop with a database in it,
 * and what came of each call.
 */
#ifndef TORFED_DB_WORLD_H
#define TORFED_DB_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fed-queued/db/db_internal.h"

#define ENTRIES(table) (sizeof(table) / sizeof((table)[0]))

/* From the environment: a conninfo of _fedqueued, and a command that changes,
 * stops and starts the cluster. NULL without one. */
extern const char *conninfo;
extern const char *control;

/* A loop with a database, and what was heard of it. */
struct world {
	struct event_base *base;
	struct db *db;
	int up;
	int down;
	int notified;
	char channel[64];
	bool sticky; /* up and down do not end the loop */
};
extern const struct db_handlers world_handlers;

void world_open(struct world *, const char *info,
    const struct db_statement *statements, size_t count,
    const char *const *channels, bool durability);
void world_close(struct world *);
/* Runs the loop until something breaks it, at most for ms. */
void world_run(struct world *, int ms);
/* Runs until the layer has told count times that it is up. */
void world_wait_up(struct world *, int count);
/* Runs until it is in state, for a reason that contains reason. */
void world_wait_state(struct world *, enum db_state state, const char *reason);
int64_t now_ms(void);
/* Runs the control command with these arguments; it must succeed. */
void control_run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What came of one call. */
struct outcome {
	struct world *world;
	struct outcome *next; /* chain: call this one in the callback */
	int calls;	      /* of the callback: must be 1 in the end */
	int order;
	bool good;
	char sqlstate[6];
	char value[256];
};
extern int outcome_order; /* of the next callback */
void on_outcome(PGresult *, const char *sqlstate, void *outcome);
/* One call and its answer; parameters may be NULL. */
struct outcome call_wait(
    struct world *, size_t index, struct db_parameters *parameters);

/* db_online.c, db_refused.c: the tests that need a cluster. */
extern const struct CMUnitTest db_online[], db_refused[];
extern const size_t db_online_count, db_refused_count;

/* db_types_online.c, in the list of db_refused.c */
void types_values(void **state);
void types_other(void **state);
void types_production(void **state);

/* The statements of db_online.c, for db_refused.c, too. */
enum test_statement {
	T_INTEGER,
	T_DIVIDE,
	T_INSERT,
	T_COUNT,
	T_SLEEP,
	T_ARRAYS,
	T_UNNEST,
	T_LARGE,
	T_SHOW,
	T_NOTIFY,
	T_READ_ONLY,
	T_BINARY,
	T_COUNT_ALL
};
extern const struct db_statement test_statements[T_COUNT_ALL];
extern const char *const test_channels[];
/* With these, and up. */
void test_open(struct world *);

#endif
