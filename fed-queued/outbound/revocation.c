/* SPDX-License-Identifier: ISC */
/* Our revocations, told to others; see revocation.h. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/tree.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "outbound/destination.h"
#include "outbound/handshake_out.h"
#include "outbound/health.h"
#include "outbound/revocation.h"
#include "outbound/schedule.h"
#include "servers/peer_table.h"

#define UNDER_WAY_MAX 8 /* servers that are being told; the others wait */

struct telling {
	TAILQ_ENTRY(telling) entry;
	struct peer *peer; /* referenced */
	int64_t began_ms;
};

static TAILQ_HEAD(, telling) waiting = TAILQ_HEAD_INITIALIZER(waiting);
static unsigned int under_way;
static bool looking;
static uint64_t done; /* all know this minSerial */

static void tell_next(void);

static void
told(enum code code, const struct ack_result *result, void *argument)
{
	struct telling *telling = argument;
	struct peer *peer = telling->peer;
	char address[LOG_ADDRESS_SIZE];

	log_info("revocation server=%s code=%s",
	    log_address(address, peer->key), code_name(code));
	health_settle(peer, telling->began_ms, code, result);
	schedule_handshake_end(peer);
	free(telling);
	under_way--;
	tell_next();
}

/* It may have been told meanwhile, or have begun to wait. */
static bool
is_wanted(const struct peer *peer)
{
	return peer->present && !peer->paused && peer->trust >= TRUST_UNKNOWN &&
	       !destination_waiting(peer) &&
	       peer->told_serial < env.certificate.min_serial;
}

static void
tell_next(void)
{
	struct telling *telling;

	while (under_way < UNDER_WAY_MAX &&
	       (telling = TAILQ_FIRST(&waiting)) != NULL) {
		TAILQ_REMOVE(&waiting, telling, entry);
		if (schedule_paused() || !is_wanted(telling->peer)) {
			telling->peer->references--;
			free(telling);
			continue;
		}
		telling->began_ms = clock_ms();
		schedule_handshake_begin(telling->peer);
		telling->peer->references--;
		under_way++;
		handshake_ping(telling->peer->key, told, telling);
	}
}

/* Columns: server. */
static void
looked(PGresult *result, const char *sqlstate, void *argument)
{
	struct telling *telling;
	struct peer *peer;
	uint8_t id[16];
	int row;

	(void)argument;
	looking = false;
	if (result == NULL) {
		log_warning("revocation-look failed sqlstate=%s", sqlstate);
		return;
	}
	if (PQntuples(result) == 0)
		done = env.certificate.min_serial;
	for (row = 0; row < PQntuples(result); row++) {
		row_uuid(id, result, row, 0);
		peer = peer_table_find_id(id);
		if (peer == NULL || !is_wanted(peer))
			continue;
		telling = xcalloc(1, sizeof(*telling));
		telling->peer = peer;
		peer->references++;
		TAILQ_INSERT_TAIL(&waiting, telling, entry);
	}
	tell_next();
}

void
revocation_doorbell(void)
{
	struct db_parameters parameters;

	if (!env.registered || !env.has_identity || !peer_table_loaded() ||
	    db_state(env.db) != DB_UP || looking || under_way > 0 ||
	    done == env.certificate.min_serial)
		return;
	looking = true;
	db_parameters_init(&parameters);
	db_add_integer(&parameters, (int64_t)env.certificate.serial);
	db_add_integer(&parameters, (int64_t)env.certificate.min_serial);
	db_add_integer(&parameters, TRUST_KNOWN);
	db_call(env.db, SQL_UNTOLD, &parameters, looked, NULL);
	db_parameters_free(&parameters);
}
