/* SPDX-License-Identifier: ISC */
/*
 * Decisions of a room's home: read what is known, decide, commit, and once more
 * from the start when another worker was faster.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "db/statements.h"
#include "env.h"
#include "proto/ed.h"
#include "room/room_home.h"
#include "rooms/room_row.h"
#include "rooms/state/decide.h"
#include "rooms/state/facts.h"
#include "rooms/state/requests.h"
#include "rooms/turn.h"

#define OVERTAKEN "40001" /* SQLSTATE: another worker won */
#define WAITS	  8	  /* for events of others to be signed */
#define RETRY_S	  60

struct deciding {
	struct room_event event;
	char room[ROOM_ID_SIZE];
	char *payload;
	size_t payload_length;
	bool again; /* it was decided before */
	bool asked; /* by origin, with an item of that digest */
	uint8_t origin[ONION_KEY];
	uint8_t digest[32];
	uint8_t request[UUID_SIZE];
	unsigned int waits;
	struct room_verdict verdict;
	room_done done;
	void *argument;
};

static void deciding_run(void *argument);

static void
deciding_end(struct deciding *deciding, bool ok)
{
	struct room_id room = deciding->event.room;
	bool taken = ok && deciding->verdict.outcome == ROOM_TAKEN;

	deciding->done(ok ? &deciding->verdict : NULL, ok, deciding->argument);
	free(deciding->payload);
	free(deciding);
	turn_end(&room);
	if (taken)
		requests_soon(&room);
}

static void
deciding_turn(void *argument)
{
	struct deciding *deciding = argument;

	turn_begin(&deciding->event.room, deciding_run, deciding);
}

static void
deciding_written(PGresult *result, const char *sqlstate, void *argument)
{
	struct deciding *deciding = argument;

	if (result == NULL && strcmp(sqlstate, OVERTAKEN) != 0) {
		log_warning("room-decision not stored sqlstate=%s", sqlstate);
		deciding_end(deciding, false);
	} else if (result == NULL || !row_bool(result, 0, 0)) {
		deciding_run(deciding);
	} else
		deciding_end(deciding, true);
}

static void
deciding_write(struct deciding *deciding, int64_t version)
{
	const struct room_event *event = &deciding->event;
	char text[SIGNTEXT_STATE_MAX], origin[ONION_SIZE];
	size_t length = room_event_text(text, event);
	struct db_parameters parameters;

	db_parameters_init(&parameters);
	db_add_text(&parameters, deciding->room);
	db_add_integer(&parameters, version);
	db_add_integer(&parameters, event->number);
	db_add_text(&parameters, room_kind_name(event->kind));
	db_add_bytes(&parameters, event->key_id, ROOM_HASH);
	db_add_bytes(&parameters, text, length);
	db_add_bytes(&parameters, deciding->payload, deciding->payload_length);
	onion_format(origin, deciding->origin);
	if (deciding->asked)
		db_add_text(&parameters, origin);
	else
		db_add_null(&parameters);
	db_add_uuid(&parameters, deciding->request);
	if (deciding->asked)
		db_add_bytes(&parameters, deciding->digest, 32);
	else
		db_add_null(&parameters);
	db_call(env.db, SQL_ROOM_EVENT_DECIDE, &parameters, deciding_written,
	    deciding);
	db_parameters_free(&parameters);
}

static void
deciding_drop(struct deciding *deciding, int64_t version)
{
	struct db_parameters parameters;

	db_parameters_init(&parameters);
	db_add_text(&parameters, deciding->room);
	db_add_integer(&parameters, version);
	db_call(env.db, SQL_ROOM_EVENT_DROP, &parameters, deciding_written,
	    deciding);
	db_parameters_free(&parameters);
}

/* A room of ours that there is not, or that is forgotten since a restore. */
static struct room_verdict
deciding_unknown(const struct event_facts *facts)
{
	struct room_verdict verdict = {
	    ROOM_REFUSED, CODE_ROOM_UNKNOWN, 0, 0, 0, 0};

	if (!room_recovery_over(&facts->recovery, clock_now())) {
		verdict.outcome = ROOM_WAIT;
		verdict.code = CODE_RECOVERING;
		verdict.seconds = RETRY_S;
	}
	return verdict;
}

