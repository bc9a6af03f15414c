/* SPDX-License-Identifier: ISC */
/* Look-ups of our users; see lookup_in.h. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "json/lookup.h"
#include "users/lookup_in.h"

struct asked {
	char handle[LOOKUP_HANDLE_MAX + 1];
	lookup_in_callback callback;
	void *argument;
};

/* Copies bytes, size at most, and returns how many; 0 when it is null. */
static size_t
bytes_row(void *to, size_t size, PGresult *result, int column)
{
	size_t length;
	const char *bytes = row_span(&length, result, 0, column);

	if (length > size)
		fatal("database sent a user that is too large");
	if (length > 0)
		memcpy(to, bytes, length);
	return length;
}

/* Columns: epoch, key, name, avatar. */
static void
user_row(struct lookup_user *user, PGresult *result, const char *handle)
{
	memcpy(user->handle, handle, sizeof(user->handle));
	if (row_null(result, 0, 0))
		fatal("database sent a user without a key epoch");
	user->key_epoch = row_integer(result, 0, 0);
	user->key_length = bytes_row(user->key, sizeof(user->key), result, 1);
	if (!row_text(user->name, sizeof(user->name), result, 0, 2))
		user->name[0] = '\0';
	user->avatar_length =
	    bytes_row(user->avatar, sizeof(user->avatar), result, 3);
}

static void
answered(PGresult *result, const char *sqlstate, void *argument)
{
	static struct lookup_user user; /* large */
	struct asked *asked = argument;
	bool found = result != NULL && PQntuples(result) == 1;
	char *answer = NULL;
	size_t length = 0;

	if (result == NULL)
		log_warning("look-up failed sqlstate=%s", sqlstate);
	if (found)
		user_row(&user, result, asked->handle);
	if (result != NULL)
		answer = lookup_answer_format(found ? &user : NULL, &length);
	if (result != NULL && answer == NULL)
		log_error("a user in the database does not have its form");
	asked->callback(answer, length, asked->argument);
	memset(&user, 0, sizeof(user));
	free(answer);
	free(asked);
}

void
lookup_in(const char *payload, size_t length, bool allowed,
    lookup_in_callback callback, void *argument)
{
	struct asked *asked = xcalloc(1, sizeof(*asked));
	struct db_parameters parameters;

	if (lookup_request_parse(asked->handle, payload, length) != CODE_OK)
		fatal("a look-up was not checked");
	asked->callback = callback;
	asked->argument = argument;
	db_parameters_init(&parameters);
	db_add_text(&parameters, asked->handle);
	db_add_text(&parameters, allowed ? "t" : "f");
	db_call(env.db, SQL_LOOKUP_ANSWER, &parameters, answered, asked);
	db_parameters_free(&parameters);
}
