/* SPDX-License-Identifier: ISC */
/* Members of rooms' payloads; see payload_field.h. */
#include <string.h>

#include "base/encode.h"
#include "json/canon.h"
#include "json/envelope.h"
#include "json/payload_field.h"

int
payload_field_text(
    const char **text, size_t *length, const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_string(value))
		return -1;
	*text = json_string_value(value);
	*length = json_string_length(value);
	return 0;
}

int
payload_field_bytes(
    uint8_t *to, size_t size, const json_t *object, const char *name)
{
	const char *text;
	size_t length;

	if (payload_field_text(&text, &length, object, name) == -1)
		return -1;
	return base64_decode_exact(to, size, text, length);
}

int
payload_field_room(struct room_id *to, const json_t *object)
{
	const char *text;
	size_t length;

	if (payload_field_text(&text, &length, object, "globalRoomId") == -1)
		return -1;
	return room_id_parse(to, text, length) == CODE_OK ? 0 : -1;
}

int
payload_field_user(struct room_user *to, const json_t *object, const char *name)
{
	const char *text, *at;
	uint8_t server[ONION_KEY];
	size_t length;

	if (payload_field_text(&text, &length, object, name) == -1 ||
	    (at = memchr(text, '@', length)) == NULL ||
	    onion_parse(server, at + 1, length - (size_t)(at + 1 - text)) !=
		CODE_OK)
		return -1;
	return room_user_make(to, server, text, (size_t)(at - text)) == CODE_OK
		   ? 0
		   : -1;
}

int
payload_field_own_user(struct room_user *to, const json_t *object,
    const char *name, const uint8_t origin[ONION_KEY])
{
	const char *text;
	size_t length;

	if (payload_field_text(&text, &length, object, name) == -1)
		return -1;
	return room_user_make(to, origin, text, length) == CODE_OK ? 0 : -1;
}

int
payload_field_time(int64_t *to, const json_t *object, const char *name)
{
	const char *text;
	size_t length;

	if (payload_field_text(&text, &length, object, name) == -1)
		return -1;
	return time_parse(to, text, length);
}

json_t *
payload_field_object(const char *payload, size_t length)
{
	json_t *root;

	if (length > ITEM_MAX ||
	    canon_parse(&root, payload, length, true) != CODE_OK)
		return NULL;
	if (json_is_object(root))
		return root;
	json_decref(root);
	return NULL;
}
