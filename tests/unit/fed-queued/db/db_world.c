/* SPDX-License-Identifier: ISC */
/* See db_world.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "db_world.h"

const char *conninfo;
const char *control;

static void
on_up(void *argument)
{
	struct world *world = argument;

	world->up++;
	if (!world->sticky)
		event_base_loopbreak(world->base);
}

static void
on_down(void *argument)
{
	struct world *world = argument;

	world->down++;
	if (!world->sticky)
		event_base_loopbreak(world->base);
}

static void
on_notify(const char *channel, void *argument)
{
	struct world *world = argument;

	world->notified++;
	snprintf(world->channel, sizeof(world->channel), "%s", channel);
	event_base_loopbreak(world->base);
}

const struct db_handlers world_handlers = {on_up, on_down, on_notify};

void
world_open(struct world *world, const char *info,
    const struct db_statement *statements, size_t count,
    const char *const *channels, bool durability)
{
	memset(world, 0, sizeof(*world));
	world->base = event_base_new();
	world->db = db_new(world->base, info, statements, count, channels,
	    durability, &world_handlers, world);
	assert_non_null(world->db);
}

void
world_close(struct world *world)
{
	db_free(world->db);
	event_base_free(world->base);
}

/* Runs the loop until something breaks it, at most for ms. */
void
world_run(struct world *world, int ms)
{
	struct timeval limit = {ms / 1000, (ms % 1000) * 1000};

	event_base_loopexit(world->base, &limit);
	event_base_dispatch(world->base);
}

int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Runs until the layer has told count times that it is up. */
void
world_wait_up(struct world *world, int count)
{
	int64_t end = now_ms() + 30000;

	while (world->up < count && now_ms() < end)
		world_run(world, 1000);
	assert_int_equal(world->up, count);
	assert_int_equal(db_state(world->db), DB_UP);
	assert_string_equal(db_reason(world->db), "up");
}

void
world_wait_state(struct world *world, enum db_state state, const char *reason)
{
	int64_t end = now_ms() + 30000;

	while ((db_state(world->db) != state ||
		   strstr(db_reason(world->db), reason) == NULL) &&
	       now_ms() < end)
		world_run(world, 50);
	assert_int_equal(db_state(world->db), state);
	assert_non_null(strstr(db_reason(world->db), reason));
}

void
control_run(const char *format, ...)
{
	char command[1024];
	size_t length =
	    (size_t)snprintf(command, sizeof(command), "%s ", control);
	va_list list;

	va_start(list, format);
	vsnprintf(command + length, sizeof(command) - length, format, list);
	va_end(list);
	assert_int_equal(system(command), 0);
}

int outcome_order;

void
on_outcome(PGresult *result, const char *sqlstate, void *argument)
{
	struct outcome *outcome = argument;

	outcome->calls++;
	outcome->order = outcome_order++;
	outcome->good = result != NULL;
	snprintf(outcome->sqlstate, sizeof(outcome->sqlstate), "%s", sqlstate);
	if (result != NULL && PQntuples(result) > 0)
		snprintf(outcome->value, sizeof(outcome->value), "%s",
		    PQgetvalue(result, 0, 0));
	if (outcome->world != NULL && db_pending(outcome->world->db) == 0)
		event_base_loopbreak(outcome->world->base);
}

/* One call and its answer. */
struct outcome
call_wait(struct world *world, size_t index, struct db_parameters *parameters)
{
	struct outcome outcome = {.world = world};
	struct db_parameters none;

	db_parameters_init(&none);
	db_call(world->db, index, parameters != NULL ? parameters : &none,
	    on_outcome, &outcome);
	while (outcome.calls == 0)
		world_run(world, 10000);
	assert_int_equal(outcome.calls, 1);
	return outcome;
}
