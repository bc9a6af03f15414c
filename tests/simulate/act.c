/* SPDX-License-Identifier: ISC */
/* What each operation does. Numbers are taken modulo what there is. */
#include <string.h>

#include "sql/mirror.h"

static int
server_of(uint32_t number)
{
	return (int)(number % (uint32_t)world.servers);
}

static int
room_of(uint32_t number)
{
	return (int)(number % ROOMS);
}

static int
user_of(uint32_t number)
{
	return (int)(number % (uint32_t)(world.servers * USERS));
}

/* The node that a user's doings happen on; of twins either. */
static int
node_of(int user, uint32_t number)
{
	int identity = user_server(user);

	if (world.nodes[TWIN].exists &&
	    world.nodes[TWIN].identity == identity && number % 2 == 1)
		return TWIN;
	return identity;
}

static void
home_event(const struct op *op, enum room_kind kind)
{
	int room = room_of(op->a), home = world_home(room);
	int node = node_of(home * USERS, op->d);
	unsigned int list = op->c & ((1U << SERVERS) - 1);
	struct room_verdict verdict;
	struct room_event event;

	memset(&event, 0, sizeof(event));
	event.kind = kind;
	event.content.user =
	    world.users[kind == ROOM_CREATE ? home * USERS : user_of(op->b)];
	event.content.require_invite = op->b % 4 != 0;
	event.content.federated = kind == ROOM_CREATE || op->b % 2 == 0;
	event.content.restricted = kind == ROOM_SERVERS && op->b % 2 == 0;
	if (kind == ROOM_CREATE &&
	    world.nodes[node].db.rooms[room].state.number != 0)
		return;
	if (state_make(node, room, &event, list, &verdict) && op->d % 4 != 3)
		state_sign(node, room);
}

static void
act_create(const struct op *op)
{
	home_event(op, ROOM_CREATE);
}

static void
act_remove(const struct op *op)
{
	home_event(op, ROOM_REMOVE);
}

static void
act_servers(const struct op *op)
{
	home_event(op, ROOM_SERVERS);
}

static void
act_rename(const struct op *op)
{
	home_event(op, ROOM_RENAME);
}

static void
act_federation(const struct op *op)
{
	home_event(op, ROOM_FEDERATION);
}

static void
act_close(const struct op *op)
{
	home_event(op, ROOM_CLOSE);
}

static void
act_key(const struct op *op)
{
	home_event(op, ROOM_KEY);
}

static void
act_deliver(const struct op *op)
{
	packets_deliver(op->a);
}

static void
act_flush(const struct op *op)
{
	(void)op;
	packets_flush();
}

static void
act_drop(const struct op *op)
{
	packets_drop(op->a);
}

static void
act_double(const struct op *op)
{
	packets_double(op->a);
}

static void
act_time(const struct op *op)
{
	static const int64_t seconds[] = {
	    1, 2, 5, 29, 31, 31, 60, 120, 600, 901, 1800, 3601, 7200, 90000};

	world.now += seconds[op->a % (sizeof(seconds) / sizeof(seconds[0]))];
	/* A week and a day: rarely, since all invitations end. */
	if (op->b % 64 == 0)
		world.now += 8 * 24 * 3600;
}

static void
act_tick(const struct op *op)
{
	node_tick(node_of(server_of(op->a) * USERS, op->b));
}

static void
act_sync(const struct op *op)
{
	sync_send(node_of(server_of(op->a) * USERS, op->d), room_of(op->c),
	    server_of(op->b));
}

static void
act_say(const struct op *op)
{
	int user = user_of(op->b);

	talk_say(node_of(user, op->d), room_of(op->a), user,
	    1 + (int)(op->c % LANES_USED));
}

static void
act_cancel(const struct op *op)
{
	talk_cancel(server_of(op->a), room_of(op->b), op->c);
}

static void
act_invite(const struct op *op)
{
	int inviter = user_of(op->b);

	member_invite(
	    node_of(inviter, op->d), room_of(op->a), inviter, user_of(op->c));
}

static void
act_join(const struct op *op)
{
	int user = user_of(op->b);

	member_join(node_of(user, op->d), room_of(op->a), user, op->c % 4 == 3);
}

