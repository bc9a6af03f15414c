/* SPDX-License-Identifier: ISC */
/* The one environment of this process, for all of its parts. */
#ifndef TORFED_FED_QUEUED_ENV_H
#define TORFED_FED_QUEUED_ENV_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "events/chanev.h"
#include "ipc/message.h"
#include "ipc/settings.h"
#include "proto/cert.h"

struct db;

struct queued {
	struct event_base *base;
	struct db *db;
	struct chanev *fedd;
	struct chanev *listener;
	struct chanev *signer;
	struct chanev *sender;
	struct settings settings;
	struct msg_go go;
	uid_t owner_uid;

	bool has_identity;
	struct msg_identity identity; /* ours, from fed-signer */
	struct cert certificate;      /* the same, parsed */
	char address[63];	      /* ours, with .onion */
	uint8_t incarnation[16];      /* UUID of this start */
	bool registered; /* this start is in the database, which is not
			  * older than the log of signatures */
};
extern struct queued env;

/* An address as logs show it (settings.log_servers): full, short, or "-". */
#define LOG_ADDRESS_SIZE 64
const char *log_address(char buf[LOG_ADDRESS_SIZE], const uint8_t key[32]);

#endif
