/* SPDX-License-Identifier: ISC */
/* Who is told what becomes known of servers; see observe.h. */
#include <stddef.h>

#include "base/log.h"
#include "servers/observe.h"

static void (*observers[PEER_EVENTS])(struct peer *);

void
observe(enum peer_event event, void (*observer)(struct peer *))
{
	observers[event] = observer;
}

void
observe_tell(enum peer_event event, struct peer *peer)
{
	if (observers[event] == NULL)
		fatal("nobody observes servers yet");
	observers[event](peer);
}
