/* SPDX-License-Identifier: ISC */
/* What nobody needs any more; see upkeep.h. */
#include <stdlib.h>

#include "base/log.h"
#include "db/statements.h"
#include "db/upkeep.h"
#include "env.h"

#define FIRST_MS    1000
#define SHORTEST_MS 5000  /* between two turns, as short as what is kept */
#define LONGEST_MS  60000 /* or as long as this */
#define PORTION	    1000  /* rows of a kind in one statement: some 20 ms */
#define PAUSE_MS    200	  /* before the next portion */

static struct event *timer;

static void
timer_set(int64_t delay_ms)
{
	struct timeval tv = {delay_ms / 1000, delay_ms % 1000 * 1000};

	evtimer_add(timer, &tv);
}

static int64_t
turn_ms(void)
{
	int64_t receipts = env.settings.receipts_s,
		payloads = env.settings.payloads_s,
		shorter = receipts < payloads ? receipts : payloads;

	if (shorter * 1000 < SHORTEST_MS)
		return SHORTEST_MS;
	return shorter * 1000 < LONGEST_MS ? shorter * 1000 : LONGEST_MS;
}

static void
pruned(PGresult *result, const char *sqlstate, void *argument)
{
	bool more = result != NULL && PQntuples(result) == 1 &&
		    PQgetvalue(result, 0, 0)[0] == '1';

	(void)argument;
	if (result == NULL)
		log_warning("prune failed sqlstate=%s", sqlstate);
	timer_set(more ? PAUSE_MS : turn_ms());
}

static void
timer_fire(evutil_socket_t fd, short what, void *argument)
{
	struct db_parameters parameters;

	(void)fd;
	(void)what;
	(void)argument;
	if (!env.registered || db_state(env.db) != DB_UP) {
		timer_set(FIRST_MS);
		return;
	}
	db_parameters_init(&parameters);
	db_add_uuid(&parameters, env.incarnation);
	db_add_integer(&parameters, env.settings.receipts_s);
	db_add_integer(&parameters, env.settings.payloads_s);
	db_add_integer(&parameters, PORTION);
	db_call(env.db, SQL_PRUNE, &parameters, pruned, NULL);
	db_parameters_free(&parameters);
}

void
upkeep_init(void)
{
	timer = evtimer_new(env.base, timer_fire, NULL);
	if (timer == NULL)
		fatal("out of memory");
	timer_set(FIRST_MS);
}
