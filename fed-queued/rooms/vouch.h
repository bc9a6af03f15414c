/* SPDX-License-Identifier: ISC */
/*
 * Who vouches for what is signed under a revoked certificate
 * (common/room/room_vouch.h has the rule): what was seen of a server's
 * minSerial, runs of events, and what the database names.
 */
#ifndef TORFED_ROOMS_VOUCH_H
#define TORFED_ROOMS_VOUCH_H

#include "db/db.h"
#include "proto/cert.h"
#include "room/room_vouch.h"

/* The highest minSerial that was seen of the server, ourselves included. */
uint64_t vouch_min_serial(const uint8_t server[ONION_KEY]);
/* Whether it is revoked, as far as we have seen. */
bool vouch_revoked(const struct cert *);
/* cert: of the event's home; NULL: there is none that would verify it. */
void vouch_link(
    struct room_link *, const struct room_event *, const struct cert *);
/*
 * How many events of one home count, from the first on. via: who carries them.
 * Links under certificates that are not revoked were verified.
 */
uint32_t vouch_run(const uint8_t home[ONION_KEY], const uint8_t via[ONION_KEY],
    const struct room_link *, uint32_t count);

/*
 * Whether the database has it, or something that names it, so that it counts;
 * epoch 0: an event. The callback's result is one boolean.
 */
void vouch_holds(const struct room_id *, const uint8_t author[ONION_KEY],
    int64_t epoch, int lane, const struct room_link *, db_callback,
    void *argument);

#endif
