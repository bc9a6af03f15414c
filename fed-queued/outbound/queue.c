/* SPDX-License-Identifier: ISC */
/* The queue in the database; see queue.h. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/encode.h"
#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "exchange/reaction.h"
#include "exchange/signing.h"
#include "exchange/transport.h"
#include "json/wire.h"
#include "outbound/health.h"
#include "outbound/queue.h"
#include "proto/ed.h"
#include "servers/peer_table.h"

/* Of payloads in one request: what the envelope leaves, and the least size. */
#define CLAIM_BYTES (ENVELOPE_MAX - ENVELOPE_OVERHEAD - BATCH_OVERHEAD)

struct pending_claim {
	queue_claimed claimed;
	void *argument;
};

struct pending_release {
	queue_released released;
	void *argument;
};

static int64_t
lease_ms(void)
{
	int64_t longest = transport_longest_ms();

	return env.settings.lease_ms > longest ? env.settings.lease_ms
					       : longest;
}

/* Columns: lease, id, message id, payload, attempts, most, age, other's,
 * oldest and next transaction, type, line, postponed, stopped, due, mark. */
static void
claim_item(struct claim *claim, PGresult *result, int row)
{
	struct queue_item *item = &claim->items[claim->count++];
	const char *payload;

	item->queue_id = row_integer(result, row, 1);
	row_uuid(item->message_id, result, row, 2);
	(void)row_text(item->type, sizeof(item->type), result, row, 10);
	payload = row_span(&item->payload_length, result, row, 3);
	item->payload = xmalloc(item->payload_length + 1);
	if (item->payload_length > 0)
		memcpy(item->payload, payload, item->payload_length);
	item->payload[item->payload_length] = '\0';
	item->attempts = (int)row_integer(result, row, 4);
	item->max_attempts = (int)row_integer(result, row, 5);
	item->age_s = row_integer(result, row, 6);
	item->has_line = !row_null(result, row, 11);
	if (item->has_line)
		row_uuid(item->line, result, row, 11);
	item->postponed = (uint32_t)row_integer(result, row, 12);
}

/* What is the same in all rows. */
static void
claim_head(struct claim *claim, PGresult *result)
{
	claim->leased = row_bool(result, 0, 0);
	if (!row_null(result, 0, 7))
		claim->others_ms = row_integer(result, 0, 7);
	claim->oldest = row_integer(result, 0, 8);
	claim->next = row_integer(result, 0, 9);
	claim->stopped = row_bool(result, 0, 13);
	if (!row_null(result, 0, 14))
		claim->due_ms = row_integer(result, 0, 14);
	if (!row_null(result, 0, 15))
		signing_mark(row_integer(result, 0, 15));
}

static void
claim_done(PGresult *result, const char *sqlstate, void *argument)
{
	struct pending_claim *pending = argument;
	struct claim *claim = xcalloc(1, sizeof(*claim));
	int row, rows = result == NULL ? 0 : PQntuples(result);

	if (result == NULL)
		log_warning("claim failed sqlstate=%s", sqlstate);
	if (rows > (int)BATCH_ITEMS)
		fatal("database claimed more than was asked");
	claim->others_ms = lease_ms();
	claim->due_ms = -1;
	if (rows > 0)
		claim_head(claim, result);
	for (row = 0; claim->leased && row < rows; row++)
		if (!row_null(result, row, 1))
			claim_item(claim, result, row);
	pending->claimed(claim, result != NULL, pending->argument);
	free(pending);
}

static void
lease_parameters(struct db_parameters *parameters, const struct lease *lease)
{
	db_parameters_init(parameters);
	db_add_uuid(parameters, lease->peer->id);
	db_add_integer(parameters, lease->lane);
	db_add_uuid(parameters, lease->claim_id);
}

/* Beyond any delay and lease: an item may be asked to wait for a day. */
static int64_t
longest_ms(void)
{
	int64_t longest = env.settings.retry_max_ms;

	if (longest < ACK_SECONDS_MAX * 1000LL)
		longest = ACK_SECONDS_MAX * 1000LL;
	return 2 * (longest + lease_ms());
}

