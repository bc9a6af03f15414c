/* SPDX-License-Identifier: ISC */
/* Messages on a server: written, sent until acknowledged, taken, judged. */
#include <string.h>

#include "sql/mirror.h"

static struct room *
room_of(int node, int room)
{
	return &world.nodes[node].db.rooms[room];
}

static struct entry *
entry_add(struct room *room, int item, enum status status, unsigned int flags)
{
	struct entry *entry;

	if (room->entry_count == ENTRIES) {
		world_fail("simulator: entries");
		room->entry_count--;
	}
	entry = &room->entries[room->entry_count++];
	memset(entry, 0, sizeof(*entry));
	entry->item = item;
	entry->status = status;
	entry->flags = flags;
	entry->since = entry->came = world.now;
	return entry;
}

/* An item in the ledger: the next number of a stream of node's. */
int
talk_item_new(int node, int room, int sender, const struct stream *stream,
    int64_t state_number, uint32_t id)
{
	struct item *item = &world.items[world.item_count];
	struct room_place *place = &item->message.place;
	const uint8_t *previous;
	bool is_void;
	int i;

	if (world.item_count == ITEMS)
		return NONE;
	memset(item, 0, sizeof(*item));
	item->room = room;
	item->origin = world.nodes[node].identity;
	item->sender = user_server(sender) == item->origin ? sender : NOBODY;
	item->id = id;
	item->serial = world.serial[item->origin];
	item->message.room = world.rooms[room];
	item->message.sender = world.users[sender];
	/* A name alone travels: whoever signs it is its server. */
	memcpy(
	    item->message.sender.server, ledger_key(item->origin), ONION_KEY);
	item->message.state_number = state_number;
	item->message.epoch = stream->stream.epoch;
	item->message.lane = stream->stream.lane;
	place->sequence = stream->stream.contiguous + 1;
	previous = room_digest_at(room_of(node, room), item->origin,
	    item->message.epoch, item->message.lane, place->sequence - 1,
	    &is_void);
	if (previous != NULL)
		memcpy(place->previous, previous, ROOM_HASH);
	ledger_item_digest(item);
	/* The same bytes under the same id are the same item. */
	for (i = 0; i < world.item_count; i++)
		if (world.items[i].origin == item->origin &&
		    memcmp(world.items[i].message.place.digest,
			item->message.place.digest, ROOM_HASH) == 0)
			return i;
	return world.item_count++;
}

/* What we wrote ourselves, in our own stream. */
void
talk_item_keep(int node, int item)
{
	const struct room_message *message = &world.items[item].message;
	struct room *room = room_of(node, world.items[item].room);
	struct stream *stream = room_stream_get(
	    room, world.nodes[node].identity, message->epoch, message->lane);

	room_stream_settle(&stream->stream, message->place.sequence, world.now);
	entry_add(room, item, STATUS_TAKEN, 0);
}

bool
talk_say(int node, int index, int user, int lane)
{
	struct room *room = room_of(node, index);
	struct room_member row = room_last_row(room, user);
	struct stream *stream;
	int64_t number;
	int item = NONE;

	if (world.item_count == ITEMS)
		return false;
	mirror_step(node);
	if (room_message_send(&room->state, &row, room->leaving[user % USERS],
		&number) == CODE_OK) {
		stream = room_stream_get(room, world.nodes[node].identity,
		    world.nodes[node].db.epoch, lane);
		item = talk_item_new(
		    node, index, user, stream, number, world.ids + 1);
		talk_item_keep(node, item);
	}
	mirror_say(node, index, user, lane, item, ++world.ids);
	return item != NONE;
}

/* A message that has left for nobody yet is taken back. */
void
talk_cancel(int node, int index, unsigned int which)
{
	struct room *room = room_of(node, index);
	struct entry *entry;

	if (room->entry_count == 0)
		return;
	entry = &room->entries[which % (unsigned int)room->entry_count];
	if (world.items[entry->item].origin == world.nodes[node].identity &&
	    entry->status == STATUS_TAKEN && !entry->sent &&
	    /* a backup may know of it as one that was not sent */
	    world.nodes[node].db.restored == 0) {
		mirror_step(node);
		entry->status = STATUS_CANCELLED;
		mirror_cancel(node, entry->item);
	}
}

