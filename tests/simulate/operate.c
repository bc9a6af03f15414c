/* SPDX-License-Identifier: ISC */
/*
 * Operations: a history is a list of them, made from a seed once; what each
 * does follows from its numbers and the world, so that a part of the list is a
 * history, too.
 */
#include <stdio.h>
#include <string.h>

#include "sql/mirror.h"

struct world world;
const char *planted;

static const struct {
	const char *name;
	unsigned int weight;
} kinds[OP_KINDS] = {
    [OP_DELIVER] = {"deliver", 150},
    [OP_FLUSH] = {"flush", 12},
    [OP_DROP] = {"drop", 20},
    [OP_DOUBLE] = {"double", 15},
    [OP_TIME] = {"time", 30},
    [OP_TICK] = {"tick", 60},
    [OP_SYNC] = {"sync", 25},
    [OP_CREATE] = {"create", 2},
    [OP_SAY] = {"say", 50},
    [OP_CANCEL] = {"cancel", 4},
    [OP_INVITE] = {"invite", 10},
    [OP_JOIN] = {"join", 14},
    [OP_LEAVE] = {"leave", 4},
    [OP_REMOVE] = {"remove", 5},
    [OP_SERVERS] = {"servers", 2},
    [OP_RENAME] = {"rename", 2},
    [OP_FEDERATION] = {"federation", 1},
    [OP_CLOSE] = {"close", 1},
    [OP_KEY] = {"key", 2},
    [OP_CUT] = {"cut", 8},
    [OP_MEND] = {"mend", 10},
    [OP_CRASH] = {"crash", 5},
    [OP_BACKUP] = {"backup", 5},
    [OP_RESTORE] = {"restore", 2},
    [OP_CLOCK] = {"clock", 4},
    [OP_SPLIT] = {"split", 3},
    [OP_ROUTE] = {"route", 3},
    [OP_FALSE_MESSAGE] = {"false-message", 10},
    [OP_FALSE_REQUEST] = {"false-request", 8},
    [OP_FALSE_EVENT] = {"false-event", 1},
    [OP_THIEF] = {"thief", 12},
    [OP_REVOKE] = {"revoke", 2},
};

bool
planted_is(const char *fault)
{
	return planted != NULL && strcmp(planted, fault) == 0;
}

bool
world_honest(int identity)
{
	return identity != world.dishonest;
}

int
world_home(int room)
{
	return room % world.servers;
}

int
user_server(int user)
{
	return user / USERS;
}

