/* SPDX-License-Identifier: ISC */
/*
 * Slots and a list of free ones. An id is its slot (low 16 bits) and a number
 * that grows with each use of the slot, so that an id is not soon met again.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "pending.h"

#define PENDING_MAX 65535

struct slot {
	struct connection *connection;
	uint64_t circuit;
	uint16_t use; /* 1.. of this slot, wraps */
	bool taken;
};

struct pending {
	size_t maximum;
	size_t free_count;
	uint16_t *free; /* stack of free slots */
	struct slot *slots;
};

struct pending *
pending_new(int64_t maximum)
{
	struct pending *pending = xcalloc(1, sizeof(*pending));
	size_t i;

	if (maximum < 1)
		maximum = 1;
	if (maximum > PENDING_MAX)
		maximum = PENDING_MAX;
	pending->maximum = (size_t)maximum;
	pending->free_count = pending->maximum;
	pending->free = xcalloc(pending->maximum, sizeof(*pending->free));
	pending->slots = xcalloc(pending->maximum, sizeof(*pending->slots));
	for (i = 0; i < pending->maximum; i++)
		pending->free[i] = (uint16_t)(pending->maximum - 1 - i);
	return pending;
}

void
pending_free(struct pending *pending)
{
	if (pending == NULL)
		return;
	free(pending->free);
	free(pending->slots);
	free(pending);
}

bool
pending_full(const struct pending *pending)
{
	return pending->free_count == 0;
}

size_t
pending_maximum(const struct pending *pending)
{
	return pending->maximum;
}

size_t
pending_count(const struct pending *pending)
{
	return pending->maximum - pending->free_count;
}

uint32_t
pending_add(
    struct pending *pending, struct connection *connection, uint64_t circuit)
{
	struct slot *slot;
	uint16_t index;

	if (pending_full(pending))
		return PENDING_NONE;
	index = pending->free[--pending->free_count];
	slot = &pending->slots[index];
	slot->connection = connection;
	slot->circuit = circuit;
	slot->taken = true;
	if (++slot->use == 0)
		slot->use = 1;
	return (uint32_t)slot->use << 16 | index;
}

static struct slot *
pending_slot(struct pending *pending, uint32_t id)
{
	size_t index = id & 0xffff;

	if (index >= pending->maximum || !pending->slots[index].taken ||
	    pending->slots[index].use != id >> 16)
		return NULL;
	return &pending->slots[index];
}

void
pending_abandon(struct pending *pending, uint32_t id)
{
	struct slot *slot = pending_slot(pending, id);

	if (slot != NULL)
		slot->connection = NULL;
}

int
pending_take(struct pending *pending, uint32_t id,
    struct connection **connection, uint64_t *circuit)
{
	struct slot *slot = pending_slot(pending, id);

	if (slot == NULL)
		return -1;
	*connection = slot->connection;
	*circuit = slot->circuit;
	slot->connection = NULL;
	slot->taken = false;
	pending->free[pending->free_count++] = (uint16_t)(id & 0xffff);
	return 0;
}
