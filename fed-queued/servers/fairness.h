/* SPDX-License-Identifier: ISC */
/*
 * Fairness between servers that send to us: whose items are committed next.
 * Pure.
 */
#ifndef TORFED_SERVERS_FAIRNESS_H
#define TORFED_SERVERS_FAIRNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/tree.h"

#define FAIR_ITEMS 256	      /* in one transaction, at most */
#define FAIR_BYTES (2U << 20) /* of payload, but for the last request */

/* An item that waits, in whatever the caller keeps of it. */
struct fairness_item {
	TAILQ_ENTRY(fairness_item) entry;
	uint8_t server_id[16];
	uint8_t message_id[16];
	size_t size; /* of its payload, bytes */
	/*
	 * In a request's first item: how many items it has; 0 in the others.
	 * They are committed together or not at all, or one that failed could
	 * come again behind those that did not, out of order.
	 */
	uint32_t together;
};

/* One server's items that wait; zeros at first, then fairness.c's. */
struct fairness_queue {
	TAILQ_ENTRY(fairness_queue) entry;
	TAILQ_HEAD(fairness_items, fairness_item) items;
	bool waiting;
};

/* What goes into one transaction. */
struct fairness_group {
	struct fairness_item *items[FAIR_ITEMS];
	int count;
	size_t bytes;
};

/* Items of one request follow each other; the lane must outlive them. */
void fairness_add(struct fairness_queue *, struct fairness_item *);
bool fairness_waiting(void);
/*
 * Takes requests that fit, whole, one of each server in turn, each server's in
 * their order. An id that is in the group already waits.
 */
void fairness_fill(struct fairness_group *);

#endif
