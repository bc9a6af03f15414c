/* SPDX-License-Identifier: ISC */
/* Which lanes of the queue have items. */
#ifndef TORFED_OUTBOUND_LANES_H
#define TORFED_OUTBOUND_LANES_H

#include <stdint.h>

struct peer;

/*
 * Which lanes have items: found() for each, then done(). At most one look at
 * a time; a call during one leads to another after it. newest: the highest
 * queue id of those that do not wait by themselves, 0 where due_ms tells of the
 * others: when the first is due, from now; -1 else.
 */
typedef void (*lanes_found)(
    struct peer *, int lane, int64_t newest, int64_t due_ms);
void lanes_find(lanes_found, void (*done)(void));

#endif
