/* SPDX-License-Identifier: ISC */
/* server_sync: heads told, compared, and what is asked for and given. */
#include <string.h>

#include "sql/mirror.h"

static struct room *
room_of(int node, int room)
{
	return &world.nodes[node].db.rooms[room];
}

/* One who is out of the room is told of it up to where he went. */
static void
head_add(struct packet *packet, const struct room *room, int peer, bool home)
{
	struct room_member last = room_server_last(room, peer);
	int64_t number = room_state_last(&room->state), shown;

	room_head_make(&packet->head, &room->state,
	    number == 0 ? NULL : world.events[room->chain[number]].hash);
	shown = room_state_shown(&room->state, &last, home);
	packet->has_state = shown != 0;
	if (packet->has_state && shown < number) {
		packet->head.number = shown;
		memcpy(packet->head.hash, world.events[room->chain[shown]].hash,
		    ROOM_HASH);
	}
}

static void
streams_add(struct packet *packet, const struct room *room, int self, int peer)
{
	const struct stream *stream;
	const uint8_t *digest, *tip;
	bool others, ignored;
	int i;

	others = room_here(room, self) && room_server_now(room, peer);
	for (i = 0; i < room->stream_count; i++) {
		struct room_stream_head *head =
		    &packet->heads[packet->head_count].head;

		stream = &room->streams[i];
		if (!others && stream->origin != self)
			continue;
		memset(head, 0, sizeof(*head));
		packet->heads[packet->head_count++].origin = stream->origin;
		head->epoch = stream->stream.epoch;
		head->lane = stream->stream.lane;
		head->sequence = stream->stream.contiguous;
		head->highest = stream->stream.highest;
		tip = room_digest_at(room, stream->origin, head->epoch,
		    head->lane, head->highest, &ignored);
		if (tip != NULL)
			memcpy(head->tip, tip, ROOM_HASH);
		head->forked = stream->stream.forked;
		digest = room_digest_at(room, stream->origin, head->epoch,
		    head->lane, head->sequence, &ignored);
		if (digest != NULL)
			memcpy(head->digest, digest, ROOM_HASH);
	}
}

void
sync_send(int node, int index, int peer)
{
	const struct room *room = room_of(node, index);
	int self = world.nodes[node].identity;
	bool home = peer == world_home(index);
	struct packet *packet;

	mirror_step(node);
	if (room->state.number == 0 || peer == self ||
	    (!home && !room_server_ever(room, peer))) {
		if (peer != self)
			mirror_heads_made(node, index, peer, NULL);
		return;
	}
	packet = packet_new(PACKET_HEADS, node, peer);
	packet->room = index;
	head_add(packet, room, peer, home);
	streams_add(packet, room, self, peer);
	mirror_heads_made(node, index, peer, packet);
}

static void
ask_number(
    int node, const struct packet *heads, enum packet_kind kind, int64_t number)
{
	struct packet *packet =
	    packet_new(kind, node, world.nodes[heads->from].identity);

	packet_answer(packet, heads);
	packet->first = number;
	packet->last = number;
}

static void evidence_give(int node, const struct packet *packet);

/* As if they had asked for it. */
static void
evidence_push(int node, const struct packet *heads, enum packet_kind kind,
    int at, int64_t number)
{
	static struct packet asked;

	asked.kind = kind;
	asked.from = heads->from;
	asked.to = node;
	asked.room = heads->room;
	asked.first = number;
	if (kind == PACKET_ASK_ITEM_EVIDENCE) {
		asked.origin = heads->heads[at].origin;
		asked.epoch = heads->heads[at].head.epoch;
		asked.lane = heads->heads[at].head.lane;
	}
	/* Production gives it in its next message. */
	mirror_aside(true);
	evidence_give(node, &asked);
	mirror_aside(false);
}

void
sync_evidence_show(int node, const struct packet *event, int64_t number)
{
	static struct packet asked;

	asked.kind = PACKET_ASK_EVIDENCE;
	asked.from = event->from;
	asked.to = node;
	asked.room = event->room;
	asked.first = number;
	asked.shown = true;
	mirror_aside(true);
	evidence_give(node, &asked);
	mirror_aside(false);
}

