/* SPDX-License-Identifier: ISC */
/*
 * Which request goes next, and over which connection: destinations in turn,
 * first-in first-out for each, kept-alive connections reused, and no more than
 * so many connections at once, half of them connecting. Pure: no socket and no
 * clock, so that every rule has a test.
 */
#ifndef TORFED_FED_SENDER_POOL_H
#define TORFED_FED_SENDER_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/tree.h"

struct destination;
struct pool;

/* One MSG_SEND until its MSG_SENT, or MSG_PROBE until MSG_PROBED. */
struct job {
	TAILQ_ENTRY(job) entry; /* of its destination's line */
	uint32_t id;
	uint32_t generation;
	bool handshake;
	bool probe; /* GET ping, outside of every line: see probe.c */
	bool fresh; /* a new connection, not a kept one: the kept one failed */
	bool started; /* bytes of it were written, sometime */
	uint8_t key[32];
	size_t length;
	char body[];
};

enum slot_state { SLOT_CONNECTING, SLOT_BUSY, SLOT_IDLE };

/* A connection, as far as choosing one goes: the first member of a link. */
struct slot {
	TAILQ_ENTRY(slot) entry; /* of its destination's idle ones */
	TAILQ_ENTRY(slot) idle;	 /* of all idle ones, oldest first */
	struct destination *destination;
	uint32_t generation;
	enum slot_state state;
	bool brief; /* idle, it is the first to be closed: see pool_rest() */
};

/* maximum: connections at once; idle: kept open unused. */
struct pool *pool_new(int64_t maximum, int64_t idle);
void pool_free(struct pool *); /* must hold neither jobs nor slots */
/* At the end of its destination's line (one that is fresh: at the head). */
void pool_put(struct pool *, struct job *);
/*
 * The next job that can go now, out of its line; NULL: none. *use is the idle
 * connection for it (busy from here on), or NULL: make one (pool_connect()),
 * and before that close *evict unless it is NULL.
 */
struct job *pool_take(struct pool *, struct slot **use, struct slot **evict);
/* A new connection for the job. */
void pool_connect(struct pool *, struct slot *, const struct job *);
void pool_connected(struct pool *, struct slot *); /* and busy */
/* Busy no more. One that is brief has only asked whether somebody is there:
 * it must not push out those that messages come over. */
void pool_rest(struct pool *, struct slot *);
void pool_remove(struct pool *, struct slot *);
/* The oldest idle connection while there are too many, else NULL. */
struct slot *pool_excess(const struct pool *);
/*
 * Generations: a destination has that of its latest job. pool_stale(): an idle
 * connection to the job's destination that has another one, and so is never
 * used again; NULL: none. pool_current(): whether a connection has its
 * destination's.
 */
struct slot *pool_stale(struct pool *, const struct job *);
bool pool_current(const struct slot *);

/* Whether it has jobs or connections at present. */
bool pool_known(struct pool *, const uint8_t key[32]);
size_t pool_waiting(const struct pool *); /* jobs */
size_t pool_slots(const struct pool *);
size_t pool_connecting(const struct pool *);
size_t pool_destinations(const struct pool *);

#endif
