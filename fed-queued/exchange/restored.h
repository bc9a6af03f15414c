/* SPDX-License-Identifier: ISC */
/* Whether the database was put back to a backup; see room_restore.h. */
#ifndef TORFED_EXCHANGE_RESTORED_H
#define TORFED_EXCHANGE_RESTORED_H

#include <stdbool.h>

/* ok false: the database failed, to be asked again. */
typedef void (*restored_callback)(bool ok, bool restored);

/*
 * Compares the database's mark with the signer's log and with what was signed
 * since. When the database is older, a new epoch has begun in it when the
 * callback comes. One at a time; who we are must be known.
 */
void restored_check(restored_callback);

#endif