static void
state_compare(int node, const struct packet *packet)
{
	struct room *room = room_of(node, packet->room);
	int peer = world.nodes[packet->from].identity;
	const uint8_t *ours = NULL;
	int64_t number = packet->head.number;
	struct room_stream_head stated = {
	    .sequence = number, .highest = number};
	struct room_want want;

	memcpy(stated.digest, packet->head.hash, ROOM_HASH);
	memcpy(stated.tip, packet->head.hash, ROOM_HASH);

	/* A room that we do not know concerns us only after a restore. */
	if (!room->known && !node_restored_lately(node))
		return;
	if (number >= 1 && number <= room->state.number)
		ours = world.events[room->chain[number]].hash;
	want = room_head_compare(&room->state, &packet->head, ours,
	    world_home(packet->room) == world.nodes[node].identity);
	if (peer == world_home(packet->room))
		vouch_state(node, packet->room, peer, &stated, &want);
	if ((want.what & ROOM_WANT_ITEMS) != 0)
		state_ask(node, packet->room, packet->from, want.from, want.to,
		    false);
	if ((want.what & ROOM_WANT_ONE) != 0)
		state_ask(
		    node, packet->room, packet->from, want.one, want.one, true);
	if ((want.what & ROOM_WANT_EVIDENCE) != 0)
		ask_number(node, packet, PACKET_ASK_EVIDENCE, want.evidence);
	if ((want.what & ROOM_SHOW_EVIDENCE) != 0)
		evidence_push(
		    node, packet, PACKET_ASK_EVIDENCE, 0, want.evidence);
	if (!room->known || number > room->state.number)
		return;
	room->answered |= 1U << peer;
	if (room->adopt_from == peer && room->state.number > 0)
		room->adopting = 0;
}

static void
ask_items(int node, const struct packet *heads, int at, enum packet_kind kind,
    int64_t first, int64_t last, bool one)
{
	struct packet *packet =
	    packet_new(kind, node, world.nodes[heads->from].identity);

	packet_answer(packet, heads);
	packet->origin = heads->heads[at].origin;
	packet->epoch = heads->heads[at].head.epoch;
	packet->lane = heads->heads[at].head.lane;
	packet->first = first;
	packet->last = last;
	packet->one = one;
}

static void
stream_compare(int node, const struct packet *packet, int at)
{
	const struct room_stream_head *theirs = &packet->heads[at].head;
	struct database *db = &world.nodes[node].db;
	struct room *room = room_of(node, packet->room);
	int origin = packet->heads[at].origin;
	struct stream *stream =
	    room_stream_find(room, origin, theirs->epoch, theirs->lane);
	bool own = origin == world.nodes[node].identity, ignored;
	struct room_stream fresh;
	struct room_want want;
	const uint8_t *ours = room_digest_at(room, origin, theirs->epoch,
	    theirs->lane, theirs->sequence, &ignored);
	const uint8_t *tip = room_digest_at(room, origin, theirs->epoch,
	    theirs->lane, theirs->highest, &ignored);

	room_stream_init(&fresh, theirs->epoch, theirs->lane);
	want = room_stream_compare(stream == NULL ? &fresh : &stream->stream,
	    theirs, ours, tip, own, theirs->epoch == db->epoch);
	if (origin == world.nodes[packet->from].identity)
		vouch_state(node, packet->room, origin, theirs, &want);
	if ((want.what & ROOM_WANT_ITEMS) != 0)
		ask_items(node, packet, at, PACKET_ASK_ITEMS, want.from,
		    want.to, false);
	if ((want.what & ROOM_WANT_ONE) != 0)
		ask_items(node, packet, at, PACKET_ASK_ITEMS, want.one,
		    want.one, true);
	if ((want.what & ROOM_WANT_EVIDENCE) != 0)
		ask_items(node, packet, at, PACKET_ASK_ITEM_EVIDENCE,
		    want.evidence, want.evidence, false);
	if ((want.what & ROOM_SHOW_EVIDENCE) != 0)
		evidence_push(
		    node, packet, PACKET_ASK_ITEM_EVIDENCE, at, want.evidence);
	/* The log tells of each restore before anybody else can. */
	if ((want.what & ROOM_AHEAD_OF_US) != 0 && world_honest(origin) &&
	    origin != world.robbed)
		world_fail("server %d was ahead of honest %d",
		    world.nodes[packet->from].identity, origin);
}

