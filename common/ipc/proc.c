/* SPDX-License-Identifier: ISC */
/*
 * The start of a child, from main() to the moment when all are ready. What
 * comes from fedd is checked all the same: a child that was not given what it
 * expects, in the order it expects, does not run.
 */
#include <bsd/stdlib.h>
#include <bsd/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/privdrop.h"
#include "ipc/proc.h"

#define BIT(enumerator) (1U << (enumerator))

/* What a child gets, all of it and nothing else. */
struct places {
	unsigned int descriptors; /* of enum descriptor */
	unsigned int channels;	  /* of enum role */
};

static const struct places expected[ROLE_COUNT] = {
    [ROLE_LISTENER] = {BIT(DESCRIPTOR_LISTEN), BIT(ROLE_QUEUED)},
    [ROLE_SIGNER] = {BIT(DESCRIPTOR_SIGNING_KEY) | BIT(DESCRIPTOR_CERTIFICATE),
	0},
    [ROLE_SENDER] = {0, BIT(ROLE_QUEUED)},
    [ROLE_QUEUED] = {BIT(DESCRIPTOR_CONTROL),
	BIT(ROLE_LISTENER) | BIT(ROLE_SIGNER) | BIT(ROLE_SENDER)},
};

/* fed-signer's second step. */
static const struct places expected_later = {
    BIT(DESCRIPTOR_SIGNATURES) | BIT(DESCRIPTOR_SIGNATURES_LAST),
    BIT(ROLE_QUEUED)};

#ifdef TORFED_SANITIZER
/*
 * The search for leaks traces its own process, which no child allows; it is
 * done in the unit tests.
 */
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

static void __attribute__((noreturn)) proc_by_hand(enum role self)
{
	fprintf(stderr, "%s: started by fedd, not by hand\n", role_name(self));
	exit(EX_USAGE);
}

/* Options as fedd gives them; -1 for others. */
static int
proc_options(int argc, char *argv[], enum log_form *form, enum log_level *level)
{
	const char *error = "missing";
	int option, forms = 0;

	opterr = 0;
	while ((option = getopt(argc, argv, "l:v:")) != -1) {
		switch (option) {
		case 'l':
			if (log_form_parse(optarg, form) == -1)
				return -1;
			forms++;
			break;
		case 'v':
			*level = (enum log_level)strtonum(
			    optarg, LOG_LEVEL_ERROR, LOG_LEVEL_DEBUG, &error);
			if (error != NULL)
				return -1;
			break;
		default:
			return -1;
		}
	}
	return optind == argc && forms > 0 && error == NULL ? 0 : -1;
}

static bool
proc_is_channel(int descriptor)
{
	struct sockaddr_storage address;
	socklen_t length;
	int type;

	length = sizeof(type);
	if (getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &length) == -1)
		return false;
	length = sizeof(address);
	if (getsockname(descriptor, (struct sockaddr *)&address, &length) == -1)
		return false;
	return type == SOCK_STREAM && address.ss_family == AF_UNIX;
}

/*
 * Descriptors 0 to 2 must be there, or one of those that come later would
 * pass for standard output; behind the channel nothing may have been left.
 */
static void
proc_descriptors(void)
{
	int descriptor;

	for (descriptor = 0; descriptor < PROC_CHANNEL_FD; descriptor++)
		if (fcntl(descriptor, F_GETFD) == -1)
			fatal("proc descriptor=%d error=\"is closed\"",
			    descriptor);
	if (fcntl(PROC_CHANNEL_FD, F_SETFD, FD_CLOEXEC) == -1)
		fatal("proc call=fcntl error=\"%s\"", strerror(errno));
	closefrom(PROC_CHANNEL_FD + 1);
}

/* The next message from fedd; without fedd there is nothing to do. */
static void
proc_receive(struct proc *proc, struct message *message)
{
	int got = channel_wait(proc->parent, message, -1);

	if (got == 0)
		exit(0);
	if (got == -1)
		fatal("channel peer=%s error=\"%s\"", role_name(ROLE_FEDD),
		    channel_strerror(channel_error(proc->parent)));
}

static void __attribute__((noreturn))
proc_malformed(const struct message *message)
{
	fatal("channel peer=%s type=%u error=\"malformed or out of order\"",
	    role_name(ROLE_FEDD), message->type);
}

/* A descriptor or a channel goes to its place, if it may and once. */
static void
proc_place(const struct message *message, unsigned int allowed, int *places,
    uint8_t count)
{
	int which = msg_u8_decode(message, count);

	if (which == -1 || (allowed & BIT(which)) == 0 || places[which] != -1)
		proc_malformed(message);
	places[which] = message->descriptor;
}

