/* SPDX-License-Identifier: ISC */
/* The answer of what judges an event or an item, once it is written. */
#ifndef TORFED_ROOMS_DONE_H
#define TORFED_ROOMS_DONE_H

#include <stdbool.h>

#include "room/room_verdict.h"

/*
 * ok false: the database did not answer, nothing is known, and verdict may be
 * NULL.
 */
typedef void (*room_done)(
    const struct room_verdict *verdict, bool ok, void *argument);

#endif
