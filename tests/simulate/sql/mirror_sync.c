/* SPDX-License-Identifier: ISC */
/* server_sync by production: what is shown, told, asked and given. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "proto/ed.h"
#include "rooms/sync/give.h"
#include "rooms/sync/take.h"
#include "servers/peer_table.h"
#include "sql/mirror_internal.h"

/* A document, and what it points into. */
struct shown_document {
	char certificate[CERT_MAX];
	char text[SIGNTEXT_BATCH_MAX];
	struct sync_bytes payload;
	char *owned;
};

static void
document_begin(struct sync_document *document, struct shown_document *of,
    int identity, uint64_t serial)
{
	memset(document, 0, sizeof(*document));
	document->certificate.length =
	    cert_format(of->certificate, ledger_cert(identity, serial));
	document->certificate.bytes = of->certificate;
	document->text.bytes = of->text;
	document->payloads = &of->payload;
	document->payload_count = 1;
}

static void
document_event(
    struct sync_document *document, struct shown_document *of, int number)
{
	struct signed_event event;

	document_begin(document, of, world.events[number].signer,
	    world.events[number].serial);
	ledger_event(&event, number);
	memcpy(of->text, event.text, event.text_length);
	document->text.length = event.text_length;
	memcpy(document->signature, event.signature, 64);
	of->owned = event.payload;
	of->payload.bytes = of->owned;
	of->payload.length = event.payload_length;
}

static void
document_item(struct sync_document *document, struct shown_document *of,
    int number, uint64_t serial)
{
	struct mirror_proof proof;

	document_begin(document, of, world.items[number].origin, serial);
	mirror_proof_item(&proof, number, serial);
	memcpy(of->text, proof.text, proof.signed_text.text_length);
	document->text.length = proof.signed_text.text_length;
	memcpy(document->signature, proof.signed_text.signature, 64);
	of->owned = proof.payload;
	of->payload.bytes = of->owned;
	of->payload.length = proof.payload_length;
}

/* What came of a message of server_sync. */
static void
taking_done(struct sync_taking *taking)
{
	*(bool *)taking->argument = true;
}

static void
taking_begin(struct sync_taking *taking, int from, bool *done)
{
	int identity = world.nodes[from].identity;

	memset(taking, 0, sizeof(*taking));
	memcpy(taking->via, ledger_key(identity), ONION_KEY);
	mirror_server(taking->via_id, identity);
	taking->trust = TRUST_VERIFIED;
	taking->done = taking_done;
	taking->argument = done;
}

/* The answer in which its origin declared it: {"answer":{"voids":[...]}}. */
char *
mirror_answer(size_t *length, const struct sync_void *declared)
{
	struct sync_writer writer;
	char *voids, *payload;

	sync_payload_begin(&writer);
	(void)sync_payload_void(&writer, declared);
	voids = sync_payload_end(&writer, length);
	*length = (size_t)xasprintf(
	    &payload, "{\"answer\":%.*s}", (int)*length, voids);
	free(voids);
	return payload;
}

static void
document_answer(struct sync_document *document, struct shown_document *of,
    const struct mirror_proof *proof, int origin, uint64_t serial)
{
	document_begin(document, of, origin, serial);
	memcpy(of->text, proof->text, proof->signed_text.text_length);
	document->text.length = proof->signed_text.text_length;
	memcpy(document->signature, proof->signed_text.signature, 64);
	of->payload.bytes = proof->payload;
	of->payload.length = proof->payload_length;
}

void
mirror_void(int node, const struct packet *packet)
{
	static struct shown_document shown;
	static struct sync_taking taking;
	struct sync_void declared = {.room = world.rooms[packet->room],
	    .epoch = packet->epoch,
	    .lane = packet->lane,
	    .range = packet->range};
	struct mirror_proof proof;
	struct sync_ask asked = {.room = world.rooms[packet->room],
	    .want = SYNC_ITEMS,
	    .stream = true,
	    .epoch = packet->epoch,
	    .lane = packet->lane,
	    .from = packet->range.first,
	    .to = packet->range.last};
	bool done = false;
	size_t length;
	char *payload;

	if (!mirror_enter(node))
		return;
	payload = mirror_answer(&length, &declared);
	mirror_proof_answer(
	    &proof, packet->origin, packet->proof, payload, length);
	taking_begin(&taking, packet->from, &done);
	if (packet->one) {
		taking.message.document_count = 1;
		document_answer(&taking.message.documents[0], &shown, &proof,
		    packet->origin, packet->proof);
	} else {
		taking.message.void_count = 1;
		taking.message.voids[0] = declared;
		taking.proof = proof.signed_text;
		taking.answer.bytes = proof.payload;
		taking.answer.length = proof.payload_length;
		taking.answered_count = 1;
		memcpy(asked.origin, ledger_key(packet->origin), ONION_KEY);
		taking.answered = &asked;
	}
	sync_take(&taking);
	if (!done || taking.failed)
		mirror_fail("void", "no answer", "one");
	free(proof.payload);
	mirror_leave_node();
}

void
mirror_evidence(int node, const struct packet *packet)
{
	static struct shown_document shown[2];
	static struct sync_taking taking;
	bool done = false;

	if (!mirror_enter(node))
		return;
	taking_begin(&taking, packet->from, &done);
	taking.message.pair_count = 2;
	if (packet->one) {
		document_item(&taking.message.pairs[0], &shown[0],
		    packet->index, packet->proof);
		document_item(&taking.message.pairs[1], &shown[1],
		    packet->second, packet->proof_second);
	} else {
		document_event(
		    &taking.message.pairs[0], &shown[0], packet->index);
		document_event(
		    &taking.message.pairs[1], &shown[1], packet->second);
	}
	sync_take(&taking);
	if (!done || taking.failed)
		mirror_fail("evidence", "no answer", "one");
	free(shown[0].owned);
	free(shown[1].owned);
	mirror_leave_node();
}

/* A head as it is told, from what was told. */
static void
head_put(struct sync_head *head, struct sync_stream streams[STREAMS],
    const struct packet *packet)
{
	int i;

	memset(head, 0, sizeof(*head));
	head->room = world.rooms[packet->room];
	head->has_state = packet->has_state;
	head->state = packet->head;
	head->streams = streams;
	head->stream_count = (uint32_t)packet->head_count;
	for (i = 0; i < packet->head_count; i++) {
		memcpy(streams[i].origin, ledger_key(packet->heads[i].origin),
		    ONION_KEY);
		streams[i].head = packet->heads[i].head;
	}
}

void
mirror_heads(int node, const struct packet *packet)
{
	static struct sync_stream streams[STREAMS];
	static struct sync_taking taking;
	bool done = false;

	if (!mirror_enter(node))
		return;
	taking_begin(&taking, packet->from, &done);
	taking.message.room_count = 1;
	taking.message.stream_count = (uint32_t)packet->head_count;
	head_put(&taking.message.rooms[0], streams, packet);
	sync_take(&taking);
	if (!done || taking.failed)
		mirror_fail("heads", "no answer", "one");
	mirror_leave_node();
}
