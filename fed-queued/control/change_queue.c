/* SPDX-License-Identifier: ISC */
/*
 * What an administrator does with messages on their way out: hold, release,
 * retry, cancel and requeue, one message or all to a server. What may be done
 * is decided in the database, under the locks that claims and settlements
 * take (sql/admin.sql). Many messages are changed in portions, so
 * that nothing else waits for them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/encode.h"
#include "base/log.h"
#include "control/change_queue.h"
#include "control/query.h"
#include "control/show_message.h"
#include "outbound/outbound.h"
#include "outbound/schedule.h"
#include "servers/peer_table.h"

#define PORTION 500 /* messages in one statement: some 30 ms */

struct change {
	struct control_client *client;
	const char *action;
	uint8_t id[UUID_SIZE];
	char server[ONION_SIZE]; /* "" where the message went to one alone */
	/* all to a server: where the next portion begins, and counts */
	int64_t lane;
	int64_t after; /* queue id */
	int64_t last;  /* queue id of the newest message at the start */
	int64_t seen;
	int64_t changed;
};

static bool
is(const struct change *change, const char *action)
{
	return strcmp(change->action, action) == 0;
}

static void
change_end(struct change *change, enum code code)
{
	control_end(change->client, code, NULL);
	free(change);
}

/* The lane may be empty as far as is known; and what waited behind a message
 * that is held or given up waits no more. */
static void
change_wake(const char *server, int lane)
{
	uint8_t key[ONION_KEY];
	struct peer *peer = NULL;
	int i;

	if (onion_parse(key, server, strlen(server)) == CODE_OK)
		peer = peer_table_find(key);
	if (peer == NULL)
		return;
	for (i = 1; i <= LANES; i++)
		if (lane == 0 || lane == i) {
			peer->lanes[i].anew = true;
			schedule_again(peer, i, 0);
		}
	outbound_doorbell();
}

static void
change_log(const struct change *change, const char *server)
{
	char id[UUID_TEXT + 1] = "-", address[LOG_ADDRESS_SIZE] = "-";
	uint8_t key[ONION_KEY];

	if (change->last == 0)
		uuid_format(id, change->id);
	if (onion_parse(key, server, strlen(server)) == CODE_OK)
		log_address(address, key);
	log_info("administered action=%s id=%s server=%s messages=%lld "
		 "by=\"%s\"",
	    change->action, id, address, (long long)change->changed,
	    control_actor(change->client));
}

static void
state_done(PGresult *result, const char *sqlstate, void *argument)
{
	struct change *change = argument;
	const char *server;

	(void)sqlstate;
	if (result == NULL || PQntuples(result) != 1) {
		change_end(change, CODE_DATABASE);
		return;
	}
	server = row_string(result, 0, 1);
	if (change->changed > 0)
		change_log(change, server);
	change_wake(server, (int)row_integer(result, 0, 2));
	show_message_row(change->client, result, 0);
	change_end(change, CODE_OK);
}

static void
one_done(PGresult *result, const char *sqlstate, void *argument)
{
	struct change *change = argument;
	struct db_parameters parameters;
	enum code code = CODE_DATABASE;

	(void)sqlstate;
	if (result != NULL && PQntuples(result) == 1)
		code = query_code(result, 0, 0);
	if (code != CODE_OK) {
		change_end(change, code);
		return;
	}
	change->changed = row_integer(result, 0, 1);
	db_parameters_init(&parameters);
	db_add_uuid(&parameters, change->id);
	db_add_text(&parameters, change->server);
	db_call(env.db, SQL_QUEUE_SHOW, &parameters, state_done, change);
	db_parameters_free(&parameters);
}

static void
change_one(struct change *change)
{
	struct db_parameters parameters;

	db_parameters_init(&parameters);
	db_add_text(&parameters, change->action);
	db_add_uuid(&parameters, change->id);
	db_add_text(&parameters, change->server);
	db_add_integer(&parameters, env.settings.lifetime_s);
	db_add_text(&parameters, control_actor(change->client));
	db_call(env.db, SQL_QUEUE_CHANGE, &parameters, one_done, change);
	db_parameters_free(&parameters);
}

static void
many_end(struct change *change)
{
	struct msg_control_row row;
	int64_t too_old = change->seen - change->changed;

	if (change->changed > 0) {
		change_log(change, change->server);
		change_wake(change->server, 0);
	}
	if (is(change, "requeue") && change->changed == 0 && too_old > 0) {
		change_end(change, CODE_MESSAGE_TOO_OLD);
		return;
	}
	control_row_init(&row, "messages");
	control_add_string(&row, "server", change->server);
	control_add_integer(&row, "messages", change->changed);
	if (is(change, "requeue"))
		control_add_integer(&row, "too_old", too_old);
	control_row(change->client, &row);
	change_end(change, CODE_OK);
}

