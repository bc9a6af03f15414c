/* SPDX-License-Identifier: ISC */
/*
 * Messages in rooms: a message goes from its sender's server to every server
 * that has a member, and says under which state it was written. The receiver
 * judges it by that state, so that all come to the same verdict.
 */
#ifndef TORFED_ROOM_MESSAGE_H
#define TORFED_ROOM_MESSAGE_H

#include "room/room_state.h"
#include "room/room_stream.h"

#define ROOM_LATE_S   3600 /* after learning that the sender, or we, went */
#define ROOM_HOLD_S   3600 /* a message waits for the state it needs */
/* Nothing of ours is sent that is older: others forget ids after 45 days. */
#define ROOM_SENT_S   (30 * 24 * 3600)
/* So long those are waited for that may have what its origin gives no more. */
#define ROOM_LOST_S   (24 * 3600)
#define ROOM_HELD_MAX 1000 /* of a room */
#define ROOM_HELD_SERVER \
	250 /* of them from one server, so that nobody
			       * takes all for numbers that do not exist */

struct room_message {
	struct room_id room;
	struct room_user sender;
	int64_t state_number; /* 1 to 2^53-1 */
	int64_t epoch;
	int lane;
	struct room_place place;
};

struct room_message_facts {
	/* the sender's last membership that began at or before the message's
	 * state number */
	struct room_member member;
	int64_t left_learned; /* when we applied the event member.left */
	bool server_seen;     /* the origin has or had a member */
	bool here;	      /* one of ours is a member and has not left */
	bool here_then; /* one was a member at the message's state number */
	/* kind of the event by which the last of ours went; ROOM_KINDS: one is
	 * a member still, or none ever was */
	enum room_kind out;
	int64_t out_learned; /* when we applied it */
	/* one of ours waits for the home to let them in; or we were restored
	 * and have not heard from the home since */
	bool joining;
	uint32_t held;	      /* messages held in this room */
	uint32_t held_server; /* of them from this origin */
	/* the lowest of the ROOM_EPOCHS_MAX highest epochs of this origin in
	 * this room; 0 while there are fewer */
	int64_t floor;
	struct room_beside beside;
};

/*
 * Whether something of an epoch counts. EXPIRED: the origin has left it behind,
 * and what comes of it is settled, not new; SEQUENCE_AHEAD: it lies too far
 * ahead of the clock for anybody.
 */
enum code room_epoch_check(int64_t epoch, int64_t floor, int64_t now);
/*
 * A message from its origin, or through another's hand with the origin's
 * signature; ids were looked at before. state: NULL when the room is not
 * known; stream: that of (room, origin, epoch, lane), fresh when it is not
 * known. With ROOM_TAKEN, ROOM_HELD and the mark ROOM_SETTLED the number is
 * settled in stream. from..to with ROOM_HELD: state numbers that we lack; with
 * ROOM_WAIT: state numbers, or sequences with SEQUENCE_AHEAD.
 */
struct room_verdict room_message_judge(const struct room_state *,
    struct room_stream *, const struct room_message *,
    const struct room_message_facts *, int64_t now);
/*
 * A message that was held, or taken unverified, again: ROOM_TAKEN, ROOM_REFUSED
 * (it was acknowledged; it is dropped and logged), or ROOM_HELD still. since:
 * when it came.
 */
struct room_verdict room_message_judge_again(const struct room_state *,
    const struct room_message *, const struct room_message_facts *,
    int64_t since, int64_t now);
/* Whether it is to be judged again when the room's state has changed. */
bool room_message_open(const struct room_verdict *);
/* Whether the application is shown one that was taken with these flags. */
bool room_message_visible(unsigned int flags);
/*
 * Whether a user of ours may write, and under which state number. member: their
 * last membership. leaving: they have left already, or we for them, whether or
 * not the home has put that into the sequence.
 */
enum code room_message_send(const struct room_state *,
    const struct room_member *member, bool leaving, int64_t *state_number);
/* A number of a stream that a server asks for, and what we know of it. */
struct room_asked {
	bool known; /* there is a message: what follows says something */
	int64_t state_number;
	bool member_then; /* the asker had a member at that number */
	bool member_now;
	bool refused; /* we refused it, and others do, too */
	bool proof;   /* it is asked for as proof of what was signed */
	bool payload; /* is kept */
	/* of our own */
	bool left;	/* an attempt to send it began once, to anybody */
	bool cancelled; /* for all that it was to go to */
};
/*
 * What a server that asks for a message is answered. It is for the servers
 * that had a member at the state number it was written under, and given while
 * its payload is kept, whether or not it was given up meanwhile. Otherwise the
 * origin declares its number: void, since nobody has it or it is not for the
 * asker; or gone, since others may have what the origin has no more. One that
 * has no member now, as far as we know, is told nothing: it may have one by an
 * event that we lack. Nor is anybody about a message under a number that we
 * lack, since who had a member then we cannot tell; under one that is in
 * dispute nobody takes it, and it is void.
 */
enum room_giving {
	ROOM_GIVE,
	ROOM_GIVE_VOID,
	ROOM_GIVE_GONE,
	ROOM_GIVE_NOTHING
};
enum room_giving room_message_give(
    const struct room_state *, const struct room_asked *);

#endif
