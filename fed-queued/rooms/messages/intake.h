/* SPDX-License-Identifier: ISC */
/*
 * Messages of one origin in one room, judged one after the other: each by what
 * those before it have changed, though nothing of that is written yet. Pure but
 * for its own memory.
 */
#ifndef TORFED_ROOMS_MESSAGES_INTAKE_H
#define TORFED_ROOMS_MESSAGES_INTAKE_H

#include "json/batch.h"
#include "room/room_message.h"

/* What is known of one message, and what was decided then. */
struct intake_item {
	uint8_t id[UUID_SIZE];
	struct room_message message;

	/* what is known of this message alone */
	struct room_member member;
	int64_t left_learned;
	bool here_then;
	bool has_stream;
	struct room_stream stream;
	bool has_known; /* the id was received, with this digest */
	uint8_t known[ROOM_HASH];
	bool has_item; /* the id is that of one that is kept, taken or not */
	uint8_t item[ROOM_HASH];
	bool has_before, has_at, has_after;
	uint8_t before[ROOM_HASH];
	uint8_t at[ROOM_HASH];
	uint8_t after[ROOM_HASH];
	bool at_void;

	struct room_verdict verdict;
	bool id_conflict; /* its id named something else: evidence */
	/*
	 * To be kept: taken, held, or refused with its number settled. But an
	 * id has one item: a second one under the same id is kept as evidence
	 * and not as a message.
	 */
	bool stored;
};

struct intake_stream {
	struct room_stream stream;
	bool changed;
};

struct intake {
	const struct room_state *state; /* NULL: the room is not known */
	uint8_t self[ONION_KEY];
	uint8_t origin[ONION_KEY];
	bool trusted;			/* origin is at level 1, or ourselves */
	struct room_message_facts room; /* what is known for all items */
	int64_t now;
	uint32_t count;
	struct intake_item items[BATCH_ITEMS];
	uint32_t stream_count; /* of those that occurred so far */
	struct intake_stream streams[BATCH_ITEMS];
};

/* Decides on all items in their order; streams begin empty. */
void intake_run(struct intake *);
/* Whether no item before this one is kept under the same id. */
bool intake_first(const struct intake *, const struct intake_item *);
/* The last verdict on an item that is kept: a request may have it more than
 * once. */
const struct room_verdict *intake_last(
    const struct intake *, const struct intake_item *);

#endif
