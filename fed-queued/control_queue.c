/* SPDX-License-Identifier: ISC */
/* What fedctl asks about messages on their way out: how they stand. */
#include "control_request.h"
#include "control_verbs.h"

static void
queue_done(PGresult *result, const char *sqlstate, void *argument)
{
	static const char *const names[] = {
	    "pending", "sending", "delivered", "failed", "oldest_s"};
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
		for (j = 0; j < 5; j++)
			control_add_integer(
			    &row, names[j], result_integer(result, i, 2 + j));
		control_add_integer(
		    &row, "retry_s", result_integer(result, i, 8));
		control_add_string(
		    &row, "last_error", result_text(result, i, 7));
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
