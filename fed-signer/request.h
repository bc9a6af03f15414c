/* SPDX-License-Identifier: ISC */
/* From a request to a signature, or to a refusal. */
#ifndef TORFED_FED_SIGNER_REQUEST_H
#define TORFED_FED_SIGNER_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "ipc/message.h"
#include "siglog.h"

struct moment;
struct signer;

struct answer {
	uint16_t type; /* MSG_SIGNATURE or MSG_SIGN_REFUSED */
	uint16_t request;
	uint32_t id; /* of the request, as is */
	uint32_t peer;
	size_t length;
	uint8_t bytes[64];
};
/*
 * Answers requests, which next() gives one by one and NULL when there is no
 * more, and writes their signatures down together. Returns how many there are,
 * at most SIGLOG_GROUP, or -1: one was malformed, which the sender answers for.
 */
int request_answers(struct signer *, const struct moment *,
    const struct message *(*next)(void *argument), void *argument,
    struct answer answers[SIGLOG_GROUP]);
/* Writes down what is due. */
void request_log(struct signer *, const struct moment *);

#endif
