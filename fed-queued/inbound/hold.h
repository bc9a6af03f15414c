/* SPDX-License-Identifier: ISC */
/*
 * Answers that leave a fixed time after their request came, so that the time
 * tells nothing of how they were found.
 */
#ifndef TORFED_INBOUND_HOLD_H
#define TORFED_INBOUND_HOLD_H

#include <stdint.h>

/*
 * When an answer leaves that is ready at ready_ms: the first whole multiple of
 * step_ms (above 0) after received_ms that is not before ready_ms. All three
 * and the result are of clock_ms().
 */
int64_t hold_until(int64_t received_ms, int64_t step_ms, int64_t ready_ms);
/* Calls run(argument) at at_ms or soon after, never before, nor before this
 * returns. */
void hold(int64_t at_ms, void (*run)(void *), void *argument);

#endif
