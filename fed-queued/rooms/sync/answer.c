/* SPDX-License-Identifier: ISC */
/* A request of server_sync to its answer; see answer.h. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "rooms/resync.h"
#include "rooms/sync/answer.h"
#include "rooms/sync/give.h"
#include "rooms/sync/take.h"
#include "servers/peer_table.h"

struct asked {
	room_sync_callback callback;
	void *argument;
	uint8_t from[ONION_KEY];
	struct sync_giving giving;
};

static void
asked_given(struct sync_giving *giving, bool ok)
{
	struct asked *asked = giving->argument;
	size_t length = 0;
	char *answer = ok ? sync_payload_end(&giving->writer, &length) : NULL;

	asked->callback(answer, length, asked->argument);
	free(answer);
	free(asked);
}

/* The other server need not be in the room as we know it, and then hears
 * nothing of ours: what it is to prove is asked for by its number. */
static void
lack_note(const struct sync_ask *ask, const uint8_t from[ONION_KEY])
{
	if (ask->want == SYNC_PROOF && !ask->stream)
		resync_prove(&ask->room, from, ask->from);
	else
		resync_later(&ask->room, from);
}

/* What it asked for, evidence that it lacks, and heads of the same rooms. */
static void
asked_taken(struct sync_taking *taking)
{
	struct asked *asked = taking->argument;
	struct sync_giving *giving = &asked->giving;
	uint32_t i;

	if (taking->failed) {
		asked->callback(NULL, 0, asked->argument);
		sync_taking_free(taking);
		free(asked);
		return;
	}
	memcpy(giving->to_id, taking->via_id, sizeof(giving->to_id));
	for (i = 0; i < taking->message.ask_count; i++)
		giving->asks[giving->ask_count++] = taking->message.asks[i];
	for (i = 0; i < taking->evidence_count; i++)
		giving->asks[giving->ask_count++] = taking->evidence[i];
	for (i = 0; i < taking->message.room_count; i++)
		giving->rooms[giving->room_count++] =
		    taking->message.rooms[i].room;
	/* It has what we lack: that we ask for in an exchange of our own. */
	for (i = 0; i < taking->ask_count; i++)
		lack_note(&taking->asks[i], asked->from);
	sync_taking_free(taking);
	giving->done = asked_given;
	giving->argument = asked;
	sync_payload_begin(&giving->writer);
	sync_give(giving);
}

bool
sync_answer(const struct peer *peer, const char *payload, size_t length,
    room_sync_callback callback, void *argument)
{
	struct sync_taking *taking = xcalloc(1, sizeof(*taking));
	struct asked *asked;

	if (sync_payload_parse(&taking->message, false, payload, length) !=
	    CODE_OK) {
		free(taking);
		return false;
	}
	asked = xcalloc(1, sizeof(*asked));
	asked->callback = callback;
	asked->argument = argument;
	memcpy(asked->from, peer->key, ONION_KEY);
	memcpy(taking->via, peer->key, ONION_KEY);
	memcpy(taking->via_id, peer->id, UUID_SIZE);
	taking->trust = peer->trust;
	taking->done = asked_taken;
	taking->argument = asked;
	sync_take(taking);
	return true;
}
