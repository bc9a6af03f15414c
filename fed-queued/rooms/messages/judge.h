/* SPDX-License-Identifier: ISC */
/*
 * Messages that were held, or taken without their state: judged again, a
 * portion at a time, in the room's turn.
 */
#ifndef TORFED_ROOMS_MESSAGES_JUDGE_H
#define TORFED_ROOMS_MESSAGES_JUDGE_H

#include "room/room_id.h"

/* The room's state has changed, or something in it was found disputed. */
void messages_judge(const struct room_id *);

#endif
