/* SPDX-License-Identifier: ISC */
/*
 * Whether our database was put back to an earlier state, and what may not be
 * done before the others were asked what they know of us. What a server claims
 * proves nothing; what carries our own signature may come from a thief of the
 * key. So the log of signatures tells which of the two it is.
 */
#ifndef TORFED_ROOM_RESTORE_H
#define TORFED_ROOM_RESTORE_H

#include <stdbool.h>
#include <stdint.h>

#define ROOM_RECOVERY_S		(15 * 60)
/* The restored state: until each server has told of all rooms, as it does every
 * quarter of an hour or so, but for so long at least; a day at most. */
#define ROOM_RESTORED_MIN_S	(30 * 60)
#define ROOM_RESTORED_S		(24 * 3600)
/* So long after it began, the log of signatures cannot tell a restore from
 * theft. */
#define ROOM_LOG_YOUNG_S	(24 * 3600)
#define ROOM_RECOVERING_RETRY_S 60	    /* what is told meanwhile */
#define ROOM_ADOPT_S		(24 * 3600) /* so long a server is asked */
#define ROOM_HOME_SILENT_S	(14 * 24 * 3600)
/* An epoch further ahead of the clock is nobody's. */
#define ROOM_EPOCH_AHEAD_S	(24 * 3600)

/* What we know of our own past. Times are seconds since 1970, 0: never. */
struct room_past {
	int64_t restored; /* when the restored state began; 0: it is over */
	/* all servers that we know were heard since, and those that we share
	 * rooms with have told how far they are, and we have no less */
	bool answered;
	/* when the log of signatures began: a start found it empty */
	int64_t began;
	/* of earlier epochs the log cannot tell what we signed in them: the one
	 * that began with the database, with its log, or with the last restore;
	 * 0 none */
	int64_t epoch;
};

/* Of one room that we are the home of. */
struct room_recovery {
	int64_t since;	  /* when it was found out, seconds; 0: it is not so */
	uint32_t servers; /* with members, but for ourselves */
	/* of them, those that have answered with heads that show no more than
	 * we have by now */
	uint32_t asked;
	/* since when an administrator has us adopt the chain that a server has,
	 * whatever key signed it; 0 not */
	int64_t adopting;
};

/*
 * Whether the database is older than the signer's log. A mark is a number in
 * the database that grows by one in every transaction that decides a state
 * event, gives messages their places or declares numbers void: all that is
 * committed before it is signed. A request for a signature names the highest
 * that was seen, and the signer logs it before it releases the signature. So a
 * crash never leaves the log ahead, and a backup always does when anything of
 * that was signed since.
 */
bool room_restored(int64_t logged, int64_t committed);
/* Whether the log has seen nothing of this database: it begins now. */
bool room_log_begins(int64_t logged);
/* The mark to go on with, at a start, above both. */
int64_t room_mark_next(int64_t logged, int64_t committed);

/*
 * Whether the restored state lasts: what we forgot is taken from others, also
 * rooms that nobody asked for.
 */
bool room_adopting(const struct room_past *, int64_t now);

/*
 * Something was shown that we have not and that we signed: its signature holds,
 * under a certificate of ours that is not revoked. A thief of the key has that,
 * too, so the log tells. epoch: of a message, 0 of an event.
 */
enum room_shown {
	ROOM_SHOWN_FORGOTTEN, /* take it */
	ROOM_SHOWN_RESTORED,  /* it proves a restore, which begins now; then
			       * take it */
	ROOM_SHOWN_ALARM      /* our key may be in other hands: nothing of it is
			       * taken */
};
enum room_shown room_shown_judge(
    const struct room_past *, int64_t epoch, int64_t now);

/*
 * A database's first epoch (latest and seen 0) and each later one: not below
 * the clock, and above all that we know to have been used. latest: our own;
 * seen: the highest that was proved to be ours, which does not count if it
 * lies so far ahead of the clock that nobody takes it.
 */
int64_t room_epoch_next(int64_t latest, int64_t seen, int64_t now);
/*
 * The epoch to begin with a start, 0: it goes on with the present one. Also
 * where the clock was far ahead when that began: nobody takes what is in it.
 */
int64_t room_epoch_start(
    int64_t present, int64_t seen, bool restored, int64_t now);
/*
 * The epoch to begin since somebody else may have written in the present one:
 * we are shown our signature in epoch shown. 0: ours lies beyond that, or
 * nobody takes what is in it.
 */
int64_t room_epoch_shown(int64_t present, int64_t shown, int64_t now);
/* Whether such an epoch begins now: a thief who shows more and more begins one
 * in this time. last: when the last of them began, 0 never. */
#define ROOM_ALARM_EPOCH_S 3600
bool room_alarm_epoch(int64_t last, int64_t now);
/* Whether nobody takes what is in an epoch: it lies too far ahead. */
bool room_epoch_ahead(int64_t epoch, int64_t now);
/*
 * Whether the home adopts what the server has that an administrator named.
 */
bool room_adopts(const struct room_recovery *, int64_t now);
/*
 * Whether the home may sign a new event: it adopts nothing, and it was not
 * restored, each member server has answered, or 15 minutes have passed. Who
 * knows of no member server waits for those that have joined since.
 */
bool room_recovery_over(const struct room_recovery *, int64_t now);
/*
 * Whether a room of which we know nothing, or that we seem not to be in, may
 * have been forgotten: of one that we are the home of for 15 minutes, of
 * another until its home has answered since, for a day at most. since: as in
 * struct room_recovery.
 */
bool room_forgotten(int64_t since, bool home, bool answered, int64_t now);
/* since: as above. What was forgotten may still be shown to us: rooms, and
 * events of our own. */
bool room_restored_lately(int64_t since, int64_t now);
/* Nothing signed came from the home for 14 days. */
bool room_home_silent(int64_t last_heard, int64_t now);

#endif
