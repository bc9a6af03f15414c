/* SPDX-License-Identifier: ISC */
/* In which rooms messages wait for us; see look.h. */
#include <string.h>

#include "base/log.h"
#include "db/statements.h"
#include "env.h"
#include "room/room_message.h"
#include "rooms/messages/look.h"
#include "rooms/messages/number.h"
#include "rooms/room_row.h"

static struct {
	bool running;
	bool again;
} work;

/* Columns: room, whether messages of ours have no place yet. */
static void
work_row(PGresult *result, int row)
{
	struct room_id room;

	if (room_id_parse(&room, PQgetvalue(result, row, 0),
		(size_t)PQgetlength(result, row, 0)) != CODE_OK)
		fatal("database sent a malformed room");
	if (row_bool(result, row, 1))
		messages_number(&room);
	else
		messages_judge(&room);
}

static void
work_done(PGresult *result, const char *sqlstate, void *argument)
{
	int row;

	(void)argument;
	work.running = false;
	if (result == NULL) {
		log_warning("room-work failed sqlstate=%s", sqlstate);
		return;
	}
	for (row = 0; row < PQntuples(result); row++)
		work_row(result, row);
	if (work.again)
		messages_look();
}

void
messages_look(void)
{
	struct db_parameters parameters;

	work.again = work.running;
	if (work.running)
		return;
	work.running = true;
	db_parameters_init(&parameters);
	db_add_integer(&parameters, ROOM_HOLD_S);
	db_call(env.db, SQL_ROOM_MESSAGES_WORK, &parameters, work_done, NULL);
	db_parameters_free(&parameters);
}
