/* SPDX-License-Identifier: ISC */
/* The items of rooms in one request; see items_take.h. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "db/statements.h"
#include "env.h"
#include "json/canon.h"
#include "room/room_speaker.h"
#include "rooms/certificate.h"
#include "rooms/invitation.h"
#include "rooms/item_kind.h"
#include "rooms/items.h"
#include "rooms/room_row.h"
#include "rooms/state/decide.h"
#include "servers/evidence.h"

/* A request's items, and the one at hand. */
struct work {
	struct commit_item *items[BATCH_ITEMS]; /* NULL: answered */
	uint32_t count;
	uint32_t next;
	bool running; /* work_run() is, further up */
	bool waiting; /* for a part's answer about items[next] */
	bool broken;  /* the database failed: nothing more is tried */
	int trust;
	struct room_proof proof;
	char text[SIGNTEXT_BATCH_MAX]; /* the proof's */

	/* messages: which items go together */
	uint32_t together[BATCH_ITEMS];
	uint32_t together_count;
	/* room_state: its events, and the one at hand */
	struct event_payload_state state;
	struct room_certificates certificates;
	uint32_t event;
	bool taken; /* one was new */
	/* a request to us as the home */
	struct state_request wish;
};

static void work_run(struct work *work);

/* The answer for one item. */
static void
item_answer(struct work *work, uint32_t index,
    const struct room_verdict *verdict, bool ok)
{
	struct commit_item *item = work->items[index];
	struct ack_result result;

	work->items[index] = NULL;
	if (ok)
		item_kind_result(&result, verdict);
	else
		work->broken = true;
	item->done(item, ok, ok ? &result : NULL);
}

/* The one at hand is answered. */
static void
work_done(const struct room_verdict *verdict, bool ok, void *argument)
{
	struct work *work = argument;

	item_answer(work, work->next, verdict, ok);
	work->waiting = false;
	work_run(work);
}

static void
work_refuse(struct work *work, enum code code)
{
	struct room_verdict verdict = {ROOM_REFUSED, code, 0, 0, 0, 0};

	work_done(&verdict, true, work);
}

/* Messages ----------------------------------------------------------------- */

/* What globalRoomId says. */
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
messages_done(const struct room_verdict *verdicts, bool ok, void *argument)
{
	struct work *work = argument;
	uint32_t i;

	for (i = 0; i < work->together_count; i++)
		item_answer(
		    work, work->together[i], ok ? &verdicts[i] : NULL, ok);
	work->waiting = false;
	work_run(work);
}

/* All of the request's for the room of the one at hand. */
static void
messages_begin(struct work *work)
{
	struct signed_message said[BATCH_ITEMS];
	const struct commit_item *item;
	struct room_id room, other;
	uint32_t i, count = 0;

	if (item_room(&room, work->items[work->next]) == -1) {
		work_refuse(work, CODE_PAYLOAD_MALFORMED);
		return;
	}
	for (i = work->next; i < work->count; i++) {
		item = work->items[i];
		if (item == NULL || strcmp(item->type, "message") != 0 ||
		    item_room(&other, item) == -1 ||
		    !room_id_equal(&room, &other))
			continue;
		memcpy(
		    said[count].message_id, item->wait.message_id, UUID_SIZE);
		memcpy(said[count].digest, item->digest, 32);
		said[count].payload = item->payload;
		said[count].payload_length = item->wait.size;
		work->together[count++] = i;
	}
	work->together_count = count;
	messages_take(&room, said, count, &work->proof, work->proof.origin,
	    messages_done, work);
}

/* Certificates ------------------------------------------------------------- */

static void
certificates_init(struct room_certificates *certificates,
    const uint8_t home[ONION_KEY], const struct cert *given, uint32_t count)
{
	memset(certificates, 0, sizeof(*certificates));
	if (memcmp(home, env.identity.server, ONION_KEY) == 0)
		certificates->own = &env.certificate;
	certificates->home = peer_table_find(home);
	certificates->given = given;
	certificates->count = count;
}

static const struct cert *
certificate_find(
    struct room_certificates *certificates, const struct room_event *event)
{
	const struct cert *cert =
	    certificate_choose(certificates, event, clock_now());

	if (certificates->known != NULL)
		evidence_certificates(certificates->home, certificates->known,
		    certificates->contradicts);
	return cert;
}

/* State -------------------------------------------------------------------- */

