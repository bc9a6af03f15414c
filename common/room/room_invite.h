/* SPDX-License-Identifier: ISC */
/*
 * Invitations as the invitee's server sees them: shown by the inviter's
 * server, with the event that the home signed. Trust decides how they are
 * shown; only the home decides whether one is good.
 *
 * A server that may not look users up is answered alike whether the invitee
 * is a user of ours or not, and whatever became of it. So an invitation to
 * nobody is taken like any other, and is shown if such a user is published
 * before it expires.
 */
#ifndef TORFED_ROOM_INVITE_H
#define TORFED_ROOM_INVITE_H

#include "proto/trust.h"
#include "room/room_event.h"
#include "room/room_verdict.h"

#define ROOM_PENDING_SERVER  10	 /* invitations of an origin server */
#define ROOM_PENDING_INVITEE 100 /* those that an invitee is shown */

enum room_showing {
	ROOM_SHOW_QUARANTINE, /* for the admin to look at */
	ROOM_SHOW_PENDING,    /* the invitee decides */
	ROOM_SHOW_AUTOMATIC   /* joined without asking */
};

struct room_invite_facts {
	const uint8_t *self;   /* ONION_KEY bytes: ourselves */
	const uint8_t *origin; /* the server whose signature was verified */
	int origin_level;
	int home_level; /* -1 blocked, 0 also when it is not known */
	/* the origin may look up users of ours, and a token of its look-ups
	 * is left */
	bool looks_up;
	bool user_exists; /* the invitee is a user of ours, and not hidden */
	bool known;	  /* the same event was shown, whatever became of it */
	bool other;	  /* another event was, with its nonce */
	/* of the origin's, and not expired: those of which it cannot see that
	 * they have ended, and those that wait for an admin or the invitee */
	uint32_t open_server;
	uint32_t waiting_server;
	/* those that were shown to the invitee, and wait */
	uint32_t waiting_invitee;
	/* we are the home: the event that we have under its number, by its
	 * hash; NULL none */
	const uint8_t *own;
};

struct room_invite_effect {
	enum room_showing showing;
	/* with ROOM_TAKEN: show it now; else it is shown later, if there is
	 * somebody to show it to */
	bool at_once;
	bool costs; /* the answer takes a token of the origin's look-ups */
	/* with ROOM_TAKEN: of the facts' numbers as many at most, whatever has
	 * come meanwhile; 0: any number */
	uint32_t open_most;
	uint32_t waiting_most;
};

/*
 * How one is shown that waited: until there was somebody to show it to, or
 * there were fewer. An admin has released it, or it needed none when it came.
 */
enum room_showing room_invite_late(int origin_level, int home_level);
/*
 * event: kind invite, whose signature by the home's certificate was verified.
 * ROOM_TAKEN with how to show it; ROOM_KNOWN; ROOM_REFUSED: SPEAKER,
 * INVITE_UNKNOWN (not for us, or one that we as the home never made; and, for
 * an origin that looks up, not for a user of ours), INVITE_EXPIRED,
 * STATE_INVALID; ROOM_WAIT: INVITE_LIMIT.
 */
struct room_verdict room_invite_take(const struct room_event *,
    const struct room_invite_facts *, int64_t now, struct room_invite_effect *);
/*
 * Whether an invitation that waits may be accepted: CODE_OK, INVITE_USED,
 * INVITE_EXPIRED, or HOME_UNTRUSTED while the home is below level 2; then it
 * goes on waiting. Acceptance is a request to the home; the home's join event
 * makes the member.
 */
enum code room_invite_accept(
    int64_t expires, bool used, int home_level, int64_t now);

#endif
