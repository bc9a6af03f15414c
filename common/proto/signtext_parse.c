/* SPDX-License-Identifier: ISC */
/*
 * Signing texts read back; see signtext_parse.h. Fields are read by their own
 * strict decoders, and the text is written again and compared, so that there
 * is one form of each.
 */
#include <string.h>

#include "base/encode.h"
#include "proto/onion.h"
#include "proto/signtext_parse.h"

#define ITEM_LINE (UUID_TEXT + 1 + BASE64_SHA256)

struct lines {
	const char *at;
	const char *end;
};

/* The next line; NULL: there is none. */
static const char *
line_next(struct lines *lines, size_t *length)
{
	const char *line = lines->at, *feed;

	if (line == NULL)
		return NULL;
	feed = memchr(line, '\n', (size_t)(lines->end - line));
	*length = (size_t)((feed == NULL ? lines->end : feed) - line);
	lines->at = feed == NULL ? NULL : feed + 1;
	return line;
}

static int
header_parse(struct envelope_header *header, struct lines *lines)
{
	size_t length;
	const char *line;

	(void)line_next(lines, &length); /* the domain: compared at the end */
	line = line_next(lines, &length);
	if (line == NULL || !signtext_type_valid(line, length))
		return -1;
	memcpy(header->type, line, length);
	line = line_next(lines, &length);
	if (line == NULL || uuid_parse(header->id, line, length) != 0)
		return -1;
	line = line_next(lines, &length);
	if (line == NULL ||
	    onion_parse(header->origin, line, length) != CODE_OK)
		return -1;
	line = line_next(lines, &length);
	if (line == NULL ||
	    onion_parse(header->destination, line, length) != CODE_OK)
		return -1;
	line = line_next(lines, &length);
	if (line == NULL || time_parse(&header->timestamp, line, length) != 0)
		return -1;
	line = line_next(lines, &length);
	return line == NULL ? -1 : hex_decode(header->key_id, 32, line, length);
}

static int
items_parse(struct signtext *parsed, struct lines *lines)
{
	struct batch_item *item;
	size_t length;
	const char *line;

	while ((line = line_next(lines, &length)) != NULL) {
		item = &parsed->items[parsed->count];
		if (parsed->count == BATCH_ITEMS || length != ITEM_LINE ||
		    uuid_parse(item->id, line, UUID_TEXT) != 0 ||
		    base64_decode_exact(item->digest, 32, line + UUID_TEXT + 1,
			BASE64_SHA256) != 0)
			return -1;
		parsed->count++;
	}
	return parsed->count == 0 ? -1 : 0;
}

static int
text_parse(struct signtext *parsed, struct lines *lines)
{
	size_t length;
	const char *line;

	if (header_parse(&parsed->header, lines) != 0)
		return -1;
	if (strcmp(parsed->header.type, "batch") == 0)
		return items_parse(parsed, lines);
	line = line_next(lines, &length);
	return line == NULL ? -1
			    : base64_decode_exact(
				  parsed->payload_hash, 32, line, length);
}

enum code
signtext_parse(struct signtext *parsed, const char *text, size_t length)
{
	struct lines lines = {text, text + length};
	char again[SIGNTEXT_BATCH_MAX];
	size_t written;

	memset(parsed, 0, sizeof(*parsed));
	if (length > sizeof(again) || text_parse(parsed, &lines) != 0)
		return CODE_PAYLOAD_MALFORMED;
	written = parsed->count > 0 ? signtext_batch(again, &parsed->header,
					  parsed->items, parsed->count)
				    : signtext_envelope(again, &parsed->header,
					  parsed->payload_hash);
	if (written != length || memcmp(again, text, length) != 0)
		return CODE_PAYLOAD_MALFORMED;
	return CODE_OK;
}

bool
signtext_names(const struct signtext *parsed, const char *type,
    const uint8_t payload_hash[32], uint8_t id[16], uint8_t digest[32])
{
	uint32_t i;

	if (parsed->count == 0) {
		memcpy(id, parsed->header.id, 16);
		signtext_item_digest(digest, type, id, payload_hash);
		return strcmp(parsed->header.type, type) == 0 &&
		       memcmp(parsed->payload_hash, payload_hash, 32) == 0;
	}
	for (i = 0; i < parsed->count; i++) {
		memcpy(id, parsed->items[i].id, 16);
		signtext_item_digest(digest, type, id, payload_hash);
		if (memcmp(digest, parsed->items[i].digest, 32) == 0)
			return true;
	}
	return false;
}
