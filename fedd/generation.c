/* SPDX-License-Identifier: ISC */
/*
 * The life of a generation.
 *
 *	WAITING -> STARTING -> RUNNING -> STOPPING -> WAITING ...
 *
 * All children of a generation are started together and told to go when all
 * are ready. When one dies, closes its channel or breaks the rules, the others
 * are stopped, and the next generation follows (restart.c says when) with new
 * channels, so that no process ever talks to a successor that knows nothing of
 * what was said before. fed-signer alone stays: it holds keys that may have
 * needed a passphrase, and keeps no state of a conversation; it gets a new
 * channel to the new fed-queued and is replaced only when it dies itself, when
 * it had not been told to go yet, or by one with new key files (reload.c).
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "broker.h"
#include "child.h"
#include "events/timer.h"
#include "generation.h"
#include "ipc/message.h"
#include "notify.h"
#include "reload.h"
#include "restart.h"
#include "signatures.h"

#define READY_MS 30000 /* from fork to MSG_READY of the last */
/*
 * From SIGTERM to SIGKILL. Short of a second, so that what follows a
 * generation that was ready starts within one.
 */
#define KILL_MS	 800
#define WATCH_MS 2000 /* looks at the database's directory */

enum state { WAITING, STARTING, RUNNING, STOPPING, ENDING };

/* What tells one directory from its replacement; zero: there is none. */
struct place {
	dev_t device;
	ino_t inode;
};

static struct {
	struct parent *parent;
	enum state state;
	uint32_t number;       /* of this or the last generation */
	unsigned int failures; /* in a row, before they were ready */
	bool was_ready;
	bool wants_reload; /* when it is its time */
	bool replaces;	   /* fed-signer ends with this generation */
	int64_t started_ms;
	int64_t stopped_ms; /* when the first of it was lost */
	struct child children[ROLE_COUNT];
	struct event *timer; /* of the present state */
	struct event *watch;
	struct event *turn;    /* of the file with fed-signer's signatures */
	struct place database; /* its directory when we started */
} generation;

/* In the order in which they start and stop. */
static const enum role roles[] = {
    ROLE_LISTENER, ROLE_SENDER, ROLE_QUEUED, ROLE_SIGNER};
#define ROLES (sizeof(roles) / sizeof(roles[0]))

static void generation_stop(void);
static void generation_ended(void);

/* fed-signer, when it works and need not end with its generation. */
static bool
is_kept(const struct child *child)
{
	return child->role == ROLE_SIGNER && child->pid != 0 && child->has_go &&
	       !child->is_told && child->chanev != NULL &&
	       generation.state != ENDING && !generation.replaces;
}

/* Whether it ended as we asked; one that was dying already did not. */
static bool
ended_as_told(const struct child *child, int status)
{
	if (!child->is_told)
		return false;
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGTERM ||
		       (WTERMSIG(status) == SIGKILL && child->is_killed);
	return WEXITSTATUS(status) == 0;
}

/* The one that dies by itself is named; those that were told to are not. */
static void
death_log(const struct child *child, int status)
{
	const char *what = WIFSIGNALED(status) ? "signal" : "status";
	int value =
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);

	if (ended_as_told(child, status))
		log_debug("child-stopped process=%s pid=%d %s=%d",
		    role_name(child->role), (int)child->pid, what, value);
	else if (status == 0) /* it saw a sibling's end before we did */
		log_info("child-left process=%s pid=%d", role_name(child->role),
		    (int)child->pid);
	else
		log_error("child-died process=%s pid=%d %s=%d generation=%u",
		    role_name(child->role), (int)child->pid, what, value,
		    generation.number);
}

/*
 * The end of a generation whose fed-signer ends with it. fed-queued tells
 * whoever asked for it, and is the first to go; not later than this.
 */
static void
replace_begin(void)
{
	struct child *queued = &generation.children[ROLE_QUEUED];

	generation.replaces = true;
	child_reloaded(queued, RELOAD_DONE);
	queued->is_told = true;
	timer_arm(generation.timer, KILL_MS);
}

/* A reload has come to an end. Where the generation ended meanwhile, the next
 * one's start is the time for a fed-signer that waits. */
