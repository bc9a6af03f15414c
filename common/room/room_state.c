/* SPDX-License-Identifier: ISC */
/* The transition from one state of a room to the next; see room_state.h. */
#include <string.h>

#include "room/room_state.h"

#define AHEAD_RETRY_S 3600

static bool
member_is(const struct room_member *member)
{
	return member->joined != 0 && member->left == 0;
}

static bool
server_is_home(const struct room_state *state, const struct room_user *user)
{
	return memcmp(user->server, state->room.home, ONION_KEY) == 0;
}

/* The home's own users are never kept out. */
static bool
server_admitted(const struct room_state *state, const struct room_facts *facts,
    const struct room_user *user)
{
	if (server_is_home(state, user))
		return true;
	return state->federated && (!state->restricted || facts->listed);
}

/*
 * A home may name no more servers: each message goes from each to all of them.
 */
static bool
server_fits(const struct room_state *state, const struct room_facts *facts,
    const struct room_user *user)
{
	return server_is_home(state, user) || facts->server_in ||
	       facts->servers < ROOM_SERVERS_MAX;
}

static enum code
rules_create(const struct room_state *state, const struct room_event *event,
    const struct room_facts *facts)
{
	(void)facts;
	return server_is_home(state, &event->content.user) ? CODE_OK
							   : CODE_SPEAKER;
}

static enum code
rules_invite(const struct room_state *state, const struct room_event *event,
    const struct room_facts *facts)
{
	const struct room_content *content = &event->content;

	if (!member_is(&facts->inviter))
		return CODE_NOT_MEMBER;
	if (member_is(&facts->user))
		return CODE_STATE_INVALID;
	if (!server_admitted(state, facts, &content->user))
		return CODE_SERVER_EXCLUDED;
	if (content->expires <= event->timestamp ||
	    content->expires - event->timestamp > ROOM_INVITE_S)
		return CODE_INVITE_EXPIRED;
	if (facts->invitation != NULL)
		return CODE_INVITE_USED;
	return CODE_OK;
}

/* Whoever has left needs an invitation that is newer than that. */
static enum code
rules_invitation(const struct room_event *event, const struct room_facts *facts)
{
	const struct room_invitation *invitation = facts->invitation;

	if (invitation == NULL ||
	    !room_user_equal(&invitation->invitee, &event->content.user))
		return CODE_INVITE_UNKNOWN;
	if (invitation->used != 0)
		return CODE_INVITE_USED;
	if (invitation->number <= facts->user.left)
		return CODE_INVITE_VOID;
	if (event->timestamp > invitation->expires)
		return CODE_INVITE_EXPIRED;
	return CODE_OK;
}

static enum code
rules_join(const struct room_state *state, const struct room_event *event,
    const struct room_facts *facts)
{
	if (member_is(&facts->user))
		return CODE_STATE_INVALID;
	if (!server_admitted(state, facts, &event->content.user))
		return CODE_SERVER_EXCLUDED;
	if (!server_fits(state, facts, &event->content.user))
		return CODE_ROOM_FULL;
	if (event->content.has_nonce)
		return rules_invitation(event, facts);
	return state->require_invite ? CODE_INVITE_REQUIRED : CODE_OK;
}

static enum code
rules_leave(const struct room_state *state, const struct room_event *event,
    const struct room_facts *facts)
{
	(void)state;
	(void)event;
	return member_is(&facts->user) ? CODE_OK : CODE_NOT_MEMBER;
}

static enum code
rules_remove(const struct room_state *state, const struct room_event *event,
    const struct room_facts *facts)
{
	(void)state;
	(void)event;
	if (member_is(&facts->user) || facts->invited > facts->user.left)
		return CODE_OK;
	return CODE_NOT_MEMBER;
}

/* What needs nobody: allowed servers, rename, federation, close, key. */
static enum code
rules_none(const struct room_state *state, const struct room_event *event,
    const struct room_facts *facts)
{
	(void)state;
	(void)event;
	(void)facts;
	return CODE_OK;
}

