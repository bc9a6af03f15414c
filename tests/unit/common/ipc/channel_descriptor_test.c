/* SPDX-License-Identifier: ISC */
/*
 * Descriptors on channels: each goes to the message that it was sent with, one
 * that belongs to none is refused, and none is ever left open.
 */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "channel_pair.h"

static ino_t
inode(int descriptor)
{
	struct stat status;

	assert_int_equal(fstat(descriptor, &status), 0);
	return status.st_ino;
}

/* Twenty pipes' ends between other messages, each to its own message. */
static void
test_descriptors_in_order(void **state)
{
	struct channel *ends[2];
	struct message message;
	size_t before = descriptors_open();
	ino_t inodes[20];
	int pipes[2], i;

	(void)state;
	channels_open(ends, ROLE_FEDD, ROLE_SENDER);
	for (i = 0; i < 20; i++) {
		assert_int_equal(pipe(pipes), 0);
		inodes[i] = inode(pipes[0]);
		close(pipes[1]);
		assert_int_equal(channel_send(ends[0], MSG_SOCKS, (uint32_t)i,
				     0, pipes[0], NULL, 0),
		    0);
		assert_int_equal(channel_send(ends[0], MSG_SOCKS_FAILED, 99, 0,
				     -1, "1234", 4),
		    0);
	}
	assert_int_equal(channel_flush(ends[0]), 0);
	for (i = 0; i < 20; i++) {
		assert_int_equal(receive(ends[1], &message), 1);
		assert_int_equal(message.type, MSG_SOCKS);
		assert_int_equal(message.id, i);
		assert_int_equal(inode(message.descriptor), inodes[i]);
		assert_int_equal(
		    fcntl(message.descriptor, F_GETFD), FD_CLOEXEC);
		close(message.descriptor);
		assert_int_equal(receive(ends[1], &message), 1);
		assert_int_equal(message.type, MSG_SOCKS_FAILED);
		assert_int_equal(message.descriptor, -1);
	}
	assert_int_equal(receive(ends[1], &message), 0);
	channels_close(ends);
	assert_int_equal(descriptors_open(), before);
}

/* What was queued or received and never fetched is closed. */
static void
test_descriptors_freed(void **state)
{
	size_t before = descriptors_open();
	struct channel *ends[2];

	(void)state;
	channels_open(ends, ROLE_FEDD, ROLE_SENDER);
	channel_send(ends[0], MSG_SOCKS, 0, 0, dup(0), NULL, 0);
	assert_int_equal(channel_flush(ends[0]), 0);
	assert_int_equal(channel_read(ends[1]), 1);
	channel_send(ends[0], MSG_SOCKS, 0, 0, dup(0), NULL, 0);
	/* Refused ones are closed as well: type, length, surplus, missing. */
	assert_int_equal(
	    channel_send(ends[0], MSG_READY, 0, 0, dup(0), NULL, 0), -1);
	assert_int_equal(
	    channel_send(ends[0], MSG_SOCKS, 0, 0, dup(0), "x", 1), -1);
	assert_int_equal(
	    channel_send(ends[0], MSG_SETUP_DONE, 0, 0, dup(0), NULL, 0), -1);
	assert_int_equal(channel_error(ends[0]), CHANNEL_ERROR_DESCRIPTOR);
	assert_int_equal(
	    channel_send(ends[0], MSG_SOCKS, 0, 0, -1, NULL, 0), -1);
	assert_int_equal(channel_error(ends[0]), CHANNEL_ERROR_DESCRIPTOR);
	channels_close(ends);
	assert_int_equal(descriptors_open(), before);
}

/* What a hostile end does with descriptors, all refused without a leak. */
enum trick {
	TRICK_UNFLAGGED, /* flag and descriptor left out */
	TRICK_MISSING,	 /* flagged, none comes */
	TRICK_TWO,	 /* two with one message */
	TRICK_SIXTEEN,	 /* more than the control buffer takes */
	TRICK_SURPLUS,	 /* one with a message that carries none */
	TRICK_BEFORE,	 /* with the message in front of the flagged one */
	TRICK_HALF,	 /* with half a header that is not flagged */
	TRICK_QUARTERS,	 /* one with each quarter of a header */
	TRICK_EACH_BYTE	 /* one with each byte of a header */
};

