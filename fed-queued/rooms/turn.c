/* SPDX-License-Identifier: ISC */
/* One thing at a time in each room; see turn.h. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/tree.h"
#include "rooms/turn.h"

struct turn {
	TAILQ_ENTRY(turn) entry;
	void (*run)(void *);
	void *argument;
};

/* A room in which something is under way: the first of turns. */
struct busy {
	RB_ENTRY(busy) entry;
	struct room_id room;
	TAILQ_HEAD(, turn) turns;
};

static int
busy_compare(const struct busy *a, const struct busy *b)
{
	return memcmp(&a->room, &b->room, sizeof(a->room));
}

static RB_HEAD(busy_rooms, busy) rooms = RB_INITIALIZER(&rooms);
RB_GENERATE_STATIC(busy_rooms, busy, entry, busy_compare)

static struct busy *
busy_find(const struct room_id *room)
{
	struct busy wanted;

	wanted.room = *room;
	return RB_FIND(busy_rooms, &rooms, &wanted);
}

void
turn_begin(const struct room_id *room, void (*run)(void *), void *argument)
{
	struct busy *busy = busy_find(room);
	struct turn *turn = xcalloc(1, sizeof(*turn));
	bool first = busy == NULL;

	if (first) {
		busy = xcalloc(1, sizeof(*busy));
		busy->room = *room;
		TAILQ_INIT(&busy->turns);
		RB_INSERT(busy_rooms, &rooms, busy);
	}
	turn->run = run;
	turn->argument = argument;
	TAILQ_INSERT_TAIL(&busy->turns, turn, entry);
	if (first)
		run(argument);
}

void
turn_end(const struct room_id *room)
{
	struct busy *busy = busy_find(room);
	struct turn *turn;

	if (busy == NULL)
		fatal("a turn ended that had not begun");
	turn = TAILQ_FIRST(&busy->turns);
	TAILQ_REMOVE(&busy->turns, turn, entry);
	free(turn);
	turn = TAILQ_FIRST(&busy->turns);
	if (turn != NULL) {
		turn->run(turn->argument);
		return;
	}
	RB_REMOVE(busy_rooms, &rooms, busy);
	free(busy);
}