static enum code (*const rules[ROOM_KINDS])(const struct room_state *,
    const struct room_event *, const struct room_facts *) = {
    [ROOM_CREATE] = rules_create,
    [ROOM_INVITE] = rules_invite,
    [ROOM_JOIN] = rules_join,
    [ROOM_LEAVE] = rules_leave,
    [ROOM_REMOVE] = rules_remove,
    [ROOM_SERVERS] = rules_none,
    [ROOM_RENAME] = rules_none,
    [ROOM_FEDERATION] = rules_none,
    [ROOM_CLOSE] = rules_none,
    [ROOM_KEY] = rules_none,
};

enum code
room_state_rules(const struct room_state *state, const struct room_event *event,
    const struct room_facts *facts)
{
	if ((unsigned int)event->kind >= ROOM_KINDS ||
	    (state->number == 0) != (event->kind == ROOM_CREATE))
		return CODE_STATE_INVALID;
	if (event->timestamp < state->timestamp)
		return CODE_STATE_INVALID;
	if (state->closed != 0 && event->kind != ROOM_KEY)
		return CODE_ROOM_CLOSED;
	return rules[event->kind](state, event, facts);
}

static enum room_change
members_change(const struct room_event *event, const struct room_facts *facts)
{
	switch (event->kind) {
	case ROOM_CREATE:
	case ROOM_JOIN:
		return ROOM_MEMBERS_ADD;
	case ROOM_LEAVE:
		return ROOM_MEMBERS_END;
	case ROOM_REMOVE:
		return member_is(&facts->user) ? ROOM_MEMBERS_END
					       : ROOM_MEMBERS_TAKE_BACK;
	case ROOM_SERVERS:
		return event->content.restricted ? ROOM_MEMBERS_END_UNLISTED
						 : ROOM_MEMBERS_SAME;
	case ROOM_FEDERATION:
		return event->content.federated ? ROOM_MEMBERS_SAME
						: ROOM_MEMBERS_END_REMOTE;
	case ROOM_CLOSE:
		return ROOM_MEMBERS_END_ALL;
	case ROOM_INVITE:
	case ROOM_RENAME:
	case ROOM_KEY:
	case ROOM_KINDS:
	default:
		return ROOM_MEMBERS_SAME;
	}
}

static void
effect_make(struct room_effect *effect, const struct room_event *event,
    const struct room_facts *facts)
{
	effect->members = members_change(event, facts);
	effect->invitation_add = event->kind == ROOM_INVITE;
	effect->invitation_used =
	    event->kind == ROOM_JOIN && event->content.has_nonce;
	effect->servers_set =
	    event->kind == ROOM_SERVERS || event->kind == ROOM_CREATE;
}

static void
state_advance(struct room_state *state, const struct room_event *event)
{
	const struct room_content *content = &event->content;

	state->number = event->number;
	state->timestamp = event->timestamp;
	room_event_hash(state->hash, event);
	switch (event->kind) {
	case ROOM_CREATE:
		state->require_invite = content->require_invite;
		state->federated = content->federated;
		state->restricted = content->restricted;
		break;
	case ROOM_SERVERS:
		state->restricted = content->restricted;
		break;
	case ROOM_FEDERATION:
		state->federated = content->federated;
		break;
	case ROOM_CLOSE:
		state->closed = event->number;
		break;
	default:
		break;
	}
}

static struct room_verdict
verdict_make(enum room_outcome outcome, enum code code, int64_t from)
{
	struct room_verdict verdict = {outcome, code, 0, 0, from, from};

	return verdict;
}

/* One that is good, and further ahead than a clock may be wrong. */
static struct room_verdict
verdict_ahead(const struct room_event *event, int64_t now)
{
	struct room_verdict verdict =
	    verdict_make(ROOM_WAIT, CODE_STATE_AHEAD, 0);
	int64_t seconds = event->timestamp - now - ROOM_AHEAD_S;

	verdict.seconds =
	    seconds < AHEAD_RETRY_S ? (uint32_t)seconds : AHEAD_RETRY_S;
	return verdict;
}

/* Whoever shows one under the number in dispute is to be shown the other. */
static struct room_verdict
verdict_shown(const struct room_state *state, const struct room_event *event,
    enum room_outcome outcome, enum code code)
{
	return verdict_make(outcome, code,
	    event->number == state->disputed ? event->number : 0);
}

