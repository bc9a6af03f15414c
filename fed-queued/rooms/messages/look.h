/* SPDX-License-Identifier: ISC */
/*
 * In which rooms messages wait for us: ours for their place, those of others
 * to be judged again.
 */
#ifndef TORFED_ROOMS_MESSAGES_LOOK_H
#define TORFED_ROOMS_MESSAGES_LOOK_H

#include "room/room_event.h"

/* The application has written messages. Also judges what is due. */
void messages_look(void);
/* For state_observe(): an event of that kind has changed the room's state. */
void messages_state_changed(const struct room_id *, enum room_kind);

#endif
