/* SPDX-License-Identifier: ISC */
/*
 * Which lanes have items. A whole look costs an index probe for each lane,
 * whatever their length, and follows every doorbell while there are few lanes.
 * With many it is rationed to a small part of the time, and in between only
 * what is new is looked at: rows behind the highest id seen, less a margin for
 * transactions that commit late. What slips through that is found by the next
 * whole look: the first one that the ration allows.
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
	lanes_found found;
	void (*done)(void);
	int lanes; /* of the last whole look */
	int64_t began_ms;
	int64_t next_ms; /* when the next whole look may be */
	int64_t highest; /* id seen */
} look;

/* Columns: server, lane, its highest id, or ms until it is due, and the highest
 * id there is. */
static void
look_row(PGresult *result, int row)
{
	struct peer *peer;
	uint8_t id[16];
	int64_t lane = row_integer(result, row, 1);
	int64_t highest = row_integer(result, row, 2);

	row_uuid(id, result, row, 0);
	if (row_integer(result, row, 4) > look.highest)
		look.highest = row_integer(result, row, 4);
	peer = peer_table_find_id(id);
	if (peer != NULL && lane >= 1 && lane <= LANES)
		look.found(peer, (int)lane, highest,
		    row_null(result, row, 3) ? -1
					     : row_integer(result, row, 3));
}

static void look_call(void);

static void
look_done(PGresult *result, const char *sqlstate, void *argument)
{
	int64_t now = clock_ms();
	int row;

	(void)argument;
	if (result == NULL)
		log_warning("queue-look failed sqlstate=%s", sqlstate);
	for (row = 0; result != NULL && row < PQntuples(result); row++)
		look_row(result, row);
	if (result != NULL && look.whole) {
		look.lanes = PQntuples(result);
		look.next_ms = now + RATION * (now - look.began_ms);
	}
	look.running = false;
	look.done();
	if (look.again && result != NULL) {
		look.again = false;
		look_call();
	}
}

static void
look_call(void)
{
	struct db_parameters parameters;

	look.running = true;
	look.began_ms = clock_ms();
	look.whole = look.lanes <= FEW_LANES || look.began_ms >= look.next_ms;
	db_parameters_init(&parameters);
	if (!look.whole)
		db_add_integer(&parameters, look.highest - MARGIN);
	db_call(env.db, look.whole ? SQL_LANES : SQL_LANES_NEW, &parameters,
	    look_done, NULL);
}

void
lanes_find(lanes_found found, void (*done)(void))
{
	look.found = found;
	look.done = done;
	if (look.running) {
		look.again = true;
		return;
	}
	look.again = false;
	look_call();
}
