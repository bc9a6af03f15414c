/* SPDX-License-Identifier: ISC */
/*
 * A reload of the key files. Whether they can be used is seen by a fed-signer
 * that starts with them, beside the one that works: it says whose keys it has,
 * and then waits for the log of signatures, which one process has at a time.
 * If they are good, generation.c ends the present generation with its
 * fed-signer, and begins the next one with this; else this one ends, and
 * nothing was changed.
 */
#include <event2/event.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "events/timer.h"
#include "reload.h"

#define KEYS_MS 30000 /* from fork to MSG_KEYS */

static struct {
	const struct parent *parent;
	void (*ended)(enum reload);
	struct child child;
	struct msg_keys present;
	bool judged; /* ended() was called */
	bool good;
	struct event *timer;
} reload;

static void
reload_end(enum reload what)
{
	event_del(reload.timer);
	reload.judged = true;
	reload.good = what == RELOAD_DONE;
	if (!reload.good) {
		chanev_free(reload.child.chanev);
		reload.child.chanev = NULL;
		child_signal(&reload.child, SIGKILL);
	}
	reload.ended(what);
}

/* The same certificate can have come with another signing key only by a
 * mistake, which fed-signer has seen. */
static enum reload
keys_judge(const struct msg_keys *keys)
{
	const struct msg_keys *present = &reload.present;

	if (memcmp(keys->server, present->server, sizeof(keys->server)) != 0)
		return RELOAD_SERVER;
	if (memcmp(keys->key_id, present->key_id, sizeof(keys->key_id)) == 0)
		return RELOAD_SAME;
	if (keys->serial <= present->serial)
		return RELOAD_SERIAL;
	return keys->valid ? RELOAD_DONE : RELOAD_TIME;
}

/* What is wrong with the key files, it has said in the log. One that was good
 * already is not waited for. */
static void
successor_closed(void *argument)
{
	(void)argument;
	if (!reload.judged) {
		reload_end(RELOAD_KEYS);
		return;
	}
	chanev_free(reload.child.chanev);
	reload.child.chanev = NULL;
	reload.good = false;
}

static void
successor_message(struct message *message, void *argument)
{
	struct child *child = argument;

	if (message->type != MSG_KEYS || reload.judged ||
	    msg_keys_decode(message, &child->keys) == -1) {
		successor_closed(argument);
		return;
	}
	child->has_keys = true;
	reload_end(keys_judge(&child->keys));
}

static void
successor_failed(enum channel_error error, void *argument)
{
	(void)error;
	successor_closed(argument);
}

static void
timer_fired(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	log_error(
	    "child-late process=%s ms=%d", role_name(ROLE_SIGNER), KEYS_MS);
	successor_closed(argument);
}

void
reload_begin(const struct msg_keys *present)
{
	static const struct chanev_handlers handlers = {
	    successor_message, successor_closed, successor_failed};

	reload.present = *present;
	reload.judged = false;
	timer_arm(reload.timer, KEYS_MS);
	if (child_start(&reload.child, reload.parent, NULL, &handlers) == -1)
		reload_end(RELOAD_FILES);
}

bool
reload_runs(void)
{
	return reload.child.pid != 0;
}

bool
reload_good(void)
{
	return reload.good;
}

void
reload_take(struct child *signer, const struct chanev_handlers *handlers)
{
	if (!reload.good || reload.child.chanev == NULL)
		return;
	*signer = reload.child;
	chanev_handle(signer->chanev, handlers, signer);
	memset(&reload.child, 0, sizeof(reload.child));
	reload.child.role = ROLE_SIGNER;
	reload.good = false;
}

struct child *
reload_child(void)
{
	return &reload.child;
}

void
reload_died(void)
{
	child_clear(&reload.child);
	reload.good = false;
	if (!reload.judged) /* we see its death before its end of the channel */
		reload_end(RELOAD_KEYS);
}

void
reload_init(const struct parent *parent, void (*ended)(enum reload))
{
	reload.parent = parent;
	reload.ended = ended;
	reload.child.role = ROLE_SIGNER;
	reload.timer = timer_new(parent->base, timer_fired, NULL);
}
