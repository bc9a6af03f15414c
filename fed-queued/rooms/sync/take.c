/* SPDX-License-Identifier: ISC */
/* What a message of server_sync brings; see take.h. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/tree.h"
#include "env.h"
#include "exchange/restored.h"
#include "room/room_restore.h"
#include "rooms/messages/take.h"
#include "rooms/state/take.h"
#include "rooms/sync/take.h"
#include "rooms/vouch.h"
#include "servers/peer_table.h"

#define FORKS_MAX 256

enum phase { DOCUMENTS, EVIDENCE, VOIDS, HEADS };

/* The first event that differs in our history of a room and another server's,
 * while it is looked for. */
struct parting {
	TAILQ_ENTRY(parting) entry;
	struct room_id room;
	uint8_t peer[ONION_KEY];
	struct room_fork fork;
};

static TAILQ_HEAD(, parting) partings = TAILQ_HEAD_INITIALIZER(partings);
static uint32_t parting_count;

bool
sync_want(struct sync_taking *taking, const struct sync_ask *ask)
{
	if (taking->ask_count == SYNC_PAYLOAD_ASKS)
		return false;
	taking->asks[taking->ask_count++] = *ask;
	return true;
}

static void
events_want(struct sync_taking *taking, const struct room_id *room,
    int64_t from, int64_t to)
{
	struct sync_ask ask;

	if (from < 1 || to < from)
		return;
	memset(&ask, 0, sizeof(ask));
	ask.room = *room;
	ask.want = SYNC_ITEMS;
	ask.from = from;
	ask.to = to - from < ROOM_EVENTS_MAX ? to : from + ROOM_EVENTS_MAX - 1;
	(void)sync_want(taking, &ask);
}

static struct parting *
parting_find(const struct room_id *room, const uint8_t peer[ONION_KEY])
{
	struct parting *parting;

	TAILQ_FOREACH (parting, &partings, entry)
		if (room_id_equal(&parting->room, room) &&
		    memcmp(parting->peer, peer, ONION_KEY) == 0)
			return parting;
	return NULL;
}

static void
parting_end(struct parting *parting)
{
	TAILQ_REMOVE(&partings, parting, entry);
	free(parting);
	parting_count--;
}

static struct parting *
parting_begin(const struct room_id *room, const uint8_t peer[ONION_KEY])
{
	struct parting *parting = xcalloc(1, sizeof(*parting));

	if (parting_count == FORKS_MAX)
		parting_end(TAILQ_FIRST(&partings));
	parting->room = *room;
	memcpy(parting->peer, peer, ONION_KEY);
	TAILQ_INSERT_TAIL(&partings, parting, entry);
	parting_count++;
	return parting;
}

/* Asks for the next event by which the first that differs is found. */
static void
parting_go_on(struct sync_taking *taking, const struct room_id *room,
    int64_t number, bool same)
{
	struct parting *parting = parting_find(room, taking->via);
	int64_t next;

	if (parting == NULL) {
		if (same)
			return;
		parting = parting_begin(room, taking->via);
		parting->fork.differ = number;
	} else
		room_fork_learn(&parting->fork, number, same);
	next = room_fork_next(&parting->fork);
	if (next == 0)
		parting_end(parting);
	else
		events_want(taking, room, next, next);
}

static bool
is_self(const uint8_t key[ONION_KEY])
{
	return memcmp(key, env.identity.server, ONION_KEY) == 0;
}

/* It has shown one of two events that contradict each other, and is shown the
 * other, whoever it is. */
static void
evidence_show(
    struct sync_taking *taking, const struct room_id *room, int64_t number)
{
	struct sync_ask *ask;

	if (number == 0 || taking->evidence_count == SYNC_PAYLOAD_ASKS)
		return;
	ask = &taking->evidence[taking->evidence_count++];
	memset(ask, 0, sizeof(*ask));
	ask->room = *room;
	ask->want = SYNC_EVIDENCE;
	ask->from = ask->to = number;
	ask->shown = true;
}

/* Whether our signature over what we have not can be a thief's alone; what
 * contradicts our own chain proves no restore. */
static bool
stolen(void)
{
	return room_shown_judge(restored_past(), 0, clock_now()) ==
	       ROOM_SHOWN_ALARM;
}

static void
event_taken(const struct room_verdict *verdict, bool ok, void *argument)
{
	struct sync_taking *taking = argument;
	const struct room_event *event = &taking->document.event.event;

	if (!ok) {
		taking->failed = true;
		sync_take_next(taking);
		return;
	}
	switch (verdict->outcome) {
	case ROOM_TAKEN:
		taking->progress = true;
		break;
	case ROOM_KNOWN:
		evidence_show(taking, &event->room, verdict->from);
		parting_go_on(taking, &event->room, event->number, true);
		break;
	case ROOM_WAIT: /* of STATE_AHEAD there is nothing to ask */
		events_want(taking, &event->room, verdict->from, verdict->to);
		break;
	case ROOM_CONFLICT:
		taking->progress = true;
		evidence_show(taking, &event->room, verdict->from);
		if (verdict->code == CODE_STATE_CONFLICT)
			parting_go_on(
			    taking, &event->room, verdict->from, false);
		break;
	case ROOM_REFUSED:
		if (verdict->code == CODE_ROOM_FROZEN && verdict->from != 0) {
			evidence_show(taking, &event->room, verdict->from);
			/* The two histories may part before that. */
			parting_go_on(
			    taking, &event->room, verdict->from, false);
		}
		/* We signed it, and have not: why is judged first. */
		if (verdict->code == CODE_SPEAKER &&
		    (verdict->from == 0 || stolen()))
			sync_take_behind(taking, &taking->document.cert, 0);
		break;
	case ROOM_HELD:
		break;
	}
	sync_take_next(taking);
}

