/* SPDX-License-Identifier: ISC */
/*
 * One exchange with a peer: sign, hand to fed-sender, verify the signed
 * acknowledgement. No policy: what an outcome calls for is reaction.c.
 */
#ifndef TORFED_TRANSPORT_H
#define TORFED_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ack.h"
#include "channel.h"
#include "wire.h"

struct peer;

struct transport_request {
	uint8_t destination[32];
	struct peer *peer;   /* NULL: not known yet (a first handshake) */
	uint32_t generation; /* of the isolation credentials */
	const char *type;
	uint8_t id[16];
	const char *payload; /* canonical; copied */
	size_t payload_length;
};

struct transport_outcome {
	enum code code;	      /* OK: a valid acknowledgement of this request */
	uint16_t status;      /* HTTP status of an unsigned answer, 0 none */
	uint32_t retry_after; /* seconds, 0 none */
	struct ack_result result; /* with OK */
	/* with OK, for the receipt and for handshakes; valid in the callback */
	const struct wire_envelope *answer;
	const struct cert *cert;
	const char *request_text; /* the request's signing text */
	size_t request_text_length;
};

typedef void (*transport_callback)(
    const struct transport_outcome *, void *argument);

/* The callback comes exactly once, never before this returns. */
void transport_send(
    const struct transport_request *, transport_callback, void *argument);
/* MSG_SENT; fatal when malformed or not asked for. */
void transport_sent(const struct message *);

#endif
