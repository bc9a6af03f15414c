/* SPDX-License-Identifier: ISC */
/*
 * The schedule on a clock of the test's own: back-off, fairness, the bound on
 * destinations that may be dead, pauses.
 */
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fed-queued/env.h"
#include "fed-queued/outbound/schedule.h"
#include "fed-queued/servers/observe.h"

#define PEERS 64

struct queued env;
static int64_t now;
static struct peer peers[PEERS];
static int runs;

int64_t
clock_ms(void)
{
	return now;
}

void
peer_table_each(void (*each)(struct peer *, void *), void *argument)
{
	int i;

	for (i = 0; i < PEERS; i++)
		if (peers[i].present)
			each(&peers[i], argument);
}

static void
run(void)
{
	runs++;
}

static int
setup(void **state)
{
	int i;

	(void)state;
	if (sodium_init() == -1)
		return -1;
	now = 1000;
	memset(peers, 0, sizeof(peers));
	memset(&env.settings, 0, sizeof(env.settings));
	env.settings.retry_min_ms = 1000;
	env.settings.retry_max_ms = 60000;
	env.settings.sender_connections = 10;
	if (env.base == NULL) {
		observe(PEER_ADMINISTERED, schedule_administered);
		env.base = event_base_new();
		schedule_init(&env.settings, run);
	}
	for (i = 0; i < PEERS; i++) {
		peers[i].present = true;
		peers[i].trust = TRUST_VERIFIED;
		peers[i].told_serial = 1;
	}
	return 0;
}

/* Ends what a test left in the round. */
static int
teardown(void **state)
{
	struct peer *peer;
	int lane, i;

	(void)state;
	schedule_resume();
	for (i = 0; i < PEERS; i++) {
		peers[i].retry_ms = 0;
		peers[i].retry_count = 0;
		peers[i].retried_ms = 0;
		peers[i].trust = TRUST_VERIFIED;
		for (lane = 1; lane <= LANES_ALL; lane++)
			if (peers[i].lanes[lane].busy)
				schedule_done(&peers[i], lane);
	}
	while (schedule_next(&peer, &lane)) {
		peer->lanes[lane].filled = false;
		peer->lanes[lane].retry = false;
		schedule_done(peer, lane);
	}
	return 0;
}

/* Somebody waits for a look-up: no random delay, and no lane in its way. */
static void
lookups(void **state)
{
	struct peer *peer;
	int lane;

	(void)state;
	env.settings.flush_high_ms = env.settings.flush_low_ms = 1000000;
	schedule_fill(&peers[0], 3);
	schedule_fill(&peers[0], LANE_LOOKUP);
	assert_true(schedule_next(&peer, &lane));
	assert_ptr_equal(peer, &peers[0]);
	assert_int_equal(lane, LANE_LOOKUP);
	/* one at a time */
	schedule_fill(&peers[0], LANE_LOOKUP);
	assert_false(schedule_next(&peer, &lane));
	schedule_again(&peers[0], LANE_LOOKUP, 5000);
	schedule_done(&peers[0], LANE_LOOKUP);
	assert_false(schedule_next(&peer, &lane));
	/* asked to come later, it keeps no message back */
	peers[0].lanes[3].ready_ms = now;
	schedule_back_off_end(&peers[0]);
	assert_true(schedule_next(&peer, &lane));
	assert_int_equal(lane, 3);
	schedule_empty(&peers[0], 3);
	schedule_done(&peers[0], 3);
	now += 5000;
	schedule_back_off_end(&peers[0]);
	assert_true(schedule_next(&peer, &lane));
	assert_int_equal(lane, LANE_LOOKUP);
	schedule_empty(&peers[0], LANE_LOOKUP);
	schedule_done(&peers[0], LANE_LOOKUP);
	assert_false(schedule_next(&peer, &lane));
}

/* Nor do heads of rooms wait, or keep anything back. */
static void
syncs(void **state)
{
	struct peer *peer;
	int lane;

	(void)state;
	schedule_fill(&peers[0], LANE_SYNC);
	schedule_fill(&peers[0], LANE_LOOKUP);
	assert_true(schedule_next(&peer, &lane));
	assert_int_equal(lane, LANE_LOOKUP);
	assert_true(schedule_next(&peer, &lane));
	assert_int_equal(lane, LANE_SYNC);
	schedule_fill(&peers[0], LANE_SYNC);
	assert_false(schedule_next(&peer, &lane));
	schedule_again(&peers[0], LANE_SYNC, 5000);
	schedule_done(&peers[0], LANE_SYNC);
	schedule_empty(&peers[0], LANE_LOOKUP);
	schedule_done(&peers[0], LANE_LOOKUP);
	assert_false(schedule_next(&peer, &lane));
	now += 5000;
	schedule_back_off_end(&peers[0]);
	assert_true(schedule_next(&peer, &lane));
	assert_int_equal(lane, LANE_SYNC);
	schedule_empty(&peers[0], LANE_SYNC);
	schedule_done(&peers[0], LANE_SYNC);
	assert_false(schedule_next(&peer, &lane));
}

