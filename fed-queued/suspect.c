/* SPDX-License-Identifier: ISC */
/* The item that may kill its exchanges; see suspect.h. */
#include <string.h>

#include "suspect.h"

enum suspect_step
suspect_failed(struct suspect *suspect, int64_t queue_id)
{
	if (suspect->queue_id != queue_id) {
		memset(suspect, 0, sizeof *suspect);
		suspect->queue_id = queue_id;
	}
	suspect->failures++;
	if (suspect->failures < SUSPECT_PROVE_AFTER)
		return SUSPECT_WAIT;
	suspect->proving = true;
	return suspect->failures < SUSPECT_ASIDE_AFTER ? SUSPECT_PROVE
						       : SUSPECT_ASIDE;
}

void
suspect_proved(struct suspect *suspect, bool lives)
{
	if (!suspect->proving)
		return;
	suspect->proving = false;
	if (!lives && suspect->failures > 0)
		suspect->failures--;
}

void
suspect_passed(struct suspect *suspect, int64_t first, int64_t last)
{
	if (suspect->queue_id >= first && suspect->queue_id <= last)
		memset(suspect, 0, sizeof *suspect);
}

bool
suspect_aside(const struct suspect *suspect)
{
	return suspect->failures >= SUSPECT_ASIDE_AFTER;
}

uint32_t
suspect_returns(const struct suspect *suspect)
{
	return suspect_aside(suspect) ? suspect->failures - SUSPECT_ASIDE_AFTER
				      : 0;
}
