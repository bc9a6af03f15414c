/* SPDX-License-Identifier: ISC */
/*
 * What must hold, worked out again from the chains alone by a second, plain
 * reading of the rules, that calls none of the decisions that it checks.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "world.h"

/* A chain read from its beginning. */
struct reading {
	int64_t last;
	int64_t time; /* of the event before */
	int home;
	int64_t closed; /* number; 0 open */
	bool invite;	/* needed */
	bool federated;
	bool restricted;
	unsigned int list;
	unsigned int members[NUMBERS + 1]; /* users, a bit each */
	int64_t gone[ALL_USERS];
	struct {
		const struct room_content *content;
		int invitee;
		int64_t number;
		bool used;
	} invited[NUMBERS];
	int invited_count;
};

void
world_fail(const char *format, ...)
{
	va_list arguments;

	if (world.failure[0] != '\0')
		return;
	va_start(arguments, format);
	vsnprintf(world.failure, sizeof(world.failure), format, arguments);
	va_end(arguments);
}

static bool
may_enter(const struct reading *reading, int user)
{
	int server = user_server(user);

	if (server == reading->home)
		return true;
	if (!reading->federated)
		return false;
	return !reading->restricted || (reading->list >> server & 1) != 0;
}

static bool
read_invite(struct reading *reading, const struct room_event *event, int user,
    unsigned int members)
{
	const struct room_content *content = &event->content;
	int64_t lasts = content->expires - event->timestamp;
	int i, inviter = room_user_find(&content->inviter);

	for (i = 0; i < reading->invited_count; i++)
		if (memcmp(reading->invited[i].content->nonce, content->nonce,
			ROOM_NONCE) == 0)
			return false;
	reading->invited[i].content = content;
	reading->invited[i].invitee = user;
	reading->invited[i].number = event->number;
	reading->invited[i].used = false;
	reading->invited_count++;
	return inviter != NONE && (members >> inviter & 1) != 0 &&
	       (members >> user & 1) == 0 && may_enter(reading, user) &&
	       lasts > 0 && lasts <= 7 * 24 * 3600;
}

static bool
read_join(struct reading *reading, const struct room_event *event, int user,
    unsigned int members)
{
	const struct room_content *content = &event->content;
	int i;

	if ((members >> user & 1) != 0 || !may_enter(reading, user))
		return false;
	if (!content->has_nonce)
		return !reading->invite;
	for (i = 0; i < reading->invited_count; i++)
		if (memcmp(reading->invited[i].content->nonce, content->nonce,
			ROOM_NONCE) == 0)
			break;
	if (i == reading->invited_count || reading->invited[i].used ||
	    reading->invited[i].invitee != user ||
	    reading->invited[i].number <= reading->gone[user] ||
	    event->timestamp > reading->invited[i].content->expires)
		return false;
	reading->invited[i].used = true;
	return true;
}

static bool
read_remove(const struct reading *reading, int user, unsigned int members)
{
	int i;

	if ((members >> user & 1) != 0)
		return true;
	for (i = 0; i < reading->invited_count; i++)
		if (reading->invited[i].invitee == user &&
		    !reading->invited[i].used &&
		    reading->invited[i].number > reading->gone[user])
			return true;
	return false;
}

/* Who stays when whole servers go. */
static unsigned int
members_of(const struct reading *reading, unsigned int list)
{
	unsigned int members = 0;
	int user;

	for (user = 0; user < ALL_USERS; user++)
		if (user_server(user) == reading->home ||
		    (list >> user_server(user) & 1) != 0)
			members |= 1U << user;
	return members;
}

