/* SPDX-License-Identifier: ISC */
/* What a server's database is asked about a room, and what is written. */
#include <string.h>

#include "world.h"

int
room_user_find(const struct room_user *user)
{
	int i;

	for (i = 0; i < ALL_USERS; i++)
		if (room_user_equal(&world.users[i], user))
			return i;
	return NONE;
}

struct room_member
room_last_row(const struct room *room, int user)
{
	return room_row_at(room, user, ROOM_NUMBER_MAX);
}

/* The last row that began at or before number. */
struct room_member
room_row_at(const struct room *room, int user, int64_t number)
{
	struct room_member found = {0, 0};
	int i;

	for (i = 0; i < room->row_count; i++)
		if (room->rows[i].user == user &&
		    room->rows[i].member.joined <= number &&
		    room->rows[i].member.joined >= found.joined)
			found = room->rows[i].member;
	return found;
}

/* Rows as they stand at a number: what is in dispute has not happened. */
static bool
row_covers(const struct room *room, const struct membership *row, int64_t at)
{
	int64_t left = row->member.left;

	if (left > room_state_last(&room->state))
		left = 0;
	return row->member.joined <= at && (left == 0 || left > at);
}

bool
room_server_at(const struct room *room, int identity, int64_t number)
{
	int i;

	for (i = 0; i < room->row_count; i++)
		if (user_server(room->rows[i].user) == identity &&
		    row_covers(room, &room->rows[i], number))
			return true;
	return false;
}

bool
room_server_now(const struct room *room, int identity)
{
	return room_server_at(room, identity, room_state_last(&room->state));
}

/* By the rows alone, also those in dispute: no event follows then. */
bool
room_server_open(const struct room *room, int identity)
{
	int i;

	for (i = 0; i < room->row_count; i++)
		if (user_server(room->rows[i].user) == identity &&
		    room->rows[i].member.left == 0)
			return true;
	return false;
}

bool
room_server_ever(const struct room *room, int identity)
{
	return room_server_last(room, identity).joined != 0;
}

/* One that has not ended, or the one that ended last. */
struct room_member
room_server_last(const struct room *room, int identity)
{
	struct room_member found = {0, 0}, row;
	int i;

	for (i = 0; i < room->row_count; i++) {
		row = room->rows[i].member;
		if (user_server(room->rows[i].user) != identity ||
		    row.joined == row.left)
			continue;
		if (found.joined == 0 ||
		    (found.left != 0 &&
			(row.left == 0 || row.left > found.left)))
			found = row;
	}
	return found;
}

/* One of ours is a member and has not left, whatever the home says. */
bool
room_here(const struct room *room, int identity)
{
	int i, user;

	for (i = 0; i < room->row_count; i++) {
		user = room->rows[i].user;
		if (user_server(user) == identity &&
		    !room->leaving[user % USERS] &&
		    row_covers(
			room, &room->rows[i], room_state_last(&room->state)))
			return true;
	}
	return false;
}

static int
invitation_find(const struct room *room, const uint8_t nonce[ROOM_NONCE])
{
	int i;

	for (i = 0; i < room->invitation_count; i++)
		if (memcmp(room->invitations[i].nonce, nonce, ROOM_NONCE) == 0)
			return i;
	return NONE;
}

static void
servers_count(const struct room *room, const struct room_event *event,
    struct room_facts *facts)
{
	const uint8_t *key;
	int i;

	for (i = 0; i < SERVERS; i++) {
		if (!room_server_open(room, i))
			continue;
		key = world.users[i * USERS].server;
		facts->servers += memcmp(key, event->room.home, ONION_KEY) != 0;
		facts->server_in |=
		    memcmp(key, event->content.user.server, ONION_KEY) == 0;
	}
}

void
room_facts_make(const struct room *room, const struct room_event *event,
    struct room_facts *facts, struct room_invitation *found, bool *has_found)
{
	const struct room_content *content = &event->content;
	int i, user = room_user_find(&content->user);
	bool nonce = event->kind == ROOM_INVITE || content->has_nonce;

	memset(facts, 0, sizeof(*facts));
	memset(found, 0, sizeof(*found));
	if (event->number >= 1 && event->number <= room->state.number)
		facts->known = world.events[room->chain[event->number]].hash;
	if (user != NONE) {
		facts->user = room_last_row(room, user);
		facts->listed = (room->list >> user_server(user) & 1) != 0;
	}
	servers_count(room, event, facts);
	user = room_user_find(&content->inviter);
	if (user != NONE)
		facts->inviter = room_last_row(room, user);
	for (i = 0; i < room->invitation_count; i++)
		if (room->invitations[i].used == 0 &&
		    room_user_equal(
			&room->invitations[i].invitee, &content->user))
			facts->invited = room->invitations[i].number;
	i = nonce ? invitation_find(room, content->nonce) : NONE;
	*has_found = i != NONE;
	if (*has_found) {
		*found = room->invitations[i];
		facts->invitation = found;
	}
}

static void
row_add(struct room *room, int user, int64_t joined, int64_t left)
{
	struct membership *row;

	if (room->row_count == ROWS) {
		world_fail("simulator: rows");
		return;
	}
	row = &room->rows[room->row_count++];
	row->user = user;
	row->member.joined = joined;
	row->member.left = left;
}

