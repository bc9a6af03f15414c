/* SPDX-License-Identifier: ISC */
/*
 * Answers. Each of these may free the connection: do not touch it after.
 */
#ifndef TORFED_FED_LISTENER_ANSWER_H
#define TORFED_FED_LISTENER_ANSWER_H

#include <stddef.h>
#include <stdint.h>

struct connection;

#define ANSWER_RETRY_S 5 /* Retry-After when there is no better guess */

/* Unsigned, with the status's constant body. retry_after: seconds, 0 none. */
void answer_status(struct connection *, int status, uint32_t retry_after);
/* Status 200 and a JSON body, which is copied where it must be kept. */
void answer_body(struct connection *, const char *body, size_t length);
/* The client takes more, in STATE_ANSWER. */
void answer_continue(struct connection *);

#endif
