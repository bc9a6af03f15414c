/* SPDX-License-Identifier: ISC */
/*
 * What counts under a revoked certificate. Here each event and item comes by
 * itself: what nobody vouches for yet is asked of its author.
 */
#include <string.h>

#include "sql/mirror.h"

static struct room *
room_of(int node, int room)
{
	return &world.nodes[node].db.rooms[room];
}

static uint64_t
min_of(int node, int identity)
{
	if (identity == world.nodes[node].identity)
		return world.min_serial[identity];
	return world.nodes[node].db.min_serial[identity];
}

static bool
revoked(int node, int identity, uint64_t serial)
{
	/* planted: nobody heeds it */
	return !planted_is("thief") &&
	       room_vouch_revoked(serial, min_of(node, identity));
}

/* Whether a head of its author's names that. */
static bool
stated_names(int node, const struct room *room, int author, int64_t epoch,
    int lane, int64_t number, const uint8_t digest[ROOM_HASH])
{
	const struct room_stream_head *head;
	int i;

	for (i = 0; i < room->stated_count; i++) {
		head = &room->stated[i].head;
		if (room->stated[i].origin != author || head->epoch != epoch ||
		    head->lane != lane ||
		    revoked(node, author, room->stated[i].serial))
			continue;
		if ((head->sequence == number &&
			memcmp(head->digest, digest, ROOM_HASH) == 0) ||
		    (head->highest == number &&
			memcmp(head->tip, digest, ROOM_HASH) == 0))
			return true;
	}
	return false;
}

/* What is higher, or under a later certificate, is kept. */
static void
stated_write(
    struct stated *stated, const struct room_stream_head *head, uint64_t serial)
{
	if (stated->serial >= serial && stated->head.highest > head->highest)
		return;
	stated->head = *head;
	stated->serial = serial;
}

void
vouch_state(int node, int index, int origin,
    const struct room_stream_head *head, const struct room_want *want)
{
	struct room *room = room_of(node, index);
	struct stated *stated;
	int i;

	if (!room->known ||
	    (want->what & (ROOM_WANT_ITEMS | ROOM_WANT_ONE)) == 0)
		return;
	for (i = 0; i < room->stated_count; i++) {
		stated = &room->stated[i];
		if (stated->origin == origin &&
		    stated->head.epoch == head->epoch &&
		    stated->head.lane == head->lane) {
			stated_write(stated, head, min_of(node, origin));
			return;
		}
	}
	if (room->stated_count == STREAMS) {
		world_fail("simulator: heads");
		return;
	}
	stated = &room->stated[room->stated_count++];
	memset(stated, 0, sizeof(*stated));
	stated->origin = origin;
	stated_write(stated, head, min_of(node, origin));
}

static bool
event_names(int node, int index)
{
	const struct event *event = &world.events[index];

	return stated_names(node, room_of(node, event->room), event->signer, 0,
	    0, event->event.number, event->hash);
}

/* The last number that is vouched for, by itself or by what follows. */
static int64_t
through(int node, int index)
{
	const struct room *room = room_of(node, index);
	int64_t number = room->state.number;
	int home = world_home(index);

	if (home == world.nodes[node].identity)
		return number;
	while (number > 0 &&
	       revoked(node, home, world.events[room->chain[number]].serial) &&
	       !event_names(node, room->chain[number]))
		number--;
	return number;
}

bool
vouch_event(int node, const struct packet *packet)
{
	int home = world_home(packet->room);
	bool named;

	if (world.nodes[packet->from].identity == home ||
	    !revoked(node, home, world.events[packet->index].serial))
		return true;
	named = event_names(node, packet->index);
	mirror_event_named(node, packet->index, named);
	return named || !revoked(node, home, packet->run);
}

bool
vouch_invitation(int node, const struct packet *packet)
{
	int home = world_home(packet->room);

	return home == world.nodes[node].identity ||
	       home == world.nodes[packet->from].identity ||
	       !revoked(node, home, world.events[packet->index].serial);
}

/* Whether it is who made it that shows it. */
static bool
carried(const struct packet *packet, int author)
{
	return packet != NULL && world.nodes[packet->from].identity == author;
}

