/* SPDX-License-Identifier: ISC */
/* What a server signed that contradicts itself, kept for the admin. */
#ifndef TORFED_SERVERS_EVIDENCE_H
#define TORFED_SERVERS_EVIDENCE_H

#include <stddef.h>

#include "servers/peer_table.h"

/* kind: as in federation.evidence; message_id: NULL none. All is copied. */
void evidence_add(const uint8_t server_id[16], const char *kind,
    const uint8_t *message_id, const void *first, size_t first_length,
    const void *second, size_t second_length);
/*
 * Two certificates of one serial. Not of strangers that nobody has looked at:
 * anybody can make as many as they like, and what is kept of one keeps its row
 * from being evicted.
 */
void evidence_certificates(
    const struct peer *, const struct cert *known, const struct cert *);

#endif