static struct room_verdict
deciding_judge(struct deciding *deciding, const struct event_facts *facts)
{
	struct room_verdict verdict = {ROOM_KNOWN, CODE_OK, 0, 0, 0, 0};
	struct room_event *event = &deciding->event;

	if (deciding->asked && facts->has_digest) {
		if (memcmp(facts->digest, deciding->digest, 32) == 0)
			return verdict;
		verdict.outcome = ROOM_REFUSED;
		verdict.code = CODE_ID_CONFLICT;
		return verdict;
	}
	if (facts->state.number == 0 && event->kind != ROOM_CREATE)
		return deciding_unknown(facts);
	room_home_event(event, &facts->state);
	event->timestamp = clock_now();
	memcpy(event->key_id, env.identity.key_id, sizeof(event->key_id));
	return room_home_decide(&facts->state, event, &facts->facts,
	    &facts->recovery, facts->pending && !deciding->again, clock_now());
}

/* The event before it is about to be signed. */
static void
deciding_wait(struct deciding *deciding)
{
	struct room_id room = deciding->event.room;

	turn_end(&room);
	requests_wait(&room, deciding_turn, deciding);
}

static void
deciding_known(PGresult *result, const char *sqlstate, void *argument)
{
	struct deciding *deciding = argument;
	struct room_verdict *verdict = &deciding->verdict;
	struct event_facts facts;

	if (result == NULL) {
		log_warning("room-decision not made sqlstate=%s", sqlstate);
		deciding_end(deciding, false);
		return;
	}
	facts_row(&facts, &deciding->event.room, result);
	*verdict = deciding_judge(deciding, &facts);
	if (verdict->outcome == ROOM_TAKEN)
		deciding_write(deciding, facts.version);
	else if (verdict->code == CODE_BUSY && deciding->asked &&
		 deciding->waits++ < WAITS)
		deciding_wait(deciding);
	else if (deciding->again && verdict->outcome != ROOM_WAIT)
		deciding_drop(deciding, facts.version);
	else
		deciding_end(deciding, true);
}

static void
deciding_run(void *argument)
{
	struct deciding *deciding = argument;

	facts_call(&deciding->event, deciding->asked ? deciding->origin : NULL,
	    deciding->request, deciding_known, deciding);
}

/* payload: owned from here on. */
static struct deciding *
deciding_new(const struct room_id *room, enum room_kind kind,
    const uint8_t *request, char *payload, size_t length, room_done done,
    void *argument)
{
	struct deciding *deciding = calloc(1, sizeof(*deciding));

	if (deciding == NULL)
		fatal("out of memory");
	deciding->event.room = *room;
	deciding->event.kind = kind;
	room_id_format(deciding->room, room);
	deciding->payload = payload;
	deciding->payload_length = length;
	sha256(deciding->event.payload_hash, payload, length);
	memcpy(deciding->request, request, UUID_SIZE);
	deciding->done = done;
	deciding->argument = argument;
	return deciding;
}

/* The event's payload, if others will take it; NULL: it does not have its
 * form. */
static char *
payload_make(const struct state_request *wish, size_t *length)
{
	struct room_payload_content from = {wish->kind, wish->content,
	    wish->servers, wish->metadata, wish->metadata_length};
	struct room_payload_servers servers;
	struct room_content content;
	char *payload = room_payload_content_format(&from, length);

	if (payload == NULL)
		fatal("out of memory");
	if (room_payload_content(
		&content, &servers, wish->kind, payload, *length) == CODE_OK)
		return payload;
	free(payload);
	return NULL;
}

void
state_decide(const struct state_request *wish, const uint8_t *origin,
    const uint8_t *digest, room_done done, void *argument)
{
	struct room_verdict malformed = {
	    ROOM_REFUSED, CODE_PAYLOAD_MALFORMED, 0, 0, 0, 0};
	struct deciding *deciding;
	char *payload;
	size_t length;

	payload = payload_make(wish, &length);
	if (payload == NULL) {
		done(&malformed, true, argument);
		return;
	}
	deciding = deciding_new(&wish->room, wish->kind, wish->request, payload,
	    length, done, argument);
	deciding->event.content = wish->content;
	if (origin != NULL) {
		deciding->asked = true;
		memcpy(deciding->origin, origin, ONION_KEY);
		memcpy(deciding->digest, digest, 32);
	}
	deciding_turn(deciding);
}

void
state_decide_again(const struct signed_event *event,
    const uint8_t request[UUID_SIZE], room_done done, void *argument)
{
	char *payload = malloc(event->payload_length + 1);
	struct deciding *deciding;

	if (payload == NULL)
		fatal("out of memory");
	memcpy(payload, event->payload, event->payload_length);
	deciding = deciding_new(&event->event.room, event->event.kind, request,
	    payload, event->payload_length, done, argument);
	deciding->event.content = event->event.content;
	deciding->again = true;
	deciding_turn(deciding);
}
