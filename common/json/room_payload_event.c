/* SPDX-License-Identifier: ISC */
/*
 * Payloads of state events, written; see room_payload.h. Names stand in their
 * order, and no value needs an escape: each is a name, an address, a time or
 * base64.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "json/room_payload.h"
#include "proto/onion.h"

#define FRAME_MAX  512 /* names, two users, a nonce, a time */
#define USER_SIZE  (ROOM_NAME_MAX + 1 + ONION_SIZE)
#define SERVER_MAX (ONION_LENGTH + 3) /* with quotes and comma */

/* Where the next bytes go; there is room for all of them. */
struct out {
	char *at;
	char *end;
};

static void
out_text(struct out *out, const char *text)
{
	size_t length = strlen(text);

	if (length > (size_t)(out->end - out->at))
		length = (size_t)(out->end - out->at);
	memcpy(out->at, text, length);
	out->at += length;
}

static void
out_user(struct out *out, const char *name, const struct room_user *user)
{
	char address[ONION_SIZE], text[USER_SIZE + 32];

	onion_format(address, user->server);
	snprintf(
	    text, sizeof(text), "\"%s\":\"%s@%s\"", name, user->name, address);
	out_text(out, text);
}

static void
out_nonce(struct out *out, const uint8_t *nonce)
{
	char text[BASE64_LENGTH(ROOM_NONCE) + 1];

	if (nonce == NULL) {
		out_text(out, ",\"nonce\":null");
		return;
	}
	base64_encode(text, nonce, ROOM_NONCE);
	out_text(out, ",\"nonce\":\"");
	out_text(out, text);
	out_text(out, "\"");
}

static void
out_servers(struct out *out, const struct room_payload_content *from)
{
	char address[ONION_SIZE];
	uint32_t i;

	out_text(out, "\"allowedServers\":");
	if (!from->content.restricted) {
		out_text(out, "null");
		return;
	}
	out_text(out, "[");
	for (i = 0; i < from->servers.count; i++) {
		onion_format(address, from->servers.key[i]);
		out_text(out, i == 0 ? "\"" : ",\"");
		out_text(out, address);
		out_text(out, "\"");
	}
	out_text(out, "]");
}

static void
out_create(struct out *out, const struct room_payload_content *from)
{
	const struct room_content *content = &from->content;

	out_servers(out, from);
	out_text(out, ",");
	out_user(out, "creator", &content->user);
	out_text(out, content->federated ? ",\"federation\":true"
					 : ",\"federation\":false");
	out_text(out, content->require_invite ? ",\"requireInviteForJoin\":true"
					      : ",\"requireInviteForJoin\":"
						"false");
}

static void
out_invite(struct out *out, const struct room_payload_content *from)
{
	const struct room_content *content = &from->content;
	char time[TIME_TEXT + 1];

	time_format(time, content->expires);
	out_text(out, "\"expires\":\"");
	out_text(out, time);
	out_text(out, "\",");
	out_user(out, "invitee", &content->user);
	out_text(out, ",");
	out_user(out, "inviter", &content->inviter);
	out_nonce(out, content->nonce);
}

static void
out_join(struct out *out, const struct room_payload_content *from)
{
	const struct room_content *content = &from->content;

	out_user(out, "member", &content->user);
	out_nonce(out, content->has_nonce ? content->nonce : NULL);
}

static void
out_member(struct out *out, const struct room_payload_content *from)
{
	out_user(out, "member", &from->content.user);
}

static void
out_rename(struct out *out, const struct room_payload_content *from)
{
	out_text(out, "\"metadata\":\"");
	if ((size_t)(out->end - out->at) >
	    BASE64_LENGTH(from->metadata_length)) {
		base64_encode(out->at, from->metadata, from->metadata_length);
		out->at += BASE64_LENGTH(from->metadata_length);
	}
	out_text(out, "\"");
}

static void
out_federation(struct out *out, const struct room_payload_content *from)
{
	out_text(out,
	    from->content.federated ? "\"enabled\":true" : "\"enabled\":false");
}

/* close, key */
static void
out_nothing(struct out *out, const struct room_payload_content *from)
{
	(void)out;
	(void)from;
}

char *
room_payload_content_format(
    const struct room_payload_content *from, size_t *length)
{
	static void (*const kinds[ROOM_KINDS])(
	    struct out *, const struct room_payload_content *) = {
	    [ROOM_CREATE] = out_create,
	    [ROOM_INVITE] = out_invite,
	    [ROOM_JOIN] = out_join,
	    [ROOM_LEAVE] = out_member,
	    [ROOM_REMOVE] = out_member,
	    [ROOM_SERVERS] = out_servers,
	    [ROOM_RENAME] = out_rename,
	    [ROOM_FEDERATION] = out_federation,
	    [ROOM_CLOSE] = out_nothing,
	    [ROOM_KEY] = out_nothing,
	};
	size_t size = FRAME_MAX + from->servers.count * SERVER_MAX +
		      BASE64_LENGTH(from->metadata_length);
	char *text = malloc(size);
	struct out out = {text, text + size};

	if (text == NULL)
		return NULL;
	out_text(&out, "{");
	kinds[from->kind](&out, from);
	out_text(&out, "}");
	*length = (size_t)(out.at - text);
	return text;
}
