/* SPDX-License-Identifier: ISC */
/*
 * What another server is given in a message of server_sync: what it asked for,
 * as far as it may have it, and how far we are in rooms.
 */
#ifndef TORFED_ROOMS_SYNC_GIVE_H
#define TORFED_ROOMS_SYNC_GIVE_H

#include "db/types.h"
#include "json/sync_payload.h"

struct sync_giving {
	/* filled in by the caller */
	uint8_t to_id[UUID_SIZE];
	struct sync_ask asks[2 * SYNC_PAYLOAD_ASKS];
	uint32_t ask_count;
	struct room_id rooms[SYNC_PAYLOAD_ROOMS]; /* whose heads are told */
	uint32_t room_count;
	bool request; /* it is told as well of which rooms we have nothing */
	/* ok false: the database did not answer, and the writer is freed */
	void (*done)(struct sync_giving *, bool ok);
	void *argument;
	/* The caller begins it, and ends it when ok. */
	struct sync_writer writer;

	/* where it is */
	uint32_t at;   /* of asks */
	uint32_t step; /* of that ask */
};

/* done() comes once, perhaps before this returns. */
void sync_give(struct sync_giving *);

/* For its parts: goes on with the next step, or the next ask. */
void sync_give_next(struct sync_giving *);
void sync_give_fail(struct sync_giving *, const char *sqlstate);
struct sync_bytes sync_bytes_of(const struct db_span *);
/* What was signed, but for its payloads; points into the row. */
void sync_give_signed(struct sync_document *, const struct room_signed_row *);
/* give_items.c: messages of a stream, and which of its numbers are void. */
void sync_give_items(struct sync_giving *, const struct sync_ask *);
/* give_heads.c: heads, then done(). */
void sync_give_heads(struct sync_giving *);

#endif
