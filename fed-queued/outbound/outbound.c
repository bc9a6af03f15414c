/* SPDX-License-Identifier: ISC */
/*
 * What is due gets its turn: messages of a lane by a session, other lanes by
 * whoever registered for them; see outbound.h.
 */
#include <stddef.h>

#include "db/db.h"
#include "env.h"
#include "outbound/destination.h"
#include "outbound/lanes.h"
#include "outbound/outbound.h"
#include "outbound/rouse.h"
#include "outbound/schedule.h"
#include "outbound/session.h"
#include "servers/peer_table.h"

static void (*runners[LANES_ALL + 1])(struct peer *); /* of other lanes */

static void
outbound_run(void)
{
	struct peer *peer;
	int lane;

	if (!env.registered || !env.has_identity || db_state(env.db) != DB_UP)
		return;
	while (schedule_next(&peer, &lane)) {
		if (peer->told_serial < env.certificate.serial) {
			/* certificates are sent before they are needed */
			destination_handshake(peer);
			schedule_done(peer, lane);
		} else if (lane <= LANES) {
			session_run(peer, lane);
		} else {
			runners[lane](peer);
		}
	}
}

void
outbound_register(int lane, void (*runner)(struct peer *))
{
	runners[lane] = runner;
}

void
outbound_done(struct peer *peer, int lane)
{
	schedule_done(peer, lane);
	outbound_run();
}

void
outbound_due(void)
{
	outbound_run();
}

/* A lane that is busy knows what waits in it. */
static void
lane_found(struct peer *peer, int lane, int64_t newest, int64_t due_ms)
{
	if (due_ms < 0)
		schedule_found(peer, lane, newest);
	else if (!peer->lanes[lane].busy)
		schedule_due(peer, lane, due_ms);
}

void
outbound_doorbell(void)
{
	if (env.registered && peer_table_loaded() && db_state(env.db) == DB_UP)
		lanes_find(lane_found, outbound_run);
}

void
outbound_init(void)
{
	schedule_init(&env.settings, outbound_run);
	session_init(outbound_doorbell);
	rouse_init();
}
