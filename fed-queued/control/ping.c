/* SPDX-License-Identifier: ISC */
/*
 * fedctl's ping of a server: a handshake at once and how long it took. It
 * enters nobody and changes no trust, but what it finds counts as with any
 * other ping.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "control/ping.h"
#include "env.h"
#include "outbound/handshake_out.h"
#include "outbound/health.h"
#include "proto/onion.h"
#include "servers/peer_table.h"

struct ping {
	struct control_client *client;
	struct peer *peer; /* referenced */
	int64_t began_ms;
};

static void
ping_row(const struct ping *ping, int64_t ms)
{
	struct msg_control_row row;
	char address[ONION_SIZE];

	onion_format(address, ping->peer->key);
	control_row_init(&row, "ping");
	control_add_string(&row, "server", address);
	control_add_string(&row, "code", code_name(CODE_OK));
	control_add_integer(&row, "ms", ms);
	control_row(ping->client, &row);
}

static void
ping_answered(enum code code, const struct ack_result *result, void *argument)
{
	struct ping *ping = argument;
	int64_t ms = clock_ms() - ping->began_ms;
	char text[128];

	health_settle(ping->peer, ping->began_ms, code, result);
	if (code == CODE_OK)
		ping_row(ping, ms);
	snprintf(
	    text, sizeof(text), "%s (%lld ms)", code_text(code), (long long)ms);
	control_end(ping->client, code, text);
	ping->peer->references--;
	free(ping);
}

/* CODE_OK, or why this server is not pinged. */
static enum code
ping_find(const char *address, struct peer **peer)
{
	uint8_t key[32];
	enum code code = onion_parse(key, address, strlen(address));

	if (code != CODE_OK)
		return code;
	if (!env.has_identity)
		return CODE_INTERNAL;
	if (memcmp(key, env.identity.server, sizeof(key)) == 0)
		return CODE_SELF;
	*peer = peer_table_find(key);
	if (*peer == NULL)
		return CODE_SERVER_UNKNOWN;
	return (*peer)->trust == TRUST_BLOCKED ? CODE_SERVER_BLOCKED : CODE_OK;
}

void
ping_server(struct control_client *client, const struct msg_control *message)
{
	struct peer *peer;
	enum code code = ping_find(message->arguments[0], &peer);
	struct ping *ping;

	if (code != CODE_OK) {
		control_end(client, code, NULL);
		return;
	}
	ping = xcalloc(1, sizeof(*ping));
	ping->client = client;
	ping->peer = peer;
	ping->began_ms = clock_ms();
	peer->references++;
	handshake_ping(peer->key, ping_answered, ping);
}
