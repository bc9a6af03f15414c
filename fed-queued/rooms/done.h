/* SPDX-License-Identifier: ISC */
/* How one event or item that was judged comes back to who gave it in. */
#ifndef TORFED_ROOM_DONE_H
#define TORFED_ROOM_DONE_H

#include <stdbool.h>

#include "room/room_verdict.h"

/*
 * ok false: the database did not answer, nothing is known, and verdict may be
 * NULL.
 */
typedef void (*room_done)(
    const struct room_verdict *verdict, bool ok, void *argument);

#endif