static void
reloaded(enum reload what)
{
	const struct msg_keys *keys = &reload_child()->keys;
	bool running = generation.state == RUNNING && !generation.replaces;

	if (what == RELOAD_DONE)
		log_info("reload serial=%lld", (long long)keys->serial);
	else if (what == RELOAD_SAME)
		log_info("reload unchanged");
	else
		log_error("reload error=\"%s\"", reload_text(what));
	if (running && what == RELOAD_DONE)
		replace_begin();
	else if (running)
		child_reloaded(&generation.children[ROLE_QUEUED], what);
}

void
generation_reload(void)
{
	generation.wants_reload =
	    generation.state != RUNNING || generation.replaces || reload_runs();
	if (!generation.wants_reload)
		reload_begin(&generation.children[ROLE_SIGNER].keys);
}

static void
ready_check(void)
{
	int32_t pids[ROLE_COUNT] = {0};

	for (size_t i = 0; i < ROLES; i++) {
		if (!generation.children[roles[i]].is_ready)
			return;
		pids[roles[i]] = generation.children[roles[i]].pid;
	}
	pids[ROLE_FEDD] = getpid();
	for (size_t i = 0; i < ROLES; i++) {
		struct child *child = &generation.children[roles[i]];

		if (!child->has_go)
			child_go(child, generation.number, clock_now(), pids);
	}
	generation.state = RUNNING;
	generation.was_ready = true;
	generation.failures = 0;
	event_del(generation.timer);
	log_info("ready generation=%u ms=%lld", generation.number,
	    (long long)(clock_ms() - generation.started_ms));
	notify_send("READY=1");
	if (reload_good())
		replace_begin();
	else if (generation.wants_reload)
		generation_reload();
}

/* Whoever breaks the rules is not asked to end, it is ended. */
static void
child_expel(struct child *child, const char *reason)
{
	log_error("child-misbehaved process=%s pid=%d error=\"%s\"",
	    role_name(child->role), (int)child->pid, reason);
	chanev_free(child->chanev);
	child->chanev = NULL;
	child_signal(child, SIGKILL);
	generation_stop();
}

static void
child_message(struct message *message, void *argument)
{
	struct child *child = argument;

	if (child->is_told) /* said before it knew */
		return;
	switch (message->type) {
	case MSG_KEYS:
		if (child->has_keys ||
		    msg_keys_decode(message, &child->keys) == -1)
			child_expel(child, "keys out of turn");
		else
			child->has_keys = true;
		return;
	case MSG_RELOAD:
		if (!child->has_go)
			child_expel(child, "request before its turn");
		else
			generation_reload();
		return;
	case MSG_READY:
		if (generation.state != STARTING || child->is_ready ||
		    (child->role == ROLE_SIGNER && !child->has_keys)) {
			child_expel(child, "ready out of turn");
			return;
		}
		child->is_ready = true;
		ready_check();
		return;
	case MSG_SOCKS_WANTED:
		if (!child->has_go)
			child_expel(child, "request before its turn");
		else if (broker_answer(
			     child->chanev, message->id, clock_ms()) == -1)
			child_expel(child, "does not read what it asks for");
		return;
	default:
		child_expel(child, "message without a meaning");
	}
}

static void
child_closed(void *argument)
{
	struct child *child = argument;

	chanev_free(child->chanev);
	child->chanev = NULL;
	/* Dead, most likely; SIGCHLD tells how. If not, it dies now. */
	generation_stop();
}

static void
child_failed(enum channel_error error, void *argument)
{
	child_expel(argument, channel_strerror(error));
}

static const struct chanev_handlers handlers = {
    child_message, child_closed, child_failed};

static void
edges_none(struct edges edges[ROLE_COUNT])
{
	for (int i = 0; i < ROLE_COUNT; i++) {
		for (int j = 0; j < ROLE_COUNT; j++)
			edges[i].fds[j] = -1;
	}
}

/* The peer graph; every edge that is not here is one that must not be. */
static int
edges_make(struct edges edges[ROLE_COUNT])
{
	static const enum role pairs[][2] = {{ROLE_LISTENER, ROLE_QUEUED},
	    {ROLE_QUEUED, ROLE_SIGNER}, {ROLE_QUEUED, ROLE_SENDER}};
	int fds[2];

	edges_none(edges);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		enum role one = pairs[i][0], other = pairs[i][1];

		if (socketpair(AF_UNIX,
			SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
			fds) == -1) {
			log_error("socketpair error=\"%s\"", strerror(errno));
			return -1;
		}
		edges[one].fds[other] = fds[0];
		edges[other].fds[one] = fds[1];
	}
	return 0;
}

