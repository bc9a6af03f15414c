/* SPDX-License-Identifier: ISC */
/* Messages of others; see take.h. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "inbound/inbox.h"
#include "json/room_payload.h"
#include "proto/ed.h"
#include "rooms/attempt.h"
#include "rooms/messages/stream_cut.h"
#include "rooms/messages/take.h"
#include "rooms/messages/take_row.h"
#include "rooms/resync.h"
#include "rooms/turn.h"
#include "rooms/vouch.h"

static void take_run(void *argument);
static void take_write(struct take *take);

static void
take_free(struct take *take)
{
	union {
		const char *constant;
		char *owned;
	} text = {take->proof.text};
	uint32_t i;

	for (i = 0; i < take->intake.count; i++)
		free(take->payload[i]);
	free(text.owned);
	free(take);
}

static void
take_end(struct take *take, bool ok)
{
	struct room_id room = take->room;

	take->done(ok ? take->verdicts : NULL, ok, take->argument);
	take_free(take);
	turn_end(&room);
}

static void
conflict_log(const struct take *take, const struct intake_item *item)
{
	char address[LOG_ADDRESS_SIZE], id[UUID_TEXT + 1];

	log_address(address, take->intake.origin);
	if (item->id_conflict) {
		uuid_format(id, item->id);
		log_warning("id-conflict id=%s server=%s", id, address);
	}
	if (item->verdict.outcome == ROOM_CONFLICT)
		log_error("sequence-conflict server=%s epoch=%lld lane=%d "
			  "number=%lld",
		    address, (long long)item->message.epoch, item->message.lane,
		    (long long)item->verdict.from);
}

/*
 * What we lack is asked for: of the room's home events, of the origin numbers,
 * and of the server that sent it what contradicts it.
 */
static void
take_sync(struct take *take)
{
	bool home = false, via = false, origin = false;
	const struct room_verdict *verdict;
	int64_t from, to;
	uint32_t i;

	for (i = 0; i < take->intake.count; i++) {
		verdict = &take->intake.items[i].verdict;
		if (verdict->outcome == ROOM_CONFLICT)
			via = true;
		else if (verdict->from != 0 &&
			 verdict->code != CODE_SEQUENCE_AHEAD)
			home = true;
	}
	for (i = 0; i < take->intake.stream_count; i++)
		origin |= room_stream_gap(&take->intake.streams[i].stream,
		    take->intake.now, &from, &to);
	if (home && memcmp(take->room.home, take->intake.self, ONION_KEY) != 0)
		resync_soon(&take->room, NULL);
	if (via)
		resync_soon(&take->room, take->via);
	if (origin &&
	    memcmp(take->intake.origin, take->intake.self, ONION_KEY) != 0)
		resync_soon(&take->room, take->intake.origin);
}

/* All is written, or there was nothing to write. */
static void
take_settled(struct take *take, bool written)
{
	const struct intake_item *item;
	uint32_t i;

	for (i = 0; i < take->intake.count; i++) {
		item = &take->intake.items[i];
		take->verdicts[take->index[i]] = item->verdict;
		if (item->id_conflict || item->verdict.outcome == ROOM_CONFLICT)
			conflict_log(take, item);
		if (written && take_visible(take, &item->verdict))
			inbox_stored();
	}
	take_sync(take);
	take_end(take, true);
}

static void
take_written(PGresult *result, const char *sqlstate, void *argument)
{
	struct take *take = argument;

	switch (attempt_end(&take->attempts, "room-take", result, sqlstate,
	    result != NULL && row_bool(result, 0, 0))) {
	case ATTEMPT_STORED:
		take_settled(take, true);
		break;
	case ATTEMPT_AGAIN:
		take_run(take);
		break;
	case ATTEMPT_FAILED:
		take_end(take, false);
		break;
	}
}