static void
act_leave(const struct op *op)
{
	int user = user_of(op->b);

	member_leave(node_of(user, op->d), room_of(op->a), user);
}

static void
act_cut(const struct op *op)
{
	int a = (int)(op->a % NODES), b = (int)(op->b % NODES);

	world.cut[a][b] = world.cut[b][a] = a != b;
}

static void
act_mend(const struct op *op)
{
	int a = (int)(op->a % NODES), b = (int)(op->b % NODES);

	world.cut[a][b] = world.cut[b][a] = false;
	if (op->c % 4 == 0)
		memset(world.cut, 0, sizeof(world.cut));
}

static void
act_crash(const struct op *op)
{
	node_restart(node_of(server_of(op->a) * USERS, op->b), false);
}

static void
act_backup(const struct op *op)
{
	struct node *node = &world.nodes[server_of(op->a)];

	mirror_backup(server_of(op->a));
	node->backup = node->db;
	node->has_backup = true;
}

static void
act_restore(const struct op *op)
{
	int server = server_of(op->a);

	/* A home that lost what it signed under a new key adopts nothing by
	 * itself: an admin names the server whose chain it takes. */
	if (server != world.robbed || world.serial[server] == 1)
		node_restart(server, true);
}

/* A clock is wrong: up to a day and a half ahead, or an hour behind. */
static void
act_clock(const struct op *op)
{
	static const int64_t seconds[] = {0, 0, 0, 0, -3600, -60, 60, 3600,
	    ROOM_AHEAD_S - 1, ROOM_AHEAD_S + ROOM_AHEAD_S / 2};

	world.nodes[server_of(op->a)].skew =
	    seconds[op->b % (sizeof(seconds) / sizeof(seconds[0]))];
}

static void
act_split(const struct op *op)
{
	(void)op;
	if (world.dishonest != NONE)
		node_split(world.dishonest);
}

static void
act_route(const struct op *op)
{
	int peer = server_of(op->a);

	if (!world.nodes[TWIN].exists || peer == world.dishonest)
		return;
	world.route[peer][world.dishonest] =
	    op->b % 2 == 0 ? TWIN : world.dishonest;
}

/*
 * A message that should not be: of somebody who is no member, or another's
 * user, under a state that is not, with an id that was used, or one that its
 * own server forgets at once.
 */
static void
act_false_message(const struct op *op)
{
	int node, item, index = room_of(op->a), i;
	int sender = world.dishonest * USERS + (int)(op->b % USERS);
	struct packet *packet;
	struct stream *stream;
	struct room *room;
	int64_t number;

	if (world.dishonest == NONE)
		return;
	node = node_of(sender, op->d);
	room = &world.nodes[node].db.rooms[index];
	if (room->state.number == 0)
		return;
	if (op->c % 8 == 7)
		sender = user_of(op->b);
	number = room->state.number + (int64_t)(op->c / 8 % 6) - 3;
	if (op->c % 8 == 6)
		number += 100;
	stream = room_stream_get(room, world.dishonest,
	    world.nodes[node].db.epoch, 1 + (int)(op->d / 2 % LANES_USED));
	item =
	    talk_item_new(node, index, sender, stream, number < 1 ? 1 : number,
		op->c % 8 == 5 ? 1 + op->b % (world.ids + 1) : ++world.ids);
	if (item == NONE)
		return;
	if (op->c % 8 != 4 && room_entry(room, item) == NULL)
		talk_item_keep(node, item);
	for (i = 0; i < world.servers; i++) {
		if (i == world.dishonest || (op->d >> (8 + i) & 1) == 0)
			continue;
		packet = packet_new(PACKET_ITEM, node, i);
		packet->room = index;
		packet->index = item;
	}
}

