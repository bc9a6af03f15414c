/* SPDX-License-Identifier: ISC */
/* State events on a server: made, taken, asked for, and found to differ. */
#include <string.h>

#include "sql/mirror.h"

static struct room *
room_of(int node, int room)
{
	return &world.nodes[node].db.rooms[room];
}

static void
recovery_make(int node, const struct room *room, struct room_recovery *recovery)
{
	int i, self = world.nodes[node].identity;

	memset(recovery, 0, sizeof(*recovery));
	recovery->since = world.nodes[node].db.restored;
	recovery->adopting = room->adopting;
	for (i = 0; i < world.servers; i++) {
		if (i == self || !room_server_open(room, i))
			continue;
		recovery->servers++;
		if ((room->answered >> i & 1) != 0)
			recovery->asked++;
	}
}

bool
node_recovering(int node, int room)
{
	struct room_recovery recovery;

	recovery_make(node, room_of(node, room), &recovery);
	return !room_recovery_over(&recovery, node_clock(node));
}

static struct {
	int identity;
	uint32_t id;
} asked = {NONE, 0};

void
state_asked(int identity, uint32_t id)
{
	asked.identity = identity;
	asked.id = id;
}

/* again: it was decided before, and its place is taken. */
static struct room_verdict
decide(int node, int index, struct room_event *event, bool again)
{
	struct room *room = room_of(node, index);
	struct room_recovery recovery;
	struct room_invitation found;
	struct room_facts facts;
	bool has;

	room_home_event(event, &room->state, node_clock(node));
	if (planted_is("clock"))
		event->timestamp = node_clock(node);
	memcpy(event->key_id, ledger_key_now(world.nodes[node].identity),
	    ROOM_HASH);
	room_facts_make(room, event, &facts, &found, &has);
	recovery_make(node, room, &recovery);
	return room_home_decide(&room->state, event, &facts, &recovery,
	    room->pending != NONE && !again, node_clock(node));
}

/* What would be decided now; nothing is changed but the event's place. */
struct room_verdict
state_verdict(int node, int index, struct room_event *event)
{
	return decide(node, index, event, false);
}

/*
 * As the home: what was decided is committed, number and content, and signed
 * afterwards by state_sign().
 */
bool
state_make(int node, int index, struct room_event *event, unsigned int list,
    struct room_verdict *verdict)
{
	struct room *room = room_of(node, index);
	int asker = asked.identity;

	state_asked(NONE, asked.id);
	mirror_step(node);
	ledger_content(event, list);
	event->room = world.rooms[index];
	*verdict = decide(node, index, event, false);
	/* What needs nobody is refused only where nothing is decided. */
	if (event->kind >= ROOM_SERVERS && event->number > 1 &&
	    verdict->code == CODE_STATE_INVALID)
		world_fail("a home breaks a rule of its own accord");
	if (verdict->outcome == ROOM_TAKEN) {
		room->pending = ledger_event_add(
		    index, world.nodes[node].identity, event, list);
		room->pending_mark = ++world.nodes[node].db.mark;
		room->pending_request = 0;
		if (room->pending == NONE)
			return false; /* the ledger is full */
		room->known = true;
	}
	mirror_decide(node, event, list, asker,
	    asker == NONE ? ++world.ids : asked.id, verdict);
	return verdict->outcome == ROOM_TAKEN;
}

static void
joined_or_left(int node, struct room *room)
{
	int i, user;
	struct room_member row;

	for (i = 0; i < USERS; i++) {
		user = world.nodes[node].identity * USERS + i;
		row = room_last_row(room, user);
		if (row.joined != 0 && row.left == 0)
			room->joining[i] = false;
		if (row.joined == 0 || row.left != 0)
			room->leaving[i] = false;
	}
}

/* Who is in, or shall not be, needs no other invitation. */
static void
shown_end(int node, int index, const struct event *event)
{
	struct database *db = &world.nodes[node].db;
	const struct room_user *user = &event->event.content.user;
	int i;

	if (event->event.kind != ROOM_JOIN && event->event.kind != ROOM_REMOVE)
		return;
	for (i = 0; i < db->shown_count; i++)
		if (db->shown[i].room == index && !db->shown[i].used &&
		    room_user_equal(user,
			&world.events[db->shown[i].event].event.content.user))
			db->shown[i].gone = true;
}

/* Who shows us the other history is shown what we have in its place. */
static void
evidence_show(int node, int index, int peer, int ours, int theirs)
{
	struct packet *packet =
	    packet_new(PACKET_EVIDENCE, node, world.nodes[peer].identity);

	packet->to = peer;
	packet->room = index;
	packet->index = ours;
	packet->second = theirs;
}

