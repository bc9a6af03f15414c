/* SPDX-License-Identifier: ISC */
/* What becomes of a message in a room; see room_message.h. */
#include "room/room_message.h"
#include "room/room_restore.h"

#define STATE_RETRY_S	60
#define JOINING_RETRY_S 2 /* who asks waits longer each time */

static struct room_verdict
verdict_make(enum room_outcome outcome, enum code code)
{
	struct room_verdict verdict = {outcome, code, 0, 0, 0, 0};

	return verdict;
}

static struct room_verdict
verdict_wait(enum code code, uint32_t seconds)
{
	struct room_verdict verdict = verdict_make(ROOM_WAIT, code);

	verdict.seconds = seconds;
	return verdict;
}

/* A membership's end, as far as it stands: not what is in dispute. */
static int64_t
left_number(const struct room_state *state, const struct room_member *member)
{
	return member->left <= room_state_last(state) ? member->left : 0;
}

static bool
member_at(const struct room_state *state, const struct room_member *member,
    int64_t number)
{
	int64_t left = left_number(state, member);

	return member->joined != 0 && member->joined <= number &&
	       (left == 0 || left > number);
}

/*
 * It is for one of ours, who was put out since, or for whom the room was
 * closed. Who leaves wants no more of it.
 */
static bool
put_out(const struct room_message_facts *facts)
{
	return !facts->here && facts->here_then && facts->out != ROOM_LEAVE &&
	       facts->out < ROOM_KINDS;
}

/*
 * CODE_OK where the room exists for the origin, else what it is told: one that
 * never had a member does not learn that we are in the room.
 */
static enum code
room_refusal(
    const struct room_state *state, const struct room_message_facts *facts)
{
	if (state == NULL || state->number == 0)
		return CODE_ROOM_UNKNOWN;
	if (facts->here || put_out(facts))
		return CODE_OK;
	return facts->server_seen ? CODE_ROOM_LEFT : CODE_ROOM_UNKNOWN;
}

/*
 * Judges by a state that we know. A stranger does not learn that the room
 * exists.
 */
static struct room_verdict
judge_known(const struct room_state *state, const struct room_message *message,
    const struct room_message_facts *facts, int64_t now)
{
	struct room_verdict verdict = verdict_make(ROOM_TAKEN, CODE_OK);

	if (member_at(state, &facts->member, message->state_number)) {
		if ((left_number(state, &facts->member) != 0 &&
			now - facts->left_learned > ROOM_LATE_S) ||
		    (put_out(facts) && now - facts->out_learned > ROOM_LATE_S))
			verdict.flags |= ROOM_LATE;
		return verdict;
	}
	verdict.outcome = ROOM_REFUSED;
	verdict.flags |= ROOM_SETTLED;
	if (!facts->server_seen)
		verdict.code = CODE_ROOM_UNKNOWN;
	else if (state->closed != 0 && message->state_number >= state->closed)
		verdict.code = CODE_ROOM_CLOSED;
	else
		verdict.code = CODE_NOT_MEMBER;
	return verdict;
}

static bool
state_disputed(const struct room_state *state, int64_t number)
{
	return state->disputed != 0 && number >= state->disputed;
}

static struct room_verdict
judge(const struct room_state *state, const struct room_message *message,
    const struct room_message_facts *facts, int64_t now)
{
	struct room_verdict verdict;

	if (state_disputed(state, message->state_number)) {
		verdict = verdict_make(ROOM_REFUSED, CODE_ROOM_FROZEN);
		verdict.flags |= ROOM_SETTLED;
		return verdict;
	}
	if (message->state_number <= room_state_last(state))
		return judge_known(state, message, facts, now);
	if (facts->held >= ROOM_HELD_MAX ||
	    facts->held_server >= ROOM_HELD_SERVER)
		verdict = verdict_wait(CODE_STATE_UNKNOWN, STATE_RETRY_S);
	else
		verdict = verdict_make(ROOM_HELD, CODE_OK);
	verdict.from = room_state_last(state) + 1;
	verdict.to = message->state_number;
	return verdict;
}

enum code
room_epoch_check(int64_t epoch, int64_t floor, int64_t now)
{
	if (room_epoch_ahead(epoch, now))
		return CODE_SEQUENCE_AHEAD;
	return epoch < floor ? CODE_EXPIRED : CODE_OK;
}

