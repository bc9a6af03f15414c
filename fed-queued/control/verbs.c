/* SPDX-License-Identifier: ISC */
/*
 * What fedctl can ask: one function a verb, found through a table. How the
 * suite stands is here; the other verbs are in files by subject.
 */
#include <stdlib.h>

#include "base/encode.h"
#include "control/request.h"
#include "control/verbs.h"
#include "inbound/inbound.h"
#include "outbound/schedule.h"
#include "outbound/self_probe.h"
#include "servers/limits.h"
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

static void
status_done(PGresult *result, const char *sqlstate, void *argument)
{
	static const char *const names[] = {
	    "queued", "dead_letters", "inbox", "servers"};
	struct request *request = argument;
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
	self_probe_show(&row);
	for (i = 0; i < 4; i++)
		if (result != NULL)
			control_add_integer(&row, names[i],
			    strtoll(PQgetvalue(result, 0, i), NULL, 10));
		else
			control_add_string(&row, names[i], NULL);
	control_add_integer(&row, "requests", (int64_t)inbound_pending());
	add_processes(&row);
	control_row(request->client, &row);
	request_end(request, CODE_OK, NULL);
}

static void
verb_status(struct control_client *client, const struct msg_control *message)
{
	(void)message;
	request_call(request_new(client), SQL_COUNTS, status_done);
}

static const struct control_verb_entry verbs[] = {
    {CONTROL_STATUS, 0, verb_status},
    {CONTROL_SHOW_SERVERS, 0, control_show_servers},
    {CONTROL_SHOW_QUEUE, 0, control_show_queue},
    {CONTROL_SERVER_ADD, 1, control_server_add},
    {CONTROL_SERVER_TRUST, 2, control_server_trust},
    {CONTROL_SERVER_BLOCK, 1, control_server_block},
    {CONTROL_HANDSHAKE, 1, control_handshake},
    {CONTROL_RECEIPT_EXPORT, 2, control_receipt_export},
    {CONTROL_SHOW_LIMITS, 0, limits_show},
    {CONTROL_SERVER_PING, 1, control_server_ping},
    {CONTROL_SHOW_DEAD, 2, control_show_dead},
    {CONTROL_SHOW_MESSAGE, 2, control_show_message},
    {CONTROL_QUEUE_SHOW, 2, control_queue_show},
    {CONTROL_QUEUE_HOLD, 2, control_queue_hold},
    {CONTROL_QUEUE_RELEASE, 2, control_queue_release},
    {CONTROL_QUEUE_RETRY, 2, control_queue_retry},
    {CONTROL_QUEUE_CANCEL, 2, control_queue_cancel},
    {CONTROL_QUEUE_REQUEUE, 2, control_queue_requeue},
    {CONTROL_SERVER_PAUSE, 1, control_server_pause},
    {CONTROL_SERVER_RESUME, 1, control_server_resume},
    {CONTROL_SERVER_RETRY, 1, control_server_retry},
    {CONTROL_SHOW_ROOMS, 1, control_show_rooms},
    {CONTROL_CHECK, 0, control_check},
};

const struct control_verb_entry *
control_verb_find(uint16_t verb)
{
	size_t i;

	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (verbs[i].verb == verb)
			return &verbs[i];
	return NULL;
}
