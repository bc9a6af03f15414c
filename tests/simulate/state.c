/* SPDX-License-Identifier: ISC */
/* State events on a server: made, taken, asked for, and found to differ. */
#include <string.h>

#include "world.h"

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
	for (i = 0; i < world.servers; i++) {
		if (i == self || !room_server_now(room, i))
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
	return !room_recovery_over(&recovery, world.now);
}

static int
ledger_add(
    int room, int signer, const struct room_event *made, unsigned int list)
{
	struct event *event;

	if (world.event_count == EVENTS || made->number > NUMBERS) {
		return NONE;
	}
	event = &world.events[world.event_count];
	event->event = *made;
	event->room = room;
	event->signer = signer;
	event->list = list;
	room_event_hash(event->hash, &event->event);
	return world.event_count++;
}

/* What would be decided now; nothing is changed but the event's place. */
struct room_verdict
state_verdict(int node, int index, struct room_event *event)
{
	struct room *room = room_of(node, index);
	struct room_recovery recovery;
	struct room_invitation found;
	struct room_facts facts;
	bool has;

	room_home_event(event, &room->state, node_clock(node));
	if (planted_is("clock"))
		event->timestamp = node_clock(node);
	room_facts_make(room, event, &facts, &found, &has);
	recovery_make(node, room, &recovery);
	return room_home_decide(&room->state, event, &facts, &recovery,
	    room->pending != NONE, world.now);
}

/*
 * As the home: what was decided is committed, number and content, and signed
 * afterwards by state_sign(). The payload's hash stands for the payload.
 */
bool
state_decide(int node, int index, struct room_event *event, unsigned int list,
    struct room_verdict *verdict)
{
	struct room *room = room_of(node, index);

	event->payload_hash[0] = (uint8_t)list;
	event->payload_hash[1] = (uint8_t)(world.event_count & 0xff);
	event->payload_hash[2] = (uint8_t)(world.event_count >> 8);
	*verdict = state_verdict(node, index, event);
	/* What needs nobody is refused only where nothing is decided. */
	if (event->kind >= ROOM_SERVERS && event->number > 1 &&
	    verdict->code == CODE_STATE_INVALID)
		world_fail("a home breaks a rule of its own accord");
	if (verdict->outcome != ROOM_TAKEN)
		return false;
	room->pending =
	    ledger_add(index, world.nodes[node].identity, event, list);
	room->pending_mark = ++world.nodes[node].db.mark;
	room->pending_request = 0;
	return room->pending != NONE;
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
	int ours = event;

	if (verdict->code == CODE_STATE_CONFLICT)
		ours = room->chain[verdict->from];
	if (room->state.disputed == 0 || room->state.disputed > verdict->from)
		world_fail("a contradiction does not freeze");
	room_evidence_add(room, EVIDENCE_STATE, verdict->from, ours, event);
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
	room->chain[event->event.number] = number;
	room->learned[event->event.number] = world.now;
	room_effect_write(room, event, &effect);
	joined_or_left(node, room);
	return verdict;
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

	if (home->db.restored == 0 || world.now - home->db.restored >= 900 ||
	    !world_honest(home->identity))
		return;
	for (i = 0; i < world.servers; i++)
		if (i != home->identity && room_server_now(room, i) &&
		    (room->answered >> i & 1) == 0)
			world_fail("a restored home signs before it asked");
}

void
state_sign(int node, int index)
{
	struct room *room = room_of(node, index);
	struct packet *packet;
	unsigned int before = 0;
	int i, pending = room->pending;

	if (pending == NONE || node_recovering(node, index))
		return;
	/* The signer signs nothing further ahead: the clock went back. */
	if (world.events[pending].event.timestamp - node_clock(node) >
	    ROOM_AHEAD_S)
		return;
	for (i = 0; i < world.servers; i++)
		if (room_server_now(room, i))
			before |= 1U << i;
	room->pending = NONE;
	/* A longer chain may have been adopted meanwhile, or it is frozen. */
	if (world.events[pending].event.number != room->state.number + 1 ||
	    room->state.disputed != 0) {
		request_forget(room);
		return;
	}
	signing_check(node, room);
	node_signs(node, room->pending_mark);
	if (state_take(node, index, pending).outcome != ROOM_TAKEN) {
		world_fail("the home's own event is not taken");
		return;
	}
	for (i = 0; i < world.servers; i++) {
		if (i == world.nodes[node].identity ||
		    ((before >> i & 1) == 0 && !room_server_now(room, i)))
			continue;
		packet = packet_new(PACKET_EVENT, node, i);
		packet->room = index;
		packet->index = pending;
	}
}

/* Whether events of a room that we do not have are wanted at all. */
static bool
room_wanted(int node, int index)
{
	const struct database *db = &world.nodes[node].db;
	const struct room *room = &db->rooms[index];

	return room->state.number > 0 || db->restored != 0 || room->asked ||
	       world_home(index) == world.nodes[node].identity;
}

void
state_receive(int node, const struct packet *packet)
{
	const struct event *event = &world.events[packet->index];
	const struct room_user nobody = {{0}, {0}};
	struct room_verdict verdict;

	if (!room_wanted(node, packet->room) ||
	    room_speaker_check(ROOM_ACT_STATE, &event->event.room,
		world.users[event->signer * USERS].server,
		world.users[world.nodes[node].identity * USERS].server,
		&nobody) != CODE_OK)
		return;
	verdict = state_take(node, packet->room, packet->index);
	if (verdict.code == CODE_STATE_GAP)
		state_ask(node, packet->room, packet->from, verdict.from,
		    verdict.to, false);
	else if (verdict.outcome == ROOM_CONFLICT)
		conflict_note(
		    node, packet->room, packet->index, packet->from, &verdict);
	else if (verdict.outcome == ROOM_KNOWN && packet->one)
		fork_go_on(node, packet->room, packet->from,
		    event->event.number, true);
}

void
state_ask(int node, int room, int peer, int64_t first, int64_t last, bool one)
{
	struct packet *packet =
	    packet_new(PACKET_ASK_EVENTS, node, world.nodes[peer].identity);

	packet->room = room;
	packet->first = first;
	packet->last = last;
	packet->one = one;
}

/* Two events that somebody shows us: believed for what the home signed. */
void
state_evidence(int node, const struct packet *packet)
{
	struct room *room = room_of(node, packet->room);
	const struct event *a = &world.events[packet->index];
	const struct event *b = &world.events[packet->second];
	int64_t number;

	if (room->state.number == 0 || a->signer != world_home(packet->room) ||
	    b->signer != a->signer)
		return;
	if (packet->index == packet->second) {
		state_receive(node, packet);
		return;
	}
	number = room_state_contradiction(&a->event, &b->event);
	if (number == 0)
		return;
	room_state_dispute(&room->state, number);
	room_evidence_add(
	    room, EVIDENCE_STATE, number, packet->index, packet->second);
}
