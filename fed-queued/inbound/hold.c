/* SPDX-License-Identifier: ISC */
/* Answers that leave at a fixed time; see hold.h. */
#include <stdlib.h>

#include "base/alloc.h"
#include "env.h"
#include "events/timer.h"
#include "inbound/hold.h"

struct held {
	struct event *timer;
	int64_t at_ms;
	void (*run)(void *);
	void *argument;
};

int64_t
hold_until(int64_t received_ms, int64_t step_ms, int64_t ready_ms)
{
	int64_t steps = (ready_ms - received_ms + step_ms - 1) / step_ms;

	return received_ms + (steps < 1 ? 1 : steps) * step_ms;
}

static void
held_wait(struct held *held)
{
	int64_t delay_ms = held->at_ms - clock_ms();

	timer_arm(held->timer, delay_ms > 0 ? delay_ms : 0);
}

static void
held_fire(evutil_socket_t fd, short what, void *argument)
{
	struct held *held = argument;

	(void)fd;
	(void)what;
	/* libevent counts from when its loop last looked at the clock. */
	if (clock_ms() < held->at_ms) {
		held_wait(held);
		return;
	}
	held->run(held->argument);
	event_free(held->timer);
	free(held);
}

void
hold(int64_t at_ms, void (*run)(void *), void *argument)
{
	struct held *held = xcalloc(1, sizeof(*held));

	held->timer = timer_new(env.base, held_fire, held);
	held->at_ms = at_ms;
	held->run = run;
	held->argument = argument;
	held_wait(held);
}
