/* SPDX-License-Identifier: ISC */
/*
 * From bytes to requests. Exactly one request is read at a time: a byte more
 * than was announced, whenever it comes before the answer, is answered with
 * 400 in place of any other answer, so no bytes are ever taken for a second
 * request that another reader would take for a part of the first.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "answer.h"
#include "base/clock.h"
#include "base/log.h"
#include "events/timer.h"
#include "listener.h"
#include "proxy.h"
#include "receive.h"
#include "request.h"

#define ADMISSION_CHECK_MS 100		  /* while somebody waits */
#define DRAIN_MAX	   (1024U * 1024) /* bytes read and dropped */

static void
receive_refuse(struct connection *connection, int status)
{
	struct listener *listener = connection->listener;

	limit_hit(&listener->limits, LIMIT_MALFORMED, clock_ms());
	request_failed(listener, circuit_number(connection->circuit));
	connection->closing = true;
	answer_status(connection, status, 0);
}

/* More bytes than the request has. */
static void
receive_surplus(struct connection *connection)
{
	connection->whole = false;
	if (connection->pending != PENDING_NONE) {
		pending_abandon(
		    connection->listener->pending, connection->pending);
		connection->pending = PENDING_NONE;
	}
	receive_refuse(connection, 400);
}

/* The client has sent its last byte. It may still read. */
static void
receive_end(struct connection *connection)
{
	struct pollfd look = {.fd = connection->descriptor};

	connection->ended = true;
	switch (connection->state) {
	case STATE_HEAD:
		if (connection->head_length == 0)
			connection_free(connection);
		else
			receive_refuse(connection, 400);
		break;
	case STATE_BODY:
		receive_refuse(connection, 400);
		break;
	case STATE_WAITING:
		event_del(&connection->reading);
		/* Its side of the stream alone, or has it gone? */
		if (poll(&look, 1, 0) == 1 && (look.revents & POLLHUP) != 0)
			connection_free(connection);
		break;
	default:
		connection_free(connection);
	}
}

/* What recv() returned was no byte. */
static void
receive_nothing(struct connection *connection, ssize_t received)
{
	if (received == 0)
		receive_end(connection);
	else if (errno != EAGAIN && errno != EINTR)
		connection_free(connection);
}

/* Keeps bytes (of scratch, or of the head itself) until more come. */
static int
head_keep(struct connection *connection, const char *bytes, size_t length)
{
	char *copy = NULL;

	if (length > 0) {
		copy = malloc(length);
		if (copy == NULL)
			return -1;
		memcpy(copy, bytes, length);
	}
	free(connection->head);
	connection->head = copy;
	connection->head_length = length;
	return 0;
}

/* Adds to what was kept; NULL: no memory. */
static char *
head_add(struct connection *connection, const char *bytes, size_t length)
{
	char *grown;

	grown = realloc(connection->head, connection->head_length + length);
	if (grown == NULL)
		return NULL;
	memcpy(grown + connection->head_length, bytes, length);
	connection->head = grown;
	connection->head_length += length;
	return grown;
}

static void
body_begin(struct connection *connection, const char *bytes, size_t length)
{
	connection->received = length;
	if (connection->discard == 0) {
		connection->body = malloc(connection->request.length);
		if (connection->body == NULL) {
			connection->closing = true;
			answer_status(connection, 503, ANSWER_RETRY_S);
			return;
		}
		memcpy(connection->body, bytes, length);
	}
	head_keep(connection, NULL, 0);
	connection_enter(connection, STATE_BODY);
}

/* The head is whole, and length bytes of the body are there, but not all. */
static void
body_expect(struct connection *connection, const char *bytes, size_t length)
{
	struct listener *listener = connection->listener;
	size_t wanted = connection->request.length;

	if (connection->discard == 0 &&
	    !admission_take(&listener->admission, wanted)) {
		if (head_keep(connection, bytes, length) == -1) {
			connection_free(connection);
			return;
		}
		connection_enter(connection, STATE_ADMISSION);
		timer_arm_once(&listener->admission.next, ADMISSION_CHECK_MS);
		return;
	}
	if (connection->discard == 0) {
		connection->reserved = wanted;
		if (wanted > ADMISSION_FREE)
			limit_pass(&listener->limits, LIMIT_BODY_MEMORY);
	}
	body_begin(connection, bytes, length);
}

