/* SPDX-License-Identifier: ISC */
/* What fedctl can ask: one function a verb, found through a table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commit.h"
#include "control.h"
#include "encode.h"
#include "handshake_out.h"
#include "inbound.h"
#include "limits.h"
#include "log.h"
#include "onion.h"
#include "outbound.h"
#include "peers.h"
#include "queued.h"
#include "schedule.h"
#include "self_probe.h"
#include "statements.h"

struct request {
	struct control_client *client;
	char address[ONION_SIZE];
	uint8_t key[32];
	int level;
};

static struct request *
request_new(struct control_client *client)
{
	struct request *request = calloc(1, sizeof *request);

	if (request == NULL)
		fatal("out of memory");
	request->client = client;
	return request;
}

static void
request_end(struct request *request, enum code code, const char *text)
{
	control_end(request->client, code, text);
	free(request);
}

static void
call(enum statement statement, db_callback done, struct request *request)
{
	struct db_parameters parameters;

	db_parameters_init(&parameters);
	db_call(env.db, statement, &parameters, done, request);
}

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
	    env.has_identity && env.registered && peers_loaded() &&
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
	call(SQL_COUNTS, status_done, request_new(client));
}

static const char *
column(PGresult *result, int row, int index)
{
	return PQgetisnull(result, row, index) ? NULL
					       : PQgetvalue(result, row, index);
}

static int64_t
number(PGresult *result, int row, int index)
{
	return strtoll(PQgetvalue(result, row, index), NULL, 10);
}

static void
servers_done(PGresult *result, const char *sqlstate, void *argument)
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
		control_row_init(&row, "server");
		control_add_string(&row, "server", column(result, i, 0));
		control_add_integer(&row, "trust", number(result, i, 2));
		control_add_boolean(
		    &row, "online", PQgetvalue(result, i, 3)[0] == 't');
		control_add_integer(&row, "failures", number(result, i, 4));
		control_add_string(&row, "last_seen", column(result, i, 5));
		control_add_string(
		    &row, "last_handshake", column(result, i, 6));
		control_add_integer(&row, "serial", number(result, i, 7));
		control_add_string(&row, "last_code", column(result, i, 8));
		control_add_string(&row, "key_id", column(result, i, 9));
		control_add_string(&row, "name", column(result, i, 1));
		control_row(request->client, &row);
	}
	request_end(request, CODE_OK, NULL);
}

static void
verb_servers(struct control_client *client, const struct msg_control *message)
{
	(void)message;
	call(SQL_SHOW_SERVERS, servers_done, request_new(client));
}

static void
queue_done(PGresult *result, const char *sqlstate, void *argument)
{
	static const char *const names[] = {
	    "pending", "sending", "delivered", "failed", "oldest_s"};
	static const char *const lanes[] = {"high", "normal", "low"};
	struct request *request = argument;
	struct msg_control_row row;
	int64_t lane;
	int i, j;

	(void)sqlstate;
	if (result == NULL) {
		request_end(request, CODE_DATABASE, NULL);
		return;
	}
	for (i = 0; i < PQntuples(result); i++) {
		lane = number(result, i, 1);
		control_row_init(&row, "queue");
		control_add_string(&row, "server", column(result, i, 0));
		control_add_string(&row, "lane",
		    lane >= 1 && lane <= LANES ? lanes[lane - 1] : NULL);
		for (j = 0; j < 5; j++)
			control_add_integer(
			    &row, names[j], number(result, i, 2 + j));
		control_add_integer(&row, "retry_s", number(result, i, 8));
		control_add_string(&row, "last_error", column(result, i, 7));
		control_row(request->client, &row);
	}
	request_end(request, CODE_OK, NULL);
}

static void
verb_queue(struct control_client *client, const struct msg_control *message)
{
	(void)message;
	call(SQL_SHOW_QUEUE, queue_done, request_new(client));
}

/* A request about a server; NULL when the address is bad (and ended). */
static struct request *
request_server(struct control_client *client, const char *address)
{
	struct request *request;
	uint8_t key[32];
	enum code code = onion_parse(key, address, strlen(address));

	if (code == CODE_OK && !env.has_identity)
		code = CODE_INTERNAL;
	if (code == CODE_OK && memcmp(key, env.identity.server, 32) == 0)
		code = CODE_SELF;
	if (code != CODE_OK) {
		control_end(client, code, NULL);
		return NULL;
	}
	request = request_new(client);
	memcpy(request->key, key, sizeof key);
	snprintf(request->address, sizeof request->address, "%s", address);
	return request;
}

static void
server_row(struct request *request, const struct peer *peer)
{
	struct msg_control_row row;

	control_row_init(&row, "server");
	control_add_string(&row, "server", request->address);
	control_add_integer(&row, "trust", peer->trust);
	control_row(request->client, &row);
}

