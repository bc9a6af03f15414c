/* SPDX-License-Identifier: ISC */
/* Payloads of rooms to typed fields; see room_payload.h. */
#include <string.h>

#include "json/canon.h"
#include "json/payload_field.h"
#include "json/room_payload.h"

/* Each of these takes a member that must be there: 0 or -1. */

static int
bool_get(bool *to, const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_boolean(value))
		return -1;
	*to = json_is_true(value);
	return 0;
}

static int
number_get(int64_t *to, const json_t *object, const char *name, int64_t most)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_integer(value) || json_integer_value(value) < 1 ||
	    json_integer_value(value) > most)
		return -1;
	*to = json_integer_value(value);
	return 0;
}

/* A nonce, or null for none. */
static int
nonce_get(uint8_t nonce[ROOM_NONCE], bool *has, const json_t *object)
{
	*has = !json_is_null(json_object_get(object, "nonce"));
	if (!*has)
		return 0;
	return payload_field_bytes(nonce, ROOM_NONCE, object, "nonce");
}

static bool
server_listed(const struct room_payload_servers *servers, uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; i++)
		if (memcmp(servers->key[i], servers->key[count], ONION_KEY) ==
		    0)
			return true;
	return false;
}

/* null, or addresses, each once. */
static int
servers_get(struct room_payload_servers *servers, bool *restricted,
    const json_t *object)
{
	const json_t *list = json_object_get(object, "allowedServers"), *entry;
	size_t count = json_array_size(list); /* 0 when it is none */
	uint32_t i;

	*restricted = json_is_array(list);
	if (!*restricted)
		return json_is_null(list) ? 0 : -1;
	if (count > ROOM_SERVERS_MAX)
		return -1;
	for (i = 0; i < count; i++) {
		entry = json_array_get(list, i);
		if (!json_is_string(entry) ||
		    onion_parse(servers->key[i], json_string_value(entry),
			json_string_length(entry)) != CODE_OK ||
		    server_listed(servers, i))
			return -1;
	}
	servers->count = (uint32_t)count;
	return 0;
}

static int
metadata_get(const json_t *object)
{
	static uint8_t bytes[ROOM_PAYLOAD_METADATA_MAX];
	const char *text;
	size_t length, decoded;

	if (payload_field_text(&text, &length, object, "metadata") == -1)
		return -1;
	return base64_decode(bytes, sizeof(bytes), &decoded, text, length);
}

static int
create_get(struct room_content *content, struct room_payload_servers *servers,
    const json_t *object)
{
	if (payload_field_user(&content->user, object, "creator") == -1 ||
	    bool_get(&content->federated, object, "federation") == -1 ||
	    bool_get(
		&content->require_invite, object, "requireInviteForJoin") == -1)
		return -1;
	return servers_get(servers, &content->restricted, object);
}

static int
invite_get(struct room_content *content, const json_t *object)
{
	if (payload_field_user(&content->user, object, "invitee") == -1 ||
	    payload_field_user(&content->inviter, object, "inviter") == -1 ||
	    payload_field_time(&content->expires, object, "expires") == -1)
		return -1;
	return payload_field_bytes(content->nonce, ROOM_NONCE, object, "nonce");
}

static int
join_get(struct room_content *content, const json_t *object)
{
	if (payload_field_user(&content->user, object, "member") == -1)
		return -1;
	return nonce_get(content->nonce, &content->has_nonce, object);
}

static int
content_get(struct room_content *content, struct room_payload_servers *servers,
    enum room_kind kind, const json_t *object)
{
	switch (kind) {
	case ROOM_CREATE:
		return create_get(content, servers, object);
	case ROOM_INVITE:
		return invite_get(content, object);
	case ROOM_JOIN:
		return join_get(content, object);
	case ROOM_LEAVE:
	case ROOM_REMOVE:
		return payload_field_user(&content->user, object, "member");
	case ROOM_SERVERS:
		return servers_get(servers, &content->restricted, object);
	case ROOM_RENAME:
		return metadata_get(object);
	case ROOM_FEDERATION:
		return bool_get(&content->federated, object, "enabled");
	case ROOM_CLOSE:
	case ROOM_KEY:
		return 0;
	case ROOM_KINDS:
	default:
		return -1;
	}
}

