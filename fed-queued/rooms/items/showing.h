/* SPDX-License-Identifier: ISC */
/*
 * Invitations that were taken and not shown, since it must not depend on it
 * whom we have as users how an item is answered: shown as soon as the invitee
 * is published, and has fewer than may wait for one.
 */
#ifndef TORFED_ROOMS_ITEMS_SHOWING_H
#define TORFED_ROOMS_ITEMS_SHOWING_H

#include "room/room_invite.h"

/* As the database has it. */
const char *showing_name(enum room_showing);
/* Somebody was published, or it is time to look. */
void showing_doorbell(void);

#endif
