/* SPDX-License-Identifier: ISC */
/* Invitations that others show to our users; see invitation.h. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "db/statements.h"
#include "env.h"
#include "inbound/inbox.h"
#include "room/room_invite.h"
#include "rooms/invitation.h"
#include "rooms/room_row.h"
#include "servers/peer_table.h"

#define TRIES	    8 /* against other workers */
#define OVERTAKEN_S 5

/* An id that is being kept. */
struct keep {
	room_done done;
	void *argument;
	char address[LOG_ADDRESS_SIZE];
	char id[UUID_TEXT + 1];
};

/* An invitation that is being judged. */
struct shown {
	const struct commit_item *item;
	room_done done;
	void *argument;
	uint8_t origin[32];
	struct room_event event;
	uint8_t hash[ROOM_HASH]; /* of the event */
	char *room_key;		 /* terminated, as metadata is */
	char *metadata;
	unsigned int tries;
	enum room_showing showing;
};

static void shown_load(struct shown *shown);

static void
keep_done(PGresult *result, const char *sqlstate, void *argument)
{
	struct room_verdict verdict = {ROOM_TAKEN, CODE_OK, 0, 0, 0, 0};
	struct keep *keep = argument;

	if (result == NULL)
		log_warning("room item not kept sqlstate=%s", sqlstate);
	else if (!row_bool(result, 0, 0)) {
		verdict.outcome = ROOM_REFUSED;
		verdict.code = CODE_ID_CONFLICT;
		log_warning(
		    "id-conflict id=%s server=%s", keep->id, keep->address);
	}
	keep->done(&verdict, result != NULL, keep->argument);
	free(keep);
}

void
received_keep(const uint8_t origin[32], const struct commit_item *item,
    room_done done, void *argument)
{
	struct keep *keep = calloc(1, sizeof(*keep));
	struct db_parameters parameters;
	char address[ONION_SIZE];

	if (keep == NULL)
		fatal("out of memory");
	keep->done = done;
	keep->argument = argument;
	log_address(keep->address, origin);
	uuid_format(keep->id, item->wait.message_id);
	onion_format(address, origin);
	db_parameters_init(&parameters);
	db_add_text(&parameters, address);
	db_add_uuid(&parameters, item->wait.message_id);
	db_add_bytes(&parameters, item->digest, 32);
	db_add_bytes(&parameters, item->payload, item->wait.size);
	db_call(env.db, SQL_ROOM_ITEM_RECEIVED, &parameters, keep_done, keep);
	db_parameters_free(&parameters);
}

/* verdict NULL: the database did not answer. */
static void
shown_end(struct shown *shown, const struct room_verdict *verdict)
{
	shown->done(verdict, verdict != NULL, shown->argument);
	free(shown->room_key);
	free(shown->metadata);
	free(shown);
}

/* The evidence is kept. */
static void
shown_conflict(const struct room_verdict *kept, bool ok, void *argument)
{
	struct room_verdict verdict = {
	    ROOM_REFUSED, CODE_ID_CONFLICT, 0, 0, 0, 0};

	(void)kept;
	shown_end(argument, ok ? &verdict : NULL);
}

static void
shown_written(PGresult *result, const char *sqlstate, void *argument)
{
	struct room_verdict verdict = {ROOM_TAKEN, CODE_OK, 0, 0, 0, 0};
	struct shown *shown = argument;

	if (result == NULL) {
		log_warning("invitation not stored sqlstate=%s", sqlstate);
		shown_end(shown, NULL);
	} else if (row_bool(result, 0, 0)) {
		inbox_stored();
		shown_end(shown, &verdict);
	} else
		shown_load(shown);
}

static void
shown_write(struct shown *shown)
{
	static const char *const showings[] = {
	    [ROOM_SHOW_QUARANTINE] = "quarantine",
	    [ROOM_SHOW_PENDING] = "pending",
	    [ROOM_SHOW_AUTOMATIC] = "automatic",
	};
	const struct room_content *content = &shown->event.content;
	char room[ROOM_ID_SIZE], origin[ONION_SIZE], inviter[ROOM_USER_SIZE];
	struct db_parameters parameters;

	room_id_format(room, &shown->event.room);
	onion_format(origin, shown->origin);
	room_user_format(inviter, &content->inviter);
	db_parameters_init(&parameters);
	db_add_text(&parameters, room);
	db_add_text(&parameters, origin);
	db_add_bytes(&parameters, content->nonce, ROOM_NONCE);
	db_add_bytes(&parameters, shown->hash, ROOM_HASH);
	db_add_text(&parameters, content->user.name);
	db_add_text(&parameters, inviter);
	db_add_text(&parameters, shown->room_key);
	db_add_text(&parameters, shown->metadata);
	db_add_integer(&parameters, content->expires);
	db_add_text(&parameters, showings[shown->showing]);
	db_add_uuid(&parameters, shown->item->wait.message_id);
	db_add_bytes(&parameters, shown->item->digest, 32);
	db_add_integer(&parameters, ROOM_PENDING_SERVER);
	db_add_integer(&parameters, ROOM_PENDING_INVITEE);
	db_call(
	    env.db, SQL_ROOM_SHOWN_WRITE, &parameters, shown_written, shown);
	db_parameters_free(&parameters);
}

