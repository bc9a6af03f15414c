/* SPDX-License-Identifier: ISC */
/* One exchange with a peer; see transport.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/tree.h"
#include "env.h"
#include "exchange/check.h"
#include "exchange/signing.h"
#include "exchange/transport.h"
#include "json/envelope.h"
#include "proto/ed.h"
#include "proto/onion.h"
#include "servers/observe.h"
#include "servers/peer_table.h"

#define LONGEST_SLACK_MS 30000

struct exchange {
	RB_ENTRY(exchange) entry;
	uint32_t id;
	int64_t began_ms;
	struct transport_request request; /* but for the items */
	char *payload;
	size_t payload_length;
	struct envelope_header header;
	uint8_t payload_hash[32]; /* one item */
	struct batch_item *lines; /* several */
	char text[SIGNTEXT_BATCH_MAX];
	size_t text_length;
	transport_callback callback;
	void *argument;
};

RB_HEAD(exchange_tree, exchange);

static int
exchange_compare(const struct exchange *a, const struct exchange *b)
{
	return a->id < b->id ? -1 : a->id > b->id;
}

RB_GENERATE_STATIC(exchange_tree, exchange, entry, exchange_compare);

static struct exchange_tree exchanges = RB_INITIALIZER(&exchanges);
static uint32_t last_id;

static void
exchange_end(struct exchange *exchange, struct transport_outcome *outcome)
{
	const struct peer *peer = exchange->request.peer;

	outcome->heard = peer != NULL && exchange->began_ms != 0 &&
			 peer->heard_ms > exchange->began_ms;
	outcome->introduced = peer != NULL && exchange->began_ms != 0 &&
			      peer->introduced_ms > exchange->began_ms;
	outcome->request_text = exchange->text;
	outcome->request_text_length = exchange->text_length;
	if (exchange->request.peer != NULL)
		exchange->request.peer->references--;
	exchange->callback(outcome, exchange->argument);
	free(exchange->payload);
	free(exchange->lines);
	free(exchange);
}

static void
exchange_fail(struct exchange *exchange, enum code code)
{
	struct transport_outcome outcome = {.code = code};

	exchange_end(exchange, &outcome);
}

static void
exchange_signed(const uint8_t *signature, int refusal, void *argument)
{
	struct exchange *exchange = argument;
	static char body[ENVELOPE_MAX];
	static uint8_t buf[MESSAGE_LARGE];
	struct wire_send send;
	struct pack pack;

	(void)refusal;
	if (signature == NULL) {
		exchange_fail(exchange, CODE_BUSY);
		return;
	}
	exchange->text_length =
	    exchange->request.count == 1
		? signtext_envelope(
		      exchange->text, &exchange->header, exchange->payload_hash)
		: signtext_batch(exchange->text, &exchange->header,
		      exchange->lines, exchange->request.count);
	memset(&send, 0, sizeof(send));
	memcpy(send.destination, exchange->request.destination, 32);
	send.generation = exchange->request.generation;
	send.handshake = strcmp(exchange->header.type, "handshake") == 0;
	send.body = body;
	send.body_length = envelope_format(body, &exchange->header, signature,
	    exchange->payload, exchange->payload_length);
	if (send.body_length == 0) {
		exchange_fail(exchange, CODE_PAYLOAD_TOO_LARGE);
		return;
	}
	pack_init(&pack, buf, sizeof(buf));
	wire_send_encode(&pack, &send);
	if (!pack_ok(&pack))
		fatal("request does not fit a message");
	exchange->id = ++last_id;
	exchange->began_ms = clock_ms();
	RB_INSERT(exchange_tree, &exchanges, exchange);
	chanev_send(
	    env.sender, MSG_SEND, exchange->id, 0, -1, pack.data, pack.length);
}

