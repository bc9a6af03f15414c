/* SPDX-License-Identifier: ISC */
/* Rooms as fedctl shows them. */
#include "control/query.h"
#include "control/show_rooms.h"

static void
rooms_done(PGresult *result, const char *sqlstate, void *argument)
{
	struct query *query = argument;
	struct msg_control_row row;
	int i;

	(void)sqlstate;
	if (result == NULL) {
		query_end(query, CODE_DATABASE, NULL);
		return;
	}
	for (i = 0; i < PQntuples(result); i++) {
		control_row_init(&row, "room");
		control_add_string(&row, "room", row_string(result, i, 0));
		control_add_string(&row, "state", row_string(result, i, 1));
		control_add_integer(&row, "number", row_integer(result, i, 2));
		control_add_integer(&row, "members", row_integer(result, i, 3));
		control_add_integer(&row, "servers", row_integer(result, i, 4));
		control_add_string(&row, "trust", row_string(result, i, 5));
		control_add_string(&row, "heard", row_string(result, i, 6));
		control_add_boolean(&row, "silent", row_bool(result, i, 7));
		control_row(query->client, &row);
	}
	query_end(query, CODE_OK, NULL);
}

void
show_rooms(struct control_client *client, const struct msg_control *message)
{
	const char *limit = query_limit(message->arguments[0]);
	struct db_parameters parameters;

	if (limit == NULL) {
		control_end(client, CODE_LIMIT, NULL);
		return;
	}
	db_parameters_init(&parameters);
	db_add_text(&parameters, limit);
	query_ask_with(
	    query_new(client), SQL_ROOM_LIST, &parameters, rooms_done);
}
