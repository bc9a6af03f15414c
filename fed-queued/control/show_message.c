/* SPDX-License-Identifier: ISC */
/* One message on its way out, to one server or more; see show_message.h. */
#include <string.h>

#include "base/encode.h"
#include "control/query.h"
#include "control/show_message.h"

void
show_message_row(struct control_client *client, PGresult *result, int i)
{
	struct msg_control_row row;

	control_row_init(&row, "message");
	control_add_string(&row, "id", row_string(result, i, 0));
	control_add_string(&row, "server", row_string(result, i, 1));
	control_add_string(&row, "lane", query_lane(result, i, 2));
	control_add_string(&row, "state", row_string(result, i, 3));
	control_add_boolean(&row, "held", row_bool(result, i, 4));
	control_add_integer(&row, "attempts", row_integer(result, i, 5));
	control_add_integer(&row, "age_s", row_integer(result, i, 6));
	control_add_integer(&row, "due_s", row_integer(result, i, 7));
	control_add_integer(&row, "retry_s", row_integer(result, i, 8));
	control_add_boolean(&row, "paused", row_bool(result, i, 9));
	control_add_integer(&row, "bytes", row_integer(result, i, 10));
	control_add_string(&row, "last_error", row_string(result, i, 11));
	control_row(client, &row);
}

/* A row for each, or that there is no such message. */
static void
rows_done(struct query *query, PGresult *result,
    void (*write)(struct control_client *, PGresult *, int))
{
	enum code code = CODE_OK;
	int i;

	if (result == NULL)
		code = CODE_DATABASE;
	else if (PQntuples(result) == 0)
		code = CODE_MESSAGE_UNKNOWN;
	for (i = 0; result != NULL && i < PQntuples(result); i++)
		write(query->client, result, i);
	query_end(query, code, NULL);
}

static void
state_done(PGresult *result, const char *sqlstate, void *argument)
{
	(void)sqlstate;
	rows_done(argument, result, show_message_row);
}

static void
event_row(struct control_client *client, PGresult *result, int i)
{
	struct msg_control_row row;

	control_row_init(&row, "event");
	control_add_string(&row, "time", row_string(result, i, 0));
	control_add_string(&row, "event", row_string(result, i, 1));
	control_add_string(&row, "server", row_string(result, i, 2));
	control_add_string(&row, "code", row_string(result, i, 3));
	control_add_string(&row, "by", row_string(result, i, 4));
	control_add_integer(&row, "times", row_integer(result, i, 5));
	control_add_string(&row, "until", row_string(result, i, 6));
	if (row_null(result, i, 7))
		control_add_string(&row, "receipt", NULL);
	else
		control_add_boolean(&row, "receipt", row_bool(result, i, 7));
	control_row(client, &row);
}

static void
history_done(PGresult *result, const char *sqlstate, void *argument)
{
	(void)sqlstate;
	rows_done(argument, result, event_row);
}

/* Arguments: message id, address or "". */
static void
message_ask(struct control_client *client, const struct msg_control *message,
    enum statement statement, db_callback done)
{
	const char *server = message->arguments[1];
	struct db_parameters parameters;
	uint8_t id[UUID_SIZE], key[ONION_KEY];
	enum code code = CODE_OK;

	if (uuid_parse(
		id, message->arguments[0], strlen(message->arguments[0])) != 0)
		code = CODE_ENVELOPE_ID;
	else if (server[0] != '\0')
		code = onion_parse(key, server, strlen(server));
	if (code != CODE_OK) {
		control_end(client, code, NULL);
		return;
	}
	db_parameters_init(&parameters);
	db_add_uuid(&parameters, id);
	db_add_text(&parameters, server);
	query_ask_with(query_new(client), statement, &parameters, done);
}

void
show_message_state(
    struct control_client *client, const struct msg_control *message)
{
	message_ask(client, message, SQL_QUEUE_SHOW, state_done);
}

void
show_message_history(
    struct control_client *client, const struct msg_control *message)
{
	message_ask(client, message, SQL_SHOW_MESSAGE, history_done);
}