static void
exchange_single(struct exchange *exchange, const struct wire_item *item)
{
	struct envelope_header *header = &exchange->header;

	memcpy(header->type, item->type, sizeof(header->type));
	memcpy(header->id, item->id, sizeof(header->id));
	exchange->payload_length = item->payload_length;
	exchange->payload = xmemdup(item->payload, item->payload_length);
	sha256(exchange->payload_hash, exchange->payload,
	    exchange->payload_length);
	signing_envelope(
	    header, exchange->payload_hash, exchange_signed, exchange);
}

static void
exchange_batch(struct exchange *exchange, const struct wire_item *items)
{
	struct envelope_header *header = &exchange->header;
	uint32_t count = exchange->request.count, i;
	uint8_t hash[32];

	snprintf(header->type, sizeof(header->type), "batch");
	uuid_new(header->id);
	exchange->payload =
	    xpointer(batch_format(items, count, &exchange->payload_length));
	exchange->lines = xcalloc(count, sizeof(*exchange->lines));
	for (i = 0; i < count; i++) {
		sha256(hash, items[i].payload, items[i].payload_length);
		memcpy(exchange->lines[i].id, items[i].id, 16);
		signtext_item_digest(exchange->lines[i].digest, items[i].type,
		    items[i].id, hash);
	}
	signing_batch(
	    header, exchange->lines, count, exchange_signed, exchange);
}

void
transport_send(const struct transport_request *request,
    transport_callback callback, void *argument)
{
	struct exchange *exchange = xcalloc(1, sizeof(*exchange));

	exchange->request = *request;
	exchange->request.items = NULL;
	exchange->callback = callback;
	exchange->argument = argument;
	if (request->peer != NULL)
		request->peer->references++;
	memcpy(exchange->header.destination, request->destination, 32);
	exchange->header.timestamp = clock_now();
	if (request->count == 1)
		exchange_single(exchange, &request->items[0]);
	else
		exchange_batch(exchange, request->items);
}

static void
exchange_answer(struct exchange *exchange, const struct wire_send_result *sent)
{
	struct check_context context = {
	    .now = clock_now(), .now_ms = clock_ms()};
	struct transport_outcome outcome = {.code = sent->code,
	    .status = sent->status,
	    .retry_after = sent->retry_after,
	    .started = sent->started};
	static struct ack_result results[BATCH_ITEMS];
	struct peer *peer = peer_table_find(exchange->request.destination);
	uint8_t request_hash[32];

	if (sent->code != CODE_OK) {
		exchange_end(exchange, &outcome);
		return;
	}
	memcpy(context.server, env.identity.server, 32);
	outcome.code = check_answer(&context, peer,
	    exchange->request.destination, &sent->envelope, &outcome.cert);
	if (outcome.code == CODE_OK) {
		sha256(request_hash, exchange->text, exchange->text_length);
		outcome.code = ack_parse(sent->envelope.payload,
		    sent->envelope.payload_length, request_hash, results,
		    exchange->request.count, &outcome.credit);
	}
	if (outcome.code == CODE_OK) {
		outcome.answer = &sent->envelope;
		outcome.results = results;
		if (peer != NULL)
			observe_tell(PEER_HEARD, peer);
	}
	exchange_end(exchange, &outcome);
}

void
transport_answer(const struct message *message)
{
	struct exchange probe, *exchange;
	static struct wire_send_result sent; /* large */

	if (wire_send_result_decode(message, &sent) != 0)
		fatal("fed-sender sent a malformed answer");
	probe.id = message->id;
	exchange = RB_FIND(exchange_tree, &exchanges, &probe);
	if (exchange == NULL)
		fatal("fed-sender answered what was not asked");
	RB_REMOVE(exchange_tree, &exchanges, exchange);
	exchange_answer(exchange, &sent);
}

int64_t
transport_longest_ms(void)
{
	const struct settings *settings = &env.settings;

	return settings->connect_timeout_ms + settings->handshake_timeout_ms +
	       settings->message_timeout_ms + LONGEST_SLACK_MS;
}
