/* SPDX-License-Identifier: ISC */
/* Questions to fed-signer, pipelined; each gets exactly one answer. */
#ifndef TORFED_SIGNING_H
#define TORFED_SIGNING_H

#include <stddef.h>
#include <stdint.h>

#include "channel.h"
#include "room_event.h"
#include "signtext.h"

/* signature is NULL when the signer refuses; refusal then says why. */
typedef void (*signing_callback)(
    const uint8_t *signature, int refusal, void *argument);

/*
 * header.key_id and header.origin are filled in with ours. mark: of what is
 * signed for the first time and may not be forgotten (room_restore.h), 0 none.
 */
void signing_envelope(struct envelope_header *header,
    const uint8_t payload_hash[32], int64_t mark, signing_callback,
    void *argument);
/* The same for a batch: digests of 1 to 64 items in place of the hash. */
void signing_batch(struct envelope_header *header,
    const struct batch_item *items, size_t count, int64_t mark,
    signing_callback, void *argument);
/*
 * A state event of a room whose home we are, as it was committed with its mark;
 * its key_id must be that of our present certificate, which is the one that it
 * is signed with.
 */
void signing_state(
    const struct room_event *, int64_t mark, signing_callback, void *argument);
/* MSG_SIGNATURE and MSG_SIGN_REFUSED; fatal when nobody asked. */
void signing_answer(const struct message *);

#endif
