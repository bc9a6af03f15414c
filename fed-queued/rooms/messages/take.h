/* SPDX-License-Identifier: ISC */
/* What take.c has of one call, for take_row.c. */
#ifndef TORFED_ROOM_TAKE_H
#define TORFED_ROOM_TAKE_H

#include "db/db.h"
#include "rooms/messages/intake.h"
#include "rooms/messages/look.h"

/* One call of messages_take(), while it is under way. */
struct take {
	struct room_id room;
	char room_text[ROOM_ID_SIZE];
	char origin_text[ONION_SIZE];
	uint8_t via[ONION_KEY];
	uint32_t count;
	struct room_verdict verdicts[BATCH_ITEMS];
	struct room_proof proof; /* text is owned */
	/* those that have their form, beside intake.items */
	uint32_t index[BATCH_ITEMS]; /* in verdicts */
	char *payload[BATCH_ITEMS];  /* owned */
	size_t payload_length[BATCH_ITEMS];
	char type[BATCH_ITEMS][TYPE_SIZE];
	struct intake intake;
	struct room_state state;
	int64_t version;
	messages_taken done;
	void *argument;
};

/* What room_messages_facts() is asked. */
void take_facts_ask(struct db_parameters *, const struct take *);
/* What it has answered: intake is complete but for its verdicts. */
void take_facts_row(struct take *, PGresult *);
/*
 * What messages_take() is to write; false: nothing. The parameters point
 * into take.
 */
bool take_write_ask(struct db_parameters *, const struct take *);

#endif
