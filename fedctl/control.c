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

#include "base/encode.h"
#include "base/sandbox.h"
#include "command.h"
#include "control.h"
#include "fail.h"
#include "ipc/channel.h"
#include "ipc/message.h"
#include "output.h"
#include "printable.h"
#include "proto/onion.h"
#include "room/room_id.h"

#define CONTROL_SOCKET "/run/torfed/control.sock"

#define WAIT_MS	       (60 * 1000)
#define WAIT_LONG_MS   (400 * 1000) /* handshakes, changes of many */

enum form {
	FORM_ROW,     /* one row */
	FORM_LIST,    /* a table, however many rows */
	FORM_DOCUMENT /* rows' only fields are parts of one text */
};
/* Options that follow the arguments; one not given is an empty argument. */
enum more { MORE_NONE, MORE_SERVER, MORE_LIMIT, MORE_LIMIT_SERVER };
struct verb {
	enum action action;
	enum control_verb verb;
	enum form form;
	enum more more;
};
static const struct verb verbs[] = {
    {ACTION_STATUS, CONTROL_STATUS, FORM_ROW, MORE_NONE},
    {ACTION_SHOW_SERVERS, CONTROL_SHOW_SERVERS, FORM_LIST, MORE_NONE},
    {ACTION_SHOW_QUEUE, CONTROL_SHOW_QUEUE, FORM_LIST, MORE_NONE},
    {ACTION_SHOW_LIMITS, CONTROL_SHOW_LIMITS, FORM_LIST, MORE_NONE},
    {ACTION_SHOW_DEAD, CONTROL_SHOW_DEAD, FORM_LIST, MORE_LIMIT_SERVER},
    {ACTION_SHOW_ROOMS, CONTROL_SHOW_ROOMS, FORM_LIST, MORE_LIMIT},
    {ACTION_CHECK, CONTROL_CHECK, FORM_LIST, MORE_NONE},
    {ACTION_SHOW_MESSAGE, CONTROL_SHOW_MESSAGE, FORM_LIST, MORE_SERVER},
    {ACTION_QUEUE_SHOW, CONTROL_QUEUE_SHOW, FORM_LIST, MORE_SERVER},
    {ACTION_QUEUE_HOLD, CONTROL_QUEUE_HOLD, FORM_ROW, MORE_SERVER},
    {ACTION_QUEUE_RELEASE, CONTROL_QUEUE_RELEASE, FORM_ROW, MORE_SERVER},
    {ACTION_QUEUE_RETRY, CONTROL_QUEUE_RETRY, FORM_ROW, MORE_SERVER},
    {ACTION_QUEUE_CANCEL, CONTROL_QUEUE_CANCEL, FORM_ROW, MORE_SERVER},
    {ACTION_QUEUE_REQUEUE, CONTROL_QUEUE_REQUEUE, FORM_ROW, MORE_SERVER},
    {ACTION_SERVER_ADD, CONTROL_SERVER_ADD, FORM_ROW, MORE_NONE},
    {ACTION_SERVER_TRUST, CONTROL_SERVER_TRUST, FORM_ROW, MORE_NONE},
    {ACTION_SERVER_BLOCK, CONTROL_SERVER_BLOCK, FORM_ROW, MORE_NONE},
    {ACTION_SERVER_PAUSE, CONTROL_SERVER_PAUSE, FORM_ROW, MORE_NONE},
    {ACTION_SERVER_RESUME, CONTROL_SERVER_RESUME, FORM_ROW, MORE_NONE},
    {ACTION_SERVER_RETRY, CONTROL_SERVER_RETRY, FORM_ROW, MORE_NONE},
    {ACTION_ROOM_ADOPT, CONTROL_ROOM_ADOPT, FORM_ROW, MORE_NONE},
    {ACTION_RESTORED, CONTROL_RESTORED, FORM_ROW, MORE_NONE},
    {ACTION_RELOAD, CONTROL_RELOAD, FORM_ROW, MORE_NONE},
    {ACTION_HANDSHAKE, CONTROL_HANDSHAKE, FORM_ROW, MORE_NONE},
    {ACTION_SERVER_PING, CONTROL_SERVER_PING, FORM_ROW, MORE_NONE},
    {ACTION_RECEIPT_EXPORT, CONTROL_RECEIPT_EXPORT, FORM_DOCUMENT, MORE_SERVER},
};

#define DOCUMENT_MAX (1024U * 1024) /* bytes */
struct document {
	char *text;
	size_t length;
};

typedef void (*row_function)(const struct msg_control_row *, void *argument);

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

