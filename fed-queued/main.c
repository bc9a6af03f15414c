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
#include <sys/socket.h>
#include <sys/un.h>

#include <event2/event.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "control/control.h"
#include "db/statements.h"
#include "db/upkeep.h"
#include "env.h"
#include "exchange/restored.h"
#include "exchange/signing.h"
#include "exchange/transport.h"
#include "inbound/inbound.h"
#include "inbound/inbox.h"
#include "ipc/proc.h"
#include "json/canon.h"
#include "outbound/health.h"
#include "outbound/outbound.h"
#include "outbound/self_probe.h"
#include "proto/ed.h"
#include "proto/onion.h"
#include "rooms/messages/look.h"
#include "rooms/resync.h"
#include "rooms/state/requests.h"
#include "rooms/state/take.h"
#include "servers/limits.h"
#include "servers/peer_table.h"
#include "servers/strangers.h"
#include "users/lookup_out.h"

static char worker_name[256];
static struct event *sweep_event;
static struct event *prune_event;

#define PRUNE_EVERY_S 600

static struct {
	bool before;  /* the incarnation is in the database */
	bool running; /* the database is being looked at */
} begun;
static void begin_try(void);

static void
self_told(PGresult *result, const char *sqlstate, void *argument)
{
	(void)argument;
	if (result == NULL)
		log_warning("self failed sqlstate=%s", sqlstate);
}

/* The database knows who we are before anything of a room is asked of it. */
static void
self_tell(void)
{
	struct db_parameters parameters;

	if (!env.has_identity || db_state(env.db) != DB_UP)
		return;
	db_parameters_init(&parameters);
	db_add_text(&parameters, env.address);
	db_add_bytes(&parameters, env.identity.certificate,
	    env.identity.certificate_length);
	db_call(env.db, SQL_SELF, &parameters, self_told, NULL);
	db_parameters_free(&parameters);
}

/* Who we are; again, with a new certificate, but never another server. */
static void
identity_message(const struct message *message)
{
	struct msg_identity identity;
	struct cert cert;

	if (msg_identity_decode(message, &identity) != 0 ||
	    cert_parse(&cert, identity.certificate,
		identity.certificate_length) != CODE_OK ||
	    memcmp(cert.server, identity.server, sizeof(cert.server)) != 0)
		fatal("fed-signer sent a malformed identity");
	if (env.has_identity && memcmp(identity.server, env.identity.server,
				    sizeof(identity.server)) != 0)
		fatal("fed-signer sent the identity of another server");
	env.certificate = cert;
	env.identity = identity;
	env.has_identity = true;
	onion_format(env.address, identity.server);
	log_info("identity server=%s serial=%llu", env.address,
	    (unsigned long long)env.certificate.serial);
	inbound_identity();
	if (begun.before)
		self_tell();
	begin_try();
}

static void
signer_message(struct message *message, void *argument)
{
	(void)argument;
	if (message->type == MSG_IDENTITY)
		identity_message(message);
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
		transport_sent(message);
}

static void
fedd_message(struct message *message, void *argument)
{
	(void)argument;
	fatal("fedd sent a message of type %u", message->type);
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
	struct chanev *event;

	if (channel == NULL)
		fatal("out of memory");
	event = chanev_new(env.base, channel, handlers, cast.argument);
	if (event == NULL)
		fatal("out of memory");
	return event;
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
	messages_look();
	resync_doorbell();
}

static void
cache_ready(bool ok, void *argument)
{
	(void)argument;
	if (!ok)
		return;
	outbound_doorbell();
	lookup_out_doorbell();
	rooms_doorbell();
}

static void
begin(void)
{
	begun.running = false;
	env.registered = true;
	cache_ready(true, NULL);
}

static void
registered(PGresult *result, const char *sqlstate, void *argument)
{
	(void)argument;
	if (result == NULL) {
		begun.running = false;
		log_warning("register failed sqlstate=%s", sqlstate);
		return;
	}
	begun.before = true;
	log_info("registered leases-freed=%s", PQgetvalue(result, 0, 0));
	begin();
}