enum code
room_payload_content(struct room_content *content,
    struct room_payload_servers *servers, enum room_kind kind,
    const char *payload, size_t length)
{
	json_t *object = payload_field_object(payload, length);
	int got;

	memset(content, 0, sizeof(*content));
	memset(servers, 0, sizeof(*servers));
	if (object == NULL)
		return CODE_PAYLOAD_MALFORMED;
	got = content_get(content, servers, kind, object);
	json_decref(object);
	return got == 0 ? CODE_OK : CODE_PAYLOAD_MALFORMED;
}

/* Sextet of a character of base64, or -1. */
static int
base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* One byte or more in base64, padded, unused bits zero; they are left alone. */
static bool
base64_valid(const char *text, size_t length)
{
	size_t i, padding = 0;
	int value = -1;

	if (length == 0 || length % 4 != 0)
		return false;
	while (padding < 2 && text[length - 1 - padding] == '=')
		padding++;
	for (i = 0; i < length - padding; i++)
		if ((value = base64_value(text[i])) == -1)
			return false;
	return (value & ((1 << 2 * padding) - 1)) == 0;
}

static int
message_fields(struct room_message *message, const json_t *object,
    const uint8_t origin[ONION_KEY])
{
	struct room_place *place = &message->place;
	int64_t lane;

	if (payload_field_room(&message->room, object) == -1 ||
	    payload_field_own_user(
		&message->sender, object, "senderId", origin) == -1 ||
	    number_get(&message->state_number, object, "stateNumber",
		ROOM_NUMBER_MAX) == -1 ||
	    number_get(&message->epoch, object, "epoch", ROOM_NUMBER_MAX) ==
		-1 ||
	    number_get(&lane, object, "lane", 3) == -1 ||
	    number_get(&place->sequence, object, "sequence", ROOM_NUMBER_MAX) ==
		-1)
		return -1;
	message->lane = (int)lane;
	return payload_field_bytes(
	    place->previous, ROOM_HASH, object, "previous");
}

static int
message_opaque(struct room_payload_message *message, const json_t *object,
    const char *payload, size_t length)
{
	const char *type, *metadata;
	size_t type_length, metadata_length;

	message->content = canon_member(
	    payload, length, "encryptedContent", &message->content_length);
	if (message->content == NULL || message->content_length < 2 ||
	    *message->content != '"')
		return -1;
	message->content++; /* without quotes */
	message->content_length -= 2;
	if (!base64_valid(message->content, message->content_length) ||
	    payload_field_text(&type, &type_length, object, "messageType") ==
		-1 ||
	    !signtext_type_valid(type, type_length))
		return -1;
	memcpy(message->type, type, type_length);
	metadata = canon_member(payload, length, "metadata", &metadata_length);
	if (metadata == NULL)
		return 0;
	message->metadata = metadata;
	message->metadata_length = metadata_length;
	return *metadata == '{' ? 0 : -1;
}

enum code
room_payload_message(struct room_payload_message *message,
    const uint8_t origin[ONION_KEY], const char *payload, size_t length)
{
	json_t *object = payload_field_object(payload, length);
	int got;

	memset(message, 0, sizeof(*message));
	if (object == NULL)
		return CODE_PAYLOAD_MALFORMED;
	got = message_fields(&message->message, object, origin);
	if (got == 0)
		got = message_opaque(message, object, payload, length);
	json_decref(object);
	return got == 0 ? CODE_OK : CODE_PAYLOAD_MALFORMED;
}

enum code
room_payload_request(struct room_payload_request *request, bool join,
    const uint8_t origin[ONION_KEY], const char *payload, size_t length)
{
	json_t *object = payload_field_object(payload, length);
	int got = -1;

	memset(request, 0, sizeof(*request));
	if (object == NULL)
		return CODE_PAYLOAD_MALFORMED;
	if (payload_field_room(&request->room, object) == 0)
		got = payload_field_own_user(
		    &request->user, object, "userId", origin);
	if (got == 0 && join)
		got = nonce_get(request->nonce, &request->has_nonce, object);
	json_decref(object);
	return got == 0 ? CODE_OK : CODE_PAYLOAD_MALFORMED;
}
