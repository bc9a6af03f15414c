/* SPDX-License-Identifier: ISC */
/* The items of rooms in one request; see items.h. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "json/batch.h"
#include "json/canon.h"
#include "room/room_speaker.h"
#include "rooms/home_certificate.h"
#include "rooms/items/invitation.h"
#include "rooms/items/item_kind.h"
#include "rooms/items/items.h"
#include "rooms/items/received.h"
#include "rooms/messages/take.h"
#include "rooms/state/decide.h"
#include "rooms/state/facts.h"
#include "rooms/state/take.h"
#include "rooms/vouch.h"
#include "servers/evidence.h"
#include "servers/peer_table.h"

/* A request's items, and the one at hand. */
struct incoming {
	struct commit_item *items[BATCH_ITEMS]; /* NULL: answered */
	uint32_t count;
	uint32_t next;
	bool running; /* incoming_run() is on the stack */
	bool waiting; /* for the answer about items[next] */
	bool broken;  /* the database failed: nothing more is tried */
	int trust;
	struct signed_text proof;
	char text[SIGNTEXT_BATCH_MAX]; /* the proof's */

	/* messages: which items go together */
	uint32_t together[BATCH_ITEMS];
	uint32_t together_count;
	/* room_state: its events, and the one at hand */
	struct event_payload_state state;
	struct room_certificates certificates;
	uint32_t event;
	uint32_t vouched; /* events that count, from the first on */
	bool taken;	  /* one was new */
	/* what we are asked as the room's home */
	struct state_request request;
};

static void incoming_run(struct incoming *incoming);

/* The answer for one item. */
static void
item_answer(struct incoming *incoming, uint32_t index,
    const struct room_verdict *verdict, bool ok)
{
	struct commit_item *item = incoming->items[index];
	struct ack_result result;

	incoming->items[index] = NULL;
	if (ok)
		item_kind_result(&result, verdict);
	else
		incoming->broken = true;
	item->done(item, ok, ok ? &result : NULL);
}

/* The item at hand is answered, and the next one begins. */
static void
incoming_done(const struct room_verdict *verdict, bool ok, void *argument)
{
	struct incoming *incoming = argument;

	item_answer(incoming, incoming->next, verdict, ok);
	incoming->waiting = false;
	incoming_run(incoming);
}

static void
incoming_refuse(struct incoming *incoming, enum code code)
{
	struct room_verdict verdict = {ROOM_REFUSED, code, 0, 0, 0, 0};

	incoming_done(&verdict, true, incoming);
}

/* Messages ----------------------------------------------------------------- */

/* The room that globalRoomId names; 0 or -1. */
static int
item_room(struct room_id *room, const struct commit_item *item)
{
	const char *text;
	size_t length;

	text = canon_member(
	    item->payload, item->wait.size, "globalRoomId", &length);
	if (text == NULL || length < 2 || *text != '"')
		return -1;
	return room_id_parse(room, text + 1, length - 2) == CODE_OK ? 0 : -1;
}

static void
messages_answered(const struct room_verdict *verdicts, bool ok, void *argument)
{
	struct incoming *incoming = argument;
	uint32_t i;

	for (i = 0; i < incoming->together_count; i++)
		item_answer(incoming, incoming->together[i],
		    ok ? &verdicts[i] : NULL, ok);
	incoming->waiting = false;
	incoming_run(incoming);
}

