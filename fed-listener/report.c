/* SPDX-License-Identifier: ISC */
/* What the limiters came to; see report.h. */
#include <string.h>

#include "base/log.h"
#include "listener.h"
#include "report.h"

static void
figures_set(
    struct msg_limits *limits, enum limit limit, uint64_t used, int64_t maximum)
{
	limits->of[limit].used = used;
	limits->of[limit].maximum = (uint64_t)maximum;
}

static void
circuits_fill(
    struct msg_limits *limits, const struct listener *listener, int64_t now_ms)
{
	const struct settings *settings = listener->settings;
	struct circuit_table_most most;

	circuit_table_most(listener->circuits, &most, now_ms);
	figures_set(limits, LIMIT_CONNECTIONS_PER_CIRCUIT, most.connections,
	    settings->connections_per_circuit);
	figures_set(limits, LIMIT_REQUESTS_PER_CIRCUIT, most.requests,
	    settings->requests_per_circuit);
	figures_set(limits, LIMIT_FAILURES_PER_CIRCUIT, most.failures,
	    settings->failures_per_circuit);
}

static void
report_fill(
    struct msg_limits *limits, const struct listener *listener, int64_t now_ms)
{
	const struct settings *settings = listener->settings;
	size_t i;

	memset(limits, 0, sizeof(*limits));
	for (i = 0; i < LIMIT_LISTENER_COUNT; i++) {
		limits->of[i].taken = listener->limits.of[i].taken;
		limits->of[i].refused = listener->limits.of[i].refused;
	}
	figures_set(limits, LIMIT_CONNECTIONS, connection_count(listener),
	    (int64_t)listener->connections_max);
	circuits_fill(limits, listener, now_ms);
	figures_set(limits, LIMIT_REQUESTS_PENDING,
	    pending_count(listener->pending), settings->requests_pending);
	figures_set(
	    limits, LIMIT_BODY_MEMORY, listener->admission.used, ADMISSION_MAX);
	figures_set(limits, LIMIT_HEAD_TIME, 0, settings->head_timeout_ms);
	figures_set(limits, LIMIT_BODY_TIME, 0, settings->body_timeout_ms);
	figures_set(limits, LIMIT_BODY_RATE, 0, settings->body_rate);
	figures_set(limits, LIMIT_ANSWER_TIME, 0, ANSWER_TIMEOUT_MS);
	figures_set(limits, LIMIT_WRITE_TIME, 0, settings->body_timeout_ms);
}

void
report_send(struct listener *listener, int64_t now_ms)
{
	struct msg_limits limits;
	uint8_t memory[MESSAGE_SMALL];
	struct pack pack;

	report_fill(&limits, listener, now_ms);
	/* Figures alone, without a gap between them. */
	if (memcmp(&limits, &listener->reported, sizeof(limits)) == 0)
		return;
	listener->reported = limits;
	pack_init(&pack, memory, sizeof(memory));
	msg_limits_encode(&pack, &limits);
	if (!pack_ok(&pack))
		fatal("limits do not fit a message");
	/* When the channel is full, the next one says it all again. */
	if (chanev_send(listener->queued, MSG_LIMITS, 0, 0, -1, pack.data,
		pack.length) == -1)
		memset(&listener->reported, 0xff, sizeof(limits));
}
