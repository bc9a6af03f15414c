/* SPDX-License-Identifier: ISC */
/* What the parts of fed-listener share: one of these in the process. */
#ifndef TORFED_FED_LISTENER_LISTENER_H
#define TORFED_FED_LISTENER_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accept.h"
#include "admission.h"
#include "circuit.h"
#include "connection.h"
#include "events/chanev.h"
#include "ipc/message.h"
#include "ipc/settings.h"
#include "limit.h"
#include "pending.h"
#include "proto/onion.h"

struct event_base;

/* Bytes of one read: the usual request of one size class, whole. */
#define LISTENER_SCRATCH   (10 * 1024)
/* More than this unread by fed-queued, and requests are refused. */
#define LISTENER_QUEUE_MAX (8U * 1024 * 1024)

struct listener {
	struct event_base *base;
	struct chanev *queued;
	const struct settings *settings;
	struct limit_counters limits;
	struct circuit_table *circuits;
	struct pending *pending;
	struct acceptor acceptor;
	struct admission admission;
	struct msg_limits reported; /* to fed-queued */
	/* Connections by state, each list in the order of entering it. */
	struct connection_list connections[STATE_COUNT];
	size_t counts[STATE_COUNT];
	size_t connections_max; /* but for those that drain */
	size_t draining_max;
	/* Ourselves, once fed-queued has told us. */
	bool identified;
	char host[ONION_SIZE];
	char *info; /* body of GET /federation/info */
	size_t info_length;
	char scratch[LISTENER_SCRATCH];
};

#endif
