/* SPDX-License-Identifier: ISC */
/*
 * Rooms whose home we are, one event after the other: what was decided is
 * signed and applied before the next wish is decided.
 */
#ifndef TORFED_ROOM_WISHES_H
#define TORFED_ROOM_WISHES_H

#include "room/room_id.h"

/* The application has wishes, or there are events to be signed. */
void requests_doorbell(void);
/* The same, in that room. */
void requests_soon(const struct room_id *);
/* As above; run(argument) follows once the room's next event is applied, or
 * nothing is under way any more. */
void requests_wait(const struct room_id *, void (*run)(void *), void *argument);

#endif
