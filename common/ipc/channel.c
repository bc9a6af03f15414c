/* SPDX-License-Identifier: ISC */
/*
 * A channel's life, its errors, and the blocking helpers.  Reading stands in
 * channel_receive.c, writing in channel_send.c.
 *
 * Never more than recvmsg(2), sendmsg(2), poll(2) and close(2) are called,
 * with MSG_DONTWAIT in place of O_NONBLOCK, so that the strictest sandbox can
 * forbid fcntl(2) and a descriptor shared with another process keeps its mode.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "ipc/channel_internal.h"

static const char *const role_names[ROLE_COUNT] = {
    [ROLE_FEDD] = "fedd",
    [ROLE_LISTENER] = "fed-listener",
    [ROLE_SIGNER] = "fed-signer",
    [ROLE_SENDER] = "fed-sender",
    [ROLE_QUEUED] = "fed-queued",
    [ROLE_CONTROL] = "fedctl",
};

const char *
role_name(enum role role)
{
	if ((unsigned int)role >= ROLE_COUNT)
		return "unknown";
	return role_names[role];
}

const char *
channel_strerror(enum channel_error error)
{
	switch (error) {
	case CHANNEL_OK:
		return "no error";
	case CHANNEL_ERROR_SYSTEM:
		return "system error";
	case CHANNEL_ERROR_TYPE:
		return "type not permitted";
	case CHANNEL_ERROR_LENGTH:
		return "length not permitted";
	case CHANNEL_ERROR_FLAGS:
		return "unknown flags";
	case CHANNEL_ERROR_DESCRIPTOR:
		return "descriptor missing or not permitted";
	case CHANNEL_ERROR_TRUNCATED:
		return "end of file inside a message";
	case CHANNEL_ERROR_FULL:
		return "too much queued";
	}
	return "unknown error";
}

int
channel_fail(struct channel *channel, enum channel_error error)
{
	channel->error = error;
	if (error == CHANNEL_ERROR_FULL)
		errno = ENOBUFS;
	else if (error != CHANNEL_ERROR_SYSTEM)
		errno = EBADMSG;
	return -1;
}

struct channel *
channel_new(int fd, enum role self, enum role peer)
{
	struct channel *channel;

	if ((unsigned int)self >= ROLE_COUNT ||
	    (unsigned int)peer >= ROLE_COUNT) {
		errno = EINVAL;
		return NULL;
	}
	channel = calloc(1, sizeof(*channel));
	if (channel == NULL)
		return NULL;
	channel->input.data = malloc(CHANNEL_INPUT_SMALL);
	if (channel->input.data == NULL) {
		free(channel);
		return NULL;
	}
	channel->input.size = CHANNEL_INPUT_SMALL;
	channel->fd = fd;
	channel->self = self;
	channel->peer = peer;
	STAILQ_INIT(&channel->output);
	return channel;
}

void
channel_free(struct channel *channel)
{
	if (channel == NULL)
		return;
	channel_input_free(&channel->input);
	channel_output_free(channel);
	close(channel->fd);
	free(channel);
}

int
channel_descriptor(const struct channel *channel)
{
	return channel->fd;
}

enum role
channel_peer(const struct channel *channel)
{
	return channel->peer;
}

enum channel_error
channel_error(const struct channel *channel)
{
	return channel->error;
}

/*
 * Waits for events until the deadline (< 0: for ever): 0 ready, -1 not.
 */
static int
channel_poll(struct channel *channel, short events, int64_t deadline)
{
	struct pollfd poller = {.fd = channel->fd, .events = events};
	int64_t left;
	int ready;

	do {
		left = -1;
		if (deadline >= 0) {
			left = deadline - clock_ms();
			if (left < 0)
				left = 0;
		}
		ready = poll(&poller, 1, (int)left);
	} while (ready == -1 && errno == EINTR);
	if (ready > 0)
		return 0;
	if (ready == 0)
		errno = ETIMEDOUT;
	return channel_fail(channel, CHANNEL_ERROR_SYSTEM);
}

static int64_t
channel_deadline(int timeout_ms)
{
	return timeout_ms < 0 ? -1 : clock_ms() + timeout_ms;
}

int
channel_wait(struct channel *channel, struct message *message, int timeout_ms)
{
	int64_t deadline = channel_deadline(timeout_ms);
	int got;

	for (;;) {
		got = channel_next(channel, message);
		if (got != 0)
			return got;
		if (channel_poll(channel, POLLIN, deadline) == -1)
			return -1;
		got = channel_read(channel);
		if (got == 0)
			return 0;
		if (got == -1 && channel->error != CHANNEL_OK)
			return -1;
	}
}

int
channel_flush_wait(struct channel *channel, int timeout_ms)
{
	int64_t deadline = channel_deadline(timeout_ms);

	for (;;) {
		if (channel_flush(channel) == -1)
			return -1;
		if (channel->queued == 0)
			return 0;
		if (channel_poll(channel, POLLOUT, deadline) == -1)
			return -1;
	}
}
