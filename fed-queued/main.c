/* SPDX-License-Identifier: ISC */
/*
 * fed-queued: the queue worker. It alone has the database, and it alone
 * decides: which request is authentic, who may speak, what is stored, what is
 * sent next. It asks fed-signer for signatures over typed fields, hands
 * finished bytes to fed-sender, and answers fed-listener and fedctl.
 *
 * It promises that an acknowledgement is signed only after its items were
 * committed, and that a result is written only under the claim it belongs to.
 *
 * It may not have a private key or the network. It never parses JSON of
 * anyone whose signature it has not verified: what fed-listener and fed-sender
 * hand over is reduced to typed fields and canonical bytes.
 */
#include <event2/event.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "begin.h"
#include "control/control.h"
#include "control/reload.h"
#include "control/verbs.h"
#include "db/prune.h"
#include "db/statements.h"
#include "db/types.h"
#include "env.h"
#include "events/timer.h"
#include "exchange/signing.h"
#include "exchange/transport.h"
#include "inbound/inbound.h"
#include "inbound/inbox.h"
#include "ipc/proc.h"
#include "json/canon.h"
#include "outbound/health.h"
#include "outbound/outbound.h"
#include "outbound/revocation.h"
#include "outbound/rouse.h"
#include "outbound/schedule.h"
#include "outbound/self_probe.h"
#include "proto/ed.h"
#include "rooms/items/item_kind.h"
#include "rooms/items/items.h"
#include "rooms/items/showing.h"
#include "rooms/messages/look.h"
#include "rooms/resync.h"
#include "rooms/state/rekey.h"
#include "rooms/state/requests.h"
#include "rooms/state/take.h"
#include "rooms/sync/answer.h"
#include "rooms/sync/exchange.h"
#include "rooms/sync/review.h"
#include "rooms/sync/take.h"
#include "servers/limits.h"
#include "servers/observe.h"
#include "servers/peer_table.h"
#include "servers/strangers.h"
#include "users/lookup_in.h"
#include "users/lookup_out.h"

#define STRANGERS_EVERY_MS 600000

static void
signer_message(struct message *message, void *argument)
{
	(void)argument;
	if (message->type == MSG_IDENTITY)
		begin_identity(message);
	else
		signing_answer(message);
}

static void
listener_message(struct message *message, void *argument)
{
	(void)argument;
	if (message->type == MSG_LIMITS)
		limits_listener(message);
	else
		inbound_request(message);
}

static void
sender_message(struct message *message, void *argument)
{
	(void)argument;
	if (message->type == MSG_PROBED)
		self_probe_answer(message);
	else
		transport_answer(message);
}

static void
fedd_message(struct message *message, void *argument)
{
	(void)argument;
	if (message->type != MSG_RELOADED)
		fatal("fedd sent a message of type %u", message->type);
	reload_answer(message);
}

/* A sibling that goes away ends the generation; so does fedd. */
static void
sibling_gone(void *argument)
{
	log_info("exit: %s has gone away", (const char *)argument);
	exit(0);
}

static struct chanev *
sibling(struct channel *channel, const struct chanev_handlers *handlers,
    const char *name)
{
	union {
		const char *constant;
		void *argument;
	} cast = {name};

	return chanev_new(env.base, xpointer(channel), handlers, cast.argument);
}

static void
siblings_init(const struct proc *proc)
{
	static const struct chanev_handlers fedd = {
	    fedd_message, sibling_gone, NULL};
	static const struct chanev_handlers listener = {
	    listener_message, sibling_gone, NULL};
	static const struct chanev_handlers signer = {
	    signer_message, sibling_gone, NULL};
	static const struct chanev_handlers sender = {
	    sender_message, sibling_gone, NULL};

	env.listener = sibling(channel_new(proc->channels[ROLE_LISTENER],
				   ROLE_QUEUED, ROLE_LISTENER),
	    &listener, "fed-listener");
	env.signer = sibling(
	    channel_new(proc->channels[ROLE_SIGNER], ROLE_QUEUED, ROLE_SIGNER),
	    &signer, "fed-signer");
	env.sender = sibling(
	    channel_new(proc->channels[ROLE_SENDER], ROLE_QUEUED, ROLE_SENDER),
	    &sender, "fed-sender");
	env.fedd = sibling(proc->parent, &fedd, "fedd");
}

static void
rooms_doorbell(void)
{
	if (!env.registered || !env.has_identity || !peer_table_loaded() ||
	    db_state(env.db) != DB_UP)
		return;
	requests_doorbell();
	rekey_look();
	messages_look();
	showing_doorbell();
	resync_doorbell();
	review_doorbell();
}

/* Whatever may have come while we could not look. */
static void
everything_due(void)
{
	outbound_doorbell();
	lookup_out_doorbell();
	rooms_doorbell();
	revocation_doorbell();
	sync_lost_sweep();
}

