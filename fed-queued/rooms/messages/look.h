/* SPDX-License-Identifier: ISC */
/*
 * Messages in rooms: those of others taken, held and judged again; ours given
 * their place and queued.
 */
#ifndef TORFED_ROOM_MESSAGES_H
#define TORFED_ROOM_MESSAGES_H

#include <stdbool.h>

#include "exchange/proof.h"
#include "json/batch.h"
#include "room/room_id.h"
#include "room/room_verdict.h"

struct signed_message {
	uint8_t message_id[UUID_SIZE];
	uint8_t digest[32];  /* the item digest */
	const char *payload; /* canonical */
	size_t payload_length;
};

/* verdicts: one for each; ok false: the database did not answer. */
typedef void (*messages_taken)(
    const struct room_verdict *verdicts, bool ok, void *argument);

/*
 * Messages of one origin in one room, in the order of the request, 1 to
 * BATCH_ITEMS. All are written in one transaction, or none. A duplicate is
 * ROOM_KNOWN; one that is malformed ROOM_REFUSED with PAYLOAD_MALFORMED. via:
 * the server that showed them. All is copied.
 */
void messages_take(const struct room_id *, const struct signed_message *,
    uint32_t count, const struct room_proof *, const uint8_t via[ONION_KEY],
    messages_taken, void *argument);
/* The room's state has changed: what was held is judged again. */
void messages_judge(const struct room_id *);
/* The application has written messages. Also judges what is due. */
void messages_look(void);

#endif
