/* SPDX-License-Identifier: ISC */
/*
 * The accept loop. The address of the other end is never asked for: it tells
 * nothing on a unix socket, and it has no end of surprises.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http.h"
#include "listener.h"
#include "log.h"

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
	struct timeval tv = {0, ACCEPT_PAUSE_MS * 1000};

	if (acceptor->paused)
		return;
	acceptor->paused = true;
	event_del(&acceptor->ready);
	event_add(&acceptor->retry, &tv);
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
	event_add(&acceptor->ready, NULL);
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
	char head[512];
	size_t length;

	length = http_response_format(
	    head, sizeof(head), 503, strlen(body), true, false, 1, NULL);
	/* Best effort: a fresh socket has room, and nobody waits for it. */
	if (send(fd, head, length, MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE) > 0)
		(void)send(fd, body, strlen(body), MSG_NOSIGNAL | MSG_DONTWAIT);
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

	limit_hit(&listener->limits, LIMIT_DESCRIPTORS, listener_now());
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
		fatal("accept: %s", strerror(error));
	}
}

static void
accept_admit(struct listener *listener, int fd)
{
	size_t taken = connection_count(listener);

	if (taken >= listener->connections_max) {
		limit_hit(&listener->limits, LIMIT_CONNECTIONS, listener_now());
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

/* How many connections the descriptor limit leaves room for. */
static void
accept_capacity(struct listener *listener)
{
	size_t limit = (size_t)listener->settings->connections, room;
	struct rlimit descriptors;

	if (getrlimit(RLIMIT_NOFILE, &descriptors) == -1)
		fatal("getrlimit: %s", strerror(errno));
	/* The reserve took the lowest free one: below it all are in use. */
	room = (size_t)listener->acceptor.reserve + 1 + ACCEPT_SPARE;
	if (descriptors.rlim_cur < room + 2)
		fatal("descriptors: the limit of %llu is too low",
		    (unsigned long long)descriptors.rlim_cur);
	room = descriptors.rlim_cur - room;
	listener->draining_max = room / 8 > DRAINING_MAX ? DRAINING_MAX
				 : room / 8 > 0		 ? room / 8
							 : 1;
	room -= listener->draining_max;
	if (limit > room) {
		log_warning("limit name=connections configured=%zu "
			    "descriptors=%zu: the lower one holds",
		    limit, room);
		limit = room;
	}
	listener->connections_max = limit;
}

void
accept_init(struct listener *listener, int descriptor)
{
	struct acceptor *acceptor = &listener->acceptor;

	acceptor->descriptor = descriptor;
	acceptor->reserve = -1;
	acceptor->paused = false;
	event_assign(&acceptor->ready, listener->base, descriptor,
	    EV_READ | EV_PERSIST, accept_on_ready, listener);
	evtimer_assign(
	    &acceptor->retry, listener->base, accept_on_retry, listener);
	accept_reserve(acceptor);
	if (acceptor->reserve == -1)
		fatal("fcntl: %s", strerror(errno));
	accept_capacity(listener);
}

void
accept_start(struct listener *listener)
{
	event_add(&listener->acceptor.ready, NULL);
}