/* Asks for the next event that tells where two histories part. */
static void
fork_go_on(int node, int index, int peer, int64_t number, bool same)
{
	struct room_fork *fork = &room_of(node, index)->forks[peer];
	int64_t next;

	if (fork->differ == 0) {
		if (same)
			return;
		fork->common = 0;
		fork->differ = number;
	} else
		room_fork_learn(fork, number, same);
	next = room_fork_next(fork);
	if (next == 0)
		memset(fork, 0, sizeof(*fork));
	else
		state_ask(node, index, peer, next, next, true);
}

static void
conflict_note(int node, int index, int event, int peer,
    const struct room_verdict *verdict)
{
	struct room *room = room_of(node, index);
	struct evidence evidence = {.kind = EVIDENCE_STATE,
	    .invalid = verdict->code == CODE_STATE_INVALID,
	    .number = verdict->from,
	    .b = event};
	int ours = event;

	if (verdict->code == CODE_STATE_CONFLICT)
		ours = room->chain[verdict->from];
	if (room->state.disputed == 0 || room->state.disputed > verdict->from)
		world_fail("a contradiction does not freeze");
	room->known = true;
	evidence.a = ours;
	/* It follows, and yet may not. */
	if (evidence.invalid && room->state.number > 0)
		evidence.a = room->chain[room->state.number];
	room_evidence_add(room, &evidence);
	evidence_show(node, index, peer, ours, event);
	if (verdict->code == CODE_STATE_CONFLICT)
		fork_go_on(node, index, peer, verdict->from, false);
}

/* An event that the home signed, from any hand. */
static struct room_verdict
state_take(int node, int index, int number)
{
	struct room *room = room_of(node, index);
	const struct event *event = &world.events[number];
	struct room_invitation found;
	struct room_verdict verdict;
	struct room_effect effect;
	struct room_facts facts;
	bool has;

	room_facts_make(room, &event->event, &facts, &found, &has);
	verdict = room_state_apply(
	    &room->state, &event->event, &facts, node_clock(node), &effect);
	if (verdict.outcome != ROOM_TAKEN)
		return verdict;
	room->known = true;
	room->chain[event->event.number] = number;
	room->learned[event->event.number] = world.now;
	room_effect_write(room, event, &effect);
	joined_or_left(node, room);
	shown_end(node, index, event);
	return verdict;
}

/* The chain up to keep, and what follows from it, made anew. */
void
state_replay(int node, int index, int64_t keep)
{
	struct room *room = room_of(node, index);
	int chain[NUMBERS + 1];
	int64_t learned[NUMBERS + 1], number;
	struct room_state fresh = {.room = room->state.room};
	static struct database before;

	before = world.nodes[node].db;
	memcpy(chain, room->chain, sizeof(chain));
	memcpy(learned, room->learned, sizeof(learned));
	room->state = fresh;
	room->row_count = 0;
	room->invitation_count = 0;
	memset(room->forks, 0, sizeof(room->forks));
	for (number = 1; number <= keep; number++) {
		if (state_take(node, index, chain[number]).outcome !=
		    ROOM_TAKEN)
			world_fail("what stands is not taken again");
		room->learned[number] = learned[number];
	}
	/* What became of wishes and invitations stays. */
	memcpy(
	    room->joining, before.rooms[index].joining, sizeof(room->joining));
	memcpy(
	    room->leaving, before.rooms[index].leaving, sizeof(room->leaving));
	memcpy(world.nodes[node].db.shown, before.shown, sizeof(before.shown));
}

/* What was overtaken is decided again: its request is as if it never came. */
static void
request_forget(struct room *room)
{
	int i;

	for (i = 0; i < room->request_count; i++)
		if (room->requests[i] == room->pending_request)
			room->requests[i] = 0;
}

/* Once more, without room_restore.h: within 15 minutes after a restore all
 * servers with members have answered. */
static void
signing_check(int node, const struct room *room)
{
	const struct node *home = &world.nodes[node];
	int i;

	if (home->db.restored == 0 ||
	    node_clock(node) - home->db.restored >= 900 ||
	    !world_honest(home->identity))
		return;
	for (i = 0; i < world.servers; i++)
		if (i != home->identity && room_server_now(room, i) &&
		    (room->answered >> i & 1) == 0)
			world_fail("a restored home signs before it asked");
}

