/* SPDX-License-Identifier: ISC */
/*
 * The start of one child: fork, exec with nothing but its channel on
 * descriptor 3 and the log on 2, then the setup messages. A child is always a
 * fresh program image, so that none inherits a copy of what fedd knows.
 */
#include <bsd/string.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "child.h"
#include "ipc/message.h"
#include "ipc/proc.h"
#include "keys.h"
#include "signatures.h"

static char *const *
environment(void)
{
	static char *empty[] = {NULL};
#ifdef TORFED_SANITIZER
	static const char *const names[] = {"ASAN_OPTIONS", "UBSAN_OPTIONS"};
	static char text[2][512];
	static char *kept[3];
	size_t count = 0;

	for (size_t i = 0; i < 2; i++) {
		if (getenv(names[i]) == NULL)
			continue;
		snprintf(text[i], sizeof(text[i]), "%s=%s", names[i],
		    getenv(names[i]));
		kept[count++] = text[i];
	}
	kept[count] = NULL;
	return count == 0 ? empty : kept;
#else
	return empty;
#endif
}

static void
close_above(int lowest)
{
#ifdef __linux__
	if (close_range((unsigned int)lowest, ~0U, 0) == -1)
		fatal("close_range errno=%d", errno);
#else
	closefrom(lowest);
#endif
}

/*
 * Between fork and exec the parent's handlers are still there, and would tell
 * the parent of a signal that is meant for the child: so all are blocked until
 * none is left. SIGPIPE stays ignored: a log that nobody reads any more must
 * not end a daemon.
 */
static void
signals_reset(void)
{
	static const int caught[] = {SIGCHLD, SIGHUP, SIGINT, SIGTERM};
	sigset_t none;

	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		(void)signal(caught[i], SIG_DFL);
	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) == -1)
		fatal("sigprocmask errno=%d", errno);
}

static void __attribute__((noreturn))
child_exec(const struct parent *parent, enum role role, int channel)
{
	char program[PATH_MAX], form[16], level[16];
	char form_option[] = "-l", level_option[] = "-v";
	char *argv[] = {program, form_option, form, level_option, level, NULL};

	signals_reset();
	strlcpy(program, parent->programs[role], sizeof(program));
	strlcpy(form, log_form_name(log_form_get()), sizeof(form));
	snprintf(level, sizeof(level), "%d", parent->level);
	/* Its own process group: a ^C at the terminal is fedd's business. */
	if (setpgid(0, 0) == -1 || dup2(parent->null, STDIN_FILENO) == -1 ||
	    dup2(parent->null, STDOUT_FILENO) == -1)
		goto failed;
	/* dup2(2) onto itself would leave close-on-exec set. */
	if (channel == PROC_CHANNEL_FD) {
		if (fcntl(channel, F_SETFD, 0) == -1)
			goto failed;
	} else if (dup2(channel, PROC_CHANNEL_FD) == -1)
		goto failed;
	close_above(PROC_CHANNEL_FD + 1);
	execve(program, argv, environment());
failed:
	log_error("child-exec process=%s error=\"%s\"", role_name(role),
	    strerror(errno));
	_exit(1);
}

/* What the table does not allow is a fault of ours. */
static void
child_send(
    struct child *child, uint16_t type, int fd, const void *data, size_t length)
{
	if (chanev_send(child->chanev, type, 0, 0, fd, data, length) == -1)
		fatal("child process=%s type=%u error=\"cannot send\"",
		    role_name(child->role), type);
}

static void
start_send(struct child *child, const struct parent *parent)
{
	const struct conf *conf = &parent->conf;
	const struct conf_user *user = &conf->users[child->role];
	bool queued = child->role == ROLE_QUEUED;
	bool local = parent->database.local;
	struct msg_start start = {.owner_uid = parent->owner};
	uint8_t memory[MESSAGE_SMALL];
	struct pack pack;

	if (parent->is_root) {
		start.uid = user->uid;
		start.gid = user->gid;
		start.flags |= START_ROOT;
		if (!queued)
			strlcpy(start.root, conf->empty, sizeof(start.root));
		else if (local)
			strlcpy(start.root, parent->database.directory,
			    sizeof(start.root));
	}
	if (queued && !local)
		start.flags |= START_INET;
	if (queued && local)
		strlcpy(start.unveil, parent->database.directory,
		    sizeof(start.unveil));
	pack_init(&pack, memory, sizeof(memory));
	msg_start_encode(&pack, &start);
	child_send(child, MSG_START, -1, memory, pack.length);
}

static void
settings_send(struct child *child, const struct parent *parent)
{
	uint8_t memory[MESSAGE_SMALL];
	struct pack pack;

	pack_init(&pack, memory, sizeof(memory));
	msg_settings_encode(&pack, &parent->conf.settings,
	    child->role == ROLE_QUEUED ? parent->conf.database : "");
	child_send(child, MSG_SETTINGS, -1, memory, pack.length);
	explicit_bzero(memory, sizeof(memory));
}

/* The descriptor is taken over. */
static void
descriptor_send(struct child *child, enum descriptor kind, int fd)
{
	uint8_t byte = (uint8_t)kind;

	child_send(child, MSG_DESCRIPTOR, fd, &byte, 1);
}

static void
edges_send(struct child *child, struct edges *edges)
{
	for (int role = 0; role < ROLE_COUNT; role++) {
		uint8_t byte = (uint8_t)role;

		if (edges->fds[role] == -1)
			continue;
		child_send(child, MSG_CHANNEL, edges->fds[role], &byte, 1);
		edges->fds[role] = -1;
	}
}

