/* SPDX-License-Identifier: ISC */
/* Messages by production: numbered, taken, judged again, declared void. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/sync_payload.h"
#include "rooms/messages/judge.h"
#include "rooms/messages/number.h"
#include "rooms/messages/take.h"
#include "rooms/sync/take.h"
#include "sql/mirror_internal.h"

void __real_messages_judge(const struct room_id *);

/* To whom it is queued: the servers that had a member then. */
static void
queued_compare(int node, int index, const char *id, int item)
{
	const struct room *room = &world.nodes[node].db.rooms[index];
	const char *values[] = {id}, *got;
	char wanted[4 * SERVERS] = "";
	size_t length = 0;
	int i;

	for (i = 0; i < world.servers; i++)
		if (i != node && room_server_at(room, i,
				     world.items[item].message.state_number))
			length += (size_t)snprintf(
			    wanted + length, sizeof(wanted) - length, "%d ", i);
	got = mirror_sql(
	    "SELECT coalesce(string_agg(s.identity || ' ', '' ORDER BY"
	    " s.identity), '') FROM federation.federated_message_queue q"
	    " JOIN sim.servers s ON s.id = q.destination_server_id"
	    " WHERE q.message_id = $1::uuid",
	    1, values);
	if (got == NULL || strcmp(got, wanted) != 0)
		mirror_fail("queued for", got == NULL ? "?" : got, wanted);
}

void
mirror_say(int node, int index, int user, int lane, int item, uint32_t id)
{
	char room[ROOM_ID_SIZE], message[UUID_TEXT + 1], priority[16];
	const char *values[] = {
	    room, world.users[user].name, message, priority};
	uint8_t uuid[UUID_SIZE];

	if (!mirror_enter(node))
		return;
	room_id_format(room, &world.rooms[index]);
	ledger_uuid(uuid, 'm', world.nodes[node].identity, id);
	uuid_format(message, uuid);
	snprintf(priority, sizeof(priority), "%d", lane);
	/* What the terminating NUL makes five bytes. */
	if (mirror_sql("SELECT federation.room_send($1, $2, '\\x7361696400',"
		       " 'text', $3::uuid, NULL, $4::int)",
		4, values) != NULL)
		messages_number(&world.rooms[index]);
	else if (item != NONE)
		mirror_fail("say", mirror_sqlstate(), "written");
	else
		mirror_facts_clear();
	if (item != NONE)
		queued_compare(node, index, message, item);
	mirror_leave_node();
}

/* Of one message. */
static void
taken(const struct room_verdict *verdicts, bool ok, void *argument)
{
	mirror_done(verdicts, ok, argument);
}

void
mirror_item(
    int node, const struct packet *packet, const struct room_verdict *wanted)
{
	const struct item *item = &world.items[packet->index];
	struct mirror_outcome outcome = {0};
	struct signed_message message;
	struct mirror_proof proof;

	if (!mirror_enter(node))
		return;
	mirror_proof_item(&proof, packet->index, packet->proof);
	ledger_uuid(message.message_id, 'm', item->origin, item->id);
	memcpy(message.digest, item->message.place.digest, ROOM_HASH);
	message.payload = proof.payload;
	message.payload_length = proof.payload_length;
	messages_take(&world.rooms[item->room], &message, 1, &proof.signed_text,
	    ledger_key(world.nodes[packet->from].identity), taken, &outcome);
	free(proof.payload);
	mirror_outcome("message", &outcome, wanted);
	mirror_leave_node();
}

void
mirror_judge(int node, int room)
{
	const char *first;

	/* Where the model has nothing, the store shows that SQL has not. */
	if (mirror_facts_left(&first) == 0 || !mirror_enter(node))
		return;
	__real_messages_judge(&world.rooms[room]);
	mirror_leave_node();
}

/* For nobody any more. */
void
mirror_cancel(int node, int number)
{
	const struct item *item = &world.items[number];
	char message[UUID_TEXT + 1];
	const char *values[] = {message};
	uint8_t uuid[UUID_SIZE];

	if (!mirror_enter(node))
		return;
	ledger_uuid(uuid, 'm', item->origin, item->id);
	uuid_format(message, uuid);
	if (mirror_sql("WITH i AS (UPDATE federation.room_items"
		       " SET status = 'cancelled' WHERE message_id = $1::uuid"
		       " AND proof_id IS NULL RETURNING room_id)"
		       " UPDATE federation.room_states s"
		       " SET version = s.version + 1 FROM i"
		       " WHERE s.room_id = i.room_id",
		1, values) == NULL)
		mirror_fail("cancel", mirror_sqlstate(), "done");
	mirror_leave_node();
}

/* Something becomes so of an item of ours. */
static void
item_set(int node, int number, const char *what, const char *sql)
{
	const struct item *item = &world.items[number];
	char message[UUID_TEXT + 1];
	const char *values[] = {message};
	uint8_t uuid[UUID_SIZE];

	if (!mirror_enter(node))
		return;
	ledger_uuid(uuid, 'm', item->origin, item->id);
	uuid_format(message, uuid);
	if (mirror_sql(sql, 1, values) == NULL)
		mirror_fail(what, mirror_sqlstate(), "done");
	mirror_leave_node();
}

void
mirror_sent(int node, int number)
{
	item_set(node, number, "sent",
	    "UPDATE federation.room_items SET sent = true"
	    " WHERE message_id = $1::uuid AND proof_id IS NULL");
}

void
mirror_pruned(int node, int number)
{
	item_set(node, number, "pruned",
	    "UPDATE federation.room_items SET payload = NULL"
	    " WHERE message_id = $1::uuid AND proof_id IS NULL");
}
