/* SPDX-License-Identifier: ISC */
/*
 * The same histories through the real SQL. Each honest server has a PostgreSQL
 * database with the schema, and what the model does with its store production
 * does with that: the code of fed-queued/rooms, which sends the statements of
 * db/statements.def. Compared are
 *
 *	facts		what each decision of common/room is called with
 *	outcomes	the verdict, what is asked for, given and told
 *	the store	after each operation, all of it
 *
 * Without a database nothing here does anything.
 *
 * Not compared, since the two differ on purpose:
 *
 *	- a dishonest server's own database, which may hold anything
 *	- marks: the model raises its own more often; that it is restored a
 *	  server is told by the model
 *	- wishes of the home's own application: decided without waiting
 *	- an invitation of a user of ours to another one: without a room key
 */
#ifndef TORFED_SIMULATE_MIRROR_H
#define TORFED_SIMULATE_MIRROR_H

#include "world.h"

extern bool mirror_on;

/* HOST:PREFIX: databases PREFIX0 to PREFIX4. Exits when they are not there. */
void mirror_open(const char *where);
/* How far it is, now and then, to stderr; and what was compared. */
void mirror_progress(uint64_t seed, uint64_t done);
void mirror_print(void);
/* A new history begins: all databases are empty. */
void mirror_begin(void);
/*
 * A step of the model begins on a node: from here on the decisions that it
 * makes are noted, until one of the functions below has production make them,
 * too. false: the node is not compared.
 */
bool mirror_step(int node);
/* The rooms of each node where anything was done since; all: of all nodes. */
void mirror_compare(bool all);

/* state.c. asker: identity whose request id it is, or NONE. */
void mirror_decide(int node, const struct room_event *, unsigned int list,
    int asker, uint32_t id, const struct room_verdict *);
/* key: where nothing waits, an event under our new key is made. */
void mirror_sign(int node, int room, bool key);
/* counts: though its certificate may be revoked. verdict NULL: the event is not
 * looked at. */
void mirror_event(
    int node, int event, int from, bool counts, const struct room_verdict *);

void mirror_adopt(int node, int room, int from);

/* member.c */
void mirror_shown(int node, int event, int from, const struct room_verdict *);
void mirror_join(int node, int room, int user, const struct room_event *shown);
void mirror_leave(int node, int room, int user);
void mirror_join_refused(int node, int room, int user);

/* talk.c. item NONE: nothing was written. */
void mirror_say(int node, int room, int user, int lane, int item, uint32_t id);
void mirror_item(int node, const struct packet *, const struct room_verdict *);
void mirror_judge(int node, int room);
void mirror_cancel(int node, int item);
void mirror_sent(int node, int item);
void mirror_pruned(int node, int item);
void mirror_void(int node, const struct packet *);

/* sync.c. packet NULL: nothing is told. */
void mirror_heads_made(int node, int room, int peer, const struct packet *);
void mirror_heads(int node, const struct packet *);
void mirror_evidence(int node, const struct packet *);
/* What is given to a packet that asks: noted, and compared then. */
void mirror_given(const struct packet *);
void mirror_asked(int node, const struct packet *);
/* What follows is no part of the step. */
void mirror_aside(bool);

/* vouch.c: what the database names, steps of their own; and what a server has
 * learned of another's minSerial. */
void mirror_event_named(int node, int event, bool named);
void mirror_item_named(int node, int item, bool named);
void mirror_revoked(int node);

/* server.c */
void mirror_backup(int node);
void mirror_restart(int node, bool restore, bool restored);

#endif
