/* SPDX-License-Identifier: ISC */
/*
 * What the statements of fed.conf do: each checks its values and puts them
 * into struct conf, over whatever an earlier statement put there.
 */
#include <bsd/string.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf_setting.h"
#include "conf/conf_statement.h"
#include "conf/parse.h"

static const struct process {
	const char *name;
	enum role role;
} processes[] = {
    {"fed-listener", ROLE_LISTENER},
    {"fed-signer", ROLE_SIGNER},
    {"fed-sender", ROLE_SENDER},
    {"fed-queued", ROLE_QUEUED},
};

/* What was found, in quotes: printable ASCII only, long text is cut. */
static const char *
quoted(const char *text)
{
	static char buf[80];

	snprintf(buf, sizeof(buf), "\"%.64s\"%s", text,
	    strlen(text) > 64 ? "..." : "");
	for (char *byte = buf; *byte != '\0'; byte++) {
		if (*byte < ' ' || *byte > '~')
			*byte = '?';
	}
	return buf;
}

/* Lists are built up to their size, which is asserted by the tests. */
static void
list_add(char *list, size_t size, const char *name, const char *separator)
{
	if (list[0] != '\0')
		strlcat(list, separator, size);
	strlcat(list, name, size);
}

/*
 * Copies text that fits, and clears what an earlier statement left behind it.
 */
static void
text_copy(char *to, size_t size, const char *text)
{
	memset(to, 0, size);
	memcpy(to, text, strlen(text));
}

static int
path_copy(char path[CONF_PATH_SIZE], const char *text, unsigned int line)
{
	if (text[0] != '/') {
		parse_error(line, quoted(text), "an absolute path");
		return -1;
	}
	if (strlen(text) >= CONF_PATH_SIZE) {
		parse_error(line, "a longer one", "a path of at most %d bytes",
		    CONF_PATH_SIZE - 1);
		return -1;
	}
	text_copy(path, CONF_PATH_SIZE, text);
	return 0;
}

void
statement_directory(
    char path[CONF_PATH_SIZE], const char *text, unsigned int line)
{
	(void)path_copy(path, text, line);
}

static int
socket_copy(char path[CONF_PATH_SIZE], const char *text, unsigned int line)
{
	if (strlen(text) > CONF_SOCKET_MAX) {
		parse_error(line, "a longer one",
		    "a socket's path of at most %d bytes", CONF_SOCKET_MAX);
		return -1;
	}
	if (text[0] == '/' && text[strlen(text) - 1] == '/') {
		parse_error(line, quoted(text),
		    "the path of a socket, which does not end with a slash");
		return -1;
	}
	return path_copy(path, text, line);
}

void
statement_listen(
    struct conf *conf, const char *path, bool proxy, unsigned int line)
{
	if (socket_copy(conf->listen, path, line) == -1)
		return;
	conf->settings.proxy_line = proxy;
	parse_said(conf->listen, line);
}

static int
name_copy(char name[64], const char *text, const char *what, unsigned int line)
{
	size_t length = strlen(text);

	if (length == 0 || length >= 64) {
		parse_error(line, quoted(text),
		    "a %s's name of 1 to 63 bytes, or its number", what);
		return -1;
	}
	text_copy(name, 64, text);
	return 0;
}

void
statement_control(
    struct conf *conf, const char *path, const char *group, unsigned int line)
{
	if (socket_copy(conf->control, path, line) == -1)
		return;
	parse_said(conf->control, line);
	text_copy(conf->control_group, sizeof(conf->control_group), "");
	if (group != NULL)
		(void)name_copy(conf->control_group, group, "group", line);
}

void
statement_socks_path(struct conf *conf, const char *path, unsigned int line)
{
	if (socket_copy(conf->socks, path, line) == -1)
		return;
	parse_said(conf->socks, line);
	text_copy(conf->socks_address, sizeof(conf->socks_address), "");
	conf->socks_port = 0;
}

void
statement_socks_tcp(
    struct conf *conf, const char *address, const char *port, unsigned int line)
{
	const char *digits = port;
	unsigned long number;

