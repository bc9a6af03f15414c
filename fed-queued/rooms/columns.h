/* SPDX-License-Identifier: ISC */
/*
 * Rooms in results and parameters: columns to the structures of common/room
 * and back. A column without its form is fatal, as in db/row.h, unless it says
 * otherwise here. row and column count from 0.
 */
#ifndef TORFED_ROOMS_COLUMNS_H
#define TORFED_ROOMS_COLUMNS_H

#include "db/db.h"
#include "db/row.h"
#include "room/room_state.h"
#include "room/room_stream.h"

#define COLUMNS_USER_SIZE (ROOM_NAME_MAX + 1 + ONION_SIZE) /* with NUL */
#define COLUMNS_SEEN_SIZE (ROOM_WINDOW / 8)		   /* bytes */

/* A room id; never null. */
void columns_room(struct room_id *, PGresult *, int row, int column);
/* name@address; false, and nothing is fatal, when it is null or malformed. */
bool columns_user(struct room_user *, PGresult *, int row, int column);
/*
 * number, hash, closed, disputed, require_invite, federated, restricted:
 * seven columns from the one given, as room_states has them. The room is the
 * caller's.
 */
void columns_state(struct room_state *, PGresult *, int row, int column);
/* A state event's kind; ROOM_KINDS when it is null. */
enum room_kind columns_kind(PGresult *, int row, int column);
/* joined, left: two columns; zeros when they are null. */
void columns_member(struct room_member *, PGresult *, int row, int column);
/*
 * nonce, number, expires (seconds), used, inviter, invitee: six columns. false
 * when there is none.
 */
bool columns_invitation(
    struct room_invitation *, PGresult *, int row, int column);
/*
 * contiguous, highest, gap_since (seconds, 0 none), forked, seen: five
 * columns. false, and a fresh one, when there is none.
 */
bool columns_stream(struct room_stream *, int64_t epoch, int lane, PGresult *,
    int row, int column);

/* name@address, for a parameter. */
void columns_user_format(
    char text[COLUMNS_USER_SIZE], const struct room_user *);
/* room_streams.seen, for a parameter: each word little-endian. */
void columns_seen_format(
    uint8_t bytes[COLUMNS_SEEN_SIZE], const struct room_stream *);
/* Adds streams as federation.room_streams_write() has them: seven arrays. */
void columns_streams_add(
    struct db_parameters *, const struct room_stream *, uint32_t count);

#endif
