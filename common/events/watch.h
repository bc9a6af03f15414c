/* SPDX-License-Identifier: ISC */
/* Waiting for a descriptor in a libevent loop. */
#ifndef TORFED_WATCH_H
#define TORFED_WATCH_H

#include <event2/event.h>

/* Waits for what the event is about, without a time-out. Fatal when the kernel
 * refuses: it would stall for ever. */
void watch_start(struct event *);

#endif