static void
state_end(const struct room_verdict *verdict, bool ok, void *argument)
{
	struct work *work = argument;

	event_payload_state_free(&work->state);
	work_done(verdict, ok, work);
}

static void
state_kept(const struct room_verdict *kept, bool ok, void *argument)
{
	struct work *work = argument;
	struct room_verdict verdict = *kept;

	if (verdict.outcome == ROOM_TAKEN && !work->taken)
		verdict.outcome = ROOM_KNOWN;
	state_end(&verdict, ok, work);
}

static void state_next(struct work *work);

static void
state_taken(const struct room_verdict *verdict, bool ok, void *argument)
{
	struct work *work = argument;

	if (!ok || (verdict->outcome != ROOM_TAKEN &&
		       verdict->outcome != ROOM_KNOWN)) {
		state_end(verdict, ok, work);
		return;
	}
	work->taken |= verdict->outcome == ROOM_TAKEN;
	work->event++;
	state_next(work);
}

static void
state_next(struct work *work)
{
	struct room_verdict verdict = {ROOM_REFUSED, CODE_NOT_HOME, 0, 0, 0, 0};
	const struct signed_event *event;
	const struct cert *cert;

	if (work->event == work->state.event_count) {
		received_keep(work->proof.origin, work->items[work->next],
		    state_kept, work);
		return;
	}
	event = &work->state.events[work->event];
	/* Servers come and go between two events. */
	work->certificates.home = peer_table_find(event->event.room.home);
	cert = certificate_find(&work->certificates, &event->event);
	if (cert == NULL)
		state_end(&verdict, true, work);
	else
		state_take(event, cert, work->proof.origin, state_taken, work);
}

static void
state_begin(struct work *work)
{
	const struct commit_item *item = work->items[work->next];

	if (event_payload_state_read(
		&work->state, item->payload, item->wait.size) != CODE_OK) {
		work_refuse(work, CODE_PAYLOAD_MALFORMED);
		return;
	}
	certificates_init(&work->certificates,
	    work->state.events->event.room.home, work->state.certificates,
	    work->state.certificate_count);
	work->event = 0;
	work->taken = false;
	state_next(work);
}

/* Requests ----------------------------------------------------------------- */

static void
wish_decided(const struct room_verdict *verdict, bool ok, void *argument)
{
	struct work *work = argument;

	/* Its id names something else: both are kept. */
	if (ok && verdict->code == CODE_ID_CONFLICT)
		received_keep(work->proof.origin, work->items[work->next],
		    work_done, work);
	else
		work_done(verdict, ok, work);
}

static void
wish_decide(struct work *work)
{
	state_decide(&work->wish, work->proof.origin,
	    work->items[work->next]->digest, wish_decided, work);
}

static void
present_found(PGresult *result, const char *sqlstate, void *argument)
{
	struct work *work = argument;

	if (result == NULL) {
		log_warning("room not looked up sqlstate=%s", sqlstate);
		work_done(NULL, false, work);
	} else if (row_bool(result, 0, 0))
		wish_decide(work);
	else
		work_refuse(work, CODE_UNTRUSTED);
}

/* Below level 2 a server gets into no room that it is not in. */
static void
join_check(struct work *work)
{
	char room[ROOM_ID_SIZE], origin[ONION_SIZE];
	struct db_parameters parameters;

	if (work->trust >= TRUST_VERIFIED) {
		wish_decide(work);
		return;
	}
	room_id_format(room, &work->wish.room);
	onion_format(origin, work->proof.origin);
	db_parameters_init(&parameters);
	db_add_text(&parameters, room);
	db_add_text(&parameters, origin);
	db_call(env.db, SQL_ROOM_PRESENT, &parameters, present_found, work);
	db_parameters_free(&parameters);
}

static struct state_request *
wish_new(struct work *work, enum room_kind kind)
{
	memset(&work->wish, 0, sizeof(work->wish));
	work->wish.kind = kind;
	memcpy(work->wish.request, work->items[work->next]->wait.message_id,
	    UUID_SIZE);
	return &work->wish;
}

/* true: it may be asked of us by the one who asks. */
static bool
wish_speaks(
    struct work *work, enum room_act act, const struct room_user *speaker)
{
	enum code code = room_speaker_check(act, &work->wish.room,
	    work->proof.origin, env.identity.server, speaker);

	if (code != CODE_OK)
		work_refuse(work, code);
	return code == CODE_OK;
}

