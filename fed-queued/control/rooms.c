/* SPDX-License-Identifier: ISC */
/*
 * What fedctl asks about rooms, and what an administrator should look at: in
 * rooms, what only people can mend.
 */
#include "base/encode.h"
#include "control/request.h"
#include "control/verbs.h"

#define EXPIRY_S (14 * 24 * 3600) /* a certificate's, before it is told */

static void
rooms_done(PGresult *result, const char *sqlstate, void *argument)
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
		control_row_init(&row, "room");
		control_add_string(&row, "room", result_text(result, i, 0));
		control_add_string(&row, "state", result_text(result, i, 1));
		control_add_integer(
		    &row, "number", result_integer(result, i, 2));
		control_add_integer(
		    &row, "members", result_integer(result, i, 3));
		control_add_integer(
		    &row, "servers", result_integer(result, i, 4));
		control_add_string(&row, "trust", result_text(result, i, 5));
		control_add_string(&row, "heard", result_text(result, i, 6));
		control_add_boolean(&row, "silent", result_true(result, i, 7));
		control_row(request->client, &row);
	}
	request_end(request, CODE_OK, NULL);
}

void
control_show_rooms(
    struct control_client *client, const struct msg_control *message)
{
	const char *limit = control_limit(message->arguments[0]);
	struct db_parameters parameters;

	if (limit == NULL) {
		control_end(client, CODE_LIMIT, NULL);
		return;
	}
	db_parameters_init(&parameters);
	db_add_text(&parameters, limit);
	request_call_with(
	    request_new(client), SQL_ROOM_LIST, &parameters, rooms_done);
}

static void
problem_add(struct control_client *client, const char *problem,
    const char *subject, const char *since)
{
	struct msg_control_row row;

	control_row_init(&row, "problem");
	control_add_string(&row, "problem", problem);
	control_add_string(&row, "subject", subject);
	control_add_string(&row, "since", since);
	control_row(client, &row);
}

/* Ours; since: when it expires. */
static void
certificate_check(struct control_client *client)
{
	char expires[TIME_TEXT + 1];

	if (!env.has_identity ||
	    env.certificate.not_after - clock_now() > EXPIRY_S)
		return;
	time_format(expires, env.certificate.not_after);
	problem_add(client, "certificate-expires", env.address, expires);
}

static void
problems_done(PGresult *result, const char *sqlstate, void *argument)
{
	struct request *request = argument;
	int i;

	(void)sqlstate;
	if (result == NULL) {
		request_end(request, CODE_DATABASE, NULL);
		return;
	}
	certificate_check(request->client);
	for (i = 0; i < PQntuples(result); i++)
		problem_add(request->client, result_text(result, i, 0),
		    result_text(result, i, 1), result_text(result, i, 2));
	request_end(request, CODE_OK, NULL);
}

void
control_check(struct control_client *client, const struct msg_control *message)
{
	(void)message;
	request_call(request_new(client), SQL_ROOM_PROBLEMS, problems_done);
}
