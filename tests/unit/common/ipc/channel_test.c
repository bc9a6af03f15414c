/* SPDX-License-Identifier: ISC */
/*
 * Channels: framing, the table's bounds on both sides, memory, blocking. How
 * descriptors travel is channel_descriptor_test.c.
 */
#include <fcntl.h>

#include "channel_pair.h"
#include "ipc/permission.h"

static void
test_round_trip(void **state)
{
	struct channel *ends[2];
	struct message message;
	uint8_t data[64];

	(void)state;
	memset(data, 0x5a, sizeof(data));
	channels_open(ends, ROLE_SIGNER, ROLE_QUEUED);
	assert_int_equal(channel_peer(ends[0]), ROLE_QUEUED);
	assert_int_equal(channel_send(ends[0], MSG_SIGNATURE, 0xfffffffe,
			     0x12345678, -1, data, sizeof(data)),
	    0);
	assert_int_equal(channel_queued(ends[0]), CHANNEL_HEADER + 64);
	assert_int_equal(channel_read(ends[1]), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(channel_error(ends[1]), CHANNEL_OK);
	assert_int_equal(channel_flush(ends[0]), 0);
	assert_int_equal(channel_queued(ends[0]), 0);
	assert_int_equal(receive(ends[1], &message), 1);
	assert_int_equal(message.type, MSG_SIGNATURE);
	assert_int_equal(message.id, 0xfffffffe);
	assert_int_equal(message.peer, 0x12345678);
	assert_int_equal(message.descriptor, -1);
	assert_int_equal(message.length, sizeof(data));
	assert_memory_equal(message.data, data, sizeof(data));
	assert_int_equal(channel_next(ends[1], &message), 0);
	channels_close(ends);
}

static void
test_names(void **state)
{
	int error;

	(void)state;
	assert_string_equal(role_name(ROLE_FEDD), "fedd");
	assert_string_equal(role_name(ROLE_CONTROL), "fedctl");
	assert_string_equal(role_name(ROLE_COUNT), "unknown");
	for (error = CHANNEL_OK; error <= CHANNEL_ERROR_FULL; error++)
		assert_string_not_equal(
		    channel_strerror(error), "unknown error");
	assert_string_equal(channel_strerror(99), "unknown error");
	assert_null(channel_new(0, ROLE_COUNT, ROLE_FEDD));
	assert_null(channel_new(0, ROLE_FEDD, ROLE_COUNT));
}

/* One raw message of a row, with this length; was it taken? */
static void
try_length(const struct permission *row, size_t length, bool good)
{
	struct pair pair = pair_open(row->to, row->from);
	uint8_t *bytes = calloc(1, CHANNEL_HEADER + length);
	int descriptor = open("/dev/null", O_RDONLY);
	struct message message;
	size_t sent = 0;
	ssize_t part;
	int got = 0;

	assert_non_null(bytes);
	header_put(
	    bytes, row->type, row->descriptor ? FLAG : 0, (uint32_t)length);
	raw_send(pair.raw, bytes, CHANNEL_HEADER, &descriptor,
	    row->descriptor ? 1 : 0);
	close(descriptor);
	if (!good) {
		expect_refused(&pair, CHANNEL_ERROR_LENGTH);
	} else {
		while (got == 0) {
			part = send(pair.raw, bytes + CHANNEL_HEADER + sent,
			    length - sent, MSG_DONTWAIT);
			if (part > 0)
				sent += (size_t)part;
			got = receive(pair.channel, &message);
		}
		assert_int_equal(got, 1);
		assert_int_equal(message.length, length);
		assert_int_equal(message.descriptor != -1, row->descriptor);
		if (message.descriptor != -1)
			close(message.descriptor);
	}
	free(bytes);
	pair_close(&pair);
}

/* The sending side's word on the same. */
static void
try_send(const struct permission *row, size_t length, bool good)
{
	struct channel *ends[2];
	uint8_t *bytes = calloc(1, length + 1);
	int descriptor = row->descriptor ? open("/dev/null", O_RDONLY) : -1;

	assert_non_null(bytes);
	channels_open(ends, row->from, row->to);
	assert_int_equal(
	    channel_send(ends[0], row->type, 1, 2, descriptor, bytes, length),
	    good ? 0 : -1);
	assert_int_equal(
	    channel_error(ends[0]), good ? CHANNEL_OK : CHANNEL_ERROR_LENGTH);
	channels_close(ends);
	free(bytes);
}

static void
test_every_length(void **state)
{
	const struct permission *table;
	size_t count, i, before = descriptors_open();

	(void)state;
	table = permission_table(&count);
	for (i = 0; i < count; i++) {
		try_length(&table[i], table[i].minimum, true);
		try_send(&table[i], table[i].minimum, true);
		try_length(&table[i], table[i].maximum, true);
		try_send(&table[i], table[i].maximum, true);
		try_length(&table[i], table[i].maximum + 1, false);
		try_send(&table[i], table[i].maximum + 1, false);
		if (table[i].minimum > 0) {
			try_length(&table[i], table[i].minimum - 1, false);
			try_send(&table[i], table[i].minimum - 1, false);
		}
	}
	assert_int_equal(descriptors_open(), before);
}

static void
test_length_four_gigabytes(void **state)
{
	struct pair pair = pair_open(ROLE_QUEUED, ROLE_LISTENER);
	uint8_t bytes[CHANNEL_HEADER];

	(void)state;
	header_put(bytes, MSG_REQUEST, 0, UINT32_MAX);
	raw_send(pair.raw, bytes, sizeof(bytes), NULL, 0);
	expect_refused(&pair, CHANNEL_ERROR_LENGTH);
	assert_in_range(channel_memory(pair.channel), 1, 16384);
	pair_close(&pair);
}

/* Every type there is or could be, from fed-sender to fedd. */
static void
test_every_type(void **state)
{
	uint8_t bytes[CHANNEL_HEADER];
	struct message message;
	struct pair pair;
	unsigned int type;

	(void)state;
	for (type = 0; type <= UINT16_MAX; type++) {
		pair = pair_open(ROLE_FEDD, ROLE_SENDER);
		header_put(bytes, type, 0, 0);
		raw_send(pair.raw, bytes, sizeof(bytes), NULL, 0);
		if (type == MSG_SOCKS_WANTED || type == MSG_READY)
			assert_int_equal(receive(pair.channel, &message), 1);
		else
			expect_refused(&pair, CHANNEL_ERROR_TYPE);
		assert_int_equal(channel_send(pair.channel, (uint16_t)type, 0,
				     0, -1, NULL, 0),
		    type == MSG_SETUP_DONE ? 0 : -1);
		pair_close(&pair);
	}
}

static void
test_flags(void **state)
{
	uint8_t bytes[CHANNEL_HEADER];
	struct pair pair;
	unsigned int bit;

	(void)state;
	for (bit = 0; bit < 16; bit++) {
		pair = pair_open(ROLE_FEDD, ROLE_SENDER);
		header_put(bytes, MSG_SOCKS_WANTED, 1U << bit, 0);
		raw_send(pair.raw, bytes, sizeof(bytes), NULL, 0);
		expect_refused(&pair,
		    bit == 0 ? CHANNEL_ERROR_DESCRIPTOR : CHANNEL_ERROR_FLAGS);
		pair_close(&pair);
	}
}

static void
test_truncated(void **state)
{
	uint8_t bytes[CHANNEL_HEADER + 64] = {0};
	struct message message;
	struct pair pair;
	size_t length;

	(void)state;
	header_put(bytes, MSG_SIGNATURE, 0, 64);
	for (length = 0; length <= sizeof(bytes); length++) {
		pair = pair_open(ROLE_QUEUED, ROLE_SIGNER);
		raw_send(pair.raw, bytes, length, NULL, 0);
		shutdown(pair.raw, SHUT_WR);
		if (length == 0) {
			assert_int_equal(channel_read(pair.channel), 0);
		} else if (length < sizeof(bytes)) {
			expect_refused(&pair, CHANNEL_ERROR_TRUNCATED);
		} else {
			assert_int_equal(receive(pair.channel, &message), 1);
			assert_int_equal(receive(pair.channel, &message), 0);
			assert_int_equal(channel_read(pair.channel), 0);
		}
		pair_close(&pair);
	}
}

/* The other end closed with bytes of ours unread: an end, not an error. */
static void
test_reset(void **state)
{
	struct pair pair = pair_open(ROLE_FEDD, ROLE_SENDER);

	(void)state;
	assert_int_equal(
	    channel_send(pair.channel, MSG_SETUP_DONE, 0, 0, -1, NULL, 0), 0);
	assert_int_equal(channel_flush(pair.channel), 0);
	close(pair.raw);
	assert_int_equal(channel_read(pair.channel), 0);
	assert_int_equal(
	    channel_send(pair.channel, MSG_SETUP_DONE, 0, 0, -1, NULL, 0), 0);
	assert_int_equal(channel_flush(pair.channel), -1);
	assert_int_equal(errno, EPIPE);
	assert_int_equal(channel_error(pair.channel), CHANNEL_ERROR_SYSTEM);
	channel_free(pair.channel);
}

static void
test_byte_by_byte(void **state)
{
	struct pair pair = pair_open(ROLE_FEDD, ROLE_SENDER);
	uint8_t bytes[CHANNEL_HEADER];
	struct message message;
	int round;
	size_t i;

	(void)state;
	header_put(bytes, MSG_SOCKS_WANTED, 0, 0);
	for (round = 0; round < 3; round++)
		for (i = 0; i < sizeof(bytes); i++) {
			assert_int_equal(receive(pair.channel, &message), 0);
			raw_send(pair.raw, bytes + i, 1, NULL, 0);
			if (i + 1 == sizeof(bytes))
				assert_int_equal(
				    receive(pair.channel, &message), 1);
		}
	pair_close(&pair);
}

/* Data that differs at each place. */
static void
data_fill(uint8_t *data, size_t length, uint32_t seed)
{
	size_t i;

	for (i = 0; i < length; i++) {
		seed = seed * 1664525 + 1013904223;
		data[i] = (uint8_t)(seed >> 24);
	}
}

static uint32_t
random_next(uint32_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 17;
	*random ^= *random << 5;
	return *random;
}

static void
message_expect(const struct message *message, uint32_t id, uint8_t *scratch)
{
	assert_int_equal(message->id, id);
	data_fill(scratch, message->length, id);
	assert_int_equal(message->peer, message->length);
	assert_memory_equal(message->data, scratch, message->length);
}

/* Long and short ones mixed, through sockets that take them in parts. */
static void
test_mixed_sizes(void **state)
{
	struct channel *ends[2];
	struct message message;
	uint8_t *data = malloc(MESSAGE_LARGE);
	uint32_t random = 4711, sent = 0, received = 0;
	size_t length;

	(void)state;
	assert_non_null(data);
	channels_open(ends, ROLE_LISTENER, ROLE_QUEUED);
	while (received < 3000) {
		while (sent < 3000 && channel_queued(ends[0]) < 1000000) {
			length = random_next(&random) % 5 == 0
				     ? 300 + random_next(&random) %
						 (MESSAGE_LARGE - 299)
				     : 300 + random_next(&random) % 200;
			data_fill(data, length, sent);
			assert_int_equal(
			    channel_send(ends[0], MSG_REQUEST, sent++,
				(uint32_t)length, -1, data, length),
			    0);
		}
		assert_int_equal(channel_flush(ends[0]), 0);
		while (receive(ends[1], &message) == 1)
			message_expect(&message, received++, data);
		assert_int_equal(channel_error(ends[1]), CHANNEL_OK);
		assert_in_range(
		    channel_memory(ends[1]), 1, MESSAGE_LARGE + 5000);
	}
	channel_shrink(ends[1]);
	assert_in_range(channel_memory(ends[1]), 1, 16384);
	channels_close(ends);
	free(data);
}

/* Shrinking keeps half a message, and what comes after is read. */
static void
test_shrink(void **state)
{
	struct pair pair = pair_open(ROLE_QUEUED, ROLE_LISTENER);
	uint8_t bytes[CHANNEL_HEADER] = {0}, rest[300];
	struct message message;
	size_t big;

	(void)state;
	raw_message(pair.raw, MSG_REQUEST, 0, 100000, NULL, 0);
	header_put(bytes, MSG_REQUEST, 0, 300);
	raw_send(pair.raw, bytes, 8, NULL, 0);
	assert_int_equal(receive(pair.channel, &message), 1);
	assert_int_equal(receive(pair.channel, &message), 0);
	big = channel_memory(pair.channel);
	assert_in_range(big, 100000, 110000);
	channel_shrink(pair.channel);
	assert_int_equal(channel_memory(pair.channel), big);
	raw_send(pair.raw, bytes + 8, 8, NULL, 0);
	memset(rest, 'x', sizeof(rest));
	raw_send(pair.raw, rest, sizeof(rest), NULL, 0);
	assert_int_equal(receive(pair.channel, &message), 1);
	assert_memory_equal(message.data, rest, sizeof(rest));
	channel_shrink(pair.channel);
	assert_in_range(channel_memory(pair.channel), 1, 16384);
	raw_message(pair.raw, MSG_REQUEST, 0, 50000, NULL, 0);
	assert_int_equal(receive(pair.channel, &message), 1);
	assert_int_equal(message.length, 50000);
	pair_close(&pair);
}

/* Fills the queue to its cap with messages of up to size bytes. */
static void
queue_fill(struct channel *channel, uint16_t type, size_t size, size_t cap)
{
	uint8_t *data = calloc(1, size);
	size_t left;

	assert_non_null(data);
	while (channel_queued(channel) + CHANNEL_HEADER + size <= cap)
		assert_int_equal(
		    channel_send(channel, type, 0, 0, -1, data, size), 0);
	left = cap - channel_queued(channel);
	assert_true(left > CHANNEL_HEADER + 300);
	assert_int_equal(channel_send(channel, type, 0, 0, -1, data,
			     left - CHANNEL_HEADER + 1),
	    -1);
	assert_int_equal(channel_error(channel), CHANNEL_ERROR_FULL);
	assert_int_equal(
	    channel_send(channel, type, 0, 0, -1, data, left - CHANNEL_HEADER),
	    0);
	assert_int_equal(channel_queued(channel), cap);
	free(data);
}

static void
test_queue_full(void **state)
{
	struct channel *ends[2];

	(void)state;
	channels_open(ends, ROLE_LISTENER, ROLE_QUEUED);
	queue_fill(ends[0], MSG_REQUEST, MESSAGE_LARGE, CHANNEL_QUEUE_MAX);
	channels_close(ends);
	channels_open(ends, ROLE_QUEUED, ROLE_CONTROL);
	queue_fill(ends[0], MSG_CONTROL_ROW, 4000, CHANNEL_QUEUE_CONTROL);
	channels_close(ends);
}

/* Nothing is read behind messages that were not fetched. */
static void
test_read_waits(void **state)
{
	struct pair pair = pair_open(ROLE_QUEUED, ROLE_LISTENER);
	struct message message;
	int i, count = 0;

	(void)state;
	for (i = 0; i < 10; i++)
		raw_message(pair.raw, MSG_REQUEST, 0, 4096, NULL, 0);
	shutdown(pair.raw, SHUT_WR);
	for (i = 0; i < 50; i++)
		assert_int_equal(channel_read(pair.channel), 1);
	assert_in_range(channel_memory(pair.channel), 1, 21000);
	while (receive(pair.channel, &message) == 1)
		count++;
	assert_int_equal(count, 10);
	assert_int_equal(channel_read(pair.channel), 0);
	pair_close(&pair);
}

static void
test_wait(void **state)
{
	struct channel *ends[2];
	struct message message;

	(void)state;
	channels_open(ends, ROLE_FEDD, ROLE_SENDER);
	assert_int_equal(channel_wait(ends[1], &message, 0), -1);
	assert_int_equal(errno, ETIMEDOUT);
	assert_int_equal(channel_wait(ends[1], &message, 20), -1);
	assert_int_equal(errno, ETIMEDOUT);
	channel_send(ends[0], MSG_SETUP_DONE, 5, 0, -1, NULL, 0);
	channel_send(ends[0], MSG_SETUP_DONE, 6, 0, -1, NULL, 0);
	assert_int_equal(channel_flush_wait(ends[0], 1000), 0);
	channel_free(ends[0]);
	assert_int_equal(channel_wait(ends[1], &message, -1), 1);
	assert_int_equal(message.id, 5);
	assert_int_equal(channel_wait(ends[1], &message, 1000), 1);
	assert_int_equal(message.id, 6);
	assert_int_equal(channel_wait(ends[1], &message, -1), 0);
	channel_free(ends[1]);
}

static void
test_flush_wait_timeout(void **state)
{
	struct pair pair = pair_open(ROLE_QUEUED, ROLE_SENDER);
	uint8_t *data = calloc(1, MESSAGE_LARGE);
	int i;

	(void)state;
	assert_non_null(data);
	for (i = 0; i < 10; i++)
		assert_int_equal(channel_send(pair.channel, MSG_SEND, 0, 0, -1,
				     data, MESSAGE_LARGE),
		    0);
	assert_int_equal(channel_flush_wait(pair.channel, 20), -1);
	assert_int_equal(errno, ETIMEDOUT);
	assert_true(channel_queued(pair.channel) > 0);
	free(data);
	pair_close(&pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_every_length),
	    cmocka_unit_test(test_length_four_gigabytes),
	    cmocka_unit_test(test_every_type),
	    cmocka_unit_test(test_flags),
	    cmocka_unit_test(test_truncated),
	    cmocka_unit_test(test_reset),
	    cmocka_unit_test(test_byte_by_byte),
	    cmocka_unit_test(test_mixed_sizes),
	    cmocka_unit_test(test_shrink),
	    cmocka_unit_test(test_queue_full),
	    cmocka_unit_test(test_read_waits),
	    cmocka_unit_test(test_wait),
	    cmocka_unit_test(test_flush_wait_timeout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
