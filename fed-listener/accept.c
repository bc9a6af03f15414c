/* SPDX-License-Identifier: ISC */
/*
 * The accept loop. The address of the other end is never asked for: it tells
 * nothing on a unix socket, and it has no end of surprises.
 */
#include <bsd/string.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "answer.h"
#include "base/clock.h"
#include "base/log.h"
#include "events/timer.h"
#include "events/watch.h"
#include "listener.h"
#include "proto/http.h"

#define ACCEPT_BURST	32 /* connections for one wake-up */
#define ACCEPT_PAUSE_MS 100
#define ACCEPT_SPARE	2 /* descriptors that stay unused */
#define DRAINING_MAX	64

static void
accept_reserve(struct acceptor *acceptor)
{
	if (acceptor->reserve == -1)
		acceptor->reserve =
		    fcntl(acceptor->descriptor, F_DUPFD_CLOEXEC, 0);
}

static void
accept_pause(struct listener *listener)
{
	struct acceptor *acceptor = &listener->acceptor;

	if (acceptor->paused)
		return;
	acceptor->paused = true;
	event_del(&acceptor->ready);
	timer_arm(&acceptor->retry, ACCEPT_PAUSE_MS);
}

void
accept_resume(struct listener *listener)
{
	struct acceptor *acceptor = &listener->acceptor;

	accept_reserve(acceptor);
	if (!acceptor->paused)
		return;
	acceptor->paused = false;
	event_del(&acceptor->retry);
	watch_start(&acceptor->ready);
}

static void
accept_on_retry(int fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	accept_resume(argument);
}

/* The last answer of a connection that gets no place: 503 and good-bye. */
static void
accept_refuse(struct listener *listener, int fd)
{
	const char *body = http_status_body(503);
	char answer[512];
	size_t length;

	length = http_response_format(answer, sizeof(answer), 503, strlen(body),
	    true, false, ANSWER_RETRY_S, NULL);
	length += strlcpy(answer + length, body, sizeof(answer) - length);
	/* Best effort: a fresh socket has room, and nobody waits for it. */
	(void)send(fd, answer, length, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(fd, SHUT_WR);
	/* What is unread at close() would become a reset. */
	(void)recv(
	    fd, listener->scratch, sizeof(listener->scratch), MSG_DONTWAIT);
	close(fd);
}

/* No descriptor is free. Whether to go on accepting. */
static bool
accept_exhausted(struct listener *listener)
{
	struct acceptor *acceptor = &listener->acceptor;
	int fd;

	limit_hit(&listener->limits, LIMIT_DESCRIPTORS, clock_ms());
	if (connection_evict(listener, true))
		return true;
	if (acceptor->reserve == -1) {
		accept_pause(listener);
		return false;
	}
	close(acceptor->reserve);
	acceptor->reserve = -1;
	fd = accept4(
	    acceptor->descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd != -1)
		accept_refuse(listener, fd);
	accept_reserve(acceptor);
	if (fd == -1 && (errno == EMFILE || errno == ENFILE))
		accept_pause(listener);
	return fd != -1;
}

/* Whether to go on accepting after a failure. */
static bool
accept_failed(struct listener *listener, int error)
{
	switch (error) {
	case EAGAIN:
		return false;
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
	case EPERM:
		return true;
	case EMFILE:
	case ENFILE:
		return accept_exhausted(listener);
	case ENOMEM:
	case ENOBUFS:
		accept_pause(listener);
		return false;
	default:
		fatal("accept error=\"%s\"", strerror(error));
	}
}

static void
accept_admit(struct listener *listener, int fd)
{
	size_t taken = connection_count(listener);

	if (taken >= listener->connections_max) {
		limit_hit(&listener->limits, LIMIT_CONNECTIONS, clock_ms());
		if (!connection_evict(listener, false)) {
			accept_refuse(listener, fd);
			return;
		}
	}
	if (connection_new(listener, fd) == -1)
		accept_refuse(listener, fd);
}

static void
accept_on_ready(int listening, short what, void *argument)
{
	struct listener *listener = argument;
	int fd, i;

	(void)what;
	for (i = 0; i < ACCEPT_BURST; i++) {
		fd = accept4(
		    listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd != -1)
			accept_admit(listener, fd);
		else if (!accept_failed(listener, errno))
			break;
	}
}

/*
 * How many descriptors there may be beside those that we have; the soft limit
 * rises to what is wished for, where the hard one lets it.
 */
static size_t
accept_room(struct listener *listener, size_t wish)
{
	/* The reserve took the lowest free one: below it all are in use. */
	size_t used = (size_t)listener->acceptor.reserve + 1 + ACCEPT_SPARE;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		fatal("accept call=getrlimit error=\"%s\"", strerror(errno));
	if (limit.rlim_cur < used + wish && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur =
		    limit.rlim_max < used + wish ? limit.rlim_max : used + wish;
		if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
			fatal("accept call=setrlimit error=\"%s\"",
			    strerror(errno));
	}
	if (limit.rlim_cur < used + 2)
		fatal("accept descriptors=%llu error=\"too few\"",
		    (unsigned long long)limit.rlim_cur);
	return limit.rlim_cur - used;
}

/* How many connections there may be, and how many more that drain. */
static void
accept_capacity(struct listener *listener)
{
	size_t wish = (size_t)listener->settings->connections, room, drain;

	room = accept_room(listener, wish + DRAINING_MAX);
	drain = room / 8;
	if (drain > DRAINING_MAX)
		drain = DRAINING_MAX;
	if (drain == 0)
		drain = 1;
	room -= drain;
	if (wish > room)
		log_warning("limit name=connections configured=%zu "
			    "descriptors=%zu",
		    wish, room);
	listener->connections_max = wish < room ? wish : room;
	listener->draining_max = drain;
}

void
accept_init(struct listener *listener, int descriptor)
{
	struct acceptor *acceptor = &listener->acceptor;

	/* It is shared with our predecessors, and set up by none of them. */
	if (evutil_make_socket_nonblocking(descriptor) == -1)
		fatal("accept call=fcntl error=\"%s\"", strerror(errno));
	acceptor->descriptor = descriptor;
	acceptor->reserve = -1;
	acceptor->paused = false;
	event_assign(&acceptor->ready, listener->base, descriptor,
	    EV_READ | EV_PERSIST, accept_on_ready, listener);
	evtimer_assign(
	    &acceptor->retry, listener->base, accept_on_retry, listener);
	accept_reserve(acceptor);
	if (acceptor->reserve == -1)
		fatal("accept call=fcntl error=\"%s\"", strerror(errno));
	accept_capacity(listener);
}

void
accept_start(struct listener *listener)
{
	if (listener->acceptor.paused)
		return;
	watch_start(&listener->acceptor.ready);
}
