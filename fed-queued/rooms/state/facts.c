/* SPDX-License-Identifier: ISC */
/* What a state event is judged by, asked and read; see facts.h. */
#include <string.h>

#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "rooms/columns.h"
#include "rooms/state/facts.h"

static void
user_add(struct db_parameters *parameters, char text[COLUMNS_USER_SIZE],
    const struct room_user *user)
{
	if (user->name[0] == '\0') {
		db_add_null(parameters);
		return;
	}
	columns_user_format(text, user);
	db_add_text(parameters, text);
}

void
facts_call(const struct room_event *event, const uint8_t *origin,
    const uint8_t *request, db_callback callback, void *argument)
{
	const struct room_content *content = &event->content;
	char room[ROOM_ID_SIZE], member[COLUMNS_USER_SIZE];
	char inviter[COLUMNS_USER_SIZE], address[ONION_SIZE];
	struct db_parameters parameters;

	room_id_format(room, &event->room);
	db_parameters_init(&parameters);
	db_add_text(&parameters, room);
	db_add_integer(&parameters, event->number);
	user_add(&parameters, member, &content->user);
	user_add(&parameters, inviter, &content->inviter);
	if (event->kind == ROOM_INVITE || content->has_nonce)
		db_add_bytes(&parameters, content->nonce, ROOM_NONCE);
	else
		db_add_null(&parameters);
	if (origin != NULL) {
		onion_format(address, origin);
		db_add_text(&parameters, address);
		db_add_uuid(&parameters, request);
	} else {
		db_add_null(&parameters);
		db_add_null(&parameters);
	}
	db_call(env.db, SQL_ROOM_EVENT_FACTS, &parameters, callback, argument);
	db_parameters_free(&parameters);
}

/* Columns of room_event_facts(). */
enum {
	FACT_VERSION,
	FACT_STATE,
	FACT_WANTED = 8,
	FACT_KNOWN,
	FACT_USER,
	FACT_INVITER = 12,
	FACT_INVITATION = 14,
	FACT_INVITED = 20,
	FACT_LISTED,
	FACT_PENDING,
	FACT_RESTORED,
	FACT_SERVERS,
	FACT_ASKED,
	FACT_DIGEST,
	FACT_MEMBER_SERVERS,
	FACT_SERVER_IN
};

void
facts_row(struct event_facts *to, const struct room_id *room, PGresult *result)
{
	struct room_facts *facts = &to->facts;

	if (PQntuples(result) != 1)
		fatal("database told nothing of an event");
	memset(to, 0, sizeof(*to));
	to->version = row_integer(result, 0, FACT_VERSION);
	to->state.room = *room;
	columns_state(&to->state, result, 0, FACT_STATE);
	to->wanted = row_bool(result, 0, FACT_WANTED);
	if (row_bytes(to->known, sizeof(to->known), result, 0, FACT_KNOWN))
		facts->known = to->known;
	columns_member(&facts->user, result, 0, FACT_USER);
	columns_member(&facts->inviter, result, 0, FACT_INVITER);
	if (columns_invitation(&to->invitation, result, 0, FACT_INVITATION))
		facts->invitation = &to->invitation;
	facts->invited = row_integer(result, 0, FACT_INVITED);
	facts->listed = row_bool(result, 0, FACT_LISTED);
	facts->servers = (uint32_t)row_integer(result, 0, FACT_MEMBER_SERVERS);
	facts->server_in = row_bool(result, 0, FACT_SERVER_IN);
	to->pending = row_bool(result, 0, FACT_PENDING);
	to->recovery.since = row_integer(result, 0, FACT_RESTORED);
	to->recovery.servers = (uint32_t)row_integer(result, 0, FACT_SERVERS);
	to->recovery.asked = (uint32_t)row_integer(result, 0, FACT_ASKED);
	to->has_digest =
	    row_bytes(to->digest, sizeof(to->digest), result, 0, FACT_DIGEST);
}
