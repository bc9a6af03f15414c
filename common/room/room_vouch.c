/* SPDX-License-Identifier: ISC */
/* What counts under a revoked certificate; see room_vouch.h. */
#include <string.h>

#include "room/room_vouch.h"

bool
room_vouch_revoked(uint64_t serial, uint64_t min_serial)
{
	return serial < min_serial;
}

bool
room_vouch_follows(const struct room_link *a, const struct room_link *b)
{
	return b->number == a->number + 1 &&
	       memcmp(b->previous, a->digest, ROOM_HASH) == 0;
}

bool
room_vouch_counts(const struct room_vouch *vouch, const struct room_link *link)
{
	uint32_t i;

	if (vouch->carried ||
	    !room_vouch_revoked(link->serial, vouch->min_serial))
		return true;
	for (i = 0; i < vouch->named_count; i++)
		if (memcmp(vouch->named[i], link->digest, ROOM_HASH) == 0)
			return true;
	return false;
}

uint32_t
room_vouch_run(
    const struct room_vouch *vouch, const struct room_link *run, uint32_t count)
{
	uint32_t i, counted = 0;

	for (i = 0; i < count; i++) {
		if (i > 0 && !room_vouch_follows(&run[i - 1], &run[i]))
			break;
		if (room_vouch_counts(vouch, &run[i]))
			counted = i + 1;
	}
	return counted;
}

struct room_verdict
room_vouch_judge(
    const struct room_verdict *judged, bool counts, bool own, bool adopting)
{
	struct room_verdict verdict = {
	    ROOM_WAIT, CODE_UNVOUCHED, ROOM_VOUCH_RETRY_S, 0, 0, 0};

	if (judged->outcome == ROOM_KNOWN)
		return *judged;
	if (own && (!adopting || !counts)) {
		verdict.outcome = ROOM_REFUSED;
		verdict.code = CODE_SPEAKER;
		verdict.seconds = 0;
		if (judged->outcome == ROOM_CONFLICT)
			verdict.from = verdict.to = judged->from;
		return verdict;
	}
	return counts ? *judged : verdict;
}

bool
room_vouch_gives_way(const struct room_verdict *verdict, int64_t through)
{
	return verdict->outcome == ROOM_CONFLICT &&
	       verdict->code == CODE_STATE_CONFLICT && verdict->from > through;
}
