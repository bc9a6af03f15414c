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

/* An invitation is named by its nonce, and used by one join. */
static bool
invitation_done(
    const struct room_event *event, const struct room_invitation *invitation)
{
	const struct room_content *content = &event->content;

	if (invitation == NULL ||
	    !room_user_equal(&invitation->invitee, &content->user))
		return false;
	if (event->kind == ROOM_JOIN)
		return invitation->used != 0;
	return invitation->expires == content->expires &&
	       room_user_equal(&invitation->inviter, &content->inviter);
}

/*
 * Asked for again, since the answer was lost or because somebody asked twice:
 * one question has one answer, whatever has happened since.
 */
static bool
done_before(const struct room_event *event, const struct room_facts *facts)
{
	const struct room_member *user = &facts->user;

	switch (event->kind) {
	case ROOM_INVITE:
		return invitation_done(event, facts->invitation);
	case ROOM_JOIN:
		if (event->content.has_nonce)
			return invitation_done(event, facts->invitation);
		return user->joined != 0 && user->left == 0;
	case ROOM_LEAVE:
		return user->joined < user->left;
	default:
		return false;
	}
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