static void
edges_close(struct edges *edges)
{
	for (int role = 0; role < ROLE_COUNT; role++) {
		if (edges->fds[role] != -1)
			close(edges->fds[role]);
		edges->fds[role] = -1;
	}
}

/* What a child of this role gets; -1 when it cannot be had. */
static int
descriptors_open(
    const struct parent *parent, enum role role, int fds[DESCRIPTOR_COUNT])
{
	struct keys keys;
	int listening =
	    role == ROLE_LISTENER ? DESCRIPTOR_LISTEN : DESCRIPTOR_CONTROL;

	for (int i = 0; i < DESCRIPTOR_COUNT; i++)
		fds[i] = -1;
	if (role == ROLE_SIGNER) {
		if (keys_open(&keys, parent->conf.keys) == -1)
			return -1;
		fds[DESCRIPTOR_SIGNING_KEY] = keys.signing;
		fds[DESCRIPTOR_CERTIFICATE] = keys.certificate;
	} else if (role == ROLE_LISTENER || role == ROLE_QUEUED) {
		fds[listening] = fcntl(
		    role == ROLE_LISTENER ? parent->listen : parent->control,
		    F_DUPFD_CLOEXEC, 0);
		if (fds[listening] == -1) {
			log_error("child process=%s error=\"%s\"",
			    role_name(role), strerror(errno));
			return -1;
		}
	}
	return 0;
}

static pid_t
fork_blocked(void)
{
	sigset_t all, before;
	int error;
	pid_t pid;

	sigfillset(&all);
	if (sigprocmask(SIG_SETMASK, &all, &before) == -1)
		fatal("sigprocmask errno=%d", errno);
	pid = fork();
	error = errno;
	if (pid != 0 && sigprocmask(SIG_SETMASK, &before, NULL) == -1)
		fatal("sigprocmask errno=%d", errno);
	errno = error;
	return pid;
}

/* Its channel here; -1 when it could not be started. */
static int
child_fork(struct child *child, const struct parent *parent)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		pair) == -1)
		goto failed;
	child->pid = fork_blocked();
	if (child->pid == 0)
		child_exec(parent, child->role, pair[1]);
	close(pair[1]);
	if (child->pid != -1)
		return pair[0];
	child->pid = 0;
	close(pair[0]);
failed:
	log_error("child process=%s error=\"%s\"", role_name(child->role),
	    strerror(errno));
	return -1;
}

int
child_start(struct child *child, const struct parent *parent,
    struct edges *edges, const struct chanev_handlers *handlers)
{
	int fds[DESCRIPTOR_COUNT], fd = -1;
	struct channel *channel;

	if (descriptors_open(parent, child->role, fds) == 0)
		fd = child_fork(child, parent);
	if (fd == -1) {
		for (int i = 0; i < DESCRIPTOR_COUNT; i++) {
			if (fds[i] != -1)
				close(fds[i]);
		}
		if (edges != NULL)
			edges_close(edges);
		return -1;
	}
	channel = xpointer(channel_new(fd, ROLE_FEDD, child->role));
	child->chanev = chanev_new(parent->base, channel, handlers, child);
	start_send(child, parent);
	settings_send(child, parent);
	for (int i = 0; i < DESCRIPTOR_COUNT; i++) {
		if (fds[i] != -1)
			descriptor_send(child, (enum descriptor)i, fds[i]);
	}
	if (edges != NULL)
		edges_send(child, edges);
	child_send(child, MSG_SETUP_DONE, -1, NULL, 0);
	log_debug(
	    "child process=%s pid=%d", role_name(child->role), (int)child->pid);
	return 0;
}

int
child_start_signer(
    struct child *child, const struct parent *parent, struct edges *edges)
{
	struct signatures signatures;

	if (signatures_open(&signatures, parent->conf.signatures,
		parent->conf.settings.signatures_file_s,
		parent->conf.settings.signatures_kept_s) == -1) {
		edges_close(edges);
		return -1;
	}
	descriptor_send(child, DESCRIPTOR_SIGNATURES, signatures.log);
	descriptor_send(child, DESCRIPTOR_SIGNATURES_LAST, signatures.last);
	edges_send(child, edges);
	child_send(child, MSG_SETUP_DONE, -1, NULL, 0);
	return 0;
}

void
child_renew(struct child *child, struct edges *edges)
{
	edges_send(child, edges);
}

void
child_signatures(struct child *child, int fd)
{
	descriptor_send(child, DESCRIPTOR_SIGNATURES, fd);
}

void
child_reloaded(struct child *child, enum reload reload)
{
	uint8_t byte = (uint8_t)reload;

	child_send(child, MSG_RELOADED, -1, &byte, 1);
}

void
child_go(struct child *child, uint32_t generation, int64_t started,
    const int32_t pids[ROLE_COUNT])
{
	struct msg_go go = {.generation = generation, .started = started};
	uint8_t memory[MESSAGE_SMALL];
	struct pack pack;

	memcpy(go.pids, pids, sizeof(go.pids));
	pack_init(&pack, memory, sizeof(memory));
	msg_go_encode(&pack, &go);
	child_send(child, MSG_GO, -1, memory, pack.length);
	child->has_go = true;
}

void
child_signal(struct child *child, int signal)
{
	if (child->pid == 0)
		return;
	child->is_told = true;
	child->is_killed |= signal == SIGKILL;
	/* It is ours until we wait for it, so the id cannot be another's. */
	if (kill(child->pid, signal) == -1 && errno != ESRCH)
		log_warning(
		    "kill process=%s errno=%d", role_name(child->role), errno);
}

void
child_clear(struct child *child)
{
	enum role role = child->role;

	chanev_free(child->chanev);
	memset(child, 0, sizeof(*child));
	child->role = role;
}
