/* SPDX-License-Identifier: ISC */
/* A request from fed-listener to its answer. */
#ifndef TORFED_INBOUND_H
#define TORFED_INBOUND_H

#include <stddef.h>

#include "channel.h"

void inbound_init(void);
/* MSG_REQUEST; fatal when malformed. */
void inbound_request(const struct message *);
/* fed-listener gets our identity as soon as both are there. */
void inbound_identity(void);
size_t inbound_pending(void);

#endif
