/* SPDX-License-Identifier: ISC */
/* What the database says of things under revoked certificates. */
#include <stdio.h>
#include <string.h>

#include "rooms/vouch.h"
#include "sql/mirror_internal.h"

/* What is to be looked for under a number. */
struct place {
	int room;
	int author;
	int64_t epoch; /* 0: an event */
	int lane;
	int64_t number;
	const uint8_t *digest;
};

/* As a run of one: federation.vouch_names(). */
static void
names_compare(const struct place *place, bool named)
{
	char room[ROOM_ID_SIZE], origin[ONION_SIZE], epoch[32], lane[16];
	char serial[32], number[32], digest[2 * ROOM_HASH + 3] = "\\x";
	const char *values[] = {
	    room, origin, epoch, lane, serial, number, digest};
	const char *got;
	int i;

	room_id_format(room, &world.rooms[place->room]);
	onion_format(origin, ledger_key(place->author));
	snprintf(epoch, sizeof(epoch), "%lld", (long long)place->epoch);
	snprintf(lane, sizeof(lane), "%d", place->lane);
	snprintf(serial, sizeof(serial), "%llu",
	    (unsigned long long)vouch_min_serial(ledger_key(place->author)));
	snprintf(number, sizeof(number), "%lld", (long long)place->number);
	for (i = 0; i < ROOM_HASH; i++)
		snprintf(digest + 2 + 2 * i, 3, "%02x", place->digest[i]);
	got = mirror_sql("SELECT count(*) FROM federation.vouch_names($1, $2,"
			 " $3::bigint, $4::int, $5::bigint, $6::bigint,"
			 " $6::bigint, 64) n WHERE n.digest = $7::bytea",
	    7, values);
	if (got == NULL || (strcmp(got, "0") != 0) != named)
		mirror_fail("named", got == NULL ? mirror_sqlstate() : got,
		    named ? "is" : "is not");
}

void
mirror_event_named(int node, int number, bool named)
{
	const struct event *event = &world.events[number];
	struct place place = {
	    event->room, event->signer, 0, 0, event->event.number, event->hash};

	mirror_step(node);
	if (!mirror_enter(node))
		return;
	names_compare(&place, named);
	mirror_leave_node();
}

void
mirror_item_named(int node, int number, bool named)
{
	const struct item *item = &world.items[number];
	const struct room_message *message = &item->message;
	struct place place = {item->room, item->origin, message->epoch,
	    message->lane, message->place.sequence, message->place.digest};

	/* Of our own the number is asked for nobody. */
	if (item->origin == world.nodes[node].identity)
		return;
	mirror_step(node);
	if (!mirror_enter(node))
		return;
	names_compare(&place, named);
	mirror_leave_node();
}
