/* SPDX-License-Identifier: ISC */
/* Questions to fed-signer, pipelined; each gets exactly one answer. */
#ifndef TORFED_EXCHANGE_SIGNING_H
#define TORFED_EXCHANGE_SIGNING_H

#include <stddef.h>
#include <stdint.h>

#include "ipc/channel.h"
#include "proto/signtext.h"
#include "room/room_event.h"

/* signature is NULL when the signer refuses; refusal then says why. */
typedef void (*signing_callback)(
    const uint8_t *signature, int refusal, void *argument);

/*
 * A mark of the database (room_restore.h) that was seen committed. Each
 * request names the highest, so that a database that has forgotten what was
 * signed is older than the signer's log.
 */
void signing_mark(int64_t mark);
/* The highest so far, and of the signer's log; 0 none. */
int64_t signing_marked(void);

/* header.key_id and header.origin are filled in with ours. */
void signing_envelope(struct envelope_header *header,
    const uint8_t payload_hash[32], signing_callback, void *argument);
/* The same for a batch: digests of 1 to 64 items in place of the hash. */
void signing_batch(struct envelope_header *header,
    const struct batch_item *items, size_t count, signing_callback,
    void *argument);
/*
 * A state event of a room whose home we are, as it was committed; its key_id
 * must be that of our present certificate, which it is signed with.
 */
void signing_state(const struct room_event *, signing_callback, void *argument);
/* MSG_SIGNATURE and MSG_SIGN_REFUSED; fatal when nobody asked. */
void signing_answer(const struct message *);

#endif
