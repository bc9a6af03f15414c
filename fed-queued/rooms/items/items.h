/* SPDX-License-Identifier: ISC */
/*
 * The items of rooms in one request, one after the other, each handed to the
 * part that decides about it; messages of one room go together.
 */
#ifndef TORFED_ROOMS_ITEMS_ITEMS_H
#define TORFED_ROOMS_ITEMS_ITEMS_H

#include "inbound/commit.h"
#include "rooms/signed_message.h"

/*
 * items: 1 to BATCH_ITEMS in the order of the request, each of a type that
 * item_kind_is_room() knows. done() of each is called once; after one whose
 * outcome is not known (ok false), so is the outcome of all behind it. proof
 * is copied. trust: the level of proof->origin.
 */
void items_take(struct commit_item *const *items, uint32_t count,
    const struct signed_text *proof, int trust);

#endif
