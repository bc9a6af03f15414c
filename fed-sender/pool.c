/* SPDX-License-Identifier: ISC */
/*
 * Destinations in a tree by key; those with jobs in a ring besides. A dead
 * destination holds its connecting slots for minutes, so all of them together
 * get half of the slots, and each a quarter of that half; and one that accepts
 * and does not answer gets half of the slots at most.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/tree.h"
#include "pool.h"

#define CONNECTING_SHARE       2 /* of all slots, one in so many */
#define DESTINATION_SHARE      2 /* the same for one destination */
#define DESTINATION_CONNECTING 4 /* of what may connect, for one destination */

TAILQ_HEAD(job_list, job);
TAILQ_HEAD(slot_list, slot);

struct destination {
	RB_ENTRY(destination) node;
	TAILQ_ENTRY(destination) turn; /* while it has jobs */
	uint8_t key[32];
	uint32_t generation; /* of the latest job */
	struct job_list jobs;
	struct slot_list idle; /* the latest used first */
	size_t slots;
	size_t connecting;
};

RB_HEAD(destination_tree, destination);
TAILQ_HEAD(destination_list, destination);

struct pool {
	struct destination_tree tree;
	struct destination_list turns;
	struct slot_list idle;
	size_t maximum;
	size_t idle_maximum;
	size_t connecting_maximum;
	size_t destination_connecting; /* for each, at most */
	size_t destination_slots;
	size_t waiting;
	size_t slots;
	size_t connecting;
	size_t idle_count;
	size_t destinations;
};

static int
destination_compare(const struct destination *a, const struct destination *b)
{
	return memcmp(a->key, b->key, sizeof(a->key));
}

RB_GENERATE_STATIC(destination_tree, destination, node, destination_compare);

static size_t
at_least_one(size_t count)
{
	return count > 0 ? count : 1;
}

struct pool *
pool_new(int64_t maximum, int64_t idle)
{
	struct pool *pool = xcalloc(1, sizeof(*pool));

	RB_INIT(&pool->tree);
	TAILQ_INIT(&pool->turns);
	TAILQ_INIT(&pool->idle);
	pool->maximum = at_least_one(maximum > 0 ? (size_t)maximum : 0);
	pool->idle_maximum = idle > 0 ? (size_t)idle : 0;
	pool->connecting_maximum =
	    at_least_one(pool->maximum / CONNECTING_SHARE);
	pool->destination_connecting =
	    at_least_one(pool->connecting_maximum / DESTINATION_CONNECTING);
	pool->destination_slots =
	    at_least_one(pool->maximum / DESTINATION_SHARE);
	return pool;
}

void
pool_free(struct pool *pool)
{
	free(pool);
}

static struct destination *
destination_find(struct pool *pool, const uint8_t key[32])
{
	struct destination wanted;

	memcpy(wanted.key, key, sizeof(wanted.key));
	return RB_FIND(destination_tree, &pool->tree, &wanted);
}

/* Found or made. */
static struct destination *
destination_get(struct pool *pool, const uint8_t key[32])
{
	struct destination *destination = destination_find(pool, key);

	if (destination != NULL)
		return destination;
	destination = xcalloc(1, sizeof(*destination));
	memcpy(destination->key, key, sizeof(destination->key));
	TAILQ_INIT(&destination->jobs);
	TAILQ_INIT(&destination->idle);
	RB_INSERT(destination_tree, &pool->tree, destination);
	pool->destinations++;
	return destination;
}

/* Forgets one that has nothing left. */
static void
destination_tidy(struct pool *pool, struct destination *destination)
{
	if (!TAILQ_EMPTY(&destination->jobs) || destination->slots > 0)
		return;
	RB_REMOVE(destination_tree, &pool->tree, destination);
	pool->destinations--;
	free(destination);
}

void
pool_put(struct pool *pool, struct job *job)
{
	struct destination *destination = destination_get(pool, job->key);

	if (TAILQ_EMPTY(&destination->jobs))
		TAILQ_INSERT_TAIL(&pool->turns, destination, turn);
	if (job->fresh)
		TAILQ_INSERT_HEAD(&destination->jobs, job, entry);
	else
		TAILQ_INSERT_TAIL(&destination->jobs, job, entry);
	if (!job->fresh) /* which may be an old one */
		destination->generation = job->generation;
	pool->waiting++;
}

/* The job leaves the line; its destination's turn comes last now. */
static void
job_leave(struct pool *pool, struct destination *destination, struct job *job)
{
	TAILQ_REMOVE(&destination->jobs, job, entry);
	pool->waiting--;
	TAILQ_REMOVE(&pool->turns, destination, turn);
	if (!TAILQ_EMPTY(&destination->jobs))
		TAILQ_INSERT_TAIL(&pool->turns, destination, turn);
}

