/* SPDX-License-Identifier: ISC */
/*
 * Signing texts.  Each field is written by its own strict encoder, or is a
 * type that was checked, so none can hold a LF and move a border.
 */
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "proto/ed.h"
#include "proto/onion.h"
#include "proto/signtext.h"

#define ENVELOPE_DOMAIN PROTOCOL_VERSION "/envelope"
#define ITEM_DOMAIN	PROTOCOL_VERSION "/item"

/* A batch's line for each item: id, space, digest; and the LF before it. */
#define ITEM_LINE	(1 + UUID_TEXT + 1 + BASE64_SHA256)
_Static_assert(ITEM_LINE == 82, "SIGNTEXT_BATCH_MAX counts on it");

/* Each of these writes a field with the separator before it, and returns
 * where the next one goes. */

static char *
put(char *text, char separator, const char *field, size_t length)
{
	*text++ = separator;
	memcpy(text, field, length);
	return text + length;
}

static char *
put_uuid(char *text, const uint8_t id[16])
{
	char field[UUID_TEXT + 1];

	uuid_format(field, id);
	return put(text, '\n', field, UUID_TEXT);
}

static char *
put_onion(char *text, const uint8_t key[32])
{
	char field[ONION_SIZE];

	onion_format(field, key);
	return put(text, '\n', field, ONION_LENGTH);
}

static char *
put_hash(char *text, char separator, const uint8_t hash[32])
{
	char field[BASE64_SHA256 + 1];

	base64_encode(field, hash, 32);
	return put(text, separator, field, BASE64_SHA256);
}

static char *
put_number(char *text, int64_t number)
{
	char field[24];
	int length = snprintf(field, sizeof(field), "%lld", (long long)number);

	return put(text, '\n', field, (size_t)length);
}

/* The lines that an envelope and a batch have in common. */
static char *
put_header(char *text, const struct envelope_header *header)
{
	char field[2 * 32 + 1];

	memcpy(text, ENVELOPE_DOMAIN, sizeof(ENVELOPE_DOMAIN) - 1);
	text += sizeof(ENVELOPE_DOMAIN) - 1;
	text =
	    put(text, '\n', header->type, strnlen(header->type, TYPE_SIZE - 1));
	text = put_uuid(text, header->id);
	text = put_onion(text, header->origin);
	text = put_onion(text, header->destination);
	time_format(field, header->timestamp);
	text = put(text, '\n', field, TIME_TEXT);
	hex_encode(field, header->key_id, 32);
	return put(text, '\n', field, 64);
}

size_t
signtext_envelope(
    char *text, const struct envelope_header *header, const uint8_t hash[32])
{
	char *end;

	end = put_hash(put_header(text, header), '\n', hash);
	return (size_t)(end - text);
}

size_t
signtext_batch(char *text, const struct envelope_header *header,
    const struct batch_item *items, size_t count)
{
	char *end;
	size_t i;

	end = put_header(text, header);
	for (i = 0; i < count; i++) {
		end = put_uuid(end, items[i].id);
		end = put_hash(end, ' ', items[i].digest);
	}
	return (size_t)(end - text);
}

void
signtext_item_digest(uint8_t digest[32], const char *type, const uint8_t id[16],
    const uint8_t payload_hash[32])
{
	char *end, text[SIGNTEXT_ITEM_MAX];

	memcpy(text, ITEM_DOMAIN, sizeof(ITEM_DOMAIN) - 1);
	end = text + sizeof(ITEM_DOMAIN) - 1;
	end = put(end, '\n', type, strnlen(type, TYPE_SIZE - 1));
	end = put_uuid(end, id);
	end = put_hash(end, '\n', payload_hash);
	sha256(digest, text, (size_t)(end - text));
}

size_t
signtext_state(char *text, const struct state_header *header,
    const uint8_t payload_hash[32])
{
	char *end, field[2 * 32 + 1];

	memcpy(text, STATE_DOMAIN, sizeof(STATE_DOMAIN) - 1);
	end = put_uuid(text + sizeof(STATE_DOMAIN) - 1, header->room);
	onion_format(field, header->home);
	end = put(end, '@', field, ONION_LENGTH);
	end = put_number(end, header->number);
	end = put_hash(end, '\n', header->previous);
	end =
	    put(end, '\n', header->kind, strnlen(header->kind, TYPE_SIZE - 1));
	time_format(field, header->timestamp);
	end = put(end, '\n', field, TIME_TEXT);
	hex_encode(field, header->key_id, 32);
	end = put(end, '\n', field, 64);
	end = put_hash(end, '\n', payload_hash);
	return (size_t)(end - text);
}

int
signtext_type_valid(const char *type, size_t length)
{
	size_t i;

	if (length < 1 || length > TYPE_SIZE - 1)
		return 0;
	for (i = 0; i < length; i++)
		if ((type[i] < 'a' || type[i] > 'z') && type[i] != '_')
			return 0;
	return 1;
}