static void
items_taken(const struct room_verdict *verdicts, bool ok, void *argument)
{
	struct sync_taking *taking = argument;
	uint32_t i;

	taking->failed = taking->failed || !ok;
	for (i = 0; ok && i < taking->document.count; i++)
		if (verdicts[i].outcome == ROOM_TAKEN ||
		    verdicts[i].outcome == ROOM_HELD ||
		    verdicts[i].outcome == ROOM_CONFLICT)
			taking->progress = true;
	sync_take_next(taking);
}

static void
event_counts(struct sync_taking *taking, uint32_t count)
{
	struct document *document = &taking->document;

	state_take(&document->event, &document->cert, taking->via, count > 0,
	    event_taken, taking);
}

/* The first count of the document's messages do. */
static void
items_count(struct sync_taking *taking, uint32_t count)
{
	struct document *document = &taking->document;

	if (count < document->count) {
		log_debug("sync: %u messages under a revoked key",
		    (unsigned int)(document->count - count));
		document->count = count;
	}
	if (count == 0)
		sync_take_next(taking);
	else
		messages_take(&document->room, document->messages,
		    document->count, &document->proof, taking->via, items_taken,
		    taking);
}

/* Messages of ours that we have not are taken if we forgot them. */
static void
own_items(struct sync_taking *taking, bool take)
{
	if (take)
		sync_take_run(taking, items_count);
	else
		sync_take_next(taking);
}

static bool
declared_revoked(const struct sync_taking *taking)
{
	const struct document *document = &taking->document;

	return vouch_revoked(&document->cert) &&
	       memcmp(document->proof.origin, taking->via, ONION_KEY) != 0;
}

/* What an origin declared to another server proves, but settles nothing. */
static void
declared_next(struct sync_taking *taking)
{
	const struct document *document = &taking->document;

	if (taking->declared_at < taking->declared.void_count) {
		sync_take_void(taking,
		    &taking->declared.voids[taking->declared_at++],
		    &document->proof, document->answer, false, declared_next);
		return;
	}
	sync_payload_free(&taking->declared);
	sync_take_next(taking);
}

static void
document_take(struct sync_taking *taking, const struct sync_document *given)
{
	struct document *document = &taking->document;

	switch (document_read(document, given)) {
	case DOCUMENT_EVENT:
		sync_take_run(taking, event_counts);
		return;
	case DOCUMENT_ITEMS:
		if (is_self(document->proof.origin))
			sync_take_own(taking, own_items);
		else
			sync_take_run(taking, items_count);
		return;
	case DOCUMENT_VOIDS:
		taking->declared_at = 0;
		/* Nobody names an answer. What we declare we know. */
		if (!declared_revoked(taking) &&
		    !is_self(document->proof.origin) &&
		    sync_payload_parse(&taking->declared, true,
			document->answer->bytes,
			document->answer->length) == CODE_OK) {
			declared_next(taking);
			return;
		}
		break;
	case DOCUMENT_NOTHING:
		break;
	}
	log_debug("sync: a document is refused");
	sync_take_next(taking);
}

static uint32_t
phase_count(const struct sync_taking *taking)
{
	switch (taking->phase) {
	case DOCUMENTS:
		return taking->message.document_count;
	case EVIDENCE:
		return taking->message.pair_count / 2;
	default:
		/* Declarations count in an answer, which is signed. */
		return taking->proof.text == NULL ? 0
						  : taking->message.void_count;
	}
}

/* Whether its numbers lie in a range that via was asked for. */
static bool
declared_asked(
    const struct sync_taking *taking, const struct sync_void *declared)
{
	const struct sync_ask *ask;
	uint32_t i;

	for (i = 0; i < taking->answered_count; i++) {
		ask = &taking->answered[i];
		if (ask->stream && ask->want == SYNC_ITEMS &&
		    room_id_equal(&ask->room, &declared->room) &&
		    memcmp(ask->origin, taking->via, ONION_KEY) == 0 &&
		    ask->epoch == declared->epoch &&
		    ask->lane == declared->lane &&
		    ask->from <= declared->range.first &&
		    ask->to >= declared->range.last)
			return true;
	}
	return false;
}

void
sync_take_next(struct sync_taking *taking)
{
	const struct sync_message *message = &taking->message;
	uint32_t at;

	document_free(&taking->document);
	document_free(&taking->other);
	while (taking->phase < HEADS && taking->at == phase_count(taking)) {
		taking->phase++;
		taking->at = 0;
	}
	if (taking->failed || taking->phase == HEADS) {
		sync_take_heads(taking);
		return;
	}
	at = taking->at++;
	if (taking->phase == DOCUMENTS)
		document_take(taking, &message->documents[at]);
	else if (taking->phase == EVIDENCE)
		sync_take_evidence(taking, &message->pairs[2 * at],
		    &message->pairs[2 * at + 1]);
	else
		/* What nobody asked for settles nothing, but is its word. */
		sync_take_void(taking, &message->voids[at], &taking->proof,
		    &taking->answer,
		    declared_asked(taking, &message->voids[at]),
		    sync_take_next);
}

void
sync_take(struct sync_taking *taking)
{
	sync_take_next(taking);
}

void
sync_taking_free(struct sync_taking *taking)
{
	sync_payload_free(&taking->message);
	free(taking);
}