static void
add_done(PGresult *result, const char *sqlstate, void *argument)
{
	struct request *request = argument;
	struct peer *peer;
	uint8_t id[16];

	(void)sqlstate;
	if (result == NULL || PQntuples(result) != 1 ||
	    uuid_parse(id, PQgetvalue(result, 0, 0), UUID_TEXT) != 0) {
		request_end(request, CODE_DATABASE, NULL);
		return;
	}
	peer = peer_put(request->key, id, (int)number(result, 0, 1));
	peer->kept = true;
	server_row(request, peer);
	request_end(request, CODE_OK, NULL);
}

static void
verb_add(struct control_client *client, const struct msg_control *message)
{
	struct request *request = request_server(client, message->arguments[0]);
	struct db_parameters parameters;
	char key[65];

	if (request == NULL)
		return;
	hex_encode(key, request->key, 32);
	db_parameters_init(&parameters);
	db_add_text(&parameters, request->address);
	db_add_text(&parameters, key);
	db_add_text(&parameters, control_actor(client));
	db_call(env.db, SQL_SERVER_ADD, &parameters, add_done, request);
	db_parameters_free(&parameters);
}

static void
told(enum code code, const struct ack_result *result, void *argument)
{
	(void)code;
	(void)result;
	(void)argument;
}

static void
trust_done(PGresult *result, const char *sqlstate, void *argument)
{
	struct request *request = argument;
	struct peer *peer = peer_find(request->key);
	char address[LOG_ADDRESS_SIZE];
	int before;

	(void)sqlstate;
	if (result == NULL) {
		request_end(request, CODE_DATABASE, NULL);
		return;
	}
	if (PQntuples(result) != 1 || peer == NULL) {
		request_end(request, CODE_SERVER_UNKNOWN, NULL);
		return;
	}
	before = peer->trust;
	peer = peer_put(request->key, peer->id, request->level);
	peer->kept = true;
	log_info("trust server=%s level=%d by=\"%s\"",
	    log_address(address, request->key), request->level,
	    control_actor(request->client));
	server_row(request, peer);
	request_end(request, CODE_OK, NULL);
	schedule_good(peer);
	/* Its messages may be waiting for this: a handshake wakes it. */
	if (before == TRUST_UNKNOWN && peer->trust >= TRUST_KNOWN &&
	    peer->certificate_count > 0)
		handshake_out(peer->key, false, told, NULL);
	outbound_doorbell();
}

static void
trust_set(struct request *request, int level)
{
	struct db_parameters parameters;

	request->level = level;
	db_parameters_init(&parameters);
	db_add_text(&parameters, request->address);
	db_add_integer(&parameters, level);
	db_add_text(&parameters, control_actor(request->client));
	db_call(env.db, SQL_SERVER_TRUST, &parameters, trust_done, request);
	db_parameters_free(&parameters);
}

static void
verb_trust(struct control_client *client, const struct msg_control *message)
{
	static const char *const levels[] = {"-1", "0", "1", "2", "3"};
	struct request *request;
	int i;

	for (i = 0; i < 5; i++)
		if (strcmp(message->arguments[1], levels[i]) == 0)
			break;
	if (i == 5) {
		control_end(client, CODE_TRUST_LEVEL, NULL);
		return;
	}
	request = request_server(client, message->arguments[0]);
	if (request != NULL)
		trust_set(request, i - 1);
}

static void
verb_block(struct control_client *client, const struct msg_control *message)
{
	struct request *request = request_server(client, message->arguments[0]);

	if (request != NULL)
		trust_set(request, TRUST_BLOCKED);
}

static void
handshake_done(enum code code, const struct ack_result *result, void *argument)
{
	struct request *request = argument;
	struct peer *peer = peer_find(request->key);

	(void)result;
	if (code == CODE_OK && peer != NULL) {
		outbound_wake(peer);
		server_row(request, peer);
	}
	request_end(request, code, NULL);
	if (code == CODE_OK)
		outbound_doorbell();
}

static void
verb_handshake(struct control_client *client, const struct msg_control *message)
{
	struct request *request = request_server(client, message->arguments[0]);
	const struct peer *peer;

	if (request == NULL)
		return;
	peer = peer_find(request->key);
	if (peer != NULL && peer->trust == TRUST_BLOCKED) {
		request_end(request, CODE_SERVER_BLOCKED, NULL);
		return;
	}
	handshake_out(request->key, true, handshake_done, request);
}

static const struct control_verb_entry verbs[] = {
    {CONTROL_STATUS, 0, verb_status},
    {CONTROL_SHOW_SERVERS, 0, verb_servers},
    {CONTROL_SHOW_QUEUE, 0, verb_queue},
    {CONTROL_SERVER_ADD, 1, verb_add},
    {CONTROL_SERVER_TRUST, 2, verb_trust},
    {CONTROL_SERVER_BLOCK, 1, verb_block},
    {CONTROL_HANDSHAKE, 1, verb_handshake},
    {CONTROL_RECEIPT_EXPORT, 2, control_receipt_export},
    {CONTROL_SHOW_LIMITS, 0, limits_show},
    {CONTROL_SERVER_PING, 1, control_server_ping},
};

const struct control_verb_entry *
control_verb_find(uint16_t verb)
{
	size_t i;

	for (i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
		if (verbs[i].verb == verb)
			return &verbs[i];
	return NULL;
}
