/* SPDX-License-Identifier: ISC */
/* Invitations that wait to be shown; see showing.h. */
#include "base/encode.h"
#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "inbound/inbox.h"
#include "rooms/items/showing.h"

#define PORTION 64 /* shown one after the other, then it looks again */

static struct {
	bool running;
	bool again;	  /* it was asked for while it ran */
	uint32_t waiting; /* for as many answers */
	uint32_t shown;	  /* of this portion */
} search;

const char *
showing_name(enum room_showing showing)
{
	static const char *const names[] = {
	    [ROOM_SHOW_QUARANTINE] = "quarantine",
	    [ROOM_SHOW_PENDING] = "pending",
	    [ROOM_SHOW_AUTOMATIC] = "automatic",
	};

	return names[showing];
}

/* What another worker is just showing waits for the next sweep. */
static void
search_end(bool more)
{
	search.running = false;
	if (search.again || more)
		showing_doorbell();
}

static void
told(PGresult *result, const char *sqlstate, void *argument)
{
	(void)argument;
	if (result == NULL)
		log_warning("invitation not shown sqlstate=%s", sqlstate);
	else if (row_bool(result, 0, 0)) {
		search.shown++;
		inbox_stored();
	}
	if (--search.waiting == 0)
		search_end(result != NULL && search.shown == PORTION);
}

/* Columns: invitation, levels of its origin and of the room's home. */
static void
tell(PGresult *result, int row)
{
	struct db_parameters parameters;
	uint8_t invitation[UUID_SIZE];

	row_uuid(invitation, result, row, 0);
	db_parameters_init(&parameters);
	db_add_uuid(&parameters, invitation);
	db_add_text(&parameters,
	    showing_name(room_invite_late((int)row_integer(result, row, 1),
		(int)row_integer(result, row, 2))));
	db_add_integer(&parameters, ROOM_PENDING_INVITEE);
	db_call(env.db, SQL_ROOM_SHOWN_TELL, &parameters, told, NULL);
	db_parameters_free(&parameters);
}

static void
search_done(PGresult *result, const char *sqlstate, void *argument)
{
	int row, rows = result == NULL ? 0 : PQntuples(result);

	(void)argument;
	if (result == NULL)
		log_warning("invitation-look failed sqlstate=%s", sqlstate);
	/* The last answer may come before its call returns. */
	search.waiting = (uint32_t)rows;
	search.shown = 0;
	for (row = 0; row < rows; row++)
		tell(result, row);
	if (rows == 0)
		search_end(false);
}

void
showing_doorbell(void)
{
	struct db_parameters parameters;

	search.again = search.running;
	if (search.running)
		return;
	search.running = true;
	db_parameters_init(&parameters);
	db_add_integer(&parameters, ROOM_PENDING_INVITEE);
	db_add_integer(&parameters, PORTION);
	db_call(env.db, SQL_ROOM_SHOWN_DUE, &parameters, search_done, NULL);
	db_parameters_free(&parameters);
}
