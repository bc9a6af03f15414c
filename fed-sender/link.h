/* SPDX-License-Identifier: ISC */
/*
 * A link: one connection through tor to one server, from the wish for a
 * descriptor to its end.
 *
 *	WANTED -> SOCKS -> SENDING -> ANSWER -> IDLE -> SENDING ...
 *
 * One request is under way at a time; whatever happens to it, sender_finish()
 * or sender_fail() is called once, or sender_retry().
 */
#ifndef TORFED_FED_SENDER_LINK_H
#define TORFED_FED_SENDER_LINK_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/tree.h"
#include "pool.h"
#include "proto/http.h"
#include "proto/socks.h"

struct sender;

enum link_state {
	LINK_WANTED,  /* fedd has been asked for a descriptor */
	LINK_SOCKS,   /* tor connects us */
	LINK_SENDING, /* the request is being written */
	LINK_ANSWER,  /* the request is out */
	LINK_IDLE
};

#define LINK_HEAD_SIZE 512 /* bytes of a request's head */

struct link {
	struct slot slot;	   /* first: the pool knows a link by it */
	TAILQ_ENTRY(link) waiting; /* of the broker, in LINK_WANTED */
	struct sender *sender;
	enum link_state state;
	int descriptor; /* -1 in LINK_WANTED */
	struct event reading;
	struct event writing;
	struct event timer;
	struct job *job; /* NULL when idle */
	bool reused;	 /* this is not its first request */
	struct socks socks;
	/* What is written: SOCKS, or a request's head (the job has the body) */
	union {
		uint8_t socks[SOCKS_REQUEST_MAX];
		char head[LINK_HEAD_SIZE];
	} output;
	size_t output_length;
	size_t output_sent; /* counts on into the body */
	/* What came and is not enough yet. */
	char *input;
	size_t input_length;
	size_t input_size;
	bool answered;	    /* a byte of the answer has come */
	size_t head_length; /* of the answer; 0 not whole yet */
	struct http_response response;
};

/* A new connection for the job. */
void link_open(struct sender *, struct job *);
/* The job over an idle connection. */
void link_use(struct link *, struct job *);
/* fedd's answer: a descriptor, which the link takes over, or none. */
void link_start(struct link *, int descriptor);
void link_refused(struct link *);
/* Closes one that is idle. */
void link_close(struct link *);
struct link *link_of(struct slot *);

#endif
