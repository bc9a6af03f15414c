/* SPDX-License-Identifier: ISC */
/* The queue in the database; see queue.h. */
#include <arpa/inet.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "encode.h"
#include "log.h"
#include "peers.h"
#include "queue.h"
#include "queued.h"
#include "statements.h"

#define LEASE_SLACK_MS 30000

struct pending_claim {
	struct claim *claim;
	queue_claimed claimed;
	queue_settled settled;
};

static struct {
	bool running;
	bool again;
	void (*found)(struct peer *, int);
	void (*done)(void);
} work;

/* A lease outlives the longest exchange. */
static int64_t
lease_ms(void)
{
	const struct settings *s = &env.settings;
	int64_t needed = s->connect_timeout_ms + s->handshake_timeout_ms +
			 s->message_timeout_ms + LEASE_SLACK_MS;

	return s->lease_ms > needed ? s->lease_ms : needed;
}

static int64_t
field_integer(PGresult *result, int row, int column)
{
	const char *value = PQgetvalue(result, row, column);
	uint64_t wide;
	uint32_t narrow;

	switch (PQgetlength(result, row, column)) {
	case 4:
		memcpy(&narrow, value, sizeof narrow);
		return (int32_t)ntohl(narrow);
	case 8:
		memcpy(&wide, value, sizeof wide);
		return (int64_t)be64toh(wide);
	default:
		fatal("database sent an integer of another size");
	}
}

/* Columns: lease, id, message id, payload, attempts, most, age. */
static void
claim_item(struct claim *claim, PGresult *result)
{
	claim->leased = field_integer(result, 0, 0) == 1;
	if (!claim->leased || PQgetisnull(result, 0, 1))
		return;
	claim->has_item = true;
	claim->queue_id = field_integer(result, 0, 1);
	if (PQgetlength(result, 0, 2) != 16)
		fatal("database sent a malformed id");
	memcpy(claim->message_id, PQgetvalue(result, 0, 2), 16);
	claim->payload_length = (size_t)PQgetlength(result, 0, 3);
	claim->payload = malloc(claim->payload_length + 1);
	if (claim->payload == NULL)
		fatal("out of memory");
	memcpy(claim->payload, PQgetvalue(result, 0, 3), claim->payload_length);
	claim->payload[claim->payload_length] = '\0';
	claim->attempts = (int)field_integer(result, 0, 4);
	claim->max_attempts = (int)field_integer(result, 0, 5);
	claim->age_s = field_integer(result, 0, 6);
}

static void
claim_done(PGresult *result, const char *sqlstate, void *argument)
{
	struct pending_claim *pending = argument;

	if (result == NULL)
		log_warning("claim failed sqlstate=%s", sqlstate);
	else
		claim_item(pending->claim, result);
	pending->claimed(pending->claim, result != NULL);
	free(pending);
}

void
queue_claim(struct peer *peer, int lane, queue_claimed claimed)
{
	struct pending_claim *pending = calloc(1, sizeof *pending);
	struct claim *claim = calloc(1, sizeof *claim);
	struct db_parameters parameters;

	if (pending == NULL || claim == NULL)
		fatal("out of memory");
	claim->peer = peer;
	peer->references++;
	claim->lane = lane;
	uuid_new(claim->claim_id);
	pending->claim = claim;
	pending->claimed = claimed;
	db_parameters_init(&parameters);
	db_add_uuid(&parameters, peer->id);
	db_add_integer(&parameters, lane);
	db_add_uuid(&parameters, claim->claim_id);
	db_add_uuid(&parameters, env.incarnation);
	db_add_integer(&parameters, lease_ms());
	db_add_integer(&parameters, 1);
	db_call(env.db, SQL_CLAIM, &parameters, claim_done, pending);
	db_parameters_free(&parameters);
}

void
claim_free(struct claim *claim)
{
	claim->peer->references--;
	free(claim->payload);
	free(claim);
}

