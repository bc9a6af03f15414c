/* SPDX-License-Identifier: ISC */
/*
 * Whole requests. What came from a stranger is reduced here to typed fields
 * and canonical bytes; nothing else of it reaches fed-queued.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accept.h"
#include "answer.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "ipc/message.h"
#include "json/wire.h"
#include "listener.h"
#include "request.h"

#define PING_BODY \
	"{\"protocolVersion\":\"" PROTOCOL_VERSION "\",\"status\":\"ok\"}"
#define INFO_FORMAT                                                            \
	"{\"certificate\":\"%s\",\"protocolVersion\":\"" PROTOCOL_VERSION "\"" \
	"}"

int
request_status(const struct connection *connection)
{
	const struct http_request *request = &connection->request;
	const struct settings *settings = connection->listener->settings;
	int status = http_request_status(request);

	if (status != 0)
		return status;
	if ((request->target == HTTP_TARGET_PING && !settings->answer_ping) ||
	    (request->target == HTTP_TARGET_INFO && !settings->answer_info))
		return 404;
	return 0;
}

/* Whether the envelope's type belongs on the path. */
static bool
request_fits(const struct connection *connection, const char *type)
{
	bool path = connection->request.target == HTTP_TARGET_HANDSHAKE;

	return path == (strcmp(type, "handshake") == 0);
}

static int
request_pass(struct connection *connection, const struct wire_request *request)
{
	static uint8_t memory[MESSAGE_LARGE];
	struct listener *listener = connection->listener;
	struct pack pack;

	pack_init(&pack, memory, sizeof(memory));
	wire_request_encode(&pack, request);
	if (!pack_ok(&pack))
		return -1;
	connection->pending = pending_add(
	    listener->pending, connection, circuit_number(connection->circuit));
	if (chanev_send(listener->queued, MSG_REQUEST, connection->pending, 0,
		-1, pack.data, pack.length) == 0) {
		circuit_begin(connection->circuit);
		return 0;
	}
	pending_abandon(listener->pending, connection->pending);
	connection->pending = PENDING_NONE;
	return -1;
}

void
request_failed(struct listener *listener, uint64_t circuit)
{
	if (circuit_fail(listener->circuits, circuit, clock_ms()))
		limit_pass(&listener->limits, LIMIT_FAILURES_PER_CIRCUIT);
}

static void
request_malformed(struct connection *connection, enum code code)
{
	struct listener *listener = connection->listener;

	log_debug("request malformed code=%s", code_name(code));
	limit_hit(&listener->limits, LIMIT_MALFORMED, clock_ms());
	request_failed(listener, circuit_number(connection->circuit));
	answer_status(connection, 400, 0);
}

static void
request_busy(struct connection *connection)
{
	struct listener *listener = connection->listener;

	limit_hit(&listener->limits, LIMIT_REQUESTS_PENDING, clock_ms());
	answer_status(connection, 503, ANSWER_RETRY_S);
}

/* POST: reduce, and ask fed-queued. */
static void
request_post(struct connection *connection, const char *body, size_t length)
{
	struct listener *listener = connection->listener;
	struct wire_request request = {0};
	struct envelope parsed;
	enum code code;
	int passed;

	if (pending_full(listener->pending) ||
	    !circuit_share(connection->circuit,
		pending_count(listener->pending),
		pending_maximum(listener->pending)) ||
	    channel_queued(chanev_channel(listener->queued)) >
		LISTENER_QUEUE_MAX) {
		request_busy(connection);
		return;
	}
	code = wire_reduce(&request.envelope, &parsed, body, length);
	if (code != CODE_OK) {
		request_malformed(connection, code);
		return;
	}
	if (!request_fits(connection, request.envelope.header.type)) {
		envelope_free(&parsed);
		request_malformed(connection, CODE_ENVELOPE_TYPE);
		return;
	}
	request.circuit = circuit_number(connection->circuit);
	request.handshake_path =
	    connection->request.target == HTTP_TARGET_HANDSHAKE;
	passed = request_pass(connection, &request);
	envelope_free(&parsed);
	if (passed == -1) {
		request_busy(connection);
		return;
	}
	limit_pass(&listener->limits, LIMIT_REQUESTS_PENDING);
	connection_release(connection);
	connection_enter(connection, STATE_WAITING);
}