/* All messages of this request that are in the same room. */
static void
messages_begin(struct incoming *incoming)
{
	struct signed_message messages[BATCH_ITEMS];
	const struct commit_item *item;
	struct room_id room, other;
	uint32_t i, count = 0;

	if (item_room(&room, incoming->items[incoming->next]) == -1) {
		incoming_refuse(incoming, CODE_PAYLOAD_MALFORMED);
		return;
	}
	for (i = incoming->next; i < incoming->count; i++) {
		item = incoming->items[i];
		if (item == NULL || strcmp(item->type, "message") != 0 ||
		    item_room(&other, item) == -1 ||
		    !room_id_equal(&room, &other))
			continue;
		memcpy(messages[count].message_id, item->wait.message_id,
		    UUID_SIZE);
		memcpy(messages[count].digest, item->digest, 32);
		messages[count].payload = item->payload;
		messages[count].payload_length = item->wait.size;
		incoming->together[count++] = i;
	}
	incoming->together_count = count;
	messages_take(&room, messages, count, &incoming->proof,
	    incoming->proof.origin, messages_answered, incoming);
}

/* State -------------------------------------------------------------------- */

static void
state_end(const struct room_verdict *verdict, bool ok, void *argument)
{
	struct incoming *incoming = argument;

	event_payload_state_free(&incoming->state);
	incoming_done(verdict, ok, incoming);
}

static void
state_kept(const struct room_verdict *kept, bool ok, void *argument)
{
	struct incoming *incoming = argument;
	struct room_verdict verdict = *kept;

	if (verdict.outcome == ROOM_TAKEN && !incoming->taken)
		verdict.outcome = ROOM_KNOWN;
	state_end(&verdict, ok, incoming);
}

static void state_next(struct incoming *incoming);

static void
state_taken(const struct room_verdict *verdict, bool ok, void *argument)
{
	struct incoming *incoming = argument;

	if (!ok || (verdict->outcome != ROOM_TAKEN &&
		       verdict->outcome != ROOM_KNOWN)) {
		state_end(verdict, ok, incoming);
		return;
	}
	incoming->taken |= verdict->outcome == ROOM_TAKEN;
	incoming->event++;
	state_next(incoming);
}

static void
state_next(struct incoming *incoming)
{
	struct room_verdict verdict = {ROOM_REFUSED, CODE_NOT_HOME, 0, 0, 0, 0};
	const struct signed_event *event;
	const struct cert *cert;

	if (incoming->event == incoming->state.event_count) {
		received_keep(incoming->proof.origin,
		    incoming->items[incoming->next], state_kept, incoming);
		return;
	}
	event = &incoming->state.events[incoming->event];
	cert = home_certificate_find(&incoming->certificates, &event->event);
	if (cert == NULL)
		state_end(&verdict, true, incoming);
	else
		state_take(event, cert, incoming->proof.origin,
		    incoming->event < incoming->vouched, state_taken, incoming);
}

/*
 * How many of the events count, if some are under a revoked certificate: those
 * up to the last that is not, which has to be genuine for that.
 */
static void
state_vouch(struct incoming *incoming)
{
	const struct event_payload_state *state = &incoming->state;
	const uint8_t *home = state->events->event.room.home;
	struct room_link run[EVENT_PAYLOAD_EVENTS_MAX];
	const struct signed_event *event;
	const struct cert *cert;
	uint32_t i;

	for (i = 0; i < state->event_count; i++) {
		event = &state->events[i];
		cert = home_certificate_find(
		    &incoming->certificates, &event->event);
		if (cert != NULL && !vouch_revoked(cert) &&
		    !room_event_verify(
			&event->event, event->signature, cert->signing_key))
			break;
		vouch_link(&run[i], &event->event, cert);
	}
	incoming->vouched = vouch_run(home, incoming->proof.origin, run, i);
}

static void
state_begin(struct incoming *incoming)
{
	const struct commit_item *item = incoming->items[incoming->next];

	if (event_payload_state_read(
		&incoming->state, item->payload, item->wait.size) != CODE_OK) {
		incoming_refuse(incoming, CODE_PAYLOAD_MALFORMED);
		return;
	}
	home_certificates_init(&incoming->certificates,
	    incoming->state.certificates, incoming->state.certificate_count);
	incoming->event = 0;
	incoming->taken = false;
	state_vouch(incoming);
	state_next(incoming);
}

/* Requests ----------------------------------------------------------------- */

