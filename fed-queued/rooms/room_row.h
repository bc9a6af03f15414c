/* SPDX-License-Identifier: ISC */
/*
 * Rooms in results and parameters: binary columns to libroom's structures and
 * back. A column without its form is fatal: our own functions wrote it.
 */
#ifndef TORFED_ROOM_ROW_H
#define TORFED_ROOM_ROW_H

#include <libpq-fe.h>

#include "db/db.h"
#include "db/row.h"
#include "room/room_state.h"
#include "room/room_stream.h"

#define ROOM_USER_SIZE (ROOM_NAME_MAX + 1 + ONION_SIZE) /* with NUL */

/* name@address: ROOM_USER_SIZE bytes. */
void room_user_format(char text[ROOM_USER_SIZE], const struct room_user *);
/* Its opposite; false when it does not have its form. */
bool room_user_parse(struct room_user *, const char *text, size_t length);

/*
 * number, hash, closed, disputed, require_invite, federated, restricted:
 * seven columns from the one given, as room_states has them. The room is the
 * caller's.
 */
void row_state(struct room_state *, PGresult *, int row, int column);
/* joined, left: two columns; zeros when they are null. */
void row_member(struct room_member *, PGresult *, int row, int column);
/*
 * nonce, number, expires (seconds), used, inviter, invitee: six columns. false
 * when there is none.
 */
bool row_invitation(struct room_invitation *, PGresult *, int row, int column);
/*
 * contiguous, highest, gap_since (seconds, 0 none), forked, seen: five
 * columns. false, and a fresh one, when there is none.
 */
bool row_stream(struct room_stream *, int64_t epoch, int lane, PGresult *,
    int row, int column);
/* room_streams.seen as bytes: 128, each word little-endian. */
void room_seen_format(uint8_t bytes[128], const struct room_stream *);
/* Adds streams as federation.room_streams_write() has them: seven arrays. */
void room_streams_add(
    struct db_parameters *, const struct room_stream *, uint32_t count);

#endif