/* What is missing of it still, from the first number to the last; false:
 * nothing. */
static bool
declared_missing(struct room_void *missing, const struct room *room,
    const struct declared *declared)
{
	int64_t number;
	int i;

	memset(missing, 0, sizeof(*missing));
	for (number = declared->range.first; number <= declared->range.last;
	     number++) {
		i = room_item_at(room, declared->origin, declared->epoch,
		    declared->lane, number);
		if (i != NONE && room->entries[i].status != STATUS_REFUSED)
			continue;
		if (missing->first == 0)
			missing->first = number;
		missing->last = number;
	}
	return missing->first != 0;
}

/* What its origin declared to us others may have: they are asked until they
 * have answered, and here that is always. */
static void
declared_ask(int node, const struct packet *packet, int at)
{
	const struct room_stream_head *theirs = &packet->heads[at].head;
	struct room *room = room_of(node, packet->room);
	int peer = world.nodes[packet->from].identity, i;
	struct declared *declared;
	struct room_void missing;
	int64_t from, to;

	for (i = 0; i < room->void_count && !planted_is("holders"); i++) {
		declared = &room->voids[i];
		if (declared->origin != packet->heads[at].origin ||
		    declared->origin == peer ||
		    declared->epoch != theirs->epoch ||
		    declared->lane != theirs->lane ||
		    !declared_missing(&missing, room, declared) ||
		    !room_void_ask(&missing, theirs, &from, &to))
			continue;
		ask_items(node, packet, at, PACKET_ASK_ITEMS, from, to, false);
	}
}

void
sync_heads(int node, const struct packet *packet)
{
	struct room *room = room_of(node, packet->room);
	int i;

	mirror_step(node);
	if (packet->has_state)
		state_compare(node, packet);
	if (room->state.number != 0 &&
	    room_here(room, world.nodes[node].identity))
		for (i = 0; i < packet->head_count; i++) {
			stream_compare(node, packet, i);
			declared_ask(node, packet, i);
		}
	mirror_heads(node, packet);
}

/* The highest serial in a run from number on. */
static uint64_t
run_serial(const struct room *room, int64_t number, int64_t last)
{
	uint64_t serial = 0;

	for (; number <= last && number <= room->state.number; number++)
		if (world.events[room->chain[number]].serial > serial)
			serial = world.events[room->chain[number]].serial;
	return serial;
}

static void
events_give(int node, const struct packet *packet)
{
	const struct room *room = room_of(node, packet->room);
	int asker = world.nodes[packet->from].identity;
	struct room_member last = room_server_last(room, asker);
	struct packet *answer;
	int64_t number;

	for (number = packet->first;
	     number <= packet->last && number <= room->state.number; number++) {
		if (number > room_state_shown(&room->state, &last,
				 asker == world_home(packet->room)) ||
		    (planted_is("shown") && room->state.closed != 0 &&
			number > room->state.closed))
			break;
		answer = packet_new(PACKET_EVENT, node, asker);
		packet_answer(answer, packet);
		answer->index = room->chain[number];
		answer->run = run_serial(room, number, packet->last);
		answer->one = packet->one;
		mirror_given(answer);
	}
}

/* What the origin declared to us of the range, as proof of what it signed. */
static void
declared_give(int node, const struct packet *packet)
{
	const struct room *room = room_of(node, packet->room);
	const struct declared *declared;
	struct packet *answer;
	int i;

	if (!room_server_now(room, world.nodes[packet->from].identity))
		return;
	for (i = 0; i < room->void_count; i++) {
		declared = &room->voids[i];
		if (declared->origin != packet->origin ||
		    declared->epoch != packet->epoch ||
		    declared->lane != packet->lane ||
		    declared->range.first > packet->last ||
		    declared->range.last < packet->first)
			continue;
		answer = packet_new(
		    PACKET_VOID, node, world.nodes[packet->from].identity);
		packet_answer(answer, packet);
		answer->origin = packet->origin;
		answer->epoch = packet->epoch;
		answer->lane = packet->lane;
		answer->range = declared->range;
		answer->proof = declared->serial;
		answer->one = true;
		mirror_given(answer);
	}
}

