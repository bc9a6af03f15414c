/* SPDX-License-Identifier: ISC */
/*
 * A link's life. Every descriptor is used without waiting, whatever mode it
 * came in; every phase has a deadline; what a failure means depends on the
 * phase, and in each the request is answered for exactly once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "answer.h"
#include "base/alloc.h"
#include "base/log.h"
#include "events/timer.h"
#include "events/watch.h"
#include "link.h"
#include "proto/code.h"
#include "proto/onion.h"
#include "sender.h"

#define ONION_PORT 80

static void link_on_read(int, short, void *);
static void link_on_write(int, short, void *);
static void link_on_timer(int, short, void *);

struct link *
link_of(struct slot *slot)
{
	return (struct link *)(void *)slot;
}

/* A probe's link takes nobody's place in the pool. */
static bool
link_pooled(const struct link *link)
{
	return link->slot.destination != NULL;
}

/* Ends a link that has no job any more. */
static void
link_free(struct link *link)
{
	struct sender *sender = link->sender;

	if (link->job != NULL)
		fatal("link freed with a job");
	event_del(&link->timer);
	if (link->descriptor != -1) {
		event_del(&link->reading);
		event_del(&link->writing);
		close(link->descriptor);
	}
	if (link_pooled(link))
		pool_remove(sender->pool, &link->slot);
	free(link->input);
	free(link);
	sender_kick(sender);
}

void
link_close(struct link *link)
{
	link_free(link);
}

/* The job has failed, and the link with it. */
static void
link_fail(struct link *link, enum code code)
{
	struct job *job = link->job;

	link->job = NULL;
	sender_fail(link->sender, job, code);
	link_free(link);
}

void
link_open(struct sender *sender, struct job *job)
{
	struct link *link = xcalloc(1, sizeof(*link));

	if (!job->probe)
		pool_connect(sender->pool, &link->slot, job);
	link->sender = sender;
	link->descriptor = -1;
	link->state = LINK_WANTED;
	link->job = job;
	evtimer_assign(&link->timer, sender->base, link_on_timer, link);
	timer_arm(&link->timer, sender->settings->connect_timeout_ms);
	broker_want(sender, link);
}

void
link_refused(struct link *link)
{
	link_fail(link, CODE_TOR_DOWN);
}

/*
 * The connection is gone. A kept one may have been closed by the other side
 * just before we used it: while no byte of an answer has come the request is
 * made once more, over a new one. (If it was taken after all, the receiver
 * knows its ids.)
 */
static void
link_lost(struct link *link)
{
	struct job *job = link->job;

	if (link->state == LINK_SOCKS) {
		/* tor answers before it closes; half an answer is wrong. */
		link_fail(link, link->input_length > 0 ? CODE_SOCKS_PROTOCOL
						       : CODE_TOR_DOWN);
	} else if (link->reused && !link->answered && !job->fresh) {
		link->job = NULL;
		sender_retry(link->sender, job);
		link_free(link);
	} else
		link_fail(link, CODE_CLOSED);
}

/*
 * Writes what is left of output, and of the job's body behind it. 1 all is
 * out, 0 not yet, -1 nobody takes it.
 */
static int
link_write(struct link *link, const char *body, size_t length)
{
	struct iovec parts[2];
	struct msghdr message = {.msg_iov = parts};
	size_t total = link->output_length + length, skip;
	ssize_t sent;

	skip = link->output_sent < link->output_length ? link->output_sent
						       : link->output_length;
	parts[0].iov_base = (char *)&link->output + skip;
	parts[0].iov_len = link->output_length - skip;
	message.msg_iovlen = 1;
	if (length > 0) {
		skip = link->output_sent - skip;
		body += skip;
		memcpy(&parts[1].iov_base, &body, sizeof(body));
		parts[1].iov_len = length - skip;
		message.msg_iovlen = 2;
	}
	sent = sendmsg(link->descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent == -1 && errno != EAGAIN && errno != EINTR)
		return -1;
	if (sent > 0)
		link->output_sent += (size_t)sent;
	if (link->output_sent == total) {
		event_del(&link->writing);
		return 1;
	}
	watch_start(&link->writing);
	return 0;
}

/* Says what SOCKS has us say now. */
static void
socks_say(struct link *link)
{
	link->output_length = socks_write(&link->socks, link->output.socks);
	link->output_sent = 0;
	if (link_write(link, NULL, 0) == -1)
		link_fail(link, CODE_TOR_DOWN);
}

static void
request_write(struct link *link)
{
	struct job *job = link->job;

	switch (link_write(link, job->body, job->length)) {
	case 1:
		link->state = LINK_ANSWER;
		break;
	case -1:
		/*
		 * The peer may have answered before it closed: what can be
		 * read decides, or the end of file does.
		 */
		event_del(&link->writing);
		break;
	default:
		break;
	}
	if (link->output_sent > 0)
		job->started = true;
}

static const char *
job_path(const struct job *job)
{
	if (job->probe)
		return "/federation/ping";
	return job->handshake ? "/federation/handshake" : "/federation/message";
}

static void
request_begin(struct link *link)
{
	const struct settings *settings = link->sender->settings;
	struct job *job = link->job;

	link->output_length =
	    http_request_format(link->output.head, sizeof(link->output.head),
		!job->probe, job_path(job), link->socks.host, job->length);
	link->output_sent = 0;
	link->answered = false;
	link->head_length = 0;
	link->slot.brief = job->handshake;
	link->state = LINK_SENDING;
	timer_arm(&link->timer, job->handshake || job->probe
				    ? settings->handshake_timeout_ms
				    : settings->message_timeout_ms);
	request_write(link);
}

