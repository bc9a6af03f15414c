/* SPDX-License-Identifier: ISC */
/* The commands that ask fed-queued. */
#ifndef TORFED_FEDCTL_CONTROL_H
#define TORFED_FEDCTL_CONTROL_H

struct parsed;

/* Fails or returns. */
void control_run(const struct parsed *);

#endif
