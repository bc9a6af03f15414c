/* SPDX-License-Identifier: ISC */
/*
 * What a message of server_sync brings: documents and declarations taken, one
 * after the other, heads compared, and what follows from that. Nobody is
 * believed but by the signature of a room's home or of a message's origin.
 */
#ifndef TORFED_ROOM_SYNC_TAKE_H
#define TORFED_ROOM_SYNC_TAKE_H

#include "rooms/document.h"

struct sync_taking {
	/* by the caller */
	struct sync_message message; /* parsed; freed by sync_taking_free() */
	uint8_t via[ONION_KEY];
	uint8_t via_id[UUID_SIZE];
	int trust; /* via's level */
	/* of an answer: what via signed, and its payload, all of which are the
	 * caller's; else without text */
	struct room_proof proof;
	struct sync_bytes answer;
	void (*done)(struct sync_taking *);
	void *argument;

	/* what follows */
	bool failed;	      /* the database did not answer */
	bool progress;	      /* something was new */
	bool behind;	      /* we signed an event that we did not know, */
	int64_t behind_epoch; /* or a message of that epoch; 0 none */
	uint32_t ask_count;
	struct sync_ask asks[SYNC_PAYLOAD_ASKS]; /* to via */
	uint32_t show_count;
	struct sync_ask shows[SYNC_PAYLOAD_ASKS]; /* evidence for via */

	/* where it is */
	uint32_t phase;
	uint32_t at;
	uint32_t attempts;
	int64_t epoch_seen; /* of ours */
	bool ahead;	    /* via says that it has of ours what we have not */
	struct document document;
	struct document other;
	struct sync_message declared; /* DOCUMENT_VOIDS, read */
	uint32_t declared_at;
};

/* done() comes once, perhaps before this returns. */
void sync_take(struct sync_taking *);
void sync_taking_free(struct sync_taking *);

/* For the parts of it: goes on with the next; whether ask is noted. */
void sync_take_next(struct sync_taking *);
bool sync_want(struct sync_taking *, const struct sync_ask *);
/* take_void.c: one declaration of proof's origin, to us or to another,
 * judged and settled; then done(argument). */
void sync_take_void(struct sync_taking *, const struct sync_void *,
    const struct room_proof *, const struct sync_bytes *answer, bool mine,
    void (*done)(struct sync_taking *));
/* take_evidence.c: writes a contradiction, then goes on. */
void sync_take_evidence(struct sync_taking *, const struct sync_document *a,
    const struct sync_document *b);
/* take_heads.c: heads, then done(). */
void sync_take_heads(struct sync_taking *);

#endif