static void
delays(void **state)
{
	int64_t delay;
	int i;

	(void)state;
	assert_int_equal(schedule_delay_ms(0, 1000, 60000), 1000);
	assert_int_equal(schedule_delay_ms(1, 1000, 60000), 2000);
	assert_int_equal(schedule_delay_ms(5, 1000, 60000), 32000);
	assert_int_equal(schedule_delay_ms(6, 1000, 60000), 60000);
	assert_int_equal(schedule_delay_ms(UINT32_MAX, 1000, 60000), 60000);
	for (i = 0; i < 12; i++) {
		delay = schedule_back_off(&peers[0], false);
		assert_in_range(delay,
		    schedule_delay_ms((uint32_t)i, 750, 45000),
		    schedule_delay_ms((uint32_t)i, 1250, 75000));
		assert_int_equal(peers[0].retry_ms, now + delay);
	}
	delay = schedule_back_off(&peers[1], true);
	assert_in_range(delay, 45000, 75000);
	schedule_back_off_end(&peers[0]);
	assert_int_equal(peers[0].retry_count, 0);
	assert_int_equal(peers[0].retry_ms, 0);
}

static void
one_in_flight_in_a_lane(void **state)
{
	struct peer *peer;
	int lane;

	(void)state;
	schedule_fill(&peers[3], 2);
	assert_true(schedule_next(&peer, &lane));
	assert_ptr_equal(peer, &peers[3]);
	assert_int_equal(lane, 2);
	schedule_fill(&peers[3], 2);
	assert_false(schedule_next(&peer, &lane));
	/* another lane of the same destination may go */
	schedule_fill(&peers[3], 1);
	assert_true(schedule_next(&peer, &lane));
	assert_int_equal(lane, 1);
	schedule_empty(&peers[3], 1);
	schedule_done(&peers[3], 1);
	/* what came while it was busy is not forgotten */
	schedule_empty(&peers[3], 2);
	schedule_done(&peers[3], 2);
	assert_true(schedule_next(&peer, &lane));
	assert_int_equal(lane, 2);
	schedule_empty(&peers[3], 2);
	schedule_done(&peers[3], 2);
	assert_false(schedule_next(&peer, &lane));
}

static void
back_off_holds(void **state)
{
	struct peer *peer;
	int lane;

	(void)state;
	schedule_wait(&peers[0], 5000);
	schedule_fill(&peers[0], 2);
	assert_false(schedule_next(&peer, &lane));
	now += 4999;
	schedule_fill(&peers[0], 2);
	assert_false(schedule_next(&peer, &lane));
	now += 1;
	schedule_fill(&peers[0], 2);
	assert_true(schedule_next(&peer, &lane));
	/* one that waits again while it is in the round */
	schedule_done(peer, lane);
	schedule_wait(&peers[0], 5000);
	assert_false(schedule_next(&peer, &lane));
	/* blocked: nothing goes out */
	now += 5000;
	peers[0].trust = TRUST_BLOCKED;
	schedule_fill(&peers[0], 2);
	assert_false(schedule_next(&peer, &lane));
}

static void
round_robin(void **state)
{
	struct peer *peer;
	int lane, i, turn;

	(void)state;
	for (i = 0; i < 5; i++)
		schedule_fill(&peers[i], 2);
	for (turn = 0; turn < 3; turn++)
		for (i = 0; i < 5; i++) {
			assert_true(schedule_next(&peer, &lane));
			assert_ptr_equal(peer, &peers[i]);
			schedule_done(peer, lane);
		}
}

static void
dead_never_starve_live(void **state)
{
	struct peer *peer;
	int lane, i, dead = 0, live = 0;

	(void)state;
	for (i = 0; i < 50; i++) {
		peers[i].retry_count = 3;
		schedule_fill(&peers[i], 2);
	}
	for (i = 50; i < PEERS; i++)
		schedule_fill(&peers[i], 2);
	while (schedule_next(&peer, &lane))
		if (peer->retry_count > 0)
			dead++;
		else
			live++;
	assert_int_equal(dead, 4); /* half of the connections but for one */
	assert_int_equal(live, PEERS - 50);
}

