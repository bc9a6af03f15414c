/* SPDX-License-Identifier: ISC */
/* What fedctl asks about messages on their way out: how they stand. */
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "control/queue.h"
#include "control/request.h"
#include "control/verbs.h"

static void
queue_done(PGresult *result, const char *sqlstate, void *argument)
{
	static const char *const names[] = {"pending", "sending", "delivered",
	    "failed", "held", "oldest_s", "retry_s"};
	struct request *request = argument;
	struct msg_control_row row;
	int i, j;

	(void)sqlstate;
	if (result == NULL) {
		request_end(request, CODE_DATABASE, NULL);
		return;
	}
	for (i = 0; i < PQntuples(result); i++) {
		control_row_init(&row, "queue");
		control_add_string(&row, "server", result_text(result, i, 0));
		control_add_string(&row, "lane", result_lane(result, i, 1));
		for (j = 0; j < 7; j++)
			control_add_integer(
			    &row, names[j], result_integer(result, i, 2 + j));
		control_add_boolean(&row, "paused", result_true(result, i, 9));
		control_add_string(
		    &row, "last_error", result_text(result, i, 10));
		control_row(request->client, &row);
	}
	request_end(request, CODE_OK, NULL);
}

void
control_show_queue(
    struct control_client *client, const struct msg_control *message)
{
	(void)message;
	request_call(request_new(client), SQL_SHOW_QUEUE, queue_done);
}

static void
dead_done(PGresult *result, const char *sqlstate, void *argument)
{
	struct request *request = argument;
	struct msg_control_row row;
	int i;

	(void)sqlstate;
	if (result == NULL) {
		request_end(request, CODE_DATABASE, NULL);
		return;
	}
	for (i = 0; i < PQntuples(result); i++) {
		control_row_init(&row, "dead");
		control_add_string(&row, "time", result_text(result, i, 3));
		control_add_string(&row, "id", result_text(result, i, 0));
		control_add_string(&row, "server", result_text(result, i, 1));
		control_add_string(&row, "lane", result_lane(result, i, 2));
		control_add_string(&row, "reason", result_text(result, i, 4));
		control_add_integer(
		    &row, "attempts", result_integer(result, i, 5));
		control_add_string(&row, "enqueued", result_text(result, i, 6));
		control_row(request->client, &row);
	}
	request_end(request, CODE_OK, NULL);
}

void
control_show_dead(
    struct control_client *client, const struct msg_control *message)
{
	const char *limit = control_limit(message->arguments[0]),
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
	request_call_with(
	    request_new(client), SQL_SHOW_DEAD, &parameters, dead_done);
}

void
control_message_row(struct control_client *client, PGresult *result, int i)
{
	struct msg_control_row row;

	control_row_init(&row, "message");
	control_add_string(&row, "id", result_text(result, i, 0));
	control_add_string(&row, "server", result_text(result, i, 1));
	control_add_string(&row, "lane", result_lane(result, i, 2));
	control_add_string(&row, "state", result_text(result, i, 3));
	control_add_boolean(&row, "held", result_true(result, i, 4));
	control_add_integer(&row, "attempts", result_integer(result, i, 5));
	control_add_integer(&row, "age_s", result_integer(result, i, 6));
	control_add_integer(&row, "due_s", result_integer(result, i, 7));
	control_add_integer(&row, "retry_s", result_integer(result, i, 8));
	control_add_boolean(&row, "paused", result_true(result, i, 9));
	control_add_integer(&row, "bytes", result_integer(result, i, 10));
	control_add_string(&row, "last_error", result_text(result, i, 11));
	control_row(client, &row);
}

/* A row for each, or that there is no such message. */
static void
rows_done(struct request *request, PGresult *result,
    void (*write)(struct control_client *, PGresult *, int))
{
	enum code code = CODE_OK;
	int i;

	if (result == NULL)
		code = CODE_DATABASE;
	else if (PQntuples(result) == 0)
		code = CODE_MESSAGE_UNKNOWN;
	for (i = 0; result != NULL && i < PQntuples(result); i++)
		write(request->client, result, i);
	request_end(request, code, NULL);
}

static void
message_done(PGresult *result, const char *sqlstate, void *argument)
{
	(void)sqlstate;
	rows_done(argument, result, control_message_row);
}

static void
event_row(struct control_client *client, PGresult *result, int i)
{
	struct msg_control_row row;

	control_row_init(&row, "event");
	control_add_string(&row, "time", result_text(result, i, 0));
	control_add_string(&row, "event", result_text(result, i, 1));
	control_add_string(&row, "server", result_text(result, i, 2));
	control_add_string(&row, "code", result_text(result, i, 3));
	control_add_string(&row, "by", result_text(result, i, 4));
	control_add_integer(&row, "times", result_integer(result, i, 5));
	control_add_string(&row, "until", result_text(result, i, 6));
	if (PQgetisnull(result, i, 7))
		control_add_string(&row, "receipt", NULL);
	else
		control_add_boolean(&row, "receipt", result_true(result, i, 7));
	control_row(client, &row);
}

static void
events_done(PGresult *result, const char *sqlstate, void *argument)
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
	request_call_with(request_new(client), statement, &parameters, done);
}

void
control_queue_show(
    struct control_client *client, const struct msg_control *message)
{
	message_ask(client, message, SQL_QUEUE_SHOW, message_done);
}

void
control_show_message(
    struct control_client *client, const struct msg_control *message)
{
	message_ask(client, message, SQL_SHOW_MESSAGE, events_done);
}
