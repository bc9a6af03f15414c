/* SPDX-License-Identifier: ISC */
/* What fedctl asks about servers. */
#include <string.h>

#include "base/encode.h"
#include "base/log.h"
#include "control/request.h"
#include "control/verbs.h"
#include "outbound/destination.h"
#include "outbound/handshake_out.h"
#include "outbound/outbound.h"
#include "outbound/schedule.h"
#include "servers/peer_table.h"

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
		control_add_string(&row, "server", result_text(result, i, 0));
		control_add_integer(
		    &row, "trust", result_integer(result, i, 2));
		control_add_boolean(&row, "online", result_true(result, i, 3));
		control_add_boolean(&row, "paused", result_true(result, i, 10));
		control_add_integer(
		    &row, "failures", result_integer(result, i, 4));
		control_add_string(
		    &row, "last_seen", result_text(result, i, 5));
		control_add_string(
		    &row, "last_handshake", result_text(result, i, 6));
		control_add_integer(
		    &row, "serial", result_integer(result, i, 7));
		control_add_string(
		    &row, "last_code", result_text(result, i, 8));
		control_add_string(&row, "key_id", result_text(result, i, 9));
		control_add_string(&row, "name", result_text(result, i, 1));
		control_row(request->client, &row);
	}
	request_end(request, CODE_OK, NULL);
}

void
control_show_servers(
    struct control_client *client, const struct msg_control *message)
{
	(void)message;
	request_call(request_new(client), SQL_SHOW_SERVERS, servers_done);
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
	peer =
	    peer_table_put(request->key, id, (int)result_integer(result, 0, 1));
	peer->kept = true;
	server_row(request, peer);
	request_end(request, CODE_OK, NULL);
}

void
control_server_add(
    struct control_client *client, const struct msg_control *message)
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
	request_call_with(request, SQL_SERVER_ADD, &parameters, add_done);
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
	struct peer *peer = peer_table_find(request->key);
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
	peer = peer_table_put(request->key, peer->id, request->level);
	peer->kept = true;
	log_info("trust server=%s level=%d by=\"%s\"",
	    log_address(address, request->key), request->level,
	    control_actor(request->client));
	server_row(request, peer);
	request_end(request, CODE_OK, NULL);
	schedule_good(peer);
	/* Its messages may be waiting for this: a handshake wakes it. */
	if (before == TRUST_UNKNOWN && peer->trust >= TRUST_KNOWN &&
	    peer->certificate_count > 0 && !peer->paused)
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
	request_call_with(request, SQL_SERVER_TRUST, &parameters, trust_done);
}

void
control_server_trust(
    struct control_client *client, const struct msg_control *message)
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

void
control_server_block(
    struct control_client *client, const struct msg_control *message)
{
	struct request *request = request_server(client, message->arguments[0]);

	if (request != NULL)
		trust_set(request, TRUST_BLOCKED);
}

static void
handshake_done(enum code code, const struct ack_result *result, void *argument)
{
	struct request *request = argument;
	struct peer *peer = peer_table_find(request->key);

	(void)result;
	if (code == CODE_OK && peer != NULL) {
		destination_wake(peer);
		server_row(request, peer);
	}
	request_end(request, code, NULL);
	if (code == CODE_OK)
		outbound_doorbell();
}

void
control_handshake(
    struct control_client *client, const struct msg_control *message)
{
	struct request *request = request_server(client, message->arguments[0]);
	const struct peer *peer;

	if (request == NULL)
		return;
	peer = peer_table_find(request->key);
	if (peer != NULL && peer->trust == TRUST_BLOCKED) {
		request_end(request, CODE_SERVER_BLOCKED, NULL);
		return;
	}
	handshake_out(request->key, true, handshake_done, request);
}

static void
change_done(PGresult *result, const char *sqlstate, void *argument)
{
	struct request *request = argument;
	struct peer *peer = peer_table_find(request->key);
	char address[LOG_ADDRESS_SIZE];
	struct msg_control_row row;
	enum code code = CODE_DATABASE;

	(void)sqlstate;
	if (result != NULL && PQntuples(result) == 1)
		code = result_code(result, 0, 0);
	if (code != CODE_OK) {
		request_end(request, code, NULL);
		return;
	}
	log_info("administered action=%s id=- server=%s by=\"%s\"",
	    request->action, log_address(address, request->key),
	    control_actor(request->client));
	if (peer != NULL) /* else the cache is about to learn of it */
		peer_administer(peer, result_true(result, 0, 2),
		    (uint32_t)result_integer(result, 0, 3));
	control_row_init(&row, "server");
	control_add_string(&row, "server", request->address);
	control_add_integer(&row, "trust", result_integer(result, 0, 1));
	control_add_boolean(&row, "paused", result_true(result, 0, 2));
	control_row(request->client, &row);
	request_end(request, CODE_OK, NULL);
	outbound_doorbell();
}

static void
server_change(struct control_client *client, const struct msg_control *message,
    const char *action)
{
	struct request *request = request_server(client, message->arguments[0]);
	struct db_parameters parameters;

	if (request == NULL)
		return;
	request->action = action;
	db_parameters_init(&parameters);
	db_add_text(&parameters, action);
	db_add_text(&parameters, request->address);
	db_add_text(&parameters, control_actor(client));
	request_call_with(request, SQL_SERVER_CHANGE, &parameters, change_done);
}

void
control_server_pause(
    struct control_client *client, const struct msg_control *message)
{
	server_change(client, message, "pause");
}

void
control_server_resume(
    struct control_client *client, const struct msg_control *message)
{
	server_change(client, message, "resume");
}

void
control_server_retry(
    struct control_client *client, const struct msg_control *message)
{
	server_change(client, message, "retry");
}