/* The highest below that; 0: none. */
static int64_t
epoch_below(const struct room *room, int origin, int64_t epoch)
{
	int64_t highest = 0;
	int i;

	for (i = 0; i < room->stream_count; i++)
		if (room->streams[i].origin == origin &&
		    room->streams[i].stream.epoch < epoch &&
		    room->streams[i].stream.epoch > highest)
			highest = room->streams[i].stream.epoch;
	return highest;
}

/* The lowest of those that are kept; 0 while there are fewer than may be. */
static int64_t
epoch_floor(const struct room *room, int origin)
{
	int64_t epoch = INT64_MAX;
	int i;

	for (i = 0; i < ROOM_EPOCHS_MAX && epoch != 0; i++)
		epoch = epoch_below(room, origin, epoch);
	return epoch;
}

/*
 * We were restored and have not heard from the room's home since; of a room of
 * ours, or one that we do not know, for 15 minutes.
 */
static bool
home_awaited(
    const struct database *db, const struct room *room, int index, int node)
{
	int home = world_home(index);

	return room_forgotten(db->restored,
	    home == world.nodes[node].identity || !room->known,
	    (room->answered >> home & 1) != 0, world.now);
}

/* The kind of the event by which the last of ours went, and when we had it. */
static enum room_kind
out_kind(int node, const struct room *room, int64_t *learned)
{
	struct room_member last =
	    room_server_last(room, world.nodes[node].identity);

	if (last.left == 0)
		return ROOM_KINDS;
	*learned = room->learned[last.left];
	return world.events[room->chain[last.left]].event.kind;
}

static void
facts_make(int node, const struct room *room, const struct item *item,
    struct room_message_facts *facts)
{
	const struct database *db = &world.nodes[node].db;
	int i;

	memset(facts, 0, sizeof(*facts));
	facts->member =
	    room_row_at(room, item->sender, item->message.state_number);
	if (facts->member.left != 0)
		facts->left_learned = room->learned[facts->member.left];
	facts->server_seen = room_server_ever(room, item->origin);
	facts->here = room_here(room, world.nodes[node].identity);
	facts->here_then = room_server_at(
	    room, world.nodes[node].identity, item->message.state_number);
	facts->out = out_kind(node, room, &facts->out_learned);
	if (planted_is("late"))
		facts->out = ROOM_KINDS;
	for (i = 0; i < USERS; i++)
		facts->joining |= room->joining[i];
	facts->joining |= home_awaited(db, room, item->room, node);
	for (i = 0; i < room->entry_count; i++) {
		if (room->entries[i].status != STATUS_HELD)
			continue;
		facts->held++;
		if (world.items[room->entries[i].item].origin == item->origin)
			facts->held_server++;
	}
	facts->floor = epoch_floor(room, item->origin);
}

/* What was written under the same id before; NULL. */
static struct entry *
id_find(int node, const struct item *item)
{
	const struct item *other;
	struct room *room;
	int i, r;

	for (r = 0; r < ROOMS; r++) {
		room = room_of(node, r);
		for (i = 0; i < room->entry_count; i++) {
			other = &world.items[room->entries[i].item];
			if (other->origin == item->origin &&
			    other->id == item->id)
				return &room->entries[i];
		}
	}
	return NULL;
}

static void
beside_make(const struct room *room, const struct item *item,
    struct room_beside *beside)
{
	const struct room_message *message = &item->message;
	int64_t number = message->place.sequence;
	bool ignored;
	int i;

	memset(beside, 0, sizeof(*beside));
	beside->before = room_digest_at(room, item->origin, message->epoch,
	    message->lane, number - 1, &ignored);
	beside->at = room_digest_at(room, item->origin, message->epoch,
	    message->lane, number, &beside->at_void);
	i = room_item_at(
	    room, item->origin, message->epoch, message->lane, number + 1);
	if (i != NONE)
		beside->after =
		    world.items[room->entries[i].item].message.place.previous;
}

static void
evidence_show(
    int node, int index, const struct entry *ours, const struct packet *theirs)
{
	struct packet *packet = packet_new(
	    PACKET_EVIDENCE, node, world.nodes[theirs->from].identity);

	packet->to = theirs->from;
	packet->room = index;
	packet->index = ours->item;
	packet->proof = ours->serial;
	packet->second = theirs->index;
	packet->proof_second = theirs->proof;
	packet->one = true;
}

