/* SPDX-License-Identifier: ISC */
/*
 * How full the inbox is: what was not acknowledged when it was last counted,
 * and what was stored since. So it is never less than what there is (but for
 * what other workers on the database stored since), and costs one count a
 * sweep, and none while it is empty.
 */
#ifndef TORFED_INBOX_H
#define TORFED_INBOX_H

#include <stddef.h>
#include <stdint.h>

#define INBOX_RETRY_S 30 /* what peers are told while it is full */

/* Counts now, unless that would be of no use or too much. */
void inbox_sweep(void);
/* The database is up again: counts in any case. */
void inbox_count(void);
/* One more was stored. */
void inbox_stored(void);
/* Messages that are waiting in it, as far as known. */
uint64_t inbox_messages(void);
/* How many more may be stored; what is being committed counts already. */
size_t inbox_room(void);

#endif
