/* SPDX-License-Identifier: ISC */
/*
 * A claimed item through an exchange to its settlement. The claim holds the
 * lane's lease, so order inside a lane is first-in first-out, whoever the
 * worker.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "canon.h"
#include "encode.h"
#include "envelope.h"
#include "handshake_out.h"
#include "log.h"
#include "outbound.h"
#include "peers.h"
#include "queue.h"
#include "queued.h"
#include "reaction.h"
#include "schedule.h"
#include "statements.h"
#include "transport.h"

#define HANDSHAKE_EVERY_MS 60000 /* after a 401, for one peer */
#define ATTEMPTS_DEFAULT   5	 /* the column's: fed.conf decides */
#define SETTLE_AGAIN_MS	   1000	 /* without a database */

static void outbound_run(void);

static void
claim_end(struct claim *claim)
{
	struct peer *peer = claim->peer;
	int lane = claim->lane;

	claim_free(claim);
	schedule_done(peer, lane);
	outbound_run();
}

static void
claim_settle(
    struct claim *claim, const char *status, int attempts, enum code code)
{
	struct settlement settlement = {.status = status,
	    .attempts_added = attempts,
	    .code = code < CODE_COUNT ? code : CODE_OK,
	    .error = code < CODE_COUNT ? NULL : "REFUSED"};

	queue_settle(claim, &settlement, claim_end);
}

static void
claim_fail(struct claim *claim, int attempts, enum code code)
{
	char id[UUID_TEXT + 1], address[LOG_ADDRESS_SIZE];

	uuid_format(id, claim->message_id);
	log_warning("dead-letter id=%s server=%s code=%s", id,
	    log_address(address, claim->peer->key),
	    code < CODE_COUNT ? code_name(code) : "REFUSED");
	claim_settle(claim, "failed", attempts, code);
}

static void
claim_deliver(struct claim *claim, const struct transport_outcome *outcome)
{
	struct settlement settlement = {.status = "delivered",
	    .request_text = outcome->request_text,
	    .request_text_length = outcome->request_text_length,
	    .ack = outcome->answer->payload,
	    .ack_length = outcome->answer->payload_length,
	    .ack_key_id = outcome->answer->header.key_id};

	queue_settle(claim, &settlement, claim_end);
}

static void
peer_postpone(struct peer *peer, int64_t delay_ms, enum code code)
{
	char address[LOG_ADDRESS_SIZE];

	log_info("postponed server=%s code=%s ms=%lld failures=%u",
	    log_address(address, peer->key),
	    code < CODE_COUNT ? code_name(code) : "REFUSED",
	    (long long)delay_ms, peer->retry_count);
	queue_postpone(peer, delay_ms, code);
}

static void
peer_back_off(struct peer *peer, bool longest, enum code code)
{
	peer_postpone(peer, schedule_back_off(peer, longest), code);
}

static void
handshaken(enum code code, const struct ack_result *result, void *argument)
{
	struct peer *peer = argument;

	(void)result;
	if (code == CODE_OK)
		schedule_good(peer);
	else if (code == CODE_TOR_DOWN)
		schedule_pause();
	else
		peer_back_off(peer, false, code);
	peer->references--;
	outbound_run();
}

/* One handshake; the destination waits for its end. */
static void
peer_handshake(struct peer *peer)
{
	peer->references++;
	peer->handshake_ms = clock_ms();
	schedule_wait(peer, env.settings.retry_max_ms);
	handshake_out(peer->key, handshaken, peer);
}

static void
react_destination(struct peer *peer, const struct transport_outcome *outcome,
    const struct reaction *reaction)
{
	enum code code =
	    outcome->code != CODE_OK ? outcome->code : outcome->result.code;
	uint32_t seconds = outcome->code == CODE_OK ? outcome->result.seconds
						    : outcome->retry_after;

	if (reaction->fresh_circuit)
		peer->generation++;
	switch (reaction->destination) {
	case DESTINATION_GOOD:
		schedule_resume();
		schedule_good(peer);
		break;
	case DESTINATION_BACK_OFF:
	case DESTINATION_LONG:
		schedule_resume();
		peer_back_off(
		    peer, reaction->destination == DESTINATION_LONG, code);
		break;
	case DESTINATION_WAIT:
		schedule_wait(
		    peer, (int64_t)(seconds > 0 ? seconds : 1) * 1000);
		peer_postpone(peer, (int64_t)seconds * 1000, code);
		break;
	case DESTINATION_HANDSHAKE:
		if (peer->handshake_ms == 0 ||
		    clock_ms() - peer->handshake_ms >= HANDSHAKE_EVERY_MS)
			peer_handshake(peer);
		else
			peer_back_off(peer, false, code);
		break;
	case DESTINATION_PAUSE:
		schedule_pause();
		break;
	case DESTINATION_NONE:
		break;
	}
}