static void
edges_close(struct edges edges[ROLE_COUNT])
{
	for (int i = 0; i < ROLE_COUNT; i++) {
		for (int j = 0; j < ROLE_COUNT; j++) {
			if (edges[i].fds[j] != -1)
				close(edges[i].fds[j]);
		}
	}
}

/* fed-signer stays, or was begun by a reload, or starts. */
static int
signer_start(struct child *signer, struct edges *edges)
{
	if (signer->has_go) {
		child_renew(signer, edges);
		return 0;
	}
	if (signer->pid == 0 &&
	    child_start(signer, generation.parent, NULL, &handlers) == -1)
		return -1;
	return child_start_signer(signer, generation.parent, edges);
}

/* 0, or -1 when one could not be started. */
static int
children_start(void)
{
	struct edges edges[ROLE_COUNT];
	int result = edges_make(edges);

	for (size_t i = 0; i < ROLES && result == 0; i++) {
		struct child *child = &generation.children[roles[i]];

		if (child->role == ROLE_SIGNER)
			result = signer_start(child, &edges[roles[i]]);
		else
			result = child_start(child, generation.parent,
			    &edges[roles[i]], &handlers);
	}
	edges_close(edges);
	return result;
}

static struct place
place_now(const char *directory)
{
	struct place place = {0};
	struct stat st;

	if (stat(directory, &st) == 0) {
		place.device = st.st_dev;
		place.inode = st.st_ino;
	}
	return place;
}

void
generation_start(void)
{
	generation.state = STARTING;
	generation.number++;
	generation.was_ready = false;
	generation.started_ms = clock_ms();
	generation.database = place_now(generation.parent->database.directory);
	log_info("generation number=%u", generation.number);
	timer_arm(generation.timer, READY_MS);
	if (generation.replaces)
		reload_take(&generation.children[ROLE_SIGNER], &handlers);
	generation.replaces = false;
	if (children_start() == -1)
		generation_stop();
}

static bool
is_stopped(void)
{
	for (size_t i = 0; i < ROLES; i++) {
		const struct child *child = &generation.children[roles[i]];

		if (child->pid != 0 && !is_kept(child))
			return false;
	}
	return generation.state != ENDING || reload_child()->pid == 0;
}

/*
 * Tells all that do not stay to end. One that has closed its channel is dying
 * already and is not told, so that the log can say how it died.
 */
static void
generation_stop(void)
{
	if (generation.state == STOPPING || generation.state == ENDING)
		return;
	if (generation.state == STARTING)
		generation.failures++;
	generation.stopped_ms = clock_ms();
	generation.state = STOPPING;
	for (size_t i = 0; i < ROLES; i++) {
		struct child *child = &generation.children[roles[i]];

		if (child->chanev != NULL && !is_kept(child))
			child_signal(child, SIGTERM);
	}
	timer_arm(generation.timer, KILL_MS);
	if (is_stopped())
		generation_ended();
}

static void
generation_ended(void)
{
	int64_t delay;

	if (generation.state == ENDING) {
		event_base_loopbreak(generation.parent->base);
		return;
	}
	generation.state = WAITING;
	delay = restart_delay_ms(generation.was_ready,
	    generation.stopped_ms - generation.started_ms, generation.failures);
	/* Waiting for the others to end was a pause as well. */
	delay -= clock_ms() - generation.stopped_ms;
	if (delay < 0)
		delay = 0;
	if (!generation.was_ready)
		log_warning("not-ready generation=%u failures=%u wait-ms=%lld",
		    generation.number, generation.failures, (long long)delay);
	timer_arm(generation.timer, delay);
}

void
generation_end(void)
{
	if (generation.state == ENDING)
		return;
	log_info("stop generation=%u", generation.number);
	notify_send("STOPPING=1");
	generation.state = ENDING;
	event_del(generation.watch);
	event_del(generation.turn);
	for (size_t i = 0; i < ROLES; i++)
		child_signal(&generation.children[roles[i]], SIGTERM);
	child_signal(reload_child(), SIGTERM);
	timer_arm(generation.timer, KILL_MS);
	if (is_stopped())
		generation_ended();
}