/* What the declaration that an item contradicts is signed under. */
static uint64_t
declared_against(const struct room *room, const struct item *item,
    int64_t number, const struct packet *shown)
{
	const struct room_place *place = &item->message.place;
	const uint8_t *said =
	    number == place->sequence ? place->digest : place->previous;
	const struct declared *declared, *found = NULL;
	int i;

	for (i = 0; i < room->void_count; i++) {
		declared = &room->voids[i];
		if (declared->origin == item->origin &&
		    declared->epoch == item->message.epoch &&
		    declared->lane == item->message.lane &&
		    (found == NULL ||
			declared->range.first < found->range.first) &&
		    ((declared->range.last == number &&
			 memcmp(declared->range.digest, said, ROOM_HASH) !=
			     0) ||
			(declared->range.first == number + 1 &&
			    memcmp(declared->range.previous, said, ROOM_HASH) !=
				0)))
			found = declared;
	}
	return found == NULL ? shown->proof : found->serial;
}

/*
 * Which of the items beside it contradicts it; who showed it is shown that.
 */
static void
conflict_note(int node, int index, const struct packet *shown, int64_t number)
{
	struct room *room = room_of(node, world.items[index].room);
	const struct item *item = &world.items[index];
	const struct room_message *message = &item->message;
	struct stream *stream =
	    room_stream_get(room, item->origin, message->epoch, message->lane);
	const struct entry *entry;
	int64_t at;
	int i;

	room_stream_fork(&stream->stream, number);
	for (at = number; at <= number + 1; at++) {
		i = room_item_at(
		    room, item->origin, message->epoch, message->lane, at);
		if (i == NONE)
			continue;
		entry = &room->entries[i];
		if (entry->serial == 0 ||
		    room_stream_contradiction(
			&world.items[entry->item].message.place,
			&message->place) == 0)
			continue;
		room_evidence_item(room, EVIDENCE_SEQUENCE, number, index,
		    entry->item, entry->serial, index, shown->proof);
		evidence_show(node, item->room, entry, shown);
		return;
	}
	room_evidence_item(room, EVIDENCE_SEQUENCE, number, index, index,
	    shown->proof, NONE, declared_against(room, item, number, shown));
}

static void
store(int node, int index, const struct packet *packet,
    const struct room_verdict *verdict)
{
	struct room *room = room_of(node, world.items[index].room);
	struct entry *entry = room_entry(room, index);

	if (verdict->outcome == ROOM_CONFLICT) {
		conflict_note(node, index, packet, verdict->from);
		return;
	}
	if (verdict->outcome != ROOM_TAKEN && verdict->outcome != ROOM_HELD &&
	    (verdict->flags & ROOM_SETTLED) == 0)
		return;
	if (entry == NULL) {
		/* An id has one item. */
		if (verdict->code == CODE_ID_CONFLICT)
			return;
		entry = entry_add(room, index, STATUS_REFUSED, 0);
		entry->serial = packet->proof;
	} else if (entry->status != STATUS_REFUSED)
		return;
	entry->flags = verdict->flags;
	entry->code = verdict->code;
	entry->since = world.now;
	entry->status = verdict->outcome == ROOM_TAKEN	? STATUS_TAKEN
			: verdict->outcome == ROOM_HELD ? STATUS_HELD
							: STATUS_REFUSED;
	if (entry->status != STATUS_REFUSED)
		entry->received =
		    world.items[index].origin != world.nodes[node].identity;
	if (entry->status == STATUS_TAKEN)
		check_taken(node, room, entry);
}

/*
 * The id was used for something else: refused, its number settled. Evidence of
 * one who may write here.
 */
static struct room_verdict
id_conflict(int node, int index, int other, struct room_stream *stream,
    const struct room_message_facts *facts)
{
	const struct room_place *at = &world.items[index].message.place;
	struct room *room = room_of(node, world.items[index].room);
	struct room_verdict verdict = {
	    ROOM_REFUSED, CODE_ID_CONFLICT, 0, 0, 0, 0};
	struct room_verdict place;

	if (room->state.number == 0 || !facts->here || !facts->server_seen ||
	    room_epoch_check(world.items[index].message.epoch, facts->floor,
		world.now) != CODE_OK)
		return verdict;
	room_evidence_item(room, EVIDENCE_ID, at->sequence, index, other,
	    world.items[other].serial, index, world.items[index].serial);
	place = room_stream_check(stream, at, &facts->beside);
	if (place.outcome == ROOM_CONFLICT)
		return place;
	if (place.outcome != ROOM_TAKEN)
		return verdict;
	room_stream_settle(stream, at->sequence, world.now);
	verdict.flags = ROOM_SETTLED;
	return verdict;
}

