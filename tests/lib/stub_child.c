/* SPDX-License-Identifier: ISC */
/*
 * Stands in for any of fedd's children: put or linked under a child's name, it
 * goes through the same start as the real one and then does what the file
 * NAME.does beside it says, one word a line:
 *
 *	die-early	exits before it is ready
 *	silent		is never ready
 *	keyless		fed-signer: never says whose keys it has
 *	early		asks for SOCKS before it may
 *	ready-twice	says so again after the start
 *	garbage		sends what no table allows
 *	deaf		ignores SIGTERM
 *	close		closes its channel and lives on
 *	socks N		asks for N SOCKS connections and logs the answers
 *	flood		asks for SOCKS connections and never reads
 *	orders		says what it is told to by the pipe NAME.orders
 *
 * It logs what it was given: "stub ...".
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "ipc/proc.h"
#include "ipc/reload.h"

#define ORDER_DESCRIPTORS 128

extern char **environ;

static const uint8_t wanted[CHANNEL_HEADER] = {MSG_SOCKS_WANTED};
static const uint8_t garbage[CHANNEL_HEADER] = {0xff, 0xff};
static struct proc proc;
static char words[512]; /* "\nword\nword\n" */

static bool
does(const char *word)
{
	char line[64];

	snprintf(line, sizeof(line), "\n%s\n", word);
	return strstr(words, line) != NULL;
}

static void
words_read(const char *program)
{
	char path[4096];
	size_t length;
	FILE *file;

	words[0] = '\n';
	snprintf(path, sizeof(path), "%s.does", program);
	if ((file = fopen(path, "r")) == NULL)
		return;
	length = fread(words + 1, 1, sizeof(words) - 2, file);
	words[1 + length] = '\0';
	fclose(file);
}

static enum role
role_of(const char *program)
{
	const char *name = strrchr(program, '/');

	name = name == NULL ? program : name + 1;
	for (int role = 0; role < ROLE_COUNT; role++) {
		if (strcmp(role_name((enum role)role), name) == 0)
			return (enum role)role;
	}
	fprintf(stderr, "stub_child: not under a child's name\n");
	exit(64);
}

/* Each descriptor beyond those of every child, and whether it may block. */
static void
descriptors_log(void)
{
	int count = 0, flags;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) != -1;
	log_info("stub descriptors=%d", count);
	for (int i = 0; i < DESCRIPTOR_COUNT; i++) {
		if (proc.descriptors[i] == -1)
			continue;
		flags = fcntl(proc.descriptors[i], F_GETFL);
		log_info("stub descriptor=%d flags=%s", i,
		    (flags & O_ACCMODE) == O_RDONLY ? "read"
		    : (flags & O_APPEND) == 0	    ? "write"
		    : (flags & O_DSYNC) == O_DSYNC  ? "append"
						    : "append-not-synced");
	}
	for (int i = 0; i < ROLE_COUNT; i++) {
		if (proc.channels[i] == -1)
			continue;
		log_info("stub channel=%s blocking=%s", role_name((enum role)i),
		    fcntl(proc.channels[i], F_GETFL) & O_NONBLOCK ? "no"
								  : "yes");
	}
}

static void
given_log(void)
{
	int count = 0;

	while (environ[count] != NULL)
		count++;
	log_info("stub environment=%d uid=%d gid=%d database=\"%s\"", count,
	    (int)getuid(), (int)getgid(), proc.database);
	log_info("stub start uid=%u gid=%u owner=%u flags=%u root=\"%s\" "
		 "unveil=\"%s\"",
	    proc.start.uid, proc.start.gid, proc.start.owner_uid,
	    proc.start.flags, proc.start.root, proc.start.unveil);
	log_info("stub settings items=%lld proxy=%lld group=%lld",
	    (long long)proc.settings.items_per_minute,
	    (long long)proc.settings.proxy_line,
	    (long long)proc.settings.control_group);
	descriptors_log();
}

/*
 * fed-signer's first step. What is in the certificate is a serial here, and
 * "bad" is one that fed-signer would not take.
 */
static void
keys_say(void)
{
	struct msg_keys keys = {.valid = true};
	char text[64] = "";

	if (pread(proc.descriptors[DESCRIPTOR_CERTIFICATE], text,
		sizeof(text) - 1, 0) == -1 ||
	    strncmp(text, "bad", 3) == 0)
		fatal("stub certificate");
	keys.serial = strtoll(text, NULL, 10);
	memcpy(keys.key_id, text, sizeof(keys.key_id));
	if (strstr(text, "other") != NULL)
		keys.server[0] = 1;
	if (strstr(text, "expired") != NULL)
		keys.valid = false;
	log_info("stub keys serial=%lld", (long long)keys.serial);
	proc_keys(&proc, &keys);
}

static void
message_send(uint16_t type)
{
	if (channel_send(proc.parent, type, 7, 0, -1, NULL, 0) == -1 ||
	    channel_flush_wait(proc.parent, -1) == -1)
		fatal("stub cannot send");
}

static void
raw_send(const void *bytes, size_t length)
{
	(void)!send(PROC_CHANNEL_FD, bytes, length, MSG_NOSIGNAL);
}

static void
flood(void)
{
	struct pollfd poller = {.fd = PROC_CHANNEL_FD, .events = POLLOUT};

	for (;;) {
		raw_send(wanted, sizeof(wanted));
		if (poll(&poller, 1, -1) == 1 && (poller.revents & POLLHUP))
			exit(0);
	}
}

