/* SPDX-License-Identifier: ISC */
/* What a room's home decides; see room_home.h. */
#include <string.h>

#include "room/room_home.h"

#define PENDING_RETRY_S 1

void
room_home_event(
    struct room_event *event, const struct room_state *state, int64_t now)
{
	event->room = state->room;
	event->number = state->number + 1;
	memcpy(event->previous, state->hash, ROOM_HASH);
	/* The clock may have gone back. */
	event->timestamp = now > state->timestamp ? now : state->timestamp;
}

/* Asked for again because the answer was lost: it is so already. */
static bool
done_before(const struct room_event *event, const struct room_facts *facts)
{
	const struct room_invitation *invitation = facts->invitation;

	if (event->kind == ROOM_LEAVE)
		return facts->user.joined < facts->user.left;
	if (event->kind != ROOM_JOIN || facts->user.joined == 0 ||
	    facts->user.left != 0)
		return false;
	if (!event->content.has_nonce)
		return true;
	return invitation != NULL && invitation->used == facts->user.joined &&
	       room_user_equal(&invitation->invitee, &event->content.user);
}

struct room_verdict
room_home_decide(const struct room_state *state, const struct room_event *event,
    const struct room_facts *facts, const struct room_recovery *recovery,
    bool pending, int64_t now)
{
	struct room_verdict verdict = {ROOM_REFUSED, CODE_OK, 0, 0, 0, 0};
	struct room_recovery known = *recovery;
	bool missing = state->number == 0 && event->kind != ROOM_CREATE;

	/* A database that was restored has forgotten its members, too. */
	if (missing)
		known.servers = UINT32_MAX;
	if (state->disputed != 0) {
		verdict.code = CODE_ROOM_FROZEN;
		return verdict;
	}
	if (pending) {
		verdict.outcome = ROOM_WAIT;
		verdict.code = CODE_BUSY;
		verdict.seconds = PENDING_RETRY_S;
		return verdict;
	}
	if (done_before(event, facts)) {
		verdict.outcome = ROOM_KNOWN;
		return verdict;
	}
	/* Before the rules: what the members know may change the answer. */
	if (!room_recovery_over(&known, now)) {
		verdict.outcome = ROOM_WAIT;
		verdict.code = CODE_RECOVERING;
		verdict.seconds = ROOM_RECOVERING_RETRY_S;
		return verdict;
	}
	verdict.code =
	    missing ? CODE_ROOM_UNKNOWN : room_state_rules(state, event, facts);
	if (verdict.code == CODE_OK)
		verdict.outcome = ROOM_TAKEN;
	return verdict;
}

bool
room_home_key_due(uint64_t serial, uint64_t min_serial)
{
	return serial < min_serial;
}