void
link_use(struct link *link, struct job *job)
{
	link->job = job;
	link->reused = true;
	request_begin(link);
}

void
link_start(struct link *link, int descriptor)
{
	struct sender *sender = link->sender;

	link->descriptor = descriptor;
	link->state = LINK_SOCKS;
	event_assign(&link->reading, sender->base, descriptor,
	    EV_READ | EV_PERSIST, link_on_read, link);
	event_assign(&link->writing, sender->base, descriptor, EV_WRITE,
	    link_on_write, link);
	watch_start(&link->reading);
	(link->job->probe ? socks_init_probe : socks_init)(&link->socks,
	    sender->secret, link->job->key, link->job->generation, ONION_PORT);
	socks_say(link);
}

static void
link_rest(struct link *link)
{
	struct sender *sender = link->sender;

	free(link->input);
	link->input = NULL;
	link->input_length = link->input_size = 0;
	link->state = LINK_IDLE;
	if (!pool_current(&link->slot)) {
		link_free(link);
		return;
	}
	timer_arm(&link->timer, sender->settings->sender_idle_ms);
	pool_rest(sender->pool, &link->slot);
	sender_kick(sender); /* it may have work, or be one too many */
}

static void
socks_took(struct link *link, size_t length)
{
	struct sender *sender = link->sender;

	if (length > 0) {
		/* It answers before it was asked. */
		link_fail(link, link->socks.state == SOCKS_DONE
				    ? CODE_ANSWER_HTTP
				    : CODE_SOCKS_PROTOCOL);
		return;
	}
	if (link->socks.state != SOCKS_DONE) {
		socks_say(link);
		return;
	}
	free(link->input);
	link->input = NULL;
	link->input_length = link->input_size = 0;
	if (link_pooled(link))
		pool_connected(sender->pool, &link->slot);
	sender_kick(sender); /* a place for one more that connects */
	request_begin(link);
}

/* A whole reply moves SOCKS on; half of one is kept. */
static void
socks_take(struct link *link, size_t length)
{
	enum socks_state before = link->socks.state;
	enum code code;
	size_t used;

	link->input_length += length;
	code = socks_read(&link->socks, (const uint8_t *)link->input,
	    link->input_length, &used);
	if (code != CODE_OK) {
		link_fail(link, code);
		return;
	}
	link->input_length -= used;
	memmove(link->input, link->input + used, link->input_length);
	if (link->socks.state != before)
		socks_took(link, link->input_length);
	else if (link->input_length == link->input_size)
		link_fail(link, CODE_SOCKS_PROTOCOL);
}

static void
read_socks(struct link *link)
{
	ssize_t received;

	if (link->input == NULL) {
		link->input = xmalloc(SOCKS_REPLY_MAX + 1);
		link->input_size = SOCKS_REPLY_MAX + 1;
	}
	received = recv(link->descriptor, link->input + link->input_length,
	    link->input_size - link->input_length, MSG_DONTWAIT);
	if (received > 0)
		socks_take(link, (size_t)received);
	else if (received == 0 || (errno != EAGAIN && errno != EINTR))
		link_lost(link);
}

static void
read_answer(struct link *link)
{
	struct sender *sender = link->sender;
	ssize_t received;

	received = recv(link->descriptor, sender->scratch,
	    sizeof(sender->scratch), MSG_DONTWAIT);
	if (received <= 0) {
		if (received == 0 || (errno != EAGAIN && errno != EINTR))
			link_lost(link);
		return;
	}
	switch (answer_take(link, sender->scratch, (size_t)received)) {
	case ANSWER_MORE:
		break;
	case ANSWER_KEEP:
		link_rest(link);
		break;
	case ANSWER_END:
		link_free(link);
		break;
	}
}

static void
link_on_read(int descriptor, short what, void *argument)
{
	struct link *link = argument;

	(void)descriptor;
	(void)what;
	switch (link->state) {
	case LINK_SOCKS:
		read_socks(link);
		break;
	case LINK_SENDING:
	case LINK_ANSWER:
		read_answer(link);
		break;
	default:
		/* Nobody has been asked anything: an end, or nonsense. */
		link_free(link);
	}
}

static void
link_on_write(int descriptor, short what, void *argument)
{
	struct link *link = argument;

	(void)descriptor;
	(void)what;
	if (link->state == LINK_SENDING)
		request_write(link);
	else if (link_write(link, NULL, 0) == -1)
		link_fail(link, CODE_TOR_DOWN);
}

static void
link_on_timer(int descriptor, short what, void *argument)
{
	struct link *link = argument;

	(void)descriptor;
	(void)what;
	switch (link->state) {
	case LINK_WANTED:
		broker_forget(link->sender, link);
		link_fail(link, CODE_TIMEOUT_CONNECT);
		break;
	case LINK_SOCKS:
		link_fail(link, CODE_TIMEOUT_CONNECT);
		break;
	case LINK_SENDING:
		link_fail(link, CODE_TIMEOUT_SEND);
		break;
	case LINK_ANSWER:
		link_fail(link, CODE_TIMEOUT_ANSWER);
		break;
	case LINK_IDLE:
		link_free(link);
		break;
	}
}