static void
checked(bool ok, bool restored)
{
	struct db_parameters parameters;

	/* What this process knows is of the database that there was. */
	if (restored && begun.before)
		fatal("the database was restored");
	if (restored)
		resync_all();
	if (!ok) {
		begun.running = false;
		return;
	}
	if (begun.before) {
		begin();
		return;
	}
	db_parameters_init(&parameters);
	db_add_uuid(&parameters, env.incarnation);
	db_add_text(&parameters, worker_name);
	db_call(env.db, SQL_REGISTER, &parameters, registered, NULL);
	db_parameters_free(&parameters);
}

/* Nothing is done before the database is known to be the one that it was. */
static void
begin_try(void)
{
	if (env.registered || begun.running || !env.has_identity ||
	    db_state(env.db) != DB_UP)
		return;
	begun.running = true;
	self_tell();
	restored_check(checked);
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
ignored(PGresult *result, const char *sqlstate, void *argument)
{
	if (result == NULL)
		log_warning(
		    "%s failed sqlstate=%s", (const char *)argument, sqlstate);
}

static void
sweep_fire(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	(void)argument;
	begin_try();
	inbox_sweep();
	outbound_doorbell();
	lookup_out_doorbell();
	rooms_doorbell();
}

static void
prune_fire(evutil_socket_t fd, short what, void *argument)
{
	static char expire[] = "expire";
	struct db_parameters parameters;

	(void)fd;
	(void)what;
	(void)argument;
	if (db_state(env.db) != DB_UP)
		return;
	db_parameters_init(&parameters);
	db_add_integer(&parameters, env.settings.lifetime_s);
	db_call(env.db, SQL_EXPIRE, &parameters, ignored, expire);
	db_parameters_free(&parameters);
	strangers_expire();
}

static void
timers_init(void)
{
	struct timeval sweep = {
	    env.settings.sweep_ms / 1000, env.settings.sweep_ms % 1000 * 1000};
	static const struct timeval prune = {PRUNE_EVERY_S, 0};

	sweep_event = event_new(env.base, -1, EV_PERSIST, sweep_fire, NULL);
	prune_event = event_new(env.base, -1, EV_PERSIST, prune_fire, NULL);
	if (sweep_event == NULL || prune_event == NULL ||
	    event_add(sweep_event, &sweep) != 0 ||
	    event_add(prune_event, &prune) != 0)
		fatal("out of memory");
}

/* What tells workers on one database apart: the host and the control socket. */
static void
worker_name_set(int control)
{
	struct sockaddr_un address;
	socklen_t length = sizeof(address);
	char host[65] = "";

	memset(&address, 0, sizeof(address));
	if (getsockname(control, (struct sockaddr *)&address, &length) != 0)
		fatal("control socket has no name");
	(void)gethostname(host, sizeof(host) - 1);
	snprintf(worker_name, sizeof(worker_name), "%s:%.107s", host,
	    address.sun_path);
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
		fatal("out of memory");
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
	worker_name_set(proc.descriptors[DESCRIPTOR_CONTROL]);
	if ((proc.start.flags & START_ROOT) != 0)
		(void)sandbox_unveil("/", "rw");
	else if (proc.start.unveil[0] != '\0')
		(void)sandbox_unveil(proc.start.unveil, "rw");
	sandbox_enter(SANDBOX_QUEUED, inet ? SANDBOX_INET : 0);

	siblings_init(&proc);
	limits_init();
	inbox_init();
	outbound_init();
	control_init(proc.descriptors[DESCRIPTOR_CONTROL]);
	database_init(&proc);
	timers_init();
	upkeep_init();
	health_init();
	self_probe_init();
	state_observe(messages_state_changed);
	proc_ready(&proc, &env.go);
	event_base_dispatch(env.base);
	return 0;
}