/*
 * An event whose number we have passed: the same one, or another in its place.
 */
static struct room_verdict
apply_past(struct room_state *state, const struct room_event *event,
    const struct room_facts *facts)
{
	uint8_t hash[ROOM_HASH];

	if (facts->known == NULL)
		return verdict_make(ROOM_KNOWN, CODE_OK, 0);
	room_event_hash(hash, event);
	if (memcmp(hash, facts->known, ROOM_HASH) == 0)
		return verdict_shown(state, event, ROOM_KNOWN, CODE_OK);
	/* That the home signed two histories is known from there on. */
	if (state->disputed != 0 && event->number >= state->disputed)
		return verdict_shown(
		    state, event, ROOM_REFUSED, CODE_ROOM_FROZEN);
	room_state_dispute(state, event->number);
	return verdict_make(ROOM_CONFLICT, CODE_STATE_CONFLICT, event->number);
}

struct room_verdict
room_state_apply(struct room_state *state, const struct room_event *event,
    const struct room_facts *facts, int64_t now, struct room_effect *effect)
{
	struct room_verdict verdict;

	memset(effect, 0, sizeof(*effect));
	if (!room_id_equal(&state->room, &event->room) || event->number < 1)
		return verdict_make(ROOM_REFUSED, CODE_ROOM_UNKNOWN, 0);
	if (event->number <= state->number)
		return apply_past(state, event, facts);
	if (state->disputed != 0 && event->number >= state->disputed)
		return verdict_shown(
		    state, event, ROOM_REFUSED, CODE_ROOM_FROZEN);
	if (event->number > state->number + 1) {
		verdict =
		    verdict_make(ROOM_WAIT, CODE_STATE_GAP, state->number + 1);
		verdict.to = event->number - 1;
		return verdict;
	}
	if (memcmp(event->previous, state->hash, ROOM_HASH) != 0 &&
	    state->number > 0) {
		room_state_dispute(state, state->number);
		return verdict_make(
		    ROOM_CONFLICT, CODE_STATE_CONFLICT, state->number);
	}
	if (memcmp(event->previous, state->hash, ROOM_HASH) != 0 ||
	    room_state_rules(state, event, facts) != CODE_OK) {
		room_state_dispute(state, event->number);
		return verdict_make(
		    ROOM_CONFLICT, CODE_STATE_INVALID, event->number);
	}
	if (event->timestamp - now > ROOM_AHEAD_S)
		return verdict_ahead(event, now);
	effect_make(effect, event, facts);
	state_advance(state, event);
	return verdict_make(ROOM_TAKEN, CODE_OK, 0);
}

void
room_state_dispute(struct room_state *state, int64_t number)
{
	if (number >= 1 && (state->disputed == 0 || number < state->disputed))
		state->disputed = number;
}

int64_t
room_state_last(const struct room_state *state)
{
	if (state->disputed != 0 && state->disputed <= state->number)
		return state->disputed - 1;
	return state->number;
}

int64_t
room_state_shown(
    const struct room_state *state, const struct room_member *last, bool home)
{
	if (home)
		return ROOM_NUMBER_MAX;
	if (last->joined == 0)
		return 0;
	/* What follows the end of all is for those who were there. */
	if (last->left == 0 ||
	    (state->closed != 0 && last->left == state->closed))
		return ROOM_NUMBER_MAX;
	return last->left;
}

int64_t
room_state_contradiction(const struct room_event *a, const struct room_event *b)
{
	uint8_t hash_a[ROOM_HASH], hash_b[ROOM_HASH];

	if (!room_id_equal(&a->room, &b->room))
		return 0;
	room_event_hash(hash_a, a);
	room_event_hash(hash_b, b);
	if (a->number == b->number)
		return memcmp(hash_a, hash_b, ROOM_HASH) != 0 ? a->number : 0;
	if (b->number == a->number + 1)
		return memcmp(b->previous, hash_a, ROOM_HASH) != 0 ? a->number
								   : 0;
	if (a->number == b->number + 1)
		return memcmp(a->previous, hash_b, ROOM_HASH) != 0 ? b->number
								   : 0;
	return 0;
}
