/* SPDX-License-Identifier: ISC */
/*
 * switchboard SOCKET MAP
 *
 * Stands in for tor where Tor's latency proves nothing: a SOCKS5 server on a
 * unix socket that connects an onion address to the unix socket which the file
 * MAP names for it ("ADDRESS PATH" a line, the last line for an address
 * counts). MAP is read anew for each connection. For an address whose path is
 * "-" it never answers, as tor while it looks for one. Answers as tor does with
 * ExtendedErrors and OnionTrafficOnly: F0 for an address that the map lacks,
 * F6 for a name that is no valid address, 02 for what is no onion at all.
 *
 * It must never be what a benchmark measures: one read and one write for a
 * block, no copy in between.
 */
#include <err.h>
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/ed.h"
#include "proto/onion.h"

#define BLOCK	      (128U * 1024) /* bytes under way in one direction */
#define LINE_SIZE     512	    /* of the map: address, path */

#define SOCKS_VERSION 5
#define METHOD_NONE   0
#define METHOD_USER   2
#define METHOD_BAD    0xff
#define ATYP_NAME     3

enum reply {
	REPLY_OK = 0x00,
	REPLY_GENERAL = 0x01,
	REPLY_RULES = 0x02,
	REPLY_REFUSED = 0x05,
	REPLY_COMMAND = 0x07,
	REPLY_NOT_FOUND = 0xf0,
	REPLY_ADDRESS = 0xf6,
	REPLY_NONE = 0x100 /* none is sent */
};

enum phase {
	PHASE_METHOD,
	PHASE_USER,
	PHASE_REQUEST,
	PHASE_HELD, /* until the client gives up */
	PHASE_OPEN
};

/* What one end sends to the other. */
struct direction {
	uint8_t *block;
	size_t start; /* of what is not yet written */
	size_t end;
	bool closed; /* the sending end will send no more */
};

struct end {
	struct connection *connection;
	struct end *other;
	int descriptor;
	struct event *readable;
	struct event *writable;
	struct direction in; /* read from this end */
};

struct connection {
	enum phase phase;
	struct end client;
	struct end target;
};

static struct event_base *base;
static const char *map_path;

static void
end_close(struct end *end)
{
	if (end->readable != NULL)
		event_free(end->readable);
	if (end->writable != NULL)
		event_free(end->writable);
	if (end->descriptor >= 0)
		close(end->descriptor);
	free(end->in.block);
}

static void
connection_close(struct connection *connection)
{
	end_close(&connection->client);
	end_close(&connection->target);
	free(connection);
}

static bool
would_block(void)
{
	return errno == EAGAIN || errno == EINTR;
}

/* Writes what from has read to the other end. False: connection is over. */
static bool
end_drain(struct end *from)
{
	struct direction *in = &from->in;
	struct end *to = from->other;
	ssize_t written;

	while (in->start < in->end) {
		written = send(to->descriptor, in->block + in->start,
		    in->end - in->start, MSG_NOSIGNAL);
		if (written < 0 && would_block()) {
			event_del(from->readable);
			event_add(to->writable, NULL);
			return true;
		}
		if (written < 0)
			return false;
		in->start += (size_t)written;
	}
	in->start = in->end = 0;
	event_del(to->writable);
	if (!in->closed) {
		event_add(from->readable, NULL);
		return true;
	}
	event_del(from->readable);
	shutdown(to->descriptor, SHUT_WR);
	return !to->in.closed || to->in.start < to->in.end;
}

static void
on_writable(int descriptor, short what, void *argument)
{
	struct end *end = argument;

	(void)descriptor;
	(void)what;
	if (!end_drain(end->other))
		connection_close(end->connection);
}

static void
on_open_readable(struct end *end)
{
	ssize_t got;

	got = recv(end->descriptor, end->in.block, BLOCK, 0);
	if (got < 0 && would_block())
		return;
	if (got < 0) {
		connection_close(end->connection);
		return;
	}
	if (got == 0)
		end->in.closed = true;
	end->in.end = (size_t)got;
	if (!end_drain(end))
		connection_close(end->connection);
}

/* Looks the address up. Returns 0, or -1 when the map does not have it. */
static int
map_find(char *path, size_t size, const char *address)
{
	char line[LINE_SIZE];
	char *found;
	FILE *map;
	int result = -1;

	map = fopen(map_path, "re");
	if (map == NULL)
		return -1;
	while (fgets(line, sizeof(line), map) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, address, ONION_LENGTH) != 0)
			continue;
		found = line + ONION_LENGTH;
		if (strspn(found, " \t") == 0)
			continue;
		found += strspn(found, " \t");
		snprintf(path, size, "%s", found);
		result = 0;
	}
	fclose(map);
	return result;
}

