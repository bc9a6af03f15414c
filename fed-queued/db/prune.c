/* SPDX-License-Identifier: ISC */
/* What has grown old; see prune.h. */
#include "base/log.h"
#include "db/prune.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "events/timer.h"

#define EXPIRE_MS   600000
#define FIRST_MS    1000
#define SHORTEST_MS 5000  /* between two rounds, as short as what is kept */
#define LONGEST_MS  60000 /* or as long as this */
#define PORTION	    1000  /* rows of a kind in one statement: some 20 ms */
#define PAUSE_MS    200	  /* before the next portion */

static struct event *timer;

static int64_t
round_ms(void)
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
		    row_integer(result, 0, 0) == 1;

	(void)argument;
	if (result == NULL)
		log_warning("prune failed sqlstate=%s", sqlstate);
	timer_arm(timer, more ? PAUSE_MS : round_ms());
}

static void
prune_fire(evutil_socket_t fd, short what, void *argument)
{
	struct db_parameters parameters;

	(void)fd;
	(void)what;
	(void)argument;
	if (!env.registered || db_state(env.db) != DB_UP) {
		timer_arm(timer, FIRST_MS);
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

static void
expired(PGresult *result, const char *sqlstate, void *argument)
{
	(void)argument;
	if (result == NULL)
		log_warning("expire failed sqlstate=%s", sqlstate);
}

static void
expire_fire(evutil_socket_t fd, short what, void *argument)
{
	struct db_parameters parameters;

	(void)fd;
	(void)what;
	(void)argument;
	if (db_state(env.db) != DB_UP)
		return;
	db_parameters_init(&parameters);
	db_add_integer(&parameters, env.settings.lifetime_s);
	db_call(env.db, SQL_EXPIRE, &parameters, expired, NULL);
	db_parameters_free(&parameters);
}

void
prune_init(void)
{
	timer = timer_new(env.base, prune_fire, NULL);
	timer_arm(timer, FIRST_MS);
	(void)timer_every(env.base, EXPIRE_MS, expire_fire, NULL);
}