static bool
read_event(struct reading *reading, const struct event *event)
{
	const struct room_event *e = &event->event;
	const struct room_content *content = &e->content;
	unsigned int before = reading->members[e->number - 1], after = before;
	int user = room_user_find(&content->user);
	bool good = event->signer == reading->home &&
		    (reading->closed == 0 || e->kind == ROOM_KEY);

	switch (e->kind) {
	case ROOM_CREATE:
		good &= e->number == 1 && user_server(user) == reading->home;
		after = 1U << user;
		reading->invite = content->require_invite;
		reading->federated = content->federated;
		reading->restricted = content->restricted;
		reading->list = event->list;
		break;
	case ROOM_INVITE:
		good &= read_invite(reading, e, user, before);
		break;
	case ROOM_JOIN:
		good &= read_join(reading, e, user, before);
		after |= 1U << user;
		break;
	case ROOM_LEAVE:
		good &= (before >> user & 1) != 0;
		after &= ~(1U << user);
		break;
	case ROOM_REMOVE:
		good &= read_remove(reading, user, before);
		reading->gone[user] = e->number;
		after &= ~(1U << user);
		break;
	case ROOM_SERVERS:
		reading->restricted = content->restricted;
		reading->list = event->list;
		if (content->restricted)
			after &= members_of(reading, event->list);
		break;
	case ROOM_FEDERATION:
		reading->federated = content->federated;
		if (!content->federated)
			after &= members_of(reading, 0);
		break;
	case ROOM_CLOSE:
		reading->closed = e->number;
		after = 0;
		break;
	default:
		good &= e->kind == ROOM_RENAME || e->kind == ROOM_KEY;
		break;
	}
	for (user = 0; user < ALL_USERS; user++)
		if ((before & ~after) >> user & 1)
			reading->gone[user] = e->number;
	reading->members[e->number] = after;
	return good;
}

/* false: the chain breaks a rule. */
static bool
read_chain(struct reading *reading, const struct room *room, int index)
{
	static const uint8_t zero[ROOM_HASH];
	const uint8_t *previous = zero;
	const struct event *event;
	int64_t number;

	memset(reading, 0, sizeof(*reading));
	reading->last = room->state.number;
	if (room->state.disputed != 0 &&
	    room->state.disputed <= room->state.number)
		reading->last = room->state.disputed - 1;
	reading->home = world_home(index);
	for (number = 1; number <= reading->last; number++) {
		event = &world.events[room->chain[number]];
		if (event->room != index || event->event.number != number ||
		    memcmp(event->event.previous, previous, ROOM_HASH) != 0 ||
		    event->event.timestamp < reading->time ||
		    !read_event(reading, event))
			return false;
		previous = event->hash;
		reading->time = event->event.timestamp;
	}
	return true;
}

static bool
server_in(const struct reading *reading, int identity, int64_t number)
{
	return (reading->members[number] >> (identity * USERS) &
		   ((1U << USERS) - 1)) != 0;
}

/* When a server that has no member learned of the last one's end. */
static int64_t
gone_learned(
    const struct reading *reading, const struct room *room, int identity)
{
	int64_t number = reading->last;

	while (number > 1 && !server_in(reading, identity, number - 1))
		number--;
	return room->learned[number];
}

/* When a message was taken: is it marked as late when it should be? */
void
check_taken(int node, const struct room *room, const struct entry *entry)
{
	static struct reading reading;
	const struct item *item = &world.items[entry->item];
	int64_t number = item->message.state_number;
	bool late = false;

	if (!world_honest(world.nodes[node].identity) ||
	    (entry->flags & (ROOM_WAS_HELD | ROOM_UNVERIFIED)) != 0)
		return;
	read_chain(&reading, room, item->room);
	if (number > reading.last) {
		world_fail("a message of an unknown state is taken");
		return;
	}
	if (!server_in(&reading, world.nodes[node].identity, number) &&
	    !room_here(room, world.nodes[node].identity))
		world_fail("server %d takes a message and is not there", node);
	for (; number <= reading.last; number++)
		if ((reading.members[number] >> item->sender & 1) == 0) {
			late = world.now - room->learned[number] > 3600;
			break;
		}
	late |= !room_here(room, world.nodes[node].identity) &&
		world.now - gone_learned(
				&reading, room, world.nodes[node].identity) >
		    3600;
	if (late != ((entry->flags & ROOM_LATE) != 0))
		world_fail("server %d: a message is %s", node,
		    late ? "late and not marked" : "marked as late");
}

static void
check_rows(int node, const struct room *room, const struct reading *reading)
{
	struct room_member row;
	int64_t number;
	int user;
	bool is;

	for (number = 1; number <= reading->last; number++)
		for (user = 0; user < ALL_USERS; user++) {
			row = room_row_at(room, user, number);
			is = row.joined != 0 &&
			     (row.left == 0 || row.left > number);
			if (is != (reading->members[number] >> user & 1))
				world_fail("server %d: user %d at %lld", node,
				    user, (long long)number);
		}
}