static struct room_verdict
item_take(int node, int index)
{
	const struct item *item = &world.items[index];
	struct room *room = room_of(node, item->room);
	const uint8_t *self =
	    world.users[world.nodes[node].identity * USERS].server;
	struct room_verdict verdict = {ROOM_REFUSED, CODE_OK, 0, 0, 0, 0};
	const struct entry *other = id_find(node, item);
	struct room_message_facts facts;
	struct room_stream fresh, *stream = &fresh;
	struct stream *known;

	verdict.code = room_speaker_check(ROOM_ACT_MESSAGE, &item->message.room,
	    world.users[item->origin * USERS].server, self,
	    &item->message.sender);
	if (verdict.code != CODE_OK)
		return verdict;
	if (other != NULL && other->item == index && other->received) {
		verdict.outcome = ROOM_KNOWN;
		return verdict;
	}
	facts_make(node, room, item, &facts);
	beside_make(room, item, &facts.beside);
	known = room_stream_find(
	    room, item->origin, item->message.epoch, item->message.lane);
	room_stream_init(&fresh, item->message.epoch, item->message.lane);
	if (known != NULL)
		stream = &known->stream;
	if (other != NULL && other->item != index)
		verdict = id_conflict(node, index, other->item, stream, &facts);
	else
		verdict = room_message_judge(
		    &room->state, stream, &item->message, &facts, world.now);
	if (known == NULL && fresh.highest > 0)
		room_stream_get(
		    room, item->origin, item->message.epoch, item->message.lane)
		    ->stream = fresh;
	return verdict;
}

/* What is refused for good is settled, or it would be asked for for ever. */
static void
settled_check(int node, const struct item *item, enum code code)
{
	const struct stream *stream;

	if (code != CODE_NOT_MEMBER && code != CODE_ROOM_CLOSED &&
	    code != CODE_ROOM_FROZEN)
		return;
	stream = room_stream_find(room_of(node, item->room), item->origin,
	    item->message.epoch, item->message.lane);
	if (stream == NULL || !room_stream_is_settled(&stream->stream,
				  item->message.place.sequence))
		world_fail("server %d: refused and not settled", node);
}

/* Who refuses it has left, or is about to; nobody put it out. */
static bool
left_itself(int node, const struct room *room)
{
	int64_t learned;
	int i;

	for (i = 0; i < USERS; i++)
		if (room->leaving[i])
			return true;
	return out_kind(node, room, &learned) == ROOM_LEAVE;
}

/* Between honest servers of an honest home nothing is refused. */
static void
refusal_check(
    int node, const struct item *item, const struct room_verdict *verdict)
{
	if (verdict->outcome != ROOM_REFUSED &&
	    verdict->outcome != ROOM_CONFLICT)
		return;
	/* Whom a thief was quicker than is refused, until it revokes. */
	if (world.robbed != NONE)
		return;
	if (!world_honest(world.nodes[node].identity) ||
	    !world_honest(item->origin) || verdict->code == CODE_ROOM_UNKNOWN ||
	    (verdict->code == CODE_ROOM_LEFT &&
		left_itself(node, room_of(node, item->room))))
		return;
	if (!world_honest(world_home(item->room)) ||
	    world.restored_home[item->room])
		return;
	world_fail("server %d refuses an honest message of server %d: %s",
	    world.nodes[node].identity, item->origin, code_name(verdict->code));
}

