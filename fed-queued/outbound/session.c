/* SPDX-License-Identifier: ISC */
/*
 * Sending: a session holds the lease of one (destination, lane) and works
 * through it, one request in flight and the next one claimed meanwhile, so
 * order inside a lane is first-in first-out, whoever the worker. An item that
 * is refused or put off waits by itself, and its line behind it: what was
 * claimed of that meanwhile goes back. It ends when nothing of the lane is due,
 * or the destination has to wait.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/encode.h"
#include "base/log.h"
#include "db/db.h"
#include "env.h"
#include "events/timer.h"
#include "exchange/reaction.h"
#include "exchange/transport.h"
#include "json/canon.h"
#include "json/envelope.h"
#include "outbound/destination.h"
#include "outbound/queue.h"
#include "outbound/rouse.h"
#include "outbound/schedule.h"
#include "outbound/session.h"
#include "servers/peer_table.h"

#define ATTEMPTS_DEFAULT 5    /* the column's default: fed.conf's counts */
#define SESSION_REQUESTS 16   /* in a row while others wait */
#define SLOW_MS		 5000 /* of an exchange; shares slots with the dead */
#define FLOOR_CLAIMS	 64   /* between looks at a lane from its start */
#define LEASE_AFTER_MS	 200  /* behind the end of another's lease */

struct session {
	struct lease lease;
	int64_t floor;	      /* queue id that nothing new can lie below */
	int64_t reached;      /* the last one claimed, to be the next floor */
	int64_t reached_next; /* when none older than this one runs */
	uint32_t claims;
	struct claim *current; /* in flight */
	struct claim *next;    /* claimed meanwhile */
	bool claiming;
	struct lines stopped; /* since the claim that is under way began */
	bool exhausted;	      /* nothing more is due */
	bool left;	      /* but for what is behind an item that waits */
	bool ending;	      /* the destination has to wait */
	bool yielding;	      /* to other destinations, with items left */
	uint32_t requests;
	int64_t sent_ms;
	bool leased;		    /* the lease was ours at least once */
	uint32_t sent[BATCH_ITEMS]; /* current's items in the request */
	uint32_t sent_count;
};

static struct event *lease_timer; /* the first end of another's lease */
static int64_t lease_timer_ms;
static void (*ring)(void);

static void session_step(struct session *);

static void
session_end(void *argument)
{
	struct session *session = argument;
	struct peer *peer = session->lease.peer;
	int lane = session->lease.lane;

	free(session);
	schedule_done(peer, lane);
	schedule_run();
}

static void
item_fail(
    const struct session *session, struct queue_item *item, enum code code)
{
	char id[UUID_TEXT + 1], address[LOG_ADDRESS_SIZE];

	uuid_format(id, item->message_id);
	log_warning("dead-letter id=%s server=%s code=%s", id,
	    log_address(address, session->lease.peer->key),
	    code_peer_name(code));
	item->state = ITEM_STATE_FAILED;
	item->code = code;
}

/* The item's own outcome. */
static void
item_react(const struct session *session, struct queue_item *item,
    const struct reaction *reaction, const struct ack_result *result)
{
	enum code code = result->code;
	int most = item->max_attempts == ATTEMPTS_DEFAULT
		       ? (int)env.settings.attempts
		       : item->max_attempts;

	switch (reaction->item) {
	case ITEM_DELIVERED:
		item->state = ITEM_STATE_DELIVERED;
		item->code = CODE_OK;
		break;
	case ITEM_FAILED:
		item->attempts_added = 1;
		item_fail(session, item, code);
		break;
	case ITEM_REFUSED:
		item->attempts_added = 1;
		item->code = code;
		item->delay_ms = schedule_delay_ms((uint32_t)item->attempts,
		    env.settings.retry_min_ms, env.settings.retry_max_ms);
		if (item->attempts + 1 >= most)
			item_fail(session, item, code);
		break;
	case ITEM_POSTPONED:
		item->code = code;
		item->delay_ms =
		    schedule_asked_ms(item->postponed, result->seconds);
		break;
	case ITEM_APPEALS:
		item->code = code;
		item->delay_ms = env.settings.retry_max_ms;
		session->lease.peer->appeals = true;
		break;
	case ITEM_LATER:
		item->code = code;
		break;
	}
}

