/* SPDX-License-Identifier: ISC */
/*
 * Connections to tor's SOCKS port. fed-sender cannot make one: it asks fedd,
 * which sends a descriptor, or says why not. Answers come in order and one is
 * as good as another, so a descriptor goes to the link that has waited
 * longest, and one that nobody waits for any more is kept for nobody. When
 * fedd says EAGAIN (its rate, or tor's backlog is full) everybody waits a
 * little and asks again: tor is not down, and saying so would stop all
 * sending.
 */
#ifndef TORFED_FED_SENDER_BROKER_H
#define TORFED_FED_SENDER_BROKER_H

#include <event2/event_struct.h>
#include <stdint.h>

#include "base/tree.h"
#include "ipc/message.h"

struct link;
struct sender;

TAILQ_HEAD(link_list, link);

struct broker {
	struct link_list waiting;
	uint32_t waiting_count;
	uint32_t wanted;      /* asked for and not answered */
	struct event put_off; /* pending: nothing is asked for until then */
};

void broker_init(struct sender *);
/* The link waits; link_start() or link_refused() will be called. */
void broker_want(struct sender *, struct link *);
/* It does not wait any more. */
void broker_forget(struct sender *, struct link *);
/* A message from fedd. Fatal when it makes no sense. */
void broker_on_parent(struct message *, void *sender);

#endif
