/* SPDX-License-Identifier: ISC */
/*
 * What the files of fedd share.
 */
#ifndef TORFED_FEDD_FEDD_H
#define TORFED_FEDD_FEDD_H

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

#endif
