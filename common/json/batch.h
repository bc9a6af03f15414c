/* SPDX-License-Identifier: ISC */
/*
 * The payload of a batch: {"items":[{"id":..,"payload":{..},"type":".."}..]},
 * 1 to 64 items, each id once. Canonical text is cut by its brackets, no tree
 * is built; each item's payload is then a canonical text of its own.
 */
#ifndef TORFED_BATCH_H
#define TORFED_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "proto/code.h"
#include "proto/signtext.h"

/* Bytes that an item adds to its payload: members, quotes, commas. */
#define BATCH_ITEM_OVERHEAD (36 + 32 + 32)
#define BATCH_OVERHEAD	    16 /* around all items */

struct wire_item {
	char type[TYPE_SIZE];
	uint8_t id[16];
	const char *payload; /* canonical */
	size_t payload_length;
};

/*
 * From a canonical batch payload; items: BATCH_ITEMS. Exactly these members,
 * since the signature covers nothing else. CODE_OK or PAYLOAD_MALFORMED. Item
 * payloads point into text.
 */
enum code batch_cut(
    struct wire_item *items, uint32_t *count, const char *text, size_t length);
/*
 * The canonical payload, newly allocated (free()). NULL: out of memory.
 * Payloads must be canonical.
 */
char *batch_format(
    const struct wire_item *items, uint32_t count, size_t *length);

#endif
