/* SPDX-License-Identifier: ISC */
/* Others look up our users; see lookup_in.h. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "db/statements.h"
#include "env.h"
#include "json/lookup.h"
#include "users/lookup_in.h"

struct asked {
	char handle[LOOKUP_HANDLE_MAX + 1];
	lookup_in_callback callback;
	void *argument;
};

/* Copies a column of at most size bytes; 0 when it is null. */
static size_t
column_copy(void *to, size_t size, PGresult *result, int column)
{
	size_t length = (size_t)PQgetlength(result, 0, column);

	if (length > size)
		fatal("database sent a user that is too large");
	memcpy(to, PQgetvalue(result, 0, column), length);
	return length;
}

/* Columns: epoch, key, name, avatar. */
static void
user_row(struct lookup_user *user, PGresult *result, const char *handle)
{
	uint64_t epoch;
	size_t length;

	memcpy(user->handle, handle, sizeof(user->handle));
	if (column_copy(&epoch, sizeof(epoch), result, 0) != sizeof(epoch))
		fatal("database sent an integer of another size");
	user->key_epoch = (int64_t)be64toh(epoch);
	user->key_length = column_copy(user->key, sizeof(user->key), result, 1);
	length = column_copy(user->name, sizeof(user->name) - 1, result, 2);
	user->name[length] = '\0';
	user->avatar_length =
	    column_copy(user->avatar, sizeof(user->avatar), result, 3);
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
	struct asked *asked = calloc(1, sizeof(*asked));
	struct db_parameters parameters;

	if (asked == NULL)
		fatal("out of memory");
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
