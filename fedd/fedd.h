/* SPDX-License-Identifier: ISC */
/*
 * What the files of fedd share.
 */
#ifndef TORFED_FEDD_H
#define TORFED_FEDD_H

#include <sys/types.h>

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "conf/conf.h"

struct event_base;

/* Set once at start, before the sandbox; read by everybody. */
struct parent {
	struct conf conf;
	struct conf_database database;
	struct event_base *base;
	bool is_root;
	uid_t owner;		  /* who started fedd */
	enum log_level level;	  /* the children's, too */
	char directory[PATH_MAX]; /* of the programs */
	char programs[ROLE_COUNT][PATH_MAX];
	int null;   /* /dev/null */
	int listen; /* listening sockets, -1 before they are made */
	int control;
};

/* programs.c: finds the four programs; -1 after naming what is missing. */
int programs_find(struct parent *, const char *directory);

/*
 * sockets.c: makes both listening sockets, as their paths' only owner: -1
 * when another fedd has them or the place is not safe, after saying why. The
 * locks are held until the process ends.
 */
int sockets_open(struct parent *);

/*
 * keys.c: opens the signing key and the certificate for fed-signer, read-only,
 * without reading them. -1 after saying why not; then nothing is open.
 */
struct keys {
	int signing;
	int certificate;
};
int keys_open(struct keys *, const char *directory);

/* notify.c: tells the service manager, when there is one. */
void notify_connect(void);
void notify_send(const char *state); /* "READY=1" */

/* restart.c: how long to wait before the next generation, in ms. */
#define RESTART_PAUSE_MS 500 /* at most 1 s is allowed */
#define RESTART_YOUNG_MS 1000
#define RESTART_MAX_MS	 60000
/*
 * was_ready: the generation that ended had become ready, lived_ms after its
 * start. failures: how many in a row have not, it included.
 */
int64_t restart_delay_ms(
    bool was_ready, int64_t lived_ms, unsigned int failures);

#endif
