/* SPDX-License-Identifier: ISC */
/*
 * State events, whoever sent them: what is known is read, the event judged by
 * it and written, and all of it once more when another worker was faster.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "inbound/inbox.h"
#include "rooms/attempt.h"
#include "rooms/resync.h"
#include "rooms/state/chain_cut.h"
#include "rooms/state/facts.h"
#include "rooms/state/take.h"
#include "rooms/turn.h"
#include "rooms/values.h"
#include "rooms/vouch.h"

/* One call of state_take(), while it is under way. */
struct taking {
	struct signed_event event; /* its payload is owned */
	char room[ROOM_ID_SIZE];
	char cert[CERT_MAX];
	size_t cert_length;
	uint8_t via[ONION_KEY];
	bool counts; /* though its certificate may be revoked */
	/* of a contradiction: what it was found by */
	int64_t version;
	int64_t last;
	uint32_t attempts;
	struct room_verdict verdict;
	room_done done;
	void *argument;
};

static void (*observer)(const struct room_id *, enum room_kind);

static void taking_run(void *argument);

static void
taking_end(struct taking *taking, bool ok)
{
	struct room_id room = taking->event.event.room;

	taking->done(ok ? &taking->verdict : NULL, ok, taking->argument);
	free(taking->event.payload);
	free(taking);
	turn_end(&room);
}

static void
taking_log(const struct taking *taking)
{
	const struct room_event *event = &taking->event.event;
	char address[LOG_ADDRESS_SIZE];

	log_address(address, event->room.home);
	if (taking->verdict.outcome == ROOM_TAKEN)
		log_info("room-event server=%s kind=%s number=%lld", address,
		    room_kind_name(event->kind), (long long)event->number);
	else
		log_error("state-conflict server=%s code=%s number=%lld",
		    address, code_name(taking->verdict.code),
		    (long long)taking->verdict.from);
}

/*
 * What we lack is asked for: of the home, or, when that is us, of the server
 * that sent this one.
 */
static void
taking_sync(const struct taking *taking)
{
	const struct room_id *room = &taking->event.event.room;
	const uint8_t *self = env.identity.server;

	if (memcmp(room->home, self, ONION_KEY) != 0)
		resync_soon(room, NULL);
	else if (memcmp(taking->via, self, ONION_KEY) != 0)
		resync_soon(room, taking->via);
}

static void
taking_stored(struct taking *taking)
{
	const struct room_event *event = &taking->event.event;

	taking_log(taking);
	inbox_stored();
	observer(&event->room, event->kind);
	/* The server that sent it gets the event that contradicts it. */
	if (taking->verdict.outcome == ROOM_CONFLICT) {
		resync_prove(&event->room, taking->via, taking->verdict.from);
		resync_soon(&event->room, taking->via);
	}
	taking_end(taking, true);
}

static void
taking_written(PGresult *result, const char *sqlstate, void *argument)
{
	struct taking *taking = argument;

	switch (attempt_end(&taking->attempts, "room-event", result, sqlstate,
	    result != NULL && row_bool(result, 0, 0))) {
	case ATTEMPT_STORED:
		taking_stored(taking);
		break;
	case ATTEMPT_AGAIN:
		taking_run(taking);
		break;
	case ATTEMPT_FAILED:
		taking_end(taking, false);
		break;
	}
}

static void
event_make(struct room_event_row *row, const struct taking *taking)
{
	values_event_make(row, &taking->event);
	row->certificate = db_span_bytes(taking->cert, taking->cert_length);
}

static void
taking_write(struct taking *taking, const struct event_facts *facts,
    const struct room_effect *effect)
{
	static const char *const changes[] = {
	    [ROOM_MEMBERS_SAME] = "same",
	    [ROOM_MEMBERS_ADD] = "add",
	    [ROOM_MEMBERS_END] = "end",
	    [ROOM_MEMBERS_TAKE_BACK] = "take_back",
	    [ROOM_MEMBERS_END_UNLISTED] = "end_unlisted",
	    [ROOM_MEMBERS_END_REMOTE] = "end_remote",
	    [ROOM_MEMBERS_END_ALL] = "end_all",
	};
	struct room_state_row state;
	struct room_event_row event;
	struct room_effect_row row = {.invitation_add = effect->invitation_add,
	    .invitation_used = effect->invitation_used,
	    .servers_set = effect->servers_set};
	struct db_parameters parameters;

	values_state_make(&state, &facts->state, facts->version);
	event_make(&event, taking);
	row.members = db_span_text(changes[effect->members]);
	db_parameters_init(&parameters);
	db_add_text(&parameters, taking->room);
	db_add_row(&parameters, env.db, TYPE_room_state_row, &state);
	db_add_row(&parameters, env.db, TYPE_room_event_row, &event);
	db_add_row(&parameters, env.db, TYPE_room_effect_row, &row);
	db_call(
	    env.db, SQL_ROOM_EVENT_WRITE, &parameters, taking_written, taking);
	db_parameters_free(&parameters);
}

static void
taking_conflict(struct taking *taking)
{
	struct room_event_row event;
	struct db_parameters parameters;

	event_make(&event, taking);
	db_parameters_init(&parameters);
	db_add_text(&parameters, taking->room);
	db_add_integer(&parameters, taking->version);
	db_add_text(&parameters, code_name(taking->verdict.code));
	db_add_integer(&parameters, taking->verdict.from);
	db_add_integer(&parameters, taking->verdict.code == CODE_STATE_CONFLICT
					? taking->verdict.from
					: taking->last);
	db_add_row(&parameters, env.db, TYPE_room_event_row, &event);
	db_call(env.db, SQL_ROOM_EVENT_CONFLICT, &parameters, taking_written,
	    taking);
	db_parameters_free(&parameters);
}

