/* SPDX-License-Identifier: ISC */
/*
 * A request from fed-listener to its answer: check, commit, sign, answer, in
 * that order. What is answered "accepted" has been committed with fsync.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/share.h"
#include "db/statements.h"
#include "env.h"
#include "exchange/ack.h"
#include "exchange/check.h"
#include "exchange/proof.h"
#include "exchange/signing.h"
#include "inbound/commit.h"
#include "inbound/credit.h"
#include "inbound/hold.h"
#include "inbound/inbound.h"
#include "inbound/inbox.h"
#include "json/envelope.h"
#include "json/lookup.h"
#include "proto/ed.h"
#include "proto/onion.h"
#include "servers/evidence.h"
#include "servers/limits.h"
#include "servers/observe.h"
#include "servers/peer_table.h"
#include "servers/strangers.h"

#define UNAVAILABLE_S 30 /* Retry-After in a long outage, at most */
#define BUSY_S	      5	 /* the same when saturated */
#define SIGNER_S      1	 /* fed-signer is back within that time */

/* An item on its way into the database. */
struct inbound_item {
	struct commit_item item; /* first: commit's callback gets it back */
	struct inbound *inbound;
	uint32_t index;
	bool room; /* a room's: not for commit.c */
	char type[TYPE_SIZE];
};

struct inbound {
	uint32_t id;	   /* of the listener's message */
	struct peer *peer; /* once the request is authentic, or NULL */
	size_t bytes;	   /* charged to it */
	uint8_t origin[32];
	uint8_t request_hash[32];
	uint32_t count; /* results */
	struct ack_result results[BATCH_ITEMS];
	struct inbound_item *items; /* count of them */
	char *payloads;		    /* of all items */
	uint32_t outstanding;	    /* items not yet answered */
	bool accepted;		    /* one is new */
	bool failed;		    /* one may not have been stored */
	char *ack;		    /* payload of the acknowledgement */
	size_t ack_length;
	struct envelope_header header; /* of the acknowledgement */
	int64_t received_ms;	       /* of a look-up, else 0 */
	uint8_t signature[64];	       /* while a look-up's is held */
};

static const struct inbound_types *types;
static size_t pending;
static size_t bytes_pending;
static int64_t outage_ms; /* since when nothing is stored, 0 no outage */

void
inbound_register(const struct inbound_types *given)
{
	types = given;
}

uint64_t
inbound_pending(void)
{
	return pending;
}

uint64_t
inbound_bytes(void)
{
	return bytes_pending;
}

/* The request is the server's own: it counts among those it has under way. */
static void
inbound_charge(struct inbound *inbound, struct peer *peer, size_t bytes)
{
	limits_counter(LIMIT_REQUESTS_PER_SERVER)->taken++;
	limits_counter(LIMIT_BYTES_UNDER_WAY)->taken++;
	inbound->peer = peer;
	inbound->bytes = bytes;
	peer->references++;
	peer->under_way.requests++;
	peer->under_way.bytes += bytes;
	bytes_pending += bytes;
}

static void
inbound_free(struct inbound *inbound)
{
	struct peer *peer = inbound->peer;

	pending--;
	if (peer != NULL) {
		peer->references--;
		peer->under_way.requests--;
		peer->under_way.bytes -= inbound->bytes;
		bytes_pending -= inbound->bytes;
	}
	free(inbound->items);
	free(inbound->payloads);
	free(inbound->ack);
	free(inbound);
}

static void
respond(uint32_t id, uint16_t status, uint32_t retry_after, const char *body,
    size_t length)
{
	struct wire_response response = {status, retry_after, body, length};
	static uint8_t buf[MESSAGE_LARGE];
	struct pack pack;

	pack_init(&pack, buf, sizeof(buf));
	wire_response_encode(&pack, &response);
	if (!pack_ok(&pack))
		fatal("answer does not fit a message");
	chanev_send(
	    env.listener, MSG_RESPONSE, id, 0, -1, pack.data, pack.length);
}

/*
 * Nothing can be stored: no database, or no identity yet. An outage is short
 * more often than long (a new generation takes milliseconds), so peers are
 * asked to come back after about as long as it has lasted.
 */