void
talk_item(int node, const struct packet *packet)
{
	const struct item *item = &world.items[packet->index];
	struct room_verdict verdict;
	int home = world_home(item->room);
	struct packet *answer;

	/* That one does not take it for something it forgot is another
	 * rule's: a claim is no proof. */
	if (!vouch_item(node, packet) ||
	    (item->stolen && world.nodes[node].identity == item->origin))
		return;
	mirror_step(node);
	verdict = item_take(node, packet->index);
	while (verdict.outcome == ROOM_CONFLICT &&
	       vouch_stream_cut(node, item->room, item->origin,
		   item->message.epoch, item->message.lane, verdict.from))
		verdict = item_take(node, packet->index);
	mirror_item(node, packet, &verdict);
	store(node, packet->index, packet, &verdict);
	settled_check(node, item, verdict.code);
	if (verdict.from != 0 && verdict.code != CODE_SEQUENCE_AHEAD &&
	    verdict.outcome != ROOM_CONFLICT &&
	    home != world.nodes[node].identity)
		state_ask(node, item->room, world.route[node][home],
		    verdict.from, verdict.to, false);
	if (world.nodes[packet->from].identity != item->origin)
		return;
	refusal_check(node, item, &verdict);
	answer = packet_new(PACKET_ITEM_ACK, node, item->origin);
	packet_answer(answer, packet);
	answer->index = packet->index;
	answer->verdict = verdict;
}

void
talk_ack(int node, const struct packet *packet)
{
	struct room *room = room_of(node, packet->room);
	struct entry *entry = room_entry(room, packet->index);

	if (entry != NULL && packet->verdict.outcome != ROOM_WAIT)
		entry->acked |= 1U << world.nodes[packet->from].identity;
}

/* What was held or not verified is judged again. */
static void
judge_again(int node, struct room *room, struct entry *entry)
{
	const struct item *item = &world.items[entry->item];
	struct room_message_facts facts;
	struct room_verdict verdict;

	facts_make(node, room, item, &facts);
	verdict = room_message_judge_again(
	    &room->state, &item->message, &facts, entry->since, world.now);
	if (verdict.outcome == ROOM_HELD)
		return;
	/* Whether it filled a void does not depend on the room's state. */
	entry->flags = verdict.flags | (entry->flags & ROOM_FILLED);
	entry->code = verdict.code;
	entry->status =
	    verdict.outcome == ROOM_TAKEN ? STATUS_TAKEN : STATUS_REFUSED;
	if (entry->status == STATUS_TAKEN)
		check_taken(node, room, entry);
}

/* Committed before it is signed for the first time, and then logged. */
void
talk_claim(int node, struct entry *entry)
{
	if (!entry->sent)
		entry->mark = ++world.nodes[node].db.mark;
	entry->sent = true;
	node_signs(node, entry->mark);
}

static void
push(int node, int index, struct room *room, struct entry *entry)
{
	const struct item *item = &world.items[entry->item];
	struct packet *packet;
	int i;

	if (world.now - entry->since >= LIFETIME)
		return;
	for (i = 0; i < world.servers; i++) {
		if (i == item->origin || (entry->acked >> i & 1) != 0 ||
		    !room_server_at(room, i, item->message.state_number))
			continue;
		packet = packet_new(PACKET_ITEM, node, i);
		packet->room = index;
		packet->index = entry->item;
		talk_claim(node, entry);
	}
}

void
talk_tick(int node, int index)
{
	struct room *room = room_of(node, index);
	struct entry *entry;
	int i;

	mirror_step(node);
	for (i = 0; i < room->entry_count; i++) {
		entry = &room->entries[i];
		if (entry->status == STATUS_HELD ||
		    (entry->status == STATUS_TAKEN &&
			(entry->flags & ROOM_UNVERIFIED) != 0))
			judge_again(node, room, entry);
	}
	mirror_judge(node, index);
	for (i = 0; i < room->entry_count; i++) {
		entry = &room->entries[i];
		if (world.items[entry->item].origin !=
		    world.nodes[node].identity)
			continue;
		if (world.now - entry->since >= KEPT)
			entry->pruned = true;
		if (entry->status == STATUS_TAKEN)
			push(node, index, room, entry);
	}
}

static void
void_beside(const struct room *room, const struct packet *packet,
    struct room_beside *beside)
{
	bool ignored;
	int i;

	memset(beside, 0, sizeof(*beside));
	beside->before = room_digest_at(room, packet->origin, packet->epoch,
	    packet->lane, packet->range.first - 1, &ignored);
	beside->at = room_digest_at(room, packet->origin, packet->epoch,
	    packet->lane, packet->range.last, &ignored);
	beside->at_void = true;
	i = room_item_at(room, packet->origin, packet->epoch, packet->lane,
	    packet->range.last + 1);
	if (i != NONE)
		beside->after =
		    world.items[room->entries[i].item].message.place.previous;
}

