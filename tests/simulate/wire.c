/* SPDX-License-Identifier: ISC */
/*
 * Packets under way between servers: any may be delivered next, lost, or
 * delivered twice. A cut loses nothing by itself: what cannot be delivered
 * waits, unless it is dropped.
 */
#include <string.h>

#include "world.h"

struct packet *
packet_new(enum packet_kind kind, int from, int to_identity)
{
	static struct packet spare; /* over the bound packets are lost */
	struct packet *packet = &spare;
	int to = world.route[from][to_identity];

	/* Of two twins a server hears one. */
	if (world.packet_count < PACKETS && world.nodes[to].exists &&
	    world.route[to][world.nodes[from].identity] == from)
		packet = &world.packets[world.packet_count++];
	memset(packet, 0, offsetof(struct packet, heads));
	packet->kind = kind;
	packet->from = from;
	packet->to = to;
	packet->index = NONE;
	packet->second = NONE;
	packet->serial = world.serial[world.nodes[from].identity];
	packet->proof = packet->proof_second = packet->serial;
	packet->min_serial = world.min_serial[world.nodes[from].identity];
	return packet;
}

/* Turns a new packet around: to the very node that asked. */
void
packet_answer(struct packet *packet, const struct packet *to)
{
	packet->from = to->to;
	packet->to = to->from;
	packet->room = to->room;
}

static void
packet_remove(unsigned int index)
{
	world.packet_count--;
	memmove(&world.packets[index], &world.packets[index + 1],
	    ((size_t)world.packet_count - index) * sizeof(world.packets[0]));
}

static bool
deliverable(const struct packet *packet)
{
	return !world.cut[packet->from][packet->to];
}

void
packets_deliver(unsigned int index)
{
	static struct packet packet;

	if (world.packet_count == 0)
		return;
	index %= (unsigned int)world.packet_count;
	if (!deliverable(&world.packets[index]))
		return;
	packet = world.packets[index];
	packet_remove(index);
	world.delivered++;
	node_receive(&packet);
}

void
packets_drop(unsigned int index)
{
	if (world.packet_count > 0)
		packet_remove(index % (unsigned int)world.packet_count);
}

void
packets_double(unsigned int index)
{
	if (world.packet_count == 0 || world.packet_count == PACKETS)
		return;
	index %= (unsigned int)world.packet_count;
	world.packets[world.packet_count++] = world.packets[index];
}

/*
 * In order, and what answers them after them. What cannot be delivered stays
 * in front.
 */
void
packets_flush(void)
{
	static struct packet packet;
	int at = 0, steps = 20000, stay = 0;

	while (at < world.packet_count && steps-- > 0) {
		if (!deliverable(&world.packets[at])) {
			world.packets[stay++] = world.packets[at++];
			continue;
		}
		packet = world.packets[at++];
		/* Make room for what it causes. */
		if (world.packet_count > PACKETS / 2 && at > PACKETS / 4) {
			memmove(&world.packets[stay], &world.packets[at],
			    (size_t)(world.packet_count - at) *
				sizeof(world.packets[0]));
			world.packet_count -= at - stay;
			at = stay;
		}
		world.delivered++;
		node_receive(&packet);
	}
	memmove(&world.packets[stay], &world.packets[at],
	    (size_t)(world.packet_count - at) * sizeof(world.packets[0]));
	world.packet_count -= at - stay;
	if (steps <= 0)
		world_fail("packets never end");
}

void
packets_lose(int node)
{
	int i, kept = 0;

	for (i = 0; i < world.packet_count; i++)
		if (world.packets[i].to != node)
			world.packets[kept++] = world.packets[i];
	world.packet_count = kept;
}