static void
respond_unavailable(uint32_t id)
{
	int64_t lasted_s;

	if (outage_ms == 0)
		outage_ms = clock_ms();
	lasted_s = (clock_ms() - outage_ms) / 1000 + 1;
	respond(id, 503,
	    lasted_s < UNAVAILABLE_S ? (uint32_t)lasted_s : UNAVAILABLE_S, NULL,
	    0);
}

/* The acknowledgement leaves; all of look-ups have one size. */
static void
inbound_respond(struct inbound *inbound, const uint8_t signature[64])
{
	static char body[ENVELOPE_MAX];
	size_t length;

	length = envelope_format(body, &inbound->header, signature,
	    inbound->ack, inbound->ack_length);
	if (length == 0)
		fatal("acknowledgement does not fit an envelope");
	if (inbound->received_ms != 0 && length < LOOKUP_BODY) {
		memset(body + length, ' ', LOOKUP_BODY - length);
		length = LOOKUP_BODY;
	}
	respond(inbound->id, 200, 0, body, length);
	inbound_free(inbound);
}

static void
inbound_held(void *argument)
{
	struct inbound *inbound = argument;

	if (inbound->failed) {
		respond(inbound->id, 503, UNAVAILABLE_S, NULL, 0);
		inbound_free(inbound);
		return;
	}
	inbound_respond(inbound, inbound->signature);
}

/* Until as long after its receipt as any other look-up. */
static void
inbound_hold(struct inbound *inbound)
{
	hold(hold_until(inbound->received_ms, env.settings.lookup_answer_ms,
		 clock_ms()),
	    inbound_held, inbound);
}

static void
inbound_signed(const uint8_t *signature, int refusal, void *argument)
{
	struct inbound *inbound = argument;

	(void)refusal;
	if (signature == NULL) {
		/* Committed, yet not acknowledged: the peer comes again and
		 * is told that it is a duplicate. */
		respond(inbound->id, 503, SIGNER_S, NULL, 0);
		inbound_free(inbound);
		return;
	}
	if (inbound->received_ms != 0) {
		memcpy(inbound->signature, signature, 64);
		inbound_hold(inbound);
		return;
	}
	inbound_respond(inbound, signature);
}

static uint32_t
inbound_credit(const struct inbound *inbound)
{
	struct credit_load load = {.requests = pending,
	    .requests_max = (size_t)env.settings.requests_pending,
	    .items = commit_pending(),
	    .space = inbox_space(),
	    .allowed = -1};

	/* All answers to look-ups are alike, and none is an item. */
	if (inbound->received_ms != 0)
		return ACK_CREDIT_MAX;
	if (inbound->peer != NULL)
		load.allowed = limiter_left(&inbound->peer->items, clock_ms());
	return credit_of(&load);
}

/* Writes the acknowledgement and asks for its signature. */
static void
inbound_acknowledge(struct inbound *inbound, const char *answer, size_t length)
{
	struct envelope_header *header = &inbound->header;
	uint8_t hash[32];

	inbound->ack = xpointer(
	    ack_format(inbound->request_hash, inbound->results, inbound->count,
		inbound_credit(inbound), answer, length, &inbound->ack_length));
	sha256(hash, inbound->ack, inbound->ack_length);
	memset(header, 0, sizeof(*header));
	snprintf(header->type, sizeof(header->type), "ack");
	uuid_new(header->id);
	memcpy(header->destination, inbound->origin, 32);
	header->timestamp = clock_now();
	signing_envelope(header, hash, inbound_signed, inbound);
}

/*
 * A new valid request from a peer of level 1 or above: it is alive, which ends
 * its back-off at most once a minute.
 */
static void
peer_alive(const uint8_t origin[32])
{
	struct peer *peer = peer_table_find(origin);

	if (peer == NULL || peer->trust < TRUST_KNOWN)
		return;
	observe_tell(PEER_LIVES, peer);
	observe_tell(PEER_HEARD, peer);
}

/* All items have their result. */
static void
inbound_settled(struct inbound *inbound)
{
	if (inbound->failed) {
		respond_unavailable(inbound->id);
		inbound_free(inbound);
		return;
	}
	outage_ms = 0;
	if (inbound->accepted)
		peer_alive(inbound->origin);
	inbound_acknowledge(inbound, NULL, 0);
}

