/* SPDX-License-Identifier: ISC */
/*
 * A message's payload, written; see room_payload.h. Names stand in their order,
 * and no value needs an escape: each is a number, base64, or of a few
 * characters.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/put.h"
#include "json/room_payload.h"

/* Everything but content and metadata. */
#define FRAME_MAX 512

/* From epoch to messageType. */
static char *
put_head(char *at, size_t size, const struct room_payload_message *message)
{
	char room[ROOM_ID_SIZE];
	int length;

	room_id_format(room, &message->message.room);
	length = snprintf(at, size,
	    "\",\"epoch\":%lld,\"globalRoomId\":\"%s\",\"lane\":%d"
	    ",\"messageType\":\"%s\"",
	    (long long)message->message.epoch, room, message->message.lane,
	    message->type);
	return at + length;
}

/* From previous to stateNumber. */
static char *
put_tail(char *at, size_t size, const struct room_message *message)
{
	char previous[BASE64_SHA256 + 1];
	int length;

	base64_encode(previous, message->place.previous, ROOM_HASH);
	length = snprintf(at, size,
	    ",\"previous\":\"%s\",\"senderId\":\"%s\",\"sequence\":%lld"
	    ",\"stateNumber\":%lld}",
	    previous, message->sender.name, (long long)message->place.sequence,
	    (long long)message->state_number);
	return at + length;
}

char *
room_payload_message_format(
    const struct room_payload_message *message, size_t *length)
{
	static const char first[] = "{\"encryptedContent\":\"";
	static const char metadata[] = ",\"metadata\":";
	size_t size =
	    FRAME_MAX + message->content_length + message->metadata_length;
	char *text = malloc(size), *at;

	if (text == NULL)
		return NULL;
	at = put_bytes(text, first, sizeof(first) - 1);
	at = put_bytes(at, message->content, message->content_length);
	at = put_head(at, size - (size_t)(at - text), message);
	if (message->metadata != NULL) {
		at = put_bytes(at, metadata, sizeof(metadata) - 1);
		at = put_bytes(at, message->metadata, message->metadata_length);
	}
	at = put_tail(at, size - (size_t)(at - text), &message->message);
	*length = (size_t)(at - text);
	return text;
}