/* Numbers of our own that are for nobody, or not for the one who asks. */
static void
void_give(int node, const struct packet *packet, int64_t first, int64_t last,
    bool gone)
{
	const struct room *room = room_of(node, packet->room);
	struct packet *answer;
	const uint8_t *previous, *digest;
	bool ignored;

	previous = room_digest_at(room, packet->origin, packet->epoch,
	    packet->lane, first - 1, &ignored);
	digest = room_digest_at(
	    room, packet->origin, packet->epoch, packet->lane, last, &ignored);
	if (digest == NULL || (previous == NULL && first > 1))
		return;
	answer =
	    packet_new(PACKET_VOID, node, world.nodes[packet->from].identity);
	packet_answer(answer, packet);
	answer->origin = packet->origin;
	answer->epoch = packet->epoch;
	answer->lane = packet->lane;
	node_signs(node, ++world.nodes[node].db.mark);
	answer->range.gone = gone;
	answer->range.first = first;
	answer->range.last = last;
	memcpy(answer->range.digest, digest, ROOM_HASH);
	if (previous != NULL)
		memcpy(answer->range.previous, previous, ROOM_HASH);
	mirror_given(answer);
}

static bool
proof_wanted(const struct packet *packet)
{
	return packet->one || packet->kind == PACKET_ASK_ITEM_EVIDENCE;
}

/* What is given under a number, and with ROOM_GIVE the entry. */
static enum room_giving
giving_find(struct room *room, const struct packet *packet, int asker,
    int64_t number, struct entry **entry)
{
	struct room_asked asked = {.member_now = room_server_now(room, asker),
	    .proof = proof_wanted(packet)};
	int i = room_item_at(
	    room, packet->origin, packet->epoch, packet->lane, number);

	*entry = NULL;
	if (i != NONE) {
		*entry = &room->entries[i];
		asked.known = true;
		asked.state_number =
		    world.items[(*entry)->item].message.state_number;
		asked.member_then =
		    room_server_at(room, asker, asked.state_number);
		asked.refused = (*entry)->status == STATUS_REFUSED;
		asked.payload =
		    !(*entry)->pruned &&
		    (packet->origin != world.nodes[packet->to].identity ||
			world.now - (*entry)->since < ROOM_SENT_S);
		asked.left = (*entry)->sent;
		asked.cancelled = (*entry)->status == STATUS_CANCELLED;
	}
	return room_message_give(&room->state, &asked);
}

static void
item_give(int node, const struct packet *packet, struct entry *entry)
{
	struct packet *answer =
	    packet_new(PACKET_ITEM, node, world.nodes[packet->from].identity);

	packet_answer(answer, packet);
	answer->index = entry->item;
	if (packet->origin != world.nodes[node].identity)
		answer->proof = entry->serial;
	mirror_given(answer);
	if (packet->origin == world.nodes[node].identity)
		talk_claim(node, entry); /* to give is to send */
}

/* Of what a backup forgot we say nothing. */
static void
items_give(int node, const struct packet *packet)
{
	struct room *room = room_of(node, packet->room);
	struct stream *stream =
	    room_stream_find(room, packet->origin, packet->epoch, packet->lane);
	bool own = packet->origin == world.nodes[node].identity;
	int64_t number, first = 0, last = packet->last;
	enum room_giving giving, before = ROOM_GIVE;
	struct entry *entry;
	bool declare;

	if (stream == NULL)
		last = 0;
	else if (last > stream->stream.highest)
		last = stream->stream.highest;
	for (number = packet->first; number <= last; number++) {
		giving = giving_find(room, packet,
		    world.nodes[packet->from].identity, number, &entry);
		declare =
		    own &&
		    (giving == ROOM_GIVE_VOID || giving == ROOM_GIVE_GONE) &&
		    room_stream_is_settled(&stream->stream, number);
		if (first != 0 && (!declare || giving != before))
			void_give(node, packet, first, number - 1,
			    before == ROOM_GIVE_GONE);
		if (first == 0 || giving != before)
			first = number;
		before = giving;
		if (declare)
			continue;
		first = 0;
		if (giving == ROOM_GIVE)
			item_give(node, packet, entry);
	}
	if (first != 0)
		void_give(node, packet, first, last, before == ROOM_GIVE_GONE);
	if (!own)
		declared_give(node, packet);
}

