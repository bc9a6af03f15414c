/* SPDX-License-Identifier: ISC */
/* An exchange of server_sync; see exchange.h. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/statements.h"
#include "env.h"
#include "exchange/reaction.h"
#include "exchange/transport.h"
#include "outbound/destination.h"
#include "outbound/schedule.h"
#include "proto/ed.h"
#include "rooms/resync.h"
#include "rooms/sync/exchange.h"
#include "rooms/sync/give.h"
#include "rooms/sync/take.h"
#include "rooms/values.h"
#include "servers/peer_table.h"

#define REQUESTS_MAX 64 /* of one exchange */
#define ROOMS_MAX    64 /* of one exchange, unless it is of all rooms */

struct exchange {
	struct peer *peer;
	struct room_id *rooms; /* owned */
	uint32_t room_count;
	uint32_t room_at;  /* the next to tell of */
	uint32_t room_now; /* those of the last request that had any */
	uint32_t ask_count;
	struct sync_ask asks[SYNC_PAYLOAD_ASKS]; /* of the next request */
	uint32_t evidence_count;
	struct sync_ask evidence[SYNC_PAYLOAD_ASKS]; /* to be given with it */
	uint32_t requests;
	bool failed;
	uint8_t id[UUID_SIZE]; /* of the request */
	struct sync_giving giving;
	/* the answer, kept while it is taken */
	char text[SIGNTEXT_ENVELOPE_MAX];
	char *payload;
};

static void exchange_next(struct exchange *);

static void
exchange_end(struct exchange *exchange)
{
	struct peer *peer = exchange->peer;
	bool failed = exchange->failed;

	free(exchange->rooms);
	free(exchange->payload);
	free(exchange);
	resync_ended(peer, failed);
}

/* Whether two ask for the same, since what a server does not have or may not
 * give is asked for once. */
static bool
ask_equal(const struct sync_ask *a, const struct sync_ask *b)
{
	return room_id_equal(&a->room, &b->room) && a->want == b->want &&
	       a->stream == b->stream && a->from == b->from && a->to == b->to &&
	       memcmp(a->origin, b->origin, ONION_KEY) == 0 &&
	       a->epoch == b->epoch && a->lane == b->lane;
}

/* The answer has been taken: what is still lacking, or the next rooms. */
static void
exchange_taken(struct sync_taking *taking)
{
	struct exchange *exchange = taking->argument;
	struct sync_ask before[SYNC_PAYLOAD_ASKS];
	uint32_t before_count = exchange->ask_count, i, j;

	memcpy(before, exchange->asks, sizeof(before));
	exchange->failed = taking->failed;
	exchange->ask_count = 0;
	for (i = 0; i < taking->ask_count; i++) {
		for (j = 0; j < before_count; j++)
			if (ask_equal(&before[j], &taking->asks[i]))
				break;
		if (j == before_count || taking->progress)
			exchange->asks[exchange->ask_count++] = taking->asks[i];
	}
	exchange->evidence_count = taking->evidence_count;
	memcpy(
	    exchange->evidence, taking->evidence, sizeof(exchange->evidence));
	/* The same rooms once more: there may be more behind what was new, and
	 * an answer with declarations has no heads. */
	if (taking->progress)
		exchange->room_at -= exchange->room_now;
	sync_taking_free(taking);
	free(exchange->payload);
	exchange->payload = NULL;
	if (exchange->failed || ++exchange->requests == REQUESTS_MAX)
		exchange_end(exchange);
	else
		exchange_next(exchange);
}

static void
answer_take(struct exchange *exchange, const struct transport_outcome *outcome)
{
	const struct wire_envelope *answer = outcome->answer;
	struct sync_taking *taking = xcalloc(1, sizeof(*taking));
	const struct peer *peer = exchange->peer;
	struct signed_text *proof;
	uint8_t hash[32];

	exchange->payload = xmemdup(answer->payload, answer->payload_length);
	if (sync_payload_parse(&taking->message, true, exchange->payload,
		answer->payload_length) != CODE_OK) {
		log_info("sync: an answer does not have its form");
		free(taking);
		exchange_end(exchange);
		return;
	}
	proof = &taking->proof;
	sha256(hash, answer->payload, answer->payload_length);
	proof->text = exchange->text;
	proof->text_length =
	    signtext_envelope(exchange->text, &answer->header, hash);
	memcpy(proof->origin, peer->key, sizeof(proof->origin));
	memcpy(proof->signature, answer->signature, sizeof(proof->signature));
	memcpy(proof->key_id, answer->header.key_id, sizeof(proof->key_id));
	taking->answer.bytes = exchange->payload;
	taking->answer.length = answer->payload_length;
	memcpy(taking->via, peer->key, sizeof(taking->via));
	memcpy(taking->via_id, peer->id, sizeof(taking->via_id));
	taking->trust = peer->trust;
	taking->answered = exchange->asks;
	taking->answered_count = exchange->ask_count;
	taking->done = exchange_taken;
	taking->argument = exchange;
	sync_take(taking);
}

