/* SPDX-License-Identifier: ISC */
/* Limits that the database keeps; see limits_tell.h. */
#include "base/log.h"
#include "db/statements.h"
#include "db/types.h"
#include "env.h"
#include "json/event_payload.h"
#include "json/room_payload.h"
#include "room/room_event.h"
#include "room/room_restore.h"
#include "room/room_stream.h"
#include "rooms/limits_tell.h"

#define INVITE_S      (6 * 24 * 3600)	     /* when nothing is said */
#define INVITE_MOST_S (ROOM_INVITE_S - 3600) /* the home's clock may differ */
#define WAITING_S     60     /* of the oldest, before all are counted */
#define EVIDENCE_MAX  100    /* of a kind, of one origin */
#define STATE_BYTES   57344U /* of events; with certificates below ITEM_MAX */
#define SETTLED_S     (45 * 24 * 3600)

static void
told(PGresult *result, const char *sqlstate, void *argument)
{
	(void)argument;
	if (result == NULL)
		log_warning("room-limits failed sqlstate=%s", sqlstate);
}

void
limits_tell(void)
{
	static const struct room_limits_row limits = {
	    .room_key = EVENT_PAYLOAD_KEY_MAX,
	    .clear = EVENT_PAYLOAD_METADATA_MAX,
	    .metadata = ROOM_PAYLOAD_METADATA_MAX,
	    .content = ROOM_PAYLOAD_CONTENT_MAX,
	    .servers = ROOM_SERVERS_MAX,
	    .invite = INVITE_S,
	    .invite_most = INVITE_MOST_S,
	    .silent = ROOM_HOME_SILENT_S,
	    .waiting = WAITING_S,
	    .evidence = EVIDENCE_MAX,
	    .events = EVENT_PAYLOAD_EVENTS_MAX,
	    .certificates = EVENT_PAYLOAD_CERTIFICATES_MAX,
	    .bytes = STATE_BYTES,
	    .settled = SETTLED_S,
	    .epochs = ROOM_EPOCHS_MAX,
	};
	struct db_parameters parameters;

	db_parameters_init(&parameters);
	db_add_row(&parameters, env.db, TYPE_room_limits_row, &limits);
	db_call(env.db, SQL_ROOM_LIMITS, &parameters, told, NULL);
	db_parameters_free(&parameters);
}