/*
 * A longer chain may have been adopted meanwhile, it is frozen, or our key is
 * another one: it is
 * decided again, and has its place behind, or it is gone. false: it waits.
 */
static bool
decide_again(int node, int index)
{
	struct room *room = room_of(node, index);
	struct room_event event = world.events[room->pending].event;
	unsigned int list = world.events[room->pending].list;
	struct room_verdict verdict;

	verdict = decide(node, index, &event, true);
	if (verdict.outcome == ROOM_WAIT)
		return false;
	if (verdict.outcome == ROOM_TAKEN) {
		room->pending = ledger_event_add(
		    index, world.nodes[node].identity, &event, list);
		room->pending_mark = ++world.nodes[node].db.mark;
		return room->pending != NONE;
	}
	room->pending = NONE;
	request_forget(room);
	return false;
}

static bool
overtaken(const struct room *room)
{
	const struct room_event *event = &world.events[room->pending].event;

	return event->number != room->state.number + 1 ||
	       room->state.disputed != 0 ||
	       memcmp(event->key_id,
		   ledger_key_now(world.events[room->pending].signer),
		   ROOM_HASH) != 0 ||
	       memcmp(event->previous, room->state.hash, ROOM_HASH) != 0;
}

static void
spread(int node, int index, int number, unsigned int before)
{
	const struct room *room = room_of(node, index);
	struct packet *packet;
	int i;

	for (i = 0; i < world.servers; i++) {
		if (i == world.nodes[node].identity ||
		    ((before >> i & 1) == 0 && !room_server_now(room, i)))
			continue;
		packet = packet_new(PACKET_EVENT, node, i);
		packet->room = index;
		packet->index = number;
	}
}

static void
pending_sign(int node, int index)
{
	struct room *room = room_of(node, index);
	unsigned int before = 0;
	int i, pending;

	for (i = 0; i < world.servers; i++)
		if (room_server_now(room, i))
			before |= 1U << i;
	if (overtaken(room) && !decide_again(node, index))
		return;
	pending = room->pending;
	/* The signer signs nothing further ahead: the clock went back. */
	if (world.events[pending].event.timestamp - node_clock(node) >
	    ROOM_AHEAD_S)
		return;
	room->pending = NONE;
	signing_check(node, room);
	node_signs(node, room->pending_mark);
	if (state_take(node, index, pending).outcome != ROOM_TAKEN) {
		world_fail("the home's own event is not taken");
		return;
	}
	spread(node, index, pending, before);
}

/* An event under our new key, where the last is under one that is revoked. */
static void
key_make(int node, int index)
{
	struct room *room = room_of(node, index);
	struct room_event event;

	memset(&event, 0, sizeof(event));
	event.kind = ROOM_KEY;
	event.room = world.rooms[index];
	ledger_content(&event, 0);
	if (decide(node, index, &event, false).outcome != ROOM_TAKEN)
		return;
	room->pending =
	    ledger_event_add(index, world.nodes[node].identity, &event, 0);
	room->pending_mark = ++world.nodes[node].db.mark;
	room->pending_request = 0;
	if (room->pending != NONE)
		pending_sign(node, index);
}

void
state_sign(int node, int index)
{
	struct room *room = room_of(node, index);
	bool key;

	if (node_recovering(node, index) ||
	    (room->pending == NONE && !thief_key_due(node, index)))
		return;
	mirror_step(node);
	if (room->pending != NONE)
		pending_sign(node, index);
	key = room->pending == NONE && thief_key_due(node, index);
	if (key)
		key_make(node, index);
	mirror_sign(node, index, key);
}

/* Whether events of a room that we do not have are wanted at all. */
static bool
room_wanted(int node, int index)
{
	const struct room *room = room_of(node, index);

	return room->state.number > 0 || room->asked ||
	       node_restored_lately(node) ||
	       world_home(index) == world.nodes[node].identity;
}

/* Whether that server has what an administrator had us take. */
static bool
adopts(int node, const struct packet *packet)
{
	const struct room *room = room_of(node, packet->room);
	struct room_recovery recovery;

	recovery_make(node, room, &recovery);
	return room_adopts(&recovery, node_clock(node)) &&
	       world.nodes[packet->from].identity == room->adopt_from;
}

