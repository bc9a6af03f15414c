/* SPDX-License-Identifier: ISC */
/* Invitations, joins and leaves: requests to the home, and what it answers. */
#include <string.h>

#include "sql/mirror.h"

static struct room *
room_of(int node, int room)
{
	return &world.nodes[node].db.rooms[room];
}

static void
nonce_new(uint8_t nonce[ROOM_NONCE])
{
	memset(nonce, 0, ROOM_NONCE);
	world.ids++;
	memcpy(nonce, &world.ids, sizeof(world.ids));
}

/* One question has one answer: what was done a moment ago is known. */
static void
again_check(int node, int room, const struct room_event *event)
{
	struct room_event again = *event;

	if (planted_is("again") && event->kind == ROOM_INVITE)
		again.content.nonce[0] ^= 0xff;
	mirror_aside(true);
	if (room_of(node, room)->state.disputed == 0 &&
	    state_verdict(node, room, &again).outcome != ROOM_KNOWN)
		world_fail("server %d: asked again, %s is another", node,
		    room_kind_name(event->kind));
	mirror_aside(false);
}

/* As the home. Half of all events are signed later, after a crash perhaps. */
static struct room_verdict
home_make(int node, int room, struct room_event *event)
{
	const struct room_state *state = &room_of(node, room)->state;
	struct room_verdict verdict;

	if (state_make(node, room, event, 0, &verdict) &&
	    world.event_count % 2 == 0) {
		state_sign(node, room);
		if (state->number == event->number)
			again_check(node, room, event);
	}
	return verdict;
}

static struct room_verdict
home_invite(int node, int room, int inviter, int invitee)
{
	struct room_event event;

	memset(&event, 0, sizeof(event));
	event.kind = ROOM_INVITE;
	event.content.user = world.users[invitee];
	event.content.inviter = world.users[inviter];
	event.content.expires = world.now + ROOM_INVITE_S;
	nonce_new(event.content.nonce);
	return home_make(node, room, &event);
}

static struct room_verdict
home_join(int node, int room, int user, const uint8_t *nonce, bool has_nonce)
{
	struct room_event event;

	memset(&event, 0, sizeof(event));
	event.kind = ROOM_JOIN;
	event.content.user = world.users[user];
	event.content.has_nonce = has_nonce;
	if (has_nonce)
		memcpy(event.content.nonce, nonce, ROOM_NONCE);
	return home_make(node, room, &event);
}

static struct room_verdict
home_leave(int node, int room, int user)
{
	struct room_event event;

	memset(&event, 0, sizeof(event));
	event.kind = ROOM_LEAVE;
	event.content.user = world.users[user];
	return home_make(node, room, &event);
}

void
member_invite(int node, int room, int inviter, int invitee)
{
	int home = world_home(room);
	struct packet *packet;

	if (home == world.nodes[node].identity) {
		home_invite(node, room, inviter, invitee);
		return;
	}
	packet = packet_new(PACKET_INVITE_REQUEST, node, home);
	packet->room = room;
	packet->id = ++world.ids;
	packet->user = inviter;
	packet->other = invitee;
}

/* The last invitation shown to the user and not used. */
static struct shown *
shown_find(int node, int room, int user)
{
	struct database *db = &world.nodes[node].db;
	const struct room_event *event;
	int i;

	for (i = db->shown_count - 1; i >= 0; i--) {
		event = &world.events[db->shown[i].event].event;
		if (db->shown[i].room == room && !db->shown[i].gone &&
		    room_user_equal(&event->content.user, &world.users[user]) &&
		    room_invite_accept(event->content.expires,
			db->shown[i].used, TRUST_VERIFIED,
			world.now) == CODE_OK)
			return &db->shown[i];
	}
	return NULL;
}

/* A request is committed before it is signed. */
static struct packet *
request_new(int node, enum packet_kind kind, int room, int user)
{
	struct packet *packet = packet_new(kind, node, world_home(room));

	node_signs(node, ++world.nodes[node].db.mark);
	packet->room = room;
	packet->user = user;
	packet->id = room_of(node, room)->request[user % USERS];
	return packet;
}

static void
join_send(int node, int room, int user)
{
	struct room *ours = room_of(node, room);
	static const uint8_t zero[ROOM_NONCE];
	struct packet *packet = request_new(node, PACKET_JOIN, room, user);

	memcpy(packet->nonce, ours->nonce[user % USERS], ROOM_NONCE);
	packet->has_nonce = memcmp(packet->nonce, zero, ROOM_NONCE) != 0;
}

