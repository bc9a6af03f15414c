/* SPDX-License-Identifier: ISC */
/* Which (destination, lane) is due; see schedule.h. */
#include <event2/event.h>
#include <math.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/log.h"
#include "env.h"
#include "events/timer.h"
#include "outbound/schedule.h"

#define BUSY_FACTOR	    4 /* lanes busy for each connection slot */
#define PAUSE_FIRST_MS	    500
#define PAUSE_LONGEST_MS    30000
#define FLUSH_CAP_NORMAL_MS 5000
#define FLUSH_CAP_LOW_MS    30000
#define STOPPED_MS	    1000 /* between looks at what cannot go */

TAILQ_HEAD(round, peer);

static struct round due = TAILQ_HEAD_INITIALIZER(due);
static const struct settings *settings;
static void (*run)(void);
static struct event *timer;
static int64_t timer_ms; /* when it fires; 0 not set */
static int busy;
static int busy_probing; /* of them, those with failures behind them; pings */
static int pings;
static int64_t pause_ms; /* the present pause's length, 0 none */
static int64_t pause_until_ms;

int64_t
schedule_delay_ms(uint32_t count, int64_t minimum_ms, int64_t maximum_ms)
{
	int64_t delay = minimum_ms;

	while (count-- > 0 && delay < maximum_ms)
		delay *= 2;
	return delay < maximum_ms ? delay : maximum_ms;
}

double
schedule_random(void)
{
	return (double)randombytes_random() / 4294967296.0;
}

/* The random delay before a lane that was empty is looked at. */
static int64_t
flush_delay_ms(int lane)
{
	int64_t mean, cap, delay;

	switch (lane) {
	case 1:
		mean = settings->flush_high_ms;
		cap = FLUSH_CAP_NORMAL_MS;
		break;
	case 2:
		mean = settings->flush_normal_ms;
		cap = FLUSH_CAP_NORMAL_MS;
		break;
	case LANE_LOOKUP: /* somebody is waiting for it */
	case LANE_SYNC:	  /* or something is missing */
		return 0;
	default:
		mean = settings->flush_low_ms;
		cap = FLUSH_CAP_LOW_MS;
		break;
	}
	if (mean == 0)
		return 0;
	delay = (int64_t)(-log(1 - schedule_random()) * (double)mean);
	return delay < cap ? delay : cap;
}

static bool
peer_probing(const struct peer *peer)
{
	return peer->retry_count > 0 || peer->told_serial == 0 || peer->slow;
}

/* INT64_MAX: it is busy, or has no items. */
static int64_t
lane_due_ms(const struct lane *lane)
{
	int64_t at = INT64_MAX;

	if (lane->busy)
		return at;
	if (lane->filled)
		at = lane->ready_ms;
	if (lane->due_ms != 0 && lane->due_ms < at)
		at = lane->due_ms;
	return at;
}

/* When the peer's next lane is due; INT64_MAX: none has items. */
static int64_t
peer_due_ms(const struct peer *peer)
{
	int64_t at = INT64_MAX;
	int lane;

	if (!peer->present || peer->trust < TRUST_UNKNOWN || peer->paused)
		return at;
	for (lane = 1; lane <= LANES_ALL; lane++)
		if (lane_due_ms(&peer->lanes[lane]) < at)
			at = lane_due_ms(&peer->lanes[lane]);
	if (at != INT64_MAX && at < peer->retry_ms)
		at = peer->retry_ms;
	return at;
}

static void
timer_set(int64_t at_ms)
{
	int64_t delay = at_ms - clock_ms();

	if (timer_ms != 0 && timer_ms <= at_ms)
		return;
	timer_ms = at_ms;
	timer_arm(timer, delay > 0 ? delay : 0);
}

