/* SPDX-License-Identifier: ISC */
/* Which lanes of the queue have items. */
#ifndef TORFED_OUTBOUND_LANES_H
#define TORFED_OUTBOUND_LANES_H

struct peer;

/*
 * Which lanes have items: found() for each, then done(). At most one look at
 * a time; a call during one leads to another after it.
 */
void lanes_find(void (*found)(struct peer *, int lane), void (*done)(void));

#endif
