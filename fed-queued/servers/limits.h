/* SPDX-License-Identifier: ISC */
/*
 * The limiters of limit_names.h in this process: what each let pass and
 * refused, in the log and for fedctl.
 */
#ifndef TORFED_SERVERS_LIMITS_H
#define TORFED_SERVERS_LIMITS_H

#include "ipc/channel.h"
#include "ipc/limit_names.h"
#include "servers/limiter.h"

#define LIMITS_UNKNOWN (-1)

/* How a limiter stands. */
struct limit_state {
	enum limit limit;
	int64_t used;	 /* at present, or LIMITS_UNKNOWN; of many the most */
	int64_t maximum; /* 0 no limit */
	int64_t taken;	 /* since the start */
	int64_t refused; /* since the start */
};

void limits_init(void);
/*
 * Of a limiter whose figure only a part above knows: what is in use, and the
 * most. main.c says so once, at start, of REQUESTS_UNDER_WAY, BYTES_UNDER_WAY
 * and INBOX.
 */
void limits_gauge(enum limit, uint64_t (*used)(void), int64_t maximum);
/* Items a minute that a server of a level may send: ten times as many at level
 * 2, a hundred times at 3. 0: no limit. */
int64_t limits_items_rate(int trust);
/* The bucket of FAILURES, STRANGERS or CONFLICTS, which are for all. */
struct limiter *limits_bucket(enum limit);
/* Of one of fed-queued's; never NULL. */
struct limit_counter *limits_counter(enum limit);
/* Logs what was refused, each limiter at most once a second. */
void limits_log(void);
/*
 * MSG_LIMITS: fed-listener's figures, which are shown and never acted on.
 * Fatal when malformed.
 */
void limits_listener(const struct message *);
/* All limiters of fed-listener, then of this process, in their order. */
void limits_each(
    void (*each)(const struct limit_state *, void *), void *argument);

#endif
