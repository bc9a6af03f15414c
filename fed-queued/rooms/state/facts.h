/* SPDX-License-Identifier: ISC */
/* What a state event is judged by, asked of the database and read. */
#ifndef TORFED_ROOMS_STATE_FACTS_H
#define TORFED_ROOMS_STATE_FACTS_H

#include "db/db.h"
#include "room/room_restore.h"
#include "room/room_state.h"

struct event_facts {
	int64_t version; /* of room_states; 0 also: the room is not known */
	struct room_state state;
	struct room_facts facts; /* points into what follows */
	uint8_t known[ROOM_HASH];
	struct room_invitation invitation;
	bool wanted;   /* we take the room's events */
	bool pending;  /* an event that we decided is not signed yet */
	bool creating; /* our application's request to do so is not decided */
	struct room_recovery recovery;
	bool has_adopt; /* this server's chain is adopted, see recovery */
	uint8_t adopt_from[ONION_KEY];
	bool has_digest;    /* the request's id came from origin before, */
	uint8_t digest[32]; /* with this item */
};

/*
 * event: number, kind and content are looked at. origin and request: which
 * server asked for it, with the id of which item, or NULL both. The callback
 * reads the result with facts_row().
 */
void facts_call(const struct room_event *event, const uint8_t *origin,
    const uint8_t *request, db_callback, void *argument);
void facts_row(struct event_facts *, const struct room_id *, PGresult *);

#endif