static void
socks(int count)
{
	int got = 0, failed = 0, error = 0;
	struct message message;
	uint32_t value;

	for (int i = 0; i < count; i++)
		message_send(MSG_SOCKS_WANTED);
	for (int i = 0; i < count; i++) {
		if (channel_wait(proc.parent, &message, -1) != 1)
			exit(0);
		if (message.type == MSG_SOCKS) {
			got++;
			(void)!write(message.descriptor, "hello", 5);
			close(message.descriptor);
		} else if (msg_u32_decode(&message, &value) == 0) {
			failed++;
			error = (int)value;
		}
		if (message.id != 7)
			fatal("stub socks id=%u", message.id);
	}
	log_info("stub socks got=%d failed=%d errno=%d", got, failed, error);
}

/* Ends with the parent, like a real one; fed-signer takes new channels. */
static void
serve_one(void)
{
	struct message message;

	if (channel_wait(proc.parent, &message, -1) != 1)
		exit(0);
	if (message.type == MSG_RELOADED) {
		log_info("stub reloaded=%d", message.data[0]);
		if (message.data[0] == RELOAD_DONE && !does("deaf"))
			exit(0);
		return;
	}
	log_info("stub message=%u role=%d blocking=%s", message.type,
	    msg_u8_decode(&message, ROLE_COUNT),
	    fcntl(message.descriptor, F_GETFL) & O_NONBLOCK ? "no" : "yes");
	close(message.descriptor);
}

static void
serve(void)
{
	for (;;)
		serve_one();
}

/* In the place of standard input, which the start leaves alone. */
static void
orders_open(const char *program)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s.orders", program);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || dup2(fd, STDIN_FILENO) == -1 || close(fd) == -1)
		fatal("stub orders errno=%d", errno);
}

static void
orders_read(void *bytes, size_t length)
{
	size_t have = 0;
	ssize_t got;

	for (; have < length; have += (size_t)got) {
		got = read(STDIN_FILENO, (char *)bytes + have, length - have);
		if (got <= 0)
			exit(0);
	}
}

/* With so many descriptors of ours, which are all the same one. */
static void
orders_send(const void *bytes, size_t length, size_t descriptors)
{
	_Alignas(struct cmsghdr) char
	    control[CMSG_SPACE(ORDER_DESCRIPTORS * sizeof(int))] = {0};
	struct iovec vector = {(void *)(uintptr_t)bytes, length};
	struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};
	struct cmsghdr *rights = (struct cmsghdr *)control;
	const int fd = STDOUT_FILENO;

	if (descriptors > 0) {
		header.msg_control = control;
		header.msg_controllen = CMSG_SPACE(descriptors * sizeof(int));
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(descriptors * sizeof(int));
		for (size_t i = 0; i < descriptors; i++)
			memcpy(CMSG_DATA(rights) + i * sizeof(int), &fd,
			    sizeof(fd));
	}
	(void)!sendmsg(PROC_CHANNEL_FD, &header, MSG_NOSIGNAL);
}

/* An order: three numbers of 32 bits, then the bytes to send. */
static void
orders_obey(void)
{
	static uint8_t bytes[256 * 1024];
	uint32_t order[3]; /* length, descriptors, whether that is the end */

	orders_read(order, sizeof(order));
	if (order[0] > sizeof(bytes) || order[1] > ORDER_DESCRIPTORS)
		fatal("stub orders length=%u", order[0]);
	orders_read(bytes, order[0]);
	orders_send(bytes, order[0], order[1]);
	if (order[2] != 0)
		(void)shutdown(PROC_CHANNEL_FD, SHUT_WR);
}

static void
orders_serve(void)
{
	struct pollfd polls[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
	    {.fd = PROC_CHANNEL_FD, .events = POLLIN}};

	for (;;) {
		if (poll(polls, 2, -1) == -1)
			continue;
		if (polls[1].revents != 0)
			serve_one();
		if (polls[0].revents != 0)
			orders_obey();
	}
}

int
main(int argc, char *argv[])
{
	struct msg_go go;
	const char *number;

	words_read(argv[0]);
	if (does("deaf"))
		(void)signal(SIGTERM, SIG_IGN);
	if (does("orders"))
		orders_open(argv[0]);
	proc_start(&proc, role_of(argv[0]), argc, argv);
	if (does("keyless"))
		serve();
	if (proc.self == ROLE_SIGNER)
		keys_say();
	given_log();
	if (does("die-early"))
		fatal("stub dies");
	if (does("early"))
		raw_send(wanted, sizeof(wanted));
	if (does("silent") || does("early"))
		serve();
	proc_ready(&proc, &go);
	log_info("stub go generation=%u pids=%d,%d,%d,%d,%d", go.generation,
	    go.pids[0], go.pids[1], go.pids[2], go.pids[3], go.pids[4]);
	if (does("ready-twice"))
		message_send(MSG_READY);
	if (does("garbage"))
		raw_send(garbage, sizeof(garbage));
	if (does("flood"))
		flood();
	if (does("close")) {
		close(PROC_CHANNEL_FD);
		for (;;)
			pause();
	}
	if ((number = strstr(words, "\nsocks ")) != NULL)
		socks(atoi(number + strlen("\nsocks ")));
	if (does("orders"))
		orders_serve();
	serve();
	return 0;
}
