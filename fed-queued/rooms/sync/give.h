/* SPDX-License-Identifier: ISC */
/*
 * What another server is given in server_sync: what it asked for, as far as it
 * may have it, and how far we are in rooms.
 */
#ifndef TORFED_ROOM_SYNC_GIVE_H
#define TORFED_ROOM_SYNC_GIVE_H

#include "json/sync_payload.h"

struct sync_giving {
	/* by the caller */
	uint8_t to_id[UUID_SIZE];
	struct sync_ask asks[2 * SYNC_PAYLOAD_ASKS];
	uint32_t ask_count;
	struct room_id rooms[SYNC_PAYLOAD_ROOMS]; /* heads of these */
	uint32_t room_count;
	bool request; /* it is told, too, of which we have nothing */
	/* ok false: the database did not answer; the writer is freed */
	void (*done)(struct sync_giving *, bool ok);
	void *argument;
	/* begun by the caller; sync_payload_end() is the caller's, too, with ok */
	struct sync_writer writer;

	uint32_t at;   /* of asks */
	uint32_t step; /* of it */
};

/* done() comes once, perhaps before this returns. */
void sync_give(struct sync_giving *);

/* For the parts of it: the next step of the ask, or the next ask. */
void sync_give_next(struct sync_giving *);
void sync_give_fail(struct sync_giving *, const char *sqlstate);
/* give_items.c: messages and numbers of a stream that are void. */
void sync_give_items(struct sync_giving *, const struct sync_ask *);
/* give_heads.c: heads, then done(). */
void sync_give_heads(struct sync_giving *);

#endif
