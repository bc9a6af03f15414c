/* SPDX-License-Identifier: ISC */
/* What most verbs of the control socket do; see query.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "control/query.h"
#include "servers/peer_table.h"

#define LIMIT_DEFAULT "100" /* rows shown */
#define LIMIT_MOST    1000

struct query *
query_new(struct control_client *client)
{
	struct query *query = xcalloc(1, sizeof(*query));

	query->client = client;
	return query;
}

void
query_end(struct query *query, enum code code, const char *text)
{
	control_end(query->client, code, text);
	free(query);
}

void
query_ask_with(struct query *query, enum statement statement,
    struct db_parameters *parameters, db_callback done)
{
	db_call(env.db, statement, parameters, done, query);
	db_parameters_free(parameters);
}

void
query_ask(struct query *query, enum statement statement, db_callback done)
{
	struct db_parameters parameters;

	db_parameters_init(&parameters);
	query_ask_with(query, statement, &parameters, done);
}

struct query *
query_server(struct control_client *client, const char *address)
{
	struct query *query;
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
	query = query_new(client);
	memcpy(query->key, key, sizeof(key));
	snprintf(query->address, sizeof(query->address), "%s", address);
	return query;
}

enum code
query_code(PGresult *result, int row, int column)
{
	size_t length;
	const char *name = row_span(&length, result, row, column);
	enum code code = code_find(name, length);

	return code == CODE_COUNT ? CODE_INTERNAL : code;
}

const char *
query_limit(const char *limit)
{
	size_t length = strlen(limit);

	if (length == 0)
		return LIMIT_DEFAULT;
	return length <= 4 && limit[0] != '0' &&
		       strspn(limit, "0123456789") == length &&
		       atoi(limit) <= LIMIT_MOST
		   ? limit
		   : NULL;
}

const char *
query_lane(PGresult *result, int row, int column)
{
	static const char *const lanes[] = {"high", "normal", "low"};
	int64_t lane = row_integer(result, row, column);

	return lane >= 1 && lane <= LANES ? lanes[lane - 1] : NULL;
}
