/* SPDX-License-Identifier: ISC */
/*
 * A room's state: the transition from one event to the next, the same on
 * every server. It depends on the chain alone, never on the clock or on trust,
 * so servers that have the same events have the same members.
 *
 * Nothing is looked up here: the caller brings the rows that an event is
 * about, and writes what the effect says in the same transaction.
 */
#ifndef TORFED_ROOM_STATE_H
#define TORFED_ROOM_STATE_H

#include "room/room_event.h"
#include "room/room_verdict.h"

struct room_state {
	struct room_id room;
	int64_t number;		 /* of the last event applied; 0 none */
	uint8_t hash[ROOM_HASH]; /* of its text; zeros at number 0 */
	int64_t timestamp;	 /* its own; 0 at number 0 */
	int64_t closed;		 /* the closing event's number; 0 open */
	/*
	 * Lowest number for which the home signed two events, or one that
	 * breaks the rules; 0 none. The room is frozen at the number before.
	 */
	int64_t disputed;
	bool require_invite;
	bool federated;
	bool restricted; /* only servers on the list */
};

/*
 * A user's membership from one event to another. joined 0: never a member.
 * joined == left: an invitation was taken back.
 */
struct room_member {
	int64_t joined; /* number of the event */
	int64_t left;	/* the same; 0 still a member */
};

struct room_invitation {
	uint8_t nonce[ROOM_NONCE];
	int64_t number; /* of the invite event */
	int64_t expires;
	int64_t used; /* number of the join; 0 not */
	struct room_user inviter;
	struct room_user invitee;
};

/* What the chain so far says about those whom an event names. */
struct room_facts {
	/* hash of the event that we have under the same number; NULL none */
	const uint8_t *known;
	struct room_member user;    /* the last membership of content.user */
	struct room_member inviter; /* of content.inviter */
	/* the one with content.nonce; NULL none */
	const struct room_invitation *invitation;
	/* number of the newest invitation of content.user that is not used;
	 * 0 none */
	int64_t invited;
	/* content.user.server is on the list of allowed servers; looked at
	 * only when the state is restricted */
	bool listed;
	/* servers beside the home that have a member, and whether
	 * content.user.server has */
	uint32_t servers;
	bool server_in;
};

/* What an event does to the rows of members. */
enum room_change {
	ROOM_MEMBERS_SAME,
	ROOM_MEMBERS_ADD,	/* content.user: a row {number, 0} */
	ROOM_MEMBERS_END,	/* content.user: left = number */
	ROOM_MEMBERS_TAKE_BACK, /* content.user: a row {number, number} */
	/* every member whose server is neither the home nor on the new list */
	ROOM_MEMBERS_END_UNLISTED,
	ROOM_MEMBERS_END_REMOTE, /* every member of another server */
	ROOM_MEMBERS_END_ALL
};

struct room_effect {
	enum room_change members;
	bool invitation_add;  /* content's nonce, inviter, user, expires */
	bool invitation_used; /* facts' invitation: used = number */
	bool servers_set;     /* the list becomes that of the payload */
};

/*
 * The rules alone, as for the next event of the chain, in the order of the
 * table in federation(7), "State": CODE_OK, or the first that it breaks
 * (NOT_MEMBER, SPEAKER, ROOM_CLOSED, SERVER_EXCLUDED, ROOM_FULL, INVITE_*,
 * STATE_INVALID). Times are compared with the chain's own alone.
 */
enum code room_state_rules(const struct room_state *, const struct room_event *,
    const struct room_facts *);
/*
 * An event whose signature by the home was verified. With ROOM_TAKEN the state
 * is the new one and effect says what else to write. ROOM_KNOWN: we have it.
 * ROOM_WAIT, STATE_GAP: from..to are missing; STATE_AHEAD: it is good, but
 * over 24 hours ahead of now. ROOM_REFUSED, ROOM_FROZEN.
 * ROOM_CONFLICT, STATE_CONFLICT: the home signed two histories, which differ
 * at from or before; STATE_INVALID: it signed what breaks the rules; the state
 * is then frozen already, and what we had and what came is the evidence. Only
 * a good event waits for the clock: what freezes a room depends on none.
 */
struct room_verdict room_state_apply(struct room_state *,
    const struct room_event *, const struct room_facts *, int64_t now,
    struct room_effect *);
/* Freezes below number, unless it is frozen lower. Only on evidence. */
void room_state_dispute(struct room_state *, int64_t number);
/* The last number that stands: what new messages are written under. */
int64_t room_state_last(const struct room_state *);
/*
 * The last number that another server is told of and given, if we have it; 0
 * none. The home, a server that has a member and one that had a member when the
 * room was closed get all; one that had members before gets what was decided
 * until the last of them went. last: the last membership of any of its users,
 * preferring one that has not ended.
 */
int64_t room_state_shown(
    const struct room_state *, const struct room_member *last, bool home);
/*
 * Whether two events that the home signed contradict each other: the number in
 * dispute, else 0. Two events of one number, or one that names another
 * predecessor than the one of the number before.
 */
int64_t room_state_contradiction(
    const struct room_event *, const struct room_event *);

#endif