/* The head is whole; length bytes follow it. */
static void
head_whole(struct connection *connection, const char *bytes, size_t length)
{
	size_t wanted = connection->request.length;

	connection->discard = request_status(connection);
	switch (connection->discard) {
	case 0:
	case 404:
	case 405:
	case 415:
		break;
	default:
		/* Whether a body follows is not known, or not wanted. */
		receive_refuse(connection, connection->discard);
		return;
	}
	if (length > wanted)
		receive_surplus(connection);
	else if (length == wanted)
		request_complete(connection, bytes, length);
	else
		body_expect(connection, bytes, length);
}

static void
head_parse(struct connection *connection, const char *bytes, size_t length)
{
	struct listener *listener = connection->listener;
	int used, status;

	if (!listener->identified && length > 0) {
		/* We do not know yet who we are: no Host would be right. */
		connection->closing = true;
		answer_status(connection, 503, ANSWER_RETRY_S);
		return;
	}
	used = http_request_parse(
	    &connection->request, bytes, length, listener->host, &status);
	if (used == -1)
		receive_refuse(connection, status);
	else if (used > 0)
		head_whole(connection, bytes + used, length - (size_t)used);
	else if (head_keep(connection, bytes, length) == -1)
		connection_free(connection);
}

/* -1: the line is wrong, or its circuit has enough; the connection is gone. */
static int
proxy_take(struct connection *connection, const char *bytes, size_t length)
{
	struct listener *listener = connection->listener;
	int64_t now_ms = clock_ms();
	uint64_t number;
	int used;

	used = proxy_parse(&number, bytes, length);
	if (used == -1) {
		receive_refuse(connection, 400);
		return -1;
	}
	if (used == 0)
		return 0;
	connection->proxy_wanted = false;
	if (circuit_attach(listener->circuits, number, now_ms,
		&connection->circuit) == -1) {
		limit_hit(
		    &listener->limits, LIMIT_CONNECTIONS_PER_CIRCUIT, now_ms);
		connection->closing = true;
		answer_status(connection, 503, ANSWER_RETRY_S);
		return -1;
	}
	if (number != 0)
		limit_pass(&listener->limits, LIMIT_CONNECTIONS_PER_CIRCUIT);
	return used;
}

void
receive_head(struct connection *connection)
{
	struct listener *listener = connection->listener;
	const char *bytes = listener->scratch;
	ssize_t received;
	size_t length;
	int used = 0;

	received = recv(connection->descriptor, listener->scratch,
	    sizeof(listener->scratch), 0);
	if (received <= 0) {
		receive_nothing(connection, received);
		return;
	}
	length = (size_t)received;
	if (connection->state == STATE_IDLE)
		connection_enter(connection, STATE_HEAD);
	if (connection->head_length > 0) {
		bytes = head_add(connection, bytes, length);
		if (bytes == NULL) {
			connection_free(connection);
			return;
		}
		length = connection->head_length;
	}
	if (connection->proxy_wanted) {
		used = proxy_take(connection, bytes, length);
		if (used == -1)
			return;
	}
	if (!connection->proxy_wanted)
		head_parse(connection, bytes + used, length - (size_t)used);
	else if (head_keep(connection, bytes, length) == -1)
		connection_free(connection);
}

/* Into the body's memory, with one byte more to see what is too much. */
static ssize_t
body_read(struct connection *connection, size_t missing)
{
	struct listener *listener = connection->listener;
	struct iovec parts[2];
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

	if (connection->discard != 0)
		return recv(connection->descriptor, listener->scratch,
		    sizeof(listener->scratch), 0);
	parts[0].iov_base = connection->body + connection->received;
	parts[0].iov_len = missing;
	parts[1].iov_base = listener->scratch;
	parts[1].iov_len = 1;
	return recvmsg(connection->descriptor, &message, 0);
}