static void
claim_settle(struct session *session, const struct receipt *receipt)
{
	struct claim *claim = session->current;
	uint32_t i;

	for (i = 0; i < claim->count; i++)
		if (claim->items[i].state == ITEM_STATE_PENDING &&
		    claim->items[i].delay_ms > 0)
			schedule_due(session->lease.peer, session->lease.lane,
			    claim->items[i].delay_ms);
	queue_settle(&session->lease, claim, receipt);
	session->current = NULL;
	session->sent_count = 0;
}

/* What was claimed behind items that go no further is pending again. */
static void
session_put_back(struct session *session, struct claim *claim)
{
	struct claim *behind = queue_claim_behind(claim, &session->stopped);

	if (behind == NULL)
		return;
	queue_settle(&session->lease, behind, NULL);
	session->floor = session->reached = 0;
	session->exhausted = false;
}

/* Items of the current claim go no further, nor does what is behind them. */
static void
session_stop_lines(struct session *session)
{
	queue_lines_stop(&session->stopped, session->current);
	if (session->next == NULL)
		return;
	session_put_back(session, session->next);
	if (session->next->count > 0)
		return;
	queue_claim_free(session->next);
	session->next = NULL;
}

/*
 * An acknowledgement of a batch: each item reacts for itself. The destination
 * reacts to the last that asks it to wait, and is good otherwise.
 */
static bool
react_acknowledged(
    struct session *session, const struct transport_outcome *outcome)
{
	struct reaction reaction,
	    destination = {ITEM_LATER, DESTINATION_NONE, false};
	struct peer *peer = session->lease.peer;
	const struct ack_result *result;
	struct queue_item *item;
	enum code code = CODE_OK;
	uint32_t i, seconds = 0;
	bool moved = false;

	suspect_passed(&peer->lanes[session->lease.lane].suspects,
	    session->current->items[session->sent[0]].queue_id,
	    session->current->items[session->sent[session->sent_count - 1]]
		.queue_id);
	for (i = 0; i < session->sent_count; i++) {
		result = &outcome->results[i];
		item = &session->current->items[session->sent[i]];
		reaction = reaction_find(
		    outcome, result, strcmp(item->type, "message") == 0);
		item_react(session, item, &reaction, result);
		if (reaction.destination == DESTINATION_GOOD) {
			moved = true;
		} else {
			destination = reaction;
			code = result->code;
			seconds = result->seconds;
		}
	}
	/* Where others got through, one refused item waits alone, and what is
	 * asked for is not the next of several times. */
	if (destination.destination == DESTINATION_NONE ||
	    (moved && destination.item == ITEM_REFUSED))
		destination.destination = DESTINATION_GOOD;
	if (moved)
		peer->asked = 0;
	/* After trouble it grows again step by step. */
	peer->batch_most = peer->batch_most == 0 ? 2 : 2 * peer->batch_most;
	if (peer->batch_most > outcome->credit)
		peer->batch_most = outcome->credit;
	return destination_react(peer, &destination, code, seconds, true);
}

/* The request was sent and not acknowledged: the next is half as large, until
 * the item that kills the exchange is alone (servers/suspect.h). */
static void
session_halve(struct session *session, struct reaction *reaction)
{
	struct peer *peer = session->lease.peer;
	struct suspects *suspects = &peer->lanes[session->lease.lane].suspects;
	struct queue_item *item = &session->current->items[session->sent[0]];
	enum suspect_step step;

	peer->batch_most = session->sent_count / 2;
	if (session->sent_count > 1)
		return;
	step = suspect_failed(suspects, item->queue_id);
	if (step == SUSPECT_WAIT)
		return;
	reaction->destination = DESTINATION_PROVE;
	item->leaves = step == SUSPECT_ASIDE;
	if (item->leaves)
		item->delay_ms =
		    2 *
		    schedule_delay_ms(suspect_returns(suspects, item->queue_id),
			env.settings.retry_min_ms, env.settings.retry_max_ms);
}

/* No acknowledgement. A peer that was heard while it was connected to is there
 * all the same, and is tried again. */
static bool
react_unacknowledged(
    struct session *session, const struct transport_outcome *outcome)
{
	struct reaction reaction = reaction_find(outcome, NULL, true);
	struct peer *peer = session->lease.peer;
	uint32_t i;
	bool wait;

