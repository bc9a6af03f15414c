/* SPDX-License-Identifier: ISC */
/* Which items are rooms', and what each verdict is answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fed-queued/rooms/items/item_kind.h"

static bool
is(const char *type, const char *payload)
{
	return item_kind_is_room(type, payload, strlen(payload));
}

static void
which(void **state)
{
	static const char *const types[] = {
	    "room_invite", "room_join", "room_leave", "room_state"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		assert_true(is(types[i], "{}"));
	assert_false(is("room", "{}"));
	assert_false(is("user_lookup", "{\"globalRoomId\":\"\"}"));
	assert_false(is("message", "{}"));
	assert_false(is("message", "{\"a\":{\"globalRoomId\":1}}"));
	assert_false(is("message", "{\"a\":\"\\\"globalRoomId\\\":1\"}"));
	assert_false(is("message", "{\"globalRoomId2\":1}"));
	/* Whatever it holds, it is not a message to one user. */
	assert_true(is("message", "{\"globalRoomId\":null}"));
	assert_true(
	    is("message", "{\"a\":[{}],\"globalRoomId\":\"\",\"z\":1}"));
}

static struct ack_result
answered(enum room_outcome outcome, enum code code, uint32_t seconds)
{
	struct room_verdict verdict = {outcome, code, seconds, 0, 1, 2};
	struct ack_result result;

	item_kind_result(&result, &verdict);
	return result;
}

static void
expect(struct ack_result got, enum ack_status status, enum code code,
    uint32_t seconds)
{
	assert_int_equal(got.status, status);
	assert_int_equal(got.code, code);
	assert_int_equal(got.seconds, seconds);
}

static void
results(void **state)
{
	(void)state;
	expect(answered(ROOM_TAKEN, CODE_OK, 0), ACK_ACCEPTED, CODE_OK, 0);
	expect(answered(ROOM_HELD, CODE_OK, 0), ACK_ACCEPTED, CODE_OK, 0);
	expect(answered(ROOM_KNOWN, CODE_OK, 0), ACK_DUPLICATE, CODE_OK, 0);
	expect(answered(ROOM_REFUSED, CODE_NOT_MEMBER, 7), ACK_REJECTED,
	    CODE_NOT_MEMBER, 0);
	expect(answered(ROOM_CONFLICT, CODE_STATE_CONFLICT, 0), ACK_REJECTED,
	    CODE_STATE_CONFLICT, 0);
	expect(answered(ROOM_WAIT, CODE_STATE_GAP, 30), ACK_RETRY,
	    CODE_STATE_GAP, 30);
	/* At once is not later. */
	expect(answered(ROOM_WAIT, CODE_STATE_GAP, 0), ACK_RETRY,
	    CODE_STATE_GAP, 1);
	expect(answered(ROOM_WAIT, CODE_BUSY, ACK_SECONDS_MAX), ACK_RETRY,
	    CODE_BUSY, ACK_SECONDS_MAX);
	expect(answered(ROOM_WAIT, CODE_BUSY, ACK_SECONDS_MAX + 1), ACK_RETRY,
	    CODE_BUSY, ACK_SECONDS_MAX);
	/* No code of that class is in an acknowledgement. */
	expect(answered(ROOM_REFUSED, CODE_SIGNATURE, 0), ACK_REJECTED,
	    CODE_NOT_HOME, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(which),
	    cmocka_unit_test(results),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
