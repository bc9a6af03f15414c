/* SPDX-License-Identifier: ISC */
/* Invitations shown to us; see room_invite.h. */
#include <string.h>

#include "room/room_invite.h"
#include "room/room_speaker.h"

#define LIMIT_RETRY_S 3600

static enum room_showing
showing_find(const struct room_invite_facts *facts)
{
	/* Nobody is joined to a room whose home the admin did not verify. */
	if (facts->origin_level >= TRUST_TRUSTED &&
	    facts->home_level >= TRUST_VERIFIED)
		return ROOM_SHOW_AUTOMATIC;
	if (facts->origin_level >= TRUST_VERIFIED)
		return ROOM_SHOW_PENDING;
	return ROOM_SHOW_QUARANTINE;
}

/* We are the home: it is an event of ours or nothing. */
static bool
own_is(const struct room_event *event, const struct room_invite_facts *facts)
{
	uint8_t hash[ROOM_HASH];

	if (memcmp(event->room.home, facts->self, ONION_KEY) != 0)
		return true;
	room_event_hash(hash, event);
	return facts->own != NULL && memcmp(hash, facts->own, ROOM_HASH) == 0;
}

static enum code
invite_refusal(const struct room_event *event,
    const struct room_invite_facts *facts, int64_t now)
{
	const struct room_content *content = &event->content;

	if (event->kind != ROOM_INVITE)
		return CODE_STATE_INVALID;
	if (room_speaker_check(ROOM_ACT_INVITATION, &event->room, facts->origin,
		facts->self, &content->inviter) != CODE_OK)
		return CODE_SPEAKER;
	if (memcmp(content->user.server, facts->self, ONION_KEY) != 0 ||
	    !facts->user_exists || !own_is(event, facts))
		return CODE_INVITE_UNKNOWN;
	if (facts->used)
		return CODE_INVITE_USED;
	if (content->expires < now || content->expires <= event->timestamp ||
	    content->expires - event->timestamp > ROOM_INVITE_S)
		return CODE_INVITE_EXPIRED;
	return CODE_OK;
}

struct room_verdict
room_invite_take(const struct room_event *event,
    const struct room_invite_facts *facts, int64_t now,
    enum room_showing *showing)
{
	struct room_verdict verdict = {ROOM_REFUSED, CODE_OK, 0, 0, 0, 0};

	*showing = showing_find(facts);
	verdict.code = invite_refusal(event, facts, now);
	if (verdict.code != CODE_OK)
		return verdict;
	if (facts->known) {
		verdict.outcome = ROOM_KNOWN;
		return verdict;
	}
	if (facts->pending_server >= ROOM_PENDING_SERVER ||
	    facts->pending_invitee >= ROOM_PENDING_INVITEE) {
		verdict.outcome = ROOM_WAIT;
		verdict.code = CODE_INVITE_LIMIT;
		verdict.seconds = LIMIT_RETRY_S;
		return verdict;
	}
	verdict.outcome = ROOM_TAKEN;
	return verdict;
}

enum code
room_invite_accept(int64_t expires, bool used, int home_level, int64_t now)
{
	if (used)
		return CODE_INVITE_USED;
	if (now > expires)
		return CODE_INVITE_EXPIRED;
	return home_level >= TRUST_VERIFIED ? CODE_OK : CODE_HOME_UNTRUSTED;
}
