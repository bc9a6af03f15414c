/* SPDX-License-Identifier: ISC */
/*
 * The certificate that verifies a state event: ours, one of the home's that we
 * know, or one that came with the event. It has to be valid at the event's own
 * time, not now: events stay good when certificates expire or are revoked, or
 * two servers would have different members. Pure.
 */
#ifndef TORFED_ROOMS_CERTIFICATE_H
#define TORFED_ROOMS_CERTIFICATE_H

#include "room/room_event.h"
#include "servers/peer_table.h"

#define ROOM_CERTIFICATES_MAX 32

struct room_certificates {
	const struct cert *own;	  /* ours; NULL: we have none yet */
	const struct peer *home;  /* as we know it; NULL: we do not */
	const struct cert *given; /* came with the event */
	uint32_t count;		  /* at most ROOM_CERTIFICATES_MAX */
	uint32_t genuine;	  /* bits: signed by their identity key */
	/* found: what contradicts it, both signed by the home; else NULL */
	const struct cert *known;
	const struct cert *contradicts;
};

/*
 * One of the event's home with its key id that was valid, with the grace of
 * certificates, when the event says it was made; it points into what it was
 * found in. NULL: there is none.
 */
const struct cert *certificate_choose(
    struct room_certificates *, const struct room_event *, int64_t now);

#endif