static void
request_decided(const struct room_verdict *verdict, bool ok, void *argument)
{
	struct incoming *incoming = argument;

	/* Its id named something else before: both are kept as evidence. */
	if (ok && verdict->code == CODE_ID_CONFLICT)
		received_keep(incoming->proof.origin,
		    incoming->items[incoming->next], incoming_done, incoming);
	else
		incoming_done(verdict, ok, incoming);
}

static void
request_decide(struct incoming *incoming)
{
	state_decide(&incoming->request, incoming->proof.origin,
	    incoming->items[incoming->next]->digest, request_decided, incoming);
}

static void
present_found(PGresult *result, const char *sqlstate, void *argument)
{
	struct incoming *incoming = argument;

	if (result == NULL) {
		log_warning("room not looked up sqlstate=%s", sqlstate);
		incoming_done(NULL, false, incoming);
	} else if (row_bool(result, 0, 0))
		request_decide(incoming);
	else
		incoming_refuse(incoming, CODE_UNTRUSTED);
}

/* Below level 2 a server gets into no room that it is not in. */
static void
join_check(struct incoming *incoming)
{
	char room[ROOM_ID_SIZE], origin[ONION_SIZE];
	struct db_parameters parameters;

	if (incoming->trust >= TRUST_VERIFIED) {
		request_decide(incoming);
		return;
	}
	room_id_format(room, &incoming->request.room);
	onion_format(origin, incoming->proof.origin);
	db_parameters_init(&parameters);
	db_add_text(&parameters, room);
	db_add_text(&parameters, origin);
	db_call(env.db, SQL_ROOM_PRESENT, &parameters, present_found, incoming);
	db_parameters_free(&parameters);
}

static struct state_request *
request_new(struct incoming *incoming, enum room_kind kind)
{
	memset(&incoming->request, 0, sizeof(incoming->request));
	incoming->request.kind = kind;
	memcpy(incoming->request.request,
	    incoming->items[incoming->next]->wait.message_id, UUID_SIZE);
	return &incoming->request;
}

/* Whether the origin may ask this of us; refused otherwise. */
static bool
request_allowed(struct incoming *incoming, enum room_act act,
    const struct room_user *speaker)
{
	enum code code = room_speaker_check(act, &incoming->request.room,
	    incoming->proof.origin, env.identity.server, speaker);

	if (code != CODE_OK)
		incoming_refuse(incoming, code);
	return code == CODE_OK;
}

static void
membership_begin(struct incoming *incoming, bool join)
{
	const struct commit_item *item = incoming->items[incoming->next];
	struct state_request *request =
	    request_new(incoming, join ? ROOM_JOIN : ROOM_LEAVE);
	struct room_payload_request payload;

	if (room_payload_request(&payload, join, incoming->proof.origin,
		item->payload, item->wait.size) != CODE_OK) {
		incoming_refuse(incoming, CODE_PAYLOAD_MALFORMED);
		return;
	}
	request->room = payload.room;
	request->content.user = payload.user;
	request->content.has_nonce = payload.has_nonce;
	memcpy(request->content.nonce, payload.nonce, ROOM_NONCE);
	if (!request_allowed(incoming,
		join ? ROOM_ACT_JOIN_REQUEST : ROOM_ACT_LEAVE_REQUEST,
		&request->content.user))
		return;
	if (join)
		join_check(incoming);
	else
		request_decide(incoming);
}

static void
join_begin(struct incoming *incoming)
{
	membership_begin(incoming, true);
}

static void
leave_begin(struct incoming *incoming)
{
	membership_begin(incoming, false);
}

/* Invitations -------------------------------------------------------------- */

