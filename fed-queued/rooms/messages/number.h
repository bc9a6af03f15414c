/* SPDX-License-Identifier: ISC */
/*
 * Messages of ours get their places: state number, epoch, sequence and what
 * stood before, and then their payload, in the order in which they were
 * written.
 */
#ifndef TORFED_ROOM_NUMBER_H
#define TORFED_ROOM_NUMBER_H

#include "room/room_id.h"

/* In the room's turn, as often as there are any. */
void messages_number(const struct room_id *);

#endif
