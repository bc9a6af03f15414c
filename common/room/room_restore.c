/* SPDX-License-Identifier: ISC */
/* What a restored database may do; see room_restore.h. */
#include "room/room_restore.h"

bool
room_restored(int64_t logged, int64_t committed)
{
	return logged > committed;
}

bool
room_log_begins(int64_t logged)
{
	return logged == 0;
}

int64_t
room_mark_next(int64_t logged, int64_t committed)
{
	return (logged > committed ? logged : committed) + 1;
}

/* A clock that was put back a little does not matter, one that was far ahead
 * ends what it began. */
static bool
within(int64_t since, int64_t most, int64_t now)
{
	return since != 0 && now - since < most && since - now < most;
}

bool
room_adopting(const struct room_past *past, int64_t now)
{
	if (!within(past->restored, ROOM_RESTORED_S, now))
		return false;
	return !past->answered || now - past->restored < ROOM_RESTORED_MIN_S;
}

static bool
log_young(const struct room_past *past, int64_t now)
{
	return within(past->began, ROOM_LOG_YOUNG_S, now);
}

enum room_shown
room_shown_judge(const struct room_past *past, int64_t epoch, int64_t now)
{
	if (room_adopting(past, now))
		return ROOM_SHOWN_FORGOTTEN;
	if (epoch != 0 && epoch < past->epoch)
		return ROOM_SHOWN_FORGOTTEN;
	return log_young(past, now) ? ROOM_SHOWN_RESTORED : ROOM_SHOWN_ALARM;
}

bool
room_epoch_ahead(int64_t epoch, int64_t now)
{
	return epoch - now > ROOM_EPOCH_AHEAD_S;
}

int64_t
room_epoch_next(int64_t latest, int64_t seen, int64_t now)
{
	int64_t next = now > 0 ? now : 1;

	if (latest >= next)
		next = latest + 1;
	if (!room_epoch_ahead(seen, now) && seen >= next)
		next = seen + 1;
	return next;
}

int64_t
room_epoch_start(int64_t present, int64_t seen, bool restored, int64_t now)
{
	bool lost = room_epoch_ahead(present, now);
	int64_t next = room_epoch_next(lost ? 0 : present, seen, now);

	if (!restored && !lost)
		return 0;
	if (next != present)
		return next;
	return restored ? next + 1 : 0;
}

int64_t
room_epoch_shown(int64_t present, int64_t shown, int64_t now)
{
	if (shown < present || room_epoch_ahead(shown, now))
		return 0;
	return room_epoch_next(present, shown, now);
}

bool
room_alarm_epoch(int64_t last, int64_t now)
{
	return !within(last, ROOM_ALARM_EPOCH_S, now);
}

bool
room_adopts(const struct room_recovery *recovery, int64_t now)
{
	return recovery->adopting != 0 &&
	       now - recovery->adopting < ROOM_ADOPT_S;
}

bool
room_recovery_over(const struct room_recovery *recovery, int64_t now)
{
	if (room_adopts(recovery, now))
		return false;
	if (recovery->since == 0 ||
	    (recovery->servers > 0 && recovery->asked >= recovery->servers))
		return true;
	return now - recovery->since >= ROOM_RECOVERY_S;
}

bool
room_restored_lately(int64_t since, int64_t now)
{
	return within(since, ROOM_RESTORED_S, now);
}

bool
room_forgotten(int64_t since, bool home, bool answered, int64_t now)
{
	if (!room_restored_lately(since, now))
		return false;
	return home ? now - since < ROOM_RECOVERY_S : !answered;
}

bool
room_home_silent(int64_t last_heard, int64_t now)
{
	return now - last_heard >= ROOM_HOME_SILENT_S;
}
