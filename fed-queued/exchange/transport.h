/* SPDX-License-Identifier: ISC */
/*
 * One exchange with a peer: sign, hand to fed-sender, verify the signed
 * acknowledgement. No policy: what an outcome calls for is reaction.c.
 */
#ifndef TORFED_EXCHANGE_TRANSPORT_H
#define TORFED_EXCHANGE_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exchange/ack.h"
#include "ipc/channel.h"
#include "json/wire.h"

struct peer;

struct transport_request {
	uint8_t destination[32];
	struct peer *peer;   /* NULL: not known yet (a first handshake) */
	uint32_t generation; /* of the isolation credentials */
	/*
	 * One item travels alone under its own type and id, several in a
	 * batch. Payloads are canonical, and copied.
	 */
	const struct wire_item *items;
	uint32_t count; /* 1 to BATCH_ITEMS */
};

struct transport_outcome {
	enum code code;	      /* OK: a valid acknowledgement of this request */
	uint16_t status;      /* HTTP status of an unsigned answer, 0 none */
	uint32_t retry_after; /* seconds, 0 none */
	/* with OK: one for each item, and how many are welcome next */
	const struct ack_result *results;
	uint32_t credit;
	/* with OK, for the receipt and for handshakes; valid in the callback */
	const struct wire_envelope *answer;
	const struct cert *cert;
	const char *request_text; /* the request's signing text */
	size_t request_text_length;
	bool started;	 /* bytes of the request were written */
	bool heard;	 /* something of the peer was verified meanwhile */
	bool introduced; /* and a handshake with it was stored */
};

typedef void (*transport_callback)(
    const struct transport_outcome *, void *argument);

/* The callback comes exactly once, never before this returns. */
void transport_send(
    const struct transport_request *, transport_callback, void *argument);
/* What a lease must outlast: the longest exchange there can be, and some. */
int64_t transport_longest_ms(void);
/* MSG_SENT; fatal when malformed or not asked for. */
void transport_answer(const struct message *);

#endif
