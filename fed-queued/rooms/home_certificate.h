/* SPDX-License-Identifier: ISC */
/*
 * The certificate that an event counts under, whoever carries the event: an
 * item, a document of server_sync, evidence or an invitation.
 */
#ifndef TORFED_ROOMS_HOME_CERTIFICATE_H
#define TORFED_ROOMS_HOME_CERTIFICATE_H

#include "rooms/certificate.h"

/* given: what came along, at most ROOM_CERTIFICATES_MAX; it stays the
 * caller's. */
void home_certificates_init(
    struct room_certificates *, const struct cert *given, uint32_t count);
/*
 * certificate_choose() by what we know of the event's home now. One that
 * contradicts what we know is kept as evidence. NULL: the event is nobody's.
 */
const struct cert *home_certificate_find(
    struct room_certificates *, const struct room_event *);

#endif