static void
exchanged(const struct transport_outcome *outcome, void *argument)
{
	struct claim *claim = argument;
	struct reaction reaction = reaction_find(outcome);
	enum code code =
	    outcome->code != CODE_OK ? outcome->code : outcome->result.code;
	int most = claim->max_attempts == ATTEMPTS_DEFAULT
		       ? (int)env.settings.attempts
		       : claim->max_attempts;
	char address[LOG_ADDRESS_SIZE];

	log_debug("exchange server=%s code=%s status=%u result=%d",
	    log_address(address, claim->peer->key), code_name(outcome->code),
	    outcome->status,
	    outcome->code == CODE_OK ? (int)outcome->result.status : -1);
	react_destination(claim->peer, outcome, &reaction);
	switch (reaction.item) {
	case ITEM_DELIVERED:
		claim_deliver(claim, outcome);
		break;
	case ITEM_FAILED:
		claim_fail(claim, 1, code);
		break;
	case ITEM_REFUSED:
		if (claim->attempts + 1 >= most)
			claim_fail(claim, 1, code);
		else
			claim_settle(claim, "pending", 1, code);
		break;
	case ITEM_LATER:
		claim_settle(claim, "pending", 0, code);
		break;
	}
}

/* The canonical payload of a claimed item, or why it can never be sent. */
static enum code
claim_canonical(const struct claim *claim, char **payload, size_t *length)
{
	json_t *root;
	enum code code;

	code = canon_parse(&root, claim->payload, claim->payload_length, false);
	if (code != CODE_OK)
		return code;
	if (!json_is_object(root)) {
		json_decref(root);
		return CODE_JSON_TOP;
	}
	*payload = canon_write(root, length);
	json_decref(root);
	if (*payload == NULL)
		return CODE_JSON;
	if (*length > ITEM_MAX) {
		free(*payload);
		return CODE_PAYLOAD_TOO_LARGE;
	}
	return CODE_OK;
}

static void
claim_send(struct claim *claim)
{
	struct transport_request request;
	char *payload;
	enum code code;

	if (claim->age_s > env.settings.lifetime_s) {
		claim_fail(claim, 0, CODE_EXPIRED);
		return;
	}
	code = claim_canonical(claim, &payload, &request.payload_length);
	if (code != CODE_OK) {
		claim_fail(claim, 0, code);
		return;
	}
	memcpy(request.destination, claim->peer->key, 32);
	request.peer = claim->peer;
	request.generation = claim->peer->generation;
	request.type = "message";
	memcpy(request.id, claim->message_id, sizeof request.id);
	request.payload = payload;
	transport_send(&request, exchanged, claim);
	free(payload);
}

static void
claimed(struct claim *claim, bool ok)
{
	if (ok && claim->has_item) {
		claim_send(claim);
		return;
	}
	if (!ok) {
		schedule_wait(claim->peer, SETTLE_AGAIN_MS);
		claim_end(claim);
		return;
	}
	/* Nothing due here, or another worker has the lane: NOTIFY or the
	 * next sweep brings us back. */
	schedule_empty(claim->peer, claim->lane);
	if (claim->leased)
		queue_release(claim, claim_end);
	else
		claim_end(claim);
}

static void
outbound_run(void)
{
	struct peer *peer;
	int lane;

	if (!env.registered || !env.has_identity || db_state(env.db) != DB_UP)
		return;
	while (schedule_next(&peer, &lane)) {
		if (peer->told_serial < env.certificate.serial) {
			/* certificates are sent before they are needed */
			schedule_done(peer, lane);
			peer_handshake(peer);
			continue;
		}
		queue_claim(peer, lane, claimed);
	}
}

void
outbound_doorbell(void)
{
	if (env.registered && peers_loaded() && db_state(env.db) == DB_UP)
		queue_work(schedule_work, outbound_run);
}

bool
outbound_waiting(const struct peer *peer)
{
	return peer->retry_ms > clock_ms();
}

void
outbound_wake(struct peer *peer)
{
	schedule_good(peer);
	outbound_run();
}

void
outbound_init(void)
{
	schedule_init(&env.settings, outbound_run);
}
