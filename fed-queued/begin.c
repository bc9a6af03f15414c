/* SPDX-License-Identifier: ISC */
/* From who we are to a database that is ours; see begin.h. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "begin.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "exchange/restored.h"
#include "inbound/inbound.h"
#include "proto/onion.h"
#include "room/room_restore.h"
#include "rooms/limits_tell.h"
#include "rooms/resync.h"

static char worker_name[256];
static void (*ready)(void);
static struct {
	bool before;  /* the incarnation is in the database */
	bool running; /* the database is being looked at */
} begun;

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
	db_add_integer(&parameters, room_epoch_next(0, 0, clock_now()));
	db_call(env.db, SQL_SELF, &parameters, self_told, NULL);
	db_parameters_free(&parameters);
}

/* Who we are; again, with a new certificate, but never another server. */
void
begin_identity(const struct message *message)
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
begin_end(void)
{
	begun.running = false;
	env.registered = true;
	ready();
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
	log_info("registered leases-freed=%s", row_string(result, 0, 0));
	begin_end();
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
		begin_end();
		return;
	}
	db_parameters_init(&parameters);
	db_add_uuid(&parameters, env.incarnation);
	db_add_text(&parameters, worker_name);
	db_call(env.db, SQL_REGISTER, &parameters, registered, NULL);
	db_parameters_free(&parameters);
}

/* Nothing is done before the database is known to be the one that it was. */
void
begin_try(void)
{
	if (env.registered || begun.running || !env.has_identity ||
	    db_state(env.db) != DB_UP)
		return;
	begun.running = true;
	limits_tell();
	self_tell();
	restored_check(checked);
}

/* What tells workers on one database apart: the host and the control socket. */
static void
name_worker(int control)
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

void
begin_init(int control, void (*function)(void))
{
	name_worker(control);
	ready = function;
}
