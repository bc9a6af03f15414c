/* SPDX-License-Identifier: ISC */
/* Rooms of ours that another server has confirmed; see confirmed.h. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/tree.h"
#include "env.h"
#include "rooms/confirmed.h"

#define WAIT_MS 10000

struct confirmed {
	RB_ENTRY(confirmed) entry;
	struct room_id room;
};

static int
confirmed_compare(const struct confirmed *a, const struct confirmed *b)
{
	return memcmp(&a->room, &b->room, sizeof(a->room));
}

static RB_HEAD(confirmed_rooms, confirmed) rooms = RB_INITIALIZER(&rooms);
RB_GENERATE_STATIC(confirmed_rooms, confirmed, entry, confirmed_compare)

static int64_t begun_ms; /* when others were first asked; 0: not yet */

void
confirmed_begin(void)
{
	if (begun_ms == 0)
		begun_ms = clock_ms();
}

/* Whether the wait is over; then what was noted is not needed any more. */
static bool
wait_over(void)
{
	struct confirmed *confirmed;

	if (begun_ms == 0 || clock_ms() - begun_ms < WAIT_MS)
		return false;
	while ((confirmed = RB_MIN(confirmed_rooms, &rooms)) != NULL) {
		RB_REMOVE(confirmed_rooms, &rooms, confirmed);
		free(confirmed);
	}
	return true;
}

void
confirmed_set(const struct room_id *room)
{
	struct confirmed *confirmed;

	if (wait_over() ||
	    memcmp(room->home, env.identity.server, ONION_KEY) != 0)
		return;
	confirmed = xcalloc(1, sizeof(*confirmed));
	confirmed->room = *room;
	if (RB_INSERT(confirmed_rooms, &rooms, confirmed) != NULL)
		free(confirmed);
}

bool
confirmed_wait(const struct room_id *room, uint32_t servers)
{
	struct confirmed wanted;

	if (servers == 0 || wait_over())
		return false;
	wanted.room = *room;
	return RB_FIND(confirmed_rooms, &rooms, &wanted) == NULL;
}