static void
trick_play(enum trick trick, int raw, const int *descriptors)
{
	uint8_t bytes[2 * CHANNEL_HEADER + 4] = {0};
	size_t i;

	switch (trick) {
	case TRICK_UNFLAGGED:
		raw_message(raw, MSG_SOCKS, 0, 0, NULL, 0);
		break;
	case TRICK_MISSING:
		raw_message(raw, MSG_SOCKS, FLAG, 0, NULL, 0);
		break;
	case TRICK_TWO:
		raw_message(raw, MSG_SOCKS, FLAG, 0, descriptors, 2);
		break;
	case TRICK_SIXTEEN:
		raw_message(raw, MSG_SOCKS, FLAG, 0, descriptors, 16);
		break;
	case TRICK_SURPLUS:
		raw_message(raw, MSG_SOCKS_FAILED, 0, 4, descriptors, 1);
		break;
	case TRICK_BEFORE:
		raw_message(raw, MSG_SOCKS_FAILED, 0, 4, descriptors, 1);
		raw_message(raw, MSG_SOCKS, FLAG, 0, NULL, 0);
		break;
	case TRICK_HALF:
		header_put(bytes, MSG_SOCKS_FAILED, 0, 4);
		raw_send(raw, bytes, 8, descriptors, 1);
		raw_send(raw, bytes + 8, CHANNEL_HEADER - 4, NULL, 0);
		break;
	case TRICK_QUARTERS:
		header_put(bytes, MSG_SOCKS, FLAG, 0);
		for (i = 0; i < CHANNEL_HEADER; i += 4)
			raw_send(raw, bytes + i, 4, descriptors, 1);
		break;
	case TRICK_EACH_BYTE:
		header_put(bytes, MSG_SOCKS, FLAG, 0);
		for (i = 0; i < CHANNEL_HEADER; i++)
			raw_send(raw, bytes + i, 1, descriptors, 1);
		break;
	}
}

static void
test_descriptor_tricks(void **state)
{
	size_t before = descriptors_open();
	int descriptors[16], i;
	struct pair pair;

	(void)state;
	for (i = 0; i < 16; i++)
		descriptors[i] = dup(0);
	for (i = TRICK_UNFLAGGED; i <= TRICK_EACH_BYTE; i++) {
		pair = pair_open(ROLE_SENDER, ROLE_FEDD);
		trick_play(i, pair.raw, descriptors);
		expect_refused(&pair, CHANNEL_ERROR_DESCRIPTOR);
		pair_close(&pair);
	}
	for (i = 0; i < 16; i++)
		close(descriptors[i]);
	assert_int_equal(descriptors_open(), before);
}

/* Read apart, a descriptor of the second byte has no message. */
static void
test_descriptor_late(void **state)
{
	struct pair pair = pair_open(ROLE_SENDER, ROLE_FEDD);
	uint8_t bytes[CHANNEL_HEADER];
	struct message message;
	int descriptor = 0;

	(void)state;
	header_put(bytes, MSG_SOCKS, FLAG, 0);
	raw_send(pair.raw, bytes, 1, NULL, 0);
	assert_int_equal(receive(pair.channel, &message), 0);
	raw_send(pair.raw, bytes + 1, CHANNEL_HEADER - 1, &descriptor, 1);
	expect_refused(&pair, CHANNEL_ERROR_DESCRIPTOR);
	pair_close(&pair);
}

/* A message with a descriptor, cut in two, and the next one behind it. */
static void
test_descriptor_pending_twice(void **state)
{
	struct pair pair = pair_open(ROLE_SENDER, ROLE_FEDD);
	uint8_t bytes[CHANNEL_HEADER];
	struct message message;
	int descriptor = 0;
	size_t before = descriptors_open();

	(void)state;
	header_put(bytes, MSG_SOCKS, FLAG, 0);
	raw_send(pair.raw, bytes, 10, &descriptor, 1);
	assert_int_equal(receive(pair.channel, &message), 0);
	raw_send(pair.raw, bytes + 10, CHANNEL_HEADER - 10, NULL, 0);
	raw_send(pair.raw, bytes, sizeof(bytes), &descriptor, 1);
	assert_int_equal(channel_read(pair.channel), 1);
	assert_int_equal(channel_next(pair.channel, &message), 1);
	close(message.descriptor);
	assert_int_equal(receive(pair.channel, &message), 1);
	close(message.descriptor);
	assert_int_equal(receive(pair.channel, &message), 0);
	assert_int_equal(descriptors_open(), before);
	pair_close(&pair);
}

/* One in flight to a receiver that has no number left: refused, no leak. */
static void
none_left(unsigned int type, unsigned int flags, size_t length)
{
	struct pair pair = pair_open(ROLE_SENDER, ROLE_FEDD);
	struct rlimit usual, low;
	int descriptor = 0, taken[64], count = 0;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
	low = usual;
	low.rlim_cur = 64;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	raw_message(pair.raw, type, flags, length, &descriptor, 1);
	while ((taken[count] = dup(0)) != -1)
		count++;
	expect_refused(&pair, CHANNEL_ERROR_DESCRIPTOR);
	while (count > 0)
		close(taken[--count]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
	pair_close(&pair);
}

static void
test_descriptor_none_left(void **state)
{
	size_t before = descriptors_open();

	(void)state;
	none_left(MSG_SOCKS, FLAG, 0);
	none_left(MSG_SOCKS_FAILED, 0, 4); /* it must not have one anyway */
	assert_int_equal(descriptors_open(), before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_descriptors_in_order),
	    cmocka_unit_test(test_descriptors_freed),
	    cmocka_unit_test(test_descriptor_tricks),
	    cmocka_unit_test(test_descriptor_late),
	    cmocka_unit_test(test_descriptor_pending_twice),
	    cmocka_unit_test(test_descriptor_none_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