static bool
row_ends(const struct event *event, const struct room_effect *effect, int user)
{
	int server = user_server(user), home = world_home(event->room);

	switch (effect->members) {
	case ROOM_MEMBERS_END:
		return user == room_user_find(&event->event.content.user);
	case ROOM_MEMBERS_END_UNLISTED:
		return server != home && (event->list >> server & 1) == 0;
	case ROOM_MEMBERS_END_REMOTE:
		return server != home;
	case ROOM_MEMBERS_END_ALL:
		return true;
	default:
		return false;
	}
}

void
room_effect_write(struct room *room, const struct event *event,
    const struct room_effect *effect)
{
	const struct room_content *content = &event->event.content;
	struct room_invitation *invitation;
	int64_t number = event->event.number;
	int i;

	for (i = 0; i < room->row_count; i++)
		if (room->rows[i].member.left == 0 &&
		    row_ends(event, effect, room->rows[i].user))
			room->rows[i].member.left = number;
	if (effect->members == ROOM_MEMBERS_ADD)
		row_add(room, room_user_find(&content->user), number, 0);
	if (effect->members == ROOM_MEMBERS_TAKE_BACK)
		row_add(room, room_user_find(&content->user), number, number);
	if (effect->servers_set)
		room->list = content->restricted ? event->list : 0;
	if (effect->invitation_used) {
		i = invitation_find(room, content->nonce);
		room->invitations[i].used = number;
	}
	if (effect->invitation_add && room->invitation_count == INVITATIONS)
		world_fail("simulator: invitations");
	else if (effect->invitation_add) {
		invitation = &room->invitations[room->invitation_count++];
		memcpy(invitation->nonce, content->nonce, ROOM_NONCE);
		invitation->number = number;
		invitation->expires = content->expires;
		invitation->used = 0;
		invitation->inviter = content->inviter;
		invitation->invitee = content->user;
	}
}

struct stream *
room_stream_find(struct room *room, int origin, int64_t epoch, int lane)
{
	int i;

	for (i = 0; i < room->stream_count; i++)
		if (room->streams[i].origin == origin &&
		    room->streams[i].stream.epoch == epoch &&
		    room->streams[i].stream.lane == lane)
			return &room->streams[i];
	return NULL;
}

struct stream *
room_stream_get(struct room *room, int origin, int64_t epoch, int lane)
{
	struct stream *stream = room_stream_find(room, origin, epoch, lane);

	if (stream != NULL)
		return stream;
	if (room->stream_count == STREAMS) {
		world_fail("simulator: streams");
		room->stream_count--;
	}
	stream = &room->streams[room->stream_count++];
	memset(stream, 0, sizeof(*stream));
	stream->origin = origin;
	room_stream_init(&stream->stream, epoch, lane);
	return stream;
}

struct entry *
room_entry(struct room *room, int item)
{
	int i;

	for (i = 0; i < room->entry_count; i++)
		if (room->entries[i].item == item)
			return &room->entries[i];
	return NULL;
}

/* The item that is stored under a number. */
int
room_item_at(const struct room *room, int origin, int64_t epoch, int lane,
    int64_t number)
{
	const struct item *item;
	int i;

	for (i = 0; i < room->entry_count; i++) {
		item = &world.items[room->entries[i].item];
		if (item->origin == origin && item->message.epoch == epoch &&
		    item->message.lane == lane &&
		    item->message.place.sequence == number)
			return i;
	}
	return NONE;
}

const uint8_t *
room_digest_at(const struct room *room, int origin, int64_t epoch, int lane,
    int64_t number, bool *is_void)
{
	const struct declared *declared;
	int i = room_item_at(room, origin, epoch, lane, number);

	*is_void = true;
	if (i != NONE) {
		*is_void = room->entries[i].status == STATUS_REFUSED;
		return world.items[room->entries[i].item].message.place.digest;
	}
	for (i = 0; i < room->void_count; i++) {
		declared = &room->voids[i];
		if (declared->origin == origin && declared->epoch == epoch &&
		    declared->lane == lane && declared->range.last == number)
			return declared->range.digest;
		if (declared->origin == origin && declared->epoch == epoch &&
		    declared->lane == lane && number > 0 &&
		    declared->range.first - 1 == number)
			return declared->range.previous;
	}
	/* What the item behind calls previous. */
	i = number > 0 ? room_item_at(room, origin, epoch, lane, number + 1)
		       : NONE;
	if (i != NONE)
		return world.items[room->entries[i].item]
		    .message.place.previous;
	return NULL;
}

static bool
evidence_covers(const struct evidence *known, const struct evidence *evidence)
{
	if (known->kind != evidence->kind ||
	    known->origin != evidence->origin ||
	    known->epoch != evidence->epoch || known->lane != evidence->lane)
		return false;
	return known->kind == EVIDENCE_ID ? known->number == evidence->number
					  : known->number <= evidence->number;
}

void
room_evidence_add(struct room *room, const struct evidence *evidence)
{
	int i;

	for (i = 0; i < room->evidence_count; i++)
		if (evidence_covers(&room->evidence[i], evidence))
			return;
	if (room->evidence_count == EVIDENCES)
		world_fail("simulator: evidence");
	else
		room->evidence[room->evidence_count++] = *evidence;
}

void
room_evidence_item(struct room *room, enum evidence_kind kind, int64_t number,
    int item, int a, uint64_t serial, int b, uint64_t other)
{
	const struct item *of = &world.items[item];
	struct evidence evidence = {.kind = kind,
	    .number = number,
	    .a = a,
	    .b = b,
	    .serials = {serial, other},
	    .origin = of->origin,
	    .epoch = of->message.epoch,
	    .lane = of->message.lane};

	room_evidence_add(room, &evidence);
}
