/* SPDX-License-Identifier: ISC */
/* Starts, backups and restores. */
#include "exchange/restored.h"
#include "rooms/sync/review.h"
#include "sql/mirror_internal.h"

void
mirror_backup(int node)
{
	mirror_step(node);
	if (!mirror_enter(node))
		return;
	if (mirror_sql("SELECT sim.move('federation', 'backup')", 0, NULL) ==
	    NULL)
		mirror_fail("backup", mirror_sqlstate(), "done");
	mirror_leave_node();
}

static void
checked(bool ok, bool restored)
{
	(void)restored;
	if (!ok)
		mirror_fail("start", "no answer", "one");
}

void
mirror_restart(int node, bool restore, bool restored)
{
	static int64_t restores;

	mirror_step(node);
	if (!mirror_enter(node))
		return;
	if (restore)
		mirror_versions_forget(node);
	if (restore && mirror_sql("SELECT sim.move('backup', 'federation')", 0,
			   NULL) == NULL)
		mirror_fail("restore", mirror_sqlstate(), "done");
	mirror_certify(node);
	/* The model's marks are others: above all of the database, or none. */
	mirror_marked(restored ? ++restores << 32 : 0);
	restored_check(checked);
	mirror_leave_node();
}

void
mirror_revoked(int node)
{
	if (!mirror_enter(node))
		return;
	mirror_certify(node);
	review_doorbell();
	mirror_leave_node();
}
