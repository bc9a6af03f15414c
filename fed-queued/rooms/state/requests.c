/* SPDX-License-Identifier: ISC */
/*
 * What comes next in rooms whose home we are; see requests.h. Each step reads
 * from the database what there is to do: so it goes on wherever a start before
 * this one or another worker has stopped.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/tree.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "events/timer.h"
#include "exchange/signing.h"
#include "rooms/confirmed.h"
#include "rooms/state/decide.h"
#include "rooms/state/facts.h"
#include "rooms/state/rekey.h"
#include "rooms/state/requests.h"
#include "rooms/state/take.h"
#include "rooms/values.h"

#define RETRY_MS 1000 /* after an event that could not be signed */

/* A decision that waits until the next event is applied. */
struct waiting {
	TAILQ_ENTRY(waiting) entry;
	void (*run)(void *);
	void *argument;
};

/* A room in which something is under way. */
struct chain {
	TAILQ_ENTRY(chain) entry;
	struct room_id room;
	char room_text[ROOM_ID_SIZE];
	bool more; /* something was added since it was looked for */
	TAILQ_HEAD(, waiting) waiting;
	/* what is being signed; its payload is owned */
	struct signed_event event;
	uint8_t request[UUID_SIZE]; /* its, or what is being decided */
};

static TAILQ_HEAD(, chain) chains = TAILQ_HEAD_INITIALIZER(chains);
static struct {
	bool running;
	bool again; /* it was asked for while it ran */
} search;	    /* for rooms where something waits */
static struct event *retry;

static void chain_step(struct chain *chain);

static void
waiting_run(struct chain *chain)
{
	TAILQ_HEAD(, waiting) list = TAILQ_HEAD_INITIALIZER(list);
	struct waiting *waiting;

	TAILQ_CONCAT(&list, &chain->waiting, entry);
	while ((waiting = TAILQ_FIRST(&list)) != NULL) {
		TAILQ_REMOVE(&list, waiting, entry);
		waiting->run(waiting->argument);
		free(waiting);
	}
}

static void
signed_free(struct chain *chain)
{
	free(chain->event.payload);
	chain->event.payload = NULL;
}

/* Nothing more is done in the room until somebody asks again. */
static void
chain_end(struct chain *chain)
{
	TAILQ_REMOVE(&chains, chain, entry);
	waiting_run(chain);
	signed_free(chain);
	free(chain);
}

static void
retry_fire(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	(void)argument;
	requests_doorbell();
}

/* It goes on in a while. */
static void
chain_later(struct chain *chain)
{
	if (retry == NULL)
		retry = timer_new(env.base, retry_fire, NULL);
	timer_arm_once(retry, RETRY_MS);
	chain_end(chain);
}

/* Signing ------------------------------------------------------------------ */

static void
request_ended(PGresult *result, const char *sqlstate, void *argument)
{
	struct chain *chain = argument;

	if (result == NULL) {
		log_warning("room-request not ended sqlstate=%s", sqlstate);
		chain_end(chain);
	} else
		chain_step(chain);
}

/* Our own chat server's request at hand, if it is one, came to its end. */
static void
request_end(struct chain *chain, const struct room_verdict *verdict)
{
	struct db_parameters parameters;

	db_parameters_init(&parameters);
	db_add_uuid(&parameters, chain->request);
	if (verdict->outcome == ROOM_REFUSED) {
		log_info(
		    "room-request refused code=%s", code_name(verdict->code));
		db_add_text(&parameters, code_name(verdict->code));
	} else
		db_add_null(&parameters);
	db_call(
	    env.db, SQL_ROOM_REQUEST_END, &parameters, request_ended, chain);
	db_parameters_free(&parameters);
}

/* Of a request, or of an event that is decided again. */
static void
chain_decided(const struct room_verdict *verdict, bool ok, void *argument)
{
	struct chain *chain = argument;

	signed_free(chain);
	if (!ok)
		chain_end(chain);
	else if (verdict->outcome == ROOM_TAKEN || verdict->code == CODE_BUSY)
		chain_step(chain);
	else if (verdict->outcome == ROOM_WAIT)
		chain_end(chain); /* until the next sweep */
	else
		request_end(chain, verdict);
}

static void
chain_applied(const struct room_verdict *verdict, bool ok, void *argument)
{
	struct chain *chain = argument;

	signed_free(chain);
	if (!ok) {
		chain_end(chain);
		return;
	}
	if (verdict->outcome == ROOM_TAKEN || verdict->outcome == ROOM_KNOWN) {
		waiting_run(chain);
		chain_step(chain);
		return;
	}
	/* Our key is another one by now, or another event came before it: then
	 * it is decided again. */
	log_warning("room-event not taken code=%s", code_name(verdict->code));
	chain_later(chain);
}

