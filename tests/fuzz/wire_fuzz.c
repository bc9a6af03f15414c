/* SPDX-License-Identifier: ISC */
/*
 * Messages that carry parts of the protocol: what decodes is byte for byte
 * what would be encoded. The first byte chooses the decoder.
 */
#include <stdlib.h>
#include <string.h>

#include "json/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static uint8_t room[ENVELOPE_MAX + 65536];

static int
request_again(const struct message *message, struct pack *pack)
{
	struct wire_request request;

	if (wire_request_decode(message, &request) == -1)
		return -1;
	wire_request_encode(pack, &request);
	return 0;
}

static int
response_again(const struct message *message, struct pack *pack)
{
	struct wire_response response;

	if (wire_response_decode(message, &response) == -1)
		return -1;
	wire_response_encode(pack, &response);
	return 0;
}

static int
send_again(const struct message *message, struct pack *pack)
{
	struct wire_send send;

	if (wire_send_decode(message, &send) == -1)
		return -1;
	wire_send_encode(pack, &send);
	return 0;
}

static int
sent_again(const struct message *message, struct pack *pack)
{
	struct wire_send_result sent;

	if (wire_send_result_decode(message, &sent) == -1)
		return -1;
	wire_send_result_encode(pack, &sent);
	return 0;
}

static int
probe_again(const struct message *message, struct pack *pack)
{
	struct wire_probe probe;

	if (wire_probe_decode(message, &probe) == -1)
		return -1;
	wire_probe_encode(pack, &probe);
	return 0;
}

static int
probed_again(const struct message *message, struct pack *pack)
{
	struct wire_probe_result probed;

	if (wire_probe_result_decode(message, &probed) == -1)
		return -1;
	wire_probe_result_encode(pack, &probed);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int (*const again[])(const struct message *, struct pack *) = {
	    request_again, response_again, send_again, sent_again, probe_again,
	    probed_again};
	struct message message = {.descriptor = -1};
	struct pack pack;

	if (size == 0)
		return 0;
	message.data = data + 1;
	message.length = size - 1;
	pack_init(&pack, room, sizeof(room));
	if (again[data[0] % 6](&message, &pack) == -1)
		return 0;
	if (!pack_ok(&pack) || pack.length != message.length ||
	    memcmp(room, message.data, pack.length) != 0)
		abort();
	return 0;
}
