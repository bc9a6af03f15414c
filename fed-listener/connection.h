/* SPDX-License-Identifier: ISC */
/*
 * A connection from tor: a state machine over HTTP/1.1 requests.
 *
 *	HEAD -> (ADMISSION) -> BODY -> WAITING -> ANSWER -> IDLE -> HEAD ...
 *
 * and from anywhere, with an error's answer, to DRAINING: the answer is out,
 * our side is shut, and what the client still sends is read and dropped for a
 * moment, so that it meets the answer and not a reset.
 */
#ifndef TORFED_FED_LISTENER_CONNECTION_H
#define TORFED_FED_LISTENER_CONNECTION_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/tree.h"
#include "proto/http.h"

struct circuit;
struct listener;

#define ANSWER_TIMEOUT_MS 120000 /* for fed-queued to answer */

enum connection_state {
	STATE_HEAD,	 /* the PROXY line and a request's head come */
	STATE_IDLE,	 /* between two requests */
	STATE_ADMISSION, /* a large body waits for memory, unread */
	STATE_BODY,
	STATE_WAITING,	/* for fed-queued */
	STATE_ANSWER,	/* the client is slow to read */
	STATE_DRAINING, /* answered for the last time */
	STATE_COUNT
};

struct connection {
	TAILQ_ENTRY(connection) entry; /* of its state's list */
	struct listener *listener;
	enum connection_state state;
	int descriptor;
	int64_t entered_ms; /* the state */
	struct event reading;
	struct event writing;
	struct event timer;
	bool proxy_wanted; /* the PROXY line has not come yet */
	bool ended;	   /* the client sends no more */
	bool closing;	   /* after this answer */
	bool whole;	   /* the request was read to its end */
	struct circuit *circuit;
	struct http_request request;
	int discard; /* status to answer once the body went by; 0 none */
	char *head;  /* bytes kept until they are enough */
	size_t head_length;
	char *body;	 /* owned; request.length bytes */
	size_t received; /* of the body */
	size_t reserved; /* bytes granted by admission */
	uint32_t pending;
	char *output; /* what the client has not taken yet */
	size_t output_length;
	size_t output_sent;
	size_t drained; /* bytes */
};
TAILQ_HEAD(connection_list, connection);

/* Takes over the descriptor; -1, and it is still the caller's: no memory. */
int connection_new(struct listener *, int descriptor);
void connection_free(struct connection *);
/* Those that are not DRAINING. */
size_t connection_count(const struct listener *);
/*
 * Makes room: ends the connection that deserves it least. Of those that drain
 * only when a descriptor is needed. False: there is none to end.
 */
bool connection_evict(struct listener *, bool descriptor);
/* To another state: its list, its time-out, whether it reads. */
void connection_enter(struct connection *, enum connection_state);
/* What was read is not needed any more. */
void connection_release(struct connection *);

#endif
