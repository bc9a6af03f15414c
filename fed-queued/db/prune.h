/* SPDX-License-Identifier: ISC */
/*
 * What has grown old in the database: messages past their lifetime become dead
 * letters, and rows that nobody needs any more are removed, in portions so
 * small that nothing waits for them.
 */
#ifndef TORFED_DB_PRUNE_H
#define TORFED_DB_PRUNE_H

/* Once, at start. */
void prune_init(void);

#endif
