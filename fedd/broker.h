/* SPDX-License-Identifier: ISC */
/*
 * The SOCKS descriptor broker: fed-sender cannot make a socket, so it asks for
 * one that is connected, or about to be, to tor's SOCKS port.
 */
#ifndef TORFED_FEDD_BROKER_H
#define TORFED_FEDD_BROKER_H

#include "conf/conf.h"
#include "events/chanev.h"

#define BROKER_RATE  50	 /* connections a second */
#define BROKER_BURST 100 /* at once */
/* Bytes of answers that may lie unread before the asker is given up. */
#define BROKER_QUEUE 4096U

/* Of conf's SOCKS port: call it once. */
void broker_init(const struct conf *, int64_t now_ms);
/* Answers one MSG_SOCKS_WANTED; -1 when the asker does not read answers. */
int broker_answer(struct chanev *, uint32_t id, int64_t now_ms);

#endif
