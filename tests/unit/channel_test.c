/* SPDX-License-Identifier: ISC */
/*
 * Channels: framing, the table's bounds on both sides, descriptors, memory.
 * The hostile end writes raw bytes and descriptors to the socket.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "channel.h"
#include "message.h"

#define FLAG 1 /* carries a descriptor */

/* A raw end, and a channel on the other one. */
struct pair {
	int raw;
	struct channel *channel;
};

static struct pair
pair_open(enum role self, enum role peer)
{
	struct pair pair;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	pair.raw = ends[0];
	pair.channel = channel_new(ends[1], self, peer);
	assert_non_null(pair.channel);
	return pair;
}

static void
pair_close(struct pair *pair)
{
	close(pair->raw);
	channel_free(pair->channel);
}

/* Two channels that face each other. */
static void
channels_open(struct channel *ends[2], enum role first, enum role second)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ends[0] = channel_new(fds[0], first, second);
	ends[1] = channel_new(fds[1], second, first);
	assert_non_null(ends[0]);
	assert_non_null(ends[1]);
}

static void
channels_close(struct channel *ends[2])
{
	channel_free(ends[0]);
	channel_free(ends[1]);
}

static size_t
header_put(
    uint8_t *bytes, unsigned int type, unsigned int flags, uint32_t length)
{
	struct pack pack;

	pack_init(&pack, bytes, CHANNEL_HEADER);
	pack_u16(&pack, (uint16_t)type);
	pack_u16(&pack, (uint16_t)flags);
	pack_u32(&pack, length);
	pack_u32(&pack, 7);
	pack_u32(&pack, 8);
	assert_true(pack_ok(&pack));
	return CHANNEL_HEADER;
}

static void
raw_send(int fd, const void *bytes, size_t length, const int *descriptors,
    size_t count)
{
	char control[CMSG_SPACE(16 * sizeof(int))] = {0};
	struct iovec vector;
	struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};
	struct cmsghdr *item;

	memset(&vector, 0, sizeof(vector));
	vector.iov_len = length;
	vector.iov_base = malloc(length + 1);
	assert_non_null(vector.iov_base);
	memcpy(vector.iov_base, bytes, length);
	if (count > 0) {
		header.msg_control = control;
		header.msg_controllen = CMSG_SPACE(count * sizeof(int));
		item = CMSG_FIRSTHDR(&header);
		item->cmsg_level = SOL_SOCKET;
		item->cmsg_type = SCM_RIGHTS;
		item->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(item), descriptors, count * sizeof(int));
	}
	assert_int_equal(sendmsg(fd, &header, MSG_NOSIGNAL), length);
	free(vector.iov_base);
}

/* A header and length bytes of data. */
static void
raw_message(int fd, unsigned int type, unsigned int flags, size_t length,
    const int *descriptors, size_t count)
{
	uint8_t *bytes = calloc(1, CHANNEL_HEADER + length);

	assert_non_null(bytes);
	header_put(bytes, type, flags, (uint32_t)length);
	raw_send(fd, bytes, CHANNEL_HEADER + length, descriptors, count);
	free(bytes);
}

static size_t
descriptors_open(void)
{
	DIR *directory = opendir("/proc/self/fd");
	size_t count = 0;

	assert_non_null(directory);
	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count;
}

/* Reads until a message, an error or nothing: as channel_next(). */
static int
receive(struct channel *channel, struct message *message)
{
	int got, came;

	for (;;) {
		got = channel_next(channel, message);
		if (got != 0)
			return got;
		came = channel_read(channel);
		if (came == 0)
			return 0;
		if (came == -1)
			return errno == EAGAIN ? 0 : -1;
	}
}

static void
expect_refused(struct pair *pair, enum channel_error error)
{
	struct message message;

	assert_int_equal(receive(pair->channel, &message), -1);
	assert_int_equal(channel_error(pair->channel), error);
	/* And it stays refused. */
	assert_int_equal(channel_next(pair->channel, &message), -1);
	assert_int_equal(channel_read(pair->channel), -1);
	assert_int_equal(channel_error(pair->channel), error);
}

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
	TRICK_MISSING,	/* flagged, none comes */
	TRICK_TWO,	/* two with one message */
	TRICK_SIXTEEN,	/* more than the control buffer takes */
	TRICK_SURPLUS,	/* one with a message that carries none */
	TRICK_BEFORE,	/* with the message in front of the flagged one */
	TRICK_HALF,	/* with half a header that is not flagged */
	TRICK_QUARTERS, /* one with each quarter of a header */
	TRICK_EACH_BYTE /* one with each byte of a header */
};

static void
trick_play(enum trick trick, int raw, const int *descriptors)
{
	uint8_t bytes[2 * CHANNEL_HEADER + 4] = {0};
	size_t i;

	switch (trick) {
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
	for (i = TRICK_MISSING; i <= TRICK_EACH_BYTE; i++) {
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
test_descriptor_none_left(void **state)
{
	size_t before = descriptors_open();
	struct pair pair = pair_open(ROLE_SENDER, ROLE_FEDD);
	struct rlimit usual, low;
	int descriptor = 0, taken[64], count = 0;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
	low = usual;
	low.rlim_cur = 64;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	raw_message(pair.raw, MSG_SOCKS, FLAG, 0, &descriptor, 1);
	while ((taken[count] = dup(0)) != -1)
		count++;
	expect_refused(&pair, CHANNEL_ERROR_DESCRIPTOR);
	while (count > 0)
		close(taken[--count]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
	pair_close(&pair);
	assert_int_equal(descriptors_open(), before);
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

static void
test_queue_full(void **state)
{
	struct channel *ends[2];
	uint8_t *data = calloc(1, MESSAGE_LARGE);
	size_t left, round = CHANNEL_HEADER + MESSAGE_LARGE;

	(void)state;
	assert_non_null(data);
	channels_open(ends, ROLE_LISTENER, ROLE_QUEUED);
	while (channel_queued(ends[0]) + round <= CHANNEL_QUEUE_MAX)
		assert_int_equal(channel_send(ends[0], MSG_REQUEST, 0, 0, -1,
				     data, MESSAGE_LARGE),
		    0);
	left = CHANNEL_QUEUE_MAX - channel_queued(ends[0]);
	assert_true(left > CHANNEL_HEADER + 300);
	assert_int_equal(channel_send(ends[0], MSG_REQUEST, 0, 0, -1, data,
			     left - CHANNEL_HEADER + 1),
	    -1);
	assert_int_equal(channel_error(ends[0]), CHANNEL_ERROR_FULL);
	assert_int_equal(channel_send(ends[0], MSG_REQUEST, 0, 0, -1, data,
			     left - CHANNEL_HEADER),
	    0);
	assert_int_equal(channel_queued(ends[0]), CHANNEL_QUEUE_MAX);
	channels_close(ends);
	free(data);
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
	    cmocka_unit_test(test_descriptors_in_order),
	    cmocka_unit_test(test_descriptors_freed),
	    cmocka_unit_test(test_descriptor_tricks),
	    cmocka_unit_test(test_descriptor_late),
	    cmocka_unit_test(test_descriptor_pending_twice),
	    cmocka_unit_test(test_descriptor_none_left),
	    cmocka_unit_test(test_mixed_sizes),
	    cmocka_unit_test(test_shrink),
	    cmocka_unit_test(test_queue_full),
	    cmocka_unit_test(test_read_waits),
	    cmocka_unit_test(test_wait),
	    cmocka_unit_test(test_flush_wait_timeout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