/* bare: without an invitation, as only some rooms allow. */
void
member_join(int node, int room, int user, bool bare)
{
	struct room *ours = room_of(node, room);
	struct shown *shown = shown_find(node, room, user);
	struct room_member row = room_last_row(ours, user);

	if (ours->joining[user % USERS] || /* one request at a time */
	    (shown == NULL && !bare) || (row.joined != 0 && row.left == 0))
		return;
	mirror_step(node);
	memset(ours->nonce[user % USERS], 0, ROOM_NONCE);
	mirror_join(node, room, user,
	    shown == NULL ? NULL : &world.events[shown->event].event);
	if (shown != NULL) {
		shown->used = true;
		memcpy(ours->nonce[user % USERS],
		    world.events[shown->event].event.content.nonce, ROOM_NONCE);
	}
	if (world_home(room) == world.nodes[node].identity) {
		home_join(
		    node, room, user, ours->nonce[user % USERS], shown != NULL);
		return;
	}
	ours->joining[user % USERS] = true;
	ours->asked = ours->known = true;
	ours->request[user % USERS] = ++world.ids;
	join_send(node, room, user);
}

/* Our side stops at once; the home sequences it when it can. */
void
member_leave(int node, int room, int user)
{
	struct room *ours = room_of(node, room);
	struct room_member row = room_last_row(ours, user);

	if (row.joined == 0 || row.left != 0 || ours->state.disputed != 0)
		return;
	if (world_home(room) == world.nodes[node].identity) {
		home_leave(node, room, user);
		return;
	}
	mirror_step(node);
	mirror_leave(node, room, user);
	ours->leaving[user % USERS] = true;
	ours->request[user % USERS] = ++world.ids;
}

/* Shows an invitation of our user to the invitee's server, until it is used. */
static void
invitations_show(int node, int index)
{
	struct room *room = room_of(node, index);
	const struct room_invitation *invitation;
	struct packet *packet;
	int i, invitee, self = world.nodes[node].identity;

	for (i = 0; i < room->invitation_count; i++) {
		invitation = &room->invitations[i];
		invitee = room_user_find(&invitation->invitee);
		if (invitation->used != 0 || world.now > invitation->expires ||
		    invitation->number > room_state_last(&room->state) ||
		    user_server(room_user_find(&invitation->inviter)) != self)
			continue;
		packet =
		    packet_new(PACKET_INVITATION, node, user_server(invitee));
		packet->room = index;
		packet->index = room->chain[invitation->number];
		if (user_server(invitee) == self) {
			packet->to = node;
			packet->from = node;
		}
	}
}

void
member_tick(int node, int index)
{
	struct room *room = room_of(node, index);
	int i, user;

	invitations_show(node, index);
	for (i = 0; i < USERS; i++) {
		user = world.nodes[node].identity * USERS + i;
		if (room->joining[i])
			join_send(node, index, user);
		if (!room->leaving[i])
			continue;
		request_new(node, PACKET_LEAVE, index, user);
	}
}

static const uint8_t *
identity_key(int node)
{
	return world.users[world.nodes[node].identity * USERS].server;
}

/* Who showed it can see that it has ended: the invitee was in the room since,
 * or was removed. */
static bool
shown_ended(int node, const struct shown *shown)
{
	const struct room *room = room_of(node, shown->room);
	const struct room_event *event = &world.events[shown->event].event;
	const struct room_member *row;
	int64_t number = 0;
	int i;

	for (i = 0; i < room->invitation_count; i++)
		if (memcmp(room->invitations[i].nonce, event->content.nonce,
			ROOM_NONCE) == 0)
			number = room->invitations[i].number;
	for (i = 0; i < room->row_count && number != 0; i++) {
		row = &room->rows[i].member;
		if (room->rows[i].user ==
			room_user_find(&event->content.user) &&
		    (row->left == 0 || row->left > number))
			return true;
	}
	return false;
}

/* What an invitation that was shown before makes of the facts. */
static void
shown_count(int node, const struct packet *packet, const struct shown *shown,
    struct room_invite_facts *facts)
{
	const struct room_content *ours =
	    &world.events[packet->index].event.content;
	const struct room_content *content =
	    &world.events[shown->event].event.content;
	bool theirs = packet->from != node &&
		      shown->from == world.nodes[packet->from].identity;

	if (shown->event == packet->index)
		facts->known = true;
	else if (shown->room == packet->room &&
		 memcmp(content->nonce, ours->nonce, ROOM_NONCE) == 0)
		facts->other = true;
	if (content->expires <= world.now)
		return;
	facts->open_server += theirs && !shown_ended(node, shown);
	if (shown->used || shown->gone)
		return;
	facts->waiting_server += theirs;
	facts->waiting_invitee += room_user_equal(&content->user, &ours->user);
}

