/* SPDX-License-Identifier: ISC */
/* Sequences, gaps and forks of a stream; see room_stream.h. */
#include <string.h>

#include "room/room_stream.h"

#define WORDS (ROOM_WINDOW / 64)

static const uint8_t zero[ROOM_HASH];

static bool
digest_equal(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, ROOM_HASH) == 0;
}

void
room_stream_init(struct room_stream *stream, int64_t epoch, int lane)
{
	memset(stream, 0, sizeof(*stream));
	stream->epoch = epoch;
	stream->lane = lane;
}

static struct room_verdict
verdict_make(enum room_outcome outcome, enum code code, int64_t from)
{
	struct room_verdict verdict = {outcome, code, 0, 0, from, from};

	return verdict;
}

/* The number that the place contradicts, 0 none. */
static int64_t
place_conflict(const struct room_place *place, const struct room_beside *beside)
{
	const uint8_t *before = place->sequence == 1 ? zero : beside->before;

	if (beside->at != NULL && !digest_equal(beside->at, place->digest))
		return place->sequence;
	if (before != NULL && !digest_equal(before, place->previous))
		return place->sequence == 1 ? 1 : place->sequence - 1;
	if (beside->after != NULL &&
	    !digest_equal(beside->after, place->digest))
		return place->sequence;
	return 0;
}

struct room_verdict
room_stream_check(const struct room_stream *stream,
    const struct room_place *place, const struct room_beside *beside)
{
	struct room_verdict verdict;
	int64_t number = place_conflict(place, beside);

	/* From where it is forked on nothing new is learnt. */
	if (number != 0 && stream->forked != 0 && number >= stream->forked)
		return verdict_make(ROOM_REFUSED, CODE_SEQUENCE_CONFLICT, 0);
	if (number != 0)
		return verdict_make(
		    ROOM_CONFLICT, CODE_SEQUENCE_CONFLICT, number);
	if (beside->at != NULL && !beside->at_void)
		return verdict_make(ROOM_KNOWN, CODE_OK, 0);
	if (stream->forked != 0 && place->sequence >= stream->forked)
		return verdict_make(ROOM_REFUSED, CODE_SEQUENCE_CONFLICT, 0);
	if (place->sequence - stream->contiguous > ROOM_WINDOW) {
		verdict = verdict_make(
		    ROOM_WAIT, CODE_SEQUENCE_AHEAD, stream->contiguous + 1);
		verdict.seconds = ROOM_GAP_S;
		verdict.to = place->sequence - 1;
		if (verdict.to - verdict.from >= ROOM_RANGE_MAX)
			verdict.to = verdict.from + ROOM_RANGE_MAX - 1;
		return verdict;
	}
	verdict = verdict_make(ROOM_TAKEN, CODE_OK, 0);
	if (room_stream_is_settled(stream, place->sequence))
		verdict.flags |= ROOM_FILLED;
	return verdict;
}

/* Moves the window: contiguous grows by count. */
static void
window_shift(struct room_stream *stream, int64_t count)
{
	size_t i, words = (size_t)(count / 64);
	unsigned int bits = (unsigned int)(count % 64);

	stream->contiguous += count;
	if (count >= ROOM_WINDOW) {
		memset(stream->seen, 0, sizeof(stream->seen));
		return;
	}
	for (i = 0; i < WORDS; i++) {
		stream->seen[i] =
		    i + words < WORDS ? stream->seen[i + words] : 0;
	}
	if (bits == 0)
		return;
	for (i = 0; i < WORDS; i++) {
		stream->seen[i] >>= bits;
		if (i + 1 < WORDS)
			stream->seen[i] |= stream->seen[i + 1] << (64 - bits);
	}
}

static bool
bit_get(const struct room_stream *stream, int64_t index)
{
	return stream->seen[index / 64] >> (index % 64) & 1;
}

