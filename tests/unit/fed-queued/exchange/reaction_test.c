/* SPDX-License-Identifier: ISC */
/* One row an outcome: what it does to the item and to the destination. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fed-queued/exchange/reaction.h"
#include "fed-queued/exchange/transport.h"

static const struct row {
	enum code code; /* of the exchange */
	uint16_t status;
	uint32_t retry_after;
	struct ack_result result;
	enum item_effect item;
	enum destination_effect destination;
	bool fresh_circuit;
	bool other; /* the item is no message */
} rows[] = {
#define LOCAL(code, destination, fresh)                                        \
	{                                                                      \
		CODE_##code, 0, 0, {0}, ITEM_LATER, DESTINATION_##destination, \
		    fresh, false                                               \
	}
#define UNSIGNED(status, after, destination)                          \
	{                                                             \
		CODE_ANSWER_UNSIGNED, status, after, {0}, ITEM_LATER, \
		    DESTINATION_##destination, false, false           \
	}
#define SIGNED(status, code, item, destination)                  \
	{                                                        \
		CODE_OK, 200, 0, {status, code, 0}, ITEM_##item, \
		    DESTINATION_##destination, false, false      \
	}
#define OTHER(status, code, item, destination)                   \
	{                                                        \
		CODE_OK, 200, 0, {status, code, 0}, ITEM_##item, \
		    DESTINATION_##destination, false, true       \
	}
    LOCAL(TOR_DOWN, PAUSE, false),
    LOCAL(BUSY, PAUSE, false),
    LOCAL(SOCKS_PROTOCOL, BACK_OFF, false),
    LOCAL(SOCKS_GENERAL, BACK_OFF, false),
    LOCAL(SOCKS_RULES, LONG, false),
    LOCAL(SOCKS_NETWORK, BACK_OFF, false),
    LOCAL(SOCKS_HOST, BACK_OFF, false),
    LOCAL(SOCKS_REFUSED, BACK_OFF, false),
    LOCAL(SOCKS_TTL, BACK_OFF, true),
    LOCAL(SOCKS_COMMAND, LONG, false),
    LOCAL(ONION_NOT_FOUND, BACK_OFF, false),
    LOCAL(ONION_INVALID, BACK_OFF, false),
    LOCAL(ONION_INTRODUCTION, BACK_OFF, true),
    LOCAL(ONION_RENDEZVOUS, BACK_OFF, true),
    LOCAL(ONION_AUTH_MISSING, LONG, false),
    LOCAL(ONION_AUTH_WRONG, LONG, false),
    LOCAL(ONION_ADDRESS, LONG, false),
    LOCAL(ONION_TIMEOUT, BACK_OFF, true),
    LOCAL(TIMEOUT_CONNECT, BACK_OFF, true),
    LOCAL(TIMEOUT_SEND, BACK_OFF, true),
    LOCAL(TIMEOUT_ANSWER, BACK_OFF, true),
    LOCAL(CLOSED, BACK_OFF, false),
    LOCAL(ANSWER_HTTP, BACK_OFF, false),
    LOCAL(ANSWER_JSON, BACK_OFF, false),
    LOCAL(ANSWER_UNBOUND, BACK_OFF, false),
    LOCAL(ANSWER_SIGNATURE, BACK_OFF, false),
    LOCAL(KEY_UNKNOWN, HANDSHAKE, false),
    LOCAL(SERVER_UNKNOWN, HANDSHAKE, false),
    LOCAL(CERTIFICATE_EXPIRED, HANDSHAKE, false),
    LOCAL(CERTIFICATE_CONFLICT, BACK_OFF, false),
    UNSIGNED(400, 0, BACK_OFF),
    UNSIGNED(401, 0, HANDSHAKE),
    UNSIGNED(401, 9, HANDSHAKE),
    UNSIGNED(404, 0, BACK_OFF),
    UNSIGNED(413, 0, BACK_OFF),
    UNSIGNED(429, 7, WAIT),
    UNSIGNED(429, 0, BACK_OFF),
    UNSIGNED(500, 7, BACK_OFF),
    UNSIGNED(503, 7, WAIT),
    UNSIGNED(503, 0, BACK_OFF),
    SIGNED(ACK_ACCEPTED, CODE_OK, DELIVERED, GOOD),
    SIGNED(ACK_DUPLICATE, CODE_OK, DELIVERED, GOOD),
    SIGNED(ACK_REJECTED, CODE_PAYLOAD_MALFORMED, FAILED, GOOD),
    SIGNED(ACK_REJECTED, CODE_PAYLOAD_TOO_LARGE, FAILED, GOOD),
    SIGNED(ACK_REJECTED, CODE_TYPE_UNKNOWN, FAILED, GOOD),
    SIGNED(ACK_REJECTED, CODE_ID_CONFLICT, FAILED, GOOD),
    SIGNED(ACK_REJECTED, CODE_EXPIRED, FAILED, GOOD),
    /* nobody has judged the item: an admin there must act first */
    SIGNED(ACK_REJECTED, CODE_UNTRUSTED, LATER, LONG),
    SIGNED(ACK_REJECTED, CODE_VERSION, LATER, LONG),
    SIGNED(ACK_REJECTED, CODE_CLOCK_AHEAD, LATER, BACK_OFF),
    /* the server's own trouble, and the item's */
    SIGNED(ACK_REJECTED, CODE_STORAGE, REFUSED, BACK_OFF),
    SIGNED(ACK_REJECTED, CODE_RATE, REFUSED, BACK_OFF),
    SIGNED(ACK_REJECTED, CODE_STATE_GAP, REFUSED, GOOD),
    SIGNED(ACK_REJECTED, CODE_COUNT, REFUSED, GOOD),
    SIGNED(ACK_RETRY, CODE_RATE, LATER, WAIT),
    SIGNED(ACK_RETRY, CODE_BUSY, LATER, WAIT),
    SIGNED(ACK_RETRY, CODE_STORAGE, LATER, WAIT),
    SIGNED(ACK_RETRY, CODE_UNTRUSTED, LATER, LONG),
    SIGNED(ACK_RETRY, CODE_CLOCK_AHEAD, LATER, BACK_OFF),
    SIGNED(ACK_RETRY, CODE_CLOCK_BEHIND, LATER, BACK_OFF),
    SIGNED(ACK_RETRY, CODE_ROOM_UNKNOWN, POSTPONED, GOOD),
    SIGNED(ACK_RETRY, CODE_STATE_UNKNOWN, POSTPONED, GOOD),
    SIGNED(ACK_RETRY, CODE_SEQUENCE_AHEAD, POSTPONED, GOOD),
    SIGNED(ACK_RETRY, CODE_RECOVERING, POSTPONED, GOOD),
    SIGNED(ACK_RETRY, CODE_INVITE_LIMIT, POSTPONED, GOOD),
    SIGNED(ACK_RETRY, CODE_COUNT, POSTPONED, GOOD),
    /* of other items than messages */
    OTHER(ACK_RETRY, CODE_RATE, LATER, WAIT),
    OTHER(ACK_RETRY, CODE_BUSY, POSTPONED, GOOD),
    OTHER(ACK_RETRY, CODE_STORAGE, POSTPONED, GOOD),
    OTHER(ACK_RETRY, CODE_CLOCK_AHEAD, LATER, BACK_OFF),
    OTHER(ACK_REJECTED, CODE_UNTRUSTED, APPEALS, GOOD),
    OTHER(ACK_REJECTED, CODE_VERSION, LATER, LONG),
    OTHER(ACK_REJECTED, CODE_BUSY, REFUSED, GOOD),
    OTHER(ACK_REJECTED, CODE_INVITE_USED, FAILED, GOOD),
};