static int
target_connect(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int descriptor;

	if (strlen(path) >= sizeof(name.sun_path))
		return -1;
	memcpy(name.sun_path, path, strlen(path) + 1);
	descriptor =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (descriptor < 0)
		return -1;
	/* A unix socket connects at once, or its backlog is full: refused. */
	if (connect(descriptor, (struct sockaddr *)&name, sizeof(name)) < 0) {
		close(descriptor);
		return -1;
	}
	return descriptor;
}

static bool
reply(struct connection *connection, enum reply code)
{
	const uint8_t bytes[] = {SOCKS_VERSION, code, 0, 1, 0, 0, 0, 0, 0, 0};

	return send(connection->client.descriptor, bytes, sizeof(bytes),
		   MSG_NOSIGNAL) == (ssize_t)sizeof(bytes);
}

static void on_readable(int, short, void *);

static bool
end_open(struct end *end, struct connection *connection, struct end *other,
    int descriptor)
{
	end->connection = connection;
	end->other = other;
	end->descriptor = descriptor;
	end->in.block = malloc(BLOCK);
	end->readable =
	    event_new(base, descriptor, EV_READ | EV_PERSIST, on_readable, end);
	end->writable = event_new(
	    base, descriptor, EV_WRITE | EV_PERSIST, on_writable, end);
	return end->in.block != NULL && end->readable != NULL &&
	       end->writable != NULL && event_add(end->readable, NULL) == 0;
}

/* Returns the reply's code; REPLY_OK with the target open. */
static enum reply
connection_route(struct connection *connection, const char *name, size_t length)
{
	static const char suffix[] = ".onion";
	uint8_t key[ONION_KEY];
	char address[ONION_SIZE];
	char path[LINE_SIZE];
	int descriptor;

	if (length < sizeof(suffix) ||
	    memcmp(name + length - strlen(suffix), suffix, strlen(suffix)) != 0)
		return REPLY_RULES;
	if (onion_parse(key, name, length) != CODE_OK)
		return REPLY_ADDRESS;
	memcpy(address, name, length);
	address[length] = '\0';
	if (map_find(path, sizeof(path), address) < 0)
		return REPLY_NOT_FOUND;
	if (strcmp(path, "-") == 0)
		return REPLY_NONE;
	descriptor = target_connect(path);
	if (descriptor < 0)
		return REPLY_REFUSED;
	if (!end_open(&connection->target, connection, &connection->client,
		descriptor))
		return REPLY_GENERAL;
	return REPLY_OK;
}

/*
 * The three steps of SOCKS. Each returns the bytes it used, 0 when it needs
 * more, -1 when the connection is over.
 */
static ssize_t
step_method(struct connection *connection, const uint8_t *bytes, size_t length)
{
	uint8_t answer[] = {SOCKS_VERSION, METHOD_BAD};
	size_t used;

	if (length > 0 && bytes[0] != SOCKS_VERSION)
		return -1;
	if (length < 2 || length < (used = 2 + (size_t)bytes[1]))
		return 0;
	if (memchr(bytes + 2, METHOD_NONE, bytes[1]) != NULL)
		answer[1] = METHOD_NONE;
	if (memchr(bytes + 2, METHOD_USER, bytes[1]) != NULL)
		answer[1] = METHOD_USER;
	if (send(connection->client.descriptor, answer, sizeof(answer),
		MSG_NOSIGNAL) != (ssize_t)sizeof(answer) ||
	    answer[1] == METHOD_BAD)
		return -1;
	connection->phase =
	    answer[1] == METHOD_USER ? PHASE_USER : PHASE_REQUEST;
	return (ssize_t)used;
}

static ssize_t
step_user(struct connection *connection, const uint8_t *bytes, size_t length)
{
	const uint8_t answer[] = {1, 0};
	size_t used;

	if (length < 2 || length < (used = 2 + (size_t)bytes[1]) + 1)
		return 0;
	used += 1 + (size_t)bytes[used];
	if (length < used)
		return 0;
	if (bytes[0] != 1 ||
	    send(connection->client.descriptor, answer, sizeof(answer),
		MSG_NOSIGNAL) != (ssize_t)sizeof(answer))
		return -1;
	connection->phase = PHASE_REQUEST;
	return (ssize_t)used;
}

