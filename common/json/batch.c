/* SPDX-License-Identifier: ISC */
/* The payload of a batch, cut and written; see batch.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "json/batch.h"
#include "json/canon.h"

/* Takes text that must stand at *at. */
static int
text_take(const char **at, const char *end, const char *text)
{
	size_t length = strlen(text);

	if ((size_t)(end - *at) < length || memcmp(*at, text, length) != 0)
		return -1;
	*at += length;
	return 0;
}

/* Takes a string without escapes up to its quote, which is taken, too. */
static int
string_take(const char **at, const char *end, const char **text, size_t *length)
{
	const char *quote = memchr(*at, '"', (size_t)(end - *at));

	if (quote == NULL)
		return -1;
	*text = *at;
	*length = (size_t)(quote - *at);
	*at = quote + 1;
	return 0;
}

static int
item_cut(struct wire_item *item, const char **at, const char *end)
{
	const char *text, *after;
	size_t length;

	if (text_take(at, end, "{\"id\":\"") != 0 ||
	    string_take(at, end, &text, &length) != 0 ||
	    uuid_parse(item->id, text, length) != 0 ||
	    text_take(at, end, ",\"payload\":") != 0 || *at == end ||
	    **at != '{' || (after = canon_skip(*at, end)) == NULL)
		return -1;
	item->payload = *at;
	item->payload_length = (size_t)(after - *at);
	*at = after;
	if (text_take(at, end, ",\"type\":\"") != 0 ||
	    string_take(at, end, &text, &length) != 0 ||
	    !signtext_type_valid(text, length) || text_take(at, end, "}") != 0)
		return -1;
	memset(item->type, 0, sizeof(item->type));
	memcpy(item->type, text, length);
	return 0;
}

static int
item_repeated(const struct wire_item *items, uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; i++)
		if (memcmp(items[i].id, items[count].id, 16) == 0)
			return 1;
	return 0;
}

enum code
batch_cut(
    struct wire_item *items, uint32_t *count, const char *text, size_t length)
{
	const char *at = text, *end = text + length;

	*count = 0;
	if (text_take(&at, end, "{\"items\":[") != 0)
		return CODE_PAYLOAD_MALFORMED;
	do {
		if (*count == BATCH_ITEMS ||
		    item_cut(&items[*count], &at, end) != 0 ||
		    item_repeated(items, *count))
			return CODE_PAYLOAD_MALFORMED;
		(*count)++;
	} while (text_take(&at, end, ",") == 0);
	if (text_take(&at, end, "]}") != 0 || at != end)
		return CODE_PAYLOAD_MALFORMED;
	return CODE_OK;
}

char *
batch_format(const struct wire_item *items, uint32_t count, size_t *length)
{
	char id[UUID_TEXT + 1], *text, *at;
	size_t size = BATCH_OVERHEAD;
	uint32_t i;

	for (i = 0; i < count; i++)
		size += items[i].payload_length + BATCH_ITEM_OVERHEAD;
	if ((text = malloc(size)) == NULL)
		return NULL;
	at = text + sprintf(text, "{\"items\":[");
	for (i = 0; i < count; i++) {
		uuid_format(id, items[i].id);
		at += sprintf(
		    at, "%s{\"id\":\"%s\",\"payload\":", i == 0 ? "" : ",", id);
		memcpy(at, items[i].payload, items[i].payload_length);
		at += items[i].payload_length;
		at += sprintf(at, ",\"type\":\"%s\"}", items[i].type);
	}
	at += sprintf(at, "]}");
	*length = (size_t)(at - text);
	return text;
}
