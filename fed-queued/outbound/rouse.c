/* SPDX-License-Identifier: ISC */
/* That trying again is worth it; see rouse.h. */
#include <event2/event.h>
#include <stddef.h>

#include "base/log.h"
#include "db/db.h"
#include "env.h"
#include "events/timer.h"
#include "outbound/destination.h"
#include "outbound/handshake_out.h"
#include "outbound/queue.h"
#include "outbound/rouse.h"
#include "servers/peer_table.h"

#define EVERY_MS 60000

static struct event *timer; /* the first end of somebody's minute */

/* Whether its minute is over; else it is come back to when that ends. */
static bool
minute_over(int64_t last_ms, int64_t now)
{
	if (last_ms == 0 || now - last_ms >= EVERY_MS)
		return true;
	timer_arm_once(timer, last_ms + EVERY_MS - now);
	return false;
}

void
rouse_heard(struct peer *peer)
{
	int64_t now = clock_ms();

	peer->wake_again = false;
	if (!destination_waiting(peer) && !peer->appeals)
		return;
	if (!minute_over(peer->woken_ms, now)) {
		peer->wake_again = true;
		return;
	}
	peer->woken_ms = now;
	if (peer->appeals && db_state(env.db) == DB_UP) {
		peer->appeals = false;
		queue_wake(peer);
	}
	destination_wake(peer);
}

/* It wakes what waits there, whatever comes of it here. */
static void
told(enum code code, const struct ack_result *result, void *argument)
{
	(void)code;
	(void)result;
	(void)argument;
}

void
rouse_tell(struct peer *peer)
{
	int64_t now = clock_ms();

	peer->tell_again = false;
	if (!peer->present || peer->trust < TRUST_KNOWN || peer->paused ||
	    peer->certificate_count == 0)
		return;
	if (!minute_over(peer->told_ms, now)) {
		peer->tell_again = true;
		return;
	}
	peer->told_ms = now;
	handshake_out(peer->key, false, told, NULL);
}

static void
each(struct peer *peer, void *argument)
{
	(void)argument;
	if (peer->wake_again)
		rouse_heard(peer);
	if (peer->tell_again)
		rouse_tell(peer);
}

static void
timer_fire(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	(void)argument;
	peer_table_each(each, NULL);
}

void
rouse_init(void)
{
	timer = timer_new(env.base, timer_fire, NULL);
}
