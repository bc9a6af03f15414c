/* SPDX-License-Identifier: ISC */
/*
 * One connection after the other: making it without blocking, giving up on
 * it, and waiting a little longer after each failure before the next.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/db_internal.h"
#include "events/timer.h"
#include "events/watch.h"

#define BACKOFF_LAST_MS	   5000
#define REFUSED_MS	   5000
#define CONNECT_TIMEOUT_MS 10000 /* for each host of the connection string */

static void connect_poll(struct db *);

/* The first line of libpq's text, without the line feed. */
static void
reason_set(struct db *db, const char *text)
{
	snprintf(db->reason, sizeof(db->reason), "%.*s",
	    (int)strcspn(text, "\n"), text);
}

/* Once for each reason, however often it comes in a row. */
static void
reason_log(struct db *db)
{
	char quoted[2 * DB_REASON_SIZE];

	if (strcmp(db->logged, db->reason) == 0)
		return;
	memcpy(db->logged, db->reason, sizeof(db->logged));
	log_quote(quoted, sizeof(quoted), db->reason, strlen(db->reason));
	if (db->state == DB_REFUSED)
		log_error("database refused reason=%s", quoted);
	else
		log_warning("database down reason=%s", quoted);
}

void
db_connect_fail(struct db *db, const char *reason)
{
	if (db->failing)
		return;
	db->failing = true;
	if (db->state == DB_REFUSED)
		db->state = DB_CONNECTING;
	reason_set(db, reason);
	/* libpq may have closed its socket, and the number be reused. */
	if (db->readable != NULL)
		event_del(db->readable);
	if (db->writable != NULL)
		event_del(db->writable);
	event_active(db->later, EV_TIMEOUT, 0);
}

void
db_connect_refuse(struct db *db, const char *reason)
{
	if (db->failing)
		return;
	db_connect_fail(db, reason);
	db->state = DB_REFUSED;
}

static void
calls_fail(struct db *db)
{
	struct call_queue lost = TAILQ_HEAD_INITIALIZER(lost);
	struct call *call;

	TAILQ_CONCAT(&lost, &db->calls, entry);
	db->pending = 0;
	while ((call = TAILQ_FIRST(&lost)) != NULL) {
		TAILQ_REMOVE(&lost, call, entry);
		PQclear(call->result);
		call->callback(NULL, "", call->argument);
		free(call);
	}
}

void
db_connect_drop(struct db *db)
{
	bool was_up = db->state == DB_UP;

	if (db->readable != NULL)
		event_free(db->readable);
	if (db->writable != NULL)
		event_free(db->writable);
	db->readable = db->writable = NULL;
	PQfinish(db->connection);
	db->connection = NULL;
	db->failing = false;
	if (db->state != DB_REFUSED)
		db->state = DB_CONNECTING;
	reason_log(db);
	if (db->state == DB_REFUSED) {
		timer_arm(db->timer, REFUSED_MS);
	} else {
		timer_arm(db->timer, db->backoff_ms);
		db->backoff_ms *= 2;
		if (db->backoff_ms > BACKOFF_LAST_MS)
			db->backoff_ms = BACKOFF_LAST_MS;
	}
	calls_fail(db);
	if (was_up && db->handlers.on_down != NULL)
		db->handlers.on_down(db->argument);
}

/* Statements and answers come with notices; nobody reads them. */
static void
notice_ignore(void *argument, const PGresult *result)
{
	(void)argument;
	(void)result;
}

static void
connect_made(struct db *db)
{
	int fd = PQsocket(db->connection);

	if (db->readable != NULL)
		event_free(db->readable);
	db->readable = xpointer(
	    event_new(db->base, fd, EV_READ | EV_PERSIST, db_readable, db));
	db->writable =
	    xpointer(event_new(db->base, fd, EV_WRITE, db_writable, db));
	watch_start(db->readable);
	if (PQsetnonblocking(db->connection, 1) == -1 ||
	    PQenterPipelineMode(db->connection) == 0)
		db_connect_fail(db, PQerrorMessage(db->connection));
	else
		db_setup_start(db);
}

static void
connect_event(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	connect_poll(argument);
}

/* libpq may change its socket between two steps: an event for each step. */
static void
connect_wait(struct db *db, short what)
{
	if (db->readable != NULL)
		event_free(db->readable);
	db->readable = xpointer(event_new(
	    db->base, PQsocket(db->connection), what, connect_event, db));
	watch_start(db->readable);
}

static void
connect_poll(struct db *db)
{
	switch (PQconnectPoll(db->connection)) {
	case PGRES_POLLING_READING:
		connect_wait(db, EV_READ);
		break;
	case PGRES_POLLING_WRITING:
		connect_wait(db, EV_WRITE);
		break;
	case PGRES_POLLING_OK:
		connect_made(db);
		break;
	default:
		db_connect_fail(db, PQerrorMessage(db->connection));
		break;
	}
}

void
db_connect_start(struct db *db)
{
	db->connection = xpointer(
	    PQconnectStartParams((const char *const *)db->conninfo->keywords,
		(const char *const *)db->conninfo->values, 0));
	PQsetNoticeReceiver(db->connection, notice_ignore, NULL);
	timer_arm(db->timer, (int64_t)db->conninfo->hosts * CONNECT_TIMEOUT_MS);
	if (PQstatus(db->connection) == CONNECTION_BAD)
		db_connect_fail(db, PQerrorMessage(db->connection));
	else
		connect_wait(db, EV_WRITE);
}