/* splitmix64. */
static uint64_t
next(uint64_t *seed)
{
	uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void
op_add(struct history *history, enum op_kind kind, uint32_t a, uint32_t b,
    uint32_t c)
{
	struct op *op = &history->ops[history->count++];

	op->kind = kind;
	op->a = a;
	op->b = b;
	op->c = c;
	op->d = 0;
}

static enum op_kind
op_choose(uint64_t *seed)
{
	unsigned int total = 0, at;
	int i;

	for (i = 0; i < OP_KINDS; i++)
		total += kinds[i].weight;
	at = (unsigned int)(next(seed) % total);
	for (i = 0; at >= kinds[i].weight; i++)
		at -= kinds[i].weight;
	return (enum op_kind)i;
}

/* Rooms with members first, or most of what follows would be refused. */
static void
beginning(struct history *history, uint64_t *seed)
{
	int room, server;

	for (room = 0; room < ROOMS; room++)
		op_add(history, OP_CREATE, (uint32_t)room, (uint32_t)next(seed),
		    0);
	for (room = 0; room < ROOMS; room++)
		for (server = 0; server < history->servers; server++) {
			if (server == room || next(seed) % 5 == 0)
				continue;
			op_add(history, OP_INVITE, (uint32_t)room,
			    (uint32_t)(room * USERS),
			    (uint32_t)(server * USERS));
			op_add(history, OP_TICK, (uint32_t)room, 0, 0);
			op_add(history, OP_FLUSH, 0, 0, 0);
			op_add(history, OP_JOIN, (uint32_t)room,
			    (uint32_t)(server * USERS), 0);
			op_add(history, OP_FLUSH, 0, 0, 0);
			op_add(history, OP_TICK, (uint32_t)room, 0, 0);
			op_add(history, OP_FLUSH, 0, 0, 0);
		}
}

void
history_make(struct history *history, uint64_t seed)
{
	struct op *op;
	int count;

	memset(history, 0, sizeof(*history));
	history->servers = 3 + (int)(next(&seed) % 3);
	history->dishonest = NONE;
	if (next(&seed) % 2 == 0)
		history->dishonest =
		    (int)(next(&seed) % (uint64_t)history->servers);
	history->robbed = NONE;
	if (next(&seed) % 3 == 0)
		history->robbed =
		    (int)(next(&seed) % (uint64_t)history->servers);
	if (history->robbed == history->dishonest)
		history->robbed = NONE;
	beginning(history, &seed);
	count = history->count + 60 + (int)(next(&seed) % 300);
	while (history->count < count) {
		op = &history->ops[history->count++];
		op->kind = op_choose(&seed);
		op->a = (uint32_t)next(&seed);
		op->b = (uint32_t)next(&seed);
		op->c = (uint32_t)next(&seed);
		op->d = (uint32_t)next(&seed);
	}
}

void
op_print(const struct op *op)
{
	printf("  %s %u %u %u %u\n", kinds[op->kind].name, op->a, op->b, op->c,
	    op->d);
}

static void
world_begin(const struct history *history)
{
	int i, j;

	memset(&world, 0, offsetof(struct world, packets));
	world.now = WORLD_START;
	world.servers = history->servers;
	world.dishonest = history->dishonest;
	world.robbed = history->robbed;
	for (i = 0; i < SERVERS; i++)
		world.serial[i] = world.min_serial[i] = 1;
	for (i = 0; i < ALL_USERS; i++) {
		memset(&world.users[i], 0, sizeof(world.users[i]));
		memcpy(world.users[i].server, ledger_key(user_server(i)),
		    ONION_KEY);
		snprintf(world.users[i].name, sizeof(world.users[i].name),
		    "user%d", i);
	}
	for (i = 0; i < ROOMS; i++) {
		ledger_uuid(world.rooms[i].uuid, 'h', world_home(i), 0);
		memcpy(
		    world.rooms[i].home, ledger_key(world_home(i)), ONION_KEY);
	}
	for (i = 0; i < NODES; i++) {
		world.nodes[i].exists = i < world.servers;
		world.nodes[i].identity = i;
		world.nodes[i].db.epoch = 1;
		for (j = 0; j < ROOMS; j++) {
			world.nodes[i].db.rooms[j].state.room = world.rooms[j];
			world.nodes[i].db.rooms[j].pending = NONE;
		}
		for (j = 0; j < world.servers; j++)
			world.route[i][j] = j;
	}
	mirror_begin();
	for (i = 0; i < world.servers; i++)
		node_restart(i, false);
}

/* Changes with anything that healing may still change. */
static uint64_t
fingerprint(void)
{
	const struct room *room;
	uint64_t sum = 0;
	int node, index, i;

	for (node = 0; node < NODES; node++)
		for (index = 0; index < ROOMS; index++) {
			room = &world.nodes[node].db.rooms[index];
			sum = sum * 31 + (uint64_t)room->state.number;
			sum = sum * 31 + (uint64_t)room->state.disputed;
			sum = sum * 31 + (uint64_t)room->evidence_count;
			sum = sum * 31 + (uint64_t)room->void_count;
			for (i = 0; i < room->entry_count; i++)
				sum = sum * 31 + room->entries[i].acked * 8 +
				      (uint64_t)room->entries[i].status;
			for (i = 0; i < room->stream_count; i++) {
				sum = sum * 31 + (uint64_t)room->streams[i]
						     .stream.contiguous;
				sum = sum * 31 +
				      (uint64_t)room->streams[i].stream.forked;
			}
		}
	return sum;
}

static void
heal_round(void)
{
	int node, room, peer;

	world.now += ROOM_GAP_S + 1;
	for (node = 0; node < NODES; node++)
		if (world.nodes[node].exists)
			node_tick(node);
	packets_flush();
	for (node = 0; node < NODES; node++)
		for (room = 0; room < ROOMS; room++)
			for (peer = 0; peer < world.servers; peer++)
				if (world.nodes[node].exists)
					sync_send(node, room, peer);
	packets_flush();
}

/* The honest server that has more of a room than its home, NONE. */
static int
longer(int room)
{
	int64_t most =
	    world.nodes[world_home(room)].db.rooms[room].state.number;
	int node, found = NONE;

	for (node = 0; node < world.servers; node++) {
		if (!world_honest(node) ||
		    world.nodes[node].db.rooms[room].state.number <= most)
			continue;
		most = world.nodes[node].db.rooms[room].state.number;
		found = node;
	}
	return found;
}

/* Whether a home adopts nothing by itself: it may have revoked what signed it,
 * or its restore was too long ago. */
static bool
needs_admin(int home)
{
	return home == world.robbed ||
	       (world_honest(home) && world.nodes[home].db.restored != 0 &&
		   !node_restored_lately(home));
}

/* What homes lost and do not take by themselves their administrators have
 * them adopt. */
static void
admins_adopt(void)
{
	int room, home, from;

	for (room = 0; room < ROOMS; room++) {
		home = world_home(room);
		if (!needs_admin(home) ||
		    world.nodes[home].db.rooms[room].state.disputed != 0)
			continue;
		from = longer(room);
		if (from != NONE)
			state_adopt(home, room, from);
	}
}

/* All reach all, and nothing new happens. */
static void
heal(void)
{
	uint64_t before, after = 0;
	int round, quiet = 0;

	memset(world.cut, 0, sizeof(world.cut));
	world.healing = world.now;
	for (round = 0; round < NODES; round++)
		world.healing_skew[round] = world.nodes[round].skew;
	packets_flush();
	thief_revoke();
	if (world.robbed != NONE) {
		heal_round();
		admins_adopt();
		heal_round();
		heal_round();
		world.now += ROOM_RECOVERY_S + 1;
	}
	/* Who was restored lately heeds rooms that it forgot for a day. */
	for (round = 0; round < 4 && world.failure[0] == '\0'; round++)
		heal_round();
	/* No event is ahead of a clock any more. */
	world.now += 3 * ROOM_AHEAD_S;
	for (round = 0; round < NODES; round++)
		world.nodes[round].skew = 0;
	packets_flush();
	admins_adopt();
	for (round = 0; round < 60 && quiet < 3; round++) {
		before = after;
		heal_round();
		after = fingerprint();
		quiet = after == before ? quiet + 1 : 0;
		if (world.failure[0] != '\0')
			return;
	}
	if (quiet < 3)
		world_fail("healing never ends");
}

/* One message that two servers have is taken from one of them. */
static void
forget(void)
{
	struct room *room;
	int node, index, i;

	for (node = 0; node < world.servers; node++)
		for (index = 0; index < ROOMS; index++) {
			room = &world.nodes[node].db.rooms[index];
			for (i = 0; i < room->entry_count; i++)
				room->entries[i].status = STATUS_CANCELLED;
			if (room->entry_count > 1 && world_honest(node))
				return;
		}
}

bool
history_run(const struct history *history)
{
	int i;

	world_begin(history);
	for (i = 0; i < history->count && world.failure[0] == '\0'; i++) {
		op_apply(&history->ops[i]);
		mirror_compare(false);
	}
	if (world.failure[0] == '\0')
		heal();
	mirror_compare(true);
	if (world.failure[0] == '\0' && planted_is("forget"))
		forget();
	if (world.failure[0] == '\0')
		check_world();
	return world.failure[0] == '\0';
}