void
queue_claim(const struct lease *lease, bool first, int64_t floor, uint32_t most,
    queue_claimed claimed, void *argument)
{
	struct pending_claim *pending = xcalloc(1, sizeof(*pending));
	struct db_parameters parameters;

	pending->claimed = claimed;
	pending->argument = argument;
	lease_parameters(&parameters, lease);
	db_add_uuid(&parameters, env.incarnation);
	db_add_integer(&parameters, lease_ms());
	db_add_text(&parameters, first ? "t" : "f");
	db_add_integer(&parameters, most);
	db_add_integer(&parameters, CLAIM_BYTES);
	db_add_integer(&parameters, longest_ms());
	db_add_integer(&parameters, floor);
	db_call(env.db, SQL_CLAIM, &parameters, claim_done, pending);
	db_parameters_free(&parameters);
}

void
queue_claim_free(struct claim *claim)
{
	uint32_t i;

	for (i = 0; i < claim->count; i++)
		free(claim->items[i].payload);
	free(claim);
}

struct claim *
queue_claim_split(struct claim *claim, uint32_t most)
{
	struct claim *rest;

	if (most == 0)
		most = 1;
	if (claim->count <= most)
		return NULL;
	rest = xcalloc(1, sizeof(*rest));
	rest->leased = claim->leased;
	rest->count = claim->count - most;
	memcpy(rest->items, &claim->items[most],
	    rest->count * sizeof(*rest->items));
	claim->count = most;
	return rest;
}

static bool
lines_have(const struct lines *lines, const struct queue_item *item)
{
	uint32_t i;

	for (i = 0; item->has_line && i < lines->count; i++)
		if (memcmp(lines->line[i], item->line, 16) == 0)
			return true;
	return false;
}

void
queue_lines_stop(struct lines *lines, const struct claim *claim)
{
	const struct queue_item *item;
	uint32_t i;

	for (i = 0; i < claim->count; i++) {
		item = &claim->items[i];
		if (item->state == ITEM_STATE_PENDING && item->has_line &&
		    !item->leaves && !lines_have(lines, item) &&
		    lines->count < BATCH_ITEMS)
			memcpy(lines->line[lines->count++], item->line, 16);
	}
}

struct claim *
queue_claim_behind(struct claim *claim, const struct lines *lines)
{
	struct claim *behind = xcalloc(1, sizeof(*behind));
	uint32_t i, left = 0;

	for (i = 0; i < claim->count; i++)
		if (lines_have(lines, &claim->items[i]))
			behind->items[behind->count++] = claim->items[i];
		else
			claim->items[left++] = claim->items[i];
	claim->count = left;
	if (behind->count > 0)
		return behind;
	free(behind);
	return NULL;
}

static void
settle_done(PGresult *result, const char *sqlstate, void *argument)
{
	(void)argument;
	/* Not written: the lease runs out and the items are sent once more;
	 * the peer then answers that they are duplicates. */
	if (result == NULL)
		log_warning("settle failed sqlstate=%s", sqlstate);
	else if (PQntuples(result) == 1 && row_integer(result, 0, 0) == 0)
		log_warning("settle late: the lease was another's already");
}

static const char *
error_name(enum code code)
{
	return code == CODE_OK ? "" : code_peer_name(code);
}

static void
settle_items(struct db_parameters *p, const struct claim *claim)
{
	static const char *const states[] = {"pending", "delivered", "failed"};
	struct db_array *ids = db_array_new(DB_OID_INT8);
	struct db_array *status = db_array_new(DB_OID_TEXT);
	struct db_array *attempts = db_array_new(DB_OID_INT4);
	struct db_array *errors = db_array_new(DB_OID_TEXT);
	struct db_array *delays = db_array_new(DB_OID_INT8);
	struct db_array *leaves = db_array_new(DB_OID_INT4);
	const struct queue_item *item;
	uint32_t i;

	for (i = 0; i < claim->count; i++) {
		item = &claim->items[i];
		db_array_int8(ids, item->queue_id);
		db_array_bytes(
		    status, states[item->state], strlen(states[item->state]));
		db_array_int4(attempts, item->attempts_added);
		db_array_bytes(errors, error_name(item->code),
		    strlen(error_name(item->code)));
		db_array_int8(delays, item->delay_ms);
		db_array_int4(leaves, item->leaves ? 1 : 0);
	}
	db_add_array(p, ids);
	db_add_array(p, status);
	db_add_array(p, attempts);
	db_add_array(p, errors);
	db_add_array(p, delays);
	db_add_array(p, leaves);
}

