/* SPDX-License-Identifier: ISC */
/*
 * Fairness between servers that send to us: whose items are committed next.
 * Pure.
 */
#ifndef TORFED_FAIRNESS_H
#define TORFED_FAIRNESS_H

#include "base/tree.h"
#include <stdbool.h>
#include <stddef.h>

#include "inbound/commit.h"

#define FAIR_ITEMS 256	      /* in one transaction, at most */
#define FAIR_BYTES (2U << 20) /* of payload, but for the last request */

/* One server's items that wait; zeros at first, then fairness.c's. */
struct fairness_lane {
	TAILQ_ENTRY(fairness_lane) entry;
	TAILQ_HEAD(fair_items, commit_item) items;
	bool waiting;
};

/* What goes into one transaction. */
struct fairness_group {
	struct commit_item *items[FAIR_ITEMS];
	int count;
	size_t bytes;
};

/* Items of one request follow each other; the lane must outlive them. */
void fairness_add(struct fairness_lane *, struct commit_item *);
bool fairness_waiting(void);
/*
 * Takes requests that fit, whole, one of each server in turn, each server's in
 * their order. An id that is in the group already waits.
 */
void fairness_fill(struct fairness_group *);

#endif