/* Columns: see room_shown_facts(). own: ROOM_HASH bytes for facts->own. */
static void
facts_read(
    struct room_invite_facts *facts, PGresult *result, uint8_t own[ROOM_HASH])
{
	facts->self = env.identity.server;
	facts->origin_level = (int)row_integer(result, 0, 0);
	facts->home_level = (int)row_integer(result, 0, 1);
	facts->user_exists = row_bool(result, 0, 2);
	facts->known = row_bool(result, 0, 3);
	facts->used = row_bool(result, 0, 4);
	facts->pending_server = (uint32_t)row_integer(result, 0, 6);
	facts->pending_invitee = (uint32_t)row_integer(result, 0, 7);
	facts->own = row_bytes(own, ROOM_HASH, result, 0, 8) ? own : NULL;
}

static struct room_verdict
shown_judge(struct shown *shown, PGresult *result)
{
	struct room_verdict verdict = {
	    ROOM_WAIT, CODE_STORAGE, OVERTAKEN_S, 0, 0, 0};
	struct room_invite_facts facts;
	uint8_t own[ROOM_HASH], digest[32];

	facts_read(&facts, result, own);
	facts.origin = shown->origin;
	if (row_bytes(digest, sizeof(digest), result, 0, 9)) {
		/* A repetition, whatever has come of the first since. */
		verdict.outcome = ROOM_KNOWN;
		verdict.code = CODE_OK;
		if (memcmp(digest, shown->item->digest, sizeof(digest)) != 0) {
			verdict.outcome = ROOM_REFUSED;
			verdict.code = CODE_ID_CONFLICT;
		}
		return verdict;
	}
	/* Distrusted a moment ago, or others are always faster. */
	if (facts.origin_level < TRUST_KNOWN || shown->tries++ == TRIES)
		return verdict;
	verdict = room_invite_take(
	    &shown->event, &facts, clock_now(), &shown->showing);
	/* A nonce is new in its room: the home has made two events with it. */
	if (verdict.outcome == ROOM_TAKEN && row_bool(result, 0, 5)) {
		verdict.outcome = ROOM_REFUSED;
		verdict.code = CODE_STATE_INVALID;
	}
	return verdict;
}

static void
shown_loaded(PGresult *result, const char *sqlstate, void *argument)
{
	struct shown *shown = argument;
	struct room_verdict verdict;

	if (result == NULL) {
		log_warning("invitation not judged sqlstate=%s", sqlstate);
		shown_end(shown, NULL);
		return;
	}
	verdict = shown_judge(shown, result);
	if (verdict.outcome == ROOM_TAKEN)
		shown_write(shown);
	else if (verdict.code == CODE_ID_CONFLICT)
		received_keep(
		    shown->origin, shown->item, shown_conflict, shown);
	else
		shown_end(shown, &verdict);
}

static void
shown_load(struct shown *shown)
{
	const struct room_content *content = &shown->event.content;
	char room[ROOM_ID_SIZE], origin[ONION_SIZE];
	struct db_parameters parameters;

	room_id_format(room, &shown->event.room);
	onion_format(origin, shown->origin);
	db_parameters_init(&parameters);
	db_add_text(&parameters, room);
	db_add_text(&parameters, origin);
	db_add_bytes(&parameters, content->nonce, ROOM_NONCE);
	db_add_bytes(&parameters, shown->hash, ROOM_HASH);
	db_add_integer(&parameters, shown->event.number);
	db_add_text(&parameters, content->user.name);
	db_add_uuid(&parameters, shown->item->wait.message_id);
	db_call(env.db, SQL_ROOM_SHOWN_FACTS, &parameters, shown_loaded, shown);
	db_parameters_free(&parameters);
}

void
invitation_take(const struct event_payload_invite *invite,
    const uint8_t origin[32], const struct commit_item *item, room_done done,
    void *argument)
{
	struct shown *shown = calloc(1, sizeof(*shown));

	if (shown == NULL)
		fatal("out of memory");
	shown->item = item;
	shown->done = done;
	shown->argument = argument;
	memcpy(shown->origin, origin, sizeof(shown->origin));
	shown->event = invite->event.event;
	room_event_hash(shown->hash, &shown->event);
	shown->room_key = strndup(invite->room_key, invite->room_key_length);
	shown->metadata = strndup(invite->metadata, invite->metadata_length);
	if (shown->room_key == NULL || shown->metadata == NULL)
		fatal("out of memory");
	shown_load(shown);
}
