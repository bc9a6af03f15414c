/* SPDX-License-Identifier: ISC */
/*
 * Messages between processes that carry parts of the protocol; see
 * common/ipc/message.h for who sends them.
 */
#ifndef TORFED_WIRE_H
#define TORFED_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/channel.h"
#include "ipc/pack.h"
#include "json/batch.h"
#include "json/envelope.h"
#include "json/handshake.h"

/* A request or a response, reduced by the process that met the bytes. */
struct wire_envelope {
	struct envelope_header header;
	uint8_t signature[64];
	bool has_handshake;	    /* type handshake, or ack to one */
	struct handshake handshake; /* when has_handshake */
	const char *payload;	    /* canonical; into the message */
	size_t payload_length;
	/* type batch, and it alone: cut into items, and no payload */
	uint32_t item_count;
	struct wire_item items[BATCH_ITEMS];
};

/* fed-listener to fed-queued. */
struct wire_request {
	uint64_t circuit;    /* tor's circuit id, 0 none */
	bool handshake_path; /* /federation/handshake, not .../message */
	struct wire_envelope envelope;
};

/* fed-queued to fed-listener, with the request's message id. */
struct wire_response {
	uint16_t status;      /* 200 with a body; 400, 401, 429, 503 */
	uint32_t retry_after; /* seconds, at most a day; 0 none */
	const char *body;     /* padded signed ack; into the message */
	size_t body_length;
};

/* fed-queued to fed-sender. */
struct wire_send {
	uint8_t destination[32];
	uint32_t generation; /* of the isolation credentials */
	bool handshake;	     /* path and time-out */
	const char *body;    /* padded signed envelope */
	size_t body_length;
};

/*
 * fed-sender to fed-queued, with the id of MSG_SEND: exactly one each. code is
 * CODE_OK when a whole answer came that holds an envelope, else of the class
 * LOCAL.
 */
struct wire_send_result {
	enum code code;
	uint16_t status;	       /* HTTP status of the answer, 0 none */
	uint32_t retry_after;	       /* seconds, at most a day; 0 none */
	bool started;		       /* bytes of the request were written */
	struct wire_envelope envelope; /* with CODE_OK alone */
};

/*
 * fed-queued to fed-sender: GET /federation/ping of that server, which is
 * ourselves, over a connection and under credentials that nothing else uses.
 */
struct wire_probe {
	uint8_t server[32];
	uint32_t generation; /* of the isolation credentials */
};

/*
 * fed-sender to fed-queued, with the id of MSG_PROBE: exactly one each. Nothing
 * that came over the connection is in it but the status.
 */
struct wire_probe_result {
	enum code code;	 /* OK: a whole HTTP answer; else of class LOCAL */
	uint16_t status; /* of the answer, 200 to 599; 0 without one */
};

/*
 * Decoders take exact lengths and known values alone: enumerators, booleans,
 * UTF-8, UUIDs, times, types. Whether a key is a point of the right order is
 * not looked at, nor whether a payload is canonical; both are fed-queued's
 * checks, where a certificate or a signature vouches for the bytes.
 */
void wire_request_encode(struct pack *, const struct wire_request *);
int wire_request_decode(const struct message *, struct wire_request *);
void wire_response_encode(struct pack *, const struct wire_response *);
int wire_response_decode(const struct message *, struct wire_response *);
void wire_send_encode(struct pack *, const struct wire_send *);
int wire_send_decode(const struct message *, struct wire_send *);
void wire_send_result_encode(struct pack *, const struct wire_send_result *);
int wire_send_result_decode(const struct message *, struct wire_send_result *);
void wire_probe_encode(struct pack *, const struct wire_probe *);
int wire_probe_decode(const struct message *, struct wire_probe *);
void wire_probe_result_encode(struct pack *, const struct wire_probe_result *);
int wire_probe_result_decode(
    const struct message *, struct wire_probe_result *);

/*
 * Reduces a body, the same for requests and responses: envelope_parse(), and
 * the handshake's fields where the type carries them (handshake, or ack with
 * an answer that has a certificate; neither above ITEM_MAX). The payload is
 * owned by parsed, which the caller frees after CODE_OK; else what is wrong
 * with the shape, and nothing needs freeing.
 */
enum code wire_reduce(struct wire_envelope *, struct envelope *parsed,
    const char *body, size_t length);

#endif
