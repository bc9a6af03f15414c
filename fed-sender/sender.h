/* SPDX-License-Identifier: ISC */
/* What the parts of fed-sender share: one of these in the process. */
#ifndef TORFED_FED_SENDER_SENDER_H
#define TORFED_FED_SENDER_SENDER_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker.h"
#include "events/chanev.h"
#include "ipc/settings.h"
#include "json/wire.h"
#include "pool.h"

#define SENDER_SCRATCH (16 * 1024) /* bytes of one read */

struct sender {
	struct event_base *base;
	struct chanev *parent;
	struct chanev *queued;
	const struct settings *settings;
	struct pool *pool;
	struct broker broker;
	struct event dispatch; /* jobs may be able to go */
	uint8_t secret[32];    /* of the SOCKS credentials */
	size_t job_bytes;      /* of bodies that we hold */
	bool paused;	       /* fed-queued is not read */
	bool probing;	       /* a probe is under way */
	char scratch[SENDER_SCRATCH];
};

/* A message from fed-queued. Fatal when it makes no sense. */
void sender_on_queued(struct message *, void *sender);
/* Lets jobs go that can; not at once, but before the next event. */
void sender_kick(struct sender *);
void sender_init(struct sender *);
/* The one answer to the job, which is freed. */
void sender_finish(struct sender *, struct job *, struct wire_send_result *);
/* The same for a failure of transport. */
void sender_fail(struct sender *, struct job *, enum code);
/* Back into the line, for a new connection. */
void sender_retry(struct sender *, struct job *);
/* A server as the log names it: whole, in short, or "-". buf: ONION_SIZE. */
const char *sender_name(
    const struct sender *, char *buf, const uint8_t key[32]);

#endif
