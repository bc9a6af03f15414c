/* SPDX-License-Identifier: ISC */
/* What an administrator should look at; see show_problems.h. */
#include "base/encode.h"
#include "control/query.h"
#include "control/show_problems.h"

#define EXPIRY_S (14 * 24 * 3600) /* a certificate's, before it is told */

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
	struct query *query = argument;
	int i;

	(void)sqlstate;
	if (result == NULL) {
		query_end(query, CODE_DATABASE, NULL);
		return;
	}
	certificate_check(query->client);
	for (i = 0; i < PQntuples(result); i++)
		problem_add(query->client, row_string(result, i, 0),
		    row_string(result, i, 1), row_string(result, i, 2));
	query_end(query, CODE_OK, NULL);
}

void
show_problems(struct control_client *client, const struct msg_control *message)
{
	(void)message;
	query_ask(query_new(client), SQL_ROOM_PROBLEMS, problems_done);
}
