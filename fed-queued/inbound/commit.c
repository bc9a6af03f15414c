/* SPDX-License-Identifier: ISC */
/* Group commit of inbound items; see commit.h. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "inbound/commit.h"
#include "servers/fairness.h"

#define GROUPS_FLYING 2 /* one commits while the next travels */
#define RETRY_S	      5

/* An item of fairness is the item of ours that it begins. */
_Static_assert(offsetof(struct commit_item, wait) == 0, "wait is first");

static size_t pending;
static unsigned int flying;

size_t
commit_pending(void)
{
	return pending;
}

static void
group_parameters(
    struct db_parameters *parameters, const struct fairness_group *group)
{
	struct db_array *index = db_array_new(DB_OID_INT4);
	struct db_array *server = db_array_new(DB_OID_UUID);
	struct db_array *message = db_array_new(DB_OID_UUID);
	struct db_array *digest = db_array_new(DB_OID_BYTEA);
	struct db_array *type = db_array_new(DB_OID_TEXT);
	struct db_array *payload = db_array_new(DB_OID_BYTEA);
	const struct commit_item *item;
	int i;

	for (i = 0; i < group->count; i++) {
		item = (const struct commit_item *)group->items[i];
		db_array_int4(index, i);
		db_array_bytes(server, item->wait.server_id, 16);
		db_array_bytes(message, item->wait.message_id, 16);
		db_array_bytes(digest, item->digest, 32);
		db_array_bytes(type, item->type, strlen(item->type));
		db_array_bytes(payload, item->payload, item->wait.size);
	}
	db_parameters_init(parameters);
	db_add_array(parameters, index);
	db_add_array(parameters, server);
	db_add_array(parameters, message);
	db_add_array(parameters, digest);
	db_add_array(parameters, type);
	db_add_array(parameters, payload);
}

static void
item_end(struct commit_item *item, bool ok, const struct ack_result *result)
{
	pending--;
	item->done(item, ok, result);
}

/* Columns: index, new, digest before, trust level. */
static void
row_result(PGresult *rows, int row, struct commit_item *item,
    struct ack_result *result)
{
	uint8_t known[32];

	memset(result, 0, sizeof(*result));
	if (row_integer(rows, row, 1) == 1) {
		result->status = ACK_ACCEPTED;
	} else if (!row_bytes(known, sizeof(known), rows, row, 2)) {
		/*
		 * Blocked or distrusted a moment ago, or another worker is
		 * just committing the same id: the sender comes again.
		 */
		result->status = ACK_RETRY;
		result->code = CODE_STORAGE;
		result->seconds = RETRY_S;
	} else if (memcmp(known, item->digest, sizeof(known)) == 0) {
		result->status = ACK_DUPLICATE;
	} else {
		memcpy(item->known_digest, known, sizeof(known));
		result->status = ACK_REJECTED;
		result->code = CODE_ID_CONFLICT;
	}
}

static void
group_done(PGresult *rows, const char *sqlstate, void *argument)
{
	struct fairness_group *group = argument;
	struct ack_result result;
	struct commit_item *item;
	uint32_t index;
	int row;

	flying--;
	if (rows == NULL)
		log_warning("commit failed sqlstate=%s items=%d",
		    *sqlstate != '\0' ? sqlstate : "-", group->count);
	for (row = 0; rows != NULL && row < PQntuples(rows); row++) {
		index = (uint32_t)row_integer(rows, row, 0);
		if (index >= (uint32_t)group->count ||
		    group->items[index] == NULL)
			fatal("database answered for an item not asked");
		item = (struct commit_item *)group->items[index];
		group->items[index] = NULL;
		row_result(rows, row, item, &result);
		item_end(item, true, &result);
	}
	/* Those without a row: the server is gone, or nothing was stored. */
	for (row = 0; row < group->count; row++)
		if (group->items[row] != NULL)
			item_end((struct commit_item *)group->items[row], false,
			    NULL);
	free(group);
	commit_flush();
}

void
commit_flush(void)
{
	struct db_parameters parameters;
	struct fairness_group *group;

	while (flying < GROUPS_FLYING && fairness_waiting()) {
		group = xmalloc(sizeof(*group));
		fairness_fill(group);
		group_parameters(&parameters, group);
		flying++;
		db_call(env.db, SQL_COMMIT, &parameters, group_done, group);
		db_parameters_free(&parameters);
	}
}

void
commit_add(struct fairness_queue *lane, struct commit_item *item)
{
	pending++;
	fairness_add(lane, &item->wait);
}