/* What stood against it gave way, and it is judged anew; or it stands. */
static void
take_cut(bool cut, bool ok, void *argument)
{
	struct take *take = argument;

	if (!ok)
		take_end(take, false);
	else if (cut)
		take_run(take);
	else
		take_write(take);
}

/* The first item that contradicts what is stored; NULL: none, or it is our
 * own, which gives way to nothing. */
static const struct intake_item *
take_contradiction(const struct take *take)
{
	uint32_t i;

	if (memcmp(take->intake.origin, take->intake.self, ONION_KEY) == 0 ||
	    vouch_min_serial(take->intake.origin) == 0)
		return NULL;
	for (i = 0; i < take->intake.count; i++)
		if (take->intake.items[i].verdict.outcome == ROOM_CONFLICT)
			return &take->intake.items[i];
	return NULL;
}

static void
take_known(PGresult *result, const char *sqlstate, void *argument)
{
	const struct intake_item *item;
	struct take *take = argument;

	if (result == NULL) {
		log_warning("room-facts failed sqlstate=%s", sqlstate);
		take_end(take, false);
		return;
	}
	take_facts_row(take, result);
	intake_run(&take->intake);
	item = take_contradiction(take);
	if (item != NULL)
		stream_cut(&item->message, take->intake.origin,
		    item->verdict.from, take_cut, take);
	else
		take_write(take);
}

static void
take_write(struct take *take)
{
	struct db_parameters parameters;

	if (take_write_ask(&parameters, take))
		db_call(env.db, SQL_ROOM_MESSAGES_TAKE, &parameters,
		    take_written, take);
	else
		take_settled(take, false);
	db_parameters_free(&parameters);
}

static void
take_run(void *argument)
{
	struct take *take = argument;
	struct db_parameters parameters;

	if (take->intake.count == 0) {
		take_end(take, true);
		return;
	}
	take_facts_ask(&parameters, take);
	db_call(env.db, SQL_ROOM_MESSAGES_FACTS, &parameters, take_known, take);
	db_parameters_free(&parameters);
}

/* A message that has its form is judged with the others; else refused here. */
static void
take_add(struct take *take, const struct signed_message *given, uint32_t index)
{
	uint32_t i = take->intake.count;
	struct intake_item *item = &take->intake.items[i];
	struct room_payload_message message;

	if (room_payload_message(&message, take->intake.origin, given->payload,
		given->payload_length) != CODE_OK ||
	    !room_id_equal(&message.message.room, &take->room)) {
		take->verdicts[index].outcome = ROOM_REFUSED;
		take->verdicts[index].code = CODE_PAYLOAD_MALFORMED;
		return;
	}
	memcpy(item->id, given->message_id, sizeof(item->id));
	item->message = message.message;
	memcpy(item->message.place.digest, given->digest, ROOM_HASH);
	memcpy(take->type[i], message.type, sizeof(take->type[i]));
	take->payload[i] = xmemdup(given->payload, given->payload_length);
	take->payload_length[i] = given->payload_length;
	take->index[i] = index;
	take->intake.count++;
}

void
messages_take(const struct room_id *room, const struct signed_message *messages,
    uint32_t count, const struct signed_text *proof,
    const uint8_t via[ONION_KEY], messages_done done, void *argument)
{
	struct take *take = xcalloc(1, sizeof(*take));
	uint32_t i;

	take->proof = *proof;
	take->proof.text = xmemdup(proof->text, proof->text_length);
	take->room = *room;
	room_id_format(take->room_text, room);
	onion_format(take->origin_text, proof->origin);
	memcpy(take->via, via, ONION_KEY);
	memcpy(take->intake.origin, proof->origin, ONION_KEY);
	memcpy(take->intake.self, env.identity.server, ONION_KEY);
	take->count = count;
	take->done = done;
	take->argument = argument;
	for (i = 0; i < count; i++)
		take_add(take, &messages[i], i);
	turn_begin(room, take_run, take);
}
