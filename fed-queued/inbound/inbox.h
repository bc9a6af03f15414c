/* SPDX-License-Identifier: ISC */
/*
 * How full the inbox is: what was not acknowledged when it was last counted,
 * and what was stored since. So it is never less than what there is, but for
 * what other workers on the database stored since, and while the first count
 * after a start is under way. A count goes on in portions, a tenth of the time,
 * so that nothing waits for it; there is one a sweep, and none while the inbox
 * is empty.
 */
#ifndef TORFED_INBOUND_INBOX_H
#define TORFED_INBOUND_INBOX_H

#include <stddef.h>
#include <stdint.h>

void inbox_init(void);
/* Counts, unless a count is under way or there is nothing to count. */
void inbox_sweep(void);
/* The database is up again: counts in any case. */
void inbox_count(void);
/* One more was stored. */
void inbox_stored(void);
/* Messages that are waiting in it, as far as known. */
uint64_t inbox_messages(void);
/* How many more may be stored; what is being committed counts already. */
size_t inbox_space(void);

#endif
