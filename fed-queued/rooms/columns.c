/* SPDX-License-Identifier: ISC */
/* Rooms in results and parameters; see columns.h. */
#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "db/row.h"
#include "rooms/columns.h"

_Static_assert(COLUMNS_SEEN_SIZE == 128, "as the table has it");

void
columns_room(struct room_id *room, PGresult *result, int row, int column)
{
	size_t length;
	const char *text = row_span(&length, result, row, column);

	if (text == NULL || room_id_parse(room, text, length) != CODE_OK)
		fatal("database sent a malformed room");
}

bool
columns_user(struct room_user *user, PGresult *result, int row, int column)
{
	size_t length, name;
	const char *text = row_span(&length, result, row, column);
	const char *at = text == NULL ? NULL : memchr(text, '@', length);
	uint8_t server[ONION_KEY];

	if (at == NULL)
		return false;
	name = (size_t)(at - text);
	return onion_parse(server, at + 1, length - name - 1) == CODE_OK &&
	       room_user_make(user, server, text, name) == CODE_OK;
}

void
columns_state(struct room_state *state, PGresult *result, int row, int column)
{
	state->number = row_integer(result, row, column);
	if (!row_bytes(
		state->hash, sizeof(state->hash), result, row, column + 1))
		memset(state->hash, 0, sizeof(state->hash));
	state->closed = row_integer(result, row, column + 2);
	state->disputed = row_integer(result, row, column + 3);
	state->require_invite = row_bool(result, row, column + 4);
	state->federated = row_bool(result, row, column + 5);
	state->restricted = row_bool(result, row, column + 6);
}

enum room_kind
columns_kind(PGresult *result, int row, int column)
{
	size_t length;
	const char *name = row_span(&length, result, row, column);

	return name == NULL ? ROOM_KINDS : room_kind_find(name, length);
}

void
columns_member(
    struct room_member *member, PGresult *result, int row, int column)
{
	member->joined = row_integer(result, row, column);
	member->left = row_integer(result, row, column + 1);
}

bool
columns_invitation(
    struct room_invitation *invitation, PGresult *result, int row, int column)
{
	memset(invitation, 0, sizeof(*invitation));
	if (!row_bytes(invitation->nonce, sizeof(invitation->nonce), result,
		row, column))
		return false;
	invitation->number = row_integer(result, row, column + 1);
	invitation->expires = row_integer(result, row, column + 2);
	invitation->used = row_integer(result, row, column + 3);
	if (!columns_user(&invitation->inviter, result, row, column + 4) ||
	    !columns_user(&invitation->invitee, result, row, column + 5))
		fatal("database sent a malformed user");
	return true;
}

bool
columns_stream(struct room_stream *stream, int64_t epoch, int lane,
    PGresult *result, int row, int column)
{
	uint8_t bytes[COLUMNS_SEEN_SIZE];
	uint64_t word;
	size_t i;

	room_stream_init(stream, epoch, lane);
	if (!row_bytes(bytes, sizeof(bytes), result, row, column + 4))
		return false;
	stream->contiguous = row_integer(result, row, column);
	stream->highest = row_integer(result, row, column + 1);
	stream->gap_since = row_integer(result, row, column + 2);
	stream->forked = row_integer(result, row, column + 3);
	for (i = 0; i < COLUMNS_SEEN_SIZE / sizeof(word); i++) {
		memcpy(&word, bytes + i * sizeof(word), sizeof(word));
		stream->seen[i] = le64toh(word);
	}
	return true;
}

void
columns_user_format(char text[COLUMNS_USER_SIZE], const struct room_user *user)
{
	char address[ONION_SIZE];

	onion_format(address, user->server);
	snprintf(text, COLUMNS_USER_SIZE, "%s@%s", user->name, address);
}

void
columns_seen_format(
    uint8_t bytes[COLUMNS_SEEN_SIZE], const struct room_stream *stream)
{
	uint64_t word;
	size_t i;

	for (i = 0; i < COLUMNS_SEEN_SIZE / sizeof(word); i++) {
		word = htole64(stream->seen[i]);
		memcpy(bytes + i * sizeof(word), &word, sizeof(word));
	}
}

void
columns_streams_add(struct db_parameters *parameters,
    const struct room_stream *streams, uint32_t count)
{
	struct db_array *lane = db_array_new(DB_OID_INT4);
	struct db_array *epoch = db_array_new(DB_OID_INT8);
	struct db_array *contiguous = db_array_new(DB_OID_INT8);
	struct db_array *highest = db_array_new(DB_OID_INT8);
	struct db_array *gap = db_array_new(DB_OID_INT8);
	struct db_array *forked = db_array_new(DB_OID_INT8);
	struct db_array *seen = db_array_new(DB_OID_BYTEA);
	uint8_t bytes[COLUMNS_SEEN_SIZE];
	uint32_t i;

	for (i = 0; i < count; i++) {
		db_array_int4(lane, streams[i].lane);
		db_array_int8(epoch, streams[i].epoch);
		db_array_int8(contiguous, streams[i].contiguous);
		db_array_int8(highest, streams[i].highest);
		db_array_int8(gap, streams[i].gap_since);
		db_array_int8(forked, streams[i].forked);
		columns_seen_format(bytes, &streams[i]);
		db_array_bytes(seen, bytes, sizeof(bytes));
	}
	db_add_array(parameters, lane);
	db_add_array(parameters, epoch);
	db_add_array(parameters, contiguous);
	db_add_array(parameters, highest);
	db_add_array(parameters, gap);
	db_add_array(parameters, forked);
	db_add_array(parameters, seen);
}
