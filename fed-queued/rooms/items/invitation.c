/* SPDX-License-Identifier: ISC */
/* Invitations to our users; see invitation.h. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "inbound/inbox.h"
#include "room/room_invite.h"
#include "rooms/attempt.h"
#include "rooms/items/invitation.h"
#include "rooms/items/received.h"
#include "rooms/items/showing.h"
#include "rooms/values.h"
#include "servers/peer_table.h"

/* An invitation that is being judged. */
struct invitation {
	const struct commit_item *item;
	room_done done;
	void *argument;
	uint8_t origin[32];
	bool looks_up; /* the origin may: so was it read */
	struct room_event event;
	uint8_t hash[ROOM_HASH]; /* of the event */
	char *room_key;		 /* terminated, as metadata is */
	char *metadata;
	uint32_t attempts;
	struct room_invite_effect effect;
};

static const struct room_verdict later = {
    ROOM_WAIT, CODE_STORAGE, ATTEMPT_RETRY_S, 0, 0, 0};

static void invitation_load(struct invitation *invitation);

/* verdict NULL: the database did not answer. */
static void
invitation_end(
    struct invitation *invitation, const struct room_verdict *verdict)
{
	invitation->done(verdict, verdict != NULL, invitation->argument);
	free(invitation->room_key);
	free(invitation->metadata);
	free(invitation);
}

/* The evidence is kept. */
static void
invitation_conflict(const struct room_verdict *kept, bool ok, void *argument)
{
	struct room_verdict verdict = {
	    ROOM_REFUSED, CODE_ID_CONFLICT, 0, 0, 0, 0};

	(void)kept;
	invitation_end(argument, ok ? &verdict : NULL);
}

static void
invitation_written(PGresult *result, const char *sqlstate, void *argument)
{
	struct room_verdict verdict = {ROOM_TAKEN, CODE_OK, 0, 0, 0, 0};
	struct invitation *invitation = argument;

	switch (attempt_end(&invitation->attempts, "invitation", result,
	    sqlstate, result != NULL && row_bool(result, 0, 0))) {
	case ATTEMPT_STORED:
		if (invitation->effect.at_once)
			inbox_stored();
		invitation_end(invitation, &verdict);
		break;
	case ATTEMPT_AGAIN:
		invitation_load(invitation);
		break;
	case ATTEMPT_FAILED:
		invitation_end(invitation, result == NULL ? NULL : &later);
		break;
	}
}

/* 0: any number. */
static void
most_add(struct db_parameters *parameters, uint32_t most)
{
	if (most > 0)
		db_add_integer(parameters, most);
	else
		db_add_null(parameters);
}

static void
invitation_write(struct invitation *invitation)
{
	const struct room_invite_effect *effect = &invitation->effect;
	const struct room_content *content = &invitation->event.content;
	char room[ROOM_ID_SIZE], origin[ONION_SIZE], inviter[VALUES_USER_SIZE];
	struct room_shown_row row = {
	    .nonce = db_span_bytes(content->nonce, ROOM_NONCE),
	    .event_hash = db_span_bytes(invitation->hash, ROOM_HASH),
	    .invitee = db_span_text(content->user.name),
	    .room_key = db_span_text(invitation->room_key),
	    .metadata = db_span_text(invitation->metadata),
	    .expires = content->expires,
	    .showing = db_span_text(showing_name(effect->showing))};
	struct db_parameters parameters;

	room_id_format(room, &invitation->event.room);
	onion_format(origin, invitation->origin);
	values_user_format(inviter, &content->inviter);
	row.inviter = db_span_text(inviter);
	db_parameters_init(&parameters);
	db_add_text(&parameters, room);
	db_add_text(&parameters, origin);
	db_add_row(&parameters, env.db, TYPE_room_shown_row, &row);
	db_add_uuid(&parameters, invitation->item->wait.message_id);
	db_add_bytes(&parameters, invitation->item->digest, 32);
	most_add(&parameters, effect->open_most);
	most_add(&parameters, effect->waiting_most);
	most_add(&parameters, effect->at_once ? ROOM_PENDING_INVITEE : 0);
	db_call(env.db, SQL_ROOM_INVITATION_WRITE, &parameters,
	    invitation_written, invitation);
	db_parameters_free(&parameters);
}

/* Columns: see room_invitation_facts(). own: ROOM_HASH bytes for facts->own. */
static void
facts_read(
    struct room_invite_facts *facts, PGresult *result, uint8_t own[ROOM_HASH])
{
	facts->self = env.identity.server;
	facts->origin_level = (int)row_integer(result, 0, 0);
	facts->home_level = (int)row_integer(result, 0, 1);
	facts->user_exists = row_bool(result, 0, 2);
	facts->known = row_bool(result, 0, 3);
	facts->other = row_bool(result, 0, 4);
	facts->open_server = (uint32_t)row_integer(result, 0, 5);
	facts->waiting_server = (uint32_t)row_integer(result, 0, 6);
	facts->waiting_invitee = (uint32_t)row_integer(result, 0, 7);
	facts->own = row_bytes(own, ROOM_HASH, result, 0, 8) ? own : NULL;
}