static void
every_row(void **state)
{
	struct reaction reaction;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct transport_outcome outcome = {.code = rows[i].code,
		    .status = rows[i].status,
		    .retry_after = rows[i].retry_after};

		reaction =
		    reaction_find(&outcome, &rows[i].result, !rows[i].other);
		if (reaction.item != rows[i].item ||
		    reaction.destination != rows[i].destination ||
		    reaction.fresh_circuit != rows[i].fresh_circuit)
			fail_msg("row %zu: item %d destination %d fresh %d", i,
			    reaction.item, reaction.destination,
			    reaction.fresh_circuit);
	}
}

/* What was asked before a handshake waits for no other one; that alone. */
static void
introduced_meanwhile(void **state)
{
	struct reaction reaction;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct transport_outcome outcome = {.code = rows[i].code,
		    .status = rows[i].status,
		    .retry_after = rows[i].retry_after,
		    .introduced = true};

		reaction =
		    reaction_find(&outcome, &rows[i].result, !rows[i].other);
		assert_int_equal(reaction.item, rows[i].item);
		assert_int_equal(reaction.destination,
		    rows[i].destination == DESTINATION_HANDSHAKE
			? DESTINATION_NONE
			: rows[i].destination);
	}
}

/* Nothing unsigned settles an item, whatever the status. */
static void
nothing_unsigned_settles(void **state)
{
	unsigned int status;

	(void)state;
	for (status = 0; status < 1000; status++) {
		struct transport_outcome outcome = {
		    .code = CODE_ANSWER_UNSIGNED,
		    .status = (uint16_t)status,
		    .retry_after = status % 3};

		assert_int_equal(
		    reaction_find(&outcome, NULL, true).item, ITEM_LATER);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_row),
	    cmocka_unit_test(introduced_meanwhile),
	    cmocka_unit_test(nothing_unsigned_settles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
