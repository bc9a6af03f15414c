/* SPDX-License-Identifier: ISC */
/*
 * Others look up our users. Whatever becomes of it, the work is the same as
 * far as possible: one call of the database, one answer.
 */
#ifndef TORFED_LOOKUP_IN_H
#define TORFED_LOOKUP_IN_H

#include <stdbool.h>
#include <stddef.h>

/* answer: of lookup.h, valid in the callback; NULL: the database failed. */
typedef void (*lookup_in_callback)(
    const char *answer, size_t length, void *argument);

/* payload: of a request that was checked. allowed: whether the asker may look
 * up. The callback comes once, perhaps before this returns. */
void lookup_in(const char *payload, size_t length, bool allowed,
    lookup_in_callback, void *argument);

#endif
