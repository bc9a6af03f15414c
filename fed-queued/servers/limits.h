/* SPDX-License-Identifier: ISC */
/*
 * The limiters of limit_names.h in this process: what each let pass and
 * refused, in the log and for fedctl.
 */
#ifndef TORFED_LIMITS_H
#define TORFED_LIMITS_H

#include "ipc/channel.h"
#include "ipc/limit_names.h"
#include "servers/limiter.h"

struct control_client;
struct msg_control;

void limits_init(void);
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
/* fedctl show limits */
void limits_show(struct control_client *, const struct msg_control *);

#endif
