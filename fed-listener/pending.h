/* SPDX-License-Identifier: ISC */
/*
 * Requests that fed-queued has not answered: which connection each id belongs
 * to. The id of a request whose connection has gone stays taken until its
 * answer came, so that an answer is never given to another connection.
 */
#ifndef TORFED_FED_LISTENER_PENDING_H
#define TORFED_FED_LISTENER_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PENDING_NONE 0 /* no id */

struct connection;
struct pending;

/* maximum: requests at once, 1 to 65535 (clamped). */
struct pending *pending_new(int64_t maximum);
void pending_free(struct pending *);
size_t pending_maximum(const struct pending *);
size_t pending_count(const struct pending *);
bool pending_full(const struct pending *);
/* A new id; PENDING_NONE when full. circuit: who pays if it fails. */
uint32_t pending_add(struct pending *, struct connection *, uint64_t circuit);
/* The connection has gone; its answer will be dropped. */
void pending_abandon(struct pending *, uint32_t id);
/*
 * The answer has come: the id is free again. *connection is NULL when it was
 * abandoned. -1: no such request.
 */
int pending_take(
    struct pending *, uint32_t id, struct connection **, uint64_t *circuit);

#endif