/* An argument with a dash is meant to be an id: addresses have no dash. */
static void
target_set(char *to, enum token_kind kind, const char *argument)
{
	uint8_t key[ONION_KEY], id[UUID_SIZE];
	struct room_id room;

	if (kind == TOKEN_TARGET)
		kind = strchr(argument, '-') == NULL ? TOKEN_SERVER : TOKEN_ID;
	if (kind == TOKEN_SERVER) {
		fail_unless_ok(onion_normalise(key, to, argument));
		return;
	}
	if (kind == TOKEN_ROOM) {
		fail_unless_ok(
		    room_id_parse(&room, argument, strlen(argument)));
		room_id_format(to, &room);
		return;
	}
	if (uuid_parse(id, argument, strlen(argument)) == -1)
		fail(CODE_ENVELOPE_ID);
	memcpy(to, argument, UUID_TEXT + 1);
}

/*
 * A server's address is put into its one form; a text that has none is refused
 * here already.
 */
static void
argument_set(
    struct msg_control *message, enum token_kind kind, const char *argument)
{
	static const char *const levels[] = {"-1", "0", "1", "2", "3"};
	char *to = message->arguments[message->argument_count++];
	size_t i;

	if (kind != TOKEN_LEVEL) {
		target_set(to, kind, argument);
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
limit_set(struct msg_control *message, const char *limit)
{
	char *to = message->arguments[message->argument_count++];
	size_t length;

	if (limit == NULL)
		return;
	length = strlen(limit);
	if (length < 1 || length > 4 || limit[0] == '0' ||
	    strspn(limit, "0123456789") != length || atoi(limit) > 1000)
		fail(CODE_LIMIT);
	memcpy(to, limit, length + 1);
}

static void
options_set(
    struct msg_control *message, enum more more, const struct parsed *parsed)
{
	const char *server = parsed->options[OPTION_SERVER];

	if (more == MORE_NONE)
		return;
	if (more == MORE_LIMIT || more == MORE_LIMIT_SERVER)
		limit_set(message, parsed->options[OPTION_LIMIT]);
	if (more == MORE_LIMIT)
		return;
	if (server == NULL) {
		message->argument_count++;
		return;
	}
	if (parsed->argument_count > 0 &&
	    strchr(parsed->arguments[0], '-') == NULL)
		fail(CODE_USAGE); /* all to a server, and a server */
	argument_set(message, TOKEN_SERVER, server);
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
answer_take(struct channel *channel, int milliseconds, row_function take,
    void *argument)
{
	struct msg_control_row row;
	struct message message;
	int got;

	for (;;) {
		got = channel_wait(channel, &message, milliseconds);
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
		take(&row, argument);
	}
	end_take(&message);
}

static void
take_row(const struct msg_control_row *row, void *output)
{
	output_row(output, row);
}

static void
take_part(const struct msg_control_row *row, void *argument)
{
	struct document *document = argument;
	const struct control_field *part = &row->fields[0];
	char *text;

	if (row->field_count != 1 || part->type != CONTROL_STRING)
		daemon_gone("its answer is malformed");
	if (part->string_length > DOCUMENT_MAX - document->length)
		fail(CODE_TOO_LARGE);
	text =
	    realloc(document->text, document->length + part->string_length + 1);
	if (text == NULL)
		fail(CODE_INTERNAL);
	memcpy(text + document->length, part->string, part->string_length);
	document->text = text;
	document->length += part->string_length;
}

/* A text that is longer than a row. */
static void
document_run(struct channel *channel)
{
	struct document document = {NULL, 0};

	answer_take(channel, WAIT_MS, take_part, &document);
	if (document.length == 0)
		daemon_gone("its answer is malformed");
	output_bytes(document.text, document.length);
	free(document.text);
}

static int
wait_ms(const struct parsed *parsed)
{
	bool all = parsed->argument_count > 0 &&
		   parsed->kinds[0] == TOKEN_TARGET &&
		   strchr(parsed->arguments[0], '-') == NULL;

	return all || parsed->action == ACTION_HANDSHAKE ||
		       parsed->action == ACTION_SERVER_PING
		   ? WAIT_LONG_MS
		   : WAIT_MS;
}

void
control_run(const struct parsed *parsed)
{
	const struct verb *verb = verb_find(parsed->action);
	struct msg_control message = {.verb = (uint16_t)verb->verb};
	struct channel *channel;
	struct output *output;
	size_t i, rows;

	for (i = 0; i < parsed->argument_count; i++)
		argument_set(&message, parsed->kinds[i], parsed->arguments[i]);
	options_set(&message, verb->more, parsed);
	channel = channel_new(
	    control_connect(
		parsed->socket == NULL ? CONTROL_SOCKET : parsed->socket),
	    ROLE_CONTROL, ROLE_QUEUED);
	if (channel == NULL)
		fail(CODE_INTERNAL);
	sandbox_enter(SANDBOX_FEDCTL, 0);
	request_send(channel, &message);
	if (verb->form == FORM_DOCUMENT) {
		document_run(channel);
		channel_free(channel);
		return;
	}
	output = output_new(parsed->json, verb->form == FORM_LIST);
	answer_take(channel, wait_ms(parsed), take_row, output);
	channel_free(channel);
	rows = output_end(output);
	/* Scripts ask whether all is well. */
	if (verb->action == ACTION_CHECK && rows > 0)
		exit(EXIT_FAILURE);
}