static void
ask_begin(struct incoming *incoming)
{
	const struct commit_item *item = incoming->items[incoming->next];
	struct state_request *request = request_new(incoming, ROOM_INVITE);
	struct event_payload_ask ask;

	if (event_payload_ask_read(&ask, incoming->proof.origin, item->payload,
		item->wait.size) != CODE_OK) {
		incoming_refuse(incoming, CODE_PAYLOAD_MALFORMED);
		return;
	}
	request->room = ask.room;
	request->content.user = ask.invitee;
	request->content.inviter = ask.inviter;
	request->content.expires = ask.expires;
	request->content.has_nonce = true;
	memcpy(request->content.nonce, ask.nonce, ROOM_NONCE);
	if (request_allowed(
		incoming, ROOM_ACT_INVITE_REQUEST, &request->content.inviter))
		request_decide(incoming);
}

/*
 * Nobody but its home vouches for an invitation. When that is us, we look
 * whether we made it.
 */
static bool
invite_counts(const struct room_event *event, const struct cert *cert,
    const uint8_t origin[ONION_KEY])
{
	struct room_link link;

	vouch_link(&link, event, cert);
	return memcmp(event->room.home, env.identity.server, ONION_KEY) == 0 ||
	       vouch_run(event->room.home, origin, &link, 1) == 1;
}

static void
invite_begin(struct incoming *incoming)
{
	const struct commit_item *item = incoming->items[incoming->next];
	const struct room_event *event;
	struct room_certificates certificates;
	struct event_payload_invite invite;
	const struct cert *cert;

	if (!event_payload_invite_shown(item->payload, item->wait.size)) {
		ask_begin(incoming);
		return;
	}
	if (event_payload_invite_read(
		&invite, item->payload, item->wait.size) != CODE_OK) {
		incoming_refuse(incoming, CODE_PAYLOAD_MALFORMED);
		return;
	}
	event = &invite.event.event;
	home_certificates_init(&certificates, &invite.certificate, 1);
	cert = home_certificate_find(&certificates, event);
	if (cert == NULL || !room_event_verify(event, invite.event.signature,
				cert->signing_key))
		incoming_refuse(incoming, CODE_NOT_HOME);
	else if (!invite_counts(event, cert, incoming->proof.origin))
		incoming_refuse(incoming, CODE_INVITE_VOID);
	else
		invitation_take(&invite, incoming->proof.origin, item,
		    incoming_done, incoming);
	event_payload_invite_free(&invite);
}

/* A request ---------------------------------------------------------------- */

static const struct {
	const char *type;
	void (*begin)(struct incoming *); /* ends with incoming_done() */
} kinds[] = {
    {"message", messages_begin},
    {"room_state", state_begin},
    {"room_invite", invite_begin},
    {"room_join", join_begin},
    {"room_leave", leave_begin},
};

static void
item_begin(struct incoming *incoming)
{
	size_t i;

	if (incoming->broken) {
		incoming_done(NULL, false, incoming);
		return;
	}
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].type,
			incoming->items[incoming->next]->type) == 0) {
			kinds[i].begin(incoming);
			return;
		}
	fatal("an item is not a room's");
}

/*
 * Goes through the items. An answer that comes before its call returns calls
 * this again: that call returns at once, and the loop further up goes on.
 */
static void
incoming_run(struct incoming *incoming)
{
	if (incoming->running)
		return;
	incoming->running = true;
	while (!incoming->waiting && incoming->next < incoming->count) {
		if (incoming->items[incoming->next] == NULL) {
			incoming->next++;
			continue;
		}
		incoming->waiting = true;
		item_begin(incoming);
	}
	incoming->running = false;
	if (!incoming->waiting)
		free(incoming);
}

void
items_take(struct commit_item *const *items, uint32_t count,
    const struct signed_text *proof, int trust)
{
	struct incoming *incoming = xcalloc(1, sizeof(*incoming));

	memcpy(incoming->items, items, count * sizeof(incoming->items[0]));
	incoming->count = count;
	incoming->trust = trust;
	incoming->proof = *proof;
	memcpy(incoming->text, proof->text, proof->text_length);
	incoming->proof.text = incoming->text;
	incoming_run(incoming);
}
