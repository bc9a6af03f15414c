/* SPDX-License-Identifier: ISC */
/* Messages on their way out, as fedctl shows them. */
#include <string.h>

#include "control/query.h"
#include "control/show_queue.h"

static void
queue_done(PGresult *result, const char *sqlstate, void *argument)
{
	static const char *const names[] = {"pending", "sending", "delivered",
	    "failed", "held", "oldest_s", "retry_s"};
	struct query *query = argument;
	struct msg_control_row row;
	int i, j;

	(void)sqlstate;
	if (result == NULL) {
		query_end(query, CODE_DATABASE, NULL);
		return;
	}
	for (i = 0; i < PQntuples(result); i++) {
		control_row_init(&row, "queue");
		control_add_string(&row, "server", row_string(result, i, 0));
		control_add_string(&row, "lane", query_lane(result, i, 1));
		for (j = 0; j < 7; j++)
			control_add_integer(
			    &row, names[j], row_integer(result, i, 2 + j));
		control_add_boolean(&row, "paused", row_bool(result, i, 9));
		control_add_string(
		    &row, "last_error", row_string(result, i, 10));
		control_row(query->client, &row);
	}
	query_end(query, CODE_OK, NULL);
}

void
show_queue(struct control_client *client, const struct msg_control *message)
{
	(void)message;
	query_ask(query_new(client), SQL_SHOW_QUEUE, queue_done);
}

static void
dead_done(PGresult *result, const char *sqlstate, void *argument)
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
		control_row_init(&row, "dead");
		control_add_string(&row, "time", row_string(result, i, 3));
		control_add_string(&row, "id", row_string(result, i, 0));
		control_add_string(&row, "server", row_string(result, i, 1));
		control_add_string(&row, "lane", query_lane(result, i, 2));
		control_add_string(&row, "reason", row_string(result, i, 4));
		control_add_integer(
		    &row, "attempts", row_integer(result, i, 5));
		control_add_string(&row, "enqueued", row_string(result, i, 6));
		control_row(query->client, &row);
	}
	query_end(query, CODE_OK, NULL);
}

void
show_queue_dead(
    struct control_client *client, const struct msg_control *message)
{
	const char *limit = query_limit(message->arguments[0]),
		   *server = message->arguments[1];
	struct db_parameters parameters;
	uint8_t key[ONION_KEY];
	enum code code = CODE_OK;

	if (limit == NULL)
		code = CODE_LIMIT;
	else if (server[0] != '\0')
		code = onion_parse(key, server, strlen(server));
	if (code != CODE_OK) {
		control_end(client, code, NULL);
		return;
	}
	db_parameters_init(&parameters);
	db_add_text(&parameters, limit);
	db_add_text(&parameters, server);
	query_ask_with(
	    query_new(client), SQL_SHOW_DEAD, &parameters, dead_done);
}