bool
vouch_event_side(int node, const struct packet *packet, int index)
{
	const struct event *event = &world.events[index];
	const struct room *room = room_of(node, event->room);
	int64_t number = event->event.number;

	if (!revoked(node, event->signer, event->serial) ||
	    carried(packet, event->signer))
		return true;
	return number >= 1 && number <= through(node, event->room) &&
	       room->chain[number] == index;
}

/* Whether a declaration of its origin names that. */
static bool
declared_names(int node, const struct room *room, const struct item *item)
{
	const struct room_place *place = &item->message.place;
	const struct declared *declared;
	int i;

	for (i = 0; i < room->void_count; i++) {
		declared = &room->voids[i];
		if (declared->origin != item->origin ||
		    declared->epoch != item->message.epoch ||
		    declared->lane != item->message.lane ||
		    revoked(node, item->origin, declared->serial))
			continue;
		if ((declared->range.last == place->sequence &&
			memcmp(declared->range.digest, place->digest,
			    ROOM_HASH) == 0) ||
		    (declared->range.first - 1 == place->sequence &&
			memcmp(declared->range.previous, place->digest,
			    ROOM_HASH) == 0))
			return true;
	}
	return false;
}

/* A head or a declaration names it. */
static bool
item_stated(int node, const struct room *room, const struct item *item)
{
	return stated_names(node, room, item->origin, item->message.epoch,
		   item->message.lane, item->message.place.sequence,
		   item->message.place.digest) ||
	       declared_names(node, room, item);
}

static int
entry_behind(const struct room *room, const struct item *item)
{
	return room_item_at(room, item->origin, item->message.epoch,
	    item->message.lane, item->message.place.sequence + 1);
}

/* Whether an item that is stored counts, by itself or by what follows. */
static bool
entry_holds(int node, const struct room *room, int at)
{
	const struct item *item;

	for (; at != NONE; at = entry_behind(room, item)) {
		item = &world.items[room->entries[at].item];
		if (item->origin == world.nodes[node].identity ||
		    !revoked(node, item->origin, room->entries[at].serial) ||
		    item_stated(node, room, item))
			return true;
	}
	return false;
}

/* Whether something that counts names it. */
static bool
item_named(int node, const struct room *room, const struct item *item)
{
	int at = entry_behind(room, item);

	if (item_stated(node, room, item))
		return true;
	return at != NONE && entry_holds(node, room, at) &&
	       memcmp(
		   world.items[room->entries[at].item].message.place.previous,
		   item->message.place.digest, ROOM_HASH) == 0;
}

bool
vouch_item(int node, const struct packet *packet)
{
	const struct item *item = &world.items[packet->index];
	bool named;

	if (carried(packet, item->origin) ||
	    !revoked(node, item->origin, packet->proof))
		return true;
	named = item_named(node, room_of(node, item->room), item);
	mirror_item_named(node, packet->index, named);
	return named;
}

bool
vouch_item_side(
    int node, const struct packet *packet, int index, uint64_t serial)
{
	const struct item *item = &world.items[index];
	const struct room *room = room_of(node, item->room);
	int at = room_item_at(room, item->origin, item->message.epoch,
	    item->message.lane, item->message.place.sequence);

	if (!revoked(node, item->origin, serial) ||
	    carried(packet, item->origin) || item_named(node, room, item))
		return true;
	return at != NONE && room->entries[at].item == index &&
	       entry_holds(node, room, at);
}

/* One that was made to another server: nobody names it. */
bool
vouch_declared(int node, const struct packet *packet)
{
	return carried(packet, packet->origin) ||
	       !revoked(node, packet->origin, packet->proof);
}

static bool
evidence_stands(int node, const struct evidence *evidence)
{
	const uint64_t *serials = evidence->serials;

	if (evidence->kind == EVIDENCE_STATE)
		return vouch_event_side(node, NULL, evidence->a) &&
		       vouch_event_side(node, NULL, evidence->b);
	if (evidence->kind == EVIDENCE_ID)
		return true;
	/* A declaration, against an item or another one. */
	if (evidence->a == NONE)
		return !revoked(node, evidence->origin, serials[0]) &&
		       (evidence->beside == NONE
			       ? !revoked(node, evidence->origin, serials[1])
			       : vouch_item_side(
				     node, NULL, evidence->beside, serials[1]));
	return vouch_item_side(node, NULL, evidence->a, serials[0]) &&
	       (evidence->b == NONE
		       ? !revoked(node, evidence->origin, serials[1])
		       : vouch_item_side(node, NULL, evidence->b, serials[1]));
}