static void change_many(struct change *);

static void
portion_done(PGresult *result, const char *sqlstate, void *argument)
{
	struct change *change = argument;
	enum code code = CODE_DATABASE;
	int64_t seen;

	(void)sqlstate;
	if (result != NULL && PQntuples(result) == 1)
		code = query_code(result, 0, 0);
	if (code != CODE_OK) {
		change_end(change, code);
		return;
	}
	seen = row_integer(result, 0, 1);
	change->seen += seen;
	change->changed += row_integer(result, 0, 2);
	change->lane = row_integer(result, 0, 3);
	change->after = row_integer(result, 0, 4);
	change->last = row_integer(result, 0, 5);
	if (seen == PORTION)
		change_many(change);
	else
		many_end(change);
}

static void
change_many(struct change *change)
{
	struct db_parameters parameters;

	db_parameters_init(&parameters);
	db_add_text(&parameters, change->action);
	db_add_text(&parameters, change->server);
	db_add_integer(&parameters, change->lane);
	db_add_integer(&parameters, change->after);
	db_add_integer(&parameters, change->last);
	db_add_integer(&parameters, PORTION);
	db_add_integer(&parameters, env.settings.lifetime_s);
	db_add_text(&parameters, control_actor(change->client));
	db_add_text(&parameters, change->changed > 0 ? "t" : "f");
	db_call(
	    env.db, SQL_QUEUE_CHANGE_MANY, &parameters, portion_done, change);
	db_parameters_free(&parameters);
}

/* The back-off has ended; now what waits by itself. */
static void
retry_done(PGresult *result, const char *sqlstate, void *argument)
{
	struct change *change = argument;
	uint8_t key[ONION_KEY];
	struct peer *peer = NULL;
	enum code code = CODE_DATABASE;

	(void)sqlstate;
	if (result != NULL && PQntuples(result) == 1)
		code = query_code(result, 0, 0);
	if (code != CODE_OK) {
		change_end(change, code);
		return;
	}
	if (onion_parse(key, change->server, strlen(change->server)) == CODE_OK)
		peer = peer_table_find(key);
	if (peer != NULL)
		peer_administer(peer, row_bool(result, 0, 2),
		    (uint32_t)row_integer(result, 0, 3));
	change_many(change);
}

static void
change_all(struct change *change)
{
	struct db_parameters parameters;

	if (!is(change, "retry")) {
		change_many(change);
		return;
	}
	db_parameters_init(&parameters);
	db_add_text(&parameters, change->action);
	db_add_text(&parameters, change->server);
	db_add_text(&parameters, control_actor(change->client));
	db_call(env.db, SQL_SERVER_CHANGE, &parameters, retry_done, change);
	db_parameters_free(&parameters);
}

/* Arguments: a message id and an address or "", or an address and "". */
static void
change_begin(struct control_client *client, const struct msg_control *message,
    const char *action, bool servers)
{
	const char *target = message->arguments[0],
		   *server = message->arguments[1];
	struct change *change = xcalloc(1, sizeof(*change));
	enum code code = CODE_OK;
	uint8_t key[ONION_KEY];
	bool one;

	change->client = client;
	change->action = action;
	one = uuid_parse(change->id, target, strlen(target)) == 0;
	if (!one && server[0] != '\0')
		code = CODE_USAGE;
	else if (!one && !servers)
		code = CODE_ENVELOPE_ID;
	else if (!one)
		server = target;
	if (code == CODE_OK && (!one || server[0] != '\0'))
		code = onion_parse(key, server, strlen(server));
	if (code != CODE_OK) {
		change_end(change, code);
		return;
	}
	memcpy(change->server, server, strlen(server) + 1); /* "" or 62 */
	if (one)
		change_one(change);
	else
		change_all(change);
}

void
change_queue_hold(
    struct control_client *client, const struct msg_control *message)
{
	change_begin(client, message, "hold", true);
}

void
change_queue_release(
    struct control_client *client, const struct msg_control *message)
{
	change_begin(client, message, "release", true);
}

void
change_queue_retry(
    struct control_client *client, const struct msg_control *message)
{
	change_begin(client, message, "retry", true);
}

void
change_queue_cancel(
    struct control_client *client, const struct msg_control *message)
{
	change_begin(client, message, "cancel", false);
}

void
change_queue_requeue(
    struct control_client *client, const struct msg_control *message)
{
	change_begin(client, message, "requeue", true);
}