static struct slot *
idle_find(const struct destination *destination, const struct job *job)
{
	struct slot *slot;

	if (job->fresh)
		return NULL;
	TAILQ_FOREACH (slot, &destination->idle, entry)
		if (slot->generation == job->generation)
			return slot;
	return NULL;
}

static void
idle_leave(struct pool *pool, struct slot *slot)
{
	TAILQ_REMOVE(&slot->destination->idle, slot, entry);
	TAILQ_REMOVE(&pool->idle, slot, idle);
	pool->idle_count--;
}

/* Whether one more connection may be begun, by closing an idle one if need
 * be. */
static bool
may_connect(const struct pool *pool)
{
	return pool->connecting < pool->connecting_maximum &&
	       (pool->slots < pool->maximum || pool->idle_count > 0);
}

static bool
may_grow(const struct pool *pool, const struct destination *destination)
{
	return destination->connecting < pool->destination_connecting &&
	       destination->slots < pool->destination_slots;
}

/* The first in turn whose next job can go; *use as in pool_take(). */
static struct destination *
destination_due(struct pool *pool, struct slot **use)
{
	struct destination *destination = TAILQ_FIRST(&pool->turns);
	bool connect = may_connect(pool);

	*use = NULL;
	if (!connect && pool->idle_count == 0)
		return NULL;
	for (; destination != NULL;
	     destination = TAILQ_NEXT(destination, turn)) {
		*use = idle_find(destination, TAILQ_FIRST(&destination->jobs));
		if (*use != NULL || (connect && may_grow(pool, destination)))
			return destination;
	}
	return NULL;
}

struct job *
pool_take(struct pool *pool, struct slot **use, struct slot **evict)
{
	struct destination *destination = destination_due(pool, use);
	struct job *job;

	*evict = NULL;
	if (destination == NULL)
		return NULL;
	if (*use != NULL) {
		idle_leave(pool, *use);
		(*use)->state = SLOT_BUSY;
	} else if (pool->slots >= pool->maximum)
		*evict = TAILQ_FIRST(&pool->idle);
	job = TAILQ_FIRST(&destination->jobs);
	job_leave(pool, destination, job);
	return job;
}

void
pool_connect(struct pool *pool, struct slot *slot, const struct job *job)
{
	slot->destination = destination_get(pool, job->key);
	slot->generation = job->generation;
	slot->state = SLOT_CONNECTING;
	slot->destination->slots++;
	slot->destination->connecting++;
	pool->slots++;
	pool->connecting++;
}

void
pool_connected(struct pool *pool, struct slot *slot)
{
	slot->state = SLOT_BUSY;
	slot->destination->connecting--;
	pool->connecting--;
}

void
pool_rest(struct pool *pool, struct slot *slot)
{
	slot->state = SLOT_IDLE;
	TAILQ_INSERT_HEAD(&slot->destination->idle, slot, entry);
	if (slot->brief)
		TAILQ_INSERT_HEAD(&pool->idle, slot, idle);
	else
		TAILQ_INSERT_TAIL(&pool->idle, slot, idle);
	pool->idle_count++;
}

void
pool_remove(struct pool *pool, struct slot *slot)
{
	struct destination *destination = slot->destination;

	if (slot->state == SLOT_CONNECTING) {
		destination->connecting--;
		pool->connecting--;
	} else if (slot->state == SLOT_IDLE)
		idle_leave(pool, slot);
	destination->slots--;
	pool->slots--;
	slot->destination = NULL;
	destination_tidy(pool, destination);
}

struct slot *
pool_excess(const struct pool *pool)
{
	return pool->idle_count > pool->idle_maximum ? TAILQ_FIRST(&pool->idle)
						     : NULL;
}

struct slot *
pool_stale(struct pool *pool, const struct job *job)
{
	struct destination *destination = destination_find(pool, job->key);
	struct slot *slot;

	if (destination == NULL)
		return NULL;
	TAILQ_FOREACH (slot, &destination->idle, entry)
		if (slot->generation != job->generation)
			return slot;
	return NULL;
}

bool
pool_current(const struct slot *slot)
{
	return slot->generation == slot->destination->generation;
}

bool
pool_known(struct pool *pool, const uint8_t key[32])
{
	return destination_find(pool, key) != NULL;
}

size_t
pool_waiting(const struct pool *pool)
{
	return pool->waiting;
}

size_t
pool_slots(const struct pool *pool)
{
	return pool->slots;
}

size_t
pool_connecting(const struct pool *pool)
{
	return pool->connecting;
}

size_t
pool_destinations(const struct pool *pool)
{
	return pool->destinations;
}
