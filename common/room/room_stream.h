/* SPDX-License-Identifier: ISC */
/*
 * A stream: what one server wrote in one room, in one lane, since its last new
 * epoch. Numbers go up by one from 1; each message names the digest of the
 * item numbered before it, so that one digest stands for all that came before
 * and two servers find any contradiction by comparing their last ones.
 */
#ifndef TORFED_ROOM_STREAM_H
#define TORFED_ROOM_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "room/room_event.h"
#include "room/room_verdict.h"

#define ROOM_WINDOW	1024 /* numbers that may lie behind a gap */
#define ROOM_GAP_S	30   /* a gap is asked for after this */
#define ROOM_RANGE_MAX	256  /* numbers asked for at a time */
#define ROOM_EPOCHS_MAX 64   /* of one origin in one room: the highest */

/* Receiver's state of a stream; 192 bytes or so, all zero but epoch and lane
 * at the beginning. For our own stream it is the sender's, too. */
struct room_stream {
	int64_t epoch;	    /* 1 to 2^53-1 */
	int lane;	    /* 1 high, 2 normal, 3 low */
	int64_t contiguous; /* 1 to this are settled */
	int64_t highest;    /* the highest that is settled */
	int64_t gap_since;  /* seconds; while highest > contiguous, else 0 */
	int64_t forked;	    /* lowest number with two contents; 0 none */
	uint64_t seen[ROOM_WINDOW / 64]; /* bit i: contiguous + 1 + i */
};

/* A message's place. */
struct room_place {
	int64_t sequence;	     /* 1 to 2^53-1 */
	uint8_t digest[ROOM_HASH];   /* the item digest */
	uint8_t previous[ROOM_HASH]; /* what it says of the number before;
				      * zeros at 1 */
};

/*
 * What is stored beside it; NULL: nothing is known. A digest is known by the
 * item itself, by a declaration, or by what stands behind it and calls it
 * previous.
 */
struct room_beside {
	const uint8_t *before; /* digest of the number before */
	const uint8_t *at;     /* digest stored under the same number */
	const uint8_t *after;  /* "previous" of the number behind */
	bool at_void;	       /* at was declared void, or refused: a digest
				* without content */
};

void room_stream_init(struct room_stream *, int64_t epoch, int lane);
/*
 * Whether the place is free: ROOM_TAKEN (with ROOM_FILLED where a void is
 * filled), ROOM_KNOWN, ROOM_CONFLICT with SEQUENCE_CONFLICT (from: the number
 * in dispute; evidence is what is stored beside and what came), ROOM_REFUSED
 * with SEQUENCE_CONFLICT (at or behind a fork that is known), or ROOM_WAIT with
 * SEQUENCE_AHEAD (from..to: what lies between). Changes nothing.
 */
struct room_verdict room_stream_check(const struct room_stream *,
    const struct room_place *, const struct room_beside *);
/* Settles a number within the window, whether taken or refused for good. */
void room_stream_settle(struct room_stream *, int64_t sequence, int64_t now);
/*
 * Numbers that the origin declared in an answer that it signed: void, which
 * never left it or are not meant for us, or gone, whose content it has no more.
 * They stand in the chain all the same.
 */
struct room_void {
	bool gone;
	int64_t first;
	int64_t last;
	uint8_t previous[ROOM_HASH]; /* digest of first - 1; zeros at 1 */
	uint8_t digest[ROOM_HASH];   /* of last */
};
/*
 * The number that a declaration contradicts, 0 none; also one that was made to
 * another server, which settles nothing here but is proof. beside: what is
 * stored before first, at last, and behind it.
 */
int64_t room_void_contradiction(
    const struct room_void *, const struct room_beside *);
/* Settles them, but for what lies beyond the window; the same answer, and
 * nothing is settled unless it is 0. */
int64_t room_stream_void(struct room_stream *, const struct room_void *,
    const struct room_beside *, int64_t now);
bool room_stream_is_settled(const struct room_stream *, int64_t sequence);
/* The origin showed two contents for number; only on evidence. */
void room_stream_fork(struct room_stream *, int64_t number);
/*
 * The range to ask for, at most ROOM_RANGE_MAX numbers, when there has been a
 * gap for 30 s; false when there is none, or none that can be repaired. A
 * clock that went back starts the 30 s again.
 */
bool room_stream_gap(
    struct room_stream *, int64_t now, int64_t *from, int64_t *to);
/*
 * Whether two items that one origin signed contradict each other: the number
 * in dispute, else 0. Both must be of one room, epoch and lane.
 */
int64_t room_stream_contradiction(
    const struct room_place *, const struct room_place *);

#endif
