/* SPDX-License-Identifier: ISC */
/* A request from fed-listener to its answer. */
#ifndef TORFED_INBOUND_H
#define TORFED_INBOUND_H

#include <stddef.h>

#include "ipc/channel.h"

/*
 * Of authentic requests that wait for the database and fed-signer; beyond it
 * the answer is 503. libpq's copies of two transactions come on top.
 */
#define INBOUND_BYTES (10U << 20)

/* MSG_REQUEST; fatal when malformed. */
void inbound_request(const struct message *);
/* fed-listener gets our identity as soon as both are there. */
void inbound_identity(void);
size_t inbound_pending(void);
size_t inbound_bytes(void); /* of their payloads */

#endif