static struct room_verdict
verdict_epoch(enum code code)
{
	return code == CODE_EXPIRED ? verdict_make(ROOM_REFUSED, code)
				    : verdict_wait(code, STATE_RETRY_S);
}

struct room_verdict
room_message_judge(const struct room_state *state, struct room_stream *stream,
    const struct room_message *message, const struct room_message_facts *facts,
    int64_t now)
{
	struct room_verdict place, verdict;
	enum code code = room_refusal(state, facts);

	if (code != CODE_OK)
		return facts->joining
			   ? verdict_wait(CODE_ROOM_UNKNOWN, JOINING_RETRY_S)
			   : verdict_make(ROOM_REFUSED, code);
	place = room_stream_check(stream, &message->place, &facts->beside);
	if (place.outcome == ROOM_KNOWN)
		return place;
	code = room_epoch_check(message->epoch, facts->floor, now);
	if (code != CODE_OK)
		return verdict_epoch(code);
	if (place.outcome != ROOM_TAKEN)
		return place;
	verdict = judge(state, message, facts, now);
	verdict.flags |= place.flags;
	if (verdict.outcome == ROOM_TAKEN || verdict.outcome == ROOM_HELD ||
	    (verdict.flags & ROOM_SETTLED) != 0)
		room_stream_settle(stream, message->place.sequence, now);
	return verdict;
}

struct room_verdict
room_message_judge_again(const struct room_state *state,
    const struct room_message *message, const struct room_message_facts *facts,
    int64_t since, int64_t now)
{
	struct room_verdict verdict;

	if (state_disputed(state, message->state_number))
		return verdict_make(ROOM_REFUSED, CODE_ROOM_FROZEN);
	if (message->state_number <= room_state_last(state)) {
		verdict = judge_known(state, message, facts, since);
		verdict.flags &= ~ROOM_SETTLED;
		if (verdict.outcome == ROOM_TAKEN)
			verdict.flags |= ROOM_WAS_HELD;
		return verdict;
	}
	if (now - since < ROOM_HOLD_S)
		return verdict_make(ROOM_HELD, CODE_OK);
	/*
	 * While the home is silent, a sender who is a member as far as we know
	 * is shown.
	 */
	verdict = verdict_make(ROOM_TAKEN, CODE_OK);
	verdict.flags = ROOM_WAS_HELD | ROOM_UNVERIFIED;
	if (!member_at(state, &facts->member, message->state_number))
		verdict.flags |= ROOM_HIDDEN;
	return verdict;
}

bool
room_message_open(const struct room_verdict *verdict)
{
	return verdict->outcome == ROOM_HELD ||
	       (verdict->outcome == ROOM_TAKEN &&
		   (verdict->flags & ROOM_UNVERIFIED) != 0);
}

bool
room_message_visible(unsigned int flags)
{
	return (flags & (ROOM_LATE | ROOM_HIDDEN)) == 0;
}

enum code
room_message_send(const struct room_state *state,
    const struct room_member *member, bool leaving, int64_t *state_number)
{
	*state_number = 0;
	if (state == NULL || state->number == 0)
		return CODE_ROOM_UNKNOWN;
	if (state->disputed != 0)
		return CODE_ROOM_FROZEN;
	if (state->closed != 0)
		return CODE_ROOM_CLOSED;
	if (leaving || member->joined == 0 || member->left != 0)
		return CODE_NOT_MEMBER;
	*state_number = state->number;
	return CODE_OK;
}

enum room_giving
room_message_give(
    const struct room_state *state, const struct room_asked *asked)
{
	enum room_giving otherwise =
	    asked->left ? ROOM_GIVE_GONE : ROOM_GIVE_VOID;

	if (!asked->member_now)
		return ROOM_GIVE_NOTHING;
	if (!asked->known)
		return ROOM_GIVE_GONE;
	/* What was taken back in time nobody gets, as proof either. */
	if (asked->cancelled && !asked->left)
		return ROOM_GIVE_VOID;
	if (asked->proof || asked->refused)
		return asked->payload ? ROOM_GIVE : ROOM_GIVE_GONE;
	if (state_disputed(state, asked->state_number))
		return ROOM_GIVE_VOID;
	if (asked->state_number > room_state_last(state))
		return ROOM_GIVE_NOTHING;
	if (!asked->member_then)
		return ROOM_GIVE_VOID;
	return asked->payload ? ROOM_GIVE : otherwise;
}