/* What we had gave way, and it is judged anew; or it is a contradiction. */
static void
taking_cut(bool cut, bool ok, void *argument)
{
	struct taking *taking = argument;

	if (!ok)
		taking_end(taking, false);
	else if (cut)
		taking_run(taking);
	else
		taking_conflict(taking);
}

static bool
is_self(const uint8_t server[ONION_KEY])
{
	return memcmp(server, env.identity.server, ONION_KEY) == 0;
}

/* Whether an administrator has us take what that server has. */
static bool
taking_adopts(const struct taking *taking, const struct event_facts *facts)
{
	return facts->has_adopt &&
	       memcmp(facts->adopt_from, taking->via, ONION_KEY) == 0 &&
	       room_adopts(&facts->recovery, clock_now());
}

/* Whether it counts, and whether it is for others to tell at all. */
static void
taking_vouch(struct taking *taking, const struct event_facts *facts)
{
	const struct room_event *event = &taking->event.event;
	bool adopts = taking_adopts(taking, facts);

	taking->verdict = room_vouch_judge(&taking->verdict,
	    taking->counts || adopts,
	    is_self(event->room.home) && !is_self(taking->via),
	    room_restored_lately(facts->recovery.since, clock_now()) || adopts);
}

static void
adopt_ended(PGresult *result, const char *sqlstate, void *argument)
{
	struct taking *taking = argument;

	if (result == NULL)
		log_warning("room-adopt not ended sqlstate=%s", sqlstate);
	taking_end(taking, result != NULL);
}

/* What the server has that an administrator named is another chain than ours:
 * ours stays, and nothing is frozen by it. */
static void
adopt_refuse(struct taking *taking)
{
	char address[LOG_ADDRESS_SIZE];
	struct db_parameters parameters;

	log_error("room-adopt refused room=%.8s server=%s number=%lld",
	    taking->room, log_address(address, taking->via),
	    (long long)taking->verdict.from);
	taking->verdict.outcome = ROOM_REFUSED;
	taking->verdict.code = CODE_SPEAKER;
	db_parameters_init(&parameters);
	db_add_text(&parameters, taking->room);
	db_call(env.db, SQL_ROOM_ADOPT_END, &parameters, adopt_ended, taking);
	db_parameters_free(&parameters);
}

/* Our own chain gives way to nothing. */
static void
taking_contradicted(struct taking *taking, const struct event_facts *facts)
{
	const struct room_id *room = &taking->event.event.room;

	taking->version = facts->version;
	taking->last = facts->state.number;
	if (taking_adopts(taking, facts))
		adopt_refuse(taking);
	else if (is_self(room->home))
		taking_conflict(taking);
	else
		state_cut(room, &taking->verdict, taking_cut, taking);
}

static void
taking_known(PGresult *result, const char *sqlstate, void *argument)
{
	struct taking *taking = argument;
	struct room_effect effect;
	struct event_facts facts;

	if (result == NULL) {
		log_warning("room-event not judged sqlstate=%s", sqlstate);
		taking_end(taking, false);
		return;
	}
	facts_row(&facts, &taking->event.event.room, result);
	if (!facts.wanted) {
		taking->verdict.outcome = ROOM_REFUSED;
		taking->verdict.code = CODE_ROOM_UNKNOWN;
		taking_end(taking, true);
		return;
	}
	taking->verdict = room_state_apply(&facts.state, &taking->event.event,
	    &facts.facts, clock_now(), &effect);
	taking_vouch(taking, &facts);
	/* We have just signed it ourselves, and nobody else has seen it:
	 * another worker's event came first, which is no contradiction. */
	if (taking->verdict.outcome == ROOM_CONFLICT && is_self(taking->via))
		taking->verdict.outcome = ROOM_REFUSED;
	if (taking->verdict.outcome == ROOM_TAKEN)
		taking_write(taking, &facts, &effect);
	else if (taking->verdict.outcome == ROOM_CONFLICT)
		taking_contradicted(taking, &facts);
	else {
		if (taking->verdict.code == CODE_STATE_GAP)
			taking_sync(taking);
		taking_end(taking, true);
	}
}

static void
taking_run(void *argument)
{
	struct taking *taking = argument;

	facts_call(&taking->event.event, NULL, NULL, taking_known, taking);
}

void
state_observe(void (*changed)(const struct room_id *, enum room_kind))
{
	observer = changed;
}

void
state_take(const struct signed_event *event, const struct cert *cert,
    const uint8_t via[ONION_KEY], bool vouched, room_done done, void *argument)
{
	struct room_verdict forged = {ROOM_REFUSED, CODE_NOT_HOME, 0, 0, 0, 0};
	struct taking *taking;

	if (!room_event_verify(
		&event->event, event->signature, cert->signing_key)) {
		done(&forged, true, argument);
		return;
	}
	taking = xcalloc(1, sizeof(*taking));
	taking->event = *event;
	taking->event.payload = xmemdup(event->payload, event->payload_length);
	room_id_format(taking->room, &event->event.room);
	taking->cert_length = cert_format(taking->cert, cert);
	memcpy(taking->via, via, ONION_KEY);
	taking->counts = vouched || !vouch_revoked(cert) ||
			 memcmp(event->event.room.home, via, ONION_KEY) == 0;
	taking->done = done;
	taking->argument = argument;
	turn_begin(&taking->event.event.room, taking_run, taking);
}
