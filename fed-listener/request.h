/* SPDX-License-Identifier: ISC */
/* What a request asks for: ping, info, or something for fed-queued. */
#ifndef TORFED_FED_LISTENER_REQUEST_H
#define TORFED_FED_LISTENER_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "ipc/message.h"

struct connection;
struct listener;

/* From the head alone: 0 to go on, or the status to answer. */
int request_status(const struct connection *);
/* The request is whole. Answers, or passes it on; may free the connection. */
void request_complete(struct connection *, const char *body, size_t length);
/* A circuit's request was malformed or not authentic. */
void request_failed(struct listener *, uint64_t circuit);
/* A message from fed-queued. Fatal when it makes no sense. */
void request_on_queued(struct message *, void *listener);

#endif
