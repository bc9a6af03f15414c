/* SPDX-License-Identifier: ISC */
/*
 * What the decisions of common/room are called with: by the model it is noted,
 * by production compared. The linker leads every call here (--wrap). A field
 * that a decision gets new is one line more in the function of its structure.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/cert.h"
#include "rooms/state/requests.h"
#include "sql/mirror_internal.h"

#define FACTS	  256 /* of a step */
#define FACT_SIZE 2048

int64_t mirror_clock;

static enum mirror_facts mode;
static char facts[FACTS][FACT_SIZE];
static size_t count;	       /* noted */
static size_t at;	       /* of those, compared */
static unsigned long compared; /* ever */

static struct {
	char text[FACT_SIZE];
	size_t length;
} now;

void
mirror_facts_mode(enum mirror_facts to)
{
	mode = to;
}

void
mirror_facts_clear(void)
{
	count = at = 0;
}

size_t
mirror_facts_left(const char **first)
{
	*first = facts[at];
	return count - at;
}

unsigned long
mirror_facts_compared(void)
{
	return compared;
}

static void __attribute__((format(printf, 1, 2))) put(const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(
	    now.text + now.length, FACT_SIZE - now.length, format, arguments);
	va_end(arguments);
	if (length > 0 && now.length + (size_t)length < FACT_SIZE)
		now.length += (size_t)length;
}

static void
put_number(const char *name, int64_t number)
{
	put(" %s=%lld", name, (long long)number);
}

/* The beginning tells digests apart. */
static void
put_hash(const char *name, const uint8_t *hash)
{
	if (hash == NULL)
		put(" %s=none", name);
	else
		put(" %s=%02x%02x%02x%02x%02x%02x", name, hash[0], hash[1],
		    hash[2], hash[3], hash[4], hash[5]);
}

static void
put_user(const char *name, const struct room_user *user)
{
	put(" %s=%s", name, user->name);
	if (user->name[0] != '\0')
		put_hash("at", user->server);
}

static void
put_member(const char *name, const struct room_member *member)
{
	put(" %s=%lld-%lld", name, (long long)member->joined,
	    (long long)member->left);
}

static void
put_state(const struct room_state *state)
{
	if (state == NULL || state->number == 0) {
		put(" state=none");
		return;
	}
	put_hash("room", state->room.uuid);
	put_number("number", state->number);
	put_hash("hash", state->hash);
	put_number("timestamp", state->timestamp);
	put_number("closed", state->closed);
	put_number("disputed", state->disputed);
	put_number("require_invite", state->require_invite);
	put_number("federated", state->federated);
	put_number("restricted", state->restricted);
}

static void
put_event(const struct room_event *event)
{
	const struct room_content *content = &event->content;
	uint8_t hash[ROOM_HASH];

	room_event_hash(hash, event);
	put(" event=%s", room_kind_name(event->kind));
	put_hash("text", hash);
	put_number("of", event->number);
	put_number("timestamp", event->timestamp);
	put_user("user", &content->user);
	put_user("inviter", &content->inviter);
	if (content->has_nonce || event->kind == ROOM_INVITE)
		put_hash("nonce", content->nonce);
	put_number("expires", content->expires);
	put_number("requires", content->require_invite);
	put_number("federates", content->federated);
	put_number("restricts", content->restricted);
}

static void
put_state_facts(const struct room_facts *from)
{
	const struct room_invitation *invitation = from->invitation;

	put_hash("known", from->known);
	put_member("membership", &from->user);
	put_member("inviting", &from->inviter);
	if (invitation == NULL)
		put(" invitation=none");
	else {
		put_hash("invitation", invitation->nonce);
		put_number("made", invitation->number);
		put_number("until", invitation->expires);
		put_number("used", invitation->used);
		put_user("by", &invitation->inviter);
		put_user("for", &invitation->invitee);
	}
	put_number("invited", from->invited);
	put_number("listed", from->listed);
	put_number("servers", from->servers);
	put_number("server_in", from->server_in);
}

static void
put_stream(const struct room_stream *stream)
{
	int i;

	put_number("epoch", stream->epoch);
	put_number("lane", stream->lane);
	put_number("contiguous", stream->contiguous);
	put_number("highest", stream->highest);
	put_number("gap_since", stream->gap_since);
	put_number("forked", stream->forked);
	for (i = 0; i < ROOM_WINDOW / 64; i++)
		if (stream->seen[i] != 0)
			put(" seen%d=%llx", i,
			    (unsigned long long)stream->seen[i]);
}

static void
put_beside(const struct room_beside *beside)
{
	put_hash("before", beside->before);
	put_hash("at", beside->at);
	put_hash("after", beside->after);
	if (beside->at != NULL)
		put_number("at_void", beside->at_void);
}

