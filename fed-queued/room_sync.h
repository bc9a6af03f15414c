/* SPDX-License-Identifier: ISC */
/*
 * server_sync: heads exchanged with the servers that we share rooms with, and
 * what one lacks asked for and given.
 */
#ifndef TORFED_ROOM_SYNC_H
#define TORFED_ROOM_SYNC_H

#include "room_id.h"

/* We lack something of the room: its heads are exchanged with that server
 * soon. peer: NULL for the room's home. */
void room_sync_soon(const struct room_id *, const uint8_t *peer);
/* Heads are exchanged with those that it is time for. */
void room_sync_doorbell(void);

#endif
