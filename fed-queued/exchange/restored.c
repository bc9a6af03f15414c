/* SPDX-License-Identifier: ISC */
/*
 * A database that is older than the signer's log has forgotten what we signed:
 * nothing is signed again under numbers that were given away before.
 */
#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "exchange/restored.h"
#include "exchange/signing.h"
#include "room/room_restore.h"

static restored_callback callback;

static void
begun(PGresult *result, const char *sqlstate, void *argument)
{
	(void)argument;
	if (result == NULL)
		log_warning("new epoch failed sqlstate=%s", sqlstate);
	else
		log_error("restored by=log");
	callback(result != NULL, true);
}

/* Columns: mark, epoch, epoch_seen; no row before the first start. */
static void
told(PGresult *result, const char *sqlstate, void *argument)
{
	struct db_parameters parameters;
	int64_t committed, present, next;

	(void)argument;
	if (result == NULL) {
		log_warning("mark unknown sqlstate=%s", sqlstate);
		callback(false, false);
		return;
	}
	committed = PQntuples(result) == 0 ? 0 : row_integer(result, 0, 0);
	if (PQntuples(result) == 0 ||
	    !room_restored(signing_marked(), committed)) {
		callback(true, false);
		return;
	}
	present = row_integer(result, 0, 1);
	next = room_epoch_next(present, row_integer(result, 0, 2), clock_now());
	if (next == 0)
		fatal("restored error=\"no epoch is left\"");
	db_parameters_init(&parameters);
	db_add_text(&parameters, "t");
	db_add_integer(&parameters, present);
	db_add_integer(&parameters, next);
	db_add_integer(
	    &parameters, room_mark_next(signing_marked(), committed));
	db_add_integer(&parameters, ROOM_CLAIM_S);
	db_call(env.db, SQL_SYNC_BEHIND, &parameters, begun, NULL);
	db_parameters_free(&parameters);
}

void
restored_check(restored_callback done)
{
	struct db_parameters parameters;

	callback = done;
	db_parameters_init(&parameters);
	db_add_integer(&parameters, clock_now() + ROOM_EPOCH_AHEAD_S);
	db_call(env.db, SQL_SELF_MARK, &parameters, told, NULL);
	db_parameters_free(&parameters);
}
