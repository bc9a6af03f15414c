/* SPDX-License-Identifier: ISC */
/* The control socket: clients and their messages; see control.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "control/control.h"
#include "env.h"
#include "events/timer.h"
#include "events/watch.h"

#define CLIENTS_MAX  32
#define CLIENTS_KEPT 8 /* of these, for root and the owner alone */
#define GROUPS_MAX   128
#define BACK_OFF_MS  1000

struct control_client {
	struct chanev *channel; /* NULL once it has gone away */
	bool busy;		/* a request is under way */
	uint32_t request_id;
	char actor[32];
};

static struct event *listen_event;
static struct event *back_off_event;
static const struct control_action *(*verb_find)(uint16_t);
static unsigned int clients;

const char *
control_actor(const struct control_client *client)
{
	return client->actor;
}

static void
client_free_idle(struct control_client *client)
{
	if (client->channel != NULL || client->busy)
		return;
	clients--;
	free(client);
}

static void
client_close(struct control_client *client)
{
	if (client->channel != NULL) {
		chanev_free(client->channel);
		client->channel = NULL;
	}
	client_free_idle(client);
}

void
control_row_init(struct msg_control_row *row, const char *kind)
{
	memset(row, 0, sizeof(*row));
	snprintf(row->kind, sizeof(row->kind), "%s", kind);
}

static struct control_field *
row_field(struct msg_control_row *row, const char *name, enum control_type type)
{
	struct control_field *field;

	if (row->field_count == CONTROL_FIELDS)
		fatal("too many fields in a control row");
	field = &row->fields[row->field_count++];
	snprintf(field->name, sizeof(field->name), "%s", name);
	field->type = (uint8_t)type;
	return field;
}

void
control_add_string(
    struct msg_control_row *row, const char *name, const char *value)
{
	struct control_field *field =
	    row_field(row, name, value == NULL ? CONTROL_NULL : CONTROL_STRING);

	field->string = value;
	field->string_length = value == NULL ? 0 : strlen(value);
}

void
control_add_integer(
    struct msg_control_row *row, const char *name, int64_t value)
{
	row_field(row, name, CONTROL_INTEGER)->integer = value;
}

void
control_add_boolean(struct msg_control_row *row, const char *name, bool value)
{
	row_field(row, name, CONTROL_BOOLEAN)->integer = value;
}

void
control_row(struct control_client *client, const struct msg_control_row *row)
{
	uint8_t buf[MESSAGE_SMALL];
	struct pack pack;

	if (client->channel == NULL)
		return;
	pack_init(&pack, buf, sizeof(buf));
	msg_control_row_encode(&pack, row);
	if (!pack_ok(&pack)) {
		log_warning("control row too long kind=%s", row->kind);
		return;
	}
	if (chanev_send(client->channel, MSG_CONTROL_ROW, client->request_id, 0,
		-1, pack.data, pack.length) != 0)
		client_close(client);
}

/* What fedctl exits with. */
static uint8_t
exit_code(enum code code)
{
	switch (code) {
	case CODE_OK:
		return 0;
	case CODE_USAGE:
		return 64;
	case CODE_NOT_ALLOWED:
		return 77;
	case CODE_DATABASE:
	case CODE_TOR_DOWN:
		return 69;
	default:
		break;
	}
	return code_class(code) == CODE_CLASS_INPUT ? 65 : 1;
}

void
control_end(struct control_client *client, enum code code, const char *text)
{
	struct msg_control_end end;
	uint8_t buf[MESSAGE_SMALL];
	struct pack pack;

	client->busy = false;
	if (client->channel == NULL) {
		client_free_idle(client);
		return;
	}
	memset(&end, 0, sizeof(end));
	end.exit_code = exit_code(code);
	if (code != CODE_OK) {
		snprintf(end.code, sizeof(end.code), "%s", code_name(code));
		snprintf(end.text, sizeof(end.text), "%s",
		    text != NULL ? text : code_text(code));
	}
	pack_init(&pack, buf, sizeof(buf));
	msg_control_end_encode(&pack, &end);
	if (chanev_send(client->channel, MSG_CONTROL_END, client->request_id, 0,
		-1, pack.data, pack.length) != 0)
		client_close(client);
}

