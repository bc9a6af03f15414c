/* SPDX-License-Identifier: ISC */
/*
 * A channel's receiving side.
 *
 * Bytes are read into one buffer and messages are handed out from where they
 * lie. Nothing is copied but the beginning of a message that is not whole yet,
 * when the buffer has no room for its rest: at most CHANNEL_INPUT_SMALL bytes,
 * since no read goes further behind a message that is under way than
 * READ_AHEAD. A header is checked against the table before one byte of its
 * data is waited for.
 *
 * Descriptors.  The kernel hands a descriptor over with the first byte that
 * was sent with it, and ends the read behind the bytes that were sent in that
 * call; but what was sent earlier may come in the same read. So a read brings
 * at most one call's descriptors, and which message they belong to follows
 * from the sender's side: it sends a descriptor with the first byte of its
 * message and sets a flag there. A flagged message takes the oldest
 * descriptor, if its first byte came in the same read; what is left when all
 * bytes of that read are consumed belongs to nobody, and is refused before the
 * message that it hides behind is handed out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/channel_internal.h"
#include "ipc/pack.h"
#include "ipc/permission.h"

#define READ_AHEAD   4096U /* bytes read behind a long message */

/* Room for two, so that a second one is seen. */
#define CONTROL_SIZE CMSG_SPACE(2 * sizeof(int))

static int
input_refuse(struct channel *channel, enum channel_error error)
{
	channel->input.refused = error;
	return channel_fail(channel, error);
}

void
channel_input_free(struct channel_input *input)
{
	size_t i;

	for (i = 0; i < input->pending_count; i++)
		close(input->pending[i].descriptor);
	free(input->data);
}

size_t
channel_memory(const struct channel *channel)
{
	return channel->input.size;
}

void
channel_shrink(struct channel *channel)
{
	struct channel_input *input = &channel->input;
	uint8_t *data;

	if (input->head != input->tail || input->size <= CHANNEL_INPUT_SMALL)
		return;
	data = malloc(CHANNEL_INPUT_SMALL);
	if (data == NULL)
		return;
	free(input->data);
	input->data = data;
	input->size = CHANNEL_INPUT_SMALL;
	input->head = input->tail = 0;
}

/*
 * Makes room at the tail for what the message at the head still lacks and a
 * little more; how much may be read, or 0: out of memory.
 */
static size_t
input_room(struct channel_input *input)
{
	size_t have = input->tail - input->head;
	size_t want = CHANNEL_INPUT_SMALL;
	uint8_t *data;

	if (input->needed + READ_AHEAD > want)
		want = input->needed + READ_AHEAD;
	if (want > input->size) {
		data = malloc(want);
		if (data == NULL)
			return 0;
		memcpy(data, input->data + input->head, have);
		free(input->data);
		input->data = data;
		input->size = want;
		input->head = 0;
		input->tail = have;
	} else if (have == 0 || want > input->size - input->head) {
		memmove(input->data, input->data + input->head, have);
		input->head = 0;
		input->tail = have;
	}
	return want - have;
}

/* The only descriptor of a read, -1 none, -2 there was more than one. */
static int
input_descriptor(struct msghdr *header)
{
	struct cmsghdr *control;
	size_t i, count;
	int descriptor, first = -1, total = 0;

	for (control = CMSG_FIRSTHDR(header); control != NULL;
	     control = CMSG_NXTHDR(header, control)) {
		if (control->cmsg_level != SOL_SOCKET ||
		    control->cmsg_type != SCM_RIGHTS)
			continue;
		count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < count; i++) {
			memcpy(&descriptor,
			    CMSG_DATA(control) + i * sizeof(int), sizeof(int));
			if (total++ == 0)
				first = descriptor;
			else
				close(descriptor);
		}
	}
	/* Cut short: what did not fit was closed by the kernel. */
	if (total > 1 || (header->msg_flags & MSG_CTRUNC) != 0) {
		if (first != -1)
			close(first);
		return -2;
	}
	return first;
}

/* Takes up length bytes that were received, and what came with them. */
static int
input_received(struct channel *channel, struct msghdr *header, size_t length)
{
	struct channel_input *input = &channel->input;
	struct channel_pending *pending;
	int descriptor = input_descriptor(header);
	uint64_t begin = input->position + (input->tail - input->head);

	input->tail += length;
	if (descriptor == -1)
		return 1;
	if (descriptor == -2)
		return input_refuse(channel, CHANNEL_ERROR_DESCRIPTOR);
	if (input->pending_count == CHANNEL_PENDING_MAX) {
		close(descriptor);
		return input_refuse(channel, CHANNEL_ERROR_DESCRIPTOR);
	}
	pending = &input->pending[input->pending_count++];
	pending->descriptor = descriptor;
	pending->begin = begin;
	pending->end = begin + length;
	return 1;
}

/* Whether channel_next() has something to do before more is read. */
static bool
input_waiting(const struct channel_input *input)
{
	size_t have = input->tail - input->head;

	if (input->needed > 0)
		return have >= input->needed;
	return have >= CHANNEL_HEADER;
}

