/* SPDX-License-Identifier: ISC */
/* What an administrator does with a room; see change_room.h. */
#include <string.h>

#include "base/log.h"
#include "control/change_room.h"
#include "control/query.h"
#include "exchange/restored.h"
#include "room/room_id.h"

static void
adopt_done(PGresult *result, const char *sqlstate, void *argument)
{
	struct query *query = argument;
	char address[LOG_ADDRESS_SIZE];
	struct msg_control_row row;
	enum code code = CODE_DATABASE;

	(void)sqlstate;
	if (result != NULL && PQntuples(result) == 1)
		code = query_code(result, 0, 0);
	if (code != CODE_OK) {
		query_end(query, code, NULL);
		return;
	}
	log_info("administered action=\"room adopt\" id=%.8s server=%s "
		 "by=\"%s\"",
	    query->room_text, log_address(address, query->key),
	    control_actor(query->client));
	control_row_init(&row, "room");
	control_add_string(&row, "room", query->room_text);
	control_add_string(&row, "server", query->address);
	control_row(query->client, &row);
	query_end(query, CODE_OK, NULL);
}

void
change_room_adopt(
    struct control_client *client, const struct msg_control *message)
{
	const char *text = message->arguments[0];
	struct db_parameters parameters;
	struct room_id room;
	struct query *query;
	enum code code = room_id_parse(&room, text, strlen(text));

	if (code != CODE_OK) {
		control_end(client, code, NULL);
		return;
	}
	query = query_server(client, message->arguments[1]);
	if (query == NULL)
		return;
	room_id_format(query->room_text, &room);
	db_parameters_init(&parameters);
	db_add_text(&parameters, query->room_text);
	db_add_text(&parameters, query->address);
	db_add_text(&parameters, control_actor(client));
	query_ask_with(query, SQL_ROOM_ADOPT, &parameters, adopt_done);
}

static void
restored_done(int64_t epoch, void *argument)
{
	struct query *query = argument;
	struct msg_control_row row;

	if (epoch == 0) {
		query_end(query, CODE_DATABASE, NULL);
		return;
	}
	control_row_init(&row, "restored");
	control_add_integer(&row, "epoch", epoch);
	control_row(query->client, &row);
	query_end(query, CODE_OK, NULL);
}

void
change_room_restored(
    struct control_client *client, const struct msg_control *message)
{
	(void)message;
	restored_declare(
	    control_actor(client), restored_done, query_new(client));
}
