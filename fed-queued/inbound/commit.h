/* SPDX-License-Identifier: ISC */
/*
 * Group commit of inbound items: what arrives while a transaction is on its
 * way goes into the next one together.
 */
#ifndef TORFED_INBOUND_COMMIT_H
#define TORFED_INBOUND_COMMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exchange/ack.h"
#include "servers/fairness.h"

/* Owned by the caller, with all it points at, until done() is called. */
struct commit_item {
	struct fairness_item wait; /* first: who, what, how large, with whom */
	uint8_t digest[32];
	const char *type;
	const char *payload; /* canonical; wait.size bytes */
	/* ok false: nothing is known to be stored (answer 503). */
	void (*done)(struct commit_item *, bool ok, const struct ack_result *);
	/* with ID_CONFLICT: the digest that was there before */
	uint8_t known_digest[32];
};

/*
 * Items of one request follow each other; then commit_flush(). The lane is the
 * server's, whose turn comes as often as any other's.
 */
void commit_add(struct fairness_queue *, struct commit_item *);
void commit_flush(void);
size_t commit_pending(void); /* items not yet answered */

#endif
