/* SPDX-License-Identifier: ISC */
/*
 * The table of permissions against a list written down a second time, and the
 * statements of security that must hold whatever the list becomes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ipc/channel.h"
#include "ipc/message.h"
#include "ipc/permission.h"
#include "json/wire.h"

struct edge {
	enum role from;
	enum role to;
};

static const struct line {
	uint16_t type;
	bool descriptor;
	size_t count;
	struct edge edges[5];
} lines[] = {
    {MSG_START, false, 4,
	{{ROLE_FEDD, ROLE_LISTENER}, {ROLE_FEDD, ROLE_SIGNER},
	    {ROLE_FEDD, ROLE_SENDER}, {ROLE_FEDD, ROLE_QUEUED}}},
    {MSG_SETTINGS, false, 4,
	{{ROLE_FEDD, ROLE_LISTENER}, {ROLE_FEDD, ROLE_SIGNER},
	    {ROLE_FEDD, ROLE_SENDER}, {ROLE_FEDD, ROLE_QUEUED}}},
    {MSG_DESCRIPTOR, true, 3,
	{{ROLE_FEDD, ROLE_LISTENER}, {ROLE_FEDD, ROLE_SIGNER},
	    {ROLE_FEDD, ROLE_QUEUED}}},
    {MSG_CHANNEL, true, 4,
	{{ROLE_FEDD, ROLE_LISTENER}, {ROLE_FEDD, ROLE_SIGNER},
	    {ROLE_FEDD, ROLE_SENDER}, {ROLE_FEDD, ROLE_QUEUED}}},
    {MSG_SETUP_DONE, false, 4,
	{{ROLE_FEDD, ROLE_LISTENER}, {ROLE_FEDD, ROLE_SIGNER},
	    {ROLE_FEDD, ROLE_SENDER}, {ROLE_FEDD, ROLE_QUEUED}}},
    {MSG_READY, false, 4,
	{{ROLE_LISTENER, ROLE_FEDD}, {ROLE_SIGNER, ROLE_FEDD},
	    {ROLE_SENDER, ROLE_FEDD}, {ROLE_QUEUED, ROLE_FEDD}}},
    {MSG_GO, false, 4,
	{{ROLE_FEDD, ROLE_LISTENER}, {ROLE_FEDD, ROLE_SIGNER},
	    {ROLE_FEDD, ROLE_SENDER}, {ROLE_FEDD, ROLE_QUEUED}}},
    {MSG_KEYS, false, 1, {{ROLE_SIGNER, ROLE_FEDD}}},
    {MSG_RELOAD, false, 1, {{ROLE_QUEUED, ROLE_FEDD}}},
    {MSG_RELOADED, false, 1, {{ROLE_FEDD, ROLE_QUEUED}}},
    {MSG_SOCKS_WANTED, false, 1, {{ROLE_SENDER, ROLE_FEDD}}},
    {MSG_SOCKS, true, 1, {{ROLE_FEDD, ROLE_SENDER}}},
    {MSG_SOCKS_FAILED, false, 1, {{ROLE_FEDD, ROLE_SENDER}}},
    {MSG_IDENTITY, false, 2,
	{{ROLE_SIGNER, ROLE_QUEUED}, {ROLE_QUEUED, ROLE_LISTENER}}},
    {MSG_SIGN_ENVELOPE, false, 1, {{ROLE_QUEUED, ROLE_SIGNER}}},
    {MSG_SIGN_BATCH, false, 1, {{ROLE_QUEUED, ROLE_SIGNER}}},
    {MSG_SIGN_STATE, false, 1, {{ROLE_QUEUED, ROLE_SIGNER}}},
    {MSG_SIGNATURE, false, 1, {{ROLE_SIGNER, ROLE_QUEUED}}},
    {MSG_SIGN_REFUSED, false, 1, {{ROLE_SIGNER, ROLE_QUEUED}}},
    {MSG_REQUEST, false, 1, {{ROLE_LISTENER, ROLE_QUEUED}}},
    {MSG_LIMITS, false, 1, {{ROLE_LISTENER, ROLE_QUEUED}}},
    {MSG_RESPONSE, false, 1, {{ROLE_QUEUED, ROLE_LISTENER}}},
    {MSG_SEND, false, 1, {{ROLE_QUEUED, ROLE_SENDER}}},
    {MSG_SENT, false, 1, {{ROLE_SENDER, ROLE_QUEUED}}},
    {MSG_PROBE, false, 1, {{ROLE_QUEUED, ROLE_SENDER}}},
    {MSG_PROBED, false, 1, {{ROLE_SENDER, ROLE_QUEUED}}},
    {MSG_CONTROL_REQUEST, false, 1, {{ROLE_CONTROL, ROLE_QUEUED}}},
    {MSG_CONTROL_ROW, false, 1, {{ROLE_QUEUED, ROLE_CONTROL}}},
    {MSG_CONTROL_END, false, 1, {{ROLE_QUEUED, ROLE_CONTROL}}},
};

static const struct line *
line_find(unsigned int type, enum role from, enum role to)
{
	size_t i, edge;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		for (edge = 0; edge < lines[i].count; edge++)
			if (lines[i].type == type &&
			    lines[i].edges[edge].from == from &&
			    lines[i].edges[edge].to == to)
				return &lines[i];
	return NULL;
}

/* All types, senders and receivers there are, and some that are not. */
static void
test_all(void **state)
{
	const struct permission *found;
	const struct line *line;
	unsigned int type;
	size_t count, seen = 0;
	int from, to;

	(void)state;
	for (type = 0; type <= UINT16_MAX; type++)
		for (from = 0; from <= ROLE_COUNT; from++)
			for (to = 0; to <= ROLE_COUNT; to++) {
				found = permission_find((uint16_t)type,
				    (enum role)from, (enum role)to);
				line = line_find(
				    type, (enum role)from, (enum role)to);
				if ((found == NULL) != (line == NULL))
					fail_msg("type %u from %s to %s", type,
					    role_name((enum role)from),
					    role_name((enum role)to));
				if (found == NULL)
					continue;
				seen++;
				assert_int_equal(
				    found->descriptor, line->descriptor);
			}
	permission_table(&count);
	assert_int_equal(seen, count); /* no line twice */
}

