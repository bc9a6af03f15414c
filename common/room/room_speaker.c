/* SPDX-License-Identifier: ISC */
/* Who may speak for whom; see room_speaker.h. */
#include <string.h>

#include "room/room_speaker.h"

enum home_is { HOME_ANY, HOME_SELF, HOME_ORIGIN };

static const struct {
	bool own_user;	   /* the user must be the origin's */
	enum home_is home; /* who must be the room's home */
} acts[] = {
    [ROOM_ACT_MESSAGE] = {true, HOME_ANY},
    [ROOM_ACT_INVITE_REQUEST] = {true, HOME_SELF},
    [ROOM_ACT_JOIN_REQUEST] = {true, HOME_SELF},
    [ROOM_ACT_LEAVE_REQUEST] = {true, HOME_SELF},
    [ROOM_ACT_INVITATION] = {true, HOME_ANY},
    [ROOM_ACT_STATE] = {false, HOME_ORIGIN},
};

enum code
room_speaker_check(enum room_act act, const struct room_id *room,
    const uint8_t origin[ONION_KEY], const uint8_t self[ONION_KEY],
    const struct room_user *user)
{
	if ((unsigned int)act >= sizeof(acts) / sizeof(acts[0]))
		return CODE_SPEAKER;
	if (acts[act].own_user && memcmp(user->server, origin, ONION_KEY) != 0)
		return CODE_SPEAKER;
	if (acts[act].home == HOME_SELF &&
	    memcmp(room->home, self, ONION_KEY) != 0)
		return CODE_NOT_HOME;
	if (acts[act].home == HOME_ORIGIN &&
	    memcmp(room->home, origin, ONION_KEY) != 0)
		return CODE_NOT_HOME;
	return CODE_OK;
}