	for (i = 0; i < session->sent_count; i++)
		session->current->items[session->sent[i]].code = outcome->code;
	if (outcome->started && reaction.destination == DESTINATION_BACK_OFF)
		session_halve(session, &reaction);
	wait = destination_react(peer, &reaction, outcome->code,
	    outcome->retry_after, outcome->heard);
	if (outcome->heard && !outcome->started &&
	    reaction.destination == DESTINATION_BACK_OFF)
		rouse_heard(peer);
	return wait;
}

static void
exchanged(const struct transport_outcome *outcome, void *argument)
{
	struct session *session = argument;
	struct receipt receipt = {.request_text = outcome->request_text,
	    .request_text_length = outcome->request_text_length,
	    .ack = outcome->answer};
	char address[LOG_ADDRESS_SIZE];
	bool wait;

	session->lease.peer->slow = clock_ms() - session->sent_ms > SLOW_MS;
	log_debug("exchange server=%s items=%u code=%s status=%u",
	    log_address(address, session->lease.peer->key), session->sent_count,
	    code_name(outcome->code), outcome->status);
	wait = outcome->code == CODE_OK
		   ? react_acknowledged(session, outcome)
		   : react_unacknowledged(session, outcome);
	if (wait)
		session->ending = true;
	session_stop_lines(session);
	claim_settle(session,
	    outcome->code == CODE_OK && env.settings.receipts_s > 0 ? &receipt
								    : NULL);
	session_step(session);
}

/* Replaces the payload by its canonical form, or says why it never can be. */
static enum code
item_canonical(struct queue_item *item)
{
	size_t length;
	json_t *root;
	enum code code;
	char *payload;

	if (item->age_s > env.settings.lifetime_s)
		return CODE_EXPIRED;
	if (item->payload_length <= ITEM_MAX &&
	    canon_check(item->payload, item->payload_length))
		return CODE_OK;
	code = canon_parse(&root, item->payload, item->payload_length, false);
	if (code != CODE_OK)
		return code;
	payload = json_is_object(root) ? canon_write(root, &length) : NULL;
	code = json_is_object(root) ? CODE_JSON : CODE_JSON_TOP;
	json_decref(root);
	if (payload == NULL)
		return code;
	free(item->payload);
	item->payload = payload;
	item->payload_length = length;
	return length > ITEM_MAX ? CODE_PAYLOAD_TOO_LARGE : CODE_OK;
}

/* Sends what can be sent of the current claim; the rest fails alone. */
static void
claim_send(struct session *session)
{
	struct claim *claim = session->current;
	struct peer *peer = session->lease.peer;
	struct wire_item items[BATCH_ITEMS];
	struct transport_request request;
	struct queue_item *item;
	enum code code;
	uint32_t i, count = 0;

	for (i = 0; i < claim->count; i++) {
		item = &claim->items[i];
		code = item_canonical(item);
		if (code != CODE_OK) {
			item_fail(session, item, code);
			continue;
		}
		session->sent[count] = i;
		memcpy(
		    items[count].type, item->type, sizeof(items[count].type));
		memcpy(items[count].id, item->message_id, 16);
		items[count].payload = item->payload;
		items[count++].payload_length = item->payload_length;
	}
	session->sent_count = count;
	if (count == 0) {
		claim_settle(session, NULL);
		return;
	}
	memset(&request, 0, sizeof(request));
	memcpy(request.destination, peer->key, 32);
	request.peer = peer;
	request.generation = peer->generation;
	request.items = items;
	request.count = count;
	session->requests++;
	session->sent_ms = clock_ms();
	transport_send(&request, exchanged, session);
}

static void
lease_fire(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	(void)argument;
	ring();
}

/*
 * Another worker has a lane. If it dies nobody rings when its lease ends, so
 * we look ourselves.
 */
static void
lease_await(int64_t left_ms)
{
	int64_t at_ms = clock_ms() + left_ms + LEASE_AFTER_MS;

	if (evtimer_pending(lease_timer, NULL) && lease_timer_ms <= at_ms)
		return;
	lease_timer_ms = at_ms;
	timer_arm(lease_timer, at_ms - clock_ms());
}