static void
id_conflict(const struct inbound *inbound, const struct commit_item *item)
{
	char address[LOG_ADDRESS_SIZE], id[UUID_TEXT + 1];

	uuid_format(id, item->wait.message_id);
	log_warning("id-conflict id=%s server=%s", id,
	    log_address(address, inbound->origin));
	evidence_add(item->wait.server_id, "ID_CONFLICT", item->wait.message_id,
	    item->known_digest, 32, item->payload, item->wait.size);
}

static void
inbound_committed(
    struct commit_item *item, bool ok, const struct ack_result *result)
{
	struct inbound_item *entry = (struct inbound_item *)item;
	struct inbound *inbound = entry->inbound;

	if (!ok) {
		inbound->failed = true;
	} else {
		inbound->results[entry->index] = *result;
		if (result->status == ACK_ACCEPTED) {
			inbound->accepted = true;
			limits_counter(LIMIT_INBOX)->taken++;
			if (!entry->room)
				inbox_stored();
		} else if (result->status == ACK_REJECTED && !entry->room)
			id_conflict(inbound, item);
	}
	if (--inbound->outstanding == 0)
		inbound_settled(inbound);
}

/* One view of an item, whether it travelled alone or in a batch. */
static struct wire_item
item_view(const struct wire_envelope *envelope, uint32_t index)
{
	struct wire_item view;

	if (envelope->item_count > 0)
		return envelope->items[index];
	memcpy(view.type, envelope->header.type, sizeof(view.type));
	memcpy(view.id, envelope->header.id, sizeof(view.id));
	view.payload = envelope->payload;
	view.payload_length = envelope->payload_length;
	return view;
}

/* Copies what is to be stored: the message goes away before it is. */
static void
inbound_copy(struct inbound *inbound, const struct peer *peer,
    const struct wire_envelope *envelope, const struct check *check)
{
	struct inbound_item *entry;
	struct wire_item view;
	size_t size = 0;
	char *at;
	uint32_t i;

	for (i = 0; i < check->item_count; i++)
		if (check->items[i].commit)
			size += item_view(envelope, i).payload_length;
	inbound->items = xcalloc(check->item_count, sizeof(*inbound->items));
	inbound->payloads = at = xmalloc(size);
	for (i = 0; i < check->item_count; i++) {
		inbound->results[i] = check->items[i].result;
		if (!check->items[i].commit)
			continue;
		view = item_view(envelope, i);
		entry = &inbound->items[i];
		entry->inbound = inbound;
		entry->index = i;
		entry->room = types->is_room(
		    view.type, view.payload, view.payload_length);
		memcpy(entry->type, view.type, sizeof(entry->type));
		memcpy(entry->item.wait.server_id, peer->id, 16);
		memcpy(entry->item.wait.message_id, view.id, 16);
		memcpy(entry->item.digest, check->items[i].digest, 32);
		memcpy(at, view.payload, view.payload_length);
		entry->item.type = entry->type;
		entry->item.payload = at;
		entry->item.wait.size = view.payload_length;
		entry->item.done = inbound_committed;
		at += view.payload_length;
		inbound->outstanding++;
	}
}

/* Those that are for commit.c; returns how many are rooms'. */
static uint32_t
inbound_direct(struct inbound *inbound, struct commit_item *rooms[BATCH_ITEMS])
{
	struct inbound_item *entry;
	uint32_t i, together, count = 0;

	for (i = 0; i < inbound->count; i++)
		if (inbound->items[i].room)
			rooms[count++] = &inbound->items[i].item;
	together = inbound->outstanding - count;
	/* The last answer frees it, and may come before this returns. */
	inbound->outstanding++;
	for (i = 0; i < inbound->count; i++) {
		entry = &inbound->items[i];
		if (entry->inbound == NULL || entry->room)
			continue;
		entry->item.wait.together = together;
		together = 0;
		commit_add(&inbound->peer->commits, &entry->item);
	}
	commit_flush();
	return count;
}

/* What the peer signed goes along: it is shown to others. */
static void
inbound_rooms(struct commit_item *const *rooms, uint32_t count,
    const struct peer *peer, const struct wire_envelope *envelope,
    const struct check *check)
{
	char text[SIGNTEXT_BATCH_MAX];
	struct signed_text proof;

	memset(&proof, 0, sizeof(proof));
	memcpy(proof.origin, envelope->header.origin, sizeof(proof.origin));
	memcpy(proof.signature, envelope->signature, sizeof(proof.signature));
	memcpy(proof.key_id, envelope->header.key_id, sizeof(proof.key_id));
	proof.text = text;
	proof.text_length = check_signing_text(text, check, envelope);
	types->take(rooms, count, &proof, peer->trust);
}