/* The server is alive, whatever it answers. */
static void
acknowledged(struct exchange *exchange, const struct transport_outcome *outcome)
{
	static const struct reaction good = {
	    ITEM_DELIVERED, DESTINATION_GOOD, false};
	const struct ack_result *result = &outcome->results[0];
	struct reaction reaction = reaction_find(outcome, result, false);

	if (result->status == ACK_RETRY) {
		(void)destination_react(exchange->peer, &reaction, result->code,
		    result->seconds, true);
		exchange->failed = true;
		exchange_end(exchange);
		return;
	}
	(void)destination_react(exchange->peer, &good, CODE_OK, 0, true);
	/* The server does not know server_sync: until the next time. */
	if (result->status == ACK_REJECTED)
		exchange_end(exchange);
	else
		answer_take(exchange, outcome);
}

static void
exchanged(const struct transport_outcome *outcome, void *argument)
{
	struct exchange *exchange = argument;
	struct reaction reaction;
	char address[LOG_ADDRESS_SIZE];

	log_debug("sync server=%s code=%s status=%u",
	    log_address(address, exchange->peer->key), code_name(outcome->code),
	    outcome->status);
	if (outcome->code == CODE_OK) {
		acknowledged(exchange, outcome);
		return;
	}
	reaction = reaction_find(outcome, NULL, false);
	(void)destination_react(exchange->peer, &reaction, outcome->code,
	    outcome->retry_after, outcome->heard);
	exchange->failed = true;
	exchange_end(exchange);
}

static void
request_given(struct sync_giving *giving, bool ok)
{
	struct exchange *exchange = giving->argument;
	struct transport_request request;
	struct wire_item item;
	char *payload;

	if (!ok) {
		exchange->failed = true;
		exchange_end(exchange);
		return;
	}
	memset(&request, 0, sizeof(request));
	memset(&item, 0, sizeof(item));
	payload = sync_payload_end(&giving->writer, &item.payload_length);
	item.payload = payload;
	memcpy(request.destination, exchange->peer->key, 32);
	request.peer = exchange->peer;
	request.generation = exchange->peer->generation;
	request.items = &item;
	request.count = 1;
	memcpy(item.type, SYNC_TYPE, sizeof(SYNC_TYPE));
	uuid_new(item.id);
	transport_send(&request, exchanged, exchange);
	free(payload);
}

/* The next request: asks, evidence, and heads of the next rooms. */
static void
exchange_next(struct exchange *exchange)
{
	struct sync_giving *giving = &exchange->giving;
	uint32_t i, left = exchange->room_count - exchange->room_at;

	if (left == 0 && exchange->ask_count == 0 &&
	    exchange->evidence_count == 0) {
		exchange_end(exchange);
		return;
	}
	if (left > SYNC_PAYLOAD_ROOMS)
		left = SYNC_PAYLOAD_ROOMS;
	memset(giving, 0, sizeof(*giving));
	memcpy(giving->to_id, exchange->peer->id, sizeof(giving->to_id));
	memcpy(giving->rooms, exchange->rooms + exchange->room_at,
	    left * sizeof(*giving->rooms));
	giving->room_count = left;
	exchange->room_at += left;
	/* One that asks alone goes on with the rooms of the one before. */
	if (left > 0)
		exchange->room_now = left;
	memcpy(giving->asks, exchange->evidence,
	    exchange->evidence_count * sizeof(*giving->asks));
	giving->ask_count = exchange->evidence_count;
	exchange->evidence_count = 0;
	giving->request = true;
	giving->done = request_given;
	giving->argument = exchange;
	sync_payload_begin(&giving->writer);
	for (i = 0; i < exchange->ask_count; i++)
		(void)sync_payload_ask(&giving->writer, &exchange->asks[i]);
	sync_give(giving);
}

/* Columns: room. */
static void
rooms_loaded(PGresult *result, const char *sqlstate, void *argument)
{
	struct exchange *exchange = argument;
	int row;

	if (result == NULL) {
		log_warning("rooms failed sqlstate=%s", sqlstate);
		exchange->failed = true;
		exchange_end(exchange);
		return;
	}
	exchange->rooms =
	    xcalloc((size_t)PQntuples(result) + 1, sizeof(*exchange->rooms));
	for (row = 0; row < PQntuples(result); row++)
		values_room_read(
		    &exchange->rooms[exchange->room_count++], result, row, 0);
	exchange_next(exchange);
}

static void
rooms_load(struct exchange *exchange)
{
	struct db_parameters parameters;

	db_parameters_init(&parameters);
	db_add_uuid(&parameters, exchange->peer->id);
	db_call(env.db, SQL_SYNC_ROOMS, &parameters, rooms_loaded, exchange);
	db_parameters_free(&parameters);
}

/* What it is to prove is asked for first. */
static void
proofs_ask(struct exchange *exchange)
{
	struct resync_proof proofs[RESYNC_PROOFS];
	uint32_t i, count = resync_proofs(exchange->peer, proofs);
	struct sync_ask *ask;

	for (i = 0; i < count; i++) {
		ask = &exchange->asks[exchange->ask_count++];
		ask->room = proofs[i].room;
		ask->want = SYNC_PROOF;
		ask->from = ask->to = proofs[i].number;
	}
}

void
sync_exchange(struct peer *peer)
{
	struct exchange *exchange = xcalloc(1, sizeof(*exchange));
	bool all;

	exchange->peer = peer;
	proofs_ask(exchange);
	exchange->rooms = xcalloc(ROOMS_MAX, sizeof(*exchange->rooms));
	exchange->room_count =
	    resync_waiting(peer, exchange->rooms, ROOMS_MAX, &all);
	if (all) {
		free(exchange->rooms);
		rooms_load(exchange);
	} else
		exchange_next(exchange);
}
