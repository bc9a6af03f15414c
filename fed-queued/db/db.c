/* SPDX-License-Identifier: ISC */
/*
 * The database, asynchronously: calls, their results in order, notifications.
 *
 * libpq is in pipeline mode all the time. Behind each statement goes a Sync,
 * so that each is its own implicit transaction: an error ends that one alone,
 * and only the answer to the Sync says that it is committed. Until then its
 * result is kept, and an error that comes after it (a constraint checked at
 * commit) takes its place.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/db_internal.h"
#include "events/timer.h"
#include "events/watch.h"

#define ANSWER_TIMEOUT_MS 30000

static void
db_timer(evutil_socket_t fd, short what, void *argument)
{
	struct db *db = argument;

	(void)fd;
	(void)what;
	if (db->connection == NULL) {
		db_connect_start(db);
		return;
	}
	db_connect_fail(db, db->state == DB_UP ? "no answer for half a minute"
					       : "time-out while connecting");
}

/*
 * For the call at the head of the queue. After a write that failed for lack of
 * memory libpq drops all that we send, without a word, and waits for answers.
 */
static void
answer_await(struct db *db)
{
	if (db->state != DB_UP || db->failing)
		return;
	if (TAILQ_EMPTY(&db->calls))
		evtimer_del(db->timer);
	else
		timer_arm(db->timer, ANSWER_TIMEOUT_MS);
}

struct db *
db_new(struct event_base *base, const char *conninfo,
    const struct db_statement *statements, size_t count,
    const char *const *channels, bool durability_check,
    const struct db_handlers *handlers, void *argument)
{
	struct db *db = xcalloc(1, sizeof(*db));

	/* Else libpq looks for the user's home in the account database. */
	setenv("HOME", "/", 0);
	TAILQ_INIT(&db->calls);
	db->base = base;
	db->statements = statements;
	db->count = count;
	db->channels = channels;
	db->durability_check = durability_check;
	db->handlers = *handlers;
	db->argument = argument;
	db->state = DB_CONNECTING;
	db->backoff_ms = DB_BACKOFF_FIRST_MS;
	snprintf(db->reason, sizeof(db->reason), "connecting");
	db->conninfo = db_conninfo_new(conninfo);
	db->later = xpointer(event_new(base, -1, 0, db_later, db));
	db->timer = timer_new(base, db_timer, db);
	if (db->conninfo == NULL) {
		db_free(db);
		return NULL;
	}
	db_connect_start(db);
	return db;
}

void
db_free(struct db *db)
{
	if (db == NULL)
		return;
	db->handlers = (struct db_handlers){NULL, NULL, NULL};
	memcpy(db->logged, db->reason, sizeof(db->logged));
	if (db->connection != NULL)
		db_connect_drop(db);
	db_conninfo_free(db->conninfo);
	free(db->type_oids);
	event_free(db->later);
	event_free(db->timer);
	free(db);
}

enum db_state
db_state(const struct db *db)
{
	/* A connection that is about to be dropped takes no calls. */
	if (db->state == DB_UP && db->failing)
		return DB_CONNECTING;
	return db->state;
}

const char *
db_reason(const struct db *db)
{
	return db->reason;
}

size_t
db_pending(const struct db *db)
{
	return db->pending;
}

void
db_enqueue(struct db *db, int sent, db_callback callback, void *argument)
{
	struct call *call = xcalloc(1, sizeof(*call));

	call->callback = callback;
	call->argument = argument;
	TAILQ_INSERT_TAIL(&db->calls, call, entry);
	if (db->pending++ == 0)
		answer_await(db);
#ifdef LIBPQ_HAS_SEND_PIPELINE_SYNC /* which leaves flushing to us */
	sent = sent && PQsendPipelineSync(db->connection);
#else
	sent = sent && PQpipelineSync(db->connection);
#endif
	if (!sent)
		db_connect_fail(db, PQerrorMessage(db->connection));
	else if (!event_pending(db->writable, EV_WRITE, NULL))
		event_active(db->later, EV_TIMEOUT, 0);
}

