/* SPDX-License-Identifier: ISC */
/*
 * Look-ups of users of others; see lookup_out.h. A look-up goes the way of a
 * message, through the same schedule, back-off and transport. What differs: it
 * is one request and never in a batch, it lives minutes and not days, its
 * answer is what it is for, and a server that will not answer more of them for
 * now does not keep messages back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/encode.h"
#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "events/timer.h"
#include "exchange/reaction.h"
#include "exchange/transport.h"
#include "json/envelope.h"
#include "json/lookup.h"
#include "outbound/destination.h"
#include "outbound/outbound.h"
#include "outbound/schedule.h"
#include "servers/peer_table.h"
#include "users/lookup_out.h"

#define PEERS_WAIT_MS 1000 /* for a server that is not yet loaded */

struct lookup {
	struct peer *peer;
	uint8_t id[UUID_SIZE];
	char handle[LOOKUP_HANDLE_MAX + 1];
};

static struct {
	bool running;
	bool again;	     /* it was asked for while it ran */
	struct event *timer; /* for another one */
} search;		     /* for servers that we have look-ups for */

/* The lane's turn is over; further look-ups have a turn of their own. */
static void
lookup_end(struct lookup *lookup)
{
	struct peer *peer = lookup->peer;

	free(lookup);
	outbound_done(peer, LANE_LOOKUP);
}

static void
later_done(PGresult *result, const char *sqlstate, void *argument)
{
	if (result == NULL)
		log_warning("look-up later failed sqlstate=%s", sqlstate);
	lookup_end(argument);
}

/* It is asked again, after delay_ms if that is above 0; the others before that,
 * unless all are to wait. */
static void
lookup_later(struct lookup *lookup, int64_t delay_ms, bool all)
{
	struct db_parameters parameters;

	if (all)
		schedule_again(lookup->peer, LANE_LOOKUP, delay_ms);
	else
		schedule_due(lookup->peer, LANE_LOOKUP, delay_ms);
	db_parameters_init(&parameters);
	db_add_uuid(&parameters, env.incarnation);
	db_add_uuid(&parameters, lookup->id);
	db_add_integer(&parameters, delay_ms);
	db_call(env.db, SQL_LOOKUP_LATER, &parameters, later_done, lookup);
	db_parameters_free(&parameters);
}

static void
settle_done(PGresult *result, const char *sqlstate, void *argument)
{
	struct lookup *lookup = argument;
	char address[LOG_ADDRESS_SIZE];
	const char *event;

	log_address(address, lookup->peer->key);
	if (result == NULL) {
		/* It is asked once more when its lease ends. */
		log_warning("look-up settle failed sqlstate=%s", sqlstate);
	} else {
		event = row_string(result, 0, 0);
		if (event == NULL)
			fatal("database told nothing of a look-up");
		log_debug("look-up server=%s event=%s", address, event);
		if (strcmp(event, "contradiction") == 0)
			log_error("key-contradiction server=%s", address);
	}
	lookup_end(lookup);
}

static void
text_or_null(struct db_parameters *parameters, const char *text)
{
	if (text != NULL && text[0] != '\0')
		db_add_text(parameters, text);
	else
		db_add_null(parameters);
}

/* What the server signed, with the certificate to verify it: the certificate's
 * text, then the envelope. Owned by the caller. */
static char *
proof_make(const struct transport_outcome *outcome, size_t *length)
{
	const struct wire_envelope *answer = outcome->answer;
	static char body[ENVELOPE_MAX];
	char *proof = xmalloc(CERT_MAX + ENVELOPE_MAX);
	size_t body_length;

	body_length = envelope_format(body, &answer->header, answer->signature,
	    answer->payload, answer->payload_length);
	while (body_length > 0 && body[body_length - 1] == ' ')
		body_length--; /* the padding */
	*length = cert_format(proof, outcome->cert);
	memcpy(proof + *length, body, body_length);
	*length += body_length;
	return proof;
}

