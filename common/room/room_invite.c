/* SPDX-License-Identifier: ISC */
/* Invitations shown to us; see room_invite.h. */
#include <string.h>

#include "room/room_invite.h"
#include "room/room_speaker.h"

#define LIMIT_RETRY_S 3600

static enum room_showing
showing_find(int origin_level, int home_level)
{
	/* Nobody is joined to a room whose home the admin did not verify. */
	if (origin_level >= TRUST_TRUSTED && home_level >= TRUST_VERIFIED)
		return ROOM_SHOW_AUTOMATIC;
	if (origin_level >= TRUST_VERIFIED)
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

/* Whether it was addressed well: nothing here depends on who our users are. */
static enum code
invite_address(
    const struct room_event *event, const struct room_invite_facts *facts)
{
	const struct room_content *content = &event->content;
	enum code code;

	if (event->kind != ROOM_INVITE)
		return CODE_STATE_INVALID;
	code = room_speaker_check(ROOM_ACT_INVITATION, &event->room,
	    facts->origin, facts->self, &content->inviter);
	if (code != CODE_OK)
		return CODE_SPEAKER;
	if (memcmp(content->user.server, facts->self, ONION_KEY) != 0)
		return CODE_INVITE_UNKNOWN;
	return CODE_OK;
}

/* The same of one that is new. */
static enum code
invite_refusal(const struct room_event *event,
    const struct room_invite_facts *facts, int64_t now)
{
	const struct room_content *content = &event->content;

	if (!own_is(event, facts))
		return CODE_INVITE_UNKNOWN;
	/* A nonce is used once in a room: the home made two events with it. */
	if (facts->other)
		return CODE_STATE_INVALID;
	if (content->expires < now || content->expires <= event->timestamp ||
	    content->expires - event->timestamp > ROOM_INVITE_S)
		return CODE_INVITE_EXPIRED;
	return CODE_OK;
}

/*
 * Whoever may not look up gets its limit by what it can see itself: it must
 * not learn that one of its invitations was accepted, declined or rejected.
 */
static void
effect_find(
    struct room_invite_effect *effect, const struct room_invite_facts *facts)
{
	memset(effect, 0, sizeof(*effect));
	effect->showing = showing_find(facts->origin_level, facts->home_level);
	effect->at_once =
	    facts->looks_up && effect->showing != ROOM_SHOW_QUARANTINE;
	if (facts->origin_level >= TRUST_VERIFIED)
		effect->waiting_most = ROOM_PENDING_SERVER;
	else
		effect->open_most = ROOM_PENDING_SERVER;
}

static bool
invite_limited(const struct room_invite_effect *effect,
    const struct room_invite_facts *facts)
{
	if (effect->open_most > 0 && facts->open_server >= effect->open_most)
		return true;
	if (effect->waiting_most > 0 &&
	    facts->waiting_server >= effect->waiting_most)
		return true;
	return facts->looks_up &&
	       facts->waiting_invitee >= ROOM_PENDING_INVITEE;
}

struct room_verdict
room_invite_take(const struct room_event *event,
    const struct room_invite_facts *facts, int64_t now,
    struct room_invite_effect *effect)
{
	struct room_verdict verdict = {ROOM_REFUSED, CODE_OK, 0, 0, 0, 0};

	effect_find(effect, facts);
	verdict.code = invite_address(event, facts);
	if (verdict.code != CODE_OK)
		return verdict;
	if (facts->known) {
		verdict.outcome = ROOM_KNOWN;
		return verdict;
	}
	verdict.code = invite_refusal(event, facts, now);
	if (verdict.code != CODE_OK)
		return verdict;
	if (facts->looks_up && !facts->user_exists) {
		effect->costs = true;
		verdict.code = CODE_INVITE_UNKNOWN;
		return verdict;
	}
	if (invite_limited(effect, facts)) {
		verdict.outcome = ROOM_WAIT;
		verdict.code = CODE_INVITE_LIMIT;
		verdict.seconds = LIMIT_RETRY_S;
		return verdict;
	}
	verdict.outcome = ROOM_TAKEN;
	return verdict;
}

enum room_showing
room_invite_late(int origin_level, int home_level)
{
	enum room_showing showing = showing_find(origin_level, home_level);

	return showing == ROOM_SHOW_QUARANTINE ? ROOM_SHOW_PENDING : showing;
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