/* Requests for others' users, with others' invitations, or used ones. */
static void
act_false_request(const struct op *op)
{
	static const enum packet_kind forged[] = {PACKET_JOIN, PACKET_LEAVE,
	    PACKET_INVITE_REQUEST, PACKET_INVITATION, PACKET_JOIN};
	int node, index = room_of(op->a), user = user_of(op->b);
	enum packet_kind kind = forged[op->c % 5];
	const struct room *room;
	struct packet *packet;

	if (world.dishonest == NONE || world.event_count == 0)
		return;
	node = node_of(world.dishonest * USERS, op->d);
	room = &world.nodes[node].db.rooms[index];
	if (op->c % 5 == 4)
		user = world.dishonest * USERS + user % USERS;
	packet = packet_new(kind, node,
	    kind == PACKET_INVITATION ? server_of(op->d) : world_home(index));
	packet->room = index;
	packet->user = user;
	packet->other = user_of(op->d);
	packet->id = ++world.ids;
	packet->index = (int)(op->d % (uint32_t)world.event_count);
	if (kind == PACKET_INVITATION)
		packet->room = world.events[packet->index].room;
	if (room->invitation_count == 0)
		return;
	packet->has_nonce = true;
	memcpy(packet->nonce,
	    room->invitations[op->d % (uint32_t)room->invitation_count].nonce,
	    ROOM_NONCE);
}

/* A home's event that breaks the rules; or one of a server that is no home. */
static void
act_false_event(const struct op *op)
{
	int node, index = room_of(op->a), i, number;
	const struct room *room;
	struct room_event made, *event = &made;
	struct packet *packet;

	if (world.dishonest == NONE)
		return;
	node = node_of(world.dishonest * USERS, op->d);
	room = &world.nodes[node].db.rooms[index];
	if (room->state.number == 0)
		return;
	memset(event, 0, sizeof(*event));
	room_home_event(event, &room->state, world.now);
	if (op->c / 64 % 4 == 0)
		event->timestamp--;
	else if (op->c / 64 % 4 == 1)
		event->timestamp += (int64_t)(op->d % (3 * ROOM_AHEAD_S));
	event->kind = (enum room_kind)(op->c % ROOM_KINDS);
	event->content.user = world.users[user_of(op->b)];
	event->content.inviter = world.users[user_of(op->d)];
	event->content.expires = world.now + (int64_t)(op->d % 1000000);
	event->content.has_nonce = room->invitation_count > 0;
	if (room->invitation_count > 0)
		memcpy(event->content.nonce,
		    room->invitations[op->d % (uint32_t)room->invitation_count]
			.nonce,
		    ROOM_NONCE);
	number = ledger_event_add(index, world.dishonest, event, 0);
	if (number == NONE)
		return;
	for (i = 0; i < world.servers; i++) {
		if (i == world.dishonest || (op->d >> (8 + i) & 1) == 0)
			continue;
		packet = packet_new(PACKET_EVENT, node, i);
		packet->room = index;
		packet->index = number;
	}
}

static void
act_revoke(const struct op *op)
{
	(void)op;
	thief_revoke();
}

static void (*const acts[OP_KINDS])(const struct op *) = {
    [OP_DELIVER] = act_deliver,
    [OP_FLUSH] = act_flush,
    [OP_DROP] = act_drop,
    [OP_DOUBLE] = act_double,
    [OP_TIME] = act_time,
    [OP_TICK] = act_tick,
    [OP_SYNC] = act_sync,
    [OP_CREATE] = act_create,
    [OP_SAY] = act_say,
    [OP_CANCEL] = act_cancel,
    [OP_INVITE] = act_invite,
    [OP_JOIN] = act_join,
    [OP_LEAVE] = act_leave,
    [OP_REMOVE] = act_remove,
    [OP_SERVERS] = act_servers,
    [OP_RENAME] = act_rename,
    [OP_FEDERATION] = act_federation,
    [OP_CLOSE] = act_close,
    [OP_KEY] = act_key,
    [OP_CUT] = act_cut,
    [OP_MEND] = act_mend,
    [OP_CRASH] = act_crash,
    [OP_BACKUP] = act_backup,
    [OP_RESTORE] = act_restore,
    [OP_CLOCK] = act_clock,
    [OP_SPLIT] = act_split,
    [OP_ROUTE] = act_route,
    [OP_FALSE_MESSAGE] = act_false_message,
    [OP_FALSE_REQUEST] = act_false_request,
    [OP_FALSE_EVENT] = act_false_event,
    [OP_THIEF] = thief_act,
    [OP_REVOKE] = act_revoke,
};

void
op_apply(const struct op *op)
{
	acts[op->kind](op);
}