/* user: NULL unless the outcome is "found"; code: NULL unless it failed. */
static void
lookup_settle(struct lookup *lookup, const char *outcome, const char *code,
    const struct lookup_user *user, const struct transport_outcome *exchange)
{
	struct db_parameters parameters;
	char *proof = NULL;
	size_t length = 0;

	/* The next one has its turn. */
	schedule_again(lookup->peer, LANE_LOOKUP, 0);
	db_parameters_init(&parameters);
	db_add_uuid(&parameters, env.incarnation);
	db_add_uuid(&parameters, lookup->id);
	db_add_text(&parameters, outcome);
	text_or_null(&parameters, code);
	db_add_integer(&parameters, env.settings.lookup_cache_s);
	if (user != NULL) {
		proof = proof_make(exchange, &length);
		db_add_integer(&parameters, user->key_epoch);
		db_add_bytes(&parameters, user->key, user->key_length);
		text_or_null(&parameters, user->name);
		if (user->avatar_length > 0)
			db_add_bytes(
			    &parameters, user->avatar, user->avatar_length);
		else
			db_add_null(&parameters);
		db_add_bytes(&parameters, proof, length);
	} else {
		while (parameters.count < 10)
			db_add_null(&parameters);
	}
	db_call(env.db, SQL_LOOKUP_SETTLE, &parameters, settle_done, lookup);
	db_parameters_free(&parameters);
	free(proof);
}

/* It was accepted: the answer tells of the user. */
static void
lookup_answered(struct lookup *lookup, const struct transport_outcome *outcome)
{
	static struct lookup_user user; /* large */
	bool found;
	enum code code;

	code = lookup_answer_parse(&user, &found, lookup->handle,
	    outcome->answer->payload, outcome->answer->payload_length);
	if (code != CODE_OK)
		lookup_settle(
		    lookup, "failed", code_name(CODE_ANSWER_JSON), NULL, NULL);
	else if (found)
		lookup_settle(lookup, "found", NULL, &user, outcome);
	else
		lookup_settle(lookup, "unknown", NULL, NULL, NULL);
	memset(&user, 0, sizeof(user));
}

/* The server is alive, whatever it says of the look-up. */
static void
lookup_acknowledged(
    struct lookup *lookup, const struct transport_outcome *outcome)
{
	static const struct reaction good = {
	    ITEM_DELIVERED, DESTINATION_GOOD, false};
	const struct ack_result *result = &outcome->results[0];
	struct reaction reaction = reaction_find(outcome, result, false);

	if (result->status == ACK_RETRY &&
	    (reaction.destination == DESTINATION_BACK_OFF ||
		reaction.destination == DESTINATION_LONG)) {
		/* a clock is wrong: messages wait for that as well */
		(void)destination_react(lookup->peer, &reaction, result->code,
		    result->seconds, true);
		lookup_later(lookup, 0, true);
		return;
	}
	(void)destination_react(lookup->peer, &good, CODE_OK, 0, true);
	if (result->status == ACK_RETRY)
		lookup_later(lookup,
		    (result->seconds > 0 ? (int64_t)result->seconds : 1) * 1000,
		    reaction.destination == DESTINATION_WAIT);
	else if (result->status == ACK_REJECTED)
		lookup_settle(lookup, "failed",
		    result->code < CODE_COUNT ? code_name(result->code)
					      : "REFUSED",
		    NULL, NULL);
	else
		lookup_answered(lookup, outcome);
}

static void
lookup_exchanged(const struct transport_outcome *outcome, void *argument)
{
	struct lookup *lookup = argument;
	struct reaction reaction;
	char address[LOG_ADDRESS_SIZE];

	log_debug("look-up server=%s code=%s status=%u",
	    log_address(address, lookup->peer->key), code_name(outcome->code),
	    outcome->status);
	if (outcome->code == CODE_OK) {
		lookup_acknowledged(lookup, outcome);
		return;
	}
	reaction = reaction_find(outcome, NULL, false);
	(void)destination_react(lookup->peer, &reaction, outcome->code,
	    outcome->retry_after, outcome->heard);
	lookup_later(lookup, 0, true);
}

