/* SPDX-License-Identifier: ISC */
/* A server's certificates, newest serial first, and what an admin has set;
 * see peer.h. */
#include <string.h>

#include "base/clock.h"
#include "servers/observe.h"
#include "servers/peer.h"

#define RETRIED_MS 1000

const struct cert *
peer_certificate(const struct peer *peer, const uint8_t key_id[32])
{
	unsigned int i;

	for (i = 0; i < peer->certificate_count; i++)
		if (memcmp(peer->certificates[i].key_id, key_id, 32) == 0)
			return &peer->certificates[i].cert;
	return NULL;
}

const struct cert *
peer_certificate_conflict(const struct peer *peer, const struct cert *cert)
{
	uint8_t key_id[32];
	unsigned int i;

	cert_key_id(key_id, cert);
	for (i = 0; i < peer->certificate_count; i++)
		if (peer->certificates[i].cert.serial == cert->serial &&
		    memcmp(peer->certificates[i].key_id, key_id, 32) != 0)
			return &peer->certificates[i].cert;
	return NULL;
}

void
peer_certificate_add(struct peer *peer, const struct cert *cert,
    uint64_t highest_serial, uint64_t min_serial)
{
	struct peer_certificate entry;
	unsigned int i, at;

	if (highest_serial > peer->highest_serial)
		peer->highest_serial = highest_serial;
	if (min_serial > peer->min_serial)
		peer->min_serial = min_serial;
	cert_key_id(entry.key_id, cert);
	entry.cert = *cert;
	if (peer_certificate(peer, entry.key_id) != NULL)
		return;
	/* newest first */
	for (at = 0; at < peer->certificate_count; at++)
		if (peer->certificates[at].cert.serial < cert->serial)
			break;
	if (at == PEER_CERTIFICATES)
		return;
	if (peer->certificate_count < PEER_CERTIFICATES)
		peer->certificate_count++;
	for (i = peer->certificate_count - 1; i > at; i--)
		peer->certificates[i] = peer->certificates[i - 1];
	peer->certificates[at] = entry;
}

/* Tried now, at most once a second; how long it waits after another failure is
 * as it was. So whoever asks again and again makes no storm. */
static void
peer_retry(struct peer *peer)
{
	int64_t now = clock_ms(), at = now;

	if (peer->retried_ms > now) /* that one is still to come */
		at = peer->retried_ms;
	else if (peer->retried_ms != 0 && peer->retried_ms + RETRIED_MS > now)
		at = peer->retried_ms + RETRIED_MS;
	peer->retried_ms = at;
	if (peer->retry_ms > at)
		peer->retry_ms = at;
}

void
peer_administer(struct peer *peer, bool paused, uint32_t woken)
{
	bool changed = peer->paused != paused || peer->woken != woken;

	if (woken != peer->woken)
		peer_retry(peer);
	peer->paused = paused;
	peer->woken = woken;
	if (changed)
		observe_tell(PEER_ADMINISTERED, peer);
}
