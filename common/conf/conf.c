/* SPDX-License-Identifier: ISC */
/*
 * fed.conf as a whole: defaults, reading the file, and the checks that need
 * more than one statement.
 */
#include <bsd/string.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf_setting.h"
#include "conf/parse.h"

#define DEFAULT_EMPTY "/var/lib/torfed/empty"

void
conf_defaults(struct conf *conf)
{
	const struct conf_setting *table;
	size_t count, i;

	memset(conf, 0, sizeof(*conf));
	strlcpy(conf->empty, DEFAULT_EMPTY, sizeof(conf->empty));
	strlcpy(conf->users[ROLE_LISTENER].name, "_fedlistener", 64);
	strlcpy(conf->users[ROLE_SIGNER].name, "_fedsigner", 64);
	strlcpy(conf->users[ROLE_SENDER].name, "_fedsender", 64);
	strlcpy(conf->users[ROLE_QUEUED].name, "_fedqueued", 64);
	conf->settings.control_group = -1;
	table = conf_setting_table(&count);
	for (i = 0; i < count; i++)
		*conf_setting_slot(&table[i], &conf->settings) = table[i].value;
}

static int
required_check(const struct conf *conf, FILE *errors)
{
	const struct {
		const char *statement;
		bool given;
	} required[] = {
	    {"keys", conf->keys[0] != '\0'},
	    {"signatures", conf->signatures[0] != '\0'},
	    {"listen", conf->listen[0] != '\0'},
	    {"control", conf->control[0] != '\0'},
	    {"socks", conf->socks[0] != '\0' || conf->socks_port != 0},
	    {"database", conf->database[0] != '\0'},
	};
	int result = 0;

	for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
		if (required[i].given)
			continue;
		parse_where(errors, (const void *const[]){NULL});
		fprintf(errors, "expected a statement \"%s\", found none\n",
		    required[i].statement);
		result = -1;
	}
	return result;
}

/* Settings that must agree with each other, and the lines that set them. */
static int
relations_check(const struct conf *conf, FILE *errors)
{
	const struct settings *s = &conf->settings;
	const struct relation {
		bool broken;
		const char *expected;
		const void *fields[5];
	} relations[] = {
	    {s->retry_min_ms > s->retry_max_ms,
		"\"retry minimum\" not above \"retry maximum\"",
		{&s->retry_min_ms, &s->retry_max_ms}},
	    {s->sender_idle > s->sender_connections,
		"\"sender idle\" not above \"sender connections\"",
		{&s->sender_idle, &s->sender_connections}},
	    {s->lease_ms <= s->connect_timeout_ms + s->message_timeout_ms ||
		    s->lease_ms <=
			s->connect_timeout_ms + s->handshake_timeout_ms,
		"\"queue lease\" above \"timeout connect\" and \"timeout "
		"handshake\" or \"timeout message\" together, or a claim "
		"would end before its attempt",
		{&s->lease_ms, &s->connect_timeout_ms, &s->message_timeout_ms,
		    &s->handshake_timeout_ms}},
	    {strcmp(conf->listen, conf->control) == 0 ||
		    strcmp(conf->listen, conf->socks) == 0 ||
		    strcmp(conf->control, conf->socks) == 0,
		"different sockets for listen, control and socks",
		{conf->listen, conf->control, conf->socks}},
	};

	for (size_t i = 0; i < sizeof(relations) / sizeof(relations[0]); i++) {
		if (!relations[i].broken)
			continue;
		parse_where(errors, relations[i].fields);
		fprintf(errors, "expected %s, found otherwise\n",
		    relations[i].expected);
		return -1;
	}
	return 0;
}

int
conf_load_text(struct conf *conf, const char *name, const char *text,
    size_t length, FILE *errors)
{
	conf_defaults(conf);
	if (parse_run(conf, name, text, length, errors) == -1 ||
	    required_check(conf, errors) == -1)
		return -1;
	return relations_check(conf, errors);
}

/* Whoever can write the file decides what runs, as which user. */
static int
file_check(int fd, const char *path, FILE *errors)
{
	struct stat st;

	if (fstat(fd, &st) == -1) {
		fprintf(errors, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	if (S_ISDIR(st.st_mode)) {
		fprintf(
		    errors, "%s: expected a file, found a directory\n", path);
		return -1;
	}
	if (!S_ISREG(st.st_mode))
		return 0; /* a pipe: whoever started us wrote it */
	if (st.st_uid != 0 && st.st_uid != geteuid()) {
		fprintf(errors,
		    "%s: expected a file that belongs to root or to the user "
		    "who runs, found that of user %lu\n",
		    path, (unsigned long)st.st_uid);
		return -1;
	}
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		fprintf(errors,
		    "%s: expected a file that only its owner may write, found "
		    "mode %04o\n",
		    path, (unsigned int)(st.st_mode & 07777));
		return -1;
	}
	return 0;
}

/* Whole, into memory of CONF_FILE_MAX + 1 bytes. */
static int
file_read(int fd, const char *path, char *text, size_t *length, FILE *errors)
{
	ssize_t count;

	*length = 0;
	while ((count = read(
		    fd, text + *length, CONF_FILE_MAX + 1 - *length)) != 0) {
		if (count == -1 && errno == EINTR)
			continue;
		if (count == -1) {
			fprintf(errors, "%s: %s\n", path, strerror(errno));
			return -1;
		}
		*length += (size_t)count;
		if (*length <= CONF_FILE_MAX)
			continue;
		fprintf(errors, "%s: expected at most %u bytes, found more\n",
		    path, CONF_FILE_MAX);
		return -1;
	}
	return 0;
}

int
conf_load(struct conf *conf, const char *path, FILE *errors)
{
	bool is_input = strcmp(path, "-") == 0;
	const char *name = is_input ? "stdin" : path;
	char *text = NULL;
	size_t length;
	int fd, result = -1;

	conf_defaults(conf);
	fd = is_input ? dup(STDIN_FILENO)
		      : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd == -1) {
		fprintf(errors, "%s: %s\n", name, strerror(errno));
		return -1;
	}
	if ((text = malloc(CONF_FILE_MAX + 1)) == NULL)
		fprintf(errors, "%s: out of memory\n", name);
	else if ((is_input || file_check(fd, name, errors) == 0) &&
		 file_read(fd, name, text, &length, errors) == 0)
		result = conf_load_text(conf, name, text, length, errors);
	if (text != NULL)
		explicit_bzero(text, CONF_FILE_MAX + 1);
	free(text);
	close(fd);
	return result;
}