static void
invitation_receive(int node, const struct packet *packet)
{
	struct database *db = &world.nodes[node].db;
	const struct event *event = &world.events[packet->index];
	struct room *room = room_of(node, packet->room);
	struct room_verdict verdict;
	struct room_invite_facts facts;
	struct room_invite_effect effect;
	int i;

	if (event->signer != world_home(packet->room) ||
	    !vouch_invitation(node, packet))
		return;
	mirror_step(node);
	memset(&facts, 0, sizeof(facts));
	facts.self = identity_key(node);
	facts.origin = identity_key(packet->from);
	facts.origin_level = TRUST_VERIFIED;
	facts.home_level =
	    world_home(packet->room) == world.nodes[node].identity
		? TRUST_TRUSTED
		: TRUST_VERIFIED;
	facts.looks_up = true;
	i = room_user_find(&event->event.content.user);
	facts.user_exists =
	    i != NONE && user_server(i) == world.nodes[node].identity;
	if (event->event.number <= room->state.number)
		facts.own = world.events[room->chain[event->event.number]].hash;
	for (i = 0; i < db->shown_count; i++)
		shown_count(node, packet, &db->shown[i], &facts);
	verdict = room_invite_take(&event->event, &facts, world.now, &effect);
	if (verdict.outcome == ROOM_TAKEN && db->shown_count == INVITATIONS) {
		world_fail("simulator: invitations");
		return;
	}
	if (verdict.outcome == ROOM_TAKEN) {
		memset(&db->shown[db->shown_count], 0, sizeof(db->shown[0]));
		db->shown[db->shown_count].event = packet->index;
		db->shown[db->shown_count].from =
		    world.nodes[packet->from].identity;
		db->shown[db->shown_count++].room = packet->room;
	}
	mirror_shown(node, packet->index, packet->from, &verdict);
}

/* A request that was accepted before is a duplicate, whatever came since. */
static bool
request_known(const struct room *room, uint32_t id)
{
	int i;

	for (i = 0; i < room->request_count; i++)
		if (room->requests[i] == id)
			return true;
	return false;
}

static struct room_verdict
request_judge(int node, const struct packet *packet)
{
	struct room *room = room_of(node, packet->room);
	struct room_verdict verdict = {ROOM_KNOWN, CODE_OK, 0, 0, 0, 0};

	if (request_known(room, packet->id))
		return verdict;
	if (packet->kind == PACKET_INVITE_REQUEST)
		verdict = home_invite(
		    node, packet->room, packet->user, packet->other);
	else if (packet->kind == PACKET_JOIN)
		verdict = home_join(node, packet->room, packet->user,
		    packet->nonce, packet->has_nonce);
	else
		verdict = home_leave(node, packet->room, packet->user);
	if (verdict.outcome == ROOM_TAKEN &&
	    room->request_count < REQUEST_IDS) {
		room->requests[room->request_count++] = packet->id;
		room->pending_request = packet->id;
	}
	return verdict;
}

/* A request to us as the home; the join that is not good is given up. */
static void
request_receive(int node, const struct packet *packet)
{
	static const enum room_act acts[] = {
	    [PACKET_INVITE_REQUEST] = ROOM_ACT_INVITE_REQUEST,
	    [PACKET_JOIN] = ROOM_ACT_JOIN_REQUEST,
	    [PACKET_LEAVE] = ROOM_ACT_LEAVE_REQUEST,
	};
	struct room_verdict verdict = {ROOM_REFUSED, CODE_OK, 0, 0, 0, 0};
	bool pending = room_of(node, packet->room)->pending != NONE;
	struct packet *answer;

	verdict.code = room_speaker_check(acts[packet->kind],
	    &world.rooms[packet->room], identity_key(packet->from),
	    identity_key(node), &world.users[packet->user]);
	state_asked(world.nodes[packet->from].identity, packet->id);
	if (verdict.code == CODE_OK)
		verdict = request_judge(node, packet);
	if (pending && verdict.outcome == ROOM_REFUSED &&
	    verdict.code != CODE_SPEAKER && verdict.code != CODE_ROOM_FROZEN)
		world_fail("server %d refuses while an event is not signed: %s",
		    node, code_name(verdict.code));
	state_asked(NONE, 0);
	answer =
	    packet_new(PACKET_ANSWER, node, world.nodes[packet->from].identity);
	packet_answer(answer, packet);
	answer->user = packet->user;
	answer->index = (int)packet->kind;
	answer->verdict = verdict;
	memcpy(answer->nonce, packet->nonce, ROOM_NONCE);
}

static void
answer_receive(int node, const struct packet *packet)
{
	struct room *room = room_of(node, packet->room);
	int local = packet->user % USERS;

	if (packet->verdict.outcome != ROOM_REFUSED ||
	    user_server(packet->user) != world.nodes[node].identity)
		return;
	if (packet->index == PACKET_JOIN &&
	    memcmp(packet->nonce, room->nonce[local], ROOM_NONCE) == 0 &&
	    room->joining[local]) {
		mirror_step(node);
		room->joining[local] = false;
		mirror_join_refused(node, packet->room, packet->user);
	}
}

void
member_receive(int node, const struct packet *packet)
{
	if (packet->kind == PACKET_INVITATION)
		invitation_receive(node, packet);
	else if (packet->kind == PACKET_ANSWER)
		answer_receive(node, packet);
	else
		request_receive(node, packet);
}