/* As it counts, or does not: nothing is written that does not. */
static struct room_verdict
state_judge(int node, const struct packet *packet, bool counts)
{
	static struct room before, after; /* large */
	struct room *room = room_of(node, packet->room);
	bool own = world_home(packet->room) == world.nodes[node].identity;
	bool named = adopts(node, packet);
	bool adopting = node_restored_lately(node) || named;
	struct room_verdict taken, verdict;

	before = *room;
	taken = state_take(node, packet->room, packet->index);
	verdict = room_vouch_judge(&taken, counts || named, own, adopting);
	if (verdict.outcome == ROOM_CONFLICT && named) {
		*room = before;
		room->adopting = 0;
		verdict.outcome = ROOM_REFUSED;
		verdict.code = CODE_SPEAKER;
		return verdict;
	}
	if (verdict.outcome != taken.outcome || verdict.code != taken.code) {
		*room = before;
		return verdict;
	}
	if (verdict.outcome != ROOM_CONFLICT || own)
		return verdict;
	after = *room;
	*room = before;
	if (vouch_cut(node, packet->room, &verdict))
		return state_take(node, packet->room, packet->index);
	*room = after;
	return verdict;
}

void
state_receive(int node, const struct packet *packet)
{
	const struct event *event = &world.events[packet->index];
	const struct room_user nobody = {{0}, {0}};
	struct room_verdict verdict;
	bool counts;

	if (room_speaker_check(ROOM_ACT_STATE, &event->event.room,
		world.users[event->signer * USERS].server,
		world.users[world.nodes[node].identity * USERS].server,
		&nobody) != CODE_OK)
		return;
	counts = vouch_event(node, packet);
	mirror_step(node);
	if (!room_wanted(node, packet->room)) {
		mirror_event(node, packet->index, packet->from, counts, NULL);
		return;
	}
	verdict = state_judge(node, packet, counts);
	mirror_event(node, packet->index, packet->from, counts, &verdict);
	if (verdict.outcome == ROOM_WAIT && verdict.code == CODE_UNVOUCHED)
		state_ask(node, packet->room,
		    world.route[node][world_home(packet->room)],
		    room_of(node, packet->room)->state.number + 1,
		    event->event.number, false);
	else if (verdict.code == CODE_STATE_GAP)
		state_ask(node, packet->room, packet->from, verdict.from,
		    verdict.to, false);
	else if (verdict.outcome == ROOM_CONFLICT)
		conflict_note(
		    node, packet->room, packet->index, packet->from, &verdict);
	else if (verdict.outcome == ROOM_KNOWN && packet->one)
		fork_go_on(node, packet->room, packet->from,
		    event->event.number, true);
	if (packet->one && verdict.from != 0 &&
	    (verdict.outcome == ROOM_KNOWN || verdict.code == CODE_ROOM_FROZEN))
		sync_evidence_show(node, packet, verdict.from);
	if (packet->one && verdict.from != 0 &&
	    verdict.code == CODE_ROOM_FROZEN)
		fork_go_on(
		    node, packet->room, packet->from, verdict.from, false);
}

void
state_adopt(int node, int index, int from)
{
	struct room *room = room_of(node, index);

	mirror_step(node);
	room->known = true;
	room->adopting = world.now;
	room->adopt_from = from;
	mirror_adopt(node, index, from);
}

void
state_ask(int node, int room, int peer, int64_t first, int64_t last, bool one)
{
	struct packet *packet;

	/* What is not vouched for may be one that we have. */
	if (last < first)
		return;
	packet =
	    packet_new(PACKET_ASK_EVENTS, node, world.nodes[peer].identity);
	packet->room = room;
	packet->first = first;
	packet->last =
	    last - first < ROOM_EVENTS_MAX ? last : first + ROOM_EVENTS_MAX - 1;
	packet->one = one;
}

/* Two events that somebody shows us: believed for what the home signed. */
void
state_evidence(int node, const struct packet *packet)
{
	struct room *room = room_of(node, packet->room);
	const struct event *a = &world.events[packet->index];
	const struct event *b = &world.events[packet->second];
	struct evidence evidence = {
	    .kind = EVIDENCE_STATE, .a = packet->index, .b = packet->second};
	int64_t number;

	if (room->state.number == 0 || a->signer != world_home(packet->room) ||
	    b->signer != a->signer)
		return;
	if (packet->index == packet->second) {
		state_receive(node, packet);
		return;
	}
	mirror_step(node);
	number = room_state_contradiction(&a->event, &b->event);
	if (number != 0 && vouch_event_side(node, packet, packet->index) &&
	    vouch_event_side(node, packet, packet->second)) {
		room_state_dispute(&room->state, number);
		evidence.number = number;
		room_evidence_add(room, &evidence);
	}
	mirror_evidence(node, packet);
}
