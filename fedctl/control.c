/* SPDX-License-Identifier: ISC */
/*
 * The client of the control socket: one request, rows, and an end that says
 * how it went.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "channel.h"
#include "fedctl.h"
#include "onion.h"
#include "sandbox.h"

#define WAIT_MS		  (60 * 1000)
#define WAIT_HANDSHAKE_MS (400 * 1000)

struct verb {
	enum action action;
	enum control_verb verb;
	bool list; /* a table, however many rows */
	int wait_ms;
};
static const struct verb verbs[] = {
    {ACTION_STATUS, CONTROL_STATUS, false, WAIT_MS},
    {ACTION_SHOW_SERVERS, CONTROL_SHOW_SERVERS, true, WAIT_MS},
    {ACTION_SHOW_QUEUE, CONTROL_SHOW_QUEUE, true, WAIT_MS},
    {ACTION_SERVER_ADD, CONTROL_SERVER_ADD, false, WAIT_MS},
    {ACTION_SERVER_TRUST, CONTROL_SERVER_TRUST, false, WAIT_MS},
    {ACTION_SERVER_BLOCK, CONTROL_SERVER_BLOCK, false, WAIT_MS},
    {ACTION_HANDSHAKE, CONTROL_HANDSHAKE, false, WAIT_HANDSHAKE_MS},
};

static const struct verb *
verb_find(enum action action)
{
	size_t i;

	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (verbs[i].action == action)
			return &verbs[i];
	fail(CODE_INTERNAL);
}

static void daemon_gone(const char *) __attribute__((noreturn));

static void
daemon_gone(const char *why)
{
	fail_text(EXIT_DAEMON, code_name(CODE_NO_DAEMON), "%s: %s",
	    code_text(CODE_NO_DAEMON), why);
}

static int
control_connect(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd;

	if (path[0] == '\0' || strlen(path) >= sizeof(to.sun_path))
		fail_text(EXIT_DATA, code_name(CODE_FILE),
		    "SOCKET is empty or longer than %zu bytes",
		    sizeof(to.sun_path) - 1);
	memcpy(to.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		fail(CODE_INTERNAL);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1) {
		if (errno == EACCES || errno == EPERM)
			fail(CODE_NOT_ALLOWED);
		daemon_gone(strerror(errno));
	}
	return fd;
}

/* SERVER is put into its one form; what has none is refused here already. */
static void
argument_set(
    struct msg_control *message, enum token_kind kind, const char *argument)
{
	static const char *const levels[] = {"-1", "0", "1", "2", "3"};
	char *to = message->arguments[message->argument_count++];
	uint8_t key[ONION_KEY];
	size_t i;

	if (kind == TOKEN_SERVER) {
		require(onion_normalise(key, to, argument));
		return;
	}
	for (i = 0; i < 5; i++)
		if (strcmp(levels[i], argument) == 0) {
			memcpy(to, argument, strlen(argument) + 1);
			return;
		}
	fail(CODE_TRUST_LEVEL);
}

static void
request_send(struct channel *channel, const struct msg_control *message)
{
	uint8_t memory[MESSAGE_SMALL];
	struct pack pack;

	pack_init(&pack, memory, sizeof(memory));
	msg_control_encode(&pack, message);
	if (!pack_ok(&pack) || channel_send(channel, MSG_CONTROL_REQUEST, 1, 0,
				   -1, pack.data, pack.length) == -1)
		fail(CODE_INTERNAL);
	/* A daemon that refuses us says so and hangs up at once. */
	if (channel_flush_wait(channel, WAIT_MS) == -1 && errno != EPIPE &&
	    errno != ECONNRESET)
		daemon_gone(strerror(errno));
}

static void
end_take(const struct message *message)
{
	struct msg_control_end end;
	char code[sizeof(end.code) * 4];

	if (msg_control_end_decode(message, &end) == -1)
		daemon_gone("its answer is malformed");
	if (end.exit_code == EXIT_SUCCESS)
		return;
	printable(code, sizeof(code), end.code, strlen(end.code));
	fail_text(end.exit_code, code, "%s", end.text);
}

/* Rows until the end. */
static void
answer_take(struct channel *channel, struct output *output, int wait_ms)
{
	struct msg_control_row row;
	struct message message;
	int got;

	for (;;) {
		got = channel_wait(channel, &message, wait_ms);
		if (got == 0)
			daemon_gone("it closed the connection");
		if (got == -1 && channel_error(channel) != CHANNEL_OK &&
		    channel_error(channel) != CHANNEL_ERROR_SYSTEM)
			daemon_gone("its answer is malformed");
		if (got == -1)
			daemon_gone(strerror(errno));
		if (message.type == MSG_CONTROL_END)
			break;
		if (msg_control_row_decode(&message, &row) == -1)
			daemon_gone("its answer is malformed");
		output_row(output, &row);
	}
	end_take(&message);
}

void
control_run(const struct parsed *parsed)
{
	const struct verb *verb = verb_find(parsed->action);
	struct msg_control message = {.verb = (uint16_t)verb->verb};
	struct channel *channel;
	struct output *output;
	size_t i;

	for (i = 0; i < parsed->argument_count; i++)
		argument_set(&message, parsed->kinds[i], parsed->arguments[i]);
	channel = channel_new(
	    control_connect(
		parsed->socket == NULL ? CONTROL_SOCKET : parsed->socket),
	    ROLE_CONTROL, ROLE_QUEUED);
	if (channel == NULL)
		fail(CODE_INTERNAL);
	sandbox_enter(SANDBOX_FEDCTL, 0);
	request_send(channel, &message);
	output = output_new(parsed->json, verb->list);
	answer_take(channel, output, verb->wait_ms);
	channel_free(channel);
	output_end(output);
}
