/* SPDX-License-Identifier: ISC */
/* How full the inbox is; see inbox.h. */
#include <stdlib.h>

#include "commit.h"
#include "inbox.h"
#include "log.h"
#include "queued.h"
#include "statements.h"

#define REST 10 /* times as long as a count took, before the next */

static uint64_t counted; /* when it was last counted */
static uint64_t stored;	 /* since then */
static bool counting;
static int64_t next_ms; /* when it may be counted again */
static bool full;

uint64_t
inbox_messages(void)
{
	return counted + stored;
}

size_t
inbox_room(void)
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
	inbox_look();
}

static void
count_done(PGresult *result, const char *sqlstate, void *argument)
{
	int64_t *started_ms = argument, now_ms = clock_ms();

	counting = false;
	next_ms = now_ms + REST * (now_ms - *started_ms);
	if (result == NULL) {
		log_warning("inbox-count failed sqlstate=%s", sqlstate);
		return;
	}
	counted = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
	inbox_look();
}

/*
 * What is stored from here on is counted beside; of what is being committed
 * now some may be counted twice, until the next time.
 */
void
inbox_count(void)
{
	static int64_t started_ms;
	struct db_parameters parameters;

	if (counting || db_state(env.db) != DB_UP)
		return;
	counting = true;
	started_ms = clock_ms();
	counted += stored;
	stored = 0;
	db_parameters_init(&parameters);
	db_add_integer(&parameters, env.settings.inbox_messages);
	db_call(env.db, SQL_INBOX, &parameters, count_done, &started_ms);
	db_parameters_free(&parameters);
}

void
inbox_sweep(void)
{
	if (inbox_messages() > 0 && clock_ms() >= next_ms)
		inbox_count();
}
