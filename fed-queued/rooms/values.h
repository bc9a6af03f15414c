/* SPDX-License-Identifier: ISC */
/*
 * Rooms between the database's types (db/types.h) and the structures of
 * common/room. A value without its form is fatal, unless it says otherwise
 * here.
 */
#ifndef TORFED_ROOMS_VALUES_H
#define TORFED_ROOMS_VALUES_H

#include "db/types.h"
#include "json/signed_event.h"
#include "room/room_state.h"
#include "room/room_stream.h"

#define VALUES_USER_SIZE (ROOM_NAME_MAX + 1 + ONION_SIZE) /* with NUL */

/* A room id; never null. */
void values_room(struct room_id *, const struct db_span *);
void values_room_read(struct room_id *, PGresult *, int row, int column);
/* name@address; false, and nothing is fatal, when it is null or malformed. */
bool values_user(struct room_user *, const struct db_span *);
/* A state event's kind; ROOM_KINDS when it is null. */
enum room_kind values_kind(const struct db_span *);
/* The room is the caller's. */
void values_state(struct room_state *, const struct room_state_row *);
/* Zeros when it is null. */
void values_member(struct room_member *, const struct room_member_row *);
/* false: there is none. */
bool values_invitation(
    struct room_invitation *, const struct room_invitation_row *);
/* false, and a fresh one: there is none. */
bool values_stream(struct room_stream *, int64_t epoch, int lane,
    const struct room_stream_row *);

#define VALUES_SEEN_SIZE (ROOM_WINDOW / 8) /* bytes */
/* A stream; seen keeps what the row points to. */
void values_stream_make(struct room_stream_row *,
    uint8_t seen[VALUES_SEEN_SIZE], const struct room_stream *);
/* Adds count streams as an array, at most BATCH_ITEMS. */
void values_streams_add(
    struct db_parameters *, const struct room_stream *, uint32_t count);

/* name@address, for a parameter. */
void values_user_format(char text[VALUES_USER_SIZE], const struct room_user *);
/* state, with the version that was read; points into state. */
void values_state_make(
    struct room_state_row *, const struct room_state *, int64_t version);
/* An event that is signed; points into it. The certificate is the caller's. */
void values_event_make(struct room_event_row *, const struct signed_event *);

#endif