static void
inbound_commit(struct inbound *inbound, const struct peer *peer,
    const struct wire_envelope *envelope, const struct check *check)
{
	struct commit_item *rooms[BATCH_ITEMS];
	uint32_t count;

	inbound_copy(inbound, peer, envelope, check);
	count = inbound_direct(inbound, rooms);
	if (count > 0)
		inbound_rooms(rooms, count, peer, envelope, check);
	if (--inbound->outstanding == 0)
		inbound_settled(inbound);
}

static void
inbound_stored(enum code code, void *argument)
{
	struct inbound *inbound = argument;
	char *answer;
	size_t length;

	if (code == CODE_SERVER_BLOCKED || code == CODE_CERTIFICATE_CONFLICT) {
		respond(inbound->id, 401, 0, NULL, 0);
		inbound_free(inbound);
		return;
	}
	if (code != CODE_OK) {
		respond_unavailable(inbound->id);
		inbound_free(inbound);
		return;
	}
	outage_ms = 0;
	inbound->count = 1;
	inbound->results[0].status = ACK_ACCEPTED;
	answer = strangers_own_handshake(&length);
	inbound_acknowledge(inbound, answer, length);
	free(answer);
	peer_alive(inbound->origin);
}

static void
inbound_found(const char *answer, size_t length, void *argument)
{
	struct inbound *inbound = argument;

	if (answer != NULL) {
		inbound_acknowledge(inbound, answer, length);
		return;
	}
	inbound->failed = true;
	inbound_hold(inbound);
}

/* A look-up stores nothing, so its id is not remembered. */
static void
inbound_lookup(struct inbound *inbound, const struct peer *peer,
    const struct wire_envelope *envelope, const struct check *check)
{
	inbound->received_ms = clock_ms();
	if (check->code != CODE_OK) {
		inbound->results[0] = check->items[0].result;
		inbound_acknowledge(inbound, NULL, 0);
		return;
	}
	inbound->results[0].status = ACK_ACCEPTED;
	types->look_up(envelope->payload, envelope->payload_length,
	    peer->trust >= TRUST_VERIFIED, inbound_found, inbound);
}

static void
inbound_synced(const char *answer, size_t length, void *argument)
{
	struct inbound *inbound = argument;

	if (answer != NULL) {
		outage_ms = 0;
		peer_alive(inbound->origin);
		inbound_acknowledge(inbound, answer, length);
		return;
	}
	respond_unavailable(inbound->id);
	inbound_free(inbound);
}

/* Nor is this one's id: what it brings has names of its own. */
static void
inbound_sync(struct inbound *inbound, const struct peer *peer,
    const struct wire_envelope *envelope, const struct check *check)
{
	inbound->results[0] = check->items[0].result;
	if (check->code == CODE_OK) {
		inbound->results[0].status = ACK_ACCEPTED;
		if (types->sync(peer, envelope->payload,
			envelope->payload_length, inbound_synced, inbound))
			return;
		inbound->results[0] = (struct ack_result){
		    ACK_REJECTED, CODE_PAYLOAD_MALFORMED, 0};
	}
	inbound_acknowledge(inbound, NULL, 0);
}

static void
refused_log(const struct wire_request *request, const struct check *check)
{
	static struct limiter logged;
	char address[LOG_ADDRESS_SIZE];

	limiter_set(&logged, 10, 1000, 50, clock_ms());
	if (!limiter_take(&logged, 1, clock_ms()))
		return;
	log_info("refused code=%s type=%s server=%s circuit=%llu",
	    code_name(check->code), request->envelope.header.type,
	    log_address(address, request->envelope.header.origin),
	    (unsigned long long)request->circuit);
}

/* The verdict that needs no database. */
static void
inbound_verdict(struct inbound *inbound, const struct check *check)
{
	uint32_t i;

	switch (check->verdict) {
	case VERDICT_REFUSED:
		respond(inbound->id, 401, 0, NULL, 0);
		break;
	case VERDICT_LIMITED:
		respond(inbound->id, 429, check->seconds, NULL, 0);
		break;
	case VERDICT_BUSY:
		respond(inbound->id, 503, check->seconds, NULL, 0);
		break;
	case VERDICT_MALFORMED:
		respond(inbound->id, 400, 0, NULL, 0);
		break;
	default:
		for (i = 0; i < check->item_count; i++)
			inbound->results[i] = check->items[i].result;
		inbound_acknowledge(inbound, NULL, 0);
		return;
	}
	inbound_free(inbound);
}