/* The declaration, which the origin signed, and the item beside it. */
static void
void_conflict(struct room *room, const struct packet *packet,
    struct room_stream *stream, int64_t number)
{
	struct evidence evidence = {.kind = EVIDENCE_SEQUENCE,
	    .number = number,
	    .a = NONE,
	    .b = NONE,
	    .beside = NONE,
	    .origin = packet->origin,
	    .epoch = packet->epoch,
	    .lane = packet->lane,
	    .serials = {packet->proof, packet->proof}};
	int i, at;

	for (i = 0; i < 2 && evidence.beside == NONE; i++) {
		at = room_item_at(room, packet->origin, packet->epoch,
		    packet->lane, number + i);
		if (at == NONE || room->entries[at].serial == 0)
			continue;
		evidence.beside = room->entries[at].item;
		evidence.serials[1] = room->entries[at].serial;
	}
	room_stream_fork(stream, number);
	room_evidence_add(room, &evidence);
}

static void
void_keep(struct room *room, const struct packet *packet)
{
	struct declared *declared;
	int i;

	for (i = 0; i < room->void_count; i++) {
		declared = &room->voids[i];
		if (declared->origin == packet->origin &&
		    declared->epoch == packet->epoch &&
		    declared->lane == packet->lane &&
		    declared->range.first == packet->range.first &&
		    declared->range.last == packet->range.last)
			return;
	}
	if (room->void_count == VOIDS) {
		world_fail("simulator: voids");
		return;
	}
	declared = &room->voids[room->void_count++];
	declared->origin = packet->origin;
	declared->epoch = packet->epoch;
	declared->lane = packet->lane;
	declared->range = packet->range;
	declared->serial = packet->proof;
}

static void
void_take(int node, struct room *room, const struct packet *packet)
{
	struct stream *known =
	    room_stream_find(room, packet->origin, packet->epoch, packet->lane);
	struct room_beside beside;
	struct room_stream stream;
	int64_t number;

	room_stream_init(&stream, packet->epoch, packet->lane);
	if (known != NULL)
		stream = known->stream;
	void_beside(room, packet, &beside);
	/* One that was made to another server is proof and no more. */
	if (packet->one)
		number = room_void_contradiction(&packet->range, &beside);
	else
		number = room_stream_void(
		    &stream, &packet->range, &beside, world.now);
	if (number != 0 && vouch_stream_cut(node, packet->room, packet->origin,
			       packet->epoch, packet->lane, number)) {
		void_take(node, room, packet);
		return;
	}
	if (number != 0 && known != NULL) {
		void_conflict(room, packet, &known->stream, number);
	} else if (number == 0 && !packet->one &&
		   room_epoch_check(packet->epoch,
		       epoch_floor(room, packet->origin),
		       world.now) == CODE_OK) {
		room_stream_get(
		    room, packet->origin, packet->epoch, packet->lane)
		    ->stream = stream;
		void_keep(room, packet);
	}
}

void
talk_void(int node, const struct packet *packet)
{
	struct room *room = room_of(node, packet->room);

	mirror_step(node);
	if (room->state.number != 0 && vouch_declared(node, packet))
		void_take(node, room, packet);
	mirror_void(node, packet);
}

/* Two items that somebody shows us: believed for what their origin signed. */
void
talk_evidence(int node, const struct packet *packet)
{
	const struct item *a = &world.items[packet->index];
	const struct item *b = &world.items[packet->second];
	struct room *room = room_of(node, packet->room);
	struct stream *stream;
	int64_t number;

	if (a->origin != b->origin || a->room != b->room ||
	    a->message.epoch != b->message.epoch ||
	    a->message.lane != b->message.lane)
		return;
	mirror_step(node);
	number =
	    room_stream_contradiction(&a->message.place, &b->message.place);
	stream = room_stream_find(
	    room, a->origin, a->message.epoch, a->message.lane);
	if (number != 0 && stream != NULL && room->state.number != 0 &&
	    vouch_item_side(node, packet, packet->index, packet->proof) &&
	    vouch_item_side(
		node, packet, packet->second, packet->proof_second)) {
		room_stream_fork(&stream->stream, number);
		room_evidence_item(room, EVIDENCE_SEQUENCE, number,
		    packet->index, packet->index, packet->proof, packet->second,
		    packet->proof_second);
	}
	mirror_evidence(node, packet);
}
