/* SPDX-License-Identifier: ISC */
/* Invitations and requests by production and by what applications call. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/ed.h"
#include "rooms/items/invitation.h"
#include "sql/mirror_internal.h"

#define HEX(size) (2 * (size) + 3) /* "\x", the digits, NUL */

static const char *
hex(char *text, const uint8_t *bytes, size_t length)
{
	size_t i;

	memcpy(text, "\\x", 3);
	for (i = 0; i < length; i++)
		snprintf(text + 2 + 2 * i, 3, "%02x", bytes[i]);
	return text;
}

/* Calls what must not be refused. */
static void
must(const char *what, const char *sql, int count, const char *const *values)
{
	if (mirror_sql(sql, count, values) == NULL)
		mirror_fail(what, mirror_sqlstate(), "done");
}

/* To a user of ours, by one of ours: the home made it, and no key is sent. */
static void
shown_write(const struct room_event *event)
{
	char room[ROOM_ID_SIZE], nonce[HEX(ROOM_NONCE)], hash[HEX(ROOM_HASH)];
	char expires[32];
	const char *values[] = {room, nonce, hash, event->content.user.name,
	    event->content.inviter.name, expires};
	uint8_t bytes[ROOM_HASH];

	room_id_format(room, &event->room);
	room_event_hash(bytes, event);
	hex(nonce, event->content.nonce, ROOM_NONCE);
	hex(hash, bytes, ROOM_HASH);
	snprintf(expires, sizeof(expires), "%lld",
	    (long long)event->content.expires);
	must("invitation",
	    "INSERT INTO federation.room_invited (global_room_id, nonce,"
	    " event_hash, invitee, inviter, room_key, metadata, state,"
	    " expires_at) VALUES ($1, $2::bytea, $3::bytea, $4, $5, '', '{}',"
	    " 'pending', to_timestamp($6::bigint))",
	    6, values);
}

static void
invitation_give(int event, int from, const struct room_verdict *wanted)
{
	static char key[] = "a2V5", nothing[] = "{}";
	struct mirror_outcome outcome = {0};
	struct event_payload_invite invite;
	struct commit_item item;

	memset(&invite, 0, sizeof(invite));
	memset(&item, 0, sizeof(item));
	ledger_event(&invite.event, event);
	invite.certificate = *ledger_cert(
	    world.events[event].signer, world.events[event].serial);
	invite.room_key = key;
	invite.room_key_length = strlen(key);
	invite.metadata = nothing;
	invite.metadata_length = strlen(nothing);
	ledger_uuid(item.wait.message_id, 'i', from, ++world.ids);
	sha256(item.digest, item.wait.message_id, UUID_SIZE);
	invitation_take(&invite, ledger_key(world.nodes[from].identity), &item,
	    mirror_done, &outcome);
	free(invite.event.payload);
	mirror_outcome("invitation", &outcome, wanted);
}

void
mirror_shown(int node, int event, int from, const struct room_verdict *verdict)
{
	if (!mirror_enter(node))
		return;
	if (from != node) {
		invitation_give(event, from, verdict);
	} else {
		mirror_facts_clear();
		if (verdict->outcome == ROOM_TAKEN)
			shown_write(&world.events[event].event);
	}
	mirror_leave_node();
}

void
mirror_join(int node, int index, int user, const struct room_event *shown)
{
	char room[ROOM_ID_SIZE], nonce[HEX(ROOM_NONCE)];
	const char *values[] = {room, nonce};

	if (!mirror_enter(node))
		return;
	mirror_facts_clear();
	room_id_format(room, &world.rooms[index]);
	hex(nonce, shown == NULL ? (const uint8_t *)"" : shown->content.nonce,
	    shown == NULL ? 0 : ROOM_NONCE);
	if (shown != NULL && world_home(index) == node)
		must("accepted",
		    "UPDATE federation.room_invited SET state = 'accepted'"
		    " WHERE global_room_id = $1 AND nonce = $2::bytea",
		    2, values);
	else if (shown != NULL)
		must("accept",
		    "SELECT federation.room_accept(s.id)"
		    " FROM federation.room_invited s"
		    " WHERE s.global_room_id = $1 AND s.nonce = $2::bytea",
		    2, values);
	else if (world_home(index) != node) {
		values[1] = world.users[user].name;
		must("join", "SELECT federation.room_join($1, $2)", 2, values);
	}
	mirror_leave_node();
}

void
mirror_leave(int node, int index, int user)
{
	char room[ROOM_ID_SIZE];
	const char *values[] = {room, world.users[user].name};

	if (!mirror_enter(node))
		return;
	room_id_format(room, &world.rooms[index]);
	must("leave", "SELECT federation.room_leave($1, $2)", 2, values);
	mirror_leave_node();
}

/* As the home's answer ends the item in the queue. */
void
mirror_join_refused(int node, int index, int user)
{
	char room[ROOM_ID_SIZE];
	const char *values[] = {room, world.users[user].name};

	if (!mirror_enter(node))
		return;
	room_id_format(room, &world.rooms[index]);
	must("refusal",
	    "UPDATE federation.federated_message_queue q SET"
	    " status = 'failed', last_error = 'REFUSED'"
	    " FROM federation.room_asked w"
	    " JOIN federation.federated_rooms f ON f.id = w.room_id"
	    " WHERE q.message_id = w.id AND f.global_room_id = $1"
	    " AND w.kind = 'join' AND w.state = 'asked'"
	    " AND split_part(w.member, '@', 1) = $2",
	    2, values);
	mirror_leave_node();
}
