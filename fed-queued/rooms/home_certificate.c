/* SPDX-License-Identifier: ISC */
/* The certificate that an event counts under; see home_certificate.h. */
#include <string.h>

#include "env.h"
#include "rooms/home_certificate.h"
#include "servers/evidence.h"
#include "servers/peer_table.h"

void
home_certificates_init(struct room_certificates *certificates,
    const struct cert *given, uint32_t count)
{
	memset(certificates, 0, sizeof(*certificates));
	certificates->given = given;
	certificates->count = count;
}

const struct cert *
home_certificate_find(
    struct room_certificates *certificates, const struct room_event *event)
{
	const uint8_t *home = event->room.home;
	const struct cert *cert;

	certificates->own = NULL;
	if (memcmp(home, env.identity.server, ONION_KEY) == 0)
		certificates->own = &env.certificate;
	/* It may have been added or removed since the last event. */
	certificates->home = peer_table_find(home);
	cert = certificate_choose(certificates, event, clock_now());
	if (certificates->known != NULL)
		evidence_certificates(certificates->home, certificates->known,
		    certificates->contradicts);
	return cert;
}
