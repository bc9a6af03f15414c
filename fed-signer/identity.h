/* SPDX-License-Identifier: ISC */
/* Who we are, read once from the certificate's descriptor. */
#ifndef TORFED_FED_SIGNER_IDENTITY_H
#define TORFED_FED_SIGNER_IDENTITY_H

#include <stdint.h>

#include "ipc/message.h"
#include "proto/cert.h"

struct secret;

struct identity {
	struct cert cert;
	struct msg_identity message; /* as fed-queued gets it */
};
/* Fatal unless it is genuine and its signing key is the secret's. One that
 * has expired or is not valid yet gets a warning: nothing is signed then. */
void identity_load(
    struct identity *, int descriptor, const struct secret *, int64_t now_s);

#endif
