/* SPDX-License-Identifier: ISC */
/*
 * Channels in a libevent loop.
 *
 * Reading is fair: one turn hands out at most TURN_MESSAGES messages and reads
 * at most TURN_READS times, so that a busy sibling or control client cannot
 * keep the others waiting. What is left in the buffer when a turn ends is
 * taken up by a timer of no delay, since the socket need not become readable
 * again. Writing happens once at the end of a turn, in as few calls as
 * possible, and waits for the socket only when it did not take everything.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "events/chanev.h"
#include "events/timer.h"
#include "events/watch.h"

#define TURN_MESSAGES  64
#define TURN_READS     4
#define IDLE_MS	       1000 /* without reading, then memory is given back */

/* More than this much memory for input is worth giving back; bytes. */
#define MEMORY_AT_REST (16U * 1024)

struct chanev {
	struct channel *channel;
	const struct chanev_handlers *handlers;
	void *argument;
	struct event *readable;
	struct event *writable; /* also activated by hand, see above */
	struct event *turn;	/* messages left over from the last turn */
	struct event *idle;
	bool read_lately; /* since the idle timer was set */
	bool paused;
	bool stopped;  /* closed or broken: never reads again */
	bool handling; /* inside a handler */
	bool freed;    /* by that handler */
};

static void
chanev_release(struct chanev *chanev)
{
	event_free(chanev->readable);
	event_free(chanev->writable);
	event_free(chanev->turn);
	event_free(chanev->idle);
	channel_free(chanev->channel);
	free(chanev);
}

static void
chanev_stop(struct chanev *chanev)
{
	chanev->stopped = true;
	event_del(chanev->readable);
	event_del(chanev->writable);
	event_del(chanev->turn);
	event_del(chanev->idle);
}

void
chanev_free(struct chanev *chanev)
{
	if (chanev == NULL)
		return;
	if (!chanev->stopped && channel_queued(chanev->channel) > 0)
		(void)channel_flush(chanev->channel);
	if (chanev->handling) {
		chanev->freed = true;
		chanev_stop(chanev);
		return;
	}
	chanev_release(chanev);
}

void
chanev_handle(struct chanev *chanev, const struct chanev_handlers *handlers,
    void *argument)
{
	chanev->handlers = handlers;
	chanev->argument = argument;
}

struct channel *
chanev_channel(struct chanev *chanev)
{
	return chanev->channel;
}

/* Around every call of a handler. */
static void
handler_enter(struct chanev *chanev)
{
	chanev->handling = true;
}

/* Whether the channel is still there. */
static bool
handler_leave(struct chanev *chanev)
{
	chanev->handling = false;
	if (!chanev->freed)
		return true;
	chanev_release(chanev);
	return false;
}

static void
chanev_closed(struct chanev *chanev)
{
	chanev_stop(chanev);
	if (chanev->handlers->on_close == NULL)
		exit(0);
	handler_enter(chanev);
	chanev->handlers->on_close(chanev->argument);
	handler_leave(chanev);
}

static void
chanev_failed(struct chanev *chanev)
{
	enum channel_error error = channel_error(chanev->channel);
	const char *reason = channel_strerror(error);

	if (error == CHANNEL_ERROR_SYSTEM)
		reason = strerror(errno);
	if (chanev->handlers->on_error == NULL)
		fatal("channel peer=%s error=\"%s\"",
		    role_name(channel_peer(chanev->channel)), reason);
	chanev_stop(chanev);
	handler_enter(chanev);
	chanev->handlers->on_error(error, chanev->argument);
	handler_leave(chanev);
}

/* Long messages took memory: give it back when they cease. */
static void
idle_watch(struct chanev *chanev)
{
	chanev->read_lately = true;
	if (channel_memory(chanev->channel) <= MEMORY_AT_REST ||
	    event_pending(chanev->idle, EV_TIMEOUT, NULL))
		return;
	chanev->read_lately = false;
	timer_arm(chanev->idle, IDLE_MS);
}

