/* SPDX-License-Identifier: ISC */
/*
 * Answers: written at once where the socket takes them, kept where the client
 * is slow; then the connection waits for its next request, or ends.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "answer.h"
#include "base/log.h"
#include "events/watch.h"
#include "listener.h"

#define HEAD_SIZE 512 /* bytes; enough for any head that we write */

/* After these the client and we may not agree where a next request begins. */
static bool
answer_closes(int status)
{
	static const int closing[] = {400, 408, 411, 413, 417, 431, 505};
	size_t i;

	for (i = 0; i < sizeof(closing) / sizeof(closing[0]); i++)
		if (status == closing[i])
			return true;
	return false;
}

/* The answer is out. */
static void
answer_done(struct connection *connection)
{
	bool whole = connection->whole;

	connection_release(connection);
	free(connection->output);
	connection->output = NULL;
	if (!connection->closing) {
		connection->whole = false;
		connection->discard = 0;
		connection_enter(connection, STATE_IDLE);
	} else if (whole || connection->ended) {
		connection_free(connection);
	} else {
		(void)shutdown(connection->descriptor, SHUT_WR);
		connection_enter(connection, STATE_DRAINING);
	}
}

/* What the socket did not take; sent counts from the head's first byte. */
static void
answer_keep(
    struct connection *connection, const struct iovec parts[2], size_t sent)
{
	size_t total = parts[0].iov_len + parts[1].iov_len, skip;
	char *output = malloc(total - sent);

	if (output == NULL) {
		connection_free(connection);
		return;
	}
	skip = sent < parts[0].iov_len ? sent : parts[0].iov_len;
	memcpy(output, (const char *)parts[0].iov_base + skip,
	    parts[0].iov_len - skip);
	memcpy(output + parts[0].iov_len - skip,
	    (const char *)parts[1].iov_base + (sent - skip),
	    parts[1].iov_len - (sent - skip));
	connection->output = output;
	connection->output_length = total - sent;
	connection->output_sent = 0;
	connection_release(connection);
	connection_enter(connection, STATE_ANSWER);
	watch_start(&connection->writing);
}

static void
answer_write(struct connection *connection, char *head, size_t head_length,
    const char *body, size_t length)
{
	struct iovec parts[2] = {
	    {.iov_base = head, .iov_len = head_length}, {.iov_len = length}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t sent;

	memcpy(&parts[1].iov_base, &body, sizeof(body)); /* not written to */
	sent = sendmsg(connection->descriptor, &message, MSG_NOSIGNAL);
	if (sent == -1 && (errno == EAGAIN || errno == EINTR))
		sent = 0;
	if (sent == -1)
		connection_free(connection); /* the client has gone */
	else if ((size_t)sent == head_length + length)
		answer_done(connection);
	else
		answer_keep(connection, parts, (size_t)sent);
}

static void
answer_send(struct connection *connection, int status, const char *body,
    size_t length, uint32_t retry_after)
{
	char head[HEAD_SIZE];
	size_t head_length;

	if (answer_closes(status) || connection->ended || !connection->whole ||
	    !connection->request.keep_alive)
		connection->closing = true;
	head_length = http_response_format(head, sizeof(head), status, length,
	    true, !connection->closing, retry_after,
	    status == 405 ? http_request_allow(connection->request.target)
			  : NULL);
	log_debug("request status=%d circuit=%llu closing=%d", status,
	    (unsigned long long)circuit_number(connection->circuit),
	    connection->closing);
	if (connection->request.head)
		length = 0; /* RFC 9110 section 9.3.2: only announced */
	answer_write(connection, head, head_length, body, length);
}

void
answer_status(struct connection *connection, int status, uint32_t retry_after)
{
	const char *body = http_status_body(status);

	answer_send(connection, status, body, strlen(body), retry_after);
}

void
answer_body(struct connection *connection, const char *body, size_t length)
{
	answer_send(connection, 200, body, length, 0);
}

void
answer_continue(struct connection *connection)
{
	ssize_t sent;

	sent = send(connection->descriptor,
	    connection->output + connection->output_sent,
	    connection->output_length - connection->output_sent, MSG_NOSIGNAL);
	if (sent == -1) {
		if (errno == EAGAIN || errno == EINTR)
			watch_start(&connection->writing);
		else
			connection_free(connection);
		return;
	}
	connection->output_sent += (size_t)sent;
	if (connection->output_sent == connection->output_length)
		answer_done(connection);
	else
		watch_start(&connection->writing);
}
