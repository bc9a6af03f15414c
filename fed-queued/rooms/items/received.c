/* SPDX-License-Identifier: ISC */
/* Ids of items that left no row; see received.h. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/encode.h"
#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "proto/onion.h"
#include "rooms/items/received.h"

/* An id that is being kept. */
struct keep {
	room_done done;
	void *argument;
	char address[LOG_ADDRESS_SIZE];
	char id[UUID_TEXT + 1];
};

static void
keep_done(PGresult *result, const char *sqlstate, void *argument)
{
	struct room_verdict verdict = {ROOM_TAKEN, CODE_OK, 0, 0, 0, 0};
	struct keep *keep = argument;

	if (result == NULL)
		log_warning("room item not kept sqlstate=%s", sqlstate);
	else if (!row_bool(result, 0, 0)) {
		verdict.outcome = ROOM_REFUSED;
		verdict.code = CODE_ID_CONFLICT;
		log_warning(
		    "id-conflict id=%s server=%s", keep->id, keep->address);
	}
	keep->done(&verdict, result != NULL, keep->argument);
	free(keep);
}

void
received_keep(const uint8_t origin[32], const struct commit_item *item,
    room_done done, void *argument)
{
	struct keep *keep = xcalloc(1, sizeof(*keep));
	struct db_parameters parameters;
	char address[ONION_SIZE];

	keep->done = done;
	keep->argument = argument;
	log_address(keep->address, origin);
	uuid_format(keep->id, item->wait.message_id);
	onion_format(address, origin);
	db_parameters_init(&parameters);
	db_add_text(&parameters, address);
	db_add_uuid(&parameters, item->wait.message_id);
	db_add_bytes(&parameters, item->digest, 32);
	db_add_bytes(&parameters, item->payload, item->wait.size);
	db_call(env.db, SQL_ROOM_ITEM_RECEIVED, &parameters, keep_done, keep);
	db_parameters_free(&parameters);
}