static ssize_t
step_request(struct connection *connection, const uint8_t *bytes, size_t length)
{
	enum reply code;
	size_t used;

	if (length > 0 && bytes[0] != SOCKS_VERSION)
		return -1;
	if (length < 5)
		return 0;
	if (bytes[1] != 1 || bytes[3] != ATYP_NAME) {
		reply(connection, bytes[1] != 1 ? REPLY_COMMAND : REPLY_RULES);
		return -1;
	}
	used = 5 + (size_t)bytes[4] + 2;
	if (length < used)
		return 0;
	code = connection_route(connection, (const char *)bytes + 5, bytes[4]);
	if (code == REPLY_NONE) {
		connection->phase = PHASE_HELD;
		return (ssize_t)used;
	}
	if (!reply(connection, code) || code != REPLY_OK)
		return -1;
	connection->phase = PHASE_OPEN;
	return (ssize_t)used;
}

static ssize_t
step_held(struct connection *connection, const uint8_t *bytes, size_t length)
{
	(void)connection;
	(void)bytes;
	return length == 0 ? 0 : -1;
}

typedef ssize_t (*step)(struct connection *, const uint8_t *, size_t);
static const step steps[] = {
    [PHASE_METHOD] = step_method,
    [PHASE_USER] = step_user,
    [PHASE_REQUEST] = step_request,
    [PHASE_HELD] = step_held,
};

static void
on_socks_readable(struct end *end)
{
	struct connection *connection = end->connection;
	struct direction *in = &end->in;
	ssize_t got, used = 1;

	got = recv(end->descriptor, in->block + in->end, BLOCK - in->end, 0);
	if (got < 0 && would_block())
		return;
	if (got <= 0) {
		connection_close(connection);
		return;
	}
	in->end += (size_t)got;
	while (connection->phase != PHASE_OPEN && used > 0) {
		used = steps[connection->phase](
		    connection, in->block + in->start, in->end - in->start);
		if (used > 0)
			in->start += (size_t)used;
	}
	if (used < 0 || (connection->phase == PHASE_OPEN && !end_drain(end)))
		connection_close(connection);
}

static void
on_readable(int descriptor, short what, void *argument)
{
	struct end *end = argument;

	(void)descriptor;
	(void)what;
	if (end->connection->phase == PHASE_OPEN)
		on_open_readable(end);
	else
		on_socks_readable(end);
}

static void
on_accept(int listener, short what, void *argument)
{
	struct connection *connection;
	int descriptor;

	(void)what;
	(void)argument;
	descriptor =
	    accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (descriptor < 0) {
		if (errno == EMFILE || errno == ENFILE)
			usleep(1000);
		return;
	}
	connection = calloc(1, sizeof(*connection));
	if (connection == NULL) {
		close(descriptor);
		return;
	}
	connection->target.descriptor = -1;
	if (!end_open(&connection->client, connection, &connection->target,
		descriptor))
		connection_close(connection);
}

static void
on_stop(int number, short what, void *argument)
{
	(void)number;
	(void)what;
	(void)argument;
	event_base_loopbreak(base);
}

static int
listen_at(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int descriptor;

	if (strlen(path) >= sizeof(name.sun_path))
		errx(1, "%s: too long for a unix socket", path);
	memcpy(name.sun_path, path, strlen(path) + 1);
	if (unlink(path) < 0 && errno != ENOENT)
		err(1, "%s", path);
	umask(077);
	descriptor =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (descriptor < 0 ||
	    bind(descriptor, (struct sockaddr *)&name, sizeof(name)) < 0 ||
	    listen(descriptor, SOMAXCONN) < 0)
		err(1, "%s", path);
	return descriptor;
}

static void
descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int
main(int argc, char *argv[])
{
	struct event *accepting, *terminate, *interrupt;

	if (argc != 3) {
		fprintf(stderr, "usage: switchboard SOCKET MAP\n");
		return 64;
	}
	if (ed_init() < 0)
		errx(1, "libsodium cannot be used");
	descriptors_raise();
	map_path = argv[2];
	base = event_base_new();
	if (base == NULL)
		errx(1, "out of memory");
	accepting = event_new(
	    base, listen_at(argv[1]), EV_READ | EV_PERSIST, on_accept, NULL);
	terminate = evsignal_new(base, SIGTERM, on_stop, NULL);
	interrupt = evsignal_new(base, SIGINT, on_stop, NULL);
	if (accepting == NULL || terminate == NULL || interrupt == NULL ||
	    event_add(accepting, NULL) < 0 || event_add(terminate, NULL) < 0 ||
	    event_add(interrupt, NULL) < 0)
		errx(1, "out of memory");
	event_base_dispatch(base);
	unlink(argv[1]);
	return 0;
}