/* In the room, or once was; or its home. */
static bool
acquainted(const struct room *room, int index, int asker)
{
	int i;

	for (i = 0; i < room->row_count; i++)
		if (user_server(room->rows[i].user) == asker)
			return true;
	return asker == world_home(index);
}

/* Of an event that breaks the rules, it alone; what was declared against an
 * item is not in the ledger. */
static void
pair_give(int node, const struct packet *packet, const struct evidence *pair)
{
	struct packet *answer, none = {.kind = PACKET_EVIDENCE};

	none.to = packet->from;
	none.from = node;
	none.index = pair->a;
	none.second = pair->b;
	mirror_given(&none);
	if (pair->b == NONE)
		return;
	answer = packet_new(
	    PACKET_EVIDENCE, node, world.nodes[packet->from].identity);
	packet_answer(answer, packet);
	answer->index = pair->invalid ? pair->b : pair->a;
	answer->second = pair->b;
	answer->one = pair->kind == EVIDENCE_SEQUENCE;
	answer->proof = pair->serials[pair->invalid ? 1 : 0];
	answer->proof_second = pair->serials[1];
	none.kind = PACKET_EVENT;
	if (!pair->invalid)
		return;
	mirror_given(&none);
	none.index = pair->b;
	mirror_given(&none);
}

static void
evidence_give(int node, const struct packet *packet)
{
	const struct room *room = room_of(node, packet->room);
	bool items = packet->kind == PACKET_ASK_ITEM_EVIDENCE;
	const struct evidence *evidence;
	int i;

	for (i = 0; i < room->evidence_count; i++) {
		evidence = &room->evidence[i];
		if (evidence->number != packet->first ||
		    evidence->kind !=
			(items ? EVIDENCE_SEQUENCE : EVIDENCE_STATE) ||
		    (!packet->shown && !acquainted(room, packet->room,
					   world.nodes[packet->from].identity)))
			continue;
		if (items && (evidence->origin != packet->origin ||
				 evidence->epoch != packet->epoch ||
				 evidence->lane != packet->lane))
			continue;
		pair_give(node, packet, evidence);
	}
	/* What we have under the number may be proof by itself. */
	if (items && packet->origin != world.nodes[node].identity)
		items_give(node, packet);
}

/* What became of our items since. */
static void
items_mirror(int node, struct room *room)
{
	struct entry *entry;
	int i;

	mirror_step(node);
	for (i = 0; i < room->entry_count; i++) {
		entry = &room->entries[i];
		if (world.items[entry->item].origin !=
		    world.nodes[node].identity)
			continue;
		if (entry->sent && !entry->mirrored[0])
			mirror_sent(node, entry->item);
		if (entry->pruned && !entry->mirrored[1])
			mirror_pruned(node, entry->item);
		entry->mirrored[0] = entry->sent;
		entry->mirrored[1] = entry->pruned;
	}
}

void
sync_ask(int node, const struct packet *packet)
{
	items_mirror(node, room_of(node, packet->room));
	mirror_step(node);
	if (packet->kind == PACKET_ASK_EVENTS)
		events_give(node, packet);
	else if (packet->kind == PACKET_ASK_ITEMS)
		items_give(node, packet);
	else
		evidence_give(node, packet);
	mirror_asked(node, packet);
}

void
sync_gaps(int node, int index)
{
	struct room *room = room_of(node, index);
	struct stream *stream;
	struct packet *packet;
	int64_t from, to;
	int i;

	for (i = 0; i < room->stream_count; i++) {
		stream = &room->streams[i];
		if (stream->origin == world.nodes[node].identity ||
		    !room_stream_gap(&stream->stream, world.now, &from, &to))
			continue;
		packet = packet_new(PACKET_ASK_ITEMS, node, stream->origin);
		packet->room = index;
		packet->origin = stream->origin;
		packet->epoch = stream->stream.epoch;
		packet->lane = stream->stream.lane;
		packet->first = from;
		packet->last = to;
	}
}
