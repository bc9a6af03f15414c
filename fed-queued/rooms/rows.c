/* SPDX-License-Identifier: ISC */
/* Rooms between the database's types and common/room; see rows.h. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "rooms/rows.h"

bool
rows_user(struct room_user *user, const struct db_span *span)
{
	const char *text = span->bytes;
	const char *at = text == NULL ? NULL : memchr(text, '@', span->length);
	uint8_t server[ONION_KEY];
	size_t name;

	if (at == NULL)
		return false;
	name = (size_t)(at - text);
	return onion_parse(server, at + 1, span->length - name - 1) ==
		   CODE_OK &&
	       room_user_make(user, server, text, name) == CODE_OK;
}

void
rows_state(struct room_state *state, const struct room_state_row *row)
{
	state->number = row->number;
	if (!db_span_copy(state->hash, sizeof(state->hash), &row->hash))
		memset(state->hash, 0, sizeof(state->hash));
	state->timestamp = row->event_time;
	state->closed = row->closed;
	state->disputed = row->disputed;
	state->require_invite = row->require_invite;
	state->federated = row->federated;
	state->restricted = row->restricted;
}

void
rows_member(struct room_member *member, const struct room_member_row *row)
{
	member->joined = row->state_joined;
	member->left = row->state_left;
}

bool
rows_invitation(
    struct room_invitation *invitation, const struct room_invitation_row *row)
{
	memset(invitation, 0, sizeof(*invitation));
	if (!db_span_copy(
		invitation->nonce, sizeof(invitation->nonce), &row->nonce))
		return false;
	invitation->number = row->number;
	invitation->expires = row->expires;
	invitation->used = row->used;
	if (!rows_user(&invitation->inviter, &row->inviter) ||
	    !rows_user(&invitation->invitee, &row->invitee))
		fatal("database sent a malformed user");
	return true;
}

void
rows_user_format(char text[ROWS_USER_SIZE], const struct room_user *user)
{
	char address[ONION_SIZE];

	onion_format(address, user->server);
	snprintf(text, ROWS_USER_SIZE, "%s@%s", user->name, address);
}

void
rows_state_make(
    struct room_state_row *row, const struct room_state *state, int64_t version)
{
	memset(row, 0, sizeof(*row));
	row->version = version;
	row->number = state->number;
	row->hash = db_span_bytes(state->hash, sizeof(state->hash));
	row->event_time = state->timestamp;
	row->closed = state->closed;
	row->disputed = state->disputed;
	row->require_invite = state->require_invite;
	row->federated = state->federated;
	row->restricted = state->restricted;
}

void
rows_event_make(struct room_event_row *row, const struct signed_event *event)
{
	memset(row, 0, sizeof(*row));
	row->kind = db_span_text(room_kind_name(event->event.kind));
	row->number = event->event.number;
	row->key_id = db_span_bytes(event->event.key_id, ROOM_HASH);
	row->signing_text = db_span_bytes(event->text, event->text_length);
	row->payload = db_span_bytes(event->payload, event->payload_length);
	row->signature =
	    db_span_bytes(event->signature, sizeof(event->signature));
}
