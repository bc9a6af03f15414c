/* SPDX-License-Identifier: ISC */
/*
 * When a silent peer is asked, when its silence means that it is away, and
 * what a probe of our own onion service says: each rule on both sides.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fed-queued/servers/liveness.h"

#define START	 100000
#define INTERVAL 60000

static struct peer peer;

/* One that is known and has never been heard; its ping is due at START. */
static int
setup(void **state)
{
	(void)state;
	memset(&peer, 0, sizeof(peer));
	peer.present = true;
	peer.trust = TRUST_KNOWN;
	liveness_begin(&peer, 0, INTERVAL, 0, START);
	return 0;
}

static bool
due(int64_t now_ms)
{
	return liveness_overdue(&peer, INTERVAL, now_ms) > 0;
}

static void
first_pings_are_spread(void **state)
{
	(void)state;
	assert_true(due(START));
	liveness_begin(&peer, 0, INTERVAL, 0.5, START);
	assert_false(due(START + INTERVAL / 2 - 1));
	assert_true(due(START + INTERVAL / 2));
	liveness_begin(&peer, 700, 1000, 0.5, START);
	assert_false(due(START + 1199));
	assert_true(due(START + 1200));
	/* nobody's account has begun by itself */
	memset(&peer, 0, sizeof(peer));
	peer.present = true;
	peer.trust = TRUST_KNOWN;
	assert_false(due(START + INTERVAL * 10));
}

static void
who_spoke_is_not_asked(void **state)
{
	(void)state;
	peer.heard_ms = START - 1;
	assert_false(due(START));
	assert_false(due(START - 1 + INTERVAL - 1));
	assert_true(due(START - 1 + INTERVAL));
	assert_int_equal(liveness_overdue(&peer, INTERVAL, START + INTERVAL),
	    2); /* the longest overdue goes first */
	peer.heard_ms = START + INTERVAL;
	assert_false(due(START + 2 * INTERVAL - 1));
	assert_true(due(START + 2 * INTERVAL));
}

static void
one_in_an_interval(void **state)
{
	(void)state;
	liveness_pinged(&peer, INTERVAL, 0, START);
	assert_false(due(START + INTERVAL - 1));
	assert_true(due(START + INTERVAL));
	/* with jitter, after a ping and after what was heard */
	liveness_pinged(&peer, INTERVAL, 0.5, START);
	assert_false(due(START + INTERVAL + INTERVAL / 8 - 1));
	assert_true(due(START + INTERVAL + INTERVAL / 8));
	peer.heard_ms = START + 10;
	assert_false(due(START + 10 + INTERVAL + INTERVAL / 8 - 1));
	assert_true(due(START + 10 + INTERVAL + INTERVAL / 8));
	/* one under way */
	peer.pinging = true;
	assert_false(due(START + 10 * INTERVAL));
}

static void
who_is_never_asked(void **state)
{
	(void)state;
	assert_false(liveness_overdue(&peer, 0, START + INTERVAL) > 0);
	peer.trust = TRUST_UNKNOWN;
	assert_false(due(START));
	peer.trust = TRUST_BLOCKED;
	assert_false(due(START));
	peer.trust = TRUST_TRUSTED;
	assert_true(due(START));
	peer.present = false;
	assert_false(due(START));
}

static void
back_off_goes_first(void **state)
{
	(void)state;
	peer.retry_ms = START + 10 * INTERVAL;
	assert_false(due(START + 10 * INTERVAL - 1));
	assert_true(due(START + 10 * INTERVAL));
	/* and one that ends sooner does not shorten the interval */
	liveness_pinged(&peer, INTERVAL, 0, START);
	peer.retry_ms = START + 1000;
	assert_false(due(START + INTERVAL - 1));
	assert_true(due(START + INTERVAL));
}

static void
messages_tell_as_much(void **state)
{
	(void)state;
	peer.lanes[2].busy = true;
	assert_false(due(START));
	peer.lanes[2].busy = false;
	peer.lanes[3].filled = true;
	peer.lanes[3].ready_ms = START;
	assert_false(due(START));
	/* unless they have to wait themselves */
	peer.lanes[3].ready_ms = START + 1;
	assert_true(due(START));
}

static void
silence(void **state)
{
	(void)state;
	assert_false(liveness_silent(
	    &peer, INTERVAL, START + LIVENESS_SILENT * INTERVAL));
	assert_true(liveness_silent(
	    &peer, INTERVAL, START + LIVENESS_SILENT * INTERVAL + 1));
	assert_false(liveness_silent(&peer, 0, START + 100 * INTERVAL));
	peer.heard_ms = START + INTERVAL;
	assert_false(liveness_silent(
	    &peer, INTERVAL, START + (1 + LIVENESS_SILENT) * INTERVAL));
	assert_true(liveness_silent(
	    &peer, INTERVAL, START + (1 + LIVENESS_SILENT) * INTERVAL + 1));
	peer.watched_ms = 0;
	assert_false(liveness_silent(&peer, INTERVAL, START + 100 * INTERVAL));
}

static void
reachable(void **state)
{
	(void)state;
	assert_true(liveness_reachable(CODE_OK, 200, true));
	assert_true(liveness_reachable(CODE_OK, 429, true));
	assert_true(liveness_reachable(CODE_OK, 503, true));
	/* somebody else listens behind our onion service */
	assert_false(liveness_reachable(CODE_OK, 404, true));
	assert_false(liveness_reachable(CODE_OK, 301, true));
	assert_true(liveness_reachable(CODE_OK, 404, false));
	assert_true(liveness_reachable(CODE_OK, 200, false));
	assert_false(liveness_reachable(CODE_ONION_NOT_FOUND, 0, true));
	assert_false(liveness_reachable(CODE_TOR_DOWN, 0, false));
}

static void
probe_delays(void **state)
{
	(void)state;
	assert_int_equal(liveness_probe_delay(0, 900000, 0), 900000);
	assert_int_equal(liveness_probe_delay(0, 900000, 0.5), 1012500);
	assert_int_equal(liveness_probe_delay(1, 900000, 0.5), 5000);
	assert_int_equal(liveness_probe_delay(2, 900000, 0), 10000);
	assert_int_equal(liveness_probe_delay(8, 900000, 0), 640000);
	assert_int_equal(liveness_probe_delay(9, 900000, 0), 900000);
	assert_int_equal(liveness_probe_delay(UINT32_MAX, 900000, 0), 900000);
	assert_int_equal(liveness_probe_delay(1, 1000, 0), 1000);
}

int
main(void)
{
#define TEST(function) cmocka_unit_test_setup(function, setup)
	const struct CMUnitTest tests[] = {
	    TEST(first_pings_are_spread),
	    TEST(who_spoke_is_not_asked),
	    TEST(one_in_an_interval),
	    TEST(who_is_never_asked),
	    TEST(back_off_goes_first),
	    TEST(messages_tell_as_much),
	    TEST(silence),
	    TEST(reachable),
	    TEST(probe_delays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
