/* SPDX-License-Identifier: ISC */
/* Comparing heads; see room_heads.h. */
#include <string.h>

#include "room/room_heads.h"

static const uint8_t zero[ROOM_HASH];

static bool
digest_differs(const uint8_t *ours, const uint8_t *theirs)
{
	return ours != NULL && memcmp(theirs, zero, ROOM_HASH) != 0 &&
	       memcmp(ours, theirs, ROOM_HASH) != 0;
}

/* Asks for from..to: no more than most numbers, all below limit (0: none). */
static void
want_range(struct room_want *want, int64_t from, int64_t to, int64_t most,
    int64_t limit)
{
	if (limit != 0 && to >= limit)
		to = limit - 1;
	if (to - from >= most)
		to = from + most - 1;
	if (from > to)
		return;
	want->what |= ROOM_WANT_ITEMS;
	want->from = from;
	want->to = to;
}

/* The lowest number in dispute is what all servers come to agree on. */
static void
want_evidence(struct room_want *want, int64_t theirs, int64_t ours)
{
	if (theirs != 0 && (ours == 0 || theirs < ours)) {
		want->what |= ROOM_WANT_EVIDENCE;
		want->evidence = theirs;
	} else if (ours != 0 && (theirs == 0 || ours < theirs)) {
		want->what |= ROOM_SHOW_EVIDENCE;
		want->evidence = ours;
	}
}

/* It has an event under the number that we know to be in dispute, and does not
 * say that it knows. */
static bool
dispute_unknown(const struct room_state *state, const struct room_head *theirs)
{
	return state->disputed != 0 && theirs->number >= state->disputed &&
	       (theirs->disputed == 0 || theirs->disputed > state->disputed);
}

void
room_head_make(
    struct room_head *head, const struct room_state *state, const uint8_t *hash)
{
	memset(head, 0, sizeof(*head));
	head->number = room_state_last(state);
	head->disputed = state->disputed;
	if (hash != NULL)
		memcpy(head->hash, hash, ROOM_HASH);
}

struct room_want
room_head_compare(const struct room_state *state,
    const struct room_head *theirs, const uint8_t *ours, bool own)
{
	struct room_want want = {0, 0, 0, 0, 0};
	bool more = theirs->number > state->number;

	want_evidence(&want, theirs->disputed, state->disputed);
	if (dispute_unknown(state, theirs)) {
		want.what |= ROOM_WANT_ONE;
		want.one = state->disputed;
	} else if (theirs->number <= state->number && theirs->number > 0 &&
		   digest_differs(ours, theirs->hash)) {
		want.what |= ROOM_WANT_ONE;
		want.one = theirs->number;
	}
	if (more)
		want_range(&want, state->number + 1, theirs->number,
		    ROOM_EVENTS_MAX, state->disputed);
	if (own && more)
		want.what |= ROOM_AHEAD_OF_US;
	return want;
}

/* From there on others may have other contents, and we know why. */
static bool
fork_known(const struct room_stream *stream, int64_t number)
{
	return stream->forked != 0 && number >= stream->forked;
}

struct room_want
room_stream_compare(const struct room_stream *stream,
    const struct room_stream_head *theirs, const uint8_t *ours,
    const uint8_t *tip, bool own, bool current)
{
	struct room_want want = {0, 0, 0, 0, 0};
	bool more = theirs->sequence > stream->contiguous ||
		    theirs->highest > stream->highest;
	int64_t to = theirs->highest > theirs->sequence ? theirs->highest
							: theirs->sequence;

	want_evidence(&want, theirs->forked, stream->forked);
	if (theirs->highest > theirs->sequence &&
	    !fork_known(stream, theirs->highest) &&
	    digest_differs(tip, theirs->tip)) {
		want.what |= ROOM_WANT_ONE;
		want.one = theirs->highest;
	}
	if (theirs->sequence > 0 && !fork_known(stream, theirs->sequence) &&
	    digest_differs(ours, theirs->digest)) {
		want.what |= ROOM_WANT_ONE;
		want.one = theirs->sequence;
	}
	if (more)
		want_range(&want, stream->contiguous + 1, to, ROOM_RANGE_MAX,
		    stream->forked);
	if (own && more && current)
		want.what |= ROOM_AHEAD_OF_US;
	return want;
}

int64_t
room_fork_next(const struct room_fork *fork)
{
	if (fork->differ - fork->common <= 1)
		return 0;
	return fork->common + (fork->differ - fork->common) / 2;
}

void
room_fork_learn(struct room_fork *fork, int64_t number, bool same)
{
	if (number <= fork->common || number >= fork->differ)
		return;
	if (same)
		fork->common = number;
	else
		fork->differ = number;
}

bool
room_void_ask(const struct room_void *declared,
    const struct room_stream_head *theirs, int64_t *from, int64_t *to)
{
	int64_t most = theirs->highest > theirs->sequence ? theirs->highest
							  : theirs->sequence;

	*from = declared->first;
	*to = declared->last < most ? declared->last : most;
	if (*to - *from >= ROOM_RANGE_MAX)
		*to = *from + ROOM_RANGE_MAX - 1;
	return *from <= *to;
}
