/* SPDX-License-Identifier: ISC */
/*
 * What we decide as a room's home, asked by our own chat server or by another
 * server. Number and content are committed, then signed, then applied and sent
 * to all servers in the room (state/requests.h).
 */
#ifndef TORFED_ROOMS_STATE_DECIDE_H
#define TORFED_ROOMS_STATE_DECIDE_H

#include "json/event_payload.h"
#include "rooms/done.h"

/* What is asked of us. */
struct state_request {
	struct room_id room;
	enum room_kind kind;
	struct room_content content;
	struct room_payload_servers servers; /* create, allowed_servers */
	const uint8_t *metadata;	     /* rename, encrypted */
	size_t metadata_length;
	uint8_t request[UUID_SIZE]; /* id of another server's item, or of our
				    * own chat server's request */
};

/*
 * origin: the server that asks, ONION_KEY bytes, and digest: of its item; both
 * NULL when our own chat server asks. The verdict is that of
 * room_home_decide(). ROOM_TAKEN: the event is committed, and so is the
 * request's id with digest. ROOM_REFUSED with ID_CONFLICT: the id came with
 * another item before. While the event before it is not signed yet, another
 * server's request waits a while for that; our own chat server's is BUSY at
 * once. All is copied.
 */
void state_decide(const struct state_request *, const uint8_t *origin,
    const uint8_t *digest, room_done, void *argument);
/*
 * An event that was committed, not signed, and does not follow any more:
 * another event came before it, or our certificate is another one. ROOM_TAKEN:
 * it has its new place. ROOM_REFUSED or ROOM_KNOWN: it is gone.
 */
void state_decide_again(const struct signed_event *,
    const uint8_t request[UUID_SIZE], room_done, void *argument);

#endif
