/* SPDX-License-Identifier: ISC */
/* server_sync by production: heads that are told, and what is given. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "proto/ed.h"
#include "proto/signtext_parse.h"
#include "rooms/sync/give.h"
#include "sql/mirror_internal.h"

#define HASH_TEXT 17
#define LINES_MAX 32768

/* What the model has given in this step, a line each. */
static char given[LINES_MAX];
static size_t given_length;

void
mirror_given_clear(void)
{
	given_length = 0;
	given[0] = '\0';
}

static const char *
digest(char text[HASH_TEXT], const uint8_t *bytes)
{
	int i;

	for (i = 0; i < 8; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return text;
}

static void
declared_line(char *line, size_t size, const struct packet *packet)
{
	struct sync_void declared = {.room = world.rooms[packet->room],
	    .epoch = packet->epoch,
	    .lane = packet->lane,
	    .range = packet->range};
	struct mirror_proof proof;
	uint8_t hash[ROOM_HASH];
	char text[HASH_TEXT];
	size_t length;
	char *payload = mirror_answer(&length, &declared);

	mirror_proof_answer(
	    &proof, packet->origin, packet->proof, payload, length);
	sha256(hash, proof.text, proof.signed_text.text_length);
	snprintf(line, size, "answer %s\n", digest(text, hash));
	free(payload);
}

static void
void_line(char *line, size_t size, const struct room_void *range)
{
	char previous[HASH_TEXT], last[HASH_TEXT];

	snprintf(line, size, "%s %lld-%lld previous=%s digest=%s\n",
	    range->gone ? "gone" : "void", (long long)range->first,
	    (long long)range->last, digest(previous, range->previous),
	    digest(last, range->digest));
}

/* Our own items travel from the queue. */
static void
packet_line(char *line, size_t size, const struct packet *packet)
{
	char text[HASH_TEXT];
	const struct item *item = &world.items[packet->index];

	switch (packet->kind) {
	case PACKET_EVENT:
		snprintf(line, size, "event %s\n",
		    digest(text, world.events[packet->index].hash));
		break;
	case PACKET_ITEM:
		if (item->origin != world.nodes[packet->from].identity)
			snprintf(line, size, "item %s\n",
			    digest(text, item->message.place.digest));
		break;
	case PACKET_EVIDENCE:
		snprintf(line, size, "evidence\n");
		break;
	default:
		if (packet->one)
			declared_line(line, size, packet);
		else
			void_line(line, size, &packet->range);
		break;
	}
}

void
mirror_given(const struct packet *packet)
{
	char line[256] = "";
	size_t length;

	if (!mirror_on)
		return;
	packet_line(line, sizeof(line), packet);
	length = strlen(line);
	if (given_length + length >= sizeof(given))
		return;
	/* One answer declares several; as proof it is given once. */
	if (strncmp(line, "answer", 6) == 0 && strstr(given, line) != NULL)
		return;
	memcpy(given + given_length, line, length + 1);
	given_length += length;
}

static void
giving_done(struct sync_giving *giving, bool ok)
{
	*(int *)giving->argument = ok ? 1 : -1;
}

/* Runs it; what production would send is in message. false: it failed. */
static bool
giving_run(struct sync_giving *giving, int peer, struct sync_message *message)
{
	int outcome = 0;
	char *text, *answer;
	size_t length;
	bool ok;

	mirror_server(giving->to_id, peer);
	giving->done = giving_done;
	giving->argument = &outcome;
	sync_payload_begin(&giving->writer);
	sync_give(giving);
	if (outcome != 1) {
		mirror_fail("give", "no answer", "one");
		return false;
	}
	text = sync_payload_end(&giving->writer, &length);
	length =
	    (size_t)xasprintf(&answer, "{\"answer\":%.*s}", (int)length, text);
	ok = sync_payload_parse(message, true, answer, length) == CODE_OK;
	if (!ok)
		mirror_fail("give", "malformed", answer);
	free(text);
	free(answer);
	return ok;
}

/* What a document is: an event, an item or an answer. */
static void
document_line(FILE *out, const struct sync_document *document)
{
	static struct signtext text;
	uint8_t hash[ROOM_HASH];
	char name[HASH_TEXT];

	sha256(hash, document->text.bytes, document->text.length);
	if (signtext_parse(&text, document->text.bytes,
		document->text.length) != CODE_OK) {
		fprintf(out, "event %s\n", digest(name, hash));
		return;
	}
	if (strcmp(text.header.type, "ack") == 0) {
		fprintf(out, "answer %s\n", digest(name, hash));
		return;
	}
	sha256(hash, document->payloads[0].bytes, document->payloads[0].length);
	signtext_item_digest(hash, text.header.type, text.header.id, hash);
	fprintf(out, "item %s\n", digest(name, hash));
}

static char *
message_text(const struct sync_message *message)
{
	char *text = NULL, line[256];
	size_t size;
	FILE *out = xpointer(open_memstream(&text, &size));
	uint32_t i;

	for (i = 0; i < message->document_count; i++)
		document_line(out, &message->documents[i]);
	for (i = 0; i < message->pair_count; i += 2)
		fprintf(out, "evidence\n");
	for (i = 0; i < message->void_count; i++) {
		void_line(line, sizeof(line), &message->voids[i].range);
		fprintf(out, "%s", line);
	}
	fclose(out);
	return text;
}

static void
ask_make(struct sync_ask *ask, const struct packet *packet)
{
	bool evidence = packet->kind == PACKET_ASK_EVIDENCE ||
			packet->kind == PACKET_ASK_ITEM_EVIDENCE;

	memset(ask, 0, sizeof(*ask));
	ask->room = world.rooms[packet->room];
	ask->want = evidence	  ? SYNC_EVIDENCE
		    : packet->one ? SYNC_PROOF
				  : SYNC_ITEMS;
	ask->stream = packet->kind == PACKET_ASK_ITEMS ||
		      packet->kind == PACKET_ASK_ITEM_EVIDENCE;
	if (ask->stream) {
		memcpy(ask->origin, ledger_key(packet->origin), ONION_KEY);
		ask->epoch = packet->epoch;
		ask->lane = packet->lane;
	}
	ask->from = packet->first;
	ask->to = packet->last;
}

void
mirror_asked(int node, const struct packet *packet)
{
	static struct sync_giving giving;
	static struct sync_message message;
	char *sql;

	if (!mirror_enter(node))
		return;
	memset(&giving, 0, sizeof(giving));
	giving.ask_count = 1;
	ask_make(&giving.asks[0], packet);
	if (giving_run(&giving, world.nodes[packet->from].identity, &message)) {
		sql = message_text(&message);
		mirror_texts("given", sql, given);
		free(sql);
		sync_payload_free(&message);
	}
	mirror_given_clear();
	mirror_leave_node();
}

static void
head_lines(FILE *out, bool has_state, const struct room_head *head)
{
	char hash[HASH_TEXT];

	if (has_state)
		fprintf(out, "head number=%lld hash=%s disputed=%lld\n",
		    (long long)head->number, digest(hash, head->hash),
		    (long long)head->disputed);
}

static void
stream_line(
    FILE *out, const uint8_t *origin, const struct room_stream_head *head)
{
	char from[HASH_TEXT], hash[HASH_TEXT], tip[HASH_TEXT];

	fprintf(out,
	    "stream of %s epoch=%lld lane=%d sequence=%lld digest=%s "
	    "highest=%lld tip=%s forked=%lld\n",
	    digest(from, origin), (long long)head->epoch, head->lane,
	    (long long)head->sequence, digest(hash, head->digest),
	    (long long)head->highest, digest(tip, head->tip),
	    (long long)head->forked);
}

/* Streams in which nothing is settled are nothing. */
static bool
stream_told(const struct room_stream_head *head)
{
	return head->highest > 0 || head->forked > 0;
}

static char *
heads_sql(const struct sync_message *message)
{
	char *text = NULL;
	size_t size;
	FILE *out = xpointer(open_memstream(&text, &size));
	const struct sync_head *head;
	uint32_t i, j;

	for (i = 0; i < message->room_count; i++) {
		head = &message->rooms[i];
		head_lines(out, head->has_state, &head->state);
		for (j = 0; j < head->stream_count; j++)
			if (stream_told(&head->streams[j].head))
				stream_line(out, head->streams[j].origin,
				    &head->streams[j].head);
	}
	fclose(out);
	return text;
}

static char *
heads_model(const struct packet *packet)
{
	char *text = NULL;
	size_t size;
	FILE *out = xpointer(open_memstream(&text, &size));
	int i;

	if (packet != NULL)
		head_lines(out, packet->has_state, &packet->head);
	for (i = 0; packet != NULL && i < packet->head_count; i++)
		if (stream_told(&packet->heads[i].head))
			stream_line(out, ledger_key(packet->heads[i].origin),
			    &packet->heads[i].head);
	fclose(out);
	return text;
}

void
mirror_heads_made(int node, int room, int peer, const struct packet *packet)
{
	static struct sync_giving giving;
	static struct sync_message message;
	char *sql, *model;

	if (!mirror_enter(node))
		return;
	memset(&giving, 0, sizeof(giving));
	giving.room_count = 1;
	giving.rooms[0] = world.rooms[room];
	if (giving_run(&giving, peer, &message)) {
		sql = heads_sql(&message);
		model = heads_model(packet);
		mirror_texts("heads", sql, model);
		free(sql);
		free(model);
		sync_payload_free(&message);
	}
	mirror_leave_node();
}