/* Whether its circuit may have one more; else it is answered. */
static bool
request_allowed(struct connection *connection)
{
	struct listener *listener = connection->listener;
	enum limit limit = LIMIT_REQUESTS_PER_CIRCUIT;
	int64_t now_ms = clock_ms();
	uint32_t wait_s;

	if (connection->circuit == NULL)
		return true;
	wait_s =
	    circuit_request(listener->circuits, connection->circuit, now_ms);
	if (wait_s == 0) {
		limit_pass(&listener->limits, limit);
		limit = LIMIT_FAILURES_PER_CIRCUIT;
		wait_s = circuit_failures(
		    listener->circuits, connection->circuit, now_ms);
	}
	if (wait_s == 0)
		return true;
	limit_hit(&listener->limits, limit, now_ms);
	answer_status(connection, 429, wait_s);
	return false;
}

void
request_complete(struct connection *connection, const char *body, size_t length)
{
	struct listener *listener = connection->listener;

	connection->whole = true;
	if (!request_allowed(connection))
		return;
	if (connection->discard != 0)
		answer_status(connection, connection->discard, 0);
	else if (connection->request.target == HTTP_TARGET_PING)
		answer_body(connection, PING_BODY, strlen(PING_BODY));
	else if (connection->request.target == HTTP_TARGET_INFO)
		answer_body(connection, listener->info, listener->info_length);
	else
		request_post(connection, body, length);
}

/* Who we are; also again, with a new certificate. */
static void
queued_identity(struct listener *listener, const struct message *message)
{
	char text[BASE64_LENGTH(IDENTITY_CERTIFICATE_MAX) + 1];
	struct msg_identity identity;
	char host[ONION_SIZE], *info;
	size_t length;

	if (msg_identity_decode(message, &identity) == -1)
		fatal("channel peer=fed-queued error=\"malformed identity\"");
	onion_format(host, identity.server);
	if (listener->identified && strcmp(host, listener->host) != 0)
		fatal("channel peer=fed-queued error=\"identity of another "
		      "server\"");
	base64_encode(text, identity.certificate, identity.certificate_length);
	length = xasprintf(&info, INFO_FORMAT, text);
	free(listener->info);
	listener->info = info;
	listener->info_length = length;
	memcpy(listener->host, host, sizeof(host));
	if (!listener->identified)
		accept_start(listener);
	listener->identified = true;
}

static void
queued_response(struct listener *listener, const struct message *message)
{
	struct wire_response response;
	struct connection *connection;
	uint64_t circuit;

	if (wire_response_decode(message, &response) == -1)
		fatal("channel peer=fed-queued error=\"malformed response\"");
	if (pending_take(
		listener->pending, message->id, &connection, &circuit) == -1)
		fatal(
		    "channel peer=fed-queued error=\"response to no request\"");
	circuit_end(listener->circuits, circuit);
	/* Charged to the circuit that asked, whether or not it waited. */
	if (response.status == 400 || response.status == 401)
		request_failed(listener, circuit);
	if (connection == NULL)
		return; /* the client did not wait */
	connection->pending = PENDING_NONE;
	if (response.status == 200)
		answer_body(connection, response.body, response.body_length);
	else
		answer_status(
		    connection, response.status, response.retry_after);
}

void
request_on_queued(struct message *message, void *argument)
{
	struct listener *listener = argument;

	if (message->type == MSG_IDENTITY)
		queued_identity(listener, message);
	else if (message->type == MSG_RESPONSE)
		queued_response(listener, message);
	else
		fatal("channel peer=fed-queued type=%u error=\"not expected\"",
		    message->type);
}
