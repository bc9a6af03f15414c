/* SPDX-License-Identifier: ISC */
/*
 * What the tests of channels share: a raw end of a socket pair that writes
 * what it likes, with a channel on the other end.
 */
#ifndef TORFED_CHANNEL_PAIR_H
#define TORFED_CHANNEL_PAIR_H

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "ipc/channel.h"
#include "ipc/message.h"

#define FLAG 1 /* carries a descriptor */

/* A raw end, and a channel on the other one. */
struct pair {
	int raw;
	struct channel *channel;
};

static inline struct pair
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

static inline void
pair_close(struct pair *pair)
{
	close(pair->raw);
	channel_free(pair->channel);
}

/* Two channels that face each other. */
static inline void
channels_open(struct channel *ends[2], enum role first, enum role second)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ends[0] = channel_new(fds[0], first, second);
	ends[1] = channel_new(fds[1], second, first);
	assert_non_null(ends[0]);
	assert_non_null(ends[1]);
}

static inline void
channels_close(struct channel *ends[2])
{
	channel_free(ends[0]);
	channel_free(ends[1]);
}

static inline size_t
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

static inline void
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
static inline void
raw_message(int fd, unsigned int type, unsigned int flags, size_t length,
    const int *descriptors, size_t count)
{
	uint8_t *bytes = calloc(1, CHANNEL_HEADER + length);

	assert_non_null(bytes);
	header_put(bytes, type, flags, (uint32_t)length);
	raw_send(fd, bytes, CHANNEL_HEADER + length, descriptors, count);
	free(bytes);
}

static inline size_t
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
static inline int
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

static inline void
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

#endif
