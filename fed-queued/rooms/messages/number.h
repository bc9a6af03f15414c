/* SPDX-License-Identifier: ISC */
/*
 * Messages of ours get their places, in the order in which they were written:
 * state number, epoch, sequence, and the digest of the message before; and
 * with that their payload.
 */
#ifndef TORFED_ROOMS_MESSAGES_NUMBER_H
#define TORFED_ROOMS_MESSAGES_NUMBER_H

#include "room/room_id.h"

/* Goes on, in the room's turn, until none is left. */
void messages_number(const struct room_id *);

#endif
