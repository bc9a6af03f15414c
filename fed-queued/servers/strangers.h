/* SPDX-License-Identifier: ISC */
/*
 * Handshakes stored, whoever began them, and how many strangers may be: at
 * most 256 rows of level 0, or 1 by handshake alone, for 7 days.
 */
#ifndef TORFED_SERVERS_STRANGERS_H
#define TORFED_SERVERS_STRANGERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json/handshake.h"
#include "proto/code.h"

/* CODE_OK, SERVER_BLOCKED, CERTIFICATE_CONFLICT, or DATABASE. */
typedef void (*strangers_callback)(enum code, void *argument);

/*
 * Stores a handshake that has been verified. kept: an admin asked for it.
 * told_serial: serial of our certificate that the peer has acknowledged, or 0.
 */
void strangers_store(const struct handshake *, bool kept, uint64_t told_serial,
    strangers_callback, void *argument);
/* The same of an answer to a ping: it raises nobody's level. */
void strangers_refresh(const struct handshake *, uint64_t told_serial,
    strangers_callback, void *argument);
/* The payload of our own handshake, newly allocated (free()). */
char *strangers_own_handshake(size_t *length);
/* Removes those of over 7 days. */
void strangers_expire(void);

#endif
