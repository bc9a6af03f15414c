/* SPDX-License-Identifier: ISC */
/*
 * When the next generation may start. One that had become ready is replaced
 * at once, however often: whoever can crash a child must not be able to switch
 * the suite off by doing it again. Only when it died within a second of its
 * start there is a short pause, against a loop that eats the machine. One that
 * never became ready is likely to fail again for the same reason, so each of
 * those in a row waits twice as long as the one before.
 */
#include "restart.h"

int64_t
restart_delay_ms(bool was_ready, int64_t lived_ms, unsigned int failures)
{
	int64_t delay = 1000;

	if (was_ready)
		return lived_ms < RESTART_YOUNG_MS ? RESTART_PAUSE_MS : 0;
	while (failures-- > 1 && delay < RESTART_MAX_MS)
		delay *= 2;
	return delay < RESTART_MAX_MS ? delay : RESTART_MAX_MS;
}