static int
input_ended(struct channel *channel)
{
	if (channel->input.head != channel->input.tail)
		return input_refuse(channel, CHANNEL_ERROR_TRUNCATED);
	return 0;
}

int
channel_read(struct channel *channel)
{
	struct channel_input *input = &channel->input;
	_Alignas(struct cmsghdr) char control[CONTROL_SIZE];
	struct iovec vector;
	struct msghdr header = {.msg_iov = &vector,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = sizeof(control)};
	ssize_t length;

	if (input->refused != CHANNEL_OK)
		return channel_fail(channel, input->refused);
	if (input_waiting(input))
		return 1;
	channel->error = CHANNEL_OK;
	vector.iov_len = input_room(input);
	if (vector.iov_len == 0) {
		errno = ENOMEM;
		return input_refuse(channel, CHANNEL_ERROR_SYSTEM);
	}
	vector.iov_base = input->data + input->tail;
	do {
		length = recvmsg(
		    channel->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (length == -1 && errno == EINTR);
	if (length > 0)
		return input_received(channel, &header, (size_t)length);
	/* A reset says only that the other end left bytes of ours unread. */
	if (length == 0 || errno == ECONNRESET)
		return input_ended(channel);
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return -1;
	return input_refuse(channel, CHANNEL_ERROR_SYSTEM);
}

struct header {
	uint16_t type;
	uint16_t flags;
	uint32_t length;
	uint32_t id;
	uint32_t peer;
};

static void
header_decode(const uint8_t *bytes, struct header *header)
{
	struct unpack unpack;

	unpack_init(&unpack, bytes, CHANNEL_HEADER);
	header->type = unpack_u16(&unpack);
	header->flags = unpack_u16(&unpack);
	header->length = unpack_u32(&unpack);
	header->id = unpack_u32(&unpack);
	header->peer = unpack_u32(&unpack);
}

static enum channel_error
header_check(const struct channel *channel, const struct header *header)
{
	const struct permission *permission;
	bool flagged = (header->flags & CHANNEL_FLAG_DESCRIPTOR) != 0;

	permission =
	    permission_find(header->type, channel->peer, channel->self);
	if (permission == NULL)
		return CHANNEL_ERROR_TYPE;
	if ((header->flags & ~CHANNEL_FLAG_DESCRIPTOR) != 0)
		return CHANNEL_ERROR_FLAGS;
	if (header->length < permission->minimum ||
	    header->length > permission->maximum)
		return CHANNEL_ERROR_LENGTH;
	if (flagged != permission->descriptor)
		return CHANNEL_ERROR_DESCRIPTOR;
	return CHANNEL_OK;
}

/* Whether a descriptor came with bytes that end at or before this offset. */
static bool
input_stray(const struct channel_input *input, uint64_t offset)
{
	return input->pending_count > 0 && input->pending[0].end <= offset;
}

/* The descriptor of the message at the head; -1 when it did not come. */
static int
input_claim(struct channel_input *input)
{
	struct channel_pending *first = &input->pending[0];
	int descriptor = first->descriptor;

	if (input->pending_count == 0 || first->begin > input->position ||
	    first->end <= input->position)
		return -1;
	input->pending_count--;
	memmove(first, first + 1, input->pending_count * sizeof(*first));
	return descriptor;
}

/* Hands out the message at the head, which is whole. */
static int
input_deliver(struct channel *channel, const struct header *header,
    struct message *message)
{
	struct channel_input *input = &channel->input;
	int descriptor = -1;

	if ((header->flags & CHANNEL_FLAG_DESCRIPTOR) != 0) {
		descriptor = input_claim(input);
		if (descriptor == -1)
			return input_refuse(channel, CHANNEL_ERROR_DESCRIPTOR);
	}
	if (input_stray(input, input->position + input->needed)) {
		if (descriptor != -1)
			close(descriptor);
		return input_refuse(channel, CHANNEL_ERROR_DESCRIPTOR);
	}
	message->type = header->type;
	message->id = header->id;
	message->peer = header->peer;
	message->descriptor = descriptor;
	message->data = input->data + input->head + CHANNEL_HEADER;
	message->length = header->length;
	input->head += input->needed;
	input->position += input->needed;
	input->needed = 0;
	return 1;
}

int
channel_next(struct channel *channel, struct message *message)
{
	struct channel_input *input = &channel->input;
	size_t have = input->tail - input->head;
	struct header header;
	enum channel_error error;

	if (input->refused != CHANNEL_OK)
		return channel_fail(channel, input->refused);
	if (have < CHANNEL_HEADER)
		return 0;
	header_decode(input->data + input->head, &header);
	if (input->needed == 0) {
		error = header_check(channel, &header);
		if (error != CHANNEL_OK)
			return input_refuse(channel, error);
		input->needed = CHANNEL_HEADER + (size_t)header.length;
	}
	if (have < input->needed)
		return 0;
	return input_deliver(channel, &header, message);
}
