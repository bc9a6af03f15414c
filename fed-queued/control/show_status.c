/* SPDX-License-Identifier: ISC */
/* How the suite stands; see show_status.h. */
#include "base/encode.h"
#include "control/query.h"
#include "control/show_status.h"
#include "inbound/inbound.h"
#include "outbound/schedule.h"
#include "outbound/self_probe.h"
#include "servers/peer_table.h"

static void
add_processes(struct msg_control_row *row)
{
	int role;

	for (role = 0; role < ROLE_COUNT; role++)
		if (env.go.pids[role] != 0)
			control_add_integer(
			    row, role_name((enum role)role), env.go.pids[role]);
}

/* "reachable" is what the last probe of our own onion service found. */
static void
add_reachable(struct msg_control_row *row)
{
	static const char *const names[] = {"unknown", "yes", "no"};
	static char checked[TIME_TEXT + 1];
	struct self_probe_state probe;

	self_probe_state(&probe);
	if (probe.checked_s != 0)
		time_format(checked, probe.checked_s);
	control_add_string(row, "reachable", names[probe.reachable]);
	control_add_string(
	    row, "reachable_checked", probe.checked_s != 0 ? checked : NULL);
	control_add_string(row, "reachable_code",
	    probe.reachable == REACHABLE_NO ? code_name(probe.code) : NULL);
}

static void
status_done(PGresult *result, const char *sqlstate, void *argument)
{
	static const char *const names[] = {
	    "queued", "dead_letters", "inbox", "servers"};
	struct query *query = argument;
	struct msg_control_row row;
	char started[TIME_TEXT + 1], expires[TIME_TEXT + 1], key_id[65];
	int i;

	(void)sqlstate;
	time_format(started, env.go.started);
	control_row_init(&row, "status");
	control_add_string(&row, "version", TORFED_VERSION);
	control_add_string(
	    &row, "server", env.has_identity ? env.address : NULL);
	if (env.has_identity) {
		hex_encode(key_id, env.identity.key_id, 32);
		time_format(expires, env.certificate.not_after);
		control_add_string(&row, "key_id", key_id);
		control_add_string(&row, "certificate_expires", expires);
	}
	control_add_integer(&row, "generation", env.go.generation);
	control_add_string(&row, "started", started);
	control_add_string(&row, "database", db_reason(env.db));
	control_add_boolean(&row, "ready",
	    env.has_identity && env.registered && peer_table_loaded() &&
		db_state(env.db) == DB_UP);
	control_add_boolean(&row, "paused", schedule_paused());
	add_reachable(&row);
	for (i = 0; i < 4; i++)
		if (result != NULL)
			control_add_integer(
			    &row, names[i], row_integer(result, 0, i));
		else
			control_add_string(&row, names[i], NULL);
	control_add_integer(&row, "requests", (int64_t)inbound_pending());
	add_processes(&row);
	control_row(query->client, &row);
	query_end(query, CODE_OK, NULL);
}

void
show_status(struct control_client *client, const struct msg_control *message)
{
	(void)message;
	query_ask(query_new(client), SQL_COUNTS, status_done);
}