static void
chain_signed(const uint8_t *signature, int refusal, void *argument)
{
	struct chain *chain = argument;

	(void)refusal;
	if (signature == NULL) {
		chain_later(chain);
		return;
	}
	memcpy(
	    chain->event.signature, signature, sizeof(chain->event.signature));
	state_take(&chain->event, &env.certificate, env.identity.server, true,
	    chain_applied, chain);
}

/* Whether it is still the next event, and may be signed. */
static void
chain_sign(PGresult *result, const char *sqlstate, void *argument)
{
	struct chain *chain = argument;
	const struct room_event *event = &chain->event.event;
	struct event_facts facts;

	if (result == NULL) {
		log_warning("room-event not signed sqlstate=%s", sqlstate);
		chain_end(chain);
		return;
	}
	facts_row(&facts, &chain->room, result);
	if (!room_recovery_over(&facts.recovery, clock_now()))
		chain_end(chain);
	else if (confirmed_wait(&chain->room, facts.recovery.servers))
		chain_later(chain);
	else if (facts.state.disputed != 0 ||
		 event->number != facts.state.number + 1 ||
		 memcmp(event->previous, facts.state.hash, ROOM_HASH) != 0 ||
		 memcmp(event->key_id, env.identity.key_id, ROOM_HASH) != 0)
		state_decide_again(
		    &chain->event, chain->request, chain_decided, chain);
	else
		signing_state(event, chain_signed, chain);
}

static void
event_row(struct signed_event *event, const struct room_home_next_row *row)
{
	const struct db_span *text = &row->signing_text;
	const struct db_span *payload = &row->payload;

	memset(event, 0, sizeof(*event));
	if (text->length > sizeof(event->text) ||
	    room_event_parse(&event->event, text->bytes, text->length) !=
		CODE_OK)
		fatal("database sent a malformed event");
	memcpy(event->text, text->bytes, text->length);
	event->text_length = text->length;
	if (payload->bytes == NULL ||
	    room_payload_content(&event->event.content, &event->servers,
		event->event.kind, payload->bytes, payload->length) != CODE_OK)
		fatal("database sent an event with a malformed payload");
	event->payload = xmemdup(payload->bytes, payload->length);
	event->payload_length = payload->length;
}

/* Requests ----------------------------------------------------------------- */

/* Null for the kinds that have none; false: it does not have its form. */
static bool
user_row(struct room_user *user, const struct db_span *span)
{
	return span->bytes == NULL || values_user(user, span);
}

/* Addresses with commas between; false: one does not have its form. */
static bool
servers_row(struct room_payload_servers *servers, const struct db_span *span)
{
	const char *at = span->bytes;
	const char *end, *comma;

	if (at == NULL)
		return true;
	for (end = at + span->length; at < end; at = comma + 1) {
		comma = memchr(at, ',', (size_t)(end - at));
		if (comma == NULL)
			comma = end;
		if (servers->count == ROOM_SERVERS_MAX ||
		    onion_parse(servers->key[servers->count++], at,
			(size_t)(comma - at)) != CODE_OK)
			return false;
	}
	return true;
}

/* false: it does not have its form. metadata points into the result. */
static bool
request_row(struct state_request *request, const struct room_request_row *row)
{
	struct room_content *content = &request->content;

	memset(request, 0, sizeof(*request));
	request->kind = room_kind_find(row->kind.bytes, row->kind.length);
	if (request->kind == ROOM_KINDS ||
	    !user_row(&content->user, &row->member) ||
	    !user_row(&content->inviter, &row->inviter) ||
	    !servers_row(&request->servers, &row->servers))
		return false;
	content->has_nonce =
	    db_span_copy(content->nonce, sizeof(content->nonce), &row->nonce);
	content->expires = row->expires;
	content->require_invite = row->require_invite;
	content->federated = row->enabled;
	content->restricted = row->servers.bytes != NULL;
	request->metadata = row->metadata.bytes;
	request->metadata_length = row->metadata.length;
	return true;
}