static void
put_message(const struct room_message *message)
{
	put_user("sender", &message->sender);
	put_number("state_number", message->state_number);
	put_number("sequence", message->place.sequence);
	put_hash("digest", message->place.digest);
	put_hash("previous", message->place.previous);
}

static bool
begin(const char *name)
{
	if (mode == MIRROR_FACTS_OFF)
		return false;
	now.length = 0;
	put("%s", name);
	return true;
}

/* The first word that differs, and what it is on the other side. */
static void
differ(const char *sql, const char *model)
{
	char a[64], b[64], what[64];
	size_t i = 0, word = 0, name;

	for (; sql[i] != '\0' && sql[i] == model[i]; i++)
		if (sql[i] == ' ')
			word = i + 1;
	name = strcspn(sql, " ");
	snprintf(what, sizeof(what), "%.*s", (int)name, sql);
	snprintf(
	    a, sizeof(a), "%.*s", (int)strcspn(sql + word, " "), sql + word);
	snprintf(b, sizeof(b), "%.*s", (int)strcspn(model + word, " "),
	    model + word);
	mirror_fail(what, a, b);
}

static void
end(void)
{
	if (mode == MIRROR_FACTS_NOTE) {
		if (count < FACTS)
			memcpy(facts[count++], now.text, now.length + 1);
		return;
	}
	if (at < count && strcmp(now.text, facts[at]) == 0) {
		at++;
		compared++;
		return;
	}
	/* A decision that is made again, while it waits. */
	if (at > 0 && strcmp(now.text, facts[at - 1]) == 0)
		return;
	if (at == count)
		mirror_fail("decision", now.text, "none");
	else
		differ(now.text, facts[at]);
}

/* The decisions ------------------------------------------------------------ */

#define WRAP(type, name, ...)            \
	type __real_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__)

WRAP(struct room_verdict, room_state_apply, struct room_state *state,
    const struct room_event *event, const struct room_facts *known,
    int64_t when, struct room_effect *effect)
{
	if (begin("event")) {
		put_event(event);
		put_state(state);
		put_state_facts(known);
		put_number("when", when);
		end();
	}
	return __real_room_state_apply(state, event, known, when, effect);
}

WRAP(struct room_verdict, room_home_decide, const struct room_state *state,
    const struct room_event *event, const struct room_facts *known,
    const struct room_recovery *recovery, bool pending, int64_t when)
{
	if (begin("request")) {
		put_event(event);
		put_state(state);
		put_state_facts(known);
		put_number("restored", recovery->since);
		put_number("members", recovery->servers);
		if (recovery->since != 0)
			put_number("asked", recovery->asked);
		put_number("adopting", recovery->adopting);
		put_number("pending", pending);
		put_number("when", when);
		end();
	}
	return __real_room_home_decide(
	    state, event, known, recovery, pending, when);
}

static void
put_message_facts(const struct room_message_facts *known)
{
	put_member("member", &known->member);
	if (known->member.left != 0)
		put_number("left_learned", known->left_learned);
	put_number("server_seen", known->server_seen);
}

WRAP(struct room_verdict, room_message_judge, const struct room_state *state,
    struct room_stream *stream, const struct room_message *message,
    const struct room_message_facts *known, int64_t when)
{
	if (begin("message")) {
		put_state(state);
		put_stream(stream);
		put_message(message);
		put_message_facts(known);
		put_number("here", known->here);
		/* Asked where none is here any more. */
		if (!known->here) {
			if (state != NULL &&
			    message->state_number <= room_state_last(state))
				put_number("here_then", known->here_then);
			put_number("out", known->out);
			if (known->out != ROOM_KINDS)
				put_number("out_learned", known->out_learned);
		}
		put_number("joining", known->joining);
		put_number("held", known->held);
		put_number("held_server", known->held_server);
		put_number("floor", known->floor);
		put_beside(&known->beside);
		put_number("when", when);
		end();
	}
	return __real_room_message_judge(state, stream, message, known, when);
}

WRAP(struct room_verdict, room_message_judge_again,
    const struct room_state *state, const struct room_message *message,
    const struct room_message_facts *known, int64_t since, int64_t when)
{
	if (begin("message again")) {
		put_state(state);
		put_user("sender", &message->sender);
		put_number("state_number", message->state_number);
		put_message_facts(known);
		put_number("since", since);
		put_number("when", when);
		end();
	}
	return __real_room_message_judge_again(
	    state, message, known, since, when);
}

WRAP(enum code, room_message_send, const struct room_state *state,
    const struct room_member *member, bool leaving, int64_t *number)
{
	if (begin("say")) {
		put_state(state);
		put_member("member", member);
		put_number("leaving", leaving);
		end();
	}
	return __real_room_message_send(state, member, leaving, number);
}

