/* SPDX-License-Identifier: ISC */
/* Messages that are judged again; see judge.h. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/tree.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "inbound/hold.h"
#include "inbound/inbox.h"
#include "room/room_message.h"
#include "rooms/attempt.h"
#include "rooms/messages/judge.h"
#include "rooms/turn.h"
#include "rooms/values.h"

#define PORTION 256 /* messages in a transaction */

struct judging {
	TAILQ_ENTRY(judging) entry;
	struct room_id room;
	char room_text[ROOM_ID_SIZE];
	int64_t behind;	  /* id of the last message that is done */
	int64_t next;	  /* the same once the present portion is */
	bool last;	  /* no portion is behind the present one */
	bool again;	  /* the room has changed since it began */
	uint32_t visible; /* the application sees so many more with it */
	uint32_t attempts;
};

/* One for each room. */
static TAILQ_HEAD(, judging) judgings = TAILQ_HEAD_INITIALIZER(judgings);

static void judging_run(void *argument);

static void
judging_again(void *argument)
{
	struct judging *judging = argument;

	judging->again = false;
	judging->behind = 0;
	turn_begin(&judging->room, judging_run, judging);
}

/* What failed is not looked for by any doorbell: it comes again by itself. */
static void
judging_end(struct judging *judging, bool ok)
{
	struct room_id room = judging->room;

	if (!ok) {
		hold(clock_ms() + ATTEMPT_RETRY_S * 1000, judging_again,
		    judging);
	} else if (judging->again) {
		judging_again(judging);
	} else {
		TAILQ_REMOVE(&judgings, judging, entry);
		free(judging);
	}
	turn_end(&room);
}

/* The present portion is done. */
static void
judging_next(struct judging *judging)
{
	while (judging->visible > 0) {
		judging->visible--;
		inbox_stored();
	}
	judging->behind = judging->next;
	if (judging->last)
		judging_end(judging, true);
	else
		judging_run(judging);
}

static void
judging_written(PGresult *result, const char *sqlstate, void *argument)
{
	struct judging *judging = argument;

	switch (attempt_end(&judging->attempts, "room-judge", result, sqlstate,
	    result != NULL && row_bool(result, 0, 0))) {
	case ATTEMPT_STORED:
		judging_next(judging);
		break;
	case ATTEMPT_AGAIN:
		judging_run(judging);
		break;
	case ATTEMPT_FAILED:
		judging_end(judging, false);
		break;
	}
}

/* A message as it is stored, and what is known of it. */
struct open {
	struct room_message message;
	struct room_message_facts facts;
	int64_t since;
	bool own; /* our application wrote it, and knows it */
	bool held;
	unsigned int flags;
};

static void
open_row(struct open *open, const struct room_open_row *row)
{
	memset(open, 0, sizeof(*open));
	if (!values_user(&open->message.sender, &row->member))
		fatal("database sent a malformed message");
	open->own = memcmp(open->message.sender.server, env.identity.server,
			ONION_KEY) == 0;
	open->message.state_number = row->state_number;
	open->held = db_span_is(&row->status, "held");
	open->flags = (unsigned int)row->flags;
	open->since = row->since;
	open->facts.server_seen = row->server_seen;
	values_member(&open->facts.member, &row->membership);
	open->facts.left_learned = row->left_learned;
}

/* What is to be written of a portion. */
struct change {
	struct room_judged_row rows[PORTION];
	uint32_t count;
};

static void
change_add(struct change *change, int64_t id,
    const struct room_verdict *verdict, bool shown)
{
	struct room_judged_row *row = &change->rows[change->count++];

	memset(row, 0, sizeof(*row));
	row->id = id;
	row->status =
	    db_span_text(verdict->outcome == ROOM_TAKEN ? "taken" : "refused");
	row->code = db_span_text(
	    verdict->code == CODE_OK ? NULL : code_name(verdict->code));
	row->flags = (int32_t)verdict->flags;
	row->again = room_message_open(verdict);
	row->shown = shown;
}

static void
dropped_log(const struct open *open, enum code code)
{
	char address[LOG_ADDRESS_SIZE];

	log_info("message-dropped server=%s code=%s",
	    log_address(address, open->message.sender.server), code_name(code));
}

static void
row_judge(struct judging *judging, struct change *change,
    const struct room_state *state, const struct room_open_row *row)
{
	struct room_verdict verdict;
	struct open open;
	bool shown;

	open_row(&open, row);
	open.message.room = judging->room;
	judging->next = row->id;
	verdict = room_message_judge_again(
	    state, &open.message, &open.facts, open.since, row->now);
	/* Whether it filled a void does not depend on the room's state. */
	verdict.flags |= open.flags & ROOM_FILLED;
	if (verdict.outcome == ROOM_HELD ||
	    (!open.held && verdict.outcome == ROOM_TAKEN &&
		verdict.flags == open.flags))
		return;
	shown = verdict.outcome == ROOM_TAKEN && !open.own &&
		room_message_visible(verdict.flags) &&
		(open.held || !room_message_visible(open.flags));
	if (verdict.outcome == ROOM_REFUSED)
		dropped_log(&open, verdict.code);
	else if (shown)
		judging->visible++;
	change_add(change, row->id, &verdict, shown);
}

static void
judging_write(
    struct judging *judging, const struct change *change, int64_t version)
{
	struct db_parameters parameters;

	if (change->count == 0) {
		judging_next(judging);
		return;
	}
	db_parameters_init(&parameters);
	db_add_text(&parameters, judging->room_text);
	db_add_integer(&parameters, version);
	db_add_rows(&parameters, env.db, TYPE_room_judged_row, change->rows,
	    change->count);
	db_call(env.db, SQL_ROOM_MESSAGES_JUDGE, &parameters, judging_written,
	    judging);
	db_parameters_free(&parameters);
}

static void
judging_known(PGresult *result, const char *sqlstate, void *argument)
{
	struct judging *judging = argument;
	struct room_state state = {.room = judging->room};
	struct room_open_row row;
	struct change change;
	int i;

	if (result == NULL)
		log_warning("room-open failed sqlstate=%s", sqlstate);
	if (result == NULL || PQntuples(result) == 0) {
		judging_end(judging, result != NULL);
		return;
	}
	change.count = 0;
	judging->visible = 0;
	judging->last = PQntuples(result) < PORTION;
	for (i = 0; i < PQntuples(result); i++) {
		db_row_read(&row, env.db, TYPE_room_open_row, result, i, 0);
		values_state(&state, &row.state);
		row_judge(judging, &change, &state, &row);
	}
	judging_write(judging, &change, row.state.version);
}

static void
judging_run(void *argument)
{
	struct judging *judging = argument;
	struct db_parameters parameters;

	db_parameters_init(&parameters);
	db_add_text(&parameters, judging->room_text);
	db_add_integer(&parameters, judging->behind);
	db_add_integer(&parameters, PORTION);
	db_call(env.db, SQL_ROOM_MESSAGES_OPEN, &parameters, judging_known,
	    judging);
	db_parameters_free(&parameters);
}

void
messages_judge(const struct room_id *room)
{
	struct judging *judging;

	TAILQ_FOREACH (judging, &judgings, entry)
		if (room_id_equal(&judging->room, room)) {
			judging->again = true;
			return;
		}
	judging = xcalloc(1, sizeof(*judging));
	TAILQ_INSERT_TAIL(&judgings, judging, entry);
	judging->room = *room;
	room_id_format(judging->room_text, room);
	turn_begin(room, judging_run, judging);
}