	if (strcmp(address, "127.0.0.1") != 0 && strcmp(address, "::1") != 0) {
		parse_error(line, quoted(address), "127.0.0.1 or ::1");
		return;
	}
	while (*digits >= '0' && *digits <= '9')
		digits++;
	number = *digits == '\0' ? strtoul(port, NULL, 10) : 0;
	if (number < 1 || number > 65535) {
		parse_error(line, quoted(port), "a port from 1 to 65535");
		return;
	}
	text_copy(conf->socks_address, sizeof(conf->socks_address), address);
	conf->socks_port = (uint16_t)number;
	text_copy(conf->socks, sizeof(conf->socks), "");
}

void
statement_database(struct conf *conf, const char *text, unsigned int line)
{
	struct conf_database look;
	const char *expected;

	if (strlen(text) > CONF_DATABASE_MAX) {
		parse_error(line, "a longer one",
		    "a connection string of at most %d bytes",
		    CONF_DATABASE_MAX);
		return;
	}
	if (conf_database_look(&look, text, &expected) == -1) {
		parse_error(line, "none", "%s", expected);
		return;
	}
	text_copy(conf->database, sizeof(conf->database), text);
}

void
statement_user(struct conf *conf, const char *process, const char *name,
    const char *group, unsigned int line)
{
	struct conf_user *user, old;
	size_t i;

	for (i = 0; i < sizeof(processes) / sizeof(processes[0]); i++) {
		if (strcmp(processes[i].name, process) == 0)
			break;
	}
	if (i == sizeof(processes) / sizeof(processes[0])) {
		parse_error(line, quoted(process),
		    "fed-listener, fed-signer, fed-sender or fed-queued");
		return;
	}
	user = &conf->users[processes[i].role];
	old = *user;
	text_copy(user->group, sizeof(user->group), "");
	if (name_copy(user->name, name, "user", line) == -1 ||
	    (group != NULL &&
		name_copy(user->group, group, "group", line) == -1))
		*user = old;
	parse_said(user, line);
}

bool
statement_group_exists(const char *group)
{
	const struct conf_setting *table;
	size_t count, i;

	table = conf_setting_table(&count);
	for (i = 0; i < count; i++) {
		if (strcmp(table[i].group, group) == 0)
			return true;
	}
	return false;
}

void
statement_unknown(unsigned int line, const char *found)
{
	const struct conf_setting *table;
	char list[256] =
	    "keys, signatures, listen, control, socks, database, chroot, user";
	size_t count, i;

	table = conf_setting_table(&count);
	for (i = 0; i < count; i++) {
		/* The table's groups stand together. */
		if ((i == 0 ||
			strcmp(table[i].group, table[i - 1].group) != 0) &&
		    strcmp(table[i].group, "database") != 0)
			list_add(list, sizeof(list), table[i].group, ", ");
	}
	parse_error(line, found, "a statement (%s)", list);
}

static void
name_unknown(const char *group, const char *name, unsigned int line)
{
	const struct conf_setting *table;
	char list[256] = "";
	size_t count, i;

	table = conf_setting_table(&count);
	for (i = 0; i < count; i++) {
		if (strcmp(table[i].group, group) == 0)
			list_add(list, sizeof(list), table[i].name, ", ");
	}
	parse_error(line, name == NULL ? "the end of the line" : quoted(name),
	    "a setting of \"%s\" (%s)", group, list);
}

static const struct conf_setting *
setting_find(const char *group, const char *name)
{
	const struct conf_setting *table;
	size_t count, i;

	table = conf_setting_table(&count);
	for (i = 0; i < count; i++) {
		if (strcmp(table[i].group, group) == 0 &&
		    strcmp(table[i].name, name) == 0)
			return &table[i];
	}
	return NULL;
}

void
statement_setting(struct conf *conf, const char *group, const char *name,
    const char *value, unsigned int line)
{
	const struct conf_setting *setting;
	char expected[CONF_SETTING_TEXT_SIZE];
	int64_t number;

	if (!statement_group_exists(group)) {
		statement_unknown(line, quoted(group));
		return;
	}
	if (name == NULL || (setting = setting_find(group, name)) == NULL) {
		name_unknown(group, name, line);
		return;
	}
	if (conf_setting_parse(
		setting, value == NULL ? "" : value, &number, expected) == -1) {
		parse_error(line,
		    value == NULL ? "the end of the line" : quoted(value),
		    "%s after \"%s %s\"", expected, group, name);
		return;
	}
	*conf_setting_slot(setting, &conf->settings) = number;
	parse_said(conf_setting_slot(setting, &conf->settings), line);
}
