/* SPDX-License-Identifier: ISC */
/* Rooms between the database's types and common/room; see values.h. */
#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "db/row.h"
#include "env.h"
#include "json/batch.h"
#include "rooms/values.h"

_Static_assert(VALUES_SEEN_SIZE == 128, "as the table has it");

void
values_room(struct room_id *room, const struct db_span *span)
{
	if (span->bytes == NULL ||
	    room_id_parse(room, span->bytes, span->length) != CODE_OK)
		fatal("database sent a malformed room");
}

void
values_room_read(struct room_id *room, PGresult *result, int row, int column)
{
	struct db_span span;

	span.bytes = row_span(&span.length, result, row, column);
	values_room(room, &span);
}

bool
values_user(struct room_user *user, const struct db_span *span)
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

enum room_kind
values_kind(const struct db_span *name)
{
	return name->bytes == NULL
		   ? ROOM_KINDS
		   : room_kind_find((const char *)name->bytes, name->length);
}

void
values_state(struct room_state *state, const struct room_state_row *row)
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
values_member(struct room_member *member, const struct room_member_row *row)
{
	member->joined = row->state_joined;
	member->left = row->state_left;
}

bool
values_invitation(
    struct room_invitation *invitation, const struct room_invitation_row *row)
{
	memset(invitation, 0, sizeof(*invitation));
	if (!db_span_copy(
		invitation->nonce, sizeof(invitation->nonce), &row->nonce))
		return false;
	invitation->number = row->number;
	invitation->expires = row->expires;
	invitation->used = row->used;
	if (!values_user(&invitation->inviter, &row->inviter) ||
	    !values_user(&invitation->invitee, &row->invitee))
		fatal("database sent a malformed user");
	return true;
}

bool
values_stream(struct room_stream *stream, int64_t epoch, int lane,
    const struct room_stream_row *row)
{
	uint8_t bytes[VALUES_SEEN_SIZE];
	uint64_t word;

	room_stream_init(stream, epoch, lane);
	if (!db_span_copy(bytes, sizeof(bytes), &row->seen))
		return false;
	stream->contiguous = row->contiguous;
	stream->highest = row->highest;
	stream->gap_since = row->gap_since;
	stream->forked = row->forked;
	for (size_t i = 0; i < VALUES_SEEN_SIZE / sizeof(word); i++) {
		memcpy(&word, bytes + i * sizeof(word), sizeof(word));
		stream->seen[i] = le64toh(word);
	}
	return true;
}

void
values_stream_make(struct room_stream_row *row, uint8_t seen[VALUES_SEEN_SIZE],
    const struct room_stream *stream)
{
	uint64_t word;

	for (size_t i = 0; i < VALUES_SEEN_SIZE / sizeof(word); i++) {
		word = htole64(stream->seen[i]);
		memcpy(seen + i * sizeof(word), &word, sizeof(word));
	}
	row->null = false;
	row->epoch = stream->epoch;
	row->lane = stream->lane;
	row->contiguous = stream->contiguous;
	row->highest = stream->highest;
	row->gap_since = stream->gap_since;
	row->forked = stream->forked;
	row->seen = db_span_bytes(seen, VALUES_SEEN_SIZE);
}

void
values_streams_add(struct db_parameters *parameters,
    const struct room_stream *streams, uint32_t count)
{
	struct room_stream_row rows[BATCH_ITEMS];
	uint8_t seen[BATCH_ITEMS][VALUES_SEEN_SIZE];

	if (count > BATCH_ITEMS)
		fatal("too many streams for the database count=%u", count);
	for (uint32_t i = 0; i < count; i++)
		values_stream_make(&rows[i], seen[i], &streams[i]);
	db_add_rows(parameters, env.db, TYPE_room_stream_row, rows, count);
}

void
values_user_format(char text[VALUES_USER_SIZE], const struct room_user *user)
{
	char address[ONION_SIZE];

	onion_format(address, user->server);
	snprintf(text, VALUES_USER_SIZE, "%s@%s", user->name, address);
}

void
values_state_make(
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
values_event_make(struct room_event_row *row, const struct signed_event *event)
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
