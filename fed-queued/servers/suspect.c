/* SPDX-License-Identifier: ISC */
/* The items that may kill their exchanges; see suspect.h. */
#include <stddef.h>
#include <string.h>

#include "servers/suspect.h"

static bool
stands_aside(const struct suspect *suspect)
{
	return suspect->failures >= SUSPECT_ASIDE_AFTER;
}

static const struct suspect *
suspect_find(const struct suspects *suspects, int64_t queue_id)
{
	const struct suspect *suspect;
	size_t i;

	for (i = 0; i < SUSPECTS; i++) {
		suspect = &suspects->entries[i];
		if (suspect->failures > 0 && suspect->queue_id == queue_id)
			return suspect;
	}
	return NULL;
}

/* The item's entry, in the place of what was at the head before; NULL: as many
 * as may be stand aside. */
static struct suspect *
suspect_enter(struct suspects *suspects, int64_t queue_id)
{
	struct suspect *suspect, *entry = NULL;
	size_t i;

	for (i = 0; i < SUSPECTS; i++) {
		suspect = &suspects->entries[i];
		if (suspect->failures > 0 && suspect->queue_id == queue_id)
			return suspect;
	}
	for (i = 0; i < SUSPECTS; i++) {
		suspect = &suspects->entries[i];
		if (stands_aside(suspect))
			continue;
		memset(suspect, 0, sizeof(*suspect));
		entry = suspect;
	}
	if (entry != NULL)
		entry->queue_id = queue_id;
	return entry;
}

enum suspect_step
suspect_failed(struct suspects *suspects, int64_t queue_id)
{
	struct suspect *suspect = suspect_enter(suspects, queue_id);

	if (suspect == NULL)
		return SUSPECT_PROVE;
	suspect->failures++;
	if (suspect->failures < SUSPECT_PROVE_AFTER)
		return SUSPECT_WAIT;
	suspect->proving = true;
	return stands_aside(suspect) ? SUSPECT_ASIDE : SUSPECT_PROVE;
}

void
suspect_proved(struct suspects *suspects, bool lives)
{
	struct suspect *suspect;
	size_t i;

	for (i = 0; i < SUSPECTS; i++) {
		suspect = &suspects->entries[i];
		if (!suspect->proving)
			continue;
		suspect->proving = false;
		if (!lives && suspect->failures > 0)
			suspect->failures--;
	}
}

void
suspect_passed(struct suspects *suspects, int64_t first, int64_t last)
{
	struct suspect *suspect;
	size_t i;

	for (i = 0; i < SUSPECTS; i++) {
		suspect = &suspects->entries[i];
		if (suspect->queue_id >= first && suspect->queue_id <= last)
			memset(suspect, 0, sizeof(*suspect));
	}
}

bool
suspect_aside(const struct suspects *suspects)
{
	size_t i;

	for (i = 0; i < SUSPECTS; i++)
		if (stands_aside(&suspects->entries[i]))
			return true;
	return false;
}

uint32_t
suspect_returns(const struct suspects *suspects, int64_t queue_id)
{
	const struct suspect *suspect = suspect_find(suspects, queue_id);

	return suspect != NULL && stands_aside(suspect)
		   ? suspect->failures - SUSPECT_ASIDE_AFTER
		   : 0;
}