static void
request_decide(struct chain *chain, const struct room_request_row *row)
{
	struct room_verdict malformed = {
	    ROOM_REFUSED, CODE_PAYLOAD_MALFORMED, 0, 0, 0, 0};
	struct state_request request;

	if (!request_row(&request, row)) {
		request_end(chain, &malformed);
		return;
	}
	request.room = chain->room;
	memcpy(request.request, chain->request, UUID_SIZE);
	state_decide(&request, NULL, NULL, chain_decided, chain);
}

/* Our new key -------------------------------------------------------------- */

static void
key_decided(const struct room_verdict *verdict, bool ok, void *argument)
{
	struct chain *chain = argument;

	if (ok &&
	    (verdict->outcome == ROOM_TAKEN || verdict->code == CODE_BUSY))
		chain_step(chain);
	else
		chain_end(chain); /* until it is found again */
}

/* A key that we have revoked signed the room's last event. */
static void
key_decide(struct chain *chain)
{
	struct state_request request;

	memset(&request, 0, sizeof(request));
	request.kind = ROOM_KEY;
	request.room = chain->room;
	state_decide(&request, NULL, NULL, key_decided, chain);
}

/* A room ------------------------------------------------------------------- */

static void
chain_next(PGresult *result, const char *sqlstate, void *argument)
{
	struct chain *chain = argument;
	struct room_home_next_row next;
	uint8_t key[ROOM_HASH];

	if (result == NULL) {
		log_warning("room-next failed sqlstate=%s", sqlstate);
		chain_end(chain);
		return;
	}
	db_row_read(&next, env.db, TYPE_room_home_next_row, result, 0, 0);
	if (next.signing_text.bytes != NULL) {
		event_row(&chain->event, &next);
		signing_mark(next.mark);
		memset(chain->request, 0, sizeof(chain->request));
		(void)db_span_copy(
		    chain->request, sizeof(chain->request), &next.request);
		facts_call(&chain->event.event, NULL, NULL, chain_sign, chain);
	} else if (db_span_copy(chain->request, sizeof(chain->request),
		       &next.asked.id)) {
		request_decide(chain, &next.asked);
	} else if (db_span_copy(key, sizeof(key), &next.last_key) &&
		   rekey_due(key)) {
		key_decide(chain);
	} else if (chain->more)
		chain_step(chain);
	else
		chain_end(chain);
}

static void
chain_step(struct chain *chain)
{
	struct db_parameters parameters;

	chain->more = false;
	db_parameters_init(&parameters);
	db_add_text(&parameters, chain->room_text);
	db_call(env.db, SQL_ROOM_HOME_NEXT, &parameters, chain_next, chain);
	db_parameters_free(&parameters);
}

static struct chain *
chain_find(const struct room_id *room)
{
	struct chain *chain;

	TAILQ_FOREACH (chain, &chains, entry)
		if (room_id_equal(&chain->room, room))
			return chain;
	return NULL;
}

/* The room's chain; waiting is in its list before it takes a step. */
static void
chain_begin(const struct room_id *room, struct waiting *waiting)
{
	struct chain *chain = chain_find(room);
	bool fresh = chain == NULL;

	if (fresh) {
		chain = xcalloc(1, sizeof(*chain));
		chain->room = *room;
		room_id_format(chain->room_text, room);
		TAILQ_INIT(&chain->waiting);
		TAILQ_INSERT_TAIL(&chains, chain, entry);
	}
	chain->more = true;
	if (waiting != NULL)
		TAILQ_INSERT_TAIL(&chain->waiting, waiting, entry);
	if (fresh)
		chain_step(chain);
}

void
requests_soon(const struct room_id *room)
{
	chain_begin(room, NULL);
}

void
requests_wait(const struct room_id *room, void (*run)(void *), void *argument)
{
	struct waiting *waiting = xcalloc(1, sizeof(*waiting));

	waiting->run = run;
	waiting->argument = argument;
	chain_begin(room, waiting);
}

static void
search_done(PGresult *result, const char *sqlstate, void *argument)
{
	struct room_id room;
	int row;

	(void)argument;
	search.running = false;
	if (result == NULL) {
		log_warning("room-look failed sqlstate=%s", sqlstate);
		return;
	}
	for (row = 0; row < PQntuples(result); row++) {
		values_room_read(&room, result, row, 0);
		requests_soon(&room);
	}
	if (search.again)
		requests_doorbell();
}

void
requests_doorbell(void)
{
	struct db_parameters parameters;

	search.again = search.running;
	if (search.running)
		return;
	search.running = true;
	db_parameters_init(&parameters);
	db_call(env.db, SQL_ROOM_HOME_WORK, &parameters, search_done, NULL);
	db_parameters_free(&parameters);
}