static struct child *
child_find(pid_t pid)
{
	for (size_t i = 0; i < ROLES; i++) {
		if (generation.children[roles[i]].pid == pid)
			return &generation.children[roles[i]];
	}
	return NULL;
}

void
generation_reap(void)
{
	struct child *child;
	int status;
	pid_t pid;
	bool lost = false;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == reload_child()->pid) {
			reload_died();
			continue;
		}
		if ((child = child_find(pid)) == NULL)
			continue;
		death_log(child, status);
		child_clear(child);
		lost = true;
	}
	if (generation.wants_reload)
		generation_reload();
	if (!lost && generation.state != ENDING)
		return;
	if (generation.state == STARTING || generation.state == RUNNING)
		generation_stop();
	else if (generation.state != WAITING && is_stopped())
		generation_ended();
}

static void
late_log(void)
{
	for (size_t i = 0; i < ROLES; i++) {
		if (!generation.children[roles[i]].is_ready)
			log_error("child-late process=%s ms=%d",
			    role_name(roles[i]), READY_MS);
	}
}

static void
children_kill(void)
{
	for (size_t i = 0; i < ROLES; i++) {
		struct child *child = &generation.children[roles[i]];

		if (child->pid == 0 || is_kept(child))
			continue;
		log_warning("child-killed process=%s pid=%d error=\"does not "
			    "end\"",
		    role_name(child->role), (int)child->pid);
		child_signal(child, SIGKILL);
	}
	if (generation.state == ENDING)
		child_signal(reload_child(), SIGKILL);
}

static void
timer_fired(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	(void)argument;
	switch (generation.state) {
	case WAITING:
		generation_start();
		break;
	case STARTING:
		late_log();
		generation_stop();
		break;
	case STOPPING:
	case ENDING:
		children_kill();
		break;
	case RUNNING: /* fed-queued did not end: replace_begin() */
		generation_stop();
		break;
	}
}

/*
 * fed-queued sees, out of its chroot, the directory that was there when it
 * started. When a new one takes its place (an upgrade of the database's package
 * may do that), fed-queued never notices: so we look.
 */
static void
watch_fired(evutil_socket_t fd, short what, void *argument)
{
	struct place place = place_now(generation.parent->database.directory);

	(void)fd;
	(void)what;
	(void)argument;
	timer_arm(generation.watch, WATCH_MS);
	if (place.inode == 0 || (place.inode == generation.database.inode &&
				    place.device == generation.database.device))
		return;
	if (generation.state == RUNNING) {
		log_warning("database-directory replaced");
		generation_stop();
	} else if (generation.state == WAITING) {
		generation_start();
	}
}

/* A fed-signer that starts later gets its own. */
static void
turn_fired(evutil_socket_t fd, short what, void *argument)
{
	struct child *signer = &generation.children[ROLE_SIGNER];
	const struct conf *conf = &generation.parent->conf;
	int next;

	(void)fd;
	(void)what;
	(void)argument;
	timer_arm(generation.turn, conf->settings.signatures_file_s * 1000);
	if (!is_kept(signer))
		return;
	next =
	    signatures_next(conf->signatures, conf->settings.signatures_kept_s);
	if (next != -1) /* else it goes on with the one it has */
		child_signatures(signer, next);
}

void
generation_init(struct parent *parent)
{
	generation.parent = parent;
	for (int i = 0; i < ROLE_COUNT; i++)
		generation.children[i].role = (enum role)i;
	generation.timer = timer_new(parent->base, timer_fired, NULL);
	generation.watch = timer_new(parent->base, watch_fired, NULL);
	generation.turn = timer_new(parent->base, turn_fired, NULL);
	reload_init(parent, reloaded);
	broker_init(&parent->conf, clock_ms());
	timer_arm(
	    generation.turn, parent->conf.settings.signatures_file_s * 1000);
	/* Without a chroot paths are looked up anew each time. */
	if (parent->is_root && parent->database.local)
		timer_arm(generation.watch, WATCH_MS);
}