void
queue_settle(const struct lease *lease, struct claim *claim,
    const struct receipt *receipt)
{
	const struct envelope_header *header;
	char text[SIGNTEXT_ENVELOPE_MAX];
	struct db_parameters p;
	uint8_t hash[32];

	lease_parameters(&p, lease);
	settle_items(&p, claim);
	if (receipt != NULL) {
		header = &receipt->ack->header;
		sha256(
		    hash, receipt->ack->payload, receipt->ack->payload_length);
		db_add_bytes(
		    &p, receipt->request_text, receipt->request_text_length);
		db_add_bytes(&p, text, signtext_envelope(text, header, hash));
		db_add_bytes(&p, receipt->ack->signature, 64);
		db_add_bytes(
		    &p, receipt->ack->payload, receipt->ack->payload_length);
		db_add_bytes(&p, header->key_id, 32);
	} else {
		int i;

		for (i = 0; i < 5; i++)
			db_add_null(&p);
	}
	db_call(env.db, SQL_SETTLE, &p, settle_done, NULL);
	db_parameters_free(&p);
	queue_claim_free(claim);
}

static void
release_done(PGresult *result, const char *sqlstate, void *argument)
{
	struct pending_release *pending = argument;

	if (result == NULL)
		log_warning("release failed sqlstate=%s", sqlstate);
	pending->released(pending->argument);
	free(pending);
}

void
queue_release(const struct lease *lease, bool unsettled,
    queue_released released, void *argument)
{
	struct pending_release *pending = xcalloc(1, sizeof(*pending));
	struct db_parameters parameters;

	pending->released = released;
	pending->argument = argument;
	lease_parameters(&parameters, lease);
	db_add_text(&parameters, unsettled ? "t" : "f");
	db_call(env.db, SQL_RELEASE, &parameters, release_done, pending);
	db_parameters_free(&parameters);
}

static void
postpone_done(PGresult *result, const char *sqlstate, void *argument)
{
	(void)argument;
	if (result == NULL)
		log_warning("postpone failed sqlstate=%s", sqlstate);
}

void
queue_postpone(
    struct peer *peer, int64_t delay_ms, enum code code, enum contact contact)
{
	struct db_parameters parameters;

	peer->postponed = true;
	db_parameters_init(&parameters);
	db_add_uuid(&parameters, peer->id);
	db_add_integer(&parameters, delay_ms);
	db_add_integer(&parameters, (int64_t)peer->retry_count);
	db_add_text(&parameters, code < CODE_COUNT ? code_name(code) : "-");
	db_add_integer(&parameters, (int64_t)peer->generation);
	if (contact == CONTACT_UNKNOWN)
		db_add_null(&parameters);
	else
		db_add_text(&parameters, contact == CONTACT_HEARD ? "t" : "f");
	db_call(env.db, SQL_POSTPONE, &parameters, postpone_done, NULL);
	db_parameters_free(&parameters);
	if (contact == CONTACT_LOST)
		health_lost(peer, code);
}

static void
resume_done(PGresult *result, const char *sqlstate, void *argument)
{
	(void)argument;
	if (result == NULL)
		log_warning("resume failed sqlstate=%s", sqlstate);
}

void
queue_resume(struct peer *peer)
{
	struct db_parameters parameters;

	if (!peer->postponed)
		return;
	peer->postponed = false;
	db_parameters_init(&parameters);
	db_add_uuid(&parameters, peer->id);
	db_add_text(&parameters, "t");
	db_call(env.db, SQL_PEER_SEEN, &parameters, resume_done, NULL);
	db_parameters_free(&parameters);
	health_seen(peer);
}

static void
wake_done(PGresult *result, const char *sqlstate, void *argument)
{
	(void)argument;
	if (result == NULL)
		log_warning("wake failed sqlstate=%s", sqlstate);
}

void
queue_wake(struct peer *peer)
{
	struct db_array *codes = db_array_new(DB_OID_TEXT);
	struct db_parameters parameters;
	const char *name;
	size_t i;

	db_parameters_init(&parameters);
	db_add_uuid(&parameters, peer->id);
	for (i = 0; reaction_appeals[i] != CODE_OK; i++) {
		name = code_name(reaction_appeals[i]);
		db_array_bytes(codes, name, strlen(name));
	}
	db_add_array(&parameters, codes);
	db_call(env.db, SQL_QUEUE_WAKE, &parameters, wake_done, NULL);
	db_parameters_free(&parameters);
}
