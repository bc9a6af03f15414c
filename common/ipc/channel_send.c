/* SPDX-License-Identifier: ISC */
/*
 * A channel's sending side: messages are copied into chunks, short ones side
 * by side, and written with as few calls as there are descriptors.  A
 * descriptor must go out in a call that begins with its message, since the
 * receiver finds it by that (channel_receive.c); so it begins a chunk, and a
 * chunk that has one begins a call.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/channel_internal.h"
#include "ipc/pack.h"
#include "ipc/permission.h"

#define CHUNK_SIZE  (8192U - sizeof(struct channel_chunk)) /* at the least */
#define VECTORS_MAX 16 /* chunks written with one call */

static void
chunk_free(struct channel_chunk *chunk)
{
	if (chunk->descriptor != -1)
		close(chunk->descriptor);
	free(chunk);
}

void
channel_output_free(struct channel *channel)
{
	struct channel_chunk *chunk;

	while ((chunk = STAILQ_FIRST(&channel->output)) != NULL) {
		STAILQ_REMOVE_HEAD(&channel->output, entry);
		chunk_free(chunk);
	}
	channel->queued = 0;
}

size_t
channel_queued(const struct channel *channel)
{
	return channel->queued;
}

static enum channel_error
output_check(const struct channel *channel, uint16_t type, bool descriptor,
    size_t length)
{
	const struct permission *permission;
	size_t cap = CHANNEL_QUEUE_MAX;

	/* Clients are many, and may choose not to read. */
	if (channel->peer == ROLE_CONTROL)
		cap = CHANNEL_QUEUE_CONTROL;
	permission = permission_find(type, channel->self, channel->peer);
	if (permission == NULL)
		return CHANNEL_ERROR_TYPE;
	if (length < permission->minimum || length > permission->maximum)
		return CHANNEL_ERROR_LENGTH;
	if (descriptor != permission->descriptor)
		return CHANNEL_ERROR_DESCRIPTOR;
	if (CHANNEL_HEADER + length > cap - channel->queued)
		return CHANNEL_ERROR_FULL;
	return CHANNEL_OK;
}

/* A chunk with room for need bytes, the last one or a new one. */
static struct channel_chunk *
output_chunk(struct channel *channel, bool fresh, size_t need)
{
	struct channel_chunk *chunk;
	size_t size = need > CHUNK_SIZE ? need : CHUNK_SIZE;

	chunk = STAILQ_LAST(&channel->output, channel_chunk, entry);
	if (!fresh && chunk != NULL && chunk->size - chunk->length >= need)
		return chunk;
	if (fresh)
		size = need;
	chunk = malloc(sizeof(*chunk) + size);
	if (chunk == NULL)
		return NULL;
	*chunk = (struct channel_chunk){.descriptor = -1, .size = size};
	STAILQ_INSERT_TAIL(&channel->output, chunk, entry);
	return chunk;
}

static int
output_append(struct channel *channel, const struct message *message)
{
	size_t need = CHANNEL_HEADER + message->length;
	struct channel_chunk *chunk;
	struct pack pack;

	chunk = output_chunk(channel, message->descriptor != -1, need);
	if (chunk == NULL) {
		errno = ENOMEM;
		return channel_fail(channel, CHANNEL_ERROR_SYSTEM);
	}
	pack_init(&pack, chunk->data + chunk->length, need);
	pack_u16(&pack, message->type);
	pack_u16(
	    &pack, message->descriptor != -1 ? CHANNEL_FLAG_DESCRIPTOR : 0);
	pack_u32(&pack, (uint32_t)message->length);
	pack_u32(&pack, message->id);
	pack_u32(&pack, message->peer);
	pack_bytes(&pack, message->data, message->length);
	if (message->descriptor != -1)
		chunk->descriptor = message->descriptor;
	chunk->length += need;
	channel->queued += need;
	return 0;
}

int
channel_send(struct channel *channel, uint16_t type, uint32_t id, uint32_t peer,
    int descriptor, const void *data, size_t length)
{
	struct message message = {.type = type,
	    .id = id,
	    .peer = peer,
	    .descriptor = descriptor,
	    .data = data,
	    .length = length};
	enum channel_error error;
	int result;

	error = output_check(channel, type, descriptor != -1, length);
	if (error == CHANNEL_OK)
		result = output_append(channel, &message);
	else
		result = channel_fail(channel, error);
	if (result == -1 && descriptor != -1)
		close(descriptor);
	return result;
}

/* The chunks for one call: up to the next that has a descriptor. */
static int
output_gather(struct channel *channel, struct iovec *vectors)
{
	struct channel_chunk *chunk = STAILQ_FIRST(&channel->output);
	int count = 0;

	for (; chunk != NULL; chunk = STAILQ_NEXT(chunk, entry)) {
		if (count == VECTORS_MAX ||
		    (count > 0 && chunk->descriptor != -1))
			break;
		vectors[count].iov_base = chunk->data + chunk->written;
		vectors[count].iov_len = chunk->length - chunk->written;
		count++;
	}
	return count;
}

static void
output_attach(struct msghdr *header, char *memory, size_t size, int descriptor)
{
	struct cmsghdr *control;

	memset(memory, 0, size);
	header->msg_control = memory;
	header->msg_controllen = size;
	control = CMSG_FIRSTHDR(header);
	control->cmsg_level = SOL_SOCKET;
	control->cmsg_type = SCM_RIGHTS;
	control->cmsg_len = CMSG_LEN(sizeof(descriptor));
	memcpy(CMSG_DATA(control), &descriptor, sizeof(descriptor));
}

/* Forgets what was written; the descriptor went with the first byte. */
static void
output_written(struct channel *channel, size_t length)
{
	struct channel_chunk *chunk = STAILQ_FIRST(&channel->output);
	size_t part;

	channel->queued -= length;
	if (chunk->descriptor != -1)
		close(chunk->descriptor);
	chunk->descriptor = -1;
	while (length > 0) {
		chunk = STAILQ_FIRST(&channel->output);
		part = chunk->length - chunk->written;
		if (part > length) {
			chunk->written += length;
			return;
		}
		length -= part;
		STAILQ_REMOVE_HEAD(&channel->output, entry);
		chunk_free(chunk);
	}
}

static ssize_t
output_write(struct channel *channel)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec vectors[VECTORS_MAX];
	struct msghdr header = {.msg_iov = vectors};
	int descriptor = STAILQ_FIRST(&channel->output)->descriptor;
	ssize_t length;

	header.msg_iovlen = (size_t)output_gather(channel, vectors);
	if (descriptor != -1)
		output_attach(&header, control, sizeof(control), descriptor);
	do {
		length =
		    sendmsg(channel->fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (length == -1 && errno == EINTR);
	return length;
}

int
channel_flush(struct channel *channel)
{
	ssize_t length;

	while (!STAILQ_EMPTY(&channel->output)) {
		length = output_write(channel);
		if (length == -1) {
			if (errno == EAGAIN || errno == EWOULDBLOCK)
				return 0;
			return channel_fail(channel, CHANNEL_ERROR_SYSTEM);
		}
		output_written(channel, (size_t)length);
	}
	return 0;
}