/* The edges that the architecture leaves out. */
static void
test_missing_edges(void **state)
{
	static const struct edge none[] = {{ROLE_LISTENER, ROLE_SIGNER},
	    {ROLE_SENDER, ROLE_SIGNER}, {ROLE_LISTENER, ROLE_SENDER},
	    {ROLE_CONTROL, ROLE_FEDD}, {ROLE_CONTROL, ROLE_LISTENER},
	    {ROLE_CONTROL, ROLE_SIGNER}, {ROLE_CONTROL, ROLE_SENDER}};
	const struct permission *table;
	size_t count, i, edge;

	(void)state;
	table = permission_table(&count);
	for (i = 0; i < count; i++) {
		assert_int_not_equal(table[i].from, table[i].to);
		for (edge = 0; edge < sizeof(none) / sizeof(none[0]); edge++) {
			assert_false(table[i].from == none[edge].from &&
				     table[i].to == none[edge].to);
			assert_false(table[i].from == none[edge].to &&
				     table[i].to == none[edge].from);
		}
	}
}

/* fedd takes no byte of data from a child, but from fed-signer whose keys it
 * has; and only fedd hands descriptors. */
static void
test_parent(void **state)
{
	const struct permission *table;
	size_t count, i;

	(void)state;
	table = permission_table(&count);
	for (i = 0; i < count; i++) {
		if (table[i].to == ROLE_FEDD && table[i].type != MSG_KEYS)
			assert_int_equal(table[i].maximum, 0);
		if (table[i].descriptor)
			assert_int_equal(table[i].from, ROLE_FEDD);
	}
}

static bool
is_pair(const struct permission *row, enum role one, enum role other)
{
	return (row->from == one && row->to == other) ||
	       (row->from == other && row->to == one);
}

/* 300 KiB on two edges, 8 KiB for a batch, 4 KiB for all the rest. */
static void
test_caps(void **state)
{
	const struct permission *table;
	size_t count, i;
	uint32_t cap;

	(void)state;
	table = permission_table(&count);
	for (i = 0; i < count; i++) {
		cap = MESSAGE_SMALL;
		if (table[i].type == MSG_SIGN_BATCH)
			cap = MESSAGE_BATCH;
		if (is_pair(&table[i], ROLE_LISTENER, ROLE_QUEUED) ||
		    is_pair(&table[i], ROLE_SENDER, ROLE_QUEUED))
			cap = MESSAGE_LARGE;
		assert_true(table[i].minimum <= table[i].maximum);
		assert_true(table[i].maximum <= cap);
	}
}

static void
expect_minimum(uint16_t type, enum role from, enum role to, size_t length)
{
	const struct permission *row = permission_find(type, from, to);

	assert_non_null(row);
	assert_int_equal(row->minimum, length);
	assert_int_equal(row->maximum, MESSAGE_LARGE);
}

static void
expect_length(uint16_t type, enum role from, enum role to, size_t length)
{
	const struct permission *row = permission_find(type, from, to);

	assert_non_null(row);
	assert_int_equal(row->minimum, length);
	assert_int_equal(row->maximum, length);
}

/* The shortest of what carries parts of the protocol, by its encoders. */
static void
test_wire(void **state)
{
	struct wire_request request = {0};
	struct wire_response response = {.status = 401};
	struct wire_send send = {.body = "x", .body_length = 1};
	struct wire_send_result sent = {.code = CODE_COUNT};
	struct wire_probe probe = {0};
	struct wire_probe_result probed = {0};
	uint8_t memory[1024];
	struct pack pack;

	(void)state;
	memcpy(request.envelope.header.type, "x", 2);
	request.envelope.payload = "x";
	request.envelope.payload_length = 1;
	pack_init(&pack, memory, sizeof(memory));
	wire_request_encode(&pack, &request);
	expect_minimum(MSG_REQUEST, ROLE_LISTENER, ROLE_QUEUED, pack.length);
	pack_init(&pack, memory, sizeof(memory));
	wire_response_encode(&pack, &response);
	expect_minimum(MSG_RESPONSE, ROLE_QUEUED, ROLE_LISTENER, pack.length);
	pack_init(&pack, memory, sizeof(memory));
	wire_send_encode(&pack, &send);
	expect_minimum(MSG_SEND, ROLE_QUEUED, ROLE_SENDER, pack.length);
	pack_init(&pack, memory, sizeof(memory));
	wire_send_result_encode(&pack, &sent);
	expect_minimum(MSG_SENT, ROLE_SENDER, ROLE_QUEUED, pack.length);
	pack_init(&pack, memory, sizeof(memory));
	wire_probe_encode(&pack, &probe);
	expect_length(MSG_PROBE, ROLE_QUEUED, ROLE_SENDER, pack.length);
	pack_init(&pack, memory, sizeof(memory));
	wire_probe_result_encode(&pack, &probed);
	expect_length(MSG_PROBED, ROLE_SENDER, ROLE_QUEUED, pack.length);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_all),
	    cmocka_unit_test(test_missing_edges),
	    cmocka_unit_test(test_parent),
	    cmocka_unit_test(test_caps),
	    cmocka_unit_test(test_wire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
