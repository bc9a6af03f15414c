/* SPDX-License-Identifier: ISC */
/*
 * A look at a libpq connection string in its key = value form, as PostgreSQL's
 * documentation has it (33.1.1.1): only what decides how fed-queued is
 * confined. libpq remains the judge of the rest; fedd does not link it.
 */
#include <string.h>

#include "conf/conf.h"

struct pair {
	char key[32];
	char value[CONF_PATH_SIZE]; /* cut when longer: see is_cut */
	bool is_cut;
};

static const char *
spaces_skip(const char *text)
{
	return text + strspn(text, " \t\n\r\f\v");
}

static void
value_add(struct pair *pair, size_t *length, char byte)
{
	if (*length + 1 < sizeof(pair->value))
		pair->value[(*length)++] = byte;
	else
		pair->is_cut = true;
	pair->value[*length] = '\0';
}

/* In quotes up to the closing one, else up to white space; \ escapes. */
static const char *
value_read(struct pair *pair, const char *text)
{
	const char *stop = " \t\n\r\f\v";
	size_t length = 0;

	pair->value[0] = '\0';
	pair->is_cut = false;
	if (*text == '\'') {
		stop = "'";
		text++;
	}
	for (; *text != '\0' && strchr(stop, *text) == NULL; text++) {
		if (*text == '\\' && *++text == '\0')
			break;
		value_add(pair, &length, *text);
	}
	if (stop[0] == '\'') {
		if (*text != '\'')
			return NULL;
		text++;
	}
	return text;
}

/* The rest of the text after one pair, or NULL when there is none. */
static const char *
pair_read(struct pair *pair, const char *text)
{
	size_t length = strcspn(text, "= \t\n\r\f\v");

	if (length == 0 || length >= sizeof(pair->key))
		return NULL;
	memcpy(pair->key, text, length);
	pair->key[length] = '\0';
	text = spaces_skip(text + length);
	if (*text != '=')
		return NULL;
	return value_read(pair, spaces_skip(text + 1));
}

/* One or several, comma-separated: directories and addresses, no names. */
static bool
hosts_numeric(const char *hosts)
{
	size_t length;

	for (;; hosts += length + 1) {
		length = strcspn(hosts, ",");
		if (length == 0 ||
		    (hosts[0] != '/' && hosts[0] != '@' &&
			strspn(hosts, "0123456789abcdefABCDEF:.") < length))
			return false;
		if (hosts[length] == '\0')
			return true;
	}
}

struct look {
	bool user;
	bool host;
	bool numeric; /* host needs no resolver */
	bool hostaddr;
	bool service;
};

static void
pair_note(
    struct look *look, struct conf_database *database, const struct pair *pair)
{
	bool given = pair->value[0] != '\0';

	if (strcmp(pair->key, "user") == 0) {
		look->user = given;
	} else if (strcmp(pair->key, "service") == 0) {
		look->service = true;
	} else if (strcmp(pair->key, "password") == 0) {
		database->password = given;
	} else if (strcmp(pair->key, "hostaddr") == 0) {
		look->hostaddr = given;
	} else if (strcmp(pair->key, "host") == 0) {
		look->host = given;
		look->numeric = !pair->is_cut && hosts_numeric(pair->value);
		database->local = pair->value[0] == '/' && !pair->is_cut &&
				  strchr(pair->value, ',') == NULL;
		memcpy(database->directory, pair->value,
		    sizeof(database->directory));
	}
}

int
conf_database_look(
    struct conf_database *database, const char *conninfo, const char **expected)
{
	struct look look = {0};
	struct pair pair;
	const char *text = spaces_skip(conninfo);

	memset(database, 0, sizeof(*database));
	while (*text != '\0') {
		if ((text = pair_read(&pair, text)) == NULL) {
			*expected = "a connection string of key=value pairs";
			return -1;
		}
		/* As in libpq, the last of two counts. */
		pair_note(&look, database, &pair);
		text = spaces_skip(text);
	}
	if (look.hostaddr)
		database->local = false;
	if (!database->local)
		database->directory[0] = '\0';
	if (look.service)
		*expected = "a connection string without service=, "
			    "since fed-queued reads no file";
	else if (!look.user)
		*expected = "a connection string with user=NAME, since it is "
			    "never taken from the system user";
	else if (!look.host && !look.hostaddr)
		*expected = "a connection string with host=/DIRECTORY (or "
			    "hostaddr=ADDRESS), since it is never guessed";
	else if (!look.hostaddr && !look.numeric)
		*expected = "a connection string with hostaddr=ADDRESS beside "
			    "host=NAME, since no process resolves names";
	else
		return 0;
	return -1;
}
