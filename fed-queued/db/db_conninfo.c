/* SPDX-License-Identifier: ISC */
/*
 * Connection strings: what the operator wrote, with the defaults that a
 * process without files, names and resolver needs. Whatever libpq would look
 * for in the file system or the account database is named here, so that it
 * does not look: user, password file, GSS credentials.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "db/db_internal.h"

struct addition {
	const char *keyword;
	const char *value;
	bool always; /* replaces the operator's */
};

static const struct addition additions[] = {
    {"user", "_fedqueued", false},
    {"dbname", "federation", false},
    {"connect_timeout", "10", false},
    {"tcp_user_timeout", "5000", false}, /* ms: on to the next host */
    {"gssencmode", "disable", false},
    {"passfile", "/nonexistent/pgpass", false},
    {"application_name", "fed-queued", true},
    {"client_encoding", "UTF8", true},
};

/*
 * In force from the first byte on; the operator's own come before. Statements
 * follow each other on one connection: one that waits for somebody's lock
 * would hold up all behind it, so it soon fails, alone.
 */
#define SESSION_OPTIONS                                       \
	"-c synchronous_commit=on -c search_path=pg_catalog " \
	"-c standard_conforming_strings=on "                  \
	"-c default_transaction_isolation=read\\ committed "  \
	"-c default_transaction_deferrable=off "              \
	"-c lock_timeout=2000 -c jit=off"

#define ENTRIES(table) (sizeof(table) / sizeof((table)[0]))

static const struct addition *
addition_find(const char *keyword)
{
	for (size_t i = 0; i < ENTRIES(additions); i++)
		if (strcmp(additions[i].keyword, keyword) == 0)
			return &additions[i];
	return NULL;
}

/* The value for one of libpq's options: newly allocated, or NULL for none. */
static char *
value_choose(const PQconninfoOption *option)
{
	const struct addition *addition = addition_find(option->keyword);
	const char *given = option->val;
	char *options;

	if (given != NULL && given[0] == '\0')
		given = NULL;
	if (strcmp(option->keyword, "options") == 0) {
		(void)xasprintf(&options, "%s %s", given != NULL ? given : "",
		    SESSION_OPTIONS);
		return options;
	}
	if (addition != NULL && (addition->always || given == NULL))
		given = addition->value;
	return given != NULL ? xstrdup(given) : NULL;
}

static size_t
hosts_count(const PQconninfoOption *options)
{
	size_t count = 1;

	for (; options->keyword != NULL; options++) {
		if (strcmp(options->keyword, "host") != 0 ||
		    options->val == NULL)
			continue;
		for (const char *p = options->val; *p != '\0'; p++)
			count += *p == ',';
	}
	return count;
}

static void
conninfo_fill(struct conninfo *conninfo, const PQconninfoOption *options)
{
	size_t count = 0, used = 0;

	while (options[count].keyword != NULL)
		count++;
	conninfo->hosts = hosts_count(options);
	conninfo->keywords = xcalloc(count + 1, sizeof(char *));
	conninfo->values = xcalloc(count + 1, sizeof(char *));
	for (size_t i = 0; i < count; i++) {
		conninfo->values[used] = value_choose(&options[i]);
		if (conninfo->values[used] != NULL)
			conninfo->keywords[used++] =
			    xstrdup(options[i].keyword);
	}
}

struct conninfo *
db_conninfo_new(const char *text)
{
	PQconninfoOption *options = PQconninfoParse(text, NULL);
	struct conninfo *conninfo;

	if (options == NULL)
		return NULL;
	conninfo = xcalloc(1, sizeof(*conninfo));
	conninfo_fill(conninfo, options);
	PQconninfoFree(options);
	return conninfo;
}

void
db_conninfo_free(struct conninfo *conninfo)
{
	if (conninfo == NULL)
		return;
	for (size_t i = 0; conninfo->keywords[i] != NULL; i++) {
		free(conninfo->keywords[i]);
		/* one of them may be a password */
		explicit_bzero(
		    conninfo->values[i], strlen(conninfo->values[i]));
		free(conninfo->values[i]);
	}
	free(conninfo->keywords);
	free(conninfo->values);
	free(conninfo);
}

/* keyword='value' and a space; false when it does not fit. */
static bool
option_write(char **out, char *end, const char *keyword, const char *value)
{
	int length = snprintf(*out, (size_t)(end - *out), "%s='", keyword);

	if (length < 0 || length >= end - *out)
		return false;
	*out += length;
	for (; *value != '\0'; value++) {
		if (end - *out < 2)
			return false;
		if (*value == '\'' || *value == '\\')
			*(*out)++ = '\\';
		*(*out)++ = *value;
	}
	if (end - *out < 3)
		return false;
	memcpy(*out, "' ", 3);
	*out += 2;
	return true;
}

int
db_conninfo_rehost(
    char *out, size_t size, const char *conninfo, const char *host)
{
	PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
	char *end = out + size;
	bool fits = options != NULL;

	fits = fits && option_write(&out, end, "host", host);
	for (const PQconninfoOption *o = options; fits && o->keyword != NULL;
	     o++) {
		if (o->val == NULL || strcmp(o->keyword, "host") == 0 ||
		    strcmp(o->keyword, "hostaddr") == 0)
			continue;
		fits = option_write(&out, end, o->keyword, o->val);
	}
	PQconninfoFree(options);
	return fits ? 0 : -1;
}
