/* SPDX-License-Identifier: ISC */
/*
 * A thief who has a server's first key: it signs events and messages of every
 * kind and time, and shows them to anybody, in envelopes of that server's as
 * long as those are taken, or by a dishonest server's hand. And the server,
 * which revokes that key once.
 */
#include <string.h>

#include "world.h"

static int
server_of(uint32_t number)
{
	return (int)(number % (uint32_t)world.servers);
}

static bool
accomplice(const struct op *op)
{
	return world.dishonest != NONE && op->d % 2 == 0;
}

/* From the thief: in the name of the one it robbed, or of its accomplice. */
static struct packet *
stolen_packet(const struct op *op, enum packet_kind kind)
{
	struct packet *packet = packet_new(kind,
	    accomplice(op) ? world.dishonest : world.robbed, server_of(op->c));

	packet->room = (int)(op->b % ROOMS);
	packet->proof = 1;
	if (!accomplice(op)) {
		packet->serial = 1;
		packet->min_serial = 1;
	}
	return packet;
}

/* On top of what one server has of the room, or in the place of it. */
static int
stolen_event(const struct op *op)
{
	static const enum room_kind kinds[] = {ROOM_RENAME, ROOM_CLOSE,
	    ROOM_REMOVE, ROOM_FEDERATION, ROOM_INVITE, ROOM_LEAVE};
	int index = (int)(op->b % ROOMS);
	const struct room *room =
	    &world.nodes[server_of(op->a)].db.rooms[index];
	struct room_event made;

	if (world_home(index) != world.robbed || room->state.number == 0)
		return NONE;
	memset(&made, 0, sizeof(made));
	room_home_event(&made, &room->state, world.now);
	if (op->d % 8 == 7 && made.number > 2) {
		made.number--;
		memcpy(made.previous,
		    world.events[room->chain[made.number - 1]].hash, ROOM_HASH);
	}
	made.kind = kinds[op->a % 6];
	if (op->a % 2 != 0)
		made.timestamp -= 86400;
	made.content.user =
	    world.users[op->a / 6 % (uint32_t)(world.servers * USERS)];
	made.content.inviter = world.users[world.robbed * USERS];
	made.content.expires = made.timestamp + 3600;
	made.content.nonce[0] = (uint8_t)world.event_count;
	made.content.nonce[15] = 0xff;
	return ledger_event_steal(index, world.robbed, &made);
}

/* The next of a stream as one server has it. */
static int
stolen_item(const struct op *op)
{
	int node = server_of(op->a), index = (int)(op->b % ROOMS), item, i;
	struct room *room = &world.nodes[node].db.rooms[index];
	const struct stream *stream = NULL;
	const uint8_t *previous;
	struct item *said;
	struct stream fresh;
	bool is_void;

	for (i = 0; i < room->stream_count; i++)
		if (room->streams[i].origin == world.robbed)
			stream = &room->streams[i];
	if (room->state.number == 0)
		return NONE;
	memset(&fresh, 0, sizeof(fresh));
	room_stream_init(&fresh.stream, world.nodes[world.robbed].db.epoch, 1);
	item = talk_item_new(node, index, world.robbed * USERS,
	    stream == NULL ? &fresh : stream, room->state.number, ++world.ids);
	if (item == NONE)
		return NONE;
	said = &world.items[item];
	said->origin = world.robbed;
	said->sender = world.robbed * USERS;
	said->serial = 1;
	said->stolen = true;
	memcpy(
	    said->message.sender.server, ledger_key(world.robbed), ONION_KEY);
	previous = room_digest_at(room, world.robbed, said->message.epoch,
	    said->message.lane, said->message.place.sequence - 1, &is_void);
	if (previous != NULL)
		memcpy(said->message.place.previous, previous, ROOM_HASH);
	ledger_item_digest(said);
	return item;
}

void
thief_act(const struct op *op)
{
	bool message = op->d / 8 % 3 == 0, pair = op->d / 8 % 3 == 1;
	struct packet *packet;
	int made;

	/* Nobody hears an envelope of its own. */
	if (world.robbed == NONE ||
	    (!accomplice(op) && server_of(op->c) == world.robbed))
		return;
	made = message ? stolen_item(op) : stolen_event(op);
	if (made == NONE)
		return;
	packet = stolen_packet(op, message ? PACKET_ITEM
				   : pair  ? PACKET_EVIDENCE
					   : PACKET_EVENT);
	packet->index = made;
	if (!pair || message)
		return;
	/* Against what somebody has in its place, which is good. */
	packet->second = made;
	if (world.events[made].event.number <=
	    world.nodes[world.robbed].db.rooms[packet->room].state.number)
		packet->second = world.nodes[world.robbed]
				     .db.rooms[packet->room]
				     .chain[world.events[made].event.number];
}

bool
thief_key_due(int node, int index)
{
	const struct room *room = &world.nodes[node].db.rooms[index];
	int self = world.nodes[node].identity;

	return world_home(index) == self && self == world.robbed &&
	       world.serial[self] != 1 && room->state.number != 0 &&
	       room->state.number < NUMBERS && world.event_count < EVENTS &&
	       world.events[room->chain[room->state.number]].serial == 1;
}

void
thief_revoke(void)
{
	int robbed = world.robbed, room, peer;

	if (robbed == NONE || world.serial[robbed] != 1)
		return;
	world.serial[robbed] = world.min_serial[robbed] = 2;
	vouch_learn(robbed, robbed, 2);
	for (room = 0; room < ROOMS; room++)
		if (world_home(room) == robbed)
			state_sign(robbed, room);
	for (room = 0; room < ROOMS; room++)
		for (peer = 0; peer < world.servers; peer++)
			sync_send(robbed, room, peer);
}
