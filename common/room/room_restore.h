/* SPDX-License-Identifier: ISC */
/*
 * After a database was restored from a backup: what may not be done before
 * the others were asked what they know of us.
 */
#ifndef TORFED_ROOM_RESTORE_H
#define TORFED_ROOM_RESTORE_H

#include <stdbool.h>
#include <stdint.h>

#define ROOM_RECOVERY_S		(15 * 60)
/* So long we ask for rooms that we do not know; and so often a restore is
 * believed without proof. */
#define ROOM_RESTORED_S		(24 * 3600)
#define ROOM_CLAIM_S		(24 * 3600)
#define ROOM_RECOVERING_RETRY_S 60	    /* what is told meanwhile */
#define ROOM_ADOPT_S		(24 * 3600) /* so long a server is asked */
#define ROOM_HOME_SILENT_S	(14 * 24 * 3600)
/* An epoch further ahead of the clock is nobody's. */
#define ROOM_EPOCH_AHEAD_S	(24 * 3600)
#define ROOM_EPOCH_MAX		INT64_C(9007199254740991) /* 2^53-1 */

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
/* The mark to go on with, at a start, above both. */
int64_t room_mark_next(int64_t logged, int64_t committed);
/*
 * The epoch to begin after that, or when a peer shows more of our present
 * epoch than we have: above all that we and the peers we asked know, and not
 * below the clock, so that one that was forgotten by all is not used again
 * unless the clock went back. latest: our own, seen: the highest that a peer
 * has shown; 0 none. 0: there is none left.
 */
int64_t room_epoch_next(int64_t latest, int64_t seen, int64_t now);
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
 * another until its home has answered since. since: as in struct
 * room_recovery.
 */
bool room_forgotten(int64_t since, bool home, bool answered, int64_t now);
/* since: as above. Rooms that were forgotten may still be shown to us. */
bool room_restored_lately(int64_t since, int64_t now);
/* Nothing signed came from the home for 14 days. */
bool room_home_silent(int64_t last_heard, int64_t now);

#endif
