/* SPDX-License-Identifier: ISC */
/* What a restored database may do; see room_restore.h. */
#include "room/room_restore.h"

bool
room_restored(int64_t logged, int64_t committed)
{
	return logged > committed;
}

int64_t
room_mark_next(int64_t logged, int64_t committed)
{
	return (logged > committed ? logged : committed) + 1;
}

int64_t
room_epoch_next(int64_t latest, int64_t seen, int64_t now)
{
	int64_t known = latest > seen ? latest : seen;

	if (known >= ROOM_EPOCH_MAX)
		return 0;
	return now > known ? now : known + 1;
}

bool
room_epoch_ahead(int64_t epoch, int64_t now)
{
	return epoch - now > ROOM_EPOCH_AHEAD_S;
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
room_forgotten(int64_t since, bool home, bool answered, int64_t now)
{
	if (since == 0)
		return false;
	return home ? now - since < ROOM_RECOVERY_S : !answered;
}

bool
room_restored_lately(int64_t since, int64_t now)
{
	return since != 0 && now - since < ROOM_RESTORED_S;
}

bool
room_home_silent(int64_t last_heard, int64_t now)
{
	return now - last_heard >= ROOM_HOME_SILENT_S;
}
