/* SPDX-License-Identifier: ISC */
/* Our handshakes with others; see handshake_out.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/tree.h"
#include "env.h"
#include "exchange/reaction.h"
#include "exchange/transport.h"
#include "outbound/handshake_out.h"
#include "servers/peer_table.h"
#include "servers/strangers.h"

struct waiter {
	STAILQ_ENTRY(waiter) entry;
	handshake_callback callback;
	void *argument;
};

struct attempt {
	LIST_ENTRY(attempt) entry;
	uint8_t server[32];
	uint64_t serial; /* of the certificate that we send */
	bool kept;	 /* an admin asked for it */
	bool ping;	 /* nobody wants more than to see that it is there */
	struct ack_result result;
	STAILQ_HEAD(, waiter) waiters;
};

static LIST_HEAD(, attempt) attempts = LIST_HEAD_INITIALIZER(attempts);
static uint32_t generation; /* of credentials, for servers not yet known */

static struct attempt *
attempt_find(const uint8_t server[32])
{
	struct attempt *attempt;

	LIST_FOREACH (attempt, &attempts, entry)
		if (memcmp(attempt->server, server, 32) == 0)
			return attempt;
	return NULL;
}

static void
attempt_wait(
    struct attempt *attempt, handshake_callback callback, void *argument)
{
	struct waiter *waiter = xcalloc(1, sizeof(*waiter));

	waiter->callback = callback;
	waiter->argument = argument;
	STAILQ_INSERT_TAIL(&attempt->waiters, waiter, entry);
}

static void
attempt_end(
    struct attempt *attempt, enum code code, const struct ack_result *result)
{
	struct waiter *waiter;
	char address[LOG_ADDRESS_SIZE];

	if (!attempt->ping)
		log_info("handshake server=%s code=%s",
		    log_address(address, attempt->server), code_name(code));
	LIST_REMOVE(attempt, entry);
	while ((waiter = STAILQ_FIRST(&attempt->waiters)) != NULL) {
		STAILQ_REMOVE_HEAD(&attempt->waiters, entry);
		waiter->callback(code, result, waiter->argument);
		free(waiter);
	}
	free(attempt);
}

static void
attempt_stored(enum code code, void *argument)
{
	struct attempt *attempt = argument;

	attempt_end(attempt, code, NULL);
}

/* As after any other request, the next one takes another circuit. */
static void
attempt_failed(struct attempt *attempt, const struct transport_outcome *outcome)
{
	struct peer *peer = peer_table_find(attempt->server);

	if (reaction_find(outcome, NULL, false).fresh_circuit)
		(*(peer != NULL ? &peer->generation : &generation))++;
	attempt_end(attempt, outcome->code, NULL);
}

static void
attempt_store(struct attempt *attempt, const struct handshake *handshake)
{
	if (!attempt->ping)
		strangers_store(handshake, attempt->kept, attempt->serial,
		    attempt_stored, attempt);
	else if (peer_table_find(attempt->server) != NULL)
		strangers_refresh(
		    handshake, attempt->serial, attempt_stored, attempt);
	else /* it has gone meanwhile */
		attempt_end(attempt, CODE_SERVER_UNKNOWN, NULL);
}

static void
attempt_answered(const struct transport_outcome *outcome, void *argument)
{
	struct attempt *attempt = argument;

	if (outcome->code != CODE_OK) {
		attempt_failed(attempt, outcome);
		return;
	}
	attempt->result = outcome->results[0];
	if (attempt->result.status > ACK_DUPLICATE) {
		attempt_end(attempt,
		    attempt->result.code < CODE_COUNT ? attempt->result.code
						      : CODE_STORAGE,
		    &attempt->result);
		return;
	}
	if (!outcome->answer->has_handshake) {
		attempt_end(attempt, CODE_ANSWER_JSON, NULL);
		return;
	}
	if (!handshake_speaks(&outcome->answer->handshake)) {
		attempt_end(attempt, CODE_VERSION, &attempt->result);
		return;
	}
	attempt_store(attempt, &outcome->answer->handshake);
}

static struct attempt *
attempt_new(const uint8_t server[32])
{
	struct attempt *attempt = xcalloc(1, sizeof(*attempt));

	memcpy(attempt->server, server, 32);
	attempt->serial = env.certificate.serial;
	attempt->ping = true;
	STAILQ_INIT(&attempt->waiters);
	LIST_INSERT_HEAD(&attempts, attempt, entry);
	return attempt;
}

static void
attempt_send(struct attempt *attempt)
{
	struct transport_request request;
	struct wire_item item;
	char *payload;

	memset(&request, 0, sizeof(request));
	memcpy(request.destination, attempt->server, 32);
	request.peer = peer_table_find(attempt->server);
	request.generation =
	    request.peer != NULL ? request.peer->generation : generation;
	memset(&item, 0, sizeof(item));
	snprintf(item.type, sizeof(item.type), "handshake");
	uuid_new(item.id);
	payload = strangers_own_handshake(&item.payload_length);
	item.payload = payload;
	request.items = &item;
	request.count = 1;
	transport_send(&request, attempt_answered, attempt);
	free(payload);
}

/* Joins the one under way, whose purpose grows by it, or begins one. */
static void
attempt_join(const uint8_t server[32], bool kept, bool ping,
    handshake_callback callback, void *argument)
{
	struct attempt *attempt = attempt_find(server);
	bool begin = attempt == NULL;

	if (begin)
		attempt = attempt_new(server);
	attempt->kept = attempt->kept || kept;
	attempt->ping = attempt->ping && ping;
	attempt_wait(attempt, callback, argument);
	if (begin)
		attempt_send(attempt);
}

void
handshake_out(const uint8_t server[32], bool kept, handshake_callback callback,
    void *argument)
{
	attempt_join(server, kept, false, callback, argument);
}

void
handshake_ping(
    const uint8_t server[32], handshake_callback callback, void *argument)
{
	attempt_join(server, false, true, callback, argument);
}
