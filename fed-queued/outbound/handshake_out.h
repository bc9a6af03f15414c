/* SPDX-License-Identifier: ISC */
/* Our handshakes with others. */
#ifndef TORFED_OUTBOUND_HANDSHAKE_OUT_H
#define TORFED_OUTBOUND_HANDSHAKE_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "exchange/ack.h"
#include "proto/code.h"

/*
 * CODE_OK: the peer took our certificate, and its own is stored. Otherwise
 * result (with an acknowledgement) is what it answered, else NULL.
 */
typedef void (*handshake_callback)(
    enum code, const struct ack_result *, void *argument);

/* kept: an admin asked for it, so the server is no longer a stranger that may
 * be forgotten. Several for one server at a time become one. */
void handshake_out(
    const uint8_t server[32], bool kept, handshake_callback, void *argument);

/*
 * The same to see whether a known server is there. It enters nobody, raises no
 * level, and is not worth a line in the log.
 */
void handshake_ping(
    const uint8_t server[32], handshake_callback, void *argument);

#endif
