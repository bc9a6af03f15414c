/* SPDX-License-Identifier: ISC */
#ifndef TORFED_FEDCTL_VERIFY_H
#define TORFED_FEDCTL_VERIFY_H

#include <stdint.h>

#include "json/envelope.h"
#include "proto/cert.h"

/*
 * Whether the envelope is its origin's, at a time (seconds since 1970): the
 * certificate, that it is the origin's and the one named, the signature, the
 * time window of 300 s, and the size of the payload or of a batch's items.
 */
enum code verify_envelope(
    const struct envelope *, const struct cert *, int64_t now);

#endif