void
receive_body(struct connection *connection)
{
	size_t wanted = connection->request.length;
	size_t missing = wanted - connection->received;
	ssize_t received = body_read(connection, missing);

	if (received <= 0)
		receive_nothing(connection, received);
	else if ((size_t)received > missing)
		receive_surplus(connection);
	else {
		connection->received += (size_t)received;
		if (connection->received == wanted)
			request_complete(connection, connection->body, wanted);
	}
}

void
receive_waiting(struct connection *connection)
{
	ssize_t received;
	char byte;

	received = recv(connection->descriptor, &byte, 1, 0);
	if (received <= 0)
		receive_nothing(connection, received);
	else
		receive_surplus(connection);
}

void
receive_draining(struct connection *connection)
{
	struct listener *listener = connection->listener;
	ssize_t received;

	received = recv(connection->descriptor, listener->scratch,
	    sizeof(listener->scratch), 0);
	if (received <= 0) {
		receive_nothing(connection, received);
		return;
	}
	connection->drained += (size_t)received;
	if (connection->drained > DRAIN_MAX)
		connection_free(connection);
}

void
receive_release(struct connection *connection)
{
	struct admission *admission = &connection->listener->admission;

	if (connection->reserved == 0)
		return;
	admission_release(admission, connection->reserved);
	connection->reserved = 0;
	/* Not from here: others would move while one is being freed. */
	if (event_pending(&admission->next, EV_TIMEOUT, NULL))
		timer_arm(&admission->next, 0);
}

/* Takes the place of one body that holds it and does not come. */
static bool
admission_reclaim(struct listener *listener)
{
	struct connection *connection;
	int64_t now_ms = clock_ms();

	TAILQ_FOREACH (connection, &listener->connections[STATE_BODY], entry)
		if (connection->reserved > ADMISSION_FREE &&
		    admission_slow(connection->entered_ms, ADMISSION_GRACE_MS,
			connection->received, now_ms)) {
			limit_hit(&listener->limits, LIMIT_BODY_MEMORY, now_ms);
			connection->closing = true;
			answer_status(connection, 503, ANSWER_RETRY_S);
			return true;
		}
	return false;
}

/*
 * Whether enough of the body has arrived at the socket, where it costs us
 * nothing: one that is announced and does not come never gets memory while
 * others wait.
 */
static bool
admission_ready(const struct connection *connection)
{
	size_t missing = connection->request.length - connection->head_length;
	int there;

	if (ioctl(connection->descriptor, FIONREAD, &there) == -1)
		return false;
	return (size_t)there >=
	       (missing < ADMISSION_READY ? missing : ADMISSION_READY);
}

/* Lets a body that waited begin; false: there is no memory for it. */
static bool
admission_try(struct connection *connection)
{
	struct listener *listener = connection->listener;
	size_t length = connection->request.length;

	while (!admission_take(&listener->admission, length))
		if (!admission_reclaim(listener))
			return false;
	connection->reserved = length;
	limit_pass(&listener->limits, LIMIT_BODY_MEMORY);
	body_begin(connection, connection->head, connection->head_length);
	return true;
}

/* Bodies that wait in line go on in their order, as far as memory goes. */
static void
admission_next(int descriptor, short what, void *argument)
{
	struct listener *listener = argument;
	struct connection_list *line = &listener->connections[STATE_ADMISSION];
	struct connection *connection = TAILQ_FIRST(line), *next;

	(void)descriptor;
	(void)what;
	for (; connection != NULL; connection = next) {
		next = TAILQ_NEXT(connection, entry);
		if (admission_ready(connection) && !admission_try(connection))
			break;
	}
	if (!TAILQ_EMPTY(line))
		timer_arm(&listener->admission.next, ADMISSION_CHECK_MS);
}

void
receive_init(struct listener *listener)
{
	evtimer_assign(&listener->admission.next, listener->base,
	    admission_next, listener);
}
