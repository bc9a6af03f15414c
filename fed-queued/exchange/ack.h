/* SPDX-License-Identifier: ISC */
/* Acknowledgements: the payload written and read. Pure. */
#ifndef TORFED_EXCHANGE_ACK_H
#define TORFED_EXCHANGE_ACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/code.h"

#define ACK_CREDIT_MAX	64
#define ACK_SECONDS_MAX 86400

enum ack_status { ACK_ACCEPTED, ACK_DUPLICATE, ACK_REJECTED, ACK_RETRY };

struct ack_result {
	enum ack_status status;
	enum code code;	  /* rejected and retry; CODE_COUNT: one we do not
			   * know, read from a peer */
	uint32_t seconds; /* retry */
};

/*
 * The canonical payload for count results (1 to 64), newly allocated (free()).
 * answer is the canonical object for "answer", or NULL.
 */
char *ack_format(const uint8_t request_hash[32],
    const struct ack_result *results, size_t count, uint32_t credit,
    const char *answer, size_t answer_length, size_t *length);
/*
 * Reads a payload whose signature has been verified; it must hold exactly
 * expected results (1 to 64) and request_hash. CODE_OK, ANSWER_UNBOUND when
 * it answers another request, ANSWER_JSON when it does not have the form.
 */
enum code ack_parse(const char *payload, size_t length,
    const uint8_t request_hash[32], struct ack_result *results, size_t expected,
    uint32_t *credit);

#endif