/* So do handshakes with those that are not known to live: they may last. */
static void
handshakes_take_slots(void **state)
{
	struct peer *peer;
	int lane, i, dead = 0;

	(void)state;
	for (i = 0; i < 50; i++) {
		peers[i].told_serial = 0;
		schedule_fill(&peers[i], 2);
	}
	schedule_fill(&peers[50], 2);
	/* as outbound.c does it */
	for (i = 0; schedule_next(&peer, &lane); i++) {
		if (peer->told_serial != 0)
			continue;
		schedule_handshake_begin(peer);
		schedule_wait(peer, 60000);
		schedule_done(peer, lane);
		dead++;
	}
	assert_int_equal(dead, 4);
	assert_int_equal(i, 5);
	assert_int_equal(peers[0].references, 1);
	schedule_handshake_end(&peers[0]);
	assert_int_equal(peers[0].references, 0);
	assert_true(schedule_next(&peer, &lane));
	assert_ptr_equal(peer, &peers[4]);
	for (i = 1; i < 4; i++)
		schedule_handshake_end(&peers[i]);
}

/* Pings have half of the slots of those that may be dead, and no message waits
 * for them. */
static void
messages_never_wait_for_pings(void **state)
{
	struct peer *peer;
	int lane, i, dead = 0;

	(void)state;
	assert_true(schedule_ping(&peers[20]));
	assert_int_equal(peers[20].references, 1);
	assert_true(schedule_ping(&peers[21]));
	assert_false(schedule_ping(&peers[22]));
	/* the other two are left */
	for (i = 0; i < 10; i++) {
		peers[i].retry_count = 1;
		schedule_fill(&peers[i], 2);
	}
	for (i = 30; i < PEERS; i++)
		schedule_fill(&peers[i], 2);
	for (i = 0; schedule_next(&peer, &lane); i++)
		dead += peer->retry_count > 0;
	assert_int_equal(dead, 2);
	assert_int_equal(i, 2 + PEERS - 30);
	/* a slot that becomes free is not a ping's while a message is due */
	runs = 0;
	schedule_pinged(&peers[20]);
	assert_int_equal(peers[20].references, 0);
	assert_int_equal(runs, 1);
	assert_false(schedule_ping(&peers[22]));
	assert_true(schedule_next(&peer, &lane));
	assert_int_equal(peer->retry_count, 1);
	schedule_pinged(&peers[21]);
}

static void
pings_in_an_outage(void **state)
{
	(void)state;
	schedule_pause();
	assert_false(schedule_ping(&peers[0]));
	now += 500;
	assert_true(schedule_ping(&peers[0]));
	schedule_pinged(&peers[0]);
	/* with so few connections one would take the last from a message */
	env.settings.sender_connections = 5;
	assert_false(schedule_ping(&peers[0]));
	env.settings.sender_connections = 6;
	assert_true(schedule_ping(&peers[0]));
	assert_false(schedule_ping(&peers[1]));
	schedule_pinged(&peers[0]);
}

static void
our_outage_pauses_all(void **state)
{
	struct peer *peer;
	int lane;

	(void)state;
	schedule_fill(&peers[0], 2);
	schedule_pause();
	assert_true(schedule_paused());
	assert_false(schedule_next(&peer, &lane));
	assert_int_equal(peers[0].retry_count, 0);
	now += 500;
	assert_false(schedule_paused());
	schedule_pause(); /* twice as long */
	now += 999;
	assert_true(schedule_paused());
	now += 1;
	assert_false(schedule_paused());
	assert_true(schedule_next(&peer, &lane));
	schedule_resume();
	schedule_pause();
	now += 500;
	assert_false(schedule_paused());
}

static void
flush_delay(void **state)
{
	struct peer *peer;
	int lane;

	(void)state;
	env.settings.flush_normal_ms = 100000; /* capped at 5 s */
	schedule_fill(&peers[7], 2);
	now += 5000;
	schedule_fill(&peers[7], 2);
	assert_true(schedule_next(&peer, &lane));
	assert_ptr_equal(peer, &peers[7]);
}

/* An admin's pause keeps everything, and is no back-off. */
static void
administered(void **state)
{
	struct peer *peer;
	int64_t at;
	int lane, i;

	(void)state;
	schedule_fill(&peers[0], 2);
	peer_administer(&peers[0], true, 0);
	assert_false(schedule_next(&peer, &lane));
	schedule_back_off_end(&peers[0]);
	schedule_fill(&peers[0], 1);
	schedule_fill(&peers[1], 1);
	assert_true(schedule_next(&peer, &lane));
	assert_ptr_equal(peer, &peers[1]);
	schedule_empty(peer, lane);
	schedule_done(peer, lane);
	assert_false(schedule_next(&peer, &lane));
	peer_administer(&peers[0], false, 0);
	event_base_loop(env.base, EVLOOP_ONCE);
	assert_true(schedule_next(&peer, &lane));
	assert_ptr_equal(peer, &peers[0]);
	schedule_done(peer, lane);

	schedule_back_off(&peers[0], false);
	assert_false(schedule_next(&peer, &lane));
	peer_administer(&peers[0], false, 1);
	event_base_loop(env.base, EVLOOP_ONCE);
	assert_true(schedule_next(&peer, &lane));
	/* it fails again, and waits for as long as it would have */
	assert_int_equal(peers[0].retry_count, 1);
	schedule_back_off(&peers[0], false);
	at = peers[0].retry_ms;
	peer_administer(&peers[0], false, 1); /* the same: no news */
	assert_int_equal(peers[0].retry_ms, at);
	/* asked for again and again: once a second */
	for (i = 2; i < 50; i++) {
		peer_administer(&peers[0], false, (uint32_t)i);
		assert_int_equal(peers[0].retry_ms, now + 1000);
	}
	now += 1000;
	peer_administer(&peers[0], false, 50);
	assert_int_equal(peers[0].retry_ms, now);
	schedule_done(peer, lane);
}

