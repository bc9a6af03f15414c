/* SPDX-License-Identifier: ISC */
/*
 * Key files that are new while the suite runs: a fed-signer that starts beside
 * the one that works, and is to take its place.
 */
#ifndef TORFED_FEDD_RELOAD_H
#define TORFED_FEDD_RELOAD_H

#include <stdbool.h>

#include "child.h"

/* ended: called when a reload has ended, at once or later. */
void reload_init(const struct parent *, void (*ended)(enum reload));
/* Opens the key files anew; present: the keys in use. */
void reload_begin(const struct msg_keys *present);
/* Another cannot begin yet. */
bool reload_runs(void);
/* RELOAD_DONE was said, and the one that it was said of waits. */
bool reload_good(void);
/* That one becomes signer, with these handlers; or nothing, if it has died. */
void reload_take(struct child *signer, const struct chanev_handlers *);
/* The process that was begun; its pid is 0 when there is none. */
struct child *reload_child(void);
/* It has died, and was waited for; true: another may begin. */
void reload_died(void);

#endif
