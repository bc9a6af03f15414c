/* SPDX-License-Identifier: ISC */
/*
 * Who may speak for whom, in one function: a server speaks for its own users
 * and for nobody else's; a request about a room's state goes to the room's
 * home; and what a home decided is signed by that home.
 */
#ifndef TORFED_ROOM_SPEAKER_H
#define TORFED_ROOM_SPEAKER_H

#include "room/room_id.h"

enum room_act {
	ROOM_ACT_MESSAGE,	 /* user: the sender */
	ROOM_ACT_INVITE_REQUEST, /* user: the inviter; we are asked as home */
	ROOM_ACT_JOIN_REQUEST,	 /* user: who joins; the same */
	ROOM_ACT_LEAVE_REQUEST,	 /* user: who leaves; the same */
	ROOM_ACT_INVITATION,	 /* user: the inviter; shown to us */
	ROOM_ACT_STATE		 /* a state event; user: not looked at */
};

/*
 * origin: the server whose signature was verified; with ROOM_ACT_STATE that is
 * the signer of the event, whoever carried it. self: ourselves. CODE_OK,
 * SPEAKER, or NOT_HOME (we are not, or the event's signer is not).
 */
enum code room_speaker_check(enum room_act, const struct room_id *,
    const uint8_t origin[ONION_KEY], const uint8_t self[ONION_KEY],
    const struct room_user *user);

#endif
