/* SPDX-License-Identifier: ISC */
#ifndef TORFED_FEDCTL_RECEIPT_CHECK_H
#define TORFED_FEDCTL_RECEIPT_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/code.h"
#include "proto/signtext.h"

#define RECEIPT_MAX (1024U * 1024) /* bytes of a document */

/* What a receipt that holds proves: server committed origin's item. */
struct receipt_proof {
	uint8_t server[32]; /* who acknowledged */
	uint8_t origin[32]; /* whom */
	uint8_t id[16];
	uint8_t digest[32];   /* of the item */
	char type[TYPE_SIZE]; /* proven with has_payload only */
	bool has_payload;     /* the payload's hash is known, too */
	uint8_t payload_hash[32];
	bool duplicate; /* it had been committed before */
	int64_t time;	/* of the acknowledgement, seconds since 1970 */
	uint8_t key_id[32];
};

/*
 * Checks a document (man page fedctl, "Receipts") with nothing but itself: the
 * certificate as of the acknowledgement's time, its signature, that it answers
 * the request, that the item stands there, and its result. CODE_OK, or the
 * first thing wrong. payload_hash: of the item's canonical payload where the
 * caller has it, or NULL.
 */
enum code receipt_check(struct receipt_proof *, const char *text, size_t length,
    const uint8_t *payload_hash);

#endif