/*
 * The limit that keeps one more request of a server out, while its others are
 * under way; LIMIT_COUNT: none. So none has all places, or all memory.
 */
static enum limit
inbound_crowd(const struct peer *peer)
{
	if (peer == NULL)
		return LIMIT_COUNT;
	if (!fair_share(peer->under_way.requests, pending - 1,
		(size_t)env.settings.requests_pending))
		return LIMIT_REQUESTS_PER_SERVER;
	if (!fair_share(peer->under_way.bytes, bytes_pending, INBOUND_BYTES))
		return LIMIT_BYTES_UNDER_WAY;
	return LIMIT_COUNT;
}

static void
inbound_check(
    struct inbound *inbound, const struct wire_request *request, size_t length)
{
	const struct wire_envelope *envelope = &request->envelope;
	struct check_context context = {.now = clock_now(),
	    .now_ms = clock_ms(),
	    .window_s = env.settings.window_s,
	    .strangers = limits_bucket(LIMIT_STRANGERS),
	    .failures = limits_bucket(LIMIT_FAILURES),
	    .space = inbox_space()};
	struct peer *peer = peer_table_find(envelope->header.origin);
	enum limit crowd = inbound_crowd(peer);
	static struct check check; /* large */

	memcpy(context.server, env.identity.server, 32);
	context.crowded = crowd != LIMIT_COUNT;
	check_request(&check, &context, peer, request);
	if (check.verdict == VERDICT_BUSY)
		limits_counter(crowd)->refused++;
	limits_counter(LIMIT_INBOX)->refused += check.unstored;
	if (peer != NULL && check.verdict <= VERDICT_ANSWER)
		inbound_charge(inbound, peer, length);
	memcpy(inbound->request_hash, check.request_hash, 32);
	inbound->count = check.item_count;
	if (check.code != CODE_OK)
		refused_log(request, &check);
	if (check.known != NULL && peer != NULL)
		evidence_certificates(
		    peer, check.known, &envelope->handshake.cert);
	if (check.verdict == VERDICT_COMMIT)
		inbound_commit(inbound, peer, envelope, &check);
	else if (check.verdict == VERDICT_HANDSHAKE)
		strangers_store(
		    &envelope->handshake, false, 0, inbound_stored, inbound);
	else if (check.verdict == VERDICT_LOOKUP)
		inbound_lookup(inbound, peer, envelope, &check);
	else if (check.verdict == VERDICT_SYNC)
		inbound_sync(inbound, peer, envelope, &check);
	else
		inbound_verdict(inbound, &check);
}

void
inbound_request(const struct message *message)
{
	static struct wire_request request; /* large */
	struct inbound *inbound;

	if (wire_request_decode(message, &request) != 0)
		fatal("fed-listener sent a malformed request");
	if (!env.has_identity || !peer_table_loaded() ||
	    db_state(env.db) != DB_UP) {
		respond_unavailable(message->id);
		return;
	}
	if (pending >= (size_t)env.settings.requests_pending) {
		limits_counter(LIMIT_REQUESTS_UNDER_WAY)->refused++;
		limits_log();
		respond(message->id, 503, BUSY_S, NULL, 0);
		return;
	}
	limits_counter(LIMIT_REQUESTS_UNDER_WAY)->taken++;
	inbound = xcalloc(1, sizeof(*inbound));
	pending++;
	inbound->id = message->id;
	memcpy(inbound->origin, request.envelope.header.origin, 32);
	inbound_check(inbound, &request, message->length);
	limits_log();
}

void
inbound_identity(void)
{
	struct msg_identity identity = env.identity;
	uint8_t buf[MESSAGE_SMALL];
	struct pack pack;

	identity.logged = 0; /* none of its business */
	pack_init(&pack, buf, sizeof(buf));
	msg_identity_encode(&pack, &identity);
	if (!pack_ok(&pack))
		fatal("identity does not fit a message");
	chanev_send(
	    env.listener, MSG_IDENTITY, 0, 0, -1, pack.data, pack.length);
}
