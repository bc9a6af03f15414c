/* SPDX-License-Identifier: ISC */
/* For take.c alone: one call of messages_take(), and what it asks the
 * database. */
#ifndef TORFED_ROOMS_MESSAGES_TAKE_ROW_H
#define TORFED_ROOMS_MESSAGES_TAKE_ROW_H

#include "db/db.h"
#include "rooms/messages/intake.h"
#include "rooms/messages/take.h"

/* While it is under way. */
struct take {
	struct room_id room;
	char room_text[ROOM_ID_SIZE];
	char origin_text[ONION_SIZE];
	uint8_t via[ONION_KEY];
	uint32_t count;
	struct room_verdict verdicts[BATCH_ITEMS];
	struct signed_text proof; /* text is owned */
	/* those that have their form, as intake.items has them */
	uint32_t index[BATCH_ITEMS]; /* in verdicts */
	char *payload[BATCH_ITEMS];  /* owned */
	size_t payload_length[BATCH_ITEMS];
	char type[BATCH_ITEMS][TYPE_SIZE];
	struct intake intake;
	struct room_state state;
	int64_t version; /* of the room, as it was read */
	uint32_t attempts;
	messages_done done;
	void *argument;
};

/* Parameters of room_messages_facts(). */
void take_facts_ask(struct db_parameters *, const struct take *);
/* Its result: then intake is complete but for the verdicts. */
void take_facts_row(struct take *, PGresult *);
/*
 * Parameters of room_messages_take(), which point into take; false: there is
 * nothing to write.
 */
bool take_write_ask(struct db_parameters *, const struct take *);
/* Whether our application sees it; what it wrote itself, it knows. */
bool take_visible(const struct take *, const struct room_verdict *);

#endif