static bool
evidence_of(const struct evidence *evidence, const struct stream *stream)
{
	return evidence->kind != EVIDENCE_STATE &&
	       evidence->origin == stream->origin &&
	       evidence->epoch == stream->stream.epoch &&
	       evidence->lane == stream->stream.lane;
}

/* What is frozen or forked is so by the evidence that is left. */
static void
disputes_renew(struct room *room)
{
	const struct evidence *evidence;
	int i, j;

	room->state.disputed = 0;
	for (i = 0; i < room->stream_count; i++)
		room->streams[i].stream.forked = 0;
	for (i = 0; i < room->evidence_count; i++) {
		evidence = &room->evidence[i];
		if (evidence->kind == EVIDENCE_STATE)
			room_state_dispute(&room->state, evidence->number);
		for (j = 0; j < room->stream_count; j++)
			if (evidence->kind == EVIDENCE_SEQUENCE &&
			    evidence_of(evidence, &room->streams[j]))
				room_stream_fork(
				    &room->streams[j].stream, evidence->number);
	}
}

static void
evidence_drop(struct room *room, int at)
{
	room->evidence_count--;
	memmove(&room->evidence[at], &room->evidence[at + 1],
	    (size_t)(room->evidence_count - at) * sizeof(room->evidence[0]));
}

/* What was refused by events that do not stand is judged again. */
static void
refused_again(struct room *room, int64_t number)
{
	const struct item *item;
	struct entry *entry;
	int i;

	for (i = 0; i < room->entry_count; i++) {
		entry = &room->entries[i];
		item = &world.items[entry->item];
		if (entry->status != STATUS_REFUSED ||
		    (entry->code != CODE_NOT_MEMBER &&
			entry->code != CODE_ROOM_CLOSED &&
			entry->code != CODE_ROOM_FROZEN &&
			entry->code != CODE_ROOM_UNKNOWN) ||
		    item->message.state_number <= number)
			continue;
		entry->status = STATUS_HELD;
		entry->code = CODE_OK;
		entry->flags = 0;
		entry->since = world.now;
	}
}

static void
review(int node, int index)
{
	struct room *room = room_of(node, index);
	const struct evidence *evidence;
	int i, before = room->evidence_count;
	bool goes[EVIDENCES];

	for (i = 0; i < before; i++)
		goes[i] = !evidence_stands(node, &room->evidence[i]);
	for (i = before - 1; i >= 0; i--) {
		evidence = &room->evidence[i];
		if (!goes[i])
			continue;
		if (evidence->kind == EVIDENCE_STATE)
			refused_again(room, evidence->number - 1);
		evidence_drop(room, i);
	}
	if (room->evidence_count == before)
		return;
	disputes_renew(room);
	memset(room->forks, 0, sizeof(room->forks));
}

void
vouch_learn(int node, int identity, uint64_t min_serial)
{
	struct database *db = &world.nodes[node].db;
	int room;

	if (db->min_serial[identity] >= min_serial)
		return;
	db->min_serial[identity] = min_serial;
	if (min_serial == 1)
		return;
	mirror_step(node);
	db->revoked[identity] = world.now;
	for (room = 0; room < ROOMS; room++)
		review(node, room);
	mirror_revoked(node);
}

bool
vouch_cut(int node, int index, const struct room_verdict *verdict)
{
	struct room *room = room_of(node, index);
	int64_t keep = through(node, index);
	int i;

	if (!room_vouch_gives_way(verdict, keep))
		return false;
	for (i = room->evidence_count - 1; i >= 0; i--)
		if (room->evidence[i].kind == EVIDENCE_STATE &&
		    room->evidence[i].number > keep)
			evidence_drop(room, i);
	mirror_aside(true);
	state_replay(node, index, keep);
	mirror_aside(false);
	disputes_renew(room);
	refused_again(room, keep);
	return true;
}