static void
check_entries(int node, const struct room *room, const struct reading *reading)
{
	const struct entry *entry;
	const struct item *item;
	int64_t number;
	int i;

	for (i = 0; i < room->entry_count; i++) {
		entry = &room->entries[i];
		item = &world.items[entry->item];
		number = item->message.state_number;
		if (user_server(item->sender) != item->origin &&
		    entry->status == STATUS_TAKEN &&
		    (entry->flags & ROOM_HIDDEN) == 0)
			world_fail("server %d: spoke for another's user",
			    item->origin);
		if (number > reading->last)
			continue;
		if (entry->status == STATUS_TAKEN &&
		    world_honest(item->origin) &&
		    item->origin != world.robbed &&
		    world_honest(reading->home) &&
		    reading->home != world.robbed &&
		    !world.restored_home[item->room] &&
		    !server_in(reading, world.nodes[node].identity, number))
			world_fail("server %d: got what is not for it", node);
		if (entry->status == STATUS_HELD ||
		    (entry->status == STATUS_TAKEN &&
			(entry->flags & ROOM_UNVERIFIED) != 0))
			world_fail("server %d: held though judged", node);
		/* A chain that was cut off had its own members. */
		if (entry->status == STATUS_TAKEN &&
		    reading->home != world.robbed &&
		    (reading->members[number] >> item->sender & 1) == 0)
			world_fail("server %d: message of user %d, who was "
				   "no member at %lld",
			    node, item->sender, (long long)number);
	}
}

static bool
evidence_state(const struct room *room, int64_t number)
{
	int i;

	for (i = 0; i < room->evidence_count; i++)
		if (room->evidence[i].kind == EVIDENCE_STATE &&
		    room->evidence[i].number == number)
			return true;
	return false;
}

static bool
evidence_stream(const struct room *room, const struct item *item)
{
	const struct evidence *evidence;
	int i;

	for (i = 0; i < room->evidence_count; i++) {
		evidence = &room->evidence[i];
		if (evidence->kind == EVIDENCE_SEQUENCE &&
		    evidence->origin == item->origin &&
		    evidence->epoch == item->message.epoch &&
		    evidence->lane == item->message.lane)
			return true;
	}
	return false;
}

/* What a robbed server wrote under the key that it has revoked since: where a
 * thief was quicker it may be gone for some. What follows is there. */
static bool
forgotten(const struct item *item)
{
	return item->origin == world.robbed && item->serial == 1;
}

/* Whether an honest server has what is missing here and is for us. */
static bool
had_elsewhere(int index, const struct stream *stream, int identity,
    const struct reading *reading)
{
	const struct item *item;
	const struct room *room;
	int i, entry;

	for (i = 0; i < world.servers; i++) {
		room = &world.nodes[i].db.rooms[index];
		entry = room_item_at(room, stream->origin, stream->stream.epoch,
		    stream->stream.lane, stream->stream.contiguous + 1);
		if (entry == NONE || !world_honest(i) || !room_here(room, i) ||
		    room->entries[entry].status != STATUS_TAKEN)
			continue;
		item = &world.items[room->entries[entry].item];
		if (!item->stolen && !forgotten(item) &&
		    item->message.state_number <= reading->last &&
		    server_in(reading, identity, item->message.state_number))
			return true;
	}
	return false;
}

/* A gap remains only where a restored origin forgot what nobody has. */
static bool
gap_excused(int index, const struct stream *stream, int identity,
    const struct reading *reading)
{
	/* What a thief wrote beyond it, its origin does not know either. */
	return (world.nodes[stream->origin].db.restored != 0 ||
		   stream->origin == world.robbed) &&
	       !had_elsewhere(index, stream, identity, reading);
}

static void
check_one(int node, int index, const struct reading *reading)
{
	const struct room *room = &world.nodes[node].db.rooms[index];
	const struct stream *stream;
	int i;

	check_rows(node, room, reading);
	check_entries(node, room, reading);
	if (room->state.disputed != 0 &&
	    !evidence_state(room, room->state.disputed))
		world_fail("server %d: frozen without evidence", node);
	for (i = 0; i < room->stream_count; i++) {
		stream = &room->streams[i];
		/* Of one that shares no room nobody hears that it revoked. */
		if (!world_honest(stream->origin) ||
		    (stream->origin == world.robbed &&
			world.nodes[node].db.min_serial[world.robbed] < 2))
			continue;
		if (stream->stream.forked != 0)
			world_fail("server %d: an honest stream forked", node);
		if (room_here(room, world.nodes[node].identity) &&
		    server_in(reading, stream->origin, reading->last) &&
		    stream->stream.contiguous != stream->stream.highest &&
		    !gap_excused(
			index, stream, world.nodes[node].identity, reading))
			world_fail("server %d: a gap in the stream of %d", node,
			    stream->origin);
	}
}