static void
client_message(struct message *message, void *argument)
{
	struct control_client *client = argument;
	const struct control_action *action;
	struct msg_control request;

	if (client->busy) {
		/* one question at a time */
		client_close(client);
		return;
	}
	client->request_id = message->id;
	client->busy = true;
	if (msg_control_decode(message, &request) != 0) {
		client->busy = false;
		client_close(client);
		return;
	}
	action = verb_find(request.verb);
	if (action == NULL || action->arguments != request.argument_count)
		control_end(client, CODE_USAGE, NULL);
	else
		action->run(client, &request);
}

static void
client_gone(void *argument)
{
	client_close(argument);
}

static void
client_error(enum channel_error error, void *argument)
{
	log_info("control client closed error=%s", channel_strerror(error));
	client_close(argument);
}

static const struct chanev_handlers client_handlers = {
    .on_message = client_message,
    .on_close = client_gone,
    .on_error = client_error};

static bool
in_group(int fd, gid_t gid, gid_t wanted)
{
	gid_t groups[GROUPS_MAX];
	socklen_t length = sizeof(groups);
	size_t i;

	if (gid == wanted)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &length) != 0)
		return false;
	for (i = 0; i < length / sizeof(groups[0]); i++)
		if (groups[i] == wanted)
			return true;
	return false;
}

static bool
is_master(const struct ucred *credentials)
{
	return credentials->uid == 0 || credentials->uid == env.owner_uid;
}

static bool
client_allowed(int fd, const struct ucred *credentials)
{
	if (is_master(credentials))
		return true;
	return env.settings.control_group >= 0 &&
	       in_group(
		   fd, credentials->gid, (gid_t)env.settings.control_group);
}

/* Told why, and closed before one byte is read. */
static void
client_refuse(int fd, const struct msg_control_end *end)
{
	struct channel *channel =
	    xpointer(channel_new(fd, ROLE_QUEUED, ROLE_CONTROL));
	uint8_t buf[MESSAGE_SMALL];
	struct pack pack;

	pack_init(&pack, buf, sizeof(buf));
	msg_control_end_encode(&pack, end);
	(void)channel_send(
	    channel, MSG_CONTROL_END, 0, 0, -1, pack.data, pack.length);
	(void)channel_flush(channel);
	channel_free(channel);
}

static void
client_new(int fd, const struct ucred *credentials)
{
	struct control_client *client = xcalloc(1, sizeof(*client));
	struct channel *channel =
	    xpointer(channel_new(fd, ROLE_QUEUED, ROLE_CONTROL));

	snprintf(client->actor, sizeof(client->actor), "uid %u",
	    (unsigned int)credentials->uid);
	client->channel =
	    xpointer(chanev_new(env.base, channel, &client_handlers, client));
	clients++;
}

static void
client_accepted(int fd)
{
	static const struct msg_control_end stranger = {.exit_code = 77,
	    .code = "NOT_ALLOWED",
	    .text = "not root, the owner or in the group"};
	static const struct msg_control_end many = {.exit_code = 69,
	    .code = "BUSY",
	    .text = "too many control clients"};
	struct ucred credentials;
	socklen_t length = sizeof(credentials);
	unsigned int places;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) !=
	    0) {
		close(fd);
		return;
	}
	places =
	    is_master(&credentials) ? CLIENTS_MAX : CLIENTS_MAX - CLIENTS_KEPT;
	if (!client_allowed(fd, &credentials)) {
		log_warning(
		    "control refused uid=%u", (unsigned int)credentials.uid);
		client_refuse(fd, &stranger);
	} else if (clients >= places)
		client_refuse(fd, &many);
	else
		client_new(fd, &credentials);
}

static void
listen_again(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	(void)argument;
	watch_start(listen_event);
}

static void
listen_ready(evutil_socket_t listening, short what, void *argument)
{
	int fd;

	(void)what;
	(void)argument;
	fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd == -1) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
		    errno == ENOBUFS) {
			event_del(listen_event);
			timer_arm(back_off_event, BACK_OFF_MS);
		}
		return;
	}
	client_accepted(fd);
}

void
control_init(
    int descriptor, const struct control_action *(*find)(uint16_t verb))
{
	verb_find = find;
	evutil_make_socket_nonblocking(descriptor);
	listen_event = xpointer(event_new(
	    env.base, descriptor, EV_READ | EV_PERSIST, listen_ready, NULL));
	back_off_event = timer_new(env.base, listen_again, NULL);
	watch_start(listen_event);
}
