/* SPDX-License-Identifier: ISC */
/*
 * A database that is older than the signer's log has forgotten what we signed:
 * nothing is signed again under numbers that were given away before. See
 * restored.h.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "exchange/restored.h"
#include "exchange/signing.h"
#include "servers/peer.h"

#define LOOK_MS 60000 /* between two looks at the past */

/* self_past(). */
struct told {
	int64_t mark;
	int64_t epoch;
	int64_t epoch_seen;
	int64_t alarm_serial; /* 0: no alarm */
	int64_t alarm_epoch;  /* when one began for it; 0 never */
	struct room_past past;
};

static struct room_past past;
static int64_t look_ms; /* when to look again */
static bool looking;
static bool began; /* the restored state, since the last tick */
static restored_callback callback;

static void
past_ask(db_callback done, void *argument)
{
	struct db_parameters parameters;

	db_parameters_init(&parameters);
	db_add_integer(&parameters, TRUST_KNOWN);
	db_call(env.db, SQL_SELF_PAST, &parameters, done, argument);
	db_parameters_free(&parameters);
}

/* false: there is no row, before the first start. */
static bool
past_row(struct told *told, PGresult *result)
{
	memset(told, 0, sizeof(*told));
	if (PQntuples(result) == 0)
		return false;
	told->mark = row_integer(result, 0, 0);
	told->epoch = row_integer(result, 0, 1);
	told->epoch_seen = row_integer(result, 0, 2);
	told->past.restored = row_integer(result, 0, 3);
	told->past.began = row_integer(result, 0, 4);
	told->past.epoch = row_integer(result, 0, 5);
	told->alarm_serial = row_integer(result, 0, 6);
	told->alarm_epoch = row_integer(result, 0, 7);
	told->past.answered = row_bool(result, 0, 8);
	past = told->past;
	return true;
}

static void
restored_call(const struct told *told, int64_t next, int64_t seen, int64_t mark,
    const char *actor, db_callback done, void *argument)
{
	struct db_parameters parameters;

	db_parameters_init(&parameters);
	db_add_integer(&parameters, told->epoch);
	db_add_integer(&parameters, next);
	db_add_integer(&parameters, seen);
	db_add_integer(&parameters, mark);
	if (actor != NULL)
		db_add_text(&parameters, actor);
	else
		db_add_null(&parameters);
	db_call(env.db, SQL_SELF_RESTORED, &parameters, done, argument);
	db_parameters_free(&parameters);
	/* Until the next look, which is soon. */
	past.restored = clock_now();
	past.answered = false;
	past.epoch = next;
	look_ms = 0;
}

/* A start ----------------------------------------------------------------- */

static void
ignored(PGresult *result, const char *sqlstate, void *argument)
{
	(void)argument;
	if (result == NULL)
		log_warning("self not written sqlstate=%s", sqlstate);
}

static void
begun(PGresult *result, const char *sqlstate, void *argument)
{
	(void)argument;
	if (result == NULL)
		log_warning("new epoch failed sqlstate=%s", sqlstate);
	else
		log_error("restored by=log");
	callback(result != NULL, true);
}

static void
epoch_begun(PGresult *result, const char *sqlstate, void *argument)
{
	(void)argument;
	if (result == NULL)
		log_warning("new epoch failed sqlstate=%s", sqlstate);
	else
		log_warning("epoch far ahead of the clock, another begins");
	callback(result != NULL, false);
}

/* What a revoked key has signed raises no alarm any more. */
static void
alarm_end(const struct told *told)
{
	struct db_parameters parameters;

	if (told->alarm_serial == 0 ||
	    told->alarm_serial >= (int64_t)env.certificate.min_serial)
		return;
	db_parameters_init(&parameters);
	db_add_integer(&parameters, (int64_t)env.certificate.min_serial);
	db_call(env.db, SQL_SELF_ALARM_END, &parameters, ignored, NULL);
	db_parameters_free(&parameters);
}

static void
start_judge(const struct told *told)
{
	bool restored = room_restored(signing_marked(), told->mark);
	int64_t next = room_epoch_start(
	    told->epoch, told->epoch_seen, restored, clock_now());
	struct db_parameters parameters;

	if (restored) {
		restored_call(told, next, 0,
		    room_mark_next(signing_marked(), told->mark), NULL, begun,
		    NULL);
		return;
	}
	if (next == 0) {
		callback(true, false);
		return;
	}
	db_parameters_init(&parameters);
	db_add_integer(&parameters, told->epoch);
	db_add_integer(&parameters, next);
	db_call(env.db, SQL_SELF_EPOCH, &parameters, epoch_begun, NULL);
	db_parameters_free(&parameters);
}

static void
started(PGresult *result, const char *sqlstate, void *argument)
{
	struct db_parameters parameters;
	struct told told;

	(void)argument;
	if (result == NULL) {
		log_warning("mark unknown sqlstate=%s", sqlstate);
		callback(false, false);
		return;
	}
	if (!past_row(&told, result)) {
		callback(true, false);
		return;
	}
	if (room_log_begins(signing_marked())) {
		db_parameters_init(&parameters);
		db_add_integer(&parameters, told.epoch);
		db_call(
		    env.db, SQL_SELF_LOG_BEGINS, &parameters, ignored, NULL);
		db_parameters_free(&parameters);
		look_ms = 0;
	}
	alarm_end(&told);
	start_judge(&told);
}

void
restored_check(restored_callback done)
{
	callback = done;
	past_ask(started, NULL);
}

/* As time passes ---------------------------------------------------------- */

const struct room_past *
restored_past(void)
{
	return &past;
}