WRAP(enum room_giving, room_message_give, const struct room_state *state,
    const struct room_asked *asked)
{
	if (begin("give")) {
		put_state(state);
		put_number("known", asked->known);
		put_number("member_now", asked->member_now);
		/* Of what is in dispute nobody asks who was there. */
		if (asked->known && asked->member_now) {
			put_number("state_number", asked->state_number);
			if (asked->state_number <= room_state_last(state))
				put_number("then", asked->member_then);
			put_number("refused", asked->refused);
			put_number("proof", asked->proof);
			put_number("payload", asked->payload);
		}
		end();
	}
	return __real_room_message_give(state, asked);
}

WRAP(int64_t, room_state_shown, const struct room_state *state,
    const struct room_member *last, bool home)
{
	if (begin("shown")) {
		put_number("closed", state->closed);
		/* Of several that have not ended any may be the last. */
		put_number("ever", last->joined != 0);
		put_number("left", last->left);
		put_number("home", home);
		end();
	}
	return __real_room_state_shown(state, last, home);
}

WRAP(struct room_want, room_head_compare, const struct room_state *state,
    const struct room_head *theirs, const uint8_t *ours, bool own)
{
	if (begin("head")) {
		put_state(state);
		put_number("theirs", theirs->number);
		put_hash("theirs", theirs->hash);
		put_number("their_dispute", theirs->disputed);
		put_hash("ours", ours);
		put_number("own", own);
		end();
	}
	return __real_room_head_compare(state, theirs, ours, own);
}

WRAP(struct room_want, room_stream_compare, const struct room_stream *stream,
    const struct room_stream_head *theirs, const uint8_t *ours,
    const uint8_t *tip, bool own, bool current)
{
	if (begin("stream head")) {
		put_stream(stream);
		put_number("sequence", theirs->sequence);
		put_hash("digest", theirs->digest);
		put_number("highest", theirs->highest);
		put_hash("their_tip", theirs->tip);
		put_number("their_fork", theirs->forked);
		put_hash("ours", ours);
		put_hash("tip", tip);
		put_number("own", own);
		put_number("current", current);
		end();
	}
	return __real_room_stream_compare(
	    stream, theirs, ours, tip, own, current);
}

static void
put_void(const struct room_void *range)
{
	put_number("first", range->first);
	put_number("last", range->last);
	put_hash("previous", range->previous);
	put_hash("digest", range->digest);
}

WRAP(int64_t, room_void_contradiction, const struct room_void *range,
    const struct room_beside *beside)
{
	if (begin("declared")) {
		put_void(range);
		put_beside(beside);
		end();
	}
	return __real_room_void_contradiction(range, beside);
}

WRAP(int64_t, room_stream_void, struct room_stream *stream,
    const struct room_void *range, const struct room_beside *beside,
    int64_t when)
{
	if (begin("void")) {
		put_stream(stream);
		put_void(range);
		put_beside(beside);
		put_number("when", when);
		end();
	}
	return __real_room_stream_void(stream, range, beside, when);
}

WRAP(struct room_verdict, room_invite_take, const struct room_event *event,
    const struct room_invite_facts *known, int64_t when,
    struct room_invite_effect *effect)
{
	if (begin("invitation")) {
		put_event(event);
		put_hash("self", known->self);
		put_hash("origin", known->origin);
		put_number("origin_level", known->origin_level);
		put_number("home_level", known->home_level);
		put_number("user_exists", known->user_exists);
		put_number("shown", known->known);
		put_number("looks_up", known->looks_up);
		put_number("other", known->other);
		put_number("open_server", known->open_server);
		put_number("waiting_server", known->waiting_server);
		put_number("waiting_invitee", known->waiting_invitee);
		put_hash("own", known->own);
		put_number("when", when);
		end();
	}
	return __real_room_invite_take(event, known, when, effect);
}

/* The rest of the world ---------------------------------------------------- */

WRAP(int64_t, clock_now, void)
{
	return mode == MIRROR_FACTS_OFF ? __real_clock_now() : mirror_clock;
}

/* The ledger plays signatures. */
WRAP(bool, room_event_verify, const struct room_event *event,
    const uint8_t signature[64], const uint8_t key[32])
{
	(void)event;
	(void)signature;
	(void)key;
	return true;
}

WRAP(bool, ed_verify, const uint8_t signature[64], const void *text,
    size_t length, const uint8_t key[32])
{
	(void)signature;
	(void)text;
	(void)length;
	(void)key;
	return true;
}

WRAP(enum code, cert_verify, const struct cert *cert, int64_t when)
{
	(void)cert;
	(void)when;
	return CODE_OK;
}

/* Contradictions are what histories are made of. */
void __wrap_log_error(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
void
__wrap_log_error(const char *format, ...)
{
	(void)format;
}