void
db_call(struct db *db, size_t index, const struct db_parameters *parameters,
    db_callback callback, void *argument)
{
	const struct db_statement *statement;

	if (index >= db->count)
		fatal("database statement unknown index=%zu", index);
	if (db_state(db) != DB_UP) {
		callback(NULL, "", argument);
		return;
	}
	statement = &db->statements[index];
	db_enqueue(db,
	    PQsendQueryPrepared(db->connection, statement->name,
		parameters->count, parameters->values, parameters->lengths,
		parameters->formats, statement->binary),
	    callback, argument);
}

static bool
result_good(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

/* The head of the queue is committed, or failed alone. */
static void
call_finish(struct db *db)
{
	struct call *call = TAILQ_FIRST(&db->calls);
	const char *sqlstate = NULL;
	bool good = result_good(call->result);

	TAILQ_REMOVE(&db->calls, call, entry);
	db->pending--;
	answer_await(db);
	if (!good) {
		sqlstate = PQresultErrorField(call->result, PG_DIAG_SQLSTATE);
		if (sqlstate == NULL)
			sqlstate = "XX000"; /* libpq's own: answers are odd */
		/* A standby took over our connection: find the primary. */
		if (strcmp(sqlstate, "25006") == 0)
			db_connect_fail(db, "database is read-only");
	}
	call->callback(
	    good ? call->result : NULL, good ? "" : sqlstate, call->argument);
	PQclear(call->result);
	free(call);
}

static void
call_result(struct db *db, PGresult *result)
{
	struct call *call = TAILQ_FIRST(&db->calls);

	if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
		PQclear(result);
		call_finish(db);
		return;
	}
	/* The first error stays, and replaces a result. */
	if (call->result != NULL && !result_good(call->result)) {
		PQclear(result);
		return;
	}
	PQclear(call->result);
	call->result = result;
}

static void
db_results(struct db *db)
{
	PGresult *result;
	bool separator = false;

	while (!db->failing && !TAILQ_EMPTY(&db->calls) &&
	       !PQisBusy(db->connection)) {
		result = PQgetResult(db->connection);
		if (result != NULL) {
			separator = false;
			call_result(db, result);
			continue;
		}
		/* One NULL stands between the results of two statements. */
		if (separator)
			db_connect_fail(db, "results are out of step");
		separator = true;
	}
}

static void
db_notifications(struct db *db)
{
	PGnotify *notify;

	while (!db->failing && (notify = PQnotifies(db->connection)) != NULL) {
		if (db->state == DB_UP && db->handlers.on_notify != NULL)
			db->handlers.on_notify(notify->relname, db->argument);
		PQfreemem(notify);
	}
}

/*
 * A flush that the socket takes no more of reads what has arrived, and nothing
 * tells us of that again: so answers are looked at behind each.
 */
static void
db_flush(struct db *db)
{
	int rest = PQflush(db->connection);

	if (rest == -1)
		db_connect_fail(db, PQerrorMessage(db->connection));
	else if (rest == 1)
		watch_start(db->writable);
	if (rest != -1) {
		db_results(db);
		db_notifications(db);
	}
}

void
db_readable(evutil_socket_t fd, short what, void *argument)
{
	struct db *db = argument;

	(void)fd;
	(void)what;
	if (PQconsumeInput(db->connection) == 0) {
		/* What came before the end still counts. */
		db_results(db);
		db_connect_fail(db, PQerrorMessage(db->connection));
	} else
		db_flush(db);
	if (db->failing)
		db_connect_drop(db);
}

void
db_writable(evutil_socket_t fd, short what, void *argument)
{
	struct db *db = argument;

	(void)fd;
	(void)what;
	db_flush(db);
	if (db->failing)
		db_connect_drop(db);
}

void
db_later(evutil_socket_t fd, short what, void *argument)
{
	struct db *db = argument;

	(void)fd;
	(void)what;
	if (db->connection == NULL)
		return;
	if (!db->failing && db->writable != NULL)
		db_flush(db);
	if (db->failing)
		db_connect_drop(db);
}