/* MSG_DESCRIPTOR, then MSG_CHANNEL, each as often as there are, then the end */
static void
proc_receive_places(struct proc *proc, const struct places *places)
{
	struct message message;
	uint16_t last = MSG_DESCRIPTOR;

	for (;;) {
		proc_receive(proc, &message);
		if (message.type < last)
			proc_malformed(&message);
		last = message.type;
		if (last == MSG_SETUP_DONE)
			return;
		if (last == MSG_DESCRIPTOR)
			proc_place(&message, places->descriptors,
			    proc->descriptors, DESCRIPTOR_COUNT);
		else if (last == MSG_CHANNEL)
			proc_place(&message, places->channels, proc->channels,
			    ROLE_COUNT);
		else
			proc_malformed(&message);
	}
}

static void
proc_complete(const struct proc *proc, const struct places *places)
{
	unsigned int i;

	for (i = 0; i < DESCRIPTOR_COUNT; i++)
		if ((places->descriptors & BIT(i)) != 0 &&
		    proc->descriptors[i] == -1)
			fatal("proc error=\"descriptor %u is missing\"", i);
	for (i = 0; i < ROLE_COUNT; i++) {
		if ((places->channels & BIT(i)) == 0)
			continue;
		if (proc->channels[i] == -1)
			fatal("proc error=\"channel to %s is missing\"",
			    role_name((enum role)i));
		if (!proc_is_channel(proc->channels[i]))
			fatal("proc error=\"channel to %s is no socket\"",
			    role_name((enum role)i));
	}
}

static void
proc_setup(struct proc *proc)
{
	struct message message;

	proc_receive(proc, &message);
	if (message.type != MSG_START ||
	    msg_start_decode(&message, &proc->start) == -1)
		proc_malformed(&message);
	proc_receive(proc, &message);
	if (message.type != MSG_SETTINGS ||
	    msg_settings_decode(&message, &proc->settings, proc->database) ==
		-1)
		proc_malformed(&message);
	proc_receive_places(proc, &expected[proc->self]);
	proc_complete(proc, &expected[proc->self]);
}

static void
proc_drop(const struct msg_start *start)
{
	bool root = (start->flags & START_ROOT) != 0;

	/* Never as root by mistake, never less confined than fedd believes. */
	if (root != (geteuid() == 0))
		fatal("proc error=\"root here and in fedd do not agree\"");
	(void)privdrop(start->uid, start->gid,
	    start->root[0] != '\0' ? start->root : NULL);
}

void
proc_start(struct proc *proc, enum role self, int argc, char *argv[])
{
	enum log_form form = LOG_FORM_PLAIN;
	enum log_level level = LOG_LEVEL_INFO;
	unsigned int i;

	if (!proc_is_channel(PROC_CHANNEL_FD) ||
	    proc_options(argc, argv, &form, &level) == -1)
		proc_by_hand(self);
	log_init(role_name(self), form, level);
	proc_descriptors();
	memset(proc, 0, sizeof(*proc));
	proc->self = self;
	for (i = 0; i < DESCRIPTOR_COUNT; i++)
		proc->descriptors[i] = -1;
	for (i = 0; i < ROLE_COUNT; i++)
		proc->channels[i] = -1;
	proc->parent = xpointer(channel_new(PROC_CHANNEL_FD, self, ROLE_FEDD));
	proc_setup(proc);
	proc_drop(&proc->start);
}

static void
proc_say(struct proc *proc, uint16_t type, const void *data, size_t length)
{
	if (channel_send(proc->parent, type, 0, 0, -1, data, length) == 0 &&
	    channel_flush_wait(proc->parent, -1) == 0)
		return;
	if (errno == EPIPE)
		exit(0);
	fatal("channel peer=%s error=\"%s\"", role_name(ROLE_FEDD),
	    strerror(errno));
}

void
proc_keys(struct proc *proc, const struct msg_keys *keys)
{
	uint8_t memory[sizeof(*keys)];
	struct pack pack;

	pack_init(&pack, memory, sizeof(memory));
	msg_keys_encode(&pack, keys);
	proc_say(proc, MSG_KEYS, pack.data, pack.length);
	proc_receive_places(proc, &expected_later);
	proc_complete(proc, &expected_later);
}

void
proc_ready(struct proc *proc, struct msg_go *go)
{
	struct message message;

	proc_say(proc, MSG_READY, NULL, 0);
	proc_receive(proc, &message);
	if (message.type != MSG_GO || msg_go_decode(&message, go) == -1)
		proc_malformed(&message);
}
