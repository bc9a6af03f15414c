/* SPDX-License-Identifier: ISC */
/* What counts under a revoked certificate; see vouch.h. */
#include <string.h>

#include "env.h"
#include "rooms/vouch.h"
#include "servers/peer_table.h"

uint64_t
vouch_min_serial(const uint8_t server[ONION_KEY])
{
	const struct peer *peer;

	if (memcmp(server, env.identity.server, ONION_KEY) == 0)
		return env.certificate.min_serial;
	peer = peer_table_find(server);
	return peer == NULL ? 0 : peer->min_serial;
}

bool
vouch_revoked(const struct cert *cert)
{
	return room_vouch_revoked(cert->serial, vouch_min_serial(cert->server));
}

void
vouch_link(struct room_link *link, const struct room_event *event,
    const struct cert *cert)
{
	link->number = event->number;
	room_event_hash(link->digest, event);
	memcpy(link->previous, event->previous, ROOM_HASH);
	link->serial = cert == NULL ? 0 : cert->serial;
}

uint32_t
vouch_run(const uint8_t home[ONION_KEY], const uint8_t via[ONION_KEY],
    const struct room_link *run, uint32_t count)
{
	struct room_vouch vouch = {
	    .min_serial = vouch_min_serial(home),
	    .carried = memcmp(home, via, ONION_KEY) == 0,
	};

	return room_vouch_run(&vouch, run, count);
}
