/* SPDX-License-Identifier: ISC */
/*
 * Heads: how far one server has come, told to another in server_sync; and
 * what the other asks for once it has compared them with its own. A server
 * that has less asks; nobody is believed without the signature of the home or
 * of the origin.
 */
#ifndef TORFED_ROOM_HEADS_H
#define TORFED_ROOM_HEADS_H

#include "room/room_state.h"
#include "room/room_stream.h"

#define ROOM_EVENTS_MAX 64 /* state events asked for at a time */

/* Of a room's state. */
struct room_head {
	int64_t number;		 /* room_state_last() */
	uint8_t hash[ROOM_HASH]; /* of that event; zeros at number 0 */
	int64_t disputed;	 /* number for which it has evidence; 0 none */
};

/* Of a stream. */
struct room_stream_head {
	int64_t epoch;
	int lane;
	int64_t sequence;	   /* contiguous */
	uint8_t digest[ROOM_HASH]; /* of that item; zeros: not known */
	int64_t highest;	   /* behind gaps, if there are any */
	uint8_t tip[ROOM_HASH];	   /* of that one */
	int64_t forked;		   /* number for which it has evidence */
};

#define ROOM_WANT_ITEMS 0x1U /* from..to: events, or messages */
#define ROOM_WANT_ONE \
	0x2U			 /* one: to be proved; it differs from ours, or
				  * is in dispute and they do not know */
#define ROOM_WANT_EVIDENCE 0x4U	 /* evidence about number disputed or forked */
#define ROOM_SHOW_EVIDENCE 0x10U /* it lacks what we have of that kind */
#define ROOM_AHEAD_OF_US   0x8U	 /* it has of ours what we have not */

struct room_want {
	unsigned int what;
	int64_t from;
	int64_t to;
	int64_t one;
	int64_t evidence;
};

void room_head_make(struct room_head *, const struct room_state *,
    const uint8_t *hash /* of the event room_state_last(); NULL at 0 */);
/*
 * ours: hash of our event of their number, NULL when we have none; own: we are
 * the room's home.
 */
struct room_want room_head_compare(const struct room_state *,
    const struct room_head *theirs, const uint8_t *ours, bool own);
/*
 * stream: ours, fresh when we have none of that epoch and lane; ours: digest
 * of our item of their number, NULL when it is not known; tip: the same of
 * their highest; own: the stream is our own; current: its epoch is our present
 * one.
 */
struct room_want room_stream_compare(const struct room_stream *,
    const struct room_stream_head *theirs, const uint8_t *ours,
    const uint8_t *tip, bool own, bool current);

/*
 * Numbers that their origin declared void or gone to us, asked of another
 * server that shows them: the range (of ROOM_RANGE_MAX at most); false: it does
 * not show the first of them. Once of each server.
 */
bool room_void_ask(const struct room_void *,
    const struct room_stream_head *theirs, int64_t *from, int64_t *to);

/*
 * Where two histories part, by halving. Begin with common 0 and differ the
 * number that is known to differ; ask the other server for room_fork_next()
 * until that is 0; then differ is the first that differs.
 */
struct room_fork {
	int64_t common;
	int64_t differ;
};
int64_t room_fork_next(const struct room_fork *);
void room_fork_learn(struct room_fork *, int64_t number, bool same);

#endif