/* Takes in what has become contiguous, and looks at the gap's age. */
static void
window_absorb(struct room_stream *stream, int64_t before, int64_t now)
{
	int64_t count = 0;

	while (count < ROOM_WINDOW && bit_get(stream, count))
		count++;
	if (count > 0)
		window_shift(stream, count);
	if (stream->highest < stream->contiguous)
		stream->highest = stream->contiguous;
	if (stream->highest == stream->contiguous)
		stream->gap_since = 0;
	else if (stream->gap_since == 0 || stream->contiguous != before)
		stream->gap_since = now;
}

void
room_stream_settle(struct room_stream *stream, int64_t sequence, int64_t now)
{
	int64_t index = sequence - stream->contiguous - 1;

	if (index < 0 || index >= ROOM_WINDOW)
		return;
	stream->seen[index / 64] |= UINT64_C(1) << (index % 64);
	if (stream->highest < sequence)
		stream->highest = sequence;
	window_absorb(stream, stream->contiguous, now);
}

/* first..last, which lie behind a gap. */
static void
window_mark(struct room_stream *stream, int64_t first, int64_t last)
{
	int64_t index, end = stream->contiguous + ROOM_WINDOW;

	if (last > end)
		last = end;
	if (stream->highest < last && first <= last)
		stream->highest = last;
	for (; first <= last; first++) {
		index = first - stream->contiguous - 1;
		stream->seen[index / 64] |= UINT64_C(1) << (index % 64);
	}
}

int64_t
room_void_contradiction(
    const struct room_void *declared, const struct room_beside *beside)
{
	const uint8_t *before = declared->first == 1 ? zero : beside->before;

	if (before != NULL && !digest_equal(before, declared->previous))
		return declared->first == 1 ? 1 : declared->first - 1;
	if (beside->at != NULL && !digest_equal(beside->at, declared->digest))
		return declared->last;
	if (beside->after != NULL &&
	    !digest_equal(beside->after, declared->digest))
		return declared->last;
	return 0;
}

int64_t
room_stream_void(struct room_stream *stream, const struct room_void *declared,
    const struct room_beside *beside, int64_t now)
{
	int64_t before = stream->contiguous, number;

	number = room_void_contradiction(declared, beside);
	if (number != 0)
		return number;
	if (declared->last <= stream->contiguous ||
	    declared->first > declared->last)
		return 0;
	if (declared->first <= stream->contiguous + 1)
		window_shift(stream, declared->last - stream->contiguous);
	else
		window_mark(stream, declared->first, declared->last);
	window_absorb(stream, before, now);
	return 0;
}

bool
room_stream_is_settled(const struct room_stream *stream, int64_t sequence)
{
	int64_t index = sequence - stream->contiguous - 1;

	if (index < 0)
		return true;
	return index < ROOM_WINDOW && bit_get(stream, index);
}

void
room_stream_fork(struct room_stream *stream, int64_t number)
{
	if (number >= 1 && (stream->forked == 0 || number < stream->forked))
		stream->forked = number;
}

bool
room_stream_gap(
    struct room_stream *stream, int64_t now, int64_t *from, int64_t *to)
{
	int64_t index = 0;

	if (stream->highest <= stream->contiguous)
		return false;
	if (now < stream->gap_since)
		stream->gap_since = now;
	if (now - stream->gap_since < ROOM_GAP_S)
		return false;
	*from = stream->contiguous + 1;
	while (index + 1 < ROOM_WINDOW && !bit_get(stream, index + 1))
		index++;
	*to = *from + index;
	if (*to - *from >= ROOM_RANGE_MAX)
		*to = *from + ROOM_RANGE_MAX - 1;
	if (stream->forked != 0 && *to >= stream->forked)
		*to = stream->forked - 1;
	return *from <= *to;
}

int64_t
room_stream_contradiction(
    const struct room_place *a, const struct room_place *b)
{
	if (a->sequence == b->sequence)
		return digest_equal(a->digest, b->digest) ? 0 : a->sequence;
	if (b->sequence == a->sequence + 1)
		return digest_equal(b->previous, a->digest) ? 0 : a->sequence;
	if (a->sequence == b->sequence + 1)
		return digest_equal(a->previous, b->digest) ? 0 : b->sequence;
	return 0;
}