static void
lookup_send(struct lookup *lookup)
{
	struct transport_request request;
	struct wire_item item;
	char *payload;

	memset(&request, 0, sizeof(request));
	memset(&item, 0, sizeof(item));
	memcpy(request.destination, lookup->peer->key, 32);
	request.peer = lookup->peer;
	request.generation = lookup->peer->generation;
	request.items = &item;
	request.count = 1;
	snprintf(item.type, sizeof(item.type), LOOKUP_TYPE);
	memcpy(item.id, lookup->id, sizeof(item.id));
	payload = xpointer(
	    lookup_request_format(lookup->handle, &item.payload_length));
	item.payload = payload;
	transport_send(&request, lookup_exchanged, lookup);
	free(payload);
}

/* Columns: id, handle; no row when there is nothing for us. */
static void
claim_done(PGresult *result, const char *sqlstate, void *argument)
{
	struct lookup *lookup = argument;

	if (result == NULL) {
		log_warning("look-up claim failed sqlstate=%s", sqlstate);
		schedule_again(lookup->peer, LANE_LOOKUP, DB_RETRY_MS);
		lookup_end(lookup);
		return;
	}
	if (PQntuples(result) == 0) {
		schedule_empty(lookup->peer, LANE_LOOKUP);
		lookup_end(lookup);
		return;
	}
	if (!row_bytes(lookup->id, sizeof(lookup->id), result, 0, 0) ||
	    !row_text(lookup->handle, sizeof(lookup->handle), result, 0, 1) ||
	    !lookup_handle_valid(lookup->handle, strlen(lookup->handle)))
		fatal("database sent a malformed look-up");
	lookup_send(lookup);
}

void
lookup_out(struct peer *peer)
{
	struct lookup *lookup = xcalloc(1, sizeof(*lookup));
	struct db_parameters parameters;

	lookup->peer = peer;
	db_parameters_init(&parameters);
	db_add_uuid(&parameters, env.incarnation);
	db_add_uuid(&parameters, peer->id);
	db_add_integer(&parameters, transport_longest_ms());
	db_call(env.db, SQL_LOOKUP_CLAIM, &parameters, claim_done, lookup);
	db_parameters_free(&parameters);
}

static void
search_fire(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	(void)argument;
	lookup_out_doorbell();
}

/* A look-up is for a server that peer_table does not have yet. */
static void
search_soon(void)
{
	if (search.timer == NULL)
		search.timer = timer_new(env.base, search_fire, NULL);
	timer_arm(search.timer, PEERS_WAIT_MS);
}

static void
search_done(PGresult *result, const char *sqlstate, void *argument)
{
	struct peer *peer;
	uint8_t id[UUID_SIZE];
	int row;

	(void)argument;
	search.running = false;
	if (result == NULL) {
		log_warning("look-ups-look failed sqlstate=%s", sqlstate);
		return;
	}
	for (row = 0; row < PQntuples(result); row++) {
		if (!row_bytes(id, sizeof(id), result, row, 0))
			fatal("database sent a malformed id");
		peer = peer_table_find_id(id);
		if (peer != NULL)
			schedule_fill(peer, LANE_LOOKUP);
		else
			search_soon();
	}
	outbound_due();
	if (search.again)
		lookup_out_doorbell();
}

void
lookup_out_doorbell(void)
{
	struct db_parameters parameters;

	if (!env.registered || !peer_table_loaded() ||
	    db_state(env.db) != DB_UP)
		return;
	search.again = search.running;
	if (search.running)
		return;
	search.running = true;
	db_parameters_init(&parameters);
	db_add_integer(&parameters, env.settings.lookup_lifetime_s);
	db_call(env.db, SQL_LOOKUP_WORK, &parameters, search_done, NULL);
	db_parameters_free(&parameters);
}
