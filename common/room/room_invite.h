/* SPDX-License-Identifier: ISC */
/*
 * Invitations as the invitee's server sees them: shown by the inviter's
 * server, with the event that the home signed. Trust decides how they are
 * shown; only the home decides whether one is good.
 */
#ifndef TORFED_ROOM_INVITE_H
#define TORFED_ROOM_INVITE_H

#include "proto/trust.h"
#include "room/room_event.h"
#include "room/room_verdict.h"

#define ROOM_PENDING_SERVER  10	 /* invitations that wait, an origin server */
#define ROOM_PENDING_INVITEE 100 /* the same, an invitee */

enum room_showing {
	ROOM_SHOW_QUARANTINE, /* for the admin to look at */
	ROOM_SHOW_PENDING,    /* the invitee decides */
	ROOM_SHOW_AUTOMATIC   /* joined without asking */
};

struct room_invite_facts {
	const uint8_t *self;   /* ONION_KEY bytes: ourselves */
	const uint8_t *origin; /* the server whose signature was verified */
	int origin_level;
	int home_level;	  /* -1 blocked, 0 also when it is not known */
	bool user_exists; /* the invitee is a user of ours */
	bool known;	  /* the same event was shown before */
	bool used;	  /* it was, and was accepted or declined */
	uint32_t pending_server;
	uint32_t pending_invitee;
	/* we are the home: the event that we have under its number, by its
	 * hash; NULL none */
	const uint8_t *own;
};

/*
 * event: kind invite, whose signature by the home's certificate was verified.
 * ROOM_TAKEN with how to show it; ROOM_KNOWN; ROOM_REFUSED: SPEAKER,
 * INVITE_UNKNOWN (not for a user of ours, or one that we as the home never
 * made), INVITE_EXPIRED, INVITE_USED, STATE_INVALID; ROOM_WAIT: INVITE_LIMIT.
 */
struct room_verdict room_invite_take(const struct room_event *,
    const struct room_invite_facts *, int64_t now, enum room_showing *);
/*
 * Whether an invitation that waits may be accepted: CODE_OK, INVITE_USED,
 * INVITE_EXPIRED, or HOME_UNTRUSTED while the home is below level 2; then it
 * goes on waiting. Acceptance is a request to the home; the home's join event
 * makes the member.
 */
enum code room_invite_accept(
    int64_t expires, bool used, int home_level, int64_t now);

#endif
