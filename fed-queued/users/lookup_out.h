/* SPDX-License-Identifier: ISC */
/*
 * We look up users of other servers: the application's requests, one at a time
 * for each server, in a lane of their own.
 */
#ifndef TORFED_USERS_LOOKUP_OUT_H
#define TORFED_USERS_LOOKUP_OUT_H

struct peer;

/* The database may have look-ups. */
void lookup_out_doorbell(void);
/* The peer's lane LANE_LOOKUP is due and was marked busy; ends with
 * outbound_done(). */
void lookup_out(struct peer *);

#endif
