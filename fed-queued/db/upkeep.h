/* SPDX-License-Identifier: ISC */
/*
 * Upkeep: rows that nobody needs any more are removed from the database, in
 * portions so small that nothing waits for them.
 */
#ifndef TORFED_UPKEEP_H
#define TORFED_UPKEEP_H

/* Once, at start. */
void upkeep_init(void);

#endif
