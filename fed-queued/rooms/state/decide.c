/* SPDX-License-Identifier: ISC */
/*
 * Decisions of a room's home: what is known is read, the event decided by it
 * and committed, and all of it once more when another worker was faster.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "db/types.h"
#include "env.h"
#include "proto/ed.h"
#include "room/room_home.h"
#include "room/room_restore.h"
#include "rooms/attempt.h"
#include "rooms/state/decide.h"
#include "rooms/state/facts.h"
#include "rooms/state/requests.h"
#include "rooms/turn.h"

#define WAITS_MAX 8 /* for events before it to be signed */

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
	uint32_t attempts;
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

	switch (attempt_end(&deciding->attempts, "room-decision", result,
	    sqlstate, result != NULL && row_bool(result, 0, 0))) {
	case ATTEMPT_STORED:
		deciding_end(deciding, true);
		break;
	case ATTEMPT_AGAIN:
		deciding_run(deciding);
		break;
	case ATTEMPT_FAILED:
		deciding_end(deciding, false);
		break;
	}
}

static void
deciding_write(struct deciding *deciding, int64_t version)
{
	const struct room_event *event = &deciding->event;
	char text[SIGNTEXT_STATE_MAX], origin[ONION_SIZE];
	struct room_event_row row = {.number = event->number};
	struct db_parameters parameters;

	row.kind = db_span_text(room_kind_name(event->kind));
	row.key_id = db_span_bytes(event->key_id, ROOM_HASH);
	row.signing_text = db_span_bytes(text, room_event_text(text, event));
	row.payload =
	    db_span_bytes(deciding->payload, deciding->payload_length);
	db_parameters_init(&parameters);
	db_add_text(&parameters, deciding->room);
	db_add_integer(&parameters, version);
	db_add_row(&parameters, env.db, TYPE_room_event_row, &row);
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

static struct room_verdict
deciding_judge(struct deciding *deciding, const struct event_facts *facts)
{
	struct room_verdict verdict = {ROOM_KNOWN, CODE_OK, 0, 0, 0, 0};
	struct room_event *event = &deciding->event;
	bool pending;

	if (deciding->asked && facts->has_digest) {
		if (memcmp(facts->digest, deciding->digest, 32) == 0)
			return verdict;
		verdict.outcome = ROOM_REFUSED;
		verdict.code = CODE_ID_CONFLICT;
		return verdict;
	}
	room_home_event(event, &facts->state, clock_now());
	memcpy(event->key_id, env.identity.key_id, sizeof(event->key_id));
	/* One that is decided again is what is pending itself, and so is the
	 * request to create. */
	pending = (facts->pending && !deciding->again) ||
		  (facts->creating && event->kind != ROOM_CREATE);
	return room_home_decide(&facts->state, event, &facts->facts,
	    &facts->recovery, pending, clock_now());
}

/* The event before it is about to be signed: this one comes after that. */
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
		 deciding->waits++ < WAITS_MAX)
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
	struct deciding *deciding = xcalloc(1, sizeof(*deciding));

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

/* The event's payload; NULL when others would refuse its form. */
static char *
payload_make(const struct state_request *request, size_t *length)
{
	struct room_payload_content from = {request->kind, request->content,
	    request->servers, request->metadata, request->metadata_length};
	struct room_payload_servers servers;
	struct room_content content;
	char *payload = xpointer(room_payload_content_format(&from, length));

	if (room_payload_content(
		&content, &servers, request->kind, payload, *length) == CODE_OK)
		return payload;
	free(payload);
	return NULL;
}

void
state_decide(const struct state_request *request, const uint8_t *origin,
    const uint8_t *digest, room_done done, void *argument)
{
	struct room_verdict malformed = {
	    ROOM_REFUSED, CODE_PAYLOAD_MALFORMED, 0, 0, 0, 0};
	struct deciding *deciding;
	char *payload;
	size_t length;

	payload = payload_make(request, &length);
	if (payload == NULL) {
		done(&malformed, true, argument);
		return;
	}
	deciding = deciding_new(&request->room, request->kind, request->request,
	    payload, length, done, argument);
	deciding->event.content = request->content;
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
	char *payload = xmemdup(event->payload, event->payload_length);
	struct deciding *deciding;

	deciding = deciding_new(&event->event.room, event->event.kind, request,
	    payload, event->payload_length, done, argument);
	deciding->event.content = event->event.content;
	deciding->again = true;
	deciding_turn(deciding);
}
