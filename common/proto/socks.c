/* SPDX-License-Identifier: ISC */
/*
 * SOCKS5 towards tor.  The server at the other end is ours, but what it says
 * is read as if it were not: exact lengths, no byte taken too many.
 */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "proto/onion.h"
#include "proto/socks.h"

#define VERSION		5
#define AUTH_VERSION	1 /* RFC 1929 section 2 */
#define METHOD_PASSWORD 2
#define METHOD_NONE	0xff
#define COMMAND_CONNECT 1
#define ADDRESS_IPV4	1
#define ADDRESS_NAME	3
#define ADDRESS_IPV6	4

/* RFC 1928 section 6, and from F0 tor's proposal 304. */
static const struct {
	uint8_t reply;
	enum code code;
} replies[] = {
    {0x01, CODE_SOCKS_GENERAL},
    {0x02, CODE_SOCKS_RULES},
    {0x03, CODE_SOCKS_NETWORK},
    {0x04, CODE_SOCKS_HOST},
    {0x05, CODE_SOCKS_REFUSED},
    {0x06, CODE_SOCKS_TTL},
    {0x07, CODE_SOCKS_COMMAND},
    {0x08, CODE_SOCKS_COMMAND},
    {0xf0, CODE_ONION_NOT_FOUND},
    {0xf1, CODE_ONION_INVALID},
    {0xf2, CODE_ONION_INTRODUCTION},
    {0xf3, CODE_ONION_RENDEZVOUS},
    {0xf4, CODE_ONION_AUTH_MISSING},
    {0xf5, CODE_ONION_AUTH_WRONG},
    {0xf6, CODE_ONION_ADDRESS},
    {0xf7, CODE_ONION_TIMEOUT},
};

/* label: of what uses the credentials, so that no two share circuits. */
static void
init(struct socks *socks, const uint8_t secret[32], const uint8_t key[32],
    const char *label, uint32_t generation, uint16_t port)
{
	crypto_hash_sha256_state state;
	uint8_t hash[32];

	memset(socks, 0, sizeof(*socks));
	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, secret, 32);
	crypto_hash_sha256_update(&state, key, 32);
	crypto_hash_sha256_update(
	    &state, (const uint8_t *)label, strlen(label));
	crypto_hash_sha256_final(&state, hash);
	hex_encode(socks->user, hash, sizeof(hash));
	snprintf(socks->password, sizeof(socks->password), "%lu",
	    (unsigned long)generation);
	onion_format(socks->host, key);
	socks->port = port;
	socks->state = SOCKS_METHOD;
}

void
socks_init(struct socks *socks, const uint8_t secret[32], const uint8_t key[32],
    uint32_t generation, uint16_t port)
{
	init(socks, secret, key, "", generation, port);
}

void
socks_init_probe(struct socks *socks, const uint8_t secret[32],
    const uint8_t key[32], uint32_t generation, uint16_t port)
{
	init(socks, secret, key, "probe", generation, port);
}

/* One byte of length, then the text. */
static uint8_t *
put_counted(uint8_t *next, const char *text)
{
	size_t length = strlen(text);

	*next++ = (uint8_t)length;
	memcpy(next, text, length);
	return next + length;
}

size_t
socks_write(const struct socks *socks, uint8_t buf[SOCKS_REQUEST_MAX])
{
	uint8_t *next = buf;

	switch (socks->state) {
	case SOCKS_METHOD:
		*next++ = VERSION;
		*next++ = 1; /* one method offered, and no other taken */
		*next++ = METHOD_PASSWORD;
		break;
	case SOCKS_AUTH:
		*next++ = AUTH_VERSION;
		next = put_counted(next, socks->user);
		next = put_counted(next, socks->password);
		break;
	case SOCKS_REPLY:
		*next++ = VERSION;
		*next++ = COMMAND_CONNECT;
		*next++ = 0;
		*next++ = ADDRESS_NAME;
		next = put_counted(next, socks->host);
		*next++ = (uint8_t)(socks->port >> 8);
		*next++ = (uint8_t)(socks->port & 0xff);
		break;
	case SOCKS_DONE:
		break;
	}
	return (size_t)(next - buf);
}

static enum code
read_method(
    struct socks *socks, const uint8_t *buf, size_t length, size_t *used)
{
	if (length >= 1 && buf[0] != VERSION)
		return CODE_SOCKS_PROTOCOL;
	if (length < 2)
		return CODE_OK;
	if (buf[1] == METHOD_NONE)
		return CODE_SOCKS_METHOD;
	if (buf[1] != METHOD_PASSWORD)
		return CODE_SOCKS_PROTOCOL;
	socks->state = SOCKS_AUTH;
	*used = 2;
	return CODE_OK;
}

static enum code
read_auth(struct socks *socks, const uint8_t *buf, size_t length, size_t *used)
{
	if (length >= 1 && buf[0] != AUTH_VERSION)
		return CODE_SOCKS_PROTOCOL;
	if (length < 2)
		return CODE_OK;
	if (buf[1] != 0)
		return CODE_SOCKS_AUTH;
	socks->state = SOCKS_REPLY;
	*used = 2;
	return CODE_OK;
}

static enum code
reply_code(uint8_t reply)
{
	size_t i;

	for (i = 0; i < sizeof(replies) / sizeof(replies[0]); i++)
		if (replies[i].reply == reply)
			return replies[i].code;
	return CODE_SOCKS_GENERAL; /* unassigned, but a failure */
}

/*
 * Bytes of the whole reply, 0 when more must be seen to tell, or -1. The
 * bound address means nothing here, but what follows it does.
 */
static int
reply_length(const uint8_t *buf, size_t length)
{
	if (length >= 3 && buf[2] != 0)
		return -1;
	if (length < 4)
		return 0;
	switch (buf[3]) {
	case ADDRESS_IPV4:
		return 4 + 4 + 2;
	case ADDRESS_IPV6:
		return 4 + 16 + 2;
	case ADDRESS_NAME:
		return length < 5 ? 0 : 4 + 1 + buf[4] + 2;
	default:
		return -1;
	}
}

static enum code
read_reply(struct socks *socks, const uint8_t *buf, size_t length, size_t *used)
{
	int whole;

	if (length >= 1 && buf[0] != VERSION)
		return CODE_SOCKS_PROTOCOL;
	/* A failure is one whatever follows, or does not. */
	if (length >= 2 && buf[1] != 0)
		return reply_code(buf[1]);
	if ((whole = reply_length(buf, length)) == -1)
		return CODE_SOCKS_PROTOCOL;
	if (whole == 0 || length < (size_t)whole)
		return CODE_OK;
	socks->state = SOCKS_DONE;
	*used = (size_t)whole;
	return CODE_OK;
}

enum code
socks_read(struct socks *socks, const uint8_t *buf, size_t length, size_t *used)
{
	*used = 0;
	switch (socks->state) {
	case SOCKS_METHOD:
		return read_method(socks, buf, length, used);
	case SOCKS_AUTH:
		return read_auth(socks, buf, length, used);
	case SOCKS_REPLY:
		return read_reply(socks, buf, length, used);
	case SOCKS_DONE:
		break;
	}
	return CODE_OK;
}