static void
looked(PGresult *result, const char *sqlstate, void *argument)
{
	struct db_parameters parameters;
	struct told told;

	(void)argument;
	looking = false;
	if (result == NULL) {
		log_warning("past unknown sqlstate=%s", sqlstate);
		return;
	}
	if (!past_row(&told, result))
		return;
	alarm_end(&told);
	if (told.past.restored == 0 || room_adopting(&told.past, clock_now()))
		return;
	log_info("restored over");
	past.restored = 0;
	db_parameters_init(&parameters);
	db_add_integer(&parameters, told.past.restored);
	db_call(env.db, SQL_SELF_SETTLED, &parameters, ignored, NULL);
	db_parameters_free(&parameters);
}

bool
restored_tick(void)
{
	bool again = began;

	began = false;
	if (looking || clock_ms() < look_ms)
		return again;
	looking = true;
	look_ms = clock_ms() + LOOK_MS;
	past_ask(looked, NULL);
	return again;
}

/* What is shown ----------------------------------------------------------- */

struct judging {
	struct restored_shown shown;
	enum restored_outcome outcome;
	void (*done)(enum restored_outcome, void *);
	void *argument;
};

static void
judging_end(struct judging *judging, enum restored_outcome outcome)
{
	judging->done(outcome, judging->argument);
	free(judging);
}

static void
judging_written(PGresult *result, const char *sqlstate, void *argument)
{
	struct judging *judging = argument;
	char address[LOG_ADDRESS_SIZE];

	if (result == NULL) {
		log_warning("past not written sqlstate=%s", sqlstate);
		judging_end(judging, RESTORED_FAILED);
		return;
	}
	log_address(address, judging->shown.via);
	if (judging->outcome == RESTORED_BEGUN)
		log_error("restored server=%s", address);
	else if (row_bool(result, 0, 0))
		log_error("key-alarm server=%s epoch=%lld", address,
		    (long long)judging->shown.epoch);
	judging_end(judging, judging->outcome);
}

static void
alarm_raise(struct judging *judging, const struct told *told, int64_t seen)
{
	int64_t now = clock_now(), next = 0;
	struct db_parameters parameters;

	if (room_alarm_epoch(told->alarm_epoch, now))
		next = room_epoch_shown(told->epoch, judging->shown.epoch, now);
	judging->outcome = RESTORED_ALARM;
	db_parameters_init(&parameters);
	db_add_integer(&parameters, told->epoch);
	db_add_integer(&parameters, next);
	db_add_integer(&parameters, seen);
	db_add_integer(&parameters, (int64_t)judging->shown.serial);
	db_call(env.db, SQL_SELF_ALARM, &parameters, judging_written, judging);
	db_parameters_free(&parameters);
}

static void
judging_told(PGresult *result, const char *sqlstate, void *argument)
{
	struct judging *judging = argument;
	int64_t now = clock_now(), seen = judging->shown.epoch;
	struct told told;

	if (result == NULL || !past_row(&told, result)) {
		log_warning("past unknown sqlstate=%s", sqlstate);
		judging_end(judging, RESTORED_FAILED);
		return;
	}
	if (room_epoch_ahead(seen, now))
		seen = 0;
	switch (room_shown_judge(&told.past, judging->shown.epoch, now)) {
	case ROOM_SHOWN_FORGOTTEN:
		judging_end(judging, RESTORED_TAKE);
		break;
	case ROOM_SHOWN_RESTORED:
		judging->outcome = RESTORED_BEGUN;
		if (seen < told.epoch_seen)
			seen = told.epoch_seen;
		restored_call(&told, room_epoch_next(told.epoch, seen, now),
		    seen, 0, NULL, judging_written, judging);
		break;
	case ROOM_SHOWN_ALARM:
		alarm_raise(judging, &told, seen);
		break;
	}
}

void
restored_judge(const struct restored_shown *shown,
    void (*done)(enum restored_outcome, void *), void *argument)
{
	struct judging *judging = xcalloc(1, sizeof(*judging));

	judging->shown = *shown;
	judging->done = done;
	judging->argument = argument;
	past_ask(judging_told, judging);
}

/* What an admin says ------------------------------------------------------- */

struct declaring {
	char *actor;
	int64_t epoch;
	void (*done)(int64_t epoch, void *argument);
	void *argument;
};

static void
declaring_end(struct declaring *declaring, int64_t epoch)
{
	declaring->done(epoch, declaring->argument);
	free(declaring->actor);
	free(declaring);
}

static void
declared(PGresult *result, const char *sqlstate, void *argument)
{
	struct declaring *declaring = argument;
	bool ok = result != NULL && row_bool(result, 0, 0);

	if (result == NULL)
		log_warning("new epoch failed sqlstate=%s", sqlstate);
	if (ok)
		log_error("restored by=\"%s\"", declaring->actor);
	began = began || ok;
	declaring_end(declaring, ok ? declaring->epoch : 0);
}

static void
declare_told(PGresult *result, const char *sqlstate, void *argument)
{
	struct declaring *declaring = argument;
	struct told told;

	(void)sqlstate;
	if (result == NULL || !past_row(&told, result)) {
		declaring_end(declaring, 0);
		return;
	}
	declaring->epoch =
	    room_epoch_next(told.epoch, told.epoch_seen, clock_now());
	restored_call(&told, declaring->epoch, told.epoch_seen, 0,
	    declaring->actor, declared, declaring);
}

void
restored_declare(const char *actor, void (*done)(int64_t epoch, void *argument),
    void *argument)
{
	struct declaring *declaring = xcalloc(1, sizeof(*declaring));

	declaring->actor = xstrdup(actor);
	declaring->done = done;
	declaring->argument = argument;
	past_ask(declare_told, declaring);
}