/* Puts the peer into the round when it is due, else sets the timer. */
static void
peer_consider(struct peer *peer)
{
	int64_t at = peer_due_ms(peer);

	if (at == INT64_MAX || peer->in_round)
		return;
	if (at > clock_ms()) {
		timer_set(at);
		return;
	}
	peer->in_round = true;
	peer->references++;
	TAILQ_INSERT_TAIL(&due, peer, due);
}

static void
consider_each(struct peer *peer, void *argument)
{
	(void)argument;
	peer_consider(peer);
}

static void
timer_fire(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	(void)argument;
	timer_ms = 0;
	peer_table_each(consider_each, NULL);
	run();
}

void
schedule_init(const struct settings *given, void (*function)(void))
{
	settings = given;
	run = function;
	timer = timer_new(env.base, timer_fire, NULL);
}

void
schedule_run(void)
{
	run();
}

void
schedule_fill(struct peer *peer, int lane)
{
	if (peer->lanes[lane].busy)
		peer->lanes[lane].again = true;
	if (!peer->lanes[lane].filled) {
		peer->lanes[lane].filled = true;
		peer->lanes[lane].ready_ms = clock_ms() + flush_delay_ms(lane);
	}
	peer_consider(peer);
}

void
schedule_found(struct peer *peer, int number, int64_t newest)
{
	struct lane *lane = &peer->lanes[number];
	bool news = newest > lane->newest, filled = lane->filled;

	if (news)
		lane->newest = newest;
	schedule_fill(peer, number);
	/* What was queued before and is committed now may wait so long. */
	if (!news && !filled && lane->stopped_ms != 0 &&
	    lane->ready_ms < lane->stopped_ms + STOPPED_MS)
		lane->ready_ms = lane->stopped_ms + STOPPED_MS;
}

void
schedule_due(struct peer *peer, int number, int64_t delay_ms)
{
	struct lane *lane = &peer->lanes[number];
	int64_t at = clock_ms() + delay_ms;

	if (lane->due_ms == 0 || at < lane->due_ms)
		lane->due_ms = at;
	peer_consider(peer);
}

void
schedule_stopped(struct peer *peer, int lane)
{
	peer->lanes[lane].stopped_ms = clock_ms();
}

void
schedule_again(struct peer *peer, int lane, int64_t delay_ms)
{
	peer->lanes[lane].filled = true;
	peer->lanes[lane].retry = true;
	peer->lanes[lane].ready_ms = clock_ms() + delay_ms;
	peer_consider(peer);
}

bool
schedule_more(struct peer *peer, int lane)
{
	bool again = peer->lanes[lane].again;

	peer->lanes[lane].again = false;
	return again;
}

void
schedule_empty(struct peer *peer, int lane)
{
	/* What was seen while the claim was on its way may be newer. */
	if (!peer->lanes[lane].again && !peer->lanes[lane].retry)
		peer->lanes[lane].filled = false;
}

static void
round_remove(struct peer *peer)
{
	TAILQ_REMOVE(&due, peer, due);
	peer->in_round = false;
	peer->references--;
}

/*
 * One less than fed-sender lets connect at once: none of them waits there, and
 * a destination that answers always finds a place to connect.
 */
static int
probing_most(void)
{
	int most = (int)settings->sender_connections / 2 - 1;

	return most > 1 ? most : 1;
}

static int
peer_lane(const struct peer *peer, int64_t now)
{
	int lane;

	for (lane = 1; lane <= LANES_ALL; lane++)
		if (lane_due_ms(&peer->lanes[lane]) <= now)
			return lane;
	return 0;
}

/* Until its turn has shown that there is nothing, the lane has items. */
static void
lane_begin(struct lane *lane, int64_t now)
{
	if (lane->due_ms != 0 && lane->due_ms <= now)
		lane->due_ms = 0;
	lane->filled = true;
	lane->busy = true;
	lane->again = lane->retry = false;
	lane->stopped_ms = 0;
}

