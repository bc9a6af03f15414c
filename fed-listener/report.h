/* SPDX-License-Identifier: ISC */
/* What the limiters came to, told to fed-queued for fedctl show limits. */
#ifndef TORFED_FED_LISTENER_REPORT_H
#define TORFED_FED_LISTENER_REPORT_H

#include <stdint.h>

struct listener;

/* Tells fed-queued when something has changed; about once a second. */
void report_send(struct listener *, int64_t now_ms);

#endif
