/* SPDX-License-Identifier: ISC */
/*
 * Heads by which an author vouches for what it is not asked for itself; see
 * take.h. Kept of those streams and rooms alone of which we lack something.
 */
#include <string.h>

#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "rooms/sync/take.h"
#include "rooms/vouch.h"

void
sync_stated_add(struct sync_taking *taking, const struct room_id *room,
    const struct room_stream_head *head, const struct room_want *want)
{
	struct sync_stated *stated = &taking->stated[taking->stated_count];

	if ((want->what & (ROOM_WANT_ITEMS | ROOM_WANT_ONE)) == 0 ||
	    taking->stated_count == SYNC_PAYLOAD_STREAMS + SYNC_PAYLOAD_ROOMS)
		return;
	taking->stated_count++;
	stated->room = *room;
	stated->head = *head;
}

void
sync_stated_state(struct sync_taking *taking, const struct sync_head *head,
    const struct room_want *want)
{
	struct room_stream_head stated;

	if (memcmp(head->room.home, taking->via, ONION_KEY) != 0)
		return;
	memset(&stated, 0, sizeof(stated));
	stated.sequence = stated.highest = head->state.number;
	memcpy(stated.digest, head->state.hash, ROOM_HASH);
	memcpy(stated.tip, head->state.hash, ROOM_HASH);
	sync_stated_add(taking, &head->room, &stated, want);
}

static void
stated_written(PGresult *result, const char *sqlstate, void *argument)
{
	struct sync_taking *taking = argument;

	if (result == NULL) {
		log_warning("heads failed sqlstate=%s", sqlstate);
		taking->failed = true;
	}
	taking->stated_done(taking);
}

/* Arrays: rooms, epochs, lanes, sequences, digests, highest, tips. */
static void
stated_put(struct db_array *arrays[7], const struct sync_stated *stated)
{
	const struct room_stream_head *head = &stated->head;
	char room[ROOM_ID_SIZE];

	room_id_format(room, &stated->room);
	db_array_bytes(arrays[0], room, ROOM_ID_LENGTH);
	db_array_int8(arrays[1], head->epoch);
	db_array_int4(arrays[2], head->lane);
	db_array_int8(arrays[3], head->sequence);
	db_array_bytes(arrays[4], head->digest, ROOM_HASH);
	db_array_int8(arrays[5], head->highest);
	db_array_bytes(arrays[6], head->tip, ROOM_HASH);
}

void
sync_stated_write(
    struct sync_taking *taking, void (*done)(struct sync_taking *))
{
	static const uint32_t types[7] = {DB_OID_TEXT, DB_OID_INT8, DB_OID_INT4,
	    DB_OID_INT8, DB_OID_BYTEA, DB_OID_INT8, DB_OID_BYTEA};
	struct db_parameters parameters;
	struct db_array *arrays[7];
	char origin[ONION_SIZE];
	uint32_t i;

	if (taking->stated_count == 0) {
		done(taking);
		return;
	}
	taking->stated_done = done;
	onion_format(origin, taking->via);
	for (i = 0; i < 7; i++)
		arrays[i] = db_array_new(types[i]);
	for (i = 0; i < taking->stated_count; i++)
		stated_put(arrays, &taking->stated[i]);
	db_parameters_init(&parameters);
	db_add_text(&parameters, origin);
	db_add_integer(&parameters, (int64_t)vouch_min_serial(taking->via));
	for (i = 0; i < 7; i++)
		db_add_array(&parameters, arrays[i]);
	db_call(env.db, SQL_VOUCH_STATE, &parameters, stated_written, taking);
	db_parameters_free(&parameters);
}
