/* SPDX-License-Identifier: ISC */
/* A request from fed-listener to its answer. */
#ifndef TORFED_INBOUND_INBOUND_H
#define TORFED_INBOUND_INBOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/channel.h"

/*
 * Of authentic requests that wait for the database and fed-signer; beyond it
 * the answer is 503. libpq's copies of two transactions come on top.
 */
#define INBOUND_BYTES (10U << 20)

struct commit_item;
struct peer;
struct signed_text;

/* answer: canonical, valid in the callback; NULL: the database failed. */
typedef void (*inbound_answered)(
    const char *answer, size_t length, void *argument);

/*
 * What requests bring beside plain messages, and whose it is; main.c says so
 * once, at start. Payloads are of requests that were checked. An answer comes
 * once, perhaps before the call returns.
 */
struct inbound_types {
	/* user_lookup; allowed: whether the asker may look up */
	void (*look_up)(const char *payload, size_t length, bool allowed,
	    inbound_answered, void *argument);
	/* server_sync of a peer at level 1 or above; false: it is malformed,
	 * and no answer comes */
	bool (*sync)(const struct peer *, const char *payload, size_t length,
	    inbound_answered, void *argument);
	/* whether an item is a room's */
	bool (*is_room)(const char *type, const char *payload, size_t length);
	/* those of one request, 1 to BATCH_ITEMS, in its order; done() of each
	 * follows. proof is copied. trust: the origin's level */
	void (*take)(struct commit_item *const *, uint32_t count,
	    const struct signed_text *, int trust);
};
void inbound_register(const struct inbound_types *);

/* MSG_REQUEST; fatal when malformed. */
void inbound_request(const struct message *);
/* fed-listener gets our identity as soon as both are there. */
void inbound_identity(void);
uint64_t inbound_pending(void);
uint64_t inbound_bytes(void); /* of their payloads */

#endif
