/* SPDX-License-Identifier: ISC */
/*
 * What we decide as a room's home: wishes of our own chat server, and requests
 * of others. Number and content are committed, then signed, then applied and
 * sent to all servers in the room (requests.h).
 */
#ifndef TORFED_ROOM_DECIDE_H
#define TORFED_ROOM_DECIDE_H

#include "rooms/state/take.h"

/* A request of another server's, or a wish. */
struct state_request {
	struct room_id room;
	enum room_kind kind;
	struct room_content content;
	struct room_payload_servers servers; /* create, allowed_servers */
	const uint8_t *metadata;	     /* rename, encrypted */
	size_t metadata_length;
	uint8_t request[UUID_SIZE]; /* id of the item, or of the wish */
};

/*
 * The verdict of room_home_decide(). With ROOM_TAKEN the event is committed,
 * and so is the request's id, where origin (ONION_KEY bytes) is not NULL, with
 * digest; ROOM_REFUSED with ID_CONFLICT: it was another one's. A request waits
 * a while for the event before it to be signed; a wish is BUSY then. All is
 * copied.
 */
void state_decide(const struct state_request *, const uint8_t *origin,
    const uint8_t *digest, room_done, void *argument);
/*
 * What was committed and not signed, and does not follow any more: another
 * event came before it, or the certificate is another. ROOM_TAKEN: it has its
 * new place. ROOM_REFUSED or ROOM_KNOWN: it is gone.
 */
void state_decide_again(const struct signed_event *,
    const uint8_t request[UUID_SIZE], room_done, void *argument);

#endif
