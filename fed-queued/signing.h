/* SPDX-License-Identifier: ISC */
/* Questions to fed-signer, pipelined; each gets exactly one answer. */
#ifndef TORFED_SIGNING_H
#define TORFED_SIGNING_H

#include <stddef.h>
#include <stdint.h>

#include "channel.h"
#include "signtext.h"

/* signature is NULL when the signer refuses; refusal then says why. */
typedef void (*signing_callback)(
    const uint8_t *signature, int refusal, void *argument);

/* header.key_id and header.origin are filled in with ours. */
void signing_envelope(struct envelope_header *header,
    const uint8_t payload_hash[32], signing_callback, void *argument);
/* The same for a batch: digests of 1 to 64 items in place of the hash. */
void signing_batch(struct envelope_header *header,
    const struct batch_item *items, size_t count, signing_callback,
    void *argument);
/* MSG_SIGNATURE and MSG_SIGN_REFUSED; fatal when nobody asked. */
void signing_answer(const struct message *);

#endif
