/* SPDX-License-Identifier: ISC */
/*
 * State events from any hand: read what is known, judge, write, and once more
 * from the start when another worker was faster.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "db/statements.h"
#include "env.h"
#include "inbound/inbox.h"
#include "rooms/messages/look.h"
#include "rooms/resync.h"
#include "rooms/room_row.h"
#include "rooms/state/facts.h"
#include "rooms/state/take.h"
#include "rooms/turn.h"

/* Another worker won: SQLSTATE of a transaction that gave way. */
#define OVERTAKEN "40001"

/* One call of state_take(), while it is under way. */
struct taking {
	struct signed_event event; /* its payload is owned */
	char room[ROOM_ID_SIZE];
	char cert[CERT_MAX];
	size_t cert_length;
	uint8_t via[ONION_KEY];
	struct room_verdict verdict;
	room_done done;
	void *argument;
};

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

/* What we lack is asked for: of the home, or of who showed that it has it. */
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
taking_written(PGresult *result, const char *sqlstate, void *argument)
{
	struct taking *taking = argument;

	if (result == NULL && strcmp(sqlstate, OVERTAKEN) != 0) {
		log_warning("room-event not stored sqlstate=%s", sqlstate);
		taking_end(taking, false);
		return;
	}
	if (result == NULL || !row_bool(result, 0, 0)) {
		taking_run(taking);
		return;
	}
	taking_log(taking);
	inbox_stored();
	messages_judge(&taking->event.event.room);
	/* Messages of one who is a member now have waited for it. */
	if (taking->event.event.kind == ROOM_CREATE ||
	    taking->event.event.kind == ROOM_JOIN)
		messages_look();
	/* He is shown what stands against it. */
	if (taking->verdict.outcome == ROOM_CONFLICT)
		resync_soon(&taking->event.event.room, taking->via);
	taking_end(taking, true);
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
	const struct signed_event *event = &taking->event;
	const struct room_state *state = &facts->state;
	struct db_parameters parameters;

	db_parameters_init(&parameters);
	db_add_text(&parameters, taking->room);
	db_add_integer(&parameters, facts->version);
	db_add_integer(&parameters, state->number);
	db_add_integer(&parameters, state->closed);
	db_add_integer(&parameters, state->disputed);
	db_add_text(&parameters, state->require_invite ? "t" : "f");
	db_add_text(&parameters, state->federated ? "t" : "f");
	db_add_text(&parameters, state->restricted ? "t" : "f");
	db_add_text(&parameters, room_kind_name(event->event.kind));
	db_add_bytes(&parameters, event->text, event->text_length);
	db_add_bytes(&parameters, event->payload, event->payload_length);
	db_add_bytes(&parameters, event->signature, sizeof(event->signature));
	db_add_bytes(&parameters, event->event.key_id, ROOM_HASH);
	db_add_bytes(&parameters, taking->cert, taking->cert_length);
	db_add_text(&parameters, changes[effect->members]);
	db_add_text(&parameters, effect->invitation_add ? "t" : "f");
	db_add_text(&parameters, effect->invitation_used ? "t" : "f");
	db_add_text(&parameters, effect->servers_set ? "t" : "f");
	db_call(
	    env.db, SQL_ROOM_EVENT_WRITE, &parameters, taking_written, taking);
	db_parameters_free(&parameters);
}

/* state: before it was frozen. */
static void
taking_conflict(
    struct taking *taking, int64_t version, const struct room_state *state)
{
	const struct signed_event *event = &taking->event;
	struct db_parameters parameters;

	db_parameters_init(&parameters);
	db_add_text(&parameters, taking->room);
	db_add_integer(&parameters, version);
	db_add_text(&parameters, code_name(taking->verdict.code));
	db_add_integer(&parameters, taking->verdict.from);
	db_add_integer(&parameters, taking->verdict.code == CODE_STATE_CONFLICT
					? taking->verdict.from
					: state->number);
	db_add_bytes(&parameters, event->text, event->text_length);
	db_add_bytes(&parameters, event->payload, event->payload_length);
	db_add_bytes(&parameters, event->signature, sizeof(event->signature));
	db_add_bytes(&parameters, taking->cert, taking->cert_length);
	db_call(env.db, SQL_ROOM_EVENT_CONFLICT, &parameters, taking_written,
	    taking);
	db_parameters_free(&parameters);
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
	taking->verdict = room_state_apply(
	    &facts.state, &taking->event.event, &facts.facts, &effect);
	/* One that we have just signed, and nobody has seen: another worker's
	 * was first. */
	if (taking->verdict.outcome == ROOM_CONFLICT &&
	    memcmp(taking->via, env.identity.server, ONION_KEY) == 0)
		taking->verdict.outcome = ROOM_REFUSED;
	if (taking->verdict.outcome == ROOM_TAKEN)
		taking_write(taking, &facts, &effect);
	else if (taking->verdict.outcome == ROOM_CONFLICT)
		taking_conflict(taking, facts.version, &facts.state);
	else {
		if (taking->verdict.outcome == ROOM_WAIT)
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
state_take(const struct signed_event *event, const struct cert *cert,
    const uint8_t via[ONION_KEY], room_done done, void *argument)
{
	struct room_verdict forged = {ROOM_REFUSED, CODE_NOT_HOME, 0, 0, 0, 0};
	struct taking *taking;

	if (!room_event_verify(
		&event->event, event->signature, cert->signing_key)) {
		done(&forged, true, argument);
		return;
	}
	taking = calloc(1, sizeof(*taking));
	if (taking == NULL)
		fatal("out of memory");
	taking->event = *event;
	taking->event.payload = malloc(event->payload_length + 1);
	if (taking->event.payload == NULL)
		fatal("out of memory");
	memcpy(taking->event.payload, event->payload, event->payload_length);
	room_id_format(taking->room, &event->event.room);
	taking->cert_length = cert_format(taking->cert, cert);
	memcpy(taking->via, via, ONION_KEY);
	taking->done = done;
	taking->argument = argument;
	turn_begin(&taking->event.event.room, taking_run, taking);
}