static bool
kept(const struct room *room, int item)
{
	int i;

	for (i = 0; i < room->entry_count; i++)
		if (room->entries[i].item == item)
			return room->entries[i].status == STATUS_TAKEN;
	return false;
}

/* Its origin has it, and gives it no more. */
static bool
pruned(const struct room *room, int identity, int item)
{
	int i;

	if (world.items[item].origin != identity)
		return false;
	for (i = 0; i < room->entry_count; i++)
		if (room->entries[i].item == item)
			return room->entries[i].pruned;
	return false;
}

/* Two servers that are in the room have what is for both. */
static void
check_messages(int index, const struct reading *reading, int a, int b)
{
	const struct room *room_a = &world.nodes[a].db.rooms[index];
	const struct room *room_b = &world.nodes[b].db.rooms[index];
	const struct item *item;
	int64_t number;
	int i;

	for (i = 0; i < world.item_count; i++) {
		item = &world.items[i];
		number = item->message.state_number;
		if (item->room != index || !world_honest(item->origin) ||
		    item->stolen || forgotten(item) || number > reading->last ||
		    !server_in(reading, world.nodes[a].identity, number) ||
		    !server_in(reading, world.nodes[b].identity, number))
			continue;
		/* Asked before a dishonest server gave it to one of them. */
		if (world.dishonest != NONE &&
		    world.nodes[item->origin].db.restored != 0)
			continue;
		if (pruned(room_a, world.nodes[a].identity, i) ||
		    pruned(room_b, world.nodes[b].identity, i))
			continue;
		if (kept(room_a, i) != kept(room_b, i))
			world_fail("servers %d and %d differ about message %d "
				   "of server %d (epoch %lld lane %d number "
				   "%lld)",
			    a, b, i, item->origin,
			    (long long)item->message.epoch, item->message.lane,
			    (long long)item->message.place.sequence);
	}
}

static int64_t
contiguous(const struct room *room, const struct item *item)
{
	int i;

	for (i = 0; i < room->stream_count; i++)
		if (room->streams[i].origin == item->origin &&
		    room->streams[i].stream.epoch == item->message.epoch &&
		    room->streams[i].stream.lane == item->message.lane)
			return room->streams[i].stream.contiguous;
	return 0;
}

/* A number was refused since its id is another's, and has no digest here: heads
 * do not tell that it differs. That its origin lies is proved all the same. */
static bool
undigested(const struct room *room, const struct item *item)
{
	const struct evidence *evidence;
	const struct item *other;
	int i, side;

	for (i = 0; i < room->evidence_count; i++) {
		evidence = &room->evidence[i];
		for (side = 0; side < 2 && evidence->kind == EVIDENCE_ID;
		     side++) {
			other =
			    &world.items[side == 0 ? evidence->a : evidence->b];
			if (other->origin == item->origin &&
			    other->message.epoch == item->message.epoch &&
			    other->message.lane == item->message.lane &&
			    other->message.place.sequence >=
				item->message.place.sequence)
				return true;
		}
	}
	return false;
}

/* Two contents under one number: both hold proof. */
static void
check_pair(const struct room *room_a, const struct room *room_b, int a, int b)
{
	const struct item *x, *y;
	int64_t number;
	int i, j;

	for (i = 0; i < room_a->entry_count; i++) {
		x = &world.items[room_a->entries[i].item];
		number = x->message.place.sequence;
		j = room_item_at(room_b, x->origin, x->message.epoch,
		    x->message.lane, number);
		if (j == NONE ||
		    room_b->entries[j].item == room_a->entries[i].item)
			continue;
		y = &world.items[room_b->entries[j].item];
		if (number > contiguous(room_a, x) &&
		    number > contiguous(room_b, y))
			continue;
		if (x->stolen || y->stolen || undigested(room_a, x) ||
		    undigested(room_b, y))
			continue;
		if (!evidence_stream(room_a, x) || !evidence_stream(room_b, y))
			world_fail("servers %d and %d: no evidence of number "
				   "%lld of server %d",
			    a, b, (long long)number, x->origin);
	}
}

static void
check_chains(const struct room *room_a, const struct room *room_b, int a, int b)
{
	int64_t number;

	for (number = 1;
	     number <= room_a->state.number && number <= room_b->state.number;
	     number++) {
		if (room_a->chain[number] == room_b->chain[number])
			continue;
		if (room_a->state.disputed == 0 ||
		    room_a->state.disputed > number ||
		    room_b->state.disputed == 0 ||
		    room_b->state.disputed > number)
			world_fail("servers %d and %d: no evidence of state "
				   "%lld",
			    a, b, (long long)number);
		return;
	}
}

