/* SPDX-License-Identifier: ISC */
/* Items of rooms in requests; see item_kind.h. */
#include <string.h>

#include "json/canon.h"
#include "rooms/items/item_kind.h"

static const char *const types[] = {
    "room_invite", "room_join", "room_leave", "room_state"};

static const enum ack_status statuses[] = {
    [ROOM_TAKEN] = ACK_ACCEPTED,
    [ROOM_KNOWN] = ACK_DUPLICATE,
    [ROOM_HELD] = ACK_ACCEPTED,
    [ROOM_REFUSED] = ACK_REJECTED,
    [ROOM_WAIT] = ACK_RETRY,
    [ROOM_CONFLICT] = ACK_REJECTED,
};

bool
item_kind_is_room(const char *type, const char *payload, size_t length)
{
	size_t i, value;

	if (strcmp(type, "message") == 0)
		return canon_member(payload, length, "globalRoomId", &value) !=
		       NULL;
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	return false;
}

void
item_kind_result(struct ack_result *result, const struct room_verdict *verdict)
{
	memset(result, 0, sizeof(*result));
	result->status = statuses[verdict->outcome];
	if (result->status != ACK_REJECTED && result->status != ACK_RETRY)
		return;
	/* A bad signature of an event: the home did not sign it. */
	result->code =
	    verdict->code == CODE_SIGNATURE ? CODE_NOT_HOME : verdict->code;
	if (result->status != ACK_RETRY)
		return;
	result->seconds = verdict->seconds == 0 ? 1 : verdict->seconds;
	if (result->seconds > ACK_SECONDS_MAX)
		result->seconds = ACK_SECONDS_MAX;
}
