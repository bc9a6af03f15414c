/* SPDX-License-Identifier: ISC */
/*
 * The loop: poll(2) over the pipe that signals arrive on, the channel to fedd
 * and the channel to the present fed-queued.  All requests that have come are
 * answered before anything is written, so that many answers leave with one
 * call. fed-signer outlives the others: when fed-queued's end closes, it
 * waits for fedd to bring the channel of the next one.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "identity.h"
#include "ipc/channel.h"
#include "request.h"
#include "serve.h"
#include "signer.h"

/* Answers that may wait to be written before requests have to. */
#define QUEUED_BYTES_MAX (256U * 1024)

/* Until acknowledgements are written down, if nothing else is. */
#define PENDING_MS	 1000
#define REFUSED_MS	 1000 /* between two lines about refusals */

enum { POLL_SIGNAL, POLL_PARENT, POLL_QUEUED, POLL_COUNT };

static int signal_pipe[2] = {-1, -1};
static volatile sig_atomic_t serving; /* the pipe is being looked at */

static void
signal_caught(int number)
{
	int saved = errno;
	ssize_t written;

	(void)number;
	if (!serving)
		_exit(0); /* the kernel clears our pages */
	written = write(signal_pipe[1], "", 1);
	(void)written; /* full: then there is one to be read already */
	errno = saved;
}

void
serve_signals(void)
{
	struct sigaction action;

	if (pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) == -1)
		fatal("signer call=pipe2 error=\"%s\"", strerror(errno));
	memset(&action, 0, sizeof(action));
	sigfillset(&action.sa_mask);
	action.sa_handler = signal_caught;
	if (sigaction(SIGTERM, &action, NULL) == -1 ||
	    sigaction(SIGINT, &action, NULL) == -1)
		fatal("signer call=sigaction error=\"%s\"", strerror(errno));
	action.sa_handler = SIG_IGN;
	/* A file that may not grow any more is a log that cannot be written. */
	if (sigaction(SIGHUP, &action, NULL) == -1 ||
	    sigaction(SIGPIPE, &action, NULL) == -1 ||
	    sigaction(SIGXFSZ, &action, NULL) == -1)
		fatal("signer call=sigaction error=\"%s\"", strerror(errno));
}

static void
moment_now(struct moment *now)
{
	now->utc_s = clock_now();
	now->monotonic_ms = clock_ms();
}

static void __attribute__((noreturn))
serve_stop(struct signer *signer, const char *reason)
{
	/* Acknowledgements since the last line of them; the time does not
	 * matter any more. */
	(void)siglog_commit(&signer->log, INT64_MAX);
	log_info("signer stop reason=%s envelopes=%" PRIu64 " batches=%" PRIu64
		 " states=%" PRIu64 " refused=%" PRIu64,
	    reason, signer->envelopes, signer->batches, signer->states,
	    signer->refused);
	exit(0); /* wipes the secret */
}

/* A sibling that sends what it must not is taken for an attacker. */
static void __attribute__((noreturn))
sibling_broken(const struct channel *channel, const char *reason)
{
	fatal("signer peer=%s error=\"%s\"", role_name(channel_peer(channel)),
	    reason);
}

/*
 * Whether the other end is gone: 1 it is, 0 not. One that dies in the middle
 * of a message dies all the same.
 */
static int
channel_gone(const struct channel *channel, int result)
{
	enum channel_error error = channel_error(channel);

	if (result == 0 || error == CHANNEL_ERROR_TRUNCATED)
		return 1;
	if (result == 1 || error == CHANNEL_OK)
		return 0;
	if (error == CHANNEL_ERROR_SYSTEM &&
	    (errno == EPIPE || errno == ECONNRESET))
		return 1;
	sibling_broken(channel, channel_strerror(error));
}

/* Takes over the descriptor; who we are is the first thing it says. */
static struct channel *
queued_open(const struct signer *signer, int descriptor)
{
	uint8_t memory[sizeof(struct msg_identity) + 64];
	struct msg_identity identity;
	struct channel *channel;
	struct pack pack;

	channel = channel_new(descriptor, ROLE_SIGNER, ROLE_QUEUED);
	if (channel == NULL)
		fatal("signer call=channel_new error=\"%s\"", strerror(errno));
	identity = signer->identity->message;
	identity.logged = signer->log.head.mark;
	pack_init(&pack, memory, sizeof(memory));
	msg_identity_encode(&pack, &identity);
	if (!pack_ok(&pack) || channel_send(channel, MSG_IDENTITY, 0, 0, -1,
				   pack.data, pack.length) == -1)
		fatal("signer error=\"identity cannot be sent\"");
	return channel;
}

static void
queued_close(struct channel **queued)
{
	channel_free(*queued);
	*queued = NULL;
	log_info("signer peer=fed-queued channel=closed");
}

/* Of the log of signatures goes on there. */
static void
parent_descriptor(struct signer *signer, const struct channel *parent,
    const struct message *message)
{
	if (msg_u8_decode(message, DESCRIPTOR_COUNT) != DESCRIPTOR_SIGNATURES)
		sibling_broken(parent, "descriptor not permitted now");
	siglog_turn(&signer->log, message->descriptor);
	log_info("signatures file=new");
}

/* fedd says two things while we run: here is the next fed-queued, and the next
 * file for what is signed. */
static void
parent_message(struct signer *signer, const struct channel *parent,
    const struct message *message, struct channel **queued)
{
	uint8_t role;

	if (message->type == MSG_DESCRIPTOR) {
		parent_descriptor(signer, parent, message);
		return;
	}
	if (message->type != MSG_CHANNEL)
		sibling_broken(parent, "type not permitted now");
	if (msg_u8_decode(message, ROLE_COUNT) == -1)
		sibling_broken(parent, "malformed message");
	role = message->data[0];
	if (role != ROLE_QUEUED)
		sibling_broken(parent, "channel to another than fed-queued");
	if (*queued != NULL)
		queued_close(queued);
	*queued = queued_open(signer, message->descriptor);
	log_info("signer peer=fed-queued channel=open");
}

