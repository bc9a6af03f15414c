/* SPDX-License-Identifier: ISC */
/*
 * What is next in rooms whose home we are; see requests.h. Each step reads
 * what the database has, so that it does not matter where the last start or
 * another worker left off.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/tree.h"
#include "db/statements.h"
#include "env.h"
#include "exchange/signing.h"
#include "rooms/confirmed.h"
#include "rooms/room_row.h"
#include "rooms/state/decide.h"
#include "rooms/state/facts.h"
#include "rooms/state/requests.h"

#define RETRY_MS 1000 /* after a refusal of the signer's */

/* A decision that comes after the next event. */
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
	uint8_t request[UUID_SIZE]; /* of it, or the wish being decided */
};

static TAILQ_HEAD(, chain) chains = TAILQ_HEAD_INITIALIZER(chains);
static struct {
	bool running;
	bool again;
} work;

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

/* Nothing more is done here until somebody asks again. */
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
	struct timeval later = {RETRY_MS / 1000, RETRY_MS % 1000 * 1000};

	if (event_base_once(
		env.base, -1, EV_TIMEOUT, retry_fire, NULL, &later) == -1)
		fatal("out of memory");
	chain_end(chain);
}

/* Signing ------------------------------------------------------------------ */

static void
wish_ended(PGresult *result, const char *sqlstate, void *argument)
{
	struct chain *chain = argument;

	if (result == NULL) {
		log_warning("room-wish not ended sqlstate=%s", sqlstate);
		chain_end(chain);
	} else
		chain_step(chain);
}

/* The wish at hand, if it is one, came to its end. */
static void
wish_end(struct chain *chain, const struct room_verdict *verdict)
{
	struct db_parameters parameters;

	db_parameters_init(&parameters);
	db_add_uuid(&parameters, chain->request);
	if (verdict->outcome == ROOM_REFUSED) {
		log_info("room-wish refused code=%s", code_name(verdict->code));
		db_add_text(&parameters, code_name(verdict->code));
	} else
		db_add_null(&parameters);
	db_call(env.db, SQL_ROOM_WISH_END, &parameters, wish_ended, chain);
	db_parameters_free(&parameters);
}

