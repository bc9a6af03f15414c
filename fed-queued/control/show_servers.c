/* SPDX-License-Identifier: ISC */
/* Servers as fedctl shows them. */
#include "control/query.h"
#include "control/show_servers.h"

static void
servers_done(PGresult *result, const char *sqlstate, void *argument)
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
		control_row_init(&row, "server");
		control_add_string(&row, "server", row_string(result, i, 0));
		control_add_integer(&row, "trust", row_integer(result, i, 2));
		control_add_boolean(&row, "online", row_bool(result, i, 3));
		control_add_boolean(&row, "paused", row_bool(result, i, 10));
		control_add_integer(
		    &row, "failures", row_integer(result, i, 4));
		control_add_string(&row, "last_seen", row_string(result, i, 5));
		control_add_string(
		    &row, "last_handshake", row_string(result, i, 6));
		control_add_integer(&row, "serial", row_integer(result, i, 7));
		control_add_string(&row, "last_code", row_string(result, i, 8));
		control_add_string(&row, "key_id", row_string(result, i, 9));
		control_add_string(&row, "name", row_string(result, i, 1));
		control_row(query->client, &row);
	}
	query_end(query, CODE_OK, NULL);
}

void
show_servers(struct control_client *client, const struct msg_control *message)
{
	(void)message;
	query_ask(query_new(client), SQL_SHOW_SERVERS, servers_done);
}
