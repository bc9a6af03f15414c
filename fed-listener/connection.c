/* SPDX-License-Identifier: ISC */
/*
 * The life of a connection: its states, what it reads in each, when its
 * patience ends, and which connection goes when there is no room.
 *
 * Bytes are read into the process's one scratch buffer, and only what is not
 * enough yet is kept: a connection between requests holds no buffer, and one
 * that sends a byte now and then holds little more than these bytes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "answer.h"
#include "base/clock.h"
#include "base/log.h"
#include "events/timer.h"
#include "events/watch.h"
#include "listener.h"
#include "receive.h"

#define EVICT_AGE_MS	 300
#define EVICT_WRITE_MS	 2000
#define DRAIN_TIMEOUT_MS 2000

static void connection_on_read(int, short, void *);
static void connection_on_write(int, short, void *);
static void connection_on_timer(int, short, void *);

static void late_head(struct connection *);
static void late_admission(struct connection *);
static void late_body(struct connection *);
static void late_waiting(struct connection *);
static void late_answer(struct connection *);

/* What each state does with bytes and when its time is over. */
static const struct {
	void (*on_read)(struct connection *); /* NULL: does not read */
	void (*on_late)(struct connection *);
	bool evict_answer; /* ended to make room, it is told so */
} states[STATE_COUNT] = {
    [STATE_HEAD] = {receive_head, late_head, true},
    [STATE_IDLE] = {receive_head, connection_free, false},
    [STATE_ADMISSION] = {NULL, late_admission, true},
    [STATE_BODY] = {receive_body, late_body, true},
    [STATE_WAITING] = {receive_waiting, late_waiting, false},
    [STATE_ANSWER] = {NULL, late_answer, false},
    [STATE_DRAINING] = {receive_draining, connection_free, false},
};

static int64_t
state_timeout(const struct connection *connection)
{
	const struct settings *settings = connection->listener->settings;

	switch (connection->state) {
	case STATE_HEAD:
		return settings->head_timeout_ms;
	case STATE_IDLE:
		return settings->idle_timeout_ms;
	case STATE_BODY:
		return admission_deadline(0, settings->body_timeout_ms,
		    settings->body_rate, connection->received);
	case STATE_WAITING:
		return ANSWER_TIMEOUT_MS;
	case STATE_DRAINING:
		return DRAIN_TIMEOUT_MS;
	default:
		return settings->body_timeout_ms;
	}
}

static void
state_leave(struct connection *connection)
{
	struct listener *listener = connection->listener;

	TAILQ_REMOVE(
	    &listener->connections[connection->state], connection, entry);
	listener->counts[connection->state]--;
}

static void
state_join(struct connection *connection, enum connection_state state)
{
	struct listener *listener = connection->listener;

	connection->state = state;
	connection->entered_ms = clock_ms();
	TAILQ_INSERT_TAIL(&listener->connections[state], connection, entry);
	listener->counts[state]++;
	if (states[state].on_read == NULL || connection->ended)
		event_del(&connection->reading);
	else
		watch_start(&connection->reading);
	timer_arm(&connection->timer, state_timeout(connection));
}

void
connection_enter(struct connection *connection, enum connection_state state)
{
	struct listener *listener = connection->listener;

	/* One that drains is owed nothing: the oldest makes room. */
	if (state == STATE_DRAINING &&
	    listener->counts[STATE_DRAINING] >= listener->draining_max)
		connection_free(
		    TAILQ_FIRST(&listener->connections[STATE_DRAINING]));
	state_leave(connection);
	state_join(connection, state);
}

int
connection_new(struct listener *listener, int descriptor)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (connection == NULL)
		return -1;
	connection->listener = listener;
	connection->descriptor = descriptor;
	connection->proxy_wanted = listener->settings->proxy_line != 0;
	event_assign(&connection->reading, listener->base, descriptor,
	    EV_READ | EV_PERSIST, connection_on_read, connection);
	event_assign(&connection->writing, listener->base, descriptor, EV_WRITE,
	    connection_on_write, connection);
	evtimer_assign(&connection->timer, listener->base, connection_on_timer,
	    connection);
	state_join(connection, STATE_HEAD);
	limit_pass(&listener->limits, LIMIT_CONNECTIONS);
	return 0;
}

void
connection_free(struct connection *connection)
{
	struct listener *listener = connection->listener;

	state_leave(connection);
	event_del(&connection->reading);
	event_del(&connection->writing);
	event_del(&connection->timer);
	close(connection->descriptor);
	if (connection->pending != PENDING_NONE)
		pending_abandon(listener->pending, connection->pending);
	circuit_detach(listener->circuits, connection->circuit, clock_ms());
	connection_release(connection);
	free(connection->output);
	free(connection);
	accept_resume(listener);
}

