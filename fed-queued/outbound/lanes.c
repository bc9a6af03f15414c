/* SPDX-License-Identifier: ISC */
/*
 * Which lanes have items. A whole look costs an index probe for each lane,
 * whatever their length, and follows every doorbell while there are few lanes.
 * With many it is rationed to a small part of the time, and in between only
 * what is new is looked at: rows behind the highest id seen, less a margin for
 * transactions that commit late. What slips through that is found by the next
 * whole look, at the latest by the sweep.
 */
#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "outbound/lanes.h"
#include "servers/peer_table.h"

#define FEW_LANES 256
#define RATION	  20   /* one part in so many of the time */
#define MARGIN	  1000 /* ids */

static struct {
	bool running;
	bool again;
	bool whole; /* the look under way */
	void (*found)(struct peer *, int);
	void (*done)(void);
	int lanes; /* of the last whole look */
	int64_t began_ms;
	int64_t next_ms; /* when the next whole look may be */
	int64_t highest; /* id seen */
} work;

/* Columns: server, lane, highest id. */
static void
work_row(PGresult *result, int row)
{
	struct peer *peer;
	uint8_t id[16];
	int64_t lane = row_integer(result, row, 1);
	int64_t highest = row_integer(result, row, 2);

	row_uuid(id, result, row, 0);
	if (highest > work.highest)
		work.highest = highest;
	peer = peer_table_find_id(id);
	if (peer != NULL && lane >= 1 && lane <= LANES)
		work.found(peer, (int)lane);
}

static void work_call(bool whole);

static void
work_done(PGresult *result, const char *sqlstate, void *argument)
{
	int64_t now = clock_ms();
	int row;

	(void)argument;
	if (result == NULL)
		log_warning("queue-look failed sqlstate=%s", sqlstate);
	for (row = 0; result != NULL && row < PQntuples(result); row++)
		work_row(result, row);
	if (result != NULL && work.whole) {
		work.lanes = PQntuples(result);
		work.next_ms = now + RATION * (now - work.began_ms);
	}
	work.running = false;
	work.done();
	if (work.again && result != NULL) {
		work.again = false;
		work_call(false);
	}
}

static void
work_call(bool whole)
{
	struct db_parameters parameters;

	work.running = true;
	work.began_ms = clock_ms();
	work.whole =
	    whole || work.lanes <= FEW_LANES || work.began_ms >= work.next_ms;
	db_parameters_init(&parameters);
	if (!work.whole)
		db_add_integer(&parameters, work.highest - MARGIN);
	db_call(env.db, work.whole ? SQL_WORK : SQL_WORK_NEW, &parameters,
	    work_done, NULL);
}

void
lanes_find(void (*found)(struct peer *, int lane), void (*done)(void))
{
	work.found = found;
	work.done = done;
	if (work.running) {
		work.again = true;
		return;
	}
	work.again = false;
	work_call(false);
}
