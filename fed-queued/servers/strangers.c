/* SPDX-License-Identifier: ISC */
/* Handshakes stored; see strangers.h. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/encode.h"
#include "base/log.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "proto/onion.h"
#include "proto/signtext.h"
#include "servers/observe.h"
#include "servers/peer_table.h"
#include "servers/strangers.h"

#define STRANGERS_MAX 256

struct store {
	strangers_callback callback;
	void *argument;
	struct cert cert;
};

static void
store_end(struct store *store, enum code code)
{
	store->callback(code, store->argument);
	free(store);
}

/* Columns: id, level, kept, highest, minimum, told, certificate stored. */
static void
store_row(struct store *store, PGresult *result)
{
	struct peer *peer;
	uint8_t id[16];

	row_uuid(id, result, 0, 0);
	peer = peer_table_put(
	    store->cert.server, id, (int)row_integer(result, 0, 1));
	peer->kept = row_integer(result, 0, 2) == 1;
	peer->told_serial = (uint64_t)row_integer(result, 0, 5);
	observe_tell(PEER_SEEN, peer);
	if (row_integer(result, 0, 6) != 1) {
		store_end(store, CODE_CERTIFICATE_CONFLICT);
		return;
	}
	peer->introduced_ms = clock_ms();
	peer_certificate_add(peer, &store->cert,
	    (uint64_t)row_integer(result, 0, 3),
	    (uint64_t)row_integer(result, 0, 4));
	store_end(store, CODE_OK);
}

static void
store_done(PGresult *result, const char *sqlstate, void *argument)
{
	struct store *store = argument;

	if (result == NULL) {
		log_warning("handshake-store failed sqlstate=%s", sqlstate);
		store_end(store, CODE_DATABASE);
	} else if (PQntuples(result) != 1) {
		store_end(store, CODE_SERVER_BLOCKED);
	} else {
		store_row(store, result);
	}
}

static void
evict_done(PGresult *result, const char *sqlstate, void *argument)
{
	(void)argument;
	if (result == NULL)
		log_warning("stranger-evict failed sqlstate=%s", sqlstate);
	else
		peer_table_reload_soon();
}

/* Room for one more, at random: a flood cannot choose whom it pushes out. */
static void
strangers_evict(void)
{
	struct db_parameters parameters;

	db_parameters_init(&parameters);
	db_add_integer(&parameters, STRANGERS_MAX - 1);
	db_call(env.db, SQL_STRANGER_EVICT, &parameters, evict_done, NULL);
	db_parameters_free(&parameters);
}

void
strangers_expire(void)
{
	struct db_parameters parameters;

	if (peer_table_strangers() == 0)
		return;
	db_parameters_init(&parameters);
	db_call(env.db, SQL_STRANGER_EXPIRE, &parameters, evict_done, NULL);
}

static char *
protocols_text(const struct handshake *handshake)
{
	json_t *list = json_array();
	char *text;
	uint32_t i;

	for (i = 0; i < handshake->protocol_count; i++)
		json_array_append_new(
		    list, json_string(handshake->protocols[i]));
	text = xpointer(json_dumps(list, JSON_COMPACT));
	json_decref(list);
	return text;
}

/* level: what a stranger gets by it. */
static void
store_begin(const struct handshake *handshake, bool kept, int64_t level,
    uint64_t told_serial, strangers_callback callback, void *argument)
{
	const struct cert *cert = &handshake->cert;
	char address[ONION_SIZE], key[65], text[CERT_MAX], *protocols;
	struct db_parameters p;
	struct store *store;
	uint8_t key_id[32];

	if (peer_table_find(cert->server) == NULL && !kept &&
	    peer_table_strangers() >= STRANGERS_MAX)
		strangers_evict();
	store = xmalloc(sizeof(*store));
	store->callback = callback;
	store->argument = argument;
	store->cert = *cert;
	onion_format(address, cert->server);
	hex_encode(key, cert->server, 32);
	cert_key_id(key_id, cert);
	protocols = protocols_text(handshake);

	db_parameters_init(&p);
	db_add_text(&p, address);
	db_add_text(&p, key);
	db_add_text(&p, handshake->name);
	db_add_text(&p, handshake->description);
	if (handshake->version[0] != '\0')
		db_add_text(&p, handshake->version);
	else
		db_add_null(&p);
	db_add_text(&p, protocols);
	db_add_bytes(&p, key_id, sizeof(key_id));
	db_add_integer(&p, (int64_t)cert->serial);
	db_add_integer(&p, (int64_t)cert->min_serial);
	db_add_bytes(&p, text, cert_format(text, cert));
	db_add_integer(&p, level);
	db_add_text(&p, kept ? "t" : "f");
	db_add_integer(&p, (int64_t)told_serial);
	db_call(env.db, SQL_HANDSHAKE, &p, store_done, store);
	db_parameters_free(&p);
	free(protocols);
}

void
strangers_store(const struct handshake *handshake, bool kept,
    uint64_t told_serial, strangers_callback callback, void *argument)
{
	store_begin(handshake, kept, env.settings.trust_automatic, told_serial,
	    callback, argument);
}

void
strangers_refresh(const struct handshake *handshake, uint64_t told_serial,
    strangers_callback callback, void *argument)
{
	store_begin(
	    handshake, false, TRUST_UNKNOWN, told_serial, callback, argument);
}

char *
strangers_own_handshake(size_t *length)
{
	struct handshake own;

	memset(&own, 0, sizeof(own));
	own.cert = env.certificate;
	own.protocol_count = 1;
	snprintf(
	    own.protocols[0], sizeof(own.protocols[0]), "%s", PROTOCOL_VERSION);
	return xpointer(handshake_format(&own, length));
}
