/* SPDX-License-Identifier: ISC */
/* What counts by what is stored; see vouch.h. */
#include "db/statements.h"
#include "env.h"
#include "rooms/vouch.h"

void
vouch_holds(const struct room_id *room, const uint8_t author[ONION_KEY],
    int64_t epoch, int lane, const struct room_link *link, db_callback callback,
    void *argument)
{
	char text[ROOM_ID_SIZE], origin[ONION_SIZE];
	struct db_parameters parameters;

	room_id_format(text, room);
	onion_format(origin, author);
	db_parameters_init(&parameters);
	db_add_text(&parameters, text);
	db_add_text(&parameters, origin);
	db_add_integer(&parameters, epoch);
	db_add_integer(&parameters, lane);
	db_add_integer(&parameters, (int64_t)vouch_min_serial(author));
	db_add_integer(&parameters, link->number);
	db_add_bytes(&parameters, link->digest, ROOM_HASH);
	db_call(env.db, SQL_VOUCH_HOLDS, &parameters, callback, argument);
	db_parameters_free(&parameters);
}
