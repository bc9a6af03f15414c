/* SPDX-License-Identifier: ISC */
/* A server: what it does with a packet, with time, and when it starts. */
#include "sql/mirror.h"

static void
evidence_receive(int node, const struct packet *packet)
{
	if (packet->one)
		talk_evidence(node, packet);
	else
		state_evidence(node, packet);
}

static void (*const receivers[])(int, const struct packet *) = {
    [PACKET_ITEM] = talk_item,
    [PACKET_ITEM_ACK] = talk_ack,
    [PACKET_EVENT] = state_receive,
    [PACKET_INVITE_REQUEST] = member_receive,
    [PACKET_INVITATION] = member_receive,
    [PACKET_JOIN] = member_receive,
    [PACKET_LEAVE] = member_receive,
    [PACKET_ANSWER] = member_receive,
    [PACKET_HEADS] = sync_heads,
    [PACKET_ASK_EVENTS] = sync_ask,
    [PACKET_ASK_EVIDENCE] = sync_ask,
    [PACKET_ASK_ITEMS] = sync_ask,
    [PACKET_ASK_ITEM_EVIDENCE] = sync_ask,
    [PACKET_VOID] = talk_void,
    [PACKET_EVIDENCE] = evidence_receive,
};

void
node_receive(const struct packet *packet)
{
	int from = world.nodes[packet->from].identity;

	/* A certificate is shown before anything under it counts. */
	vouch_learn(packet->to, from, packet->min_serial);
	if (room_vouch_revoked(
		packet->serial, world.nodes[packet->to].db.min_serial[from]))
		return;
	receivers[packet->kind](packet->to, packet);
}

int64_t
node_clock(int node)
{
	return world.now + world.nodes[node].skew;
}

bool
node_restored_lately(int node)
{
	return room_restored_lately(
	    world.nodes[node].db.restored, node_clock(node));
}

void
node_tick(int node)
{
	int room;

	for (room = 0; room < ROOMS; room++) {
		state_sign(node, room);
		if (world.nodes[node].db.rooms[room].state.number == 0) {
			member_tick(node, room);
			continue;
		}
		member_tick(node, room);
		talk_tick(node, room);
		sync_gaps(node, room);
	}
}

/* Before a signature is released its mark is in the log. */
void
node_signs(int node, int64_t mark)
{
	if (world.nodes[node].log_mark < mark)
		world.nodes[node].log_mark = mark;
}

/* What a backup holds as never sent may have left since. */
static void
all_left(struct node *server, struct room *room)
{
	int i;

	for (i = 0; i < room->entry_count; i++)
		if (world.items[room->entries[i].item].origin ==
			server->identity &&
		    room->entries[i].status != STATUS_CANCELLED)
			room->entries[i].sent = true;
}

/* The mark goes into the database first, then into the sign log. */
void
node_restart(int node, bool restore)
{
	struct node *server = &world.nodes[node];
	bool back = restore && server->has_backup, restored;
	int room;

	packets_lose(node);
	world.now++;
	if (back)
		server->db = server->backup;
	restored = room_restored(server->log_mark, server->db.mark);
	mirror_restart(node, back, restored);
	if (restored) {
		server->db.restored = world.now;
		server->db.epoch = room_epoch_start(
		    server->db.epoch, server->db.epoch_seen, true, world.now);
		for (room = 0; room < ROOMS; room++) {
			server->db.rooms[room].answered = 0;
			all_left(server, &server->db.rooms[room]);
			if (world_home(room) == server->identity)
				world.restored_home[room] = true;
		}
	}
	server->db.mark = room_mark_next(server->log_mark, server->db.mark);
	node_signs(node, server->db.mark);
}

/* From here on there are two servers with one key, and a server hears one. */
void
node_split(int identity)
{
	struct node *twin = &world.nodes[TWIN];
	int i;

	if (twin->exists)
		return;
	*twin = world.nodes[identity];
	world.route[TWIN][identity] = TWIN;
	for (i = 0; i < world.servers; i++)
		if (i != identity && i % 2 == 1)
			world.route[i][identity] = TWIN;
}
