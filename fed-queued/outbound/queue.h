/* SPDX-License-Identifier: ISC */
/*
 * The queue in the database: claims under a lease, settlements under the
 * lease's id. A claim is a short transaction; none is open while a request is
 * under way.
 */
#ifndef TORFED_OUTBOUND_QUEUE_H
#define TORFED_OUTBOUND_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json/batch.h"
#include "proto/code.h"

struct peer;

/* A lease of (destination, lane), as long as a session of sending lasts. */
struct lease {
	struct peer *peer;
	int lane;
	uint8_t claim_id[16];
};

enum item_state { ITEM_STATE_PENDING, ITEM_STATE_DELIVERED, ITEM_STATE_FAILED };

struct queue_item {
	int64_t queue_id;
	uint8_t message_id[16];
	char type[TYPE_SIZE];
	char *payload; /* as the application gave it, or canonical */
	size_t payload_length;
	int attempts; /* signed refusals so far */
	int max_attempts;
	int64_t age_s;
	bool has_line;
	uint8_t line[16];   /* what it keeps its order with */
	uint32_t postponed; /* how often it has waited by itself */
	/* the outcome, for queue_settle() */
	enum item_state state;
	int attempts_added;
	enum code code;	  /* CODE_OK none; CODE_COUNT one we do not know */
	int64_t delay_ms; /* it waits by itself; 0: not, or as before */
	bool leaves;	  /* its line, which need not wait for it */
};

/* Items in the lane's order, claimed together. */
struct claim {
	bool leased; /* the lease is ours; else another worker has the lane */
	int64_t others_ms; /* how long the other worker's lease still lasts */
	int64_t oldest;	   /* transaction that was running */
	int64_t next;	   /* transaction, not begun yet */
	bool stopped;	   /* a line waits: items are left behind */
	int64_t due_ms;	   /* when one that waits by itself is due; -1 none */
	uint32_t count;
	struct queue_item items[BATCH_ITEMS];
};

/* What the peer signed, kept as proof for the items delivered with it. */
struct receipt {
	const char *request_text; /* the request's signing text */
	size_t request_text_length;
	const struct wire_envelope *ack;
};

/*
 * Takes or renews the lease and claims up to most items that fit one request.
 * first: nothing was claimed under this lease before; what an earlier one left
 * is claimed anew. Nothing is looked for up to the queue id floor (0: from the
 * start), unless a line waits. claim is the callback's, to be freed with
 * queue_claim_free(); ok false: the database did not answer.
 */
typedef void (*queue_claimed)(struct claim *, bool ok, void *argument);
void queue_claim(const struct lease *, bool first, int64_t floor, uint32_t most,
    queue_claimed, void *argument);
void queue_claim_free(struct claim *);
/*
 * Leaves the first most items (at least one); the others come as a claim of
 * their own, NULL when there are none.
 */
struct claim *queue_claim_split(struct claim *, uint32_t most);
/* Lines of which an item goes no further: those behind it must wait. */
struct lines {
	uint32_t count;
	uint8_t line[BATCH_ITEMS][16];
};
/* Adds those of the claim's items that are still pending. */
void queue_lines_stop(struct lines *, const struct claim *);
/* Takes out the items of these lines, as a claim of their own; NULL when there
 * are none. */
struct claim *queue_claim_behind(struct claim *, const struct lines *);
/* Writes the items' outcomes; frees the claim at once. receipt may be NULL. */
void queue_settle(const struct lease *, struct claim *, const struct receipt *);
/* Ends the lease; if something was claimed and not settled (unsettled) it is
 * pending again. */
typedef void (*queue_released)(void *argument);
void queue_release(
    const struct lease *, bool unsettled, queue_released, void *argument);

/* What postpones a destination: an answer that was signed, none at all, or one
 * that says nothing about it. */
enum contact { CONTACT_HEARD, CONTACT_LOST, CONTACT_UNKNOWN };
/* A destination's back-off, for other workers and after a restart. */
void queue_postpone(struct peer *, int64_t delay_ms, enum code, enum contact);
/* It has ended, if there was one. */
void queue_resume(struct peer *);
/* What waits for the server's admin is due. */
void queue_wake(struct peer *);

#endif
