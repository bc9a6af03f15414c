/* SPDX-License-Identifier: ISC */
/* Rooms of ours that others have told of; see confirmed_set.h. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/tree.h"
#include "env.h"
#include "rooms/confirmed.h"

#define WAIT_MS 10000

struct heard {
	RB_ENTRY(heard) entry;
	struct room_id room;
};

static int
heard_compare(const struct heard *a, const struct heard *b)
{
	return memcmp(&a->room, &b->room, sizeof(a->room));
}

static RB_HEAD(heard_rooms, heard) rooms = RB_INITIALIZER(&rooms);
RB_GENERATE_STATIC(heard_rooms, heard, entry, heard_compare)

static int64_t begun_ms; /* 0: not yet */

void
confirmed_begin(void)
{
	if (begun_ms == 0)
		begun_ms = clock_ms();
}

/* Nobody waits any more: what was noted is not needed. */
static bool
over(void)
{
	struct heard *heard;

	if (begun_ms == 0 || clock_ms() - begun_ms < WAIT_MS)
		return false;
	while ((heard = RB_MIN(heard_rooms, &rooms)) != NULL) {
		RB_REMOVE(heard_rooms, &rooms, heard);
		free(heard);
	}
	return true;
}

void
confirmed_set(const struct room_id *room)
{
	struct heard *heard;

	if (over() || memcmp(room->home, env.identity.server, ONION_KEY) != 0)
		return;
	heard = calloc(1, sizeof(*heard));
	if (heard == NULL)
		fatal("out of memory");
	heard->room = *room;
	if (RB_INSERT(heard_rooms, &rooms, heard) != NULL)
		free(heard);
}

bool
confirmed_wait(const struct room_id *room, uint32_t servers)
{
	struct heard wanted;

	if (servers == 0 || over())
		return false;
	wanted.room = *room;
	return RB_FIND(heard_rooms, &rooms, &wanted) == NULL;
}
