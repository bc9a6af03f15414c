/* SPDX-License-Identifier: ISC */
/*
 * Contradictions looked at again when a server has revoked a certificate: a
 * freeze or fork one side of which nobody vouches for any more ends.
 */
#ifndef TORFED_ROOMS_SYNC_REVIEW_H
#define TORFED_ROOMS_SYNC_REVIEW_H

/* At a start, and when some minSerial has risen since. */
void review_doorbell(void);

#endif
