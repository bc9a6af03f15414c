/* SPDX-License-Identifier: ISC */
/* How full the inbox is; see inbox.h. */
#include <stdlib.h>

#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "events/timer.h"
#include "inbound/commit.h"
#include "inbound/inbox.h"

#define PORTION 10000 /* rows in one statement, at most: some 20 ms */
#define REST	10    /* times as long as a portion took, before the next */

/* As last counted, and stored since that count began. */
static uint64_t counted, stored;
static bool full;

/* The count under way. */
static struct {
	bool running;
	uint64_t sum;	    /* so far */
	uint64_t stored;    /* since it began */
	int64_t after;	    /* inbox_id of the last row, counted or gone */
	int64_t newest;	    /* when it began; -1 not known yet */
	int64_t started_ms; /* of the portion */
	struct event *next;
} count;

static uint64_t
larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint64_t
inbox_messages(void)
{
	uint64_t now = count.running ? count.sum + count.stored : 0;

	return larger(counted + stored, now);
}

size_t
inbox_space(void)
{
	uint64_t used = inbox_messages() + commit_pending();
	uint64_t maximum = (uint64_t)env.settings.inbox_messages;

	return used < maximum ? maximum - used : 0;
}

/* Told once when it fills, and once when it has room again. */
static void
inbox_look(void)
{
	bool now = inbox_messages() >= (uint64_t)env.settings.inbox_messages;

	if (now == full)
		return;
	full = now;
	if (full)
		log_warning("inbox full messages=%llu",
		    (unsigned long long)inbox_messages());
	else
		log_info("inbox has room messages=%llu",
		    (unsigned long long)inbox_messages());
}

void
inbox_stored(void)
{
	stored++;
	count.stored++;
	inbox_look();
}

static void
count_end(void)
{
	count.running = false;
	counted = count.sum;
	stored = count.stored;
	inbox_look();
}

static void
portion_next(void)
{
	int64_t rest_ms = REST * (clock_ms() - count.started_ms);

	timer_arm(count.next, rest_ms);
}

/* Columns: rows, where the next begin, the newest of all. */
static void
portion_done(PGresult *result, const char *sqlstate, void *argument)
{
	(void)argument;
	if (result == NULL) {
		log_warning("inbox-count failed sqlstate=%s", sqlstate);
		count.running = false;
		return;
	}
	count.sum += (uint64_t)row_integer(result, 0, 0);
	count.after = row_integer(result, 0, 1);
	if (count.newest == -1) {
		/*
		 * Results come in the order of the statements: what was told
		 * to be stored until now is in what was counted, what will be
		 * is newer than the newest.
		 */
		count.newest = row_integer(result, 0, 2);
		count.stored = 0;
	}
	if (count.after == -1 || count.after >= count.newest ||
	    count.sum >= (uint64_t)env.settings.inbox_messages)
		count_end();
	else
		portion_next();
}

static void
portion_ask(void)
{
	struct db_parameters parameters;
	int64_t last = count.after + PORTION;

	if (count.newest != -1 && count.newest < last)
		last = count.newest;
	count.started_ms = clock_ms();
	db_parameters_init(&parameters);
	db_add_integer(&parameters, count.after);
	db_add_integer(&parameters, last);
	db_call(env.db, SQL_INBOX, &parameters, portion_done, NULL);
	db_parameters_free(&parameters);
}

static void
next_fire(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	(void)argument;
	portion_ask();
}

void
inbox_count(void)
{
	if (count.running || db_state(env.db) != DB_UP)
		return;
	count.running = true;
	count.sum = count.stored = 0;
	count.after = 0;
	count.newest = -1;
	portion_ask();
}

void
inbox_sweep(void)
{
	if (inbox_messages() > 0)
		inbox_count();
}

void
inbox_init(void)
{
	count.next = timer_new(env.base, next_fire, NULL);
}