/*
 * A queue id is given before its transaction commits, and after that has a
 * number of its own (it locks the server's row first). So once all have ended
 * that ran while an item was claimed, nothing can appear any more below that
 * item. While a line waits, its items are left behind, and there is no floor.
 */
static void
session_raise_floor(struct session *session, const struct claim *claim)
{
	if (session->reached != 0 && claim->oldest >= session->reached_next) {
		session->floor = session->reached;
		session->reached = 0;
	}
	if (session->reached == 0 && claim->count > 0) {
		session->reached = claim->items[claim->count - 1].queue_id;
		session->reached_next = claim->next;
	}
	if (claim->stopped || ++session->claims % FLOOR_CLAIMS == 0)
		session->floor = session->reached = 0;
}

static void
claimed(struct claim *claim, bool ok, void *argument)
{
	struct session *session = argument;

	session->claiming = false;
	session->left = claim->stopped;
	if (claim->due_ms >= 0)
		schedule_due(
		    session->lease.peer, session->lease.lane, claim->due_ms);
	if (ok && claim->leased) {
		session->leased = true;
		session_raise_floor(session, claim);
	} else {
		/* No database, or another worker has the lane by now. */
		session->ending = true;
		if (!ok) {
			schedule_wait(session->lease.peer, DB_RETRY_MS);
		} else {
			schedule_empty(
			    session->lease.peer, session->lease.lane);
			lease_await(claim->others_ms);
		}
	}
	session->exhausted = claim->count == 0;
	session_put_back(session, claim);
	if (claim->count > 0)
		session->next = claim;
	else
		queue_claim_free(claim);
	session_step(session);
}

static void
session_claim(struct session *session)
{
	struct lane *lane = &session->lease.peer->lanes[session->lease.lane];
	uint32_t most = session->lease.peer->batch_most;

	if (most == 0 || most > BATCH_ITEMS)
		most = most == 0 ? 1 : BATCH_ITEMS;
	/* One that stood aside is the oldest, and is not to hurt others. */
	if (!session->leased && suspect_aside(&lane->suspects))
		most = 1;
	if (lane->anew)
		session->floor = session->reached = 0;
	lane->anew = false;
	session->claiming = true;
	session->stopped.count = 0;
	queue_claim(&session->lease, !session->leased, session->floor, most,
	    claimed, session);
}

static void
session_close(struct session *session)
{
	bool unsettled = session->next != NULL;

	if (unsettled)
		queue_claim_free(session->next);
	session->next = NULL;
	if (session->leased)
		queue_release(&session->lease, unsettled, session_end, session);
	else
		session_end(session);
}

/* Others that are due get their turn, and a server that is blocked or that an
 * admin has paused nothing more. */
static void
session_look(struct session *session)
{
	const struct peer *peer = session->lease.peer;

	if (session->requests >= SESSION_REQUESTS && schedule_crowded())
		session->yielding = true;
	if (!peer->present || peer->trust < TRUST_UNKNOWN || peer->paused)
		session->ending = true;
}

static void
session_step(struct session *session)
{
	session_look(session); /* before what is claimed already goes, too */
	while (session->current == NULL && session->next != NULL &&
	       !session->ending) {
		session->current = session->next;
		/* Claimed before the last answer said how many are welcome. */
		session->next = queue_claim_split(
		    session->current, session->lease.peer->batch_most);
		claim_send(session);
	}
	if (session->claiming)
		return;
	session_look(session);
	if (!session->ending && !session->exhausted && !session->yielding &&
	    session->next == NULL) {
		session_claim(session);
		return;
	}
	if (session->current != NULL)
		return;
	if (!session->ending && !session->yielding) {
		if (schedule_more(session->lease.peer, session->lease.lane)) {
			session->exhausted = false;
			session_claim(session);
			return;
		}
		if (session->left)
			schedule_stopped(
			    session->lease.peer, session->lease.lane);
		schedule_empty(session->lease.peer, session->lease.lane);
	}
	session_close(session);
}

void
session_run(struct peer *peer, int lane)
{
	struct session *session = xcalloc(1, sizeof(*session));

	session->lease.peer = peer;
	session->lease.lane = lane;
	uuid_new(session->lease.claim_id);
	session_claim(session);
}

void
session_init(void (*doorbell)(void))
{
	ring = doorbell;
	lease_timer = timer_new(env.base, lease_fire, NULL);
}
