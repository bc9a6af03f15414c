/* SPDX-License-Identifier: ISC */
/* Messages of one request, judged in their order; see intake.h. */
#include <string.h>

#include "room/room_speaker.h"
#include "rooms/attempt.h"
#include "rooms/messages/intake.h"

static struct room_verdict
verdict_make(enum room_outcome outcome, enum code code)
{
	struct room_verdict verdict = {outcome, code, 0, 0, 0, 0};

	return verdict;
}

/* Whether it settles its number in the stream. */
static bool
item_settles(const struct intake_item *item)
{
	return item->verdict.outcome == ROOM_TAKEN ||
	       item->verdict.outcome == ROOM_HELD ||
	       (item->verdict.flags & ROOM_SETTLED) != 0;
}

static bool
stream_same(const struct room_message *a, const struct room_message *b)
{
	return a->epoch == b->epoch && a->lane == b->lane;
}

/* The item's stream as the items before it have left it. */
static struct intake_stream *
stream_get(struct intake *intake, const struct intake_item *item)
{
	const struct room_message *message = &item->message;
	struct intake_stream *entry;
	uint32_t i;

	for (i = 0; i < intake->stream_count; i++) {
		entry = &intake->streams[i];
		if (entry->stream.epoch == message->epoch &&
		    entry->stream.lane == message->lane)
			return entry;
	}
	entry = &intake->streams[intake->stream_count++];
	entry->changed = false;
	if (item->has_stream)
		entry->stream = item->stream;
	else
		room_stream_init(&entry->stream, message->epoch, message->lane);
	return entry;
}

/* An item before it that is kept under the same id; NULL: none. */
static const struct intake_item *
id_before(const struct intake *intake, const struct intake_item *item)
{
	const struct intake_item *other;

	for (other = intake->items; other < item; other++)
		if (other->stored &&
		    memcmp(other->id, item->id, sizeof(other->id)) == 0)
			return other;
	return NULL;
}

bool
intake_first(const struct intake *intake, const struct intake_item *item)
{
	return id_before(intake, item) == NULL;
}

/* The numbers beside it, in the database or among the items before it. */
static void
beside_make(const struct intake *intake, const struct intake_item *item,
    struct room_beside *beside)
{
	int64_t number = item->message.place.sequence;
	const struct room_place *place;
	const struct intake_item *other;

	beside->before = item->has_before ? item->before : NULL;
	beside->at = item->has_at ? item->at : NULL;
	beside->after = item->has_after ? item->after : NULL;
	beside->at_void = item->at_void;
	for (other = intake->items; other < item; other++) {
		place = &other->message.place;
		if (!other->stored ||
		    !stream_same(&other->message, &item->message))
			continue;
		if (place->sequence == number - 1) {
			beside->before = place->digest;
		} else if (place->sequence == number) {
			beside->at = place->digest;
			beside->at_void =
			    other->verdict.outcome == ROOM_REFUSED;
			if (beside->before == NULL && number > 1)
				beside->before = place->previous;
		} else if (place->sequence == number + 1) {
			beside->after = place->previous;
			if (beside->at == NULL)
				beside->at = place->previous;
		}
	}
}

/* How many are held, with the items before. */
static void
counts_make(const struct intake *intake, const struct intake_item *item,
    struct room_message_facts *facts)
{
	const struct intake_item *other;

	for (other = intake->items; other < item; other++) {
		if (other->verdict.outcome != ROOM_HELD)
			continue;
		facts->held++;
		facts->held_server++;
	}
}

/*
 * The id named something else before: it is refused. Its number is settled all
 * the same, or we would ask for it for ever.
 */
static void
id_conflict(const struct intake *intake, struct intake_item *item,
    struct intake_stream *entry, const struct room_message_facts *facts)
{
	const struct room_place *at = &item->message.place;
	struct room_verdict place;

