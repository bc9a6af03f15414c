/* SPDX-License-Identifier: ISC */
/* Events by production: decided, signed, taken. */
#include <stdlib.h>
#include <string.h>

#include "proto/ed.h"
#include "rooms/state/decide.h"
#include "rooms/state/requests.h"
#include "rooms/state/take.h"
#include "sql/mirror_internal.h"

void __real_requests_soon(const struct room_id *);

static void
changed(const struct room_id *room, enum room_kind kind)
{
	(void)room;
	(void)kind;
}

void
mirror_decide(int node, const struct room_event *event, unsigned int list,
    int asker, uint32_t id, const struct room_verdict *wanted)
{
	struct mirror_outcome outcome = {0};
	struct state_request request;
	uint8_t digest[ROOM_HASH];

	if (!mirror_enter(node))
		return;
	mirror_clock = node_clock(node);
	memset(&request, 0, sizeof(request));
	request.room = event->room;
	request.kind = event->kind;
	request.content = event->content;
	ledger_servers(&request.servers, list);
	ledger_metadata(&request.metadata, &request.metadata_length);
	ledger_uuid(request.request, asker == NONE ? 'w' : 'r',
	    asker == NONE ? node : asker, id);
	sha256(digest, request.request, sizeof(request.request));
	state_decide(&request, asker == NONE ? NULL : ledger_key(asker),
	    asker == NONE ? NULL : digest, mirror_done, &outcome);
	mirror_outcome("request", &outcome, wanted);
	mirror_leave_node();
}

void
mirror_sign(int node, int room, bool key)
{
	if (!mirror_enter(node))
		return;
	mirror_clock = node_clock(node);
	state_observe(changed);
	mirror_rekey(key);
	__real_requests_soon(&world.rooms[room]);
	mirror_leave_node();
}

void
mirror_event(int node, int number, int from, bool counts,
    const struct room_verdict *wanted)
{
	static const struct room_verdict unknown = {
	    ROOM_REFUSED, CODE_ROOM_UNKNOWN, 0, 0, 0, 0};
	struct mirror_outcome outcome = {0};
	struct signed_event event;

	if (!mirror_enter(node))
		return;
	mirror_clock = node_clock(node);
	state_observe(changed);
	ledger_event(&event, number);
	state_take(&event,
	    ledger_cert(
		world.events[number].signer, world.events[number].serial),
	    ledger_key(world.nodes[from].identity), counts, mirror_done,
	    &outcome);
	free(event.payload);
	mirror_outcome("event", &outcome, wanted == NULL ? &unknown : wanted);
	mirror_leave_node();
}

void
mirror_adopt(int node, int index, int from)
{
	char room[ROOM_ID_SIZE], address[ONION_SIZE];
	const char *values[] = {room, address};
	const char *got;

	if (!mirror_enter(node))
		return;
	room_id_format(room, &world.rooms[index]);
	onion_format(address, ledger_key(from));
	got = mirror_sql(
	    "SELECT federation.room_adopt($1, $2, 'simulate')", 2, values);
	if (got == NULL || strcmp(got, "OK") != 0)
		mirror_fail(
		    "adopt", got == NULL ? mirror_sqlstate() : got, "OK");
	mirror_leave_node();
}