/* In the room, or there until it was closed, or its home. */
static bool
partakes(int node, const struct reading *reading)
{
	int identity = world.nodes[node].identity;

	return reading->last > 0 &&
	       (identity == reading->home ||
		   server_in(reading, identity, reading->last) ||
		   (reading->closed > 0 &&
		       server_in(reading, identity, reading->closed - 1)));
}

static void
check_two(int index, int a, int b, const struct reading *of_a,
    const struct reading *of_b)
{
	const struct room *room_a = &world.nodes[a].db.rooms[index];
	const struct room *room_b = &world.nodes[b].db.rooms[index];

	if (of_a->last != of_b->last ||
	    room_a->state.disputed != room_b->state.disputed ||
	    (of_a->last > 0 &&
		room_a->chain[of_a->last] != room_b->chain[of_b->last]))
		world_fail("servers %d and %d: room %d at %lld and %lld, "
			   "disputed %lld and %lld",
		    a, b, index, (long long)of_a->last, (long long)of_b->last,
		    (long long)room_a->state.disputed,
		    (long long)room_b->state.disputed);
	check_chains(room_a, room_b, a, b);
	if (!room_here(room_a, world.nodes[a].identity) ||
	    !room_here(room_b, world.nodes[b].identity))
		return;
	check_messages(index, of_a, a, b);
	check_pair(room_a, room_b, a, b);
}

/* It heard nobody for a day after a restore, by its own clock: what it forgot
 * then it may never hear of. */
static bool
out_of_time(int identity)
{
	int64_t restored = world.nodes[identity].db.restored;

	return restored != 0 &&
	       !room_restored_lately(
		   restored, world.healing + world.healing_skew[identity]);
}

/* Who is a member by an honest home knows the room. */
static void
check_home(int index, const struct reading readings[NODES])
{
	int i, home = world_home(index);

	if (!world_honest(home))
		return;
	for (i = 0; i < world.servers; i++)
		if (world_honest(i) && !out_of_time(i) &&
		    server_in(&readings[home], i, readings[home].last) &&
		    readings[i].last != readings[home].last)
			world_fail("server %d is in room %d and does not "
				   "know it",
			    i, index);
}

/*
 * Whether they exchange heads: of a home that shows each its own history, two
 * servers that occur in none of both do not.
 */
static bool
acquainted(int a, int b, const struct reading readings[NODES])
{
	return a == readings[b].home || b == readings[a].home ||
	       server_in(&readings[a], b, readings[a].last) ||
	       server_in(&readings[b], a, readings[b].last);
}

/* What was asked of an honest home that can answer has been answered. */
static void
check_requests(int index)
{
	const struct room *room;
	int i, user, home = world_home(index);

	room = &world.nodes[home].db.rooms[index];
	if (!world_honest(home) || room->state.number == 0 ||
	    room->state.disputed != 0 || node_recovering(home, index))
		return;
	for (i = 0; i < world.servers; i++)
		for (user = 0; user < USERS; user++)
			if (world_honest(i) &&
			    world.nodes[i].db.rooms[index].joining[user])
				world_fail("server %d: a request to join was "
					   "never answered",
				    i);
}

static void
check_room(int index)
{
	static struct reading readings[NODES];
	const struct room *room;
	int a, b;

	for (a = 0; a < world.servers; a++) {
		room = &world.nodes[a].db.rooms[index];
		if (!world_honest(a))
			continue;
		if (!read_chain(&readings[a], room, index)) {
			world_fail(
			    "server %d: room %d breaks the rules", a, index);
			return;
		}
		check_one(a, index, &readings[a]);
	}
	check_home(index, readings);
	check_requests(index);
	for (a = 0; a < world.servers; a++)
		for (b = 0; b < world.servers; b++)
			if (a != b && world_honest(a) && world_honest(b) &&
			    partakes(a, &readings[a]) &&
			    partakes(b, &readings[b]) &&
			    acquainted(a, b, readings))
				check_two(
				    index, a, b, &readings[a], &readings[b]);
}

void
check_world(void)
{
	int room;

	int i;

	for (room = 0; room < ROOMS; room++)
		check_room(room);
	for (i = 0; i < world.servers && world.robbed != NONE; i++)
		if (world_honest(i))
			vouch_check(i);
}
