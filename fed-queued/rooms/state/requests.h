/* SPDX-License-Identifier: ISC */
/*
 * Rooms whose home we are, one event after the other: what was decided is
 * signed and applied before the next request of our own chat server is
 * decided.
 */
#ifndef TORFED_ROOMS_STATE_REQUESTS_H
#define TORFED_ROOMS_STATE_REQUESTS_H

#include "room/room_id.h"

/* The application has written requests, or there are events to be signed. */
void requests_doorbell(void);
/* The same, in that room. */
void requests_soon(const struct room_id *);
/*
 * As above; run(argument) follows once the room's next event is applied, or
 * when there is nothing to be done in the room any more.
 */
void requests_wait(const struct room_id *, void (*run)(void *), void *argument);

#endif
