/* SPDX-License-Identifier: ISC */
/*
 * Our revocations: whoever may still take what a revoked key signs is told of
 * them at once, by a handshake, and not only when there is something to send.
 */
#ifndef TORFED_OUTBOUND_REVOCATION_H
#define TORFED_OUTBOUND_REVOCATION_H

/* Looks who has to be told, while there may be anybody. Those in back-off are
 * for a later call. */
void revocation_doorbell(void);

#endif