static void
settle_done(PGresult *result, const char *sqlstate, void *argument)
{
	struct pending_claim *pending = argument;

	/* Not written: the lease runs out and the item is sent once more;
	 * the peer then answers that it is a duplicate. */
	if (result == NULL)
		log_warning("settle failed sqlstate=%s", sqlstate);
	else if (PQntuples(result) == 1 && PQgetvalue(result, 0, 0)[0] == '0')
		log_warning("settle late: the lease was another's already");
	pending->settled(pending->claim);
	free(pending);
}

static void
settle_call(struct claim *claim, enum statement statement,
    const struct db_parameters *parameters, queue_settled settled)
{
	struct pending_claim *pending = calloc(1, sizeof *pending);

	if (pending == NULL)
		fatal("out of memory");
	pending->claim = claim;
	pending->settled = settled;
	db_call(env.db, statement, parameters, settle_done, pending);
}

static void
claim_parameters(struct db_parameters *parameters, const struct claim *claim)
{
	db_parameters_init(parameters);
	db_add_uuid(parameters, claim->peer->id);
	db_add_integer(parameters, claim->lane);
	db_add_uuid(parameters, claim->claim_id);
}

void
queue_settle(struct claim *claim, const struct settlement *settlement,
    queue_settled settled)
{
	struct db_parameters p;

	claim_parameters(&p, claim);
	db_add_integer(&p, claim->queue_id);
	db_add_text(&p, settlement->status);
	db_add_integer(&p, settlement->attempts_added);
	if (settlement->error != NULL)
		db_add_text(&p, settlement->error);
	else if (settlement->code != CODE_OK)
		db_add_text(&p, code_name(settlement->code));
	else
		db_add_null(&p);
	db_add_integer(&p, settlement->delay_ms);
	if (settlement->ack != NULL) {
		db_add_bytes(&p, settlement->request_text,
		    settlement->request_text_length);
		db_add_bytes(&p, settlement->ack, settlement->ack_length);
		db_add_bytes(&p, settlement->ack_key_id, 32);
	} else {
		db_add_null(&p);
		db_add_null(&p);
		db_add_null(&p);
	}
	settle_call(claim, SQL_SETTLE, &p, settled);
	db_parameters_free(&p);
}

void
queue_release(struct claim *claim, queue_settled settled)
{
	struct db_parameters parameters;

	claim_parameters(&parameters, claim);
	settle_call(claim, SQL_RELEASE, &parameters, settled);
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
queue_postpone(const struct peer *peer, int64_t delay_ms, enum code code)
{
	struct db_parameters parameters;

	db_parameters_init(&parameters);
	db_add_uuid(&parameters, peer->id);
	db_add_integer(&parameters, delay_ms);
	db_add_integer(&parameters, (int64_t)peer->retry_count);
	db_add_text(&parameters, code < CODE_COUNT ? code_name(code) : "-");
	db_add_integer(&parameters, (int64_t)peer->generation);
	db_call(env.db, SQL_POSTPONE, &parameters, postpone_done, NULL);
	db_parameters_free(&parameters);
}

static void work_call(void);

static void
work_done(PGresult *result, const char *sqlstate, void *argument)
{
	struct peer *peer;
	uint8_t id[16];
	int64_t lane;
	int row;

	(void)argument;
	if (result == NULL)
		log_warning("queue-look failed sqlstate=%s", sqlstate);
	for (row = 0; result != NULL && row < PQntuples(result); row++) {
		if (PQgetlength(result, row, 0) != (int)sizeof id)
			fatal("database sent a malformed id");
		memcpy(id, PQgetvalue(result, row, 0), sizeof id);
		lane = field_integer(result, row, 1);
		peer = peer_find_id(id);
		if (peer != NULL && lane >= 1 && lane <= LANES)
			work.found(peer, (int)lane);
	}
	work.running = false;
	work.done();
	if (work.again && result != NULL) {
		work.again = false;
		work_call();
	}
}

static void
work_call(void)
{
	struct db_parameters parameters;

	work.running = true;
	db_parameters_init(&parameters);
	db_call(env.db, SQL_WORK, &parameters, work_done, NULL);
}

void
queue_work(void (*found)(struct peer *, int lane), void (*done)(void))
{
	work.found = found;
	work.done = done;
	if (work.running) {
		work.again = true;
		return;
	}
	work.again = false;
	work_call();
}