/* As with look-ups: only for such an origin anything is read of the invitee. */
static bool
origin_looks_up(const struct invitation *invitation)
{
	struct peer *peer = peer_table_find(invitation->origin);

	return peer != NULL && peer->trust >= TRUST_VERIFIED &&
	       limiter_ready(&peer->lookups, 1, clock_ms());
}

static bool
origin_pays(const struct invitation *invitation)
{
	struct peer *peer = peer_table_find(invitation->origin);

	return peer != NULL && limiter_take(&peer->lookups, 1, clock_ms());
}

static struct room_verdict
invitation_judge(struct invitation *invitation, PGresult *result)
{
	struct room_verdict verdict = later;
	struct room_invite_facts facts;
	uint8_t own[ROOM_HASH], digest[32];

	facts_read(&facts, result, own);
	facts.looks_up =
	    invitation->looks_up && facts.origin_level >= TRUST_VERIFIED;
	facts.origin = invitation->origin;
	if (row_bytes(digest, sizeof(digest), result, 0, 9)) {
		/* The id came before, whatever has become of it since. */
		verdict.outcome = ROOM_KNOWN;
		verdict.code = CODE_OK;
		if (memcmp(digest, invitation->item->digest, sizeof(digest)) !=
		    0) {
			verdict.outcome = ROOM_REFUSED;
			verdict.code = CODE_ID_CONFLICT;
		}
		return verdict;
	}
	/* It was distrusted a moment ago. */
	if (facts.origin_level < TRUST_KNOWN)
		return verdict;
	verdict = room_invite_take(
	    &invitation->event, &facts, clock_now(), &invitation->effect);
	if (!invitation->effect.costs || origin_pays(invitation))
		return verdict;
	/* Another answer took the last token meanwhile. */
	facts.looks_up = false;
	return room_invite_take(
	    &invitation->event, &facts, clock_now(), &invitation->effect);
}

static void
invitation_loaded(PGresult *result, const char *sqlstate, void *argument)
{
	struct invitation *invitation = argument;
	struct room_verdict verdict;

	if (result == NULL) {
		log_warning("invitation not judged sqlstate=%s", sqlstate);
		invitation_end(invitation, NULL);
		return;
	}
	verdict = invitation_judge(invitation, result);
	if (verdict.outcome == ROOM_TAKEN)
		invitation_write(invitation);
	else if (verdict.code == CODE_ID_CONFLICT)
		received_keep(invitation->origin, invitation->item,
		    invitation_conflict, invitation);
	else
		invitation_end(invitation, &verdict);
}

static void
invitation_load(struct invitation *invitation)
{
	const struct room_content *content = &invitation->event.content;
	char room[ROOM_ID_SIZE], origin[ONION_SIZE];
	struct db_parameters parameters;

	room_id_format(room, &invitation->event.room);
	onion_format(origin, invitation->origin);
	db_parameters_init(&parameters);
	db_add_text(&parameters, room);
	db_add_text(&parameters, origin);
	db_add_bytes(&parameters, content->nonce, ROOM_NONCE);
	db_add_bytes(&parameters, invitation->hash, ROOM_HASH);
	db_add_integer(&parameters, invitation->event.number);
	db_add_text(&parameters, content->user.name);
	db_add_uuid(&parameters, invitation->item->wait.message_id);
	invitation->looks_up = origin_looks_up(invitation);
	db_add_text(&parameters, invitation->looks_up ? "t" : "f");
	db_call(env.db, SQL_ROOM_INVITATION_FACTS, &parameters,
	    invitation_loaded, invitation);
	db_parameters_free(&parameters);
}

void
invitation_take(const struct event_payload_invite *invite,
    const uint8_t origin[32], const struct commit_item *item, room_done done,
    void *argument)
{
	struct invitation *invitation = xcalloc(1, sizeof(*invitation));

	invitation->item = item;
	invitation->done = done;
	invitation->argument = argument;
	memcpy(invitation->origin, origin, sizeof(invitation->origin));
	invitation->event = invite->event.event;
	room_event_hash(invitation->hash, &invitation->event);
	invitation->room_key =
	    xpointer(strndup(invite->room_key, invite->room_key_length));
	invitation->metadata =
	    xpointer(strndup(invite->metadata, invite->metadata_length));
	invitation_load(invitation);
}
