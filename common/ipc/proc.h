/* SPDX-License-Identifier: ISC */
/*
 * The start of a child process, the same in all of them. fedd forks and
 * executes the child with its channel on descriptor 3 and the log on
 * descriptor 2, and sends, in this order: MSG_START, MSG_SETTINGS,
 * MSG_DESCRIPTOR and MSG_CHANNEL as often as needed, MSG_SETUP_DONE. The child
 * drops privileges, enters its sandbox, answers MSG_READY, and begins to work
 * when MSG_GO says that all are ready.
 *
 * fed-signer starts in two steps, since another may still work and have the log
 * of signatures: at the first MSG_SETUP_DONE it has the key files, and says
 * with MSG_KEYS whose they are; then come its other descriptors, its channel,
 * and a second MSG_SETUP_DONE.
 */
#ifndef TORFED_PROC_H
#define TORFED_PROC_H

#include <stdbool.h>

#include "ipc/channel.h"
#include "ipc/message.h"
#include "ipc/settings.h"

#define PROC_CHANNEL_FD 3

struct proc {
	enum role self;
	struct channel *parent;
	int descriptors[DESCRIPTOR_COUNT]; /* -1: not given */
	int channels[ROLE_COUNT];	   /* -1: no such edge */
	struct msg_start start;
	struct settings settings;
	char database[DATABASE_SIZE]; /* fed-queued alone */
};

/*
 * Options (-l FORM, -v LEVEL), log, the check that descriptor 3 is a socket,
 * and everything up to MSG_SETUP_DONE. Exits with a message for a person who
 * starts the program by hand. Then chroot, user change and limits.
 */
void proc_start(struct proc *, enum role self, int argc, char *argv[]);
/* fed-signer: MSG_KEYS out, then everything up to the second MSG_SETUP_DONE,
 * however long that takes. */
void proc_keys(struct proc *, const struct msg_keys *);
/* MSG_READY out, MSG_GO in (blocking). Call it inside the sandbox. */
void proc_ready(struct proc *, struct msg_go *);

#endif
