/* SPDX-License-Identifier: ISC */
/* State events: which are signed, and over which text. */
#ifndef TORFED_FED_SIGNER_STATE_H
#define TORFED_FED_SIGNER_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "ipc/message.h"

struct moment;
struct signer;

/* 0, or why one is not signed, an enum sign_refusal; the rate comes last. */
uint8_t state_refusal(
    struct signer *, const struct moment *, const struct msg_sign_state *);
/* text: SIGNTEXT_STATE_MAX bytes. Returns the length; not terminated. */
size_t state_text(
    char *text, const struct signer *, const struct msg_sign_state *);

#endif
