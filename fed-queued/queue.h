/* SPDX-License-Identifier: ISC */
/*
 * The queue in the database: claims with a lease, settlements under the
 * claim's id. A claim is a short transaction; none is open while a request is
 * under way.
 */
#ifndef TORFED_QUEUE_H
#define TORFED_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "code.h"

struct peer;

/* One item under a lease of its (destination, lane). */
struct claim {
	struct peer *peer;
	int lane;
	uint8_t claim_id[16];
	bool leased; /* the lease is ours, with or without an item */
	bool has_item;
	int64_t queue_id; /* what follows: with an item */
	uint8_t message_id[16];
	char *payload; /* as the application gave it; owned */
	size_t payload_length;
	int attempts; /* signed refusals so far */
	int max_attempts;
	int64_t age_s;
};

struct settlement {
	const char *status; /* "delivered", "failed" or "pending" */
	int attempts_added;
	enum code code;	   /* CODE_OK: no error */
	const char *error; /* instead of the code's name, or NULL */
	int64_t delay_ms;  /* of the item's next attempt */
	/* a receipt, or NULL */
	const char *request_text;
	size_t request_text_length;
	const char *ack;
	size_t ack_length;
	const uint8_t *ack_key_id;
};

/* ok false: the database did not answer. The claim is the callback's. */
typedef void (*queue_claimed)(struct claim *, bool ok);
void queue_claim(struct peer *, int lane, queue_claimed);
/* Writes the outcome and ends the lease; then done(claim). Frees nothing. */
typedef void (*queue_settled)(struct claim *);
void queue_settle(struct claim *, const struct settlement *, queue_settled);
/* Ends the lease without an outcome. */
void queue_release(struct claim *, queue_settled);
void claim_free(struct claim *);

/* A destination's back-off, for other workers and after a restart. */
void queue_postpone(const struct peer *, int64_t delay_ms, enum code);

/*
 * Which lanes have items: found() for each, then done(). At most one look at
 * a time; a call during one leads to another after it.
 */
void queue_work(void (*found)(struct peer *, int lane), void (*done)(void));

#endif
