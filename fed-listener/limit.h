/* SPDX-License-Identifier: ISC */
/*
 * What the limiters of limit_names.h let pass and refused here. What is refused
 * is logged at most once a second for each, so that a flood fills no disk.
 */
#ifndef TORFED_FED_LISTENER_LIMIT_H
#define TORFED_FED_LISTENER_LIMIT_H

#include <stdint.h>

#include "ipc/limit_names.h"

struct limit_counters {
	struct {
		uint64_t taken;	   /* since the start */
		uint64_t refused;  /* the same */
		uint64_t logged;   /* of these, already in the log */
		int64_t logged_ms; /* when; 0 never */
	} of[LIMIT_LISTENER_COUNT];
};

/* Counts one that passed. */
void limit_pass(struct limit_counters *, enum limit);
/* Counts one refusal and logs it, now or by a later limit_report(). */
void limit_hit(struct limit_counters *, enum limit, int64_t now_ms);
/* Logs what was held back; to be called about once a second. */
void limit_report(struct limit_counters *, int64_t now_ms);
/* How many refusals to log now; 0 when there are none or it is too early. */
uint64_t limit_due(struct limit_counters *, enum limit, int64_t now_ms);

#endif
