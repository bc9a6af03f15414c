/* SPDX-License-Identifier: ISC */
/*
 * A hostile sibling: bytes, in slices and with descriptors where the second
 * byte says so, from any role to any other, into a channel and on to the
 * decoder of each message that comes out. A message that comes out keeps the
 * table's bounds, what decodes is byte for byte what would be encoded, and no
 * descriptor is left open.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/message.h"
#include "ipc/permission.h"
#include "json/wire.h"

#define DEMAND(condition)         \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

/* The second byte. */
#define SLICE_MASK  0x3fU /* bytes of a slice; 0: all at once */
#define SLICE_FIRST 0x40U /* a descriptor with the first slice */
#define SLICE_EACH  0x80U /* one with each */

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static uint8_t room[MESSAGE_LARGE];

/* Decodes and encodes again; -1 when it does not decode. */
typedef int again(const struct message *, struct pack *);

#define AGAIN(name, structure)                                \
	static int name##_again(                              \
	    const struct message *message, struct pack *pack) \
	{                                                     \
		struct structure decoded;                     \
                                                              \
		if (name##_decode(message, &decoded) == -1)   \
			return -1;                            \
		name##_encode(pack, &decoded);                \
		return 0;                                     \
	}
AGAIN(msg_start, msg_start)
AGAIN(msg_go, msg_go)
AGAIN(msg_identity, msg_identity)
AGAIN(msg_sign_state, msg_sign_state)
AGAIN(msg_limits, msg_limits)
AGAIN(msg_control, msg_control)
AGAIN(msg_control_row, msg_control_row)
AGAIN(msg_control_end, msg_control_end)
AGAIN(wire_request, wire_request)
AGAIN(wire_response, wire_response)
AGAIN(wire_send, wire_send)
AGAIN(wire_send_result, wire_send_result)
AGAIN(wire_probe, wire_probe)
AGAIN(wire_probe_result, wire_probe_result)

static int
settings_again(const struct message *message, struct pack *pack)
{
	struct settings settings;
	char database[DATABASE_SIZE];

	if (msg_settings_decode(message, &settings, database) == -1)
		return -1;
	msg_settings_encode(pack, &settings, database);
	return 0;
}

static int
sign_again(const struct message *message, struct pack *pack)
{
	struct msg_sign_envelope sign;
	bool batch = message->type == MSG_SIGN_BATCH;

	if (msg_sign_decode(message, &sign, batch) == -1)
		return -1;
	msg_sign_encode(pack, &sign, batch);
	return 0;
}

static int
u8_again(const struct message *message, struct pack *pack)
{
	int value = msg_u8_decode(message, ROLE_COUNT);

	if (value == -1)
		return -1;
	pack_u8(pack, (uint8_t)value);
	return 0;
}

static int
u32_again(const struct message *message, struct pack *pack)
{
	uint32_t value;

	if (msg_u32_decode(message, &value) == -1)
		return -1;
	pack_u32(pack, value);
	return 0;
}

static again *const agains[MSG_TYPE_COUNT] = {
    [MSG_START] = msg_start_again,
    [MSG_SETTINGS] = settings_again,
    [MSG_DESCRIPTOR] = u8_again,
    [MSG_CHANNEL] = u8_again,
    [MSG_GO] = msg_go_again,
    [MSG_SOCKS_FAILED] = u32_again,
    [MSG_IDENTITY] = msg_identity_again,
    [MSG_SIGN_ENVELOPE] = sign_again,
    [MSG_SIGN_BATCH] = sign_again,
    [MSG_SIGN_REFUSED] = u8_again,
    [MSG_SIGN_STATE] = msg_sign_state_again,
    [MSG_REQUEST] = wire_request_again,
    [MSG_RESPONSE] = wire_response_again,
    [MSG_LIMITS] = msg_limits_again,
    [MSG_SEND] = wire_send_again,
    [MSG_SENT] = wire_send_result_again,
    [MSG_PROBE] = wire_probe_again,
    [MSG_PROBED] = wire_probe_result_again,
    [MSG_CONTROL_REQUEST] = msg_control_again,
    [MSG_CONTROL_ROW] = msg_control_row_again,
    [MSG_CONTROL_END] = msg_control_end_again,
};

static void
message_take(const struct message *message, enum role from, enum role to)
{
	const struct permission *row = permission_find(message->type, from, to);
	struct pack pack;

	DEMAND(row != NULL);
	DEMAND(message->length >= row->minimum);
	DEMAND(message->length <= row->maximum);
	DEMAND((message->descriptor != -1) == row->descriptor);
	if (message->descriptor != -1) {
		DEMAND(fcntl(message->descriptor, F_GETFD) == FD_CLOEXEC);
		close(message->descriptor);
	}
	if (agains[message->type] == NULL)
		return;
	pack_init(&pack, room, sizeof(room));
	if (agains[message->type](message, &pack) == -1)
		return;
	DEMAND(pack_ok(&pack) && pack.length == message->length);
	DEMAND(memcmp(room, message->data, pack.length) == 0);
}

/* Takes all that is there; -1 when the channel is done for. */
static int
channel_drain(struct channel *channel, enum role from, enum role to)
{
	struct message message;
	int got;

	for (;;) {
		while ((got = channel_next(channel, &message)) == 1)
			message_take(&message, from, to);
		if (got == -1) {
			DEMAND(channel_error(channel) != CHANNEL_OK);
			DEMAND(channel_read(channel) == -1);
			return -1;
		}
		got = channel_read(channel);
		if (got == 0)
			return -1;
		if (got == -1)
			return channel_error(channel) == CHANNEL_OK ? 0 : -1;
	}
}

/* How many bytes went. */
static size_t
slice_send(int fd, const uint8_t *data, size_t length, bool descriptor)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec vector = {.iov_len = length};
	struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};
	struct cmsghdr *item;
	ssize_t sent;

	memcpy(&vector.iov_base, &data, sizeof(data));
	if (descriptor) {
		header.msg_control = control;
		header.msg_controllen = sizeof(control);
		item = CMSG_FIRSTHDR(&header);
		item->cmsg_level = SOL_SOCKET;
		item->cmsg_type = SCM_RIGHTS;
		item->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(item), &fd, sizeof(fd));
	}
	sent = sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
	return sent > 0 ? (size_t)sent : 0;
}

static void
stream_play(int fd, struct channel *channel, enum role from, enum role to,
    const uint8_t *data, size_t size)
{
	size_t slice = data[1] & SLICE_MASK, position = 2, part;
	bool descriptor = (data[1] & (SLICE_FIRST | SLICE_EACH)) != 0;

	while (position < size) {
		part = size - position;
		if (slice > 0 && part > slice)
			part = slice;
		position += slice_send(fd, data + position, part, descriptor);
		descriptor = (data[1] & SLICE_EACH) != 0;
		if (channel_drain(channel, from, to) == -1)
			return;
	}
	shutdown(fd, SHUT_WR);
	(void)channel_drain(channel, from, to);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct channel *channel;
	enum role from, to;
	int ends[2], before, after;

	if (size < 2)
		return 0;
	from = (enum role)(data[0] / ROLE_COUNT % ROLE_COUNT);
	to = (enum role)(data[0] % ROLE_COUNT);
	before = dup(STDERR_FILENO);
	close(before);
	DEMAND(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	channel = channel_new(ends[1], to, from);
	DEMAND(channel != NULL);
	stream_play(ends[0], channel, from, to, data, size);
	channel_free(channel);
	close(ends[0]);
	after = dup(STDERR_FILENO);
	close(after);
	DEMAND(before == after);
	return 0;
}
