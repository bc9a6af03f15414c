/* SPDX-License-Identifier: ISC */
/*
 * Other servers look up our users. Whether the user exists or not, as far as
 * possible the same is done, so that the time tells nothing: one call of the
 * database, one answer.
 */
#ifndef TORFED_USERS_LOOKUP_IN_H
#define TORFED_USERS_LOOKUP_IN_H

#include <stdbool.h>
#include <stddef.h>

/* answer: of json/lookup.h, valid in the callback; NULL: the database
 * failed. */
typedef void (*lookup_in_callback)(
    const char *answer, size_t length, void *argument);

/* payload: of a request that was checked. allowed: whether the server that asks
 * may look up. The callback comes once, perhaps before this returns. */
void lookup_in(const char *payload, size_t length, bool allowed,
    lookup_in_callback, void *argument);

#endif