static void
on_idle(evutil_socket_t fd, short what, void *argument)
{
	struct chanev *chanev = argument;

	(void)fd;
	(void)what;
	if (chanev->read_lately)
		idle_watch(chanev);
	else
		channel_shrink(chanev->channel);
}

/* Hands out one message; whether the turn may go on. */
static bool
turn_message(struct chanev *chanev, struct message *message)
{
	handler_enter(chanev);
	chanev->handlers->on_message(message, chanev->argument);
	return handler_leave(chanev) && !chanev->paused && !chanev->stopped;
}

/* Reads once; whether the turn may go on. */
static bool
turn_read(struct chanev *chanev)
{
	int got = channel_read(chanev->channel);

	if (got == 1) {
		idle_watch(chanev);
		return true;
	}
	if (got == 0)
		chanev_closed(chanev);
	else if (channel_error(chanev->channel) != CHANNEL_OK)
		chanev_failed(chanev);
	return false;
}

static void
turn_take(struct chanev *chanev)
{
	struct message message;
	int messages = 0, reads = 0, got;

	for (;;) {
		got = channel_next(chanev->channel, &message);
		if (got == -1) {
			chanev_failed(chanev);
			return;
		}
		if (got == 1) {
			if (!turn_message(chanev, &message))
				return;
			if (++messages == TURN_MESSAGES) {
				timer_arm(chanev->turn, 0);
				return;
			}
		} else if (reads++ == TURN_READS || !turn_read(chanev)) {
			return;
		}
	}
}

static void
on_readable(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	turn_take(argument);
}

static void
on_writable(evutil_socket_t fd, short what, void *argument)
{
	struct chanev *chanev = argument;

	(void)fd;
	(void)what;
	if (channel_flush(chanev->channel) == -1) {
		if (errno == EPIPE || errno == ECONNRESET)
			chanev_closed(chanev);
		else
			chanev_failed(chanev);
		return;
	}
	if (channel_queued(chanev->channel) > 0)
		watch_start(chanev->writable);
}

struct chanev *
chanev_new(struct event_base *base, struct channel *channel,
    const struct chanev_handlers *handlers, void *argument)
{
	struct chanev *chanev = xcalloc(1, sizeof(*chanev));
	int fd = channel_descriptor(channel);

	chanev->channel = channel;
	chanev->handlers = handlers;
	chanev->argument = argument;
	chanev->readable = xpointer(
	    event_new(base, fd, EV_READ | EV_PERSIST, on_readable, chanev));
	chanev->writable =
	    xpointer(event_new(base, fd, EV_WRITE, on_writable, chanev));
	chanev->turn = timer_new(base, on_readable, chanev);
	chanev->idle = timer_new(base, on_idle, chanev);
	chanev_resume(chanev);
	/* What was queued, or read and not fetched, during start-up. */
	if (channel_queued(channel) > 0)
		event_active(chanev->writable, EV_WRITE, 0);
	return chanev;
}

int
chanev_send(struct chanev *chanev, uint16_t type, uint32_t id, uint32_t peer,
    int descriptor, const void *data, size_t length)
{
	struct channel *channel = chanev->channel;
	bool first = channel_queued(channel) == 0;

	if (channel_send(channel, type, id, peer, descriptor, data, length) ==
	    -1) {
		if (chanev->handlers->on_error == NULL)
			fatal("channel peer=%s type=%u length=%zu "
			      "error=\"cannot send: %s\"",
			    role_name(channel_peer(channel)), type, length,
			    channel_strerror(channel_error(channel)));
		return -1;
	}
	/* More than nothing was queued: then the flush is due already. */
	if (first && !chanev->stopped)
		event_active(chanev->writable, EV_WRITE, 0);
	return 0;
}

void
chanev_pause(struct chanev *chanev)
{
	chanev->paused = true;
	event_del(chanev->readable);
	event_del(chanev->turn);
}

void
chanev_resume(struct chanev *chanev)
{
	chanev->paused = false;
	if (chanev->stopped)
		return;
	watch_start(chanev->readable);
	timer_arm(chanev->turn, 0);
}
