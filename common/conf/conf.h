/*
 * fed.conf(5): read by fedd (and by fedd -n, without privileges).
 */
#ifndef TORFED_CONF_H
#define TORFED_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "channel.h"
#include "settings.h"

#define CONF_PATH_SIZE	512
#define CONF_SOCKET_MAX 107 /* bytes of a unix socket's path */

struct conf_user {
	char name[64];	/* as written; a name or a number */
	char group[64]; /* "" the user's own */
	uid_t uid;	/* set by conf_resolve() */
	gid_t gid;
};

struct conf {
	char keys[CONF_PATH_SIZE];   /* directory of the key files */
	char listen[CONF_PATH_SIZE]; /* unix socket for tor */
	char control[CONF_PATH_SIZE];
	char control_group[64];	    /* "" none; name or number */
	char socks[CONF_PATH_SIZE]; /* tor's SOCKS socket, or "" */
	char socks_address[64];	    /* 127.0.0.1 or ::1, or "" */
	uint16_t socks_port;
	char database[DATABASE_SIZE];
	char empty[CONF_PATH_SIZE];	    /* chroot: an empty directory */
	struct conf_user users[ROLE_COUNT]; /* the four children */
	struct settings settings;
};

void conf_defaults(struct conf *);
/*
 * Parses path ("-" standard input) over the defaults. Errors go to errors as
 * "file:line: expected ..., found ...", each on a line. 0, or -1 when there
 * was one. Later statements replace earlier ones.
 */
int conf_load(struct conf *, const char *path, FILE *errors);
/* Prints a configuration that parses to the same again. */
void conf_print(const struct conf *, FILE *);
/* Looks up users and groups (needed as root only); -1 with a line each. */
int conf_resolve(struct conf *, FILE *errors);

/* One line of the table of numbers: statement, unit, bounds, default. */
enum setting_kind {
	SETTING_NUMBER,
	SETTING_TIME_MS,
	SETTING_TIME_S,
	SETTING_CHOICE
};
struct setting {
	const char *group; /* "limit", "rate", "timeout", ... */
	const char *name;  /* "connections" */
	size_t offset;	   /* into struct settings */
	enum setting_kind kind;
	int64_t minimum;
	int64_t maximum;
	int64_t value;		    /* default */
	const char *const *choices; /* SETTING_CHOICE: names, NULL ends */
};
const struct setting *settings_table(size_t *count);

#endif
