/* SPDX-License-Identifier: ISC */
/*
 * Generations: the four children as one thing that starts and ends together.
 */
#ifndef TORFED_FEDD_GENERATION_H
#define TORFED_FEDD_GENERATION_H

#include "fedd.h"

/* parent must outlive everything. */
void generation_init(struct parent *);
void generation_start(void);
/* The key files anew: if they are good, another fed-signer and generation; when
 * it is not the time for it, later. */
void generation_reload(void);
/* Waits for children that have died; call it on SIGCHLD. */
void generation_reap(void);
/* Stops all children, then the event loop. */
void generation_end(void);

#endif
