/* SPDX-License-Identifier: ISC */
/* What an administrator does with a server; see change_server.h. */
#include <string.h>

#include "base/encode.h"
#include "base/log.h"
#include "control/change_server.h"
#include "control/query.h"
#include "outbound/destination.h"
#include "outbound/handshake_out.h"
#include "outbound/outbound.h"
#include "outbound/rouse.h"
#include "outbound/schedule.h"
#include "servers/peer_table.h"

static void
server_row(struct query *query, const struct peer *peer)
{
	struct msg_control_row row;

	control_row_init(&row, "server");
	control_add_string(&row, "server", query->address);
	control_add_integer(&row, "trust", peer->trust);
	control_row(query->client, &row);
}

static void
add_done(PGresult *result, const char *sqlstate, void *argument)
{
	struct query *query = argument;
	struct peer *peer;
	uint8_t id[16];

	(void)sqlstate;
	if (result == NULL || PQntuples(result) != 1) {
		query_end(query, CODE_DATABASE, NULL);
		return;
	}
	row_uuid(id, result, 0, 0);
	peer = peer_table_put(query->key, id, (int)row_integer(result, 0, 1));
	peer->kept = true;
	server_row(query, peer);
	query_end(query, CODE_OK, NULL);
}

void
change_server_add(
    struct control_client *client, const struct msg_control *message)
{
	struct query *query = query_server(client, message->arguments[0]);
	struct db_parameters parameters;
	char key[65];

	if (query == NULL)
		return;
	hex_encode(key, query->key, 32);
	db_parameters_init(&parameters);
	db_add_text(&parameters, query->address);
	db_add_text(&parameters, key);
	db_add_text(&parameters, control_actor(client));
	query_ask_with(query, SQL_SERVER_ADD, &parameters, add_done);
}

static void
trust_done(PGresult *result, const char *sqlstate, void *argument)
{
	struct query *query = argument;
	struct peer *peer = peer_table_find(query->key);
	char address[LOG_ADDRESS_SIZE];
	int before;

	(void)sqlstate;
	if (result == NULL) {
		query_end(query, CODE_DATABASE, NULL);
		return;
	}
	if (PQntuples(result) != 1 || peer == NULL) {
		query_end(query, CODE_SERVER_UNKNOWN, NULL);
		return;
	}
	before = peer->trust;
	peer = peer_table_put(query->key, peer->id, query->level);
	peer->kept = true;
	log_info("trust server=%s level=%d by=\"%s\"",
	    log_address(address, query->key), query->level,
	    control_actor(query->client));
	server_row(query, peer);
	query_end(query, CODE_OK, NULL);
	schedule_back_off_end(peer);
	/* Its messages may be waiting for this. */
	if (peer->trust > before)
		rouse_tell(peer);
	outbound_doorbell();
}

static void
trust_set(struct query *query, int level)
{
	struct db_parameters parameters;

	query->level = level;
	db_parameters_init(&parameters);
	db_add_text(&parameters, query->address);
	db_add_integer(&parameters, level);
	db_add_text(&parameters, control_actor(query->client));
	query_ask_with(query, SQL_SERVER_TRUST, &parameters, trust_done);
}

void
change_server_trust(
    struct control_client *client, const struct msg_control *message)
{
	static const char *const levels[] = {"-1", "0", "1", "2", "3"};
	struct query *query;
	int i;

	for (i = 0; i < 5; i++)
		if (strcmp(message->arguments[1], levels[i]) == 0)
			break;
	if (i == 5) {
		control_end(client, CODE_TRUST_LEVEL, NULL);
		return;
	}
	query = query_server(client, message->arguments[0]);
	if (query != NULL)
		trust_set(query, i - 1);
}

void
change_server_block(
    struct control_client *client, const struct msg_control *message)
{
	struct query *query = query_server(client, message->arguments[0]);

	if (query != NULL)
		trust_set(query, TRUST_BLOCKED);
}

static void
handshake_done(enum code code, const struct ack_result *result, void *argument)
{
	struct query *query = argument;
	struct peer *peer = peer_table_find(query->key);

	(void)result;
	if (code == CODE_OK && peer != NULL) {
		destination_wake(peer);
		server_row(query, peer);
	}
	query_end(query, code, NULL);
	if (code == CODE_OK)
		outbound_doorbell();
}

void
change_server_handshake(
    struct control_client *client, const struct msg_control *message)
{
	struct query *query = query_server(client, message->arguments[0]);
	const struct peer *peer;

	if (query == NULL)
		return;
	peer = peer_table_find(query->key);
	if (peer != NULL && peer->trust == TRUST_BLOCKED) {
		query_end(query, CODE_SERVER_BLOCKED, NULL);
		return;
	}
	handshake_out(query->key, true, handshake_done, query);
}

static void
change_done(PGresult *result, const char *sqlstate, void *argument)
{
	struct query *query = argument;
	struct peer *peer = peer_table_find(query->key);
	char address[LOG_ADDRESS_SIZE];
	struct msg_control_row row;
	enum code code = CODE_DATABASE;

	(void)sqlstate;
	if (result != NULL && PQntuples(result) == 1)
		code = query_code(result, 0, 0);
	if (code != CODE_OK) {
		query_end(query, code, NULL);
		return;
	}
	log_info("administered action=%s id=- server=%s by=\"%s\"",
	    query->action, log_address(address, query->key),
	    control_actor(query->client));
	if (peer != NULL) /* else the cache is about to learn of it */
		peer_administer(peer, row_bool(result, 0, 2),
		    (uint32_t)row_integer(result, 0, 3));
	control_row_init(&row, "server");
	control_add_string(&row, "server", query->address);
	control_add_integer(&row, "trust", row_integer(result, 0, 1));
	control_add_boolean(&row, "paused", row_bool(result, 0, 2));
	control_row(query->client, &row);
	query_end(query, CODE_OK, NULL);
	outbound_doorbell();
}

static void
server_change(struct control_client *client, const struct msg_control *message,
    const char *action)
{
	struct query *query = query_server(client, message->arguments[0]);
	struct db_parameters parameters;

	if (query == NULL)
		return;
	query->action = action;
	db_parameters_init(&parameters);
	db_add_text(&parameters, action);
	db_add_text(&parameters, query->address);
	db_add_text(&parameters, control_actor(client));
	query_ask_with(query, SQL_SERVER_CHANGE, &parameters, change_done);
}

void
change_server_pause(
    struct control_client *client, const struct msg_control *message)
{
	server_change(client, message, "pause");
}

void
change_server_resume(
    struct control_client *client, const struct msg_control *message)
{
	server_change(client, message, "resume");
}

void
change_server_retry(
    struct control_client *client, const struct msg_control *message)
{
	server_change(client, message, "retry");
}
