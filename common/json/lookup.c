/* SPDX-License-Identifier: ISC */
/* Looking users up: request and answer to and from fields; see lookup.h. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "json/canon.h"
#include "json/envelope.h"
#include "json/lookup.h"

/* Where the two lie in UTF-8, as first and last code point. */
static const struct {
	uint32_t first, last;
} refused[] = {
    {0x00, 0x1f},     /* C0 */
    {0x7f, 0x9f},     /* DEL, C1 */
    {0x61c, 0x61c},   /* Arabic letter mark */
    {0x200e, 0x200f}, /* left-to-right and right-to-left mark */
    {0x2028, 0x202e}, /* separators, embeddings, overrides */
    {0x2066, 0x2069}, /* isolates */
};

bool
lookup_handle_valid(const char *handle, size_t length)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	size_t i;

	if (length < 1 || length > LOOKUP_HANDLE_MAX)
		return false;
	for (i = 0; i < length; i++)
		if (memchr(letters, handle[i], sizeof(letters) - 1) == NULL &&
		    (i == 0 || memchr("._-", handle[i], 3) == NULL))
			return false;
	return true;
}

/* The code point at *at, of text that is valid UTF-8. */
static uint32_t
code_point(const char **at)
{
	const uint8_t *bytes = (const uint8_t *)*at;
	int more = bytes[0] < 0xc0   ? 0
		   : bytes[0] < 0xe0 ? 1
		   : bytes[0] < 0xf0 ? 2
				     : 3;
	uint32_t point = more == 0 ? bytes[0] : bytes[0] & (0x3fU >> more);
	int i;

	for (i = 1; i <= more; i++)
		point = point << 6 | (bytes[i] & 0x3f);
	*at += more + 1;
	return point;
}

bool
lookup_name_valid(const char *name, size_t length)
{
	const char *at = name, *end = name + length;
	uint32_t point;
	size_t i;

	if (length < 1 || length > LOOKUP_NAME_MAX ||
	    !canon_text_valid(name, length))
		return false;
	while (at < end) {
		point = code_point(&at);
		for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
			if (point >= refused[i].first &&
			    point <= refused[i].last)
				return false;
	}
	return true;
}

char *
lookup_request_format(const char *handle, size_t *length)
{
	char *payload;
	int written = asprintf(&payload, "{\"handle\":\"%s\"}", handle);

	if (written == -1)
		return NULL;
	*length = (size_t)written;
	return payload;
}

/* A handle of an object; 0 or -1. */
static int
handle_copy(char handle[LOOKUP_HANDLE_MAX + 1], const json_t *object)
{
	const json_t *value = json_object_get(object, "handle");
	size_t length = json_string_length(value); /* 0 when it is none */

	if (!json_is_string(value) ||
	    !lookup_handle_valid(json_string_value(value), length))
		return -1;
	memcpy(handle, json_string_value(value), length);
	handle[length] = '\0';
	return 0;
}

enum code
lookup_request_parse(
    char handle[LOOKUP_HANDLE_MAX + 1], const char *payload, size_t length)
{
	json_t *root;
	int copied;

	if (length > ITEM_MAX ||
	    canon_parse(&root, payload, length, true) != CODE_OK)
		return CODE_PAYLOAD_MALFORMED;
	copied = handle_copy(handle, root);
	json_decref(root);
	return copied == 0 ? CODE_OK : CODE_PAYLOAD_MALFORMED;
}

static int
base64_set(
    json_t *object, const char *name, const uint8_t *bytes, size_t length)
{
	static char text[BASE64_LENGTH(LOOKUP_AVATAR_MAX) + 1];

	base64_encode(text, bytes, length);
	return json_object_set_new(object, name, json_string(text));
}

static bool
user_valid(const struct lookup_user *user)
{
	return lookup_handle_valid(user->handle, strlen(user->handle)) &&
	       user->key_length >= 1 && user->key_length <= LOOKUP_KEY_MAX &&
	       user->avatar_length <= LOOKUP_AVATAR_MAX &&
	       user->key_epoch >= 1 && user->key_epoch <= CANON_INTEGER_MAX &&
	       (user->name[0] == '\0' ||
		   lookup_name_valid(user->name, strlen(user->name)));
}

char *
lookup_answer_format(const struct lookup_user *user, size_t *length)
{
	json_t *object = json_object();
	char *text = NULL;

	*length = 0;
	if (user == NULL || (user_valid(user) &&
				json_object_set_new(object, "handle",
				    json_string(user->handle)) == 0 &&
				json_object_set_new(object, "keyEpoch",
				    json_integer(user->key_epoch)) == 0 &&
				base64_set(object, "publicKey", user->key,
				    user->key_length) == 0 &&
				(user->name[0] == '\0' ||
				    json_object_set_new(object, "displayName",
					json_string(user->name)) == 0) &&
				(user->avatar_length == 0 ||
				    base64_set(object, "avatar", user->avatar,
					user->avatar_length) == 0)))
		text = canon_write(object, length);
	json_decref(object);
	return text;
}

/* Bytes in base64, 1 to size of them; 0 or -1. */
static int
base64_get(uint8_t *bytes, size_t size, size_t *length, const json_t *value)
{
	if (!json_is_string(value) ||
	    base64_decode(bytes, size, length, json_string_value(value),
		json_string_length(value)) != 0)
		return -1;
	return *length > 0 ? 0 : -1;
}

static int
name_get(char name[LOOKUP_NAME_MAX + 1], const json_t *value)
{
	size_t length = json_string_length(value);

	if (!json_is_string(value) ||
	    !lookup_name_valid(json_string_value(value), length))
		return -1;
	memcpy(name, json_string_value(value), length);
	name[length] = '\0';
	return 0;
}

static int
user_parse(struct lookup_user *user, const json_t *object)
{
	const json_t *epoch = json_object_get(object, "keyEpoch");
	const json_t *name = json_object_get(object, "displayName");
	const json_t *avatar = json_object_get(object, "avatar");

	if (handle_copy(user->handle, object) != 0 || !json_is_integer(epoch) ||
	    json_integer_value(epoch) < 1 ||
	    base64_get(user->key, sizeof(user->key), &user->key_length,
		json_object_get(object, "publicKey")) != 0 ||
	    (name != NULL && name_get(user->name, name) != 0) ||
	    (avatar != NULL && base64_get(user->avatar, sizeof(user->avatar),
				   &user->avatar_length, avatar) != 0))
		return -1;
	user->key_epoch = json_integer_value(epoch);
	return 0;
}

enum code
lookup_answer_parse(struct lookup_user *user, bool *found, const char *handle,
    const char *payload, size_t length)
{
	const json_t *answer;
	json_t *root;
	bool good = false;

	memset(user, 0, sizeof(*user));
	*found = false;
	if (length > ITEM_MAX ||
	    canon_parse(&root, payload, length, true) != CODE_OK)
		return CODE_PAYLOAD_MALFORMED;
	answer = json_object_get(root, "answer");
	if (json_is_object(answer)) {
		*found = json_object_size(answer) > 0;
		good = !*found || (user_parse(user, answer) == 0 &&
				      strcmp(user->handle, handle) == 0);
	}
	json_decref(root);
	return good ? CODE_OK : CODE_PAYLOAD_MALFORMED;
}
