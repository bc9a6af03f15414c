/* SPDX-License-Identifier: ISC */
/* What is not written yet; goes when it is. */
#include <string.h>

#include "room_decide.h"
#include "room_events.h"
#include "room_sync.h"

void
room_event_take(const struct roomload_event *event, const struct cert *cert,
    const uint8_t via[ONION_KEY], room_done done, void *argument)
{
	(void)event;
	(void)cert;
	(void)via;
	done(NULL, false, argument);
}

void
room_decide(const struct room_wish *wish, const uint8_t *origin,
    const uint8_t *digest, room_done done, void *argument)
{
	(void)wish;
	(void)origin;
	(void)digest;
	done(NULL, false, argument);
}

void
room_wishes_doorbell(void)
{
}

void
room_sync_soon(const struct room_id *room, const uint8_t *peer)
{
	(void)room;
	(void)peer;
}

void
room_sync_doorbell(void)
{
}
