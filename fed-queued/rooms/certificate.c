/* SPDX-License-Identifier: ISC */
/* The certificate that verifies a state event; see certificate.h. */
#include <string.h>

#include "rooms/certificate.h"

static bool
cert_named(const struct cert *cert, const struct room_event *event)
{
	uint8_t key_id[32];

	cert_key_id(key_id, cert);
	return memcmp(key_id, event->key_id, sizeof(key_id)) == 0 &&
	       memcmp(cert->server, event->room.home, 32) == 0;
}

/*
 * Whether a certificate that came along counts: by its own signature, and
 * unless it contradicts one that we know.
 */
static bool
given_good(struct room_certificates *certificates, uint32_t index,
    const struct room_event *event, int64_t now)
{
	const struct cert *cert = &certificates->given[index];
	const struct cert *known;

	/* Further ahead of our clock than a clock may be wrong. */
	if (cert->serial > (uint64_t)(now + CERT_GRACE_S))
		return false;
	if ((certificates->genuine & 1U << index) == 0) {
		if (cert_verify(cert, event->timestamp) != CODE_OK)
			return false;
		certificates->genuine |= 1U << index;
	}
	if (certificates->home == NULL)
		return true;
	known = peer_certificate_conflict(certificates->home, cert);
	if (known == NULL)
		return true;
	certificates->known = known;
	certificates->contradicts = cert;
	return false;
}

const struct cert *
certificate_choose(struct room_certificates *certificates,
    const struct room_event *event, int64_t now)
{
	const struct cert *cert = NULL;
	uint32_t i;

	certificates->known = NULL;
	certificates->contradicts = NULL;
	if (certificates->own != NULL && cert_named(certificates->own, event))
		cert = certificates->own;
	else if (certificates->home != NULL)
		cert = peer_certificate(certificates->home, event->key_id);
	for (i = 0; cert == NULL && i < certificates->count; i++)
		if (cert_named(&certificates->given[i], event) &&
		    given_good(certificates, i, event, now))
			cert = &certificates->given[i];
	if (cert == NULL || !cert_named(cert, event) ||
	    cert_verify_time(cert, event->timestamp) != CODE_OK)
		return NULL;
	return cert;
}