bool
schedule_next(struct peer **found, int *lane)
{
	struct peer *peer, *next;
	int most = (int)settings->sender_connections * BUSY_FACTOR;
	int64_t now = clock_ms();

	if (schedule_paused()) {
		/* The timer may have been set for something earlier. */
		timer_set(pause_until_ms);
		return false;
	}
	if (busy >= most)
		return false;
	TAILQ_FOREACH_SAFE (peer, &due, due, next) {
		if (peer_due_ms(peer) > now) {
			round_remove(peer);
			peer_consider(peer);
			continue;
		}
		if (peer_probing(peer) && busy_probing >= probing_most())
			continue;
		*lane = peer_lane(peer, now);
		*found = peer;
		/* to the end of the round: its other lanes wait their turn */
		round_remove(peer);
		lane_begin(&peer->lanes[*lane], now);
		peer->lanes[*lane].probing = peer_probing(peer);
		peer->references++;
		busy++;
		busy_probing += peer->lanes[*lane].probing;
		peer_consider(peer);
		return true;
	}
	return false;
}

void
schedule_handshake_begin(struct peer *peer)
{
	peer->references++;
	busy_probing++;
}

void
schedule_handshake_end(struct peer *peer)
{
	busy_probing--;
	peer->references--;
	run();
}

bool
schedule_ping(struct peer *peer)
{
	if (schedule_paused() || !TAILQ_EMPTY(&due) ||
	    pings >= probing_most() / 2 || busy_probing >= probing_most())
		return false;
	pings++;
	schedule_handshake_begin(peer);
	return true;
}

void
schedule_pinged(struct peer *peer)
{
	pings--;
	schedule_handshake_end(peer);
}

bool
schedule_crowded(void)
{
	return !TAILQ_EMPTY(&due) &&
	       busy >= (int)settings->sender_connections * BUSY_FACTOR;
}

void
schedule_done(struct peer *peer, int lane)
{
	busy--;
	busy_probing -= peer->lanes[lane].probing;
	peer->lanes[lane].busy = false;
	peer_consider(peer);
	peer->references--;
}

void
schedule_administered(struct peer *peer)
{
	(void)peer;
	timer_set(clock_ms()); /* considers it, and runs */
}

void
schedule_back_off_end(struct peer *peer)
{
	peer->retry_ms = 0;
	peer->retry_count = 0;
	peer->asked = 0;
	peer_consider(peer);
}

int64_t
schedule_back_off(struct peer *peer, bool longest)
{
	int64_t delay =
	    longest ? settings->retry_max_ms
		    : schedule_delay_ms(peer->retry_count,
			  settings->retry_min_ms, settings->retry_max_ms);

	/* jitter: 75 to 125 of a hundred */
	delay = (int64_t)((double)delay * (0.75 + schedule_random() / 2));
	peer->retry_count++;
	schedule_wait(peer, delay);
	return delay;
}

int64_t
schedule_asked_ms(uint32_t count, uint32_t seconds)
{
	int64_t said = (seconds > 0 ? (int64_t)seconds : 1) * 1000;

	return schedule_delay_ms(count, said,
	    said > settings->retry_max_ms ? said : settings->retry_max_ms);
}

void
schedule_wait(struct peer *peer, int64_t delay_ms)
{
	peer->retry_ms = clock_ms() + delay_ms;
	peer_consider(peer);
}

void
schedule_pause(void)
{
	int64_t now = clock_ms();

	if (now < pause_until_ms)
		return; /* several that began before it */
	pause_ms = pause_ms == 0 ? PAUSE_FIRST_MS : pause_ms * 2;
	if (pause_ms > PAUSE_LONGEST_MS)
		pause_ms = PAUSE_LONGEST_MS;
	pause_until_ms = now + pause_ms;
	log_warning("paused ms=%lld", (long long)pause_ms);
	timer_set(pause_until_ms);
}

void
schedule_resume(void)
{
	if (pause_ms == 0)
		return;
	pause_ms = 0;
	pause_until_ms = 0;
	log_info("resumed");
}

bool
schedule_paused(void)
{
	return clock_ms() < pause_until_ms;
}
