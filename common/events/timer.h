/* SPDX-License-Identifier: ISC */
/* Timers in a libevent loop. Fatal where one cannot be made or set. */
#ifndef TORFED_TIMER_H
#define TORFED_TIMER_H

#include <event2/event.h>
#include <stdint.h>

/* Not armed yet; event_free() releases it. */
struct event *timer_new(struct event_base *, event_callback_fn, void *argument);
/* Armed, every period_ms (above 0) from now on. */
struct event *timer_every(
    struct event_base *, int64_t period_ms, event_callback_fn, void *argument);
/* Fires once, delay_ms (0 or more) from now, in place of what was set. Of an
 * event that watches a descriptor it is the time-out. */
void timer_arm(struct event *, int64_t delay_ms);
/* The same unless it is armed already. */
void timer_arm_once(struct event *, int64_t delay_ms);

#endif
