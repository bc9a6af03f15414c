/* SPDX-License-Identifier: ISC */
/*
 * The commands that attach and detach a chat database; each fails or returns.
 */
#ifndef TORFED_FEDCTL_ATTACH_H
#define TORFED_FEDCTL_ATTACH_H

struct parsed;

void attach_run(const struct parsed *);
void attach_undo(const struct parsed *);

#endif