/* The items of the stream from number on that nobody vouches for go. */
static void
entries_drop(
    int node, struct room *room, const struct stream *stream, int64_t number)
{
	const struct item *item;
	bool goes[ENTRIES];
	int i, kept = 0;

	for (i = 0; i < room->entry_count; i++) {
		item = &world.items[room->entries[i].item];
		goes[i] = item->origin == stream->origin &&
			  item->message.epoch == stream->stream.epoch &&
			  item->message.lane == stream->stream.lane &&
			  item->message.place.sequence >= number &&
			  !entry_holds(node, room, i);
	}
	for (i = 0; i < room->entry_count; i++)
		if (!goes[i])
			room->entries[kept++] = room->entries[i];
	room->entry_count = kept;
}

/* So do declarations under a certificate that is revoked. */
static void
voids_drop(
    int node, struct room *room, const struct stream *stream, int64_t number)
{
	const struct declared *declared;
	int i, kept = 0;

	for (i = 0; i < room->void_count; i++) {
		declared = &room->voids[i];
		if (declared->origin != stream->origin ||
		    declared->epoch != stream->stream.epoch ||
		    declared->lane != stream->stream.lane ||
		    declared->range.last < number ||
		    !revoked(node, stream->origin, declared->serial))
			room->voids[kept++] = *declared;
	}
	room->void_count = kept;
}

static void
stream_renew(struct room *room, struct stream *stream, int64_t number)
{
	struct room_stream *s = &stream->stream;
	const struct item *item;
	int i;

	if (s->contiguous > number - 1)
		s->contiguous = number - 1;
	s->highest = s->contiguous;
	s->gap_since = 0;
	memset(s->seen, 0, sizeof(s->seen));
	for (i = 0; i < room->entry_count; i++) {
		item = &world.items[room->entries[i].item];
		if (item->origin == stream->origin &&
		    item->message.epoch == s->epoch &&
		    item->message.lane == s->lane)
			room_stream_settle(
			    s, item->message.place.sequence, world.now);
	}
}

bool
vouch_stream_cut(
    int node, int index, int origin, int64_t epoch, int lane, int64_t number)
{
	struct room *room = room_of(node, index);
	struct stream *stream = room_stream_find(room, origin, epoch, lane);
	int i, at = room_item_at(room, origin, epoch, lane, number);

	/* Or what stands behind it, and names it. */
	if (at == NONE)
		at = room_item_at(room, origin, epoch, lane, number + 1);
	if (stream == NULL || at == NONE || entry_holds(node, room, at))
		return false;
	entries_drop(node, room, stream, number);
	voids_drop(node, room, stream, number);
	for (i = room->evidence_count - 1; i >= 0; i--)
		if (evidence_of(&room->evidence[i], stream) &&
		    room->evidence[i].number >= number)
			evidence_drop(room, i);
	disputes_renew(room);
	stream_renew(room, stream, number);
	return true;
}

/* After healing: nothing of a thief's that came when it was known. */
void
vouch_check(int node)
{
	const struct database *db = &world.nodes[node].db;
	const struct room *room;
	const struct entry *entry;
	int64_t number;
	int index, i;

	for (index = 0; index < ROOMS; index++) {
		room = &db->rooms[index];
		for (number = 1; number <= room->state.number; number++)
			if (world.events[room->chain[number]].stolen &&
			    room_server_now(room_of(world.robbed, index),
				world.nodes[node].identity) &&
			    world.restored_home[index] == false &&
			    room->state.closed == 0)
				world_fail("server %d: room %d has a thief's "
					   "event %lld",
				    node, index, (long long)number);
		for (i = 0; i < room->entry_count; i++) {
			entry = &room->entries[i];
			/* Of one that shares no room nobody hears. */
			if (db->min_serial[world.robbed] >= 2 &&
			    world.items[entry->item].stolen &&
			    entry->status == STATUS_TAKEN &&
			    entry->came > db->revoked[world.robbed])
				world_fail("server %d: a thief's message is "
					   "taken",
				    node);
		}
	}
}
