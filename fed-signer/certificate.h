/* SPDX-License-Identifier: ISC */
/* The certificate in its file. */
#ifndef TORFED_FED_SIGNER_CERTIFICATE_H
#define TORFED_FED_SIGNER_CERTIFICATE_H

#include <stdbool.h>

#include "proto/cert.h"

struct directory;

int certificate_read(struct cert *, const struct directory *);
int certificate_write(
    const struct cert *, const struct directory *, bool replace);

#endif
