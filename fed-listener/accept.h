/* SPDX-License-Identifier: ISC */
/*
 * Accepting connections, and surviving without descriptors: one is held in
 * reserve, so that a connection can still be told 503, and when even that
 * fails accepting pauses until a connection closes or a moment has passed.
 */
#ifndef TORFED_FED_LISTENER_ACCEPT_H
#define TORFED_FED_LISTENER_ACCEPT_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>

struct listener;

struct acceptor {
	int descriptor; /* listening */
	int reserve;	/* -1: none at present */
	bool paused;
	struct event ready;
	struct event retry;
};

/* Takes over descriptor, and makes it non-blocking. Before the sandbox. */
void accept_init(struct listener *, int descriptor);
void accept_start(struct listener *);
/* A connection has closed: there may be a descriptor again. */
void accept_resume(struct listener *);

#endif
