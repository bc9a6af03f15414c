/* SPDX-License-Identifier: ISC */
/*
 * Makes a history that fails shorter: parts are left out, large ones first, as
 * long as what remains fails in any way.
 */
#include <string.h>

#include "sql/mirror.h"

#define RUNS_MAX 20000
#define RUNS_SQL 300 /* with databases, which take longer */

static int runs;

/* Without count operations from first; true: it still fails, and stays so. */
static bool
cut_out(struct history *history, int first, int count)
{
	static struct history shorter;

	if (++runs > (mirror_on ? RUNS_SQL : RUNS_MAX))
		return false;
	shorter = *history;
	memmove(&shorter.ops[first], &shorter.ops[first + count],
	    (size_t)(shorter.count - first - count) * sizeof(shorter.ops[0]));
	shorter.count -= count;
	if (history_run(&shorter))
		return false;
	*history = shorter;
	return true;
}

void
history_shrink(struct history *history)
{
	int size, first;
	bool any;

	runs = 0;
	do {
		any = false;
		for (size = history->count / 2; size >= 1; size /= 2)
			for (first = history->count - size; first >= 0;
			     first -= size)
				any |= cut_out(history, first, size);
	} while (any && runs < RUNS_MAX);
}
