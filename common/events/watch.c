/* SPDX-License-Identifier: ISC */
/* Waiting for descriptors; see watch.h. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "events/watch.h"

void
watch_start(struct event *event)
{
	if (event_add(event, NULL) == -1)
		fatal("event_add error=\"%s\"", strerror(errno));
}