size_t
connection_count(const struct listener *listener)
{
	size_t count = 0;
	int state;

	for (state = 0; state < STATE_COUNT; state++)
		if (state != STATE_DRAINING)
			count += listener->counts[state];
	return count;
}

/* The first in the state's list that has been there for so long. */
static struct connection *
victim_oldest(
    struct listener *listener, enum connection_state state, int64_t age_ms)
{
	struct connection *oldest = TAILQ_FIRST(&listener->connections[state]);

	if (oldest != NULL && clock_ms() - oldest->entered_ms >= age_ms)
		return oldest;
	return NULL;
}

/* A body that comes too slowly to be worth its place. */
static struct connection *
victim_body(struct listener *listener)
{
	struct connection *connection;
	int64_t now_ms = clock_ms();

	TAILQ_FOREACH (connection, &listener->connections[STATE_BODY], entry)
		if (admission_slow(connection->entered_ms, EVICT_AGE_MS,
			connection->received, now_ms))
			return connection;
	return NULL;
}

/* One whose client has shut its side, and is likely gone. */
static struct connection *
victim_waiting(struct listener *listener)
{
	struct connection *connection;

	TAILQ_FOREACH (connection, &listener->connections[STATE_WAITING], entry)
		if (connection->ended)
			return connection;
	return NULL;
}

/*
 * Which connection ends when there is no room: first one that is owed nothing,
 * then one that has had its time. An honest client sends its head at once, so
 * the oldest head is not from one; and of bodies in line the last has waited
 * least.
 */
static struct connection *
victim_choose(struct listener *listener, bool descriptor)
{
	struct connection *victim = NULL;

	if (descriptor)
		victim = victim_oldest(listener, STATE_DRAINING, 0);
	if (victim == NULL)
		victim = victim_oldest(listener, STATE_IDLE, 0);
	if (victim == NULL)
		victim = victim_oldest(listener, STATE_HEAD, EVICT_AGE_MS);
	if (victim == NULL)
		victim = victim_waiting(listener);
	if (victim == NULL)
		victim = victim_body(listener);
	if (victim == NULL)
		victim = victim_oldest(listener, STATE_ANSWER, EVICT_WRITE_MS);
	if (victim == NULL)
		victim = TAILQ_LAST(
		    &listener->connections[STATE_ADMISSION], connection_list);
	return victim;
}

bool
connection_evict(struct listener *listener, bool descriptor)
{
	struct connection *victim = victim_choose(listener, descriptor);
	size_t before = connection_count(listener);

	if (victim == NULL)
		return false;
	if (descriptor || !states[victim->state].evict_answer) {
		connection_free(victim);
		return true;
	}
	victim->closing = true;
	answer_status(victim, 503, ANSWER_RETRY_S);
	return connection_count(listener) < before;
}

void
connection_release(struct connection *connection)
{
	free(connection->head);
	connection->head = NULL;
	connection->head_length = 0;
	free(connection->body);
	connection->body = NULL;
	receive_release(connection);
}

static void
late(struct connection *connection, enum limit limit, int status)
{
	struct listener *listener = connection->listener;

	limit_hit(&listener->limits, limit, clock_ms());
	answer_status(connection, status, status == 503 ? ANSWER_RETRY_S : 0);
}

static void
late_head(struct connection *connection)
{
	late(connection, LIMIT_HEAD_TIME, 408);
}

static void
late_admission(struct connection *connection)
{
	connection->closing = true;
	late(connection, LIMIT_BODY_MEMORY, 503);
}

/* The time for a body grows with what has come; see admission_deadline(). */
static void
late_body(struct connection *connection)
{
	int64_t left_ms =
	    connection->entered_ms + state_timeout(connection) - clock_ms();

	if (left_ms > 0)
		timer_arm(&connection->timer, left_ms);
	else if (clock_ms() - connection->entered_ms <
		 connection->listener->settings->body_timeout_ms)
		late(connection, LIMIT_BODY_RATE, 408);
	else
		late(connection, LIMIT_BODY_TIME, 408);
}

static void
late_waiting(struct connection *connection)
{
	pending_abandon(connection->listener->pending, connection->pending);
	connection->pending = PENDING_NONE;
	late(connection, LIMIT_ANSWER_TIME, 503);
}

static void
late_answer(struct connection *connection)
{
	struct listener *listener = connection->listener;

	limit_hit(&listener->limits, LIMIT_WRITE_TIME, clock_ms());
	connection_free(connection);
}

static void
connection_on_read(int descriptor, short what, void *argument)
{
	struct connection *connection = argument;

	(void)descriptor;
	(void)what;
	states[connection->state].on_read(connection);
}

static void
connection_on_write(int descriptor, short what, void *argument)
{
	(void)descriptor;
	(void)what;
	answer_continue(argument);
}

static void
connection_on_timer(int descriptor, short what, void *argument)
{
	struct connection *connection = argument;

	(void)descriptor;
	(void)what;
	states[connection->state].on_late(connection);
}
