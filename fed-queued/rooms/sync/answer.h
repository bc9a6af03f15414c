/* SPDX-License-Identifier: ISC */
/*
 * A request of server_sync to its answer: another server tells us how far it
 * is, hands on what it has and asks for what it lacks.
 */
#ifndef TORFED_ROOMS_SYNC_ANSWER_H
#define TORFED_ROOMS_SYNC_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct peer;

/* answer: of json/sync_payload.h, valid in the callback; NULL: the database
 * failed. */
typedef void (*room_sync_callback)(
    const char *answer, size_t length, void *argument);

/*
 * payload: of a request that was checked, of a peer of level 1 at least. The
 * callback comes once, perhaps before this returns. false: it is malformed, and
 * no callback comes.
 */
bool sync_answer(const struct peer *, const char *payload, size_t length,
    room_sync_callback, void *argument);

#endif
