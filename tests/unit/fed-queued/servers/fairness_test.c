/* SPDX-License-Identifier: ISC */
/*
 * Fairness: nobody has all places, and transactions take one request of each
 * server in turn, whole and in order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/share.h"
#include "fed-queued/servers/fairness.h"

static struct fairness_queue lanes[3];
static struct fairness_item items[3][400];
static struct fairness_group group;

/* Items first to last of a server, as one request. */
static void
request(int server, int first, int last)
{
	struct fairness_item *item;
	int i;

	for (i = first; i <= last; i++) {
		item = &items[server][i];
		item->together = i == first ? (uint32_t)(last - first + 1) : 0;
		fairness_add(&lanes[server], item);
	}
}

static int
setup(void **state)
{
	int server, i;

	(void)state;
	memset(lanes, 0, sizeof(lanes));
	memset(items, 0, sizeof(items));
	for (server = 0; server < 3; server++)
		for (i = 0; i < 400; i++) {
			items[server][i].server_id[0] = (uint8_t)server;
			items[server][i].message_id[0] = (uint8_t)(i >> 8);
			items[server][i].message_id[1] = (uint8_t)i;
			items[server][i].size = 10;
		}
	return 0;
}

static void
expect(int position, int server, int number)
{
	assert_in_range(position, 0, group.count - 1);
	assert_ptr_equal(group.items[position], &items[server][number]);
}

static void
shares(void **state)
{
	size_t own, others;

	(void)state;
	/* alone: half, and the rest is for others */
	for (own = 0; fair_share(own, own, 128); own++)
		;
	assert_int_equal(own, 64);
	/* a second one gets in, to a third of all */
	assert_true(fair_share(0, 64, 128));
	for (own = 0; fair_share(own, own + 43, 128); own++)
		;
	assert_int_equal(own, 43);
	/* a new one gets in as long as one place is free */
	for (others = 0; others < 128; others++)
		assert_true(fair_share(0, others, 128));
	assert_false(fair_share(0, 128, 128));
	assert_false(fair_share(0, 1000, 128));
	assert_true(fair_share(0, 0, 1));
	assert_false(fair_share(1, 1, 1));
}

static void
one_of_each_in_turn(void **state)
{
	int i;

	(void)state;
	assert_false(fairness_waiting());
	for (i = 0; i < 6; i++)
		request(0, 2 * i, 2 * i + 1);
	request(1, 0, 0);
	request(2, 0, 2);
	request(2, 3, 3);
	assert_true(fairness_waiting());
	fairness_fill(&group);
	assert_int_equal(group.count, 12 + 1 + 4);
	assert_int_equal(group.bytes, 10 * 17);
	expect(0, 0, 0);
	expect(1, 0, 1);
	expect(2, 1, 0);
	for (i = 0; i < 3; i++)
		expect(3 + i, 2, i);
	expect(6, 0, 2);
	expect(8, 2, 3);
	for (i = 0; i < 8; i++)
		expect(9 + i, 0, 4 + i);
	assert_false(fairness_waiting());
	fairness_fill(&group);
	assert_int_equal(group.count, 0);
}

/* Four batches fill a group; whose turn it was is first in the next. */
static void
full_groups(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 6; i++)
		request(0, 64 * i, 64 * i + 63);
	request(1, 0, 0);
	fairness_fill(&group);
	assert_int_equal(group.count, 3 * 64 + 1);
	expect(64, 1, 0);
	expect(65, 0, 64);
	fairness_fill(&group);
	assert_int_equal(group.count, 3 * 64);
	expect(0, 0, 3 * 64);
	assert_false(fairness_waiting());
}

static void
large_payloads(void **state)
{
	const int most = FAIR_BYTES / 65536 + 1;
	int i;

	(void)state;
	for (i = 0; i < 100; i++) {
		items[0][i].size = 65536;
		request(0, i, i);
	}
	for (i = 100; i > 0; i -= group.count) {
		fairness_fill(&group);
		assert_int_equal(group.count, i < most ? i : most);
	}
	assert_false(fairness_waiting());
}

/* The same id twice: the second waits, and keeps nobody else waiting. */
static void
an_id_once(void **state)
{
	(void)state;
	request(0, 0, 0);
	memcpy(&items[0][1].message_id, &items[0][0].message_id, 16);
	request(0, 1, 2);
	request(0, 3, 3);
	request(1, 0, 0);
	request(1, 1, 1);
	fairness_fill(&group);
	assert_int_equal(group.count, 4);
	expect(0, 0, 0);
	expect(1, 1, 0);
	expect(2, 0, 2);
	expect(3, 1, 1);
	assert_true(fairness_waiting());
	fairness_fill(&group);
	assert_int_equal(group.count, 2);
	expect(0, 0, 1);
	expect(1, 0, 3);
	assert_false(fairness_waiting());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(shares, setup),
	    cmocka_unit_test_setup(one_of_each_in_turn, setup),
	    cmocka_unit_test_setup(full_groups, setup),
	    cmocka_unit_test_setup(large_payloads, setup),
	    cmocka_unit_test_setup(an_id_once, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