static void
parent_read(
    struct signer *signer, struct channel *parent, struct channel **queued)
{
	struct message message;
	int result;

	if (channel_gone(parent, channel_read(parent)))
		serve_stop(signer, "parent");
	while ((result = channel_next(parent, &message)) == 1)
		parent_message(signer, parent, &message, queued);
	if (result == -1)
		sibling_broken(parent, channel_strerror(channel_error(parent)));
}

/* One line a second at the most: a sibling must not fill the log. */
static void
refusals_log(const struct signer *signer, const struct moment *now)
{
	static const char *const reasons[] = {
	    [SIGN_REFUSED_ORIGIN] = "origin",
	    [SIGN_REFUSED_TYPE] = "type",
	    [SIGN_REFUSED_TIME] = "time",
	    [SIGN_REFUSED_RATE] = "rate",
	    [SIGN_REFUSED_CERTIFICATE] = "certificate",
	    [SIGN_REFUSED_LATER] = "later",
	};
	static uint64_t logged;
	static int64_t logged_ms;

	if (signer->refused == logged ||
	    (logged > 0 && now->monotonic_ms - logged_ms < REFUSED_MS))
		return;
	log_warning("signer refused=%" PRIu64 " last=%s",
	    signer->refused - logged, reasons[signer->last_refusal]);
	logged = signer->refused;
	logged_ms = now->monotonic_ms;
}

static const struct message *
queued_next(void *argument)
{
	static struct message message;
	struct channel *queued = argument;
	int result = channel_next(queued, &message);

	if (result == -1)
		sibling_broken(queued, channel_strerror(channel_error(queued)));
	return result == 1 ? &message : NULL;
}

/* Answers what is there; false when answers wait and requests must, too. */
static bool
queued_answer(struct signer *signer, struct channel *queued)
{
	static struct answer answers[SIGLOG_GROUP];
	struct moment now;
	int count, i;

	moment_now(&now);
	do {
		count =
		    request_answers(signer, &now, queued_next, queued, answers);
		if (count == -1)
			sibling_broken(queued, "malformed message");
		for (i = 0; i < count; i++)
			if (channel_send(queued, answers[i].type, answers[i].id,
				answers[i].peer, -1, answers[i].bytes,
				answers[i].length) == -1)
				fatal("signer error=\"answer cannot be "
				      "sent\"");
	} while (
	    count == SIGLOG_GROUP && channel_queued(queued) < QUEUED_BYTES_MAX);
	refusals_log(signer, &now);
	return count < SIGLOG_GROUP &&
	       channel_queued(queued) < QUEUED_BYTES_MAX;
}

/* Reads if there is something, answers, writes what the socket takes. */
static void
queued_turn(struct signer *signer, struct channel **queued, bool readable)
{
	struct channel *channel = *queued;
	bool drained;

	if (readable && channel_gone(channel, channel_read(channel))) {
		queued_close(queued);
		return;
	}
	do {
		drained = queued_answer(signer, channel);
		if (channel_flush(channel) == -1 && channel_gone(channel, -1)) {
			queued_close(queued);
			return;
		}
	} while (!drained && channel_queued(channel) < QUEUED_BYTES_MAX);
}

/* Whoever does not read its answers gets no more of them. */
static bool
queued_wanted(const struct channel *queued)
{
	return channel_queued(queued) < QUEUED_BYTES_MAX;
}

static void
poll_fill(struct pollfd *polls, const struct channel *parent,
    const struct channel *queued)
{
	memset(polls, 0, POLL_COUNT * sizeof(*polls));
	polls[POLL_SIGNAL].fd = signal_pipe[0];
	polls[POLL_SIGNAL].events = POLLIN;
	polls[POLL_PARENT].fd = channel_descriptor(parent);
	polls[POLL_PARENT].events = POLLIN;
	polls[POLL_QUEUED].fd = -1;
	if (queued == NULL)
		return;
	polls[POLL_QUEUED].fd = channel_descriptor(queued);
	if (queued_wanted(queued))
		polls[POLL_QUEUED].events |= POLLIN;
	if (channel_queued(queued) > 0)
		polls[POLL_QUEUED].events |= POLLOUT;
}

void
serve(struct signer *signer, struct channel *parent, int descriptor)
{
	struct pollfd polls[POLL_COUNT];
	struct channel *queued = NULL;
	struct moment now;
	short ready;

	if (descriptor != -1)
		queued = queued_open(signer, descriptor);
	serving = 1;
	for (;;) {
		poll_fill(polls, parent, queued);
		if (poll(polls, POLL_COUNT,
			siglog_pending(&signer->log) ? PENDING_MS : -1) == -1) {
			if (errno == EINTR)
				continue;
			fatal("signer call=poll error=\"%s\"", strerror(errno));
		}
		if (siglog_pending(&signer->log)) {
			moment_now(&now);
			request_log(signer, &now);
		}
		if (polls[POLL_SIGNAL].revents != 0)
			serve_stop(signer, "signal");
		ready = polls[POLL_QUEUED].revents;
		/* Before fedd may replace the channel that was polled. */
		if (ready != 0)
			queued_turn(signer, &queued,
			    (ready & ~POLLOUT) != 0 && queued_wanted(queued));
		if (polls[POLL_PARENT].revents != 0)
			parent_read(signer, parent, &queued);
	}
}
