/* SPDX-License-Identifier: ISC */
/* Fairness between servers; see fairness.h. */
#include <string.h>

#include "servers/fairness.h"

TAILQ_HEAD(lane_list, fairness_queue);

/* Lanes with items, the one whose turn is next first. */
static struct lane_list lanes = TAILQ_HEAD_INITIALIZER(lanes);

void
fairness_add(struct fairness_queue *lane, struct fairness_item *item)
{
	if (!lane->waiting) {
		lane->waiting = true;
		TAILQ_INIT(&lane->items);
		TAILQ_INSERT_TAIL(&lanes, lane, entry);
	}
	TAILQ_INSERT_TAIL(&lane->items, item, entry);
}

bool
fairness_waiting(void)
{
	return !TAILQ_EMPTY(&lanes);
}

static bool
group_has(const struct fairness_group *group, const struct fairness_item *item)
{
	int i;

	for (i = 0; i < group->count; i++)
		if (memcmp(group->items[i]->message_id, item->message_id, 16) ==
			0 &&
		    memcmp(group->items[i]->server_id, item->server_id, 16) ==
			0)
			return true;
	return false;
}

static bool
group_fits(
    const struct fairness_group *group, const struct fairness_item *first)
{
	int together = first->together > 0 ? (int)first->together : 1;

	return group->count == 0 || (group->count + together <= FAIR_ITEMS &&
					group->bytes <= FAIR_BYTES);
}

/* The lane's first request; false when all its ids have to wait. */
static bool
group_take(struct fairness_group *group, struct fairness_queue *lane)
{
	struct fairness_item *item = TAILQ_FIRST(&lane->items), *next;
	int before = group->count;

	do {
		next = TAILQ_NEXT(item, entry);
		if (!group_has(group, item)) {
			TAILQ_REMOVE(&lane->items, item, entry);
			group->items[group->count++] = item;
			group->bytes += item->size;
		}
		item = next;
	} while (
	    item != NULL && item->together == 0 && group->count < FAIR_ITEMS);
	return group->count > before;
}

void
fairness_fill(struct fairness_group *group)
{
	struct lane_list later = TAILQ_HEAD_INITIALIZER(later);
	struct fairness_queue *lane;

	group->count = 0;
	group->bytes = 0;
	while ((lane = TAILQ_FIRST(&lanes)) != NULL &&
	       group->count < FAIR_ITEMS &&
	       group_fits(group, TAILQ_FIRST(&lane->items))) {
		TAILQ_REMOVE(&lanes, lane, entry);
		if (!group_take(group, lane))
			TAILQ_INSERT_TAIL(&later, lane, entry);
		else if (TAILQ_EMPTY(&lane->items))
			lane->waiting = false;
		else
			TAILQ_INSERT_TAIL(&lanes, lane, entry);
	}
	TAILQ_CONCAT(&lanes, &later, entry);
}
