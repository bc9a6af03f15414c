/* SPDX-License-Identifier: ISC */
/*
 * What a message of server_sync brings: documents and declarations are taken,
 * one after the other, then heads compared; and what we are to ask for and to
 * give after that. Nothing counts but what the home of a room or the origin of
 * a message has signed.
 */
#ifndef TORFED_ROOMS_SYNC_TAKE_H
#define TORFED_ROOMS_SYNC_TAKE_H

#include "db/db.h"
#include "room/room_vouch.h"
#include "rooms/document.h"

/* A head of the author's own, that names what we lack; epoch 0: of state. */
struct sync_stated {
	struct room_id room;
	struct room_stream_head head;
};

struct sync_taking {
	/* filled in by the caller */
	struct sync_message message; /* parsed; freed by sync_taking_free() */
	uint8_t via[ONION_KEY];	     /* the server that sent it */
	uint8_t via_id[UUID_SIZE];
	int trust; /* its level */
	/* of an answer: what via signed, and its payload, both the caller's;
	 * of a request: without text */
	struct signed_text proof;
	struct sync_bytes answer;
	/* of an answer: what it was asked for, the caller's */
	const struct sync_ask *answered;
	uint32_t answered_count;
	void (*done)(struct sync_taking *);
	void *argument;

	/* what follows from it */
	bool failed;   /* the database did not answer */
	bool progress; /* something was new */
	/* We signed something that we have not, under a certificate of that
	 * serial: an event, or a message of that epoch at most, else 0. */
	bool behind;
	uint64_t behind_serial;
	int64_t behind_epoch;
	uint32_t ask_count;
	struct sync_ask asks[SYNC_PAYLOAD_ASKS]; /* to via */
	uint32_t evidence_count;
	struct sync_ask evidence[SYNC_PAYLOAD_ASKS]; /* to be given to via */

	/* where it is */
	uint32_t phase;
	uint32_t at; /* of the phase's list */
	/* documents before run_end whose run was judged: those before
	 * run_whole count, and so many messages of that one */
	uint32_t run_end;
	uint32_t run_whole;
	uint32_t run_part;
	struct { /* of evidence, until each side was seen to count */
		const struct sync_document *a;
		const struct sync_document *b;
		int64_t number;
		uint32_t side;
	} pair;
	uint32_t stated_count;
	struct sync_stated stated[SYNC_PAYLOAD_STREAMS + SYNC_PAYLOAD_ROOMS];
	void (*stated_done)(struct sync_taking *);
	struct document document;
	struct document other;
	void (*own_go)(struct sync_taking *, bool take); /* take_own.c's */
	struct sync_message declared; /* DOCUMENT_VOIDS, read */
	uint32_t declared_at;
	void (*held)(struct sync_taking *); /* goes on behind the holders */
};

/* done() comes once, perhaps before this returns. */
void sync_take(struct sync_taking *);
void sync_taking_free(struct sync_taking *);

/* For its parts: goes on with the next document, declaration or phase. */
void sync_take_next(struct sync_taking *);
/* Notes what via is to be asked for; false: there is no room for it. */
bool sync_want(struct sync_taking *, const struct sync_ask *);
/* take_run.c: how many of the events or messages of the document at hand
 * count, from the first on; more than there are: all. */
void sync_take_run(
    struct sync_taking *, void (*done)(struct sync_taking *, uint32_t count));
/* take_own.c: whether messages of the document at hand, which we signed, are
 * not among ours; then that is noted. go() comes once, with whether they are to
 * be taken, as what we forgot. */
void sync_take_own(
    struct sync_taking *, void (*go)(struct sync_taking *, bool take));
void sync_take_behind(struct sync_taking *, const struct cert *, int64_t epoch);
/* Who signed a document, and of which room it is; not of DOCUMENT_VOIDS. */
const uint8_t *sync_author(const struct document *);
const struct room_id *sync_room(const struct document *);
/* Its event, or its message of that place. false: it is of another stream
 * than the first. */
bool sync_link(struct room_link *, const struct document *, uint32_t at);
/* take_void.c: one declaration of proof's origin, judged and settled; then
 * done(). mine: it was made to us, else to another server. */
void sync_take_void(struct sync_taking *, const struct sync_void *,
    const struct signed_text *, const struct sync_bytes *answer, bool mine,
    void (*done)(struct sync_taking *));
/* take_evidence.c: writes a contradiction, then goes on. */
void sync_take_evidence(struct sync_taking *, const struct sync_document *a,
    const struct sync_document *b);
/* take_stated.c: heads of via's own streams and rooms, of which we want
 * something; then they are written. */
void sync_stated_add(struct sync_taking *, const struct room_id *,
    const struct room_stream_head *, const struct room_want *);
void sync_stated_state(
    struct sync_taking *, const struct sync_head *, const struct room_want *);
void sync_stated_write(
    struct sync_taking *, void (*done)(struct sync_taking *));
/* take_holders.c: adds a message's heads of streams as an array. */
void sync_heads_add(struct db_parameters *, const struct sync_message *);
/* Asks for what others declared and via shows, and settles what it has. */
void sync_take_holders(
    struct sync_taking *, void (*done)(struct sync_taking *));
/* At each sweep: tells the application of what nobody has. */
void sync_lost_sweep(void);
/* take_heads.c: heads, then done(). */
void sync_take_heads(struct sync_taking *);

#endif