static void
cache_ready(bool ok, void *argument)
{
	(void)argument;
	if (ok)
		everything_due();
}

static void
database_up(void *argument)
{
	(void)argument;
	begin_try();
	inbox_count();
	peer_table_load(cache_ready, NULL);
}

static void
database_down(void *argument)
{
	(void)argument;
	env.registered = false;
}

static void
database_notify(const char *channel, void *argument)
{
	(void)argument;
	if (strcmp(channel, "federation_queue") == 0)
		outbound_doorbell();
	else if (strcmp(channel, "federation_users") == 0)
		lookup_out_doorbell();
	else if (strcmp(channel, "federation_rooms") == 0)
		rooms_doorbell();
	else if (strcmp(channel, "federation_servers") == 0)
		peer_table_reload_soon();
}

static void
sweep_fire(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	(void)argument;
	begin_try();
	inbox_sweep();
	everything_due();
}

static void
strangers_fire(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	(void)argument;
	if (db_state(env.db) == DB_UP)
		strangers_expire();
}

static void
timers_init(void)
{
	(void)timer_every(env.base, env.settings.sweep_ms, sweep_fire, NULL);
	(void)timer_every(env.base, STRANGERS_EVERY_MS, strangers_fire, NULL);
}

static void
database_init(const struct proc *proc)
{
	static const struct db_handlers handlers = {
	    database_up, database_down, database_notify};
	static const char *const channels[] = {"federation_queue",
	    "federation_servers", "federation_users", "federation_rooms", NULL};
	char conninfo[DATABASE_SIZE];
	bool local = (proc->start.flags & START_INET) == 0;

	/* In its chroot the database's socket is in the root directory. */
	if (local && (proc->start.flags & START_ROOT) != 0) {
		if (db_conninfo_rehost(
			conninfo, sizeof(conninfo), proc->database, "/") != 0)
			fatal("database: connection string is malformed");
	} else
		snprintf(conninfo, sizeof(conninfo), "%s", proc->database);
	env.db = db_new(env.base, conninfo, statements, SQL_COUNT, channels,
	    env.settings.durability_check != 0, &handlers, NULL);
	sodium_memzero(conninfo, sizeof(conninfo));
	if (env.db == NULL)
		fatal("database: connection string is malformed");
	db_types_use(env.db, row_types, TYPE_COUNT);
}

/*
 * Who deals with what comes up below: lower parts know nothing of those that
 * stand on them (see README).
 */
static void
arrange(void)
{
	static const struct inbound_types types = {
	    lookup_in, sync_answer, item_kind_is_room, items_take};

	inbound_register(&types);
	outbound_register(LANE_LOOKUP, lookup_out);
	outbound_register(LANE_SYNC, sync_exchange);
	limits_gauge(LIMIT_REQUESTS_UNDER_WAY, inbound_pending,
	    env.settings.requests_pending);
	limits_gauge(LIMIT_BYTES_UNDER_WAY, inbound_bytes, INBOUND_BYTES);
	limits_gauge(LIMIT_INBOX, inbox_messages, env.settings.inbox_messages);
	state_observe(messages_state_changed);
	observe(PEER_HEARD, health_heard);
	observe(PEER_SEEN, health_seen);
	observe(PEER_LIVES, rouse_heard);
	observe(PEER_RETURNED, resync_peer);
	observe(PEER_ADMINISTERED, schedule_administered);
	observe(PEER_RAISED, rouse_tell);
}

int
main(int argc, char *argv[])
{
	static struct proc proc;
	bool inet;

	proc_start(&proc, ROLE_QUEUED, argc, argv);
	env.settings = proc.settings;
	env.owner_uid = proc.start.owner_uid;
	inet = (proc.start.flags & START_INET) != 0;
	if (ed_init() != 0)
		fatal("libsodium is not usable");
	canon_init();
	uuid_new(env.incarnation);
	env.base = event_base_new();
	if (env.base == NULL)
		fatal("cannot make an event base");
	begin_init(proc.descriptors[DESCRIPTOR_CONTROL], everything_due);
	if ((proc.start.flags & START_ROOT) != 0)
		(void)sandbox_unveil("/", "rw");
	else if (proc.start.unveil[0] != '\0')
		(void)sandbox_unveil(proc.start.unveil, "rw");
	sandbox_enter(SANDBOX_QUEUED, inet ? SANDBOX_INET : 0);

	arrange();
	siblings_init(&proc);
	limits_init();
	inbox_init();
	outbound_init();
	control_init(proc.descriptors[DESCRIPTOR_CONTROL], verbs_find);
	database_init(&proc);
	timers_init();
	prune_init();
	health_init();
	self_probe_init();
	proc_ready(&proc, &env.go);
	event_base_dispatch(env.base);
	return 0;
}
