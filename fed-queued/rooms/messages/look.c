/* SPDX-License-Identifier: ISC */
/* In which rooms messages wait; see look.h. */
#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "room/room_message.h"
#include "rooms/messages/judge.h"
#include "rooms/messages/look.h"
#include "rooms/messages/number.h"
#include "rooms/values.h"

static struct {
	bool running;
	bool again; /* it was asked for while it ran */
} search;

/* Columns: room, whether messages of ours have no place yet. */
static void
search_row(PGresult *result, int row)
{
	struct room_id room;

	values_room_read(&room, result, row, 0);
	if (row_bool(result, row, 1))
		messages_number(&room);
	else
		messages_judge(&room);
}

static void
search_done(PGresult *result, const char *sqlstate, void *argument)
{
	int row;

	(void)argument;
	search.running = false;
	if (result == NULL) {
		log_warning("room-look failed sqlstate=%s", sqlstate);
		return;
	}
	for (row = 0; row < PQntuples(result); row++)
		search_row(result, row);
	if (search.again)
		messages_look();
}

void
messages_look(void)
{
	struct db_parameters parameters;

	search.again = search.running;
	if (search.running)
		return;
	search.running = true;
	db_parameters_init(&parameters);
	db_add_integer(&parameters, ROOM_HOLD_S);
	db_call(env.db, SQL_ROOM_MESSAGES_WORK, &parameters, search_done, NULL);
	db_parameters_free(&parameters);
}

void
messages_state_changed(const struct room_id *room, enum room_kind kind)
{
	messages_judge(room);
	/* Messages of a member that is new have waited for it. */
	if (kind == ROOM_CREATE || kind == ROOM_JOIN)
		messages_look();
}
