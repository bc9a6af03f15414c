/* SPDX-License-Identifier: ISC */
/* Our handshakes with others. */
#ifndef TORFED_HANDSHAKE_OUT_H
#define TORFED_HANDSHAKE_OUT_H

#include <stdint.h>

#include "ack.h"
#include "code.h"

/*
 * CODE_OK: the peer took our certificate, and its own is stored. Otherwise
 * result (with an acknowledgement) is what it answered, else NULL.
 */
typedef void (*handshake_callback)(
    enum code, const struct ack_result *, void *argument);

/* Several for one server at a time become one. */
void handshake_out(
    const uint8_t server[32], handshake_callback, void *argument);

#endif
