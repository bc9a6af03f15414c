/* SPDX-License-Identifier: ISC */
/*
 * Whether others can reach us: now and then GET /federation/ping of our own
 * onion service, through tor. What comes of it is shown and logged, and changes
 * nothing else: it is not signed, and nothing waits for it.
 */
#ifndef TORFED_OUTBOUND_SELF_PROBE_H
#define TORFED_OUTBOUND_SELF_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "ipc/channel.h"
#include "proto/code.h"

enum reachable { REACHABLE_UNKNOWN, REACHABLE_YES, REACHABLE_NO };

struct self_probe_state {
	enum reachable reachable;
	enum code code;	   /* why not */
	int64_t checked_s; /* when: since 1970; 0 never */
};

void self_probe_init(void);
/* tor has gone away: looks for it from now on, if probes are made at all. */
void self_probe_soon(void);
/* Whether the last one reached us. */
bool self_probe_good(void);
/* MSG_PROBED; fatal when malformed or not asked for. */
void self_probe_answer(const struct message *);
/* What the last one came to. */
void self_probe_state(struct self_probe_state *);

#endif