/* What waits by itself keeps nothing back, and is due in its time. */
static void
one_waits_by_itself(void **state)
{
	struct peer *peer;
	int lane;

	(void)state;
	schedule_found(&peers[0], 2, 10);
	assert_true(schedule_next(&peer, &lane));
	schedule_due(&peers[0], 2, 7000);
	schedule_due(&peers[0], 2, 5000);
	schedule_due(&peers[0], 2, 6000);
	schedule_empty(peer, lane);
	schedule_done(peer, lane);
	assert_false(schedule_next(&peer, &lane));
	/* something new goes at once */
	schedule_found(&peers[0], 2, 11);
	assert_true(schedule_next(&peer, &lane));
	schedule_empty(peer, lane);
	schedule_done(peer, lane);
	assert_false(schedule_next(&peer, &lane));
	now += 5000;
	schedule_back_off_end(&peers[0]); /* looks at it */
	assert_true(schedule_next(&peer, &lane));
	assert_int_equal(lane, 2);
	/* the server waits: the lane still has it */
	schedule_wait(peer, 1000);
	schedule_done(peer, lane);
	assert_false(schedule_next(&peer, &lane));
	now += 1000;
	schedule_back_off_end(&peers[0]);
	assert_true(schedule_next(&peer, &lane));
	schedule_empty(peer, lane);
	schedule_done(peer, lane);
}

/* A lane in which all wait for one is not looked at with every doorbell. */
static void
nothing_can_go(void **state)
{
	struct peer *peer;
	int lane;

	(void)state;
	schedule_found(&peers[0], 2, 10);
	assert_true(schedule_next(&peer, &lane));
	schedule_stopped(peer, lane);
	schedule_empty(peer, lane);
	schedule_done(peer, lane);
	/* perhaps a transaction that took its id long ago */
	schedule_found(&peers[0], 2, 10);
	assert_false(schedule_next(&peer, &lane));
	now += 1000;
	schedule_found(&peers[0], 2, 10);
	assert_true(schedule_next(&peer, &lane));
	schedule_stopped(peer, lane);
	schedule_empty(peer, lane);
	schedule_done(peer, lane);
	/* what is new goes at once, and an admin's word */
	schedule_found(&peers[0], 2, 11);
	assert_true(schedule_next(&peer, &lane));
	schedule_stopped(peer, lane);
	schedule_empty(peer, lane);
	schedule_done(peer, lane);
	schedule_again(&peers[0], 2, 0);
	assert_true(schedule_next(&peer, &lane));
	schedule_empty(peer, lane);
	schedule_done(peer, lane);
}

/* Never shorter than it says, and longer each time. */
static void
asked_to_wait(void **state)
{
	(void)state;
	assert_int_equal(schedule_asked_ms(0, 5), 5000);
	assert_int_equal(schedule_asked_ms(1, 5), 10000);
	assert_int_equal(schedule_asked_ms(3, 5), 40000);
	assert_int_equal(schedule_asked_ms(4, 5), 60000);
	assert_int_equal(schedule_asked_ms(UINT32_MAX, 5), 60000);
	assert_int_equal(schedule_asked_ms(0, 86400), 86400000);
	assert_int_equal(schedule_asked_ms(9, 86400), 86400000);
	assert_int_equal(schedule_asked_ms(0, 0), 1000);
	peers[0].asked = 3;
	schedule_back_off_end(&peers[0]);
	assert_int_equal(peers[0].asked, 0);
}

int
main(void)
{
#define TEST(function) \
	cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(delays),
	    TEST(one_waits_by_itself),
	    TEST(nothing_can_go),
	    TEST(asked_to_wait),
	    TEST(one_in_flight_in_a_lane),
	    TEST(back_off_holds),
	    TEST(round_robin),
	    TEST(dead_never_starve_live),
	    TEST(handshakes_take_slots),
	    TEST(messages_never_wait_for_pings),
	    TEST(pings_in_an_outage),
	    TEST(our_outage_pauses_all),
	    TEST(flush_delay),
	    TEST(lookups),
	    TEST(syncs),
	    TEST(administered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
