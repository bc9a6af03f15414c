/* SPDX-License-Identifier: ISC */
/* Timers in a libevent loop; see timer.h. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "events/timer.h"

struct event *
timer_new(struct event_base *base, event_callback_fn fire, void *argument)
{
	return xpointer(evtimer_new(base, fire, argument));
}

struct event *
timer_every(struct event_base *base, int64_t period_ms, event_callback_fn fire,
    void *argument)
{
	struct event *event =
	    xpointer(event_new(base, -1, EV_PERSIST, fire, argument));

	timer_arm(event, period_ms);
	return event;
}

void
timer_arm(struct event *event, int64_t delay_ms)
{
	struct timeval delay = {delay_ms / 1000, delay_ms % 1000 * 1000};

	if (event_add(event, &delay) == -1)
		fatal("event_add error=\"%s\"", strerror(errno));
}

void
timer_arm_once(struct event *event, int64_t delay_ms)
{
	if (!evtimer_pending(event, NULL))
		timer_arm(event, delay_ms);
}
