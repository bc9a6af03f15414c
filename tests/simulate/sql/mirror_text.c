/* SPDX-License-Identifier: ISC */
/* The model's store as lines of text: the same that sim.dump() makes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "sql/mirror_internal.h"

#define SHORT 17 /* 8 bytes in hexadecimal, and NUL */

static const char *
digest(char text[SHORT], const uint8_t *bytes)
{
	int i;

	for (i = 0; i < 8; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return text;
}

static char
truth(bool value)
{
	return value ? 't' : 'f';
}

static void
put_shown(FILE *out, const struct database *db, int room)
{
	const struct room_content *content;
	char nonce[SHORT];
	int i;

	fprintf(out, "self epoch=%lld restored=%lld\n", (long long)db->epoch,
	    (long long)db->restored);
	for (i = 0; i < db->shown_count; i++) {
		content = &world.events[db->shown[i].event].event.content;
		if (db->shown[i].room == room && !db->shown[i].gone)
			fprintf(out, "shown nonce=%s invitee=%s used=%c\n",
			    digest(nonce, content->nonce), content->user.name,
			    truth(db->shown[i].used));
	}
}

static void
put_allowed(FILE *out, const struct room *room)
{
	int i;

	fprintf(out, "allowed");
	for (i = 0; i < SERVERS && room->state.restricted; i++)
		if ((room->list >> i & 1) != 0)
			fprintf(out, " %d", i);
	if (!room->state.restricted)
		fprintf(out, " all");
	else if (room->list == 0)
		fprintf(out, " none");
	fprintf(out, "\n");
}

static void
put_state(FILE *out, const struct room *room)
{
	const struct room_state *state = &room->state;
	char hash[SHORT];

	if (room->asked)
		fprintf(out, "asked\n");
	if (state->number == 0)
		return;
	fprintf(out,
	    "state number=%lld hash=%s closed=%lld disputed=%lld "
	    "require_invite=%c federated=%c restricted=%c\n",
	    (long long)state->number, digest(hash, state->hash),
	    (long long)state->closed, (long long)state->disputed,
	    truth(state->require_invite), truth(state->federated),
	    truth(state->restricted));
	put_allowed(out, room);
}

static void
put_events(FILE *out, const struct room *room)
{
	const struct event *event;
	char hash[SHORT];
	int64_t n;

	for (n = 1; n <= room->state.number; n++) {
		event = &world.events[room->chain[n]];
		fprintf(out, "event %lld %s hash=%s learned=%lld\n",
		    (long long)n, room_kind_name(event->event.kind),
		    digest(hash, event->hash), (long long)room->learned[n]);
	}
	if (room->pending != NONE) {
		event = &world.events[room->pending];
		fprintf(out, "pending %s hash=%s\n",
		    room_kind_name(event->event.kind),
		    digest(hash, event->hash));
	}
}

static void
put_members(FILE *out, const struct room *room)
{
	const struct room_invitation *invitation;
	char nonce[SHORT];
	int i;

	for (i = 0; i < room->row_count; i++)
		fprintf(out, "member %s joined=%lld left=%lld\n",
		    world.users[room->rows[i].user].name,
		    (long long)room->rows[i].member.joined,
		    (long long)room->rows[i].member.left);
	for (i = 0; i < room->invitation_count; i++) {
		invitation = &room->invitations[i];
		fprintf(out,
		    "invitation %s number=%lld expires=%lld used=%lld %s by "
		    "%s\n",
		    digest(nonce, invitation->nonce),
		    (long long)invitation->number,
		    (long long)invitation->expires, (long long)invitation->used,
		    invitation->invitee.name, invitation->inviter.name);
	}
}

static void
put_wishes(FILE *out, const struct room *room, int identity)
{
	int i;

	for (i = 0; i < USERS; i++) {
		const char *name = world.users[identity * USERS + i].name;

		if (room->joining[i])
			fprintf(out, "wish join %s\n", name);
		if (room->leaving[i])
			fprintf(out, "wish leave %s\n", name);
	}
}

static void
put_streams(FILE *out, const struct room *room)
{
	const struct room_stream *stream;
	char seen[33];
	int i, j;

	for (i = 0; i < room->stream_count; i++) {
		stream = &room->streams[i].stream;
		if (stream->highest == 0 && stream->forked == 0)
			continue;
		for (j = 0; j < 16; j++)
			snprintf(seen + 2 * j, 3, "%02x",
			    (unsigned int)(stream->seen[j / 8] >> (j % 8 * 8) &
					   0xff));
		fprintf(out,
		    "stream %d epoch=%lld lane=%d contiguous=%lld highest=%lld "
		    "gap=%lld forked=%lld seen=%s\n",
		    room->streams[i].origin, (long long)stream->epoch,
		    stream->lane, (long long)stream->contiguous,
		    (long long)stream->highest, (long long)stream->gap_since,
		    (long long)stream->forked, seen);
	}
}

static void
put_items(FILE *out, const struct room *room)
{
	static const char *const statuses[] = {
	    "taken", "held", "refused", "cancelled"};
	const struct room_message *message;
	const struct entry *entry;
	char hash[SHORT], previous[SHORT];
	int i;

	for (i = 0; i < room->entry_count; i++) {
		entry = &room->entries[i];
		message = &world.items[entry->item].message;
		fprintf(out,
		    "item %s of %d epoch=%lld lane=%d sequence=%lld "
		    "state=%lld previous=%s status=%s flags=%u since=%lld "
		    "serial=%llu\n",
		    digest(hash, message->place.digest),
		    world.items[entry->item].origin, (long long)message->epoch,
		    message->lane, (long long)message->place.sequence,
		    (long long)message->state_number,
		    digest(previous, message->place.previous),
		    statuses[entry->status], entry->flags & ~ROOM_SETTLED,
		    (long long)entry->since, (unsigned long long)entry->serial);
	}
}

static void
put_voids(FILE *out, const struct room *room)
{
	const struct declared *declared;
	char previous[SHORT], hash[SHORT];
	int i;

	for (i = 0; i < room->void_count; i++) {
		declared = &room->voids[i];
		fprintf(out,
		    "void %d epoch=%lld lane=%d first=%lld last=%lld "
		    "previous=%s digest=%s serial=%llu\n",
		    declared->origin, (long long)declared->epoch,
		    declared->lane, (long long)declared->range.first,
		    (long long)declared->range.last,
		    digest(previous, declared->range.previous),
		    digest(hash, declared->range.digest),
		    (unsigned long long)declared->serial);
	}
}

static void
put_stated(FILE *out, const struct room *room)
{
	const struct room_stream_head *head;
	char hash[SHORT], tip[SHORT];
	int i;

	for (i = 0; i < room->stated_count; i++) {
		head = &room->stated[i].head;
		fprintf(out,
		    "stated %d epoch=%lld lane=%d sequence=%lld digest=%s "
		    "highest=%lld tip=%s serial=%llu\n",
		    room->stated[i].origin, (long long)head->epoch, head->lane,
		    (long long)head->sequence, digest(hash, head->digest),
		    (long long)head->highest, digest(tip, head->tip),
		    (unsigned long long)room->stated[i].serial);
	}
}

static void
put_evidence(FILE *out, const struct room *room, int index)
{
	static const char *const kinds[] = {
	    "STATE_CONFLICT", "SEQUENCE_CONFLICT", "ID_CONFLICT"};
	const struct evidence *evidence;
	int i;

	for (i = 0; i < room->evidence_count; i++) {
		evidence = &room->evidence[i];
		if (evidence->kind == EVIDENCE_STATE)
			fprintf(out,
			    "evidence %s of %d epoch=0 lane=0 number=%lld\n",
			    evidence->invalid ? "STATE_INVALID"
					      : kinds[EVIDENCE_STATE],
			    world_home(index), (long long)evidence->number);
		else
			fprintf(out,
			    "evidence %s of %d epoch=%lld lane=%d "
			    "number=%lld\n",
			    kinds[evidence->kind], evidence->origin,
			    (long long)evidence->epoch, evidence->lane,
			    (long long)evidence->number);
	}
}

char *
mirror_text(int node, int index)
{
	const struct database *db = &world.nodes[node].db;
	const struct room *room = &db->rooms[index];
	char *text = NULL;
	size_t size;
	FILE *out = xpointer(open_memstream(&text, &size));
	int i;

	put_shown(out, db, index);
	put_state(out, room);
	for (i = 0; i < world.servers && db->restored != 0; i++)
		if ((room->answered >> i & 1) != 0)
			fprintf(out, "answered %d\n", i);
	put_events(out, room);
	put_members(out, room);
	put_wishes(out, room, world.nodes[node].identity);
	put_streams(out, room);
	put_items(out, room);
	put_voids(out, room);
	put_stated(out, room);
	put_evidence(out, room, index);
	fclose(out);
	return text;
}
