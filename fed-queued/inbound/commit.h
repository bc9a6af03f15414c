/* SPDX-License-Identifier: ISC */
/*
 * Group commit of inbound items: what arrives while a transaction is on its
 * way goes into the next one together.
 */
#ifndef TORFED_COMMIT_H
#define TORFED_COMMIT_H

#include "base/tree.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exchange/ack.h"

struct fairness_lane;

/* Owned by the caller, with all it points at, until done() is called. */
struct commit_item {
	TAILQ_ENTRY(commit_item) entry;
	uint8_t server_id[16];
	uint8_t message_id[16];
	uint8_t digest[32];
	const char *type;
	const char *payload; /* canonical */
	size_t payload_length;
	/*
	 * In a request's first item: how many items it has; 0 in the others.
	 * They are committed together or not at all, or one that failed could
	 * come again behind those that did not, out of order.
	 */
	uint32_t together;
	/* ok false: nothing is known to be stored (answer 503). */
	void (*done)(struct commit_item *, bool ok, const struct ack_result *);
	/* with ID_CONFLICT: the digest that was there before */
	uint8_t known_digest[32];
};

/*
 * Items of one request follow each other; then commit_flush(). The lane is the
 * server's, whose turn comes as often as any other's.
 */
void commit_add(struct fairness_lane *, struct commit_item *);
void commit_flush(void);
size_t commit_pending(void); /* items not yet answered */

#endif
