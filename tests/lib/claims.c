/* SPDX-License-Identifier: ISC */
/*
 * claims CONNINFO MOST
 *
 * One worker of the queue, without the exchange: looks which lanes have
 * something, claims one item of each in turn, and so on until MOST items are
 * claimed or nothing is left. The statements are fed-queued's, sent through
 * its database layer, one at a time. Each item is then marked as delivered
 * and its lease ended, over a connection of its own, while the clock stands.
 * Prints how many items were claimed, a tab, and the seconds that looking and
 * claiming took.
 */
#include <arpa/inet.h>
#include <err.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/encode.h"
#include "base/log.h"
#include "fed-queued/db/db.h"
#include "fed-queued/db/statements.h"
#include "proto/ed.h"

#define LEASE_MS (10 * 60 * 1000)

struct lane {
	uint8_t server[UUID_SIZE];
	uint32_t priority;
};

static struct {
	struct event_base *base;
	struct db *db;
	PGconn *settling;
	uint8_t worker[UUID_SIZE];
	struct lane *lanes;
	size_t lane_count, lane_next;
	uint64_t most, claimed;
	double started, seconds;
} run;

enum call { CALL_WORK, CALL_CLAIM };
static struct db_statement calls[2];

static void look(void);

static double
seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The result is there: the clock stands until the next call. */
static void
answered(PGresult *result, const char *sqlstate)
{
	run.seconds += seconds_now() - run.started;
	if (result == NULL)
		errx(1, "statement failed, SQLSTATE %s", sqlstate);
}

/* item: its id, big-endian as it came. */
static void
settle(const char *item, const uint8_t claim[UUID_SIZE])
{
	const char *values[2] = {item, (const char *)claim};
	int lengths[2] = {8, UUID_SIZE}, formats[2] = {1, 1};
	PGresult *result = PQexecPrepared(
	    run.settling, "settle", 2, values, lengths, formats, 0);

	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		errx(1, "settle: %s", PQerrorMessage(run.settling));
	PQclear(result);
}

static void claim_next(void);

static void
on_claimed(PGresult *result, const char *sqlstate, void *argument)
{
	uint8_t *claim = argument;

	answered(result, sqlstate);
	if (PQntuples(result) != 1 || PQgetisnull(result, 0, 1) ||
	    PQgetlength(result, 0, 1) != 8)
		errx(1, "a due lane gave no item");
	settle(PQgetvalue(result, 0, 1), claim);
	free(claim);
	run.claimed++;
	claim_next();
}

static void
claim_next(void)
{
	struct db_parameters parameters;
	const struct lane *lane;
	uint8_t *claim;

	if (run.claimed == run.most) {
		event_base_loopbreak(run.base);
		return;
	}
	if (run.lane_next == run.lane_count) {
		look();
		return;
	}
	lane = &run.lanes[run.lane_next++];
	claim = malloc(UUID_SIZE);
	if (claim == NULL)
		errx(1, "out of memory");
	uuid_new(claim);
	run.started = seconds_now();
	db_parameters_init(&parameters);
	db_add_uuid(&parameters, lane->server);
	db_add_integer(&parameters, (int64_t)lane->priority);
	db_add_uuid(&parameters, claim);
	db_add_uuid(&parameters, run.worker);
	db_add_integer(&parameters, LEASE_MS);
	db_add_text(&parameters, "t");	/* nothing claimed before */
	db_add_integer(&parameters, 1); /* item */
	db_add_integer(&parameters, 1); /* byte, but for the first item */
	db_add_integer(&parameters, 86400000); /* ms: longest delay */
	db_add_integer(&parameters, 0);	       /* from the lane's start */
	db_call(run.db, CALL_CLAIM, &parameters, on_claimed, claim);
	db_parameters_free(&parameters);
}

static void
on_looked(PGresult *result, const char *sqlstate, void *argument)
{
	size_t i;

	(void)argument;
	answered(result, sqlstate);
	run.lane_next = 0;
	run.lane_count = (size_t)PQntuples(result);
	free(run.lanes);
	run.lanes = calloc(run.lane_count + 1, sizeof(*run.lanes));
	if (run.lanes == NULL)
		errx(1, "out of memory");
	for (i = 0; i < run.lane_count; i++) {
		memcpy(run.lanes[i].server, PQgetvalue(result, (int)i, 0),
		    UUID_SIZE);
		memcpy(&run.lanes[i].priority, PQgetvalue(result, (int)i, 1),
		    sizeof(run.lanes[i].priority));
		run.lanes[i].priority = ntohl(run.lanes[i].priority);
	}
	if (run.lane_count == 0)
		event_base_loopbreak(run.base);
	else
		claim_next();
}

static void
look(void)
{
	struct db_parameters parameters;

	run.started = seconds_now();
	db_parameters_init(&parameters);
	db_call(run.db, CALL_WORK, &parameters, on_looked, NULL);
}

static void
on_up(void *argument)
{
	(void)argument;
	look();
}

static void
on_down(void *argument)
{
	(void)argument;
	errx(1, "database: %s", db_reason(run.db));
}

static void
on_notify(const char *channel, void *argument)
{
	(void)channel;
	(void)argument;
}

static void
settling_open(const char *conninfo)
{
	static const char sql[] =
	    "WITH l AS (DELETE FROM federation.leases"
	    " WHERE claim_id = $2::uuid)"
	    " UPDATE federation.federated_message_queue"
	    " SET status = 'delivered', delivered_at = now()"
	    " WHERE id = $1::bigint";
	PGresult *result;

	run.settling = PQconnectdb(conninfo);
	result = PQprepare(run.settling, "settle", sql, 0, NULL);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		errx(1, "prepare: %s", PQerrorMessage(run.settling));
	PQclear(result);
}

int
main(int argc, char *argv[])
{
	static const struct db_handlers handlers = {on_up, on_down, on_notify};
	static const char *const channels[] = {NULL};

	if (argc != 3 ||
	    decimal_parse(&run.most, argv[2], strlen(argv[2]), 100000000) == -1)
		errx(64, "usage: claims CONNINFO MOST");
	log_init("claims", LOG_FORM_PLAIN, LOG_LEVEL_WARNING);
	if (ed_init() == -1)
		errx(1, "libsodium cannot be used");
	uuid_new(run.worker);
	settling_open(argv[1]);
	calls[CALL_WORK] = statements[SQL_LANES];
	calls[CALL_CLAIM] = statements[SQL_CLAIM];
	run.base = event_base_new();
	if (run.base == NULL)
		errx(1, "out of memory");
	run.db = db_new(
	    run.base, argv[1], calls, 2, channels, true, &handlers, NULL);
	event_base_dispatch(run.base);
	printf("%llu\t%.6f\n", (unsigned long long)run.claimed, run.seconds);
	db_free(run.db);
	PQfinish(run.settling);
	event_base_free(run.base);
	free(run.lanes);
	return 0;
}
