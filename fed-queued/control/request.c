/* SPDX-License-Identifier: ISC */
/* What the verbs of the control socket share; see request.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/request.h"
#include "servers/peer_table.h"

#define LIMIT_DEFAULT "100" /* rows shown */
#define LIMIT_MOST    1000

struct request *
request_new(struct control_client *client)
{
	struct request *request = calloc(1, sizeof(*request));

	if (request == NULL)
		fatal("out of memory");
	request->client = client;
	return request;
}

void
request_end(struct request *request, enum code code, const char *text)
{
	control_end(request->client, code, text);
	free(request);
}

void
request_call_with(struct request *request, enum statement statement,
    struct db_parameters *parameters, db_callback done)
{
	db_call(env.db, statement, parameters, done, request);
	db_parameters_free(parameters);
}

void
request_call(
    struct request *request, enum statement statement, db_callback done)
{
	struct db_parameters parameters;

	db_parameters_init(&parameters);
	request_call_with(request, statement, &parameters, done);
}

struct request *
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
	memcpy(request->key, key, sizeof(key));
	snprintf(request->address, sizeof(request->address), "%s", address);
	return request;
}

const char *
result_text(PGresult *result, int row, int column)
{
	return PQgetisnull(result, row, column)
		   ? NULL
		   : PQgetvalue(result, row, column);
}

int64_t
result_integer(PGresult *result, int row, int column)
{
	return strtoll(PQgetvalue(result, row, column), NULL, 10);
}

bool
result_true(PGresult *result, int row, int column)
{
	return PQgetvalue(result, row, column)[0] == 't';
}

enum code
result_code(PGresult *result, int row, int column)
{
	enum code code = code_find(PQgetvalue(result, row, column),
	    (size_t)PQgetlength(result, row, column));

	return code == CODE_COUNT ? CODE_INTERNAL : code;
}

const char *
control_limit(const char *limit)
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
result_lane(PGresult *result, int row, int column)
{
	static const char *const lanes[] = {"high", "normal", "low"};
	int64_t lane = result_integer(result, row, column);

	return lane >= 1 && lane <= LANES ? lanes[lane - 1] : NULL;
}
