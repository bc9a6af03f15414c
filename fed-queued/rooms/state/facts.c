/* SPDX-License-Identifier: ISC */
/* What a state event is judged by, asked and read; see facts.h. */
#include <string.h>

#include "base/log.h"
#include "db/statements.h"
#include "env.h"
#include "rooms/state/facts.h"
#include "rooms/values.h"

static void
user_add(struct db_parameters *parameters, char text[VALUES_USER_SIZE],
    const struct room_user *user)
{
	if (user->name[0] == '\0') {
		db_add_null(parameters);
		return;
	}
	values_user_format(text, user);
	db_add_text(parameters, text);
}

void
facts_call(const struct room_event *event, const uint8_t *origin,
    const uint8_t *request, db_callback callback, void *argument)
{
	const struct room_content *content = &event->content;
	char room[ROOM_ID_SIZE], member[VALUES_USER_SIZE];
	char inviter[VALUES_USER_SIZE], address[ONION_SIZE];
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

static void
recovery_row(struct event_facts *to, const struct room_recovery_row *row)
{
	struct room_recovery *recovery = &to->recovery;

	recovery->since = row->since;
	recovery->servers = (uint32_t)row->servers;
	recovery->asked = (uint32_t)row->asked;
	recovery->adopting = row->adopting;
	to->has_adopt = row->adopt_from.bytes != NULL &&
			onion_parse(to->adopt_from, row->adopt_from.bytes,
			    row->adopt_from.length) == CODE_OK;
}

void
facts_row(struct event_facts *to, const struct room_id *room, PGresult *result)
{
	struct room_facts *facts = &to->facts;
	struct room_event_facts_row row;

	if (PQntuples(result) != 1)
		fatal("database told nothing of an event");
	db_row_read(&row, env.db, TYPE_room_event_facts_row, result, 0, 0);
	memset(to, 0, sizeof(*to));
	to->version = row.state.version;
	to->state.room = *room;
	values_state(&to->state, &row.state);
	/* Or it was forgotten. */
	to->wanted =
	    row.wanted || room_restored_lately(row.recovery.since, clock_now());
	if (db_span_copy(to->known, sizeof(to->known), &row.known))
		facts->known = to->known;
	values_member(&facts->user, &row.subject.member);
	values_member(&facts->inviter, &row.inviter);
	if (values_invitation(&to->invitation, &row.invitation))
		facts->invitation = &to->invitation;
	facts->invited = row.subject.invited;
	facts->listed = row.subject.listed;
	facts->servers = (uint32_t)row.servers;
	facts->server_in = row.subject.server_in;
	to->pending = row.pending;
	to->creating = row.creating;
	recovery_row(to, &row.recovery);
	to->has_digest =
	    db_span_copy(to->digest, sizeof(to->digest), &row.digest);
}
