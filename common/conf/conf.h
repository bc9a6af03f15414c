/* SPDX-License-Identifier: ISC */
/*
 * fed.conf(5): read by fedd (and by fedd -n, without privileges).
 */
#ifndef TORFED_CONF_H
#define TORFED_CONF_H

#include <sys/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "ipc/channel.h"
#include "ipc/settings.h"

#define CONF_PATH_SIZE	  512
#define CONF_SOCKET_MAX	  107		/* bytes of a unix socket's path */
#define CONF_FILE_MAX	  (256U * 1024) /* bytes of the file */
/* Bytes of a connection string; what is left of DATABASE_SIZE is ours, to
 * name the socket's directory as seen after chroot(2). */
#define CONF_DATABASE_MAX (DATABASE_SIZE - 16)
#define CONF_ERRORS_MAX	  20 /* then the parser gives up */

struct conf_user {
	char name[64];	/* as written; a name or a number */
	char group[64]; /* "" the user's own */
	uid_t uid;	/* set by conf_resolve() */
	gid_t gid;
};

struct conf {
	char keys[CONF_PATH_SIZE];	 /* directory of the key files */
	char signatures[CONF_PATH_SIZE]; /* of the log of signatures */
	char listen[CONF_PATH_SIZE];	 /* unix socket for tor */
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
 * was one. Later statements replace earlier ones. A file that others than root
 * and the user who runs could change is refused.
 */
int conf_load(struct conf *, const char *path, FILE *errors);
/* The same on text in memory; name stands for the file in errors. */
int conf_load_text(struct conf *, const char *name, const char *text,
    size_t length, FILE *errors);
/* Prints a configuration that parses to the same again; the database's
 * connection string with it, as written. */
void conf_print(const struct conf *, FILE *);
/*
 * Looks up the control socket's group and, as root, users and groups, in the
 * configuration that was loaded last; -1 with a line each. As root the four
 * users must exist, differ, and not be root.
 */
int conf_resolve(struct conf *, FILE *errors);

/* What a look at the connection string tells; libpq itself is not asked. */
struct conf_database {
	bool local;    /* host is one absolute directory, and no hostaddr */
	bool password; /* it holds one */
	char directory[CONF_PATH_SIZE]; /* of the socket, when local */
};
/* 0, or -1 and *expected what it lacks (never a part of the string). */
int conf_database_look(
    struct conf_database *, const char *conninfo, const char **expected);

#endif