/* Of a wish, or of an event that is decided again. */
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
		chain_end(chain); /* the next sweep */
	else
		wish_end(chain, verdict);
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
	/* Signed with another key, or something came before it: then it is
	 * decided again. */
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
	state_take(&chain->event, &env.certificate, env.identity.server,
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

/* Columns of room_home_next(). */
enum {
	NEXT_TEXT,
	NEXT_PAYLOAD,
	NEXT_MARK,
	NEXT_REQUEST,
	NEXT_WISH,
	NEXT_KIND,
	NEXT_MEMBER,
	NEXT_INVITER,
	NEXT_NONCE,
	NEXT_EXPIRES,
	NEXT_REQUIRE_INVITE,
	NEXT_ENABLED,
	NEXT_SERVERS,
	NEXT_METADATA
};

static void
event_row(struct signed_event *event, PGresult *result)
{
	size_t length = (size_t)PQgetlength(result, 0, NEXT_TEXT);

	memset(event, 0, sizeof(*event));
	if (length > sizeof(event->text) ||
	    room_event_parse(&event->event, PQgetvalue(result, 0, NEXT_TEXT),
		length) != CODE_OK)
		fatal("database sent a malformed event");
	memcpy(event->text, PQgetvalue(result, 0, NEXT_TEXT), length);
	event->text_length = length;
	length = (size_t)PQgetlength(result, 0, NEXT_PAYLOAD);
	if (room_payload_content(&event->event.content, &event->servers,
		event->event.kind, PQgetvalue(result, 0, NEXT_PAYLOAD),
		length) != CODE_OK ||
	    (event->payload = malloc(length + 1)) == NULL)
		fatal("database sent an event with a malformed payload");
	memcpy(event->payload, PQgetvalue(result, 0, NEXT_PAYLOAD), length);
	event->payload_length = length;
}

/* Wishes ------------------------------------------------------------------- */

static bool
user_row(struct room_user *user, PGresult *result, int column)
{
	return PQgetisnull(result, 0, column) ||
	       room_user_parse(user, PQgetvalue(result, 0, column),
		   (size_t)PQgetlength(result, 0, column));
}

/* Addresses with commas between. */
static bool
servers_row(struct room_payload_servers *servers, PGresult *result)
{
	const char *at = PQgetvalue(result, 0, NEXT_SERVERS);
	const char *end = at + PQgetlength(result, 0, NEXT_SERVERS);
	const char *comma;

	while (at < end) {
		comma = memchr(at, ',', (size_t)(end - at));
		if (comma == NULL)
			comma = end;
		if (servers->count == ROOM_SERVERS_MAX ||
		    onion_parse(servers->key[servers->count++], at,
			(size_t)(comma - at)) != CODE_OK)
			return false;
		at = comma + 1;
	}
	return true;
}

/* false: it does not have its form. metadata points into the result. */
static bool
wish_row(struct state_request *wish, PGresult *result)
{
	struct room_content *content = &wish->content;

	memset(wish, 0, sizeof(*wish));
	wish->kind = room_kind_find(PQgetvalue(result, 0, NEXT_KIND),
	    (size_t)PQgetlength(result, 0, NEXT_KIND));
	if (wish->kind == ROOM_KINDS ||
	    !user_row(&content->user, result, NEXT_MEMBER) ||
	    !user_row(&content->inviter, result, NEXT_INVITER) ||
	    !servers_row(&wish->servers, result))
		return false;
	content->has_nonce = row_bytes(
	    content->nonce, sizeof(content->nonce), result, 0, NEXT_NONCE);
	content->expires = row_integer(result, 0, NEXT_EXPIRES);
	content->require_invite = row_bool(result, 0, NEXT_REQUIRE_INVITE);
	content->federated = row_bool(result, 0, NEXT_ENABLED);
	content->restricted = !PQgetisnull(result, 0, NEXT_SERVERS);
	wish->metadata = (const uint8_t *)PQgetvalue(result, 0, NEXT_METADATA);
	wish->metadata_length = (size_t)PQgetlength(result, 0, NEXT_METADATA);
	return true;
}

static void
wish_decide(struct chain *chain, PGresult *result)
{
	struct room_verdict malformed = {
	    ROOM_REFUSED, CODE_PAYLOAD_MALFORMED, 0, 0, 0, 0};
	struct state_request wish;

	if (!wish_row(&wish, result)) {
		wish_end(chain, &malformed);
		return;
	}
	wish.room = chain->room;
	memcpy(wish.request, chain->request, UUID_SIZE);
	state_decide(&wish, NULL, NULL, chain_decided, chain);
}

/* A room ------------------------------------------------------------------- */

static void
chain_next(PGresult *result, const char *sqlstate, void *argument)
{
	struct chain *chain = argument;

	if (result == NULL) {
		log_warning("room-next failed sqlstate=%s", sqlstate);
		chain_end(chain);
	} else if (PQntuples(result) == 1 &&
		   !PQgetisnull(result, 0, NEXT_TEXT)) {
		event_row(&chain->event, result);
		signing_mark(row_integer(result, 0, NEXT_MARK));
		memset(chain->request, 0, sizeof(chain->request));
		(void)row_bytes(chain->request, sizeof(chain->request), result,
		    0, NEXT_REQUEST);
		facts_call(&chain->event.event, NULL, NULL, chain_sign, chain);
	} else if (PQntuples(result) == 1 &&
		   row_bytes(chain->request, sizeof(chain->request), result, 0,
		       NEXT_WISH)) {
		wish_decide(chain, result);
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

/* The room's, with what waits noted before it begins. */
static void
chain_begin(const struct room_id *room, struct waiting *waiting)
{
	struct chain *chain = chain_find(room);
	bool fresh = chain == NULL;

	if (fresh) {
		chain = calloc(1, sizeof(*chain));
		if (chain == NULL)
			fatal("out of memory");
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
	struct waiting *waiting = calloc(1, sizeof(*waiting));

	if (waiting == NULL)
		fatal("out of memory");
	waiting->run = run;
	waiting->argument = argument;
	chain_begin(room, waiting);
}

static void
work_done(PGresult *result, const char *sqlstate, void *argument)
{
	struct room_id room;
	int row;

	(void)argument;
	work.running = false;
	if (result == NULL) {
		log_warning("room-work failed sqlstate=%s", sqlstate);
		return;
	}
	for (row = 0; row < PQntuples(result); row++) {
		if (room_id_parse(&room, PQgetvalue(result, row, 0),
			(size_t)PQgetlength(result, row, 0)) != CODE_OK)
			fatal("database sent a malformed room");
		requests_soon(&room);
	}
	if (work.again)
		requests_doorbell();
}

void
requests_doorbell(void)
{
	struct db_parameters parameters;

	work.again = work.running;
	if (work.running)
		return;
	work.running = true;
	db_parameters_init(&parameters);
	db_call(env.db, SQL_ROOM_HOME_WORK, &parameters, work_done, NULL);
	db_parameters_free(&parameters);
}
