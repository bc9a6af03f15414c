/* SPDX-License-Identifier: ISC */
/*
 * One child process: its start, what it is told, and its end.
 */
#ifndef TORFED_FEDD_CHILD_H
#define TORFED_FEDD_CHILD_H

#include "events/chanev.h"
#include "fedd.h"
#include "ipc/message.h"
#include "ipc/reload.h"

struct child {
	enum role role;
	pid_t pid;	       /* 0: not running */
	struct chanev *chanev; /* NULL once it has closed its end */
	bool has_keys;	       /* fed-signer: has said whose they are: */
	struct msg_keys keys;
	bool is_ready;	/* has said so */
	bool has_go;	/* was told to begin */
	bool is_told;	/* to end: its death is no news */
	bool is_killed; /* by us, when it did not */
};

/* The siblings' ends of channels that one child gets; -1 none. */
struct edges {
	int fds[ROLE_COUNT];
};

/*
 * Forks, executes and sends everything up to MSG_SETUP_DONE; the edges are
 * taken over whatever happens. -1 after saying why not; nothing runs then.
 * fed-signer gets its key files by it, and no edge (NULL).
 */
int child_start(struct child *, const struct parent *, struct edges *,
    const struct chanev_handlers *);
/*
 * fed-signer's second step: the log of signatures, which no other may have any
 * more, and its edges, which are taken over whatever happens. -1 after saying
 * why not.
 */
int child_start_signer(struct child *, const struct parent *, struct edges *);
/* The running fed-signer's channel to a new fed-queued, which is taken over. */
void child_renew(struct child *, struct edges *);
/* The next file for what the running fed-signer signs; fd is taken over. */
void child_signatures(struct child *, int fd);
/* fed-queued is told what became of a reload. */
void child_reloaded(struct child *, enum reload);
void child_go(struct child *, uint32_t generation, int64_t started,
    const int32_t pids[ROLE_COUNT]);
void child_signal(struct child *, int signal);
/* Forgets a child that was waited for. */
void child_clear(struct child *);

#endif
