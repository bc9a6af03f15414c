/* SPDX-License-Identifier: ISC */
/*
 * A channel in a libevent loop. When the other end closes, on_close is called;
 * a malformed or forbidden message from a sibling is fatal and names it.
 */
#ifndef TORFED_CHANEV_H
#define TORFED_CHANEV_H

#include "ipc/channel.h"

struct event_base;
struct chanev;

struct chanev_handlers {
	void (*on_message)(struct message *, void *);
	void (*on_close)(void *); /* may be NULL: then exit(0) quietly */
	/*
	 * Malformed input or a system error; NULL: fatal, naming the peer.
	 * The control socket sets it, to close that client alone.
	 */
	void (*on_error)(enum channel_error, void *);
};

/* Takes over the channel. handlers and argument must outlive it. Fatal
 * without memory. */
struct chanev *chanev_new(struct event_base *, struct channel *,
    const struct chanev_handlers *, void *argument);
/*
 * Writes what the socket takes of what is queued, then closes. Safe inside a
 * handler: freed once the handler has returned, and no other is called.
 */
void chanev_free(struct chanev *);
/* Others are called from now on. */
void chanev_handle(
    struct chanev *, const struct chanev_handlers *, void *argument);
struct channel *chanev_channel(struct chanev *);
/*
 * As channel_send(), and arranges for the writing. Fatal where there is no
 * on_error, since a message that a sibling never gets would leave it waiting:
 * the table does not allow it, or too much is queued already.
 */
int chanev_send(struct chanev *, uint16_t type, uint32_t id, uint32_t peer,
    int descriptor, const void *data, size_t length);
/* Stops and resumes reading (back-pressure). */
void chanev_pause(struct chanev *);
void chanev_resume(struct chanev *);

#endif