	item->verdict = verdict_make(ROOM_REFUSED, CODE_ID_CONFLICT);
	if (intake->state == NULL || intake->state->number == 0 ||
	    !facts->here || !facts->server_seen ||
	    room_epoch_check(item->message.epoch, facts->floor, intake->now) !=
		CODE_OK)
		return;
	item->id_conflict = true;
	place = room_stream_check(&entry->stream, at, &facts->beside);
	if (place.outcome == ROOM_CONFLICT) {
		item->verdict = place;
	} else if (place.outcome == ROOM_TAKEN) {
		room_stream_settle(&entry->stream, at->sequence, intake->now);
		item->verdict.flags |= ROOM_SETTLED;
	}
}

const struct room_verdict *
intake_last(const struct intake *intake, const struct intake_item *item)
{
	const struct intake_item *end = intake->items + intake->count, *other;
	const struct room_verdict *last = &item->verdict;

	for (other = item + 1; other < end; other++)
		if (memcmp(other->id, item->id, sizeof(other->id)) == 0 &&
		    other->stored && !other->id_conflict)
			last = &other->verdict;
	return last;
}

enum known { KNOWN_NOT, KNOWN_SAME, KNOWN_OTHER };

/* What its id named before. The same item, when it was refused, is judged
 * anew. */
static enum known
id_known(const struct intake *intake, const struct intake_item *item)
{
	const struct intake_item *other = id_before(intake, item);
	const uint8_t *digest = item->message.place.digest, *before = NULL;
	bool again = false;

	if (item->has_known) {
		before = item->known;
	} else if (other != NULL) {
		before = other->message.place.digest;
		again = other->verdict.outcome == ROOM_REFUSED;
	} else if (item->has_item) {
		before = item->item;
		again = true;
	}
	if (before == NULL)
		return KNOWN_NOT;
	if (memcmp(before, digest, ROOM_HASH) != 0)
		return KNOWN_OTHER;
	return again ? KNOWN_NOT : KNOWN_SAME;
}

static void
item_judge(struct intake *intake, struct intake_item *item)
{
	struct room_message_facts facts = intake->room;
	enum known known = id_known(intake, item);
	struct intake_stream *entry;

	if (known == KNOWN_SAME) {
		item->verdict = verdict_make(ROOM_KNOWN, CODE_OK);
		return;
	}
	entry = stream_get(intake, item);
	facts.member = item->member;
	facts.left_learned = item->left_learned;
	facts.here_then = item->here_then;
	counts_make(intake, item, &facts);
	beside_make(intake, item, &facts.beside);
	if (known == KNOWN_OTHER)
		id_conflict(intake, item, entry, &facts);
	else
		item->verdict = room_message_judge(intake->state,
		    &entry->stream, &item->message, &facts, intake->now);
	if (item->verdict.outcome == ROOM_CONFLICT)
		room_stream_fork(&entry->stream, item->verdict.from);
	if (item->verdict.outcome == ROOM_CONFLICT || item_settles(item))
		entry->changed = true;
	item->stored =
	    item_settles(item) &&
	    (!item->id_conflict ||
		(!item->has_item && id_before(intake, item) == NULL));
}

void
intake_run(struct intake *intake)
{
	struct intake_item *item;
	enum code code;
	uint32_t i;

	intake->stream_count = 0;
	for (i = 0; i < intake->count; i++) {
		item = &intake->items[i];
		item->id_conflict = item->stored = false;
		code = room_speaker_check(ROOM_ACT_MESSAGE, &item->message.room,
		    intake->origin, intake->self, &item->message.sender);
		if (code != CODE_OK) {
			item->verdict = verdict_make(ROOM_REFUSED, code);
		} else if (!intake->trusted) {
			item->verdict = verdict_make(ROOM_WAIT, CODE_STORAGE);
			item->verdict.seconds = ATTEMPT_RETRY_S;
		} else
			item_judge(intake, item);
	}
}