static void
request_begin(struct work *work, bool join)
{
	const struct commit_item *item = work->items[work->next];
	struct state_request *wish =
	    wish_new(work, join ? ROOM_JOIN : ROOM_LEAVE);
	struct room_payload_request request;

	if (room_payload_request(&request, join, work->proof.origin,
		item->payload, item->wait.size) != CODE_OK) {
		work_refuse(work, CODE_PAYLOAD_MALFORMED);
		return;
	}
	wish->room = request.room;
	wish->content.user = request.user;
	wish->content.has_nonce = request.has_nonce;
	memcpy(wish->content.nonce, request.nonce, ROOM_NONCE);
	if (!wish_speaks(work,
		join ? ROOM_ACT_JOIN_REQUEST : ROOM_ACT_LEAVE_REQUEST,
		&wish->content.user))
		return;
	if (join)
		join_check(work);
	else
		wish_decide(work);
}

static void
join_begin(struct work *work)
{
	request_begin(work, true);
}

static void
leave_begin(struct work *work)
{
	request_begin(work, false);
}

/* Invitations -------------------------------------------------------------- */

static void
ask_begin(struct work *work)
{
	const struct commit_item *item = work->items[work->next];
	struct state_request *wish = wish_new(work, ROOM_INVITE);
	struct event_payload_ask ask;

	if (event_payload_ask_read(&ask, work->proof.origin, item->payload,
		item->wait.size) != CODE_OK) {
		work_refuse(work, CODE_PAYLOAD_MALFORMED);
		return;
	}
	wish->room = ask.room;
	wish->content.user = ask.invitee;
	wish->content.inviter = ask.inviter;
	wish->content.expires = ask.expires;
	wish->content.has_nonce = true;
	memcpy(wish->content.nonce, ask.nonce, ROOM_NONCE);
	if (wish_speaks(work, ROOM_ACT_INVITE_REQUEST, &wish->content.inviter))
		wish_decide(work);
}

static void
invite_begin(struct work *work)
{
	const struct commit_item *item = work->items[work->next];
	const struct room_event *event;
	struct room_certificates certificates;
	struct event_payload_invite invite;
	const struct cert *cert;

	if (!event_payload_invite_shown(item->payload, item->wait.size)) {
		ask_begin(work);
		return;
	}
	if (event_payload_invite_read(
		&invite, item->payload, item->wait.size) != CODE_OK) {
		work_refuse(work, CODE_PAYLOAD_MALFORMED);
		return;
	}
	event = &invite.event.event;
	certificates_init(
	    &certificates, event->room.home, &invite.certificate, 1);
	cert = certificate_find(&certificates, event);
	if (cert != NULL &&
	    room_event_verify(event, invite.event.signature, cert->signing_key))
		invitation_take(
		    &invite, work->proof.origin, item, work_done, work);
	else
		work_refuse(work, CODE_NOT_HOME);
	event_payload_invite_free(&invite);
}

/* A request ---------------------------------------------------------------- */

static const struct {
	const char *type;
	void (*begin)(struct work *); /* ends with work_done() */
} kinds[] = {
    {"message", messages_begin},
    {"room_state", state_begin},
    {"room_invite", invite_begin},
    {"room_join", join_begin},
    {"room_leave", leave_begin},
};

static void
item_begin(struct work *work)
{
	size_t i;

	if (work->broken) {
		work_done(NULL, false, work);
		return;
	}
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].type, work->items[work->next]->type) == 0) {
			kinds[i].begin(work);
			return;
		}
	fatal("an item is not a room's");
}

/* Answers may come at once: then the outermost goes on. */
static void
work_run(struct work *work)
{
	if (work->running)
		return;
	work->running = true;
	while (!work->waiting && work->next < work->count) {
		if (work->items[work->next] == NULL) {
			work->next++;
			continue;
		}
		work->waiting = true;
		item_begin(work);
	}
	work->running = false;
	if (!work->waiting)
		free(work);
}

void
items_take(struct commit_item *const *items, uint32_t count,
    const struct room_proof *proof, int trust)
{
	struct work *work = calloc(1, sizeof(*work));

	if (work == NULL)
		fatal("out of memory");
	memcpy(work->items, items, count * sizeof(work->items[0]));
	work->count = count;
	work->trust = trust;
	work->proof = *proof;
	memcpy(work->text, proof->text, proof->text_length);
	work->proof.text = work->text;
	work_run(work);
}
