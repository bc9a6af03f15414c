/* SPDX-License-Identifier: ISC */
/* What the files of the database layer share; nobody else includes it. */
#ifndef TORFED_DB_DB_INTERNAL_H
#define TORFED_DB_DB_INTERNAL_H

#include <event2/event.h>
#include <sys/queue.h>

#include "db/db.h"

#define DB_REASON_SIZE	    256
#define DB_BACKOFF_FIRST_MS 100

/* A call under way, ours at the start or the caller's. */
struct call {
	TAILQ_ENTRY(call) entry;
	db_callback callback;
	void *argument;
	PGresult *result; /* what came so far; an error wins */
};
TAILQ_HEAD(call_queue, call);

struct db {
	struct event_base *base;
	struct conninfo *conninfo;
	const struct db_statement *statements;
	size_t count;
	const char *const *channels;
	const struct db_type *types;
	size_t type_count;
	uint32_t *type_oids; /* on this connection; one each */
	bool durability_check;
	struct db_handlers handlers;
	void *argument;

	enum db_state state;
	PGconn *connection;	 /* NULL while waiting to try again */
	struct call_queue calls; /* in the order of sending */
	size_t pending;
	bool failing; /* drop the connection when it is safe */

	struct event *readable; /* while connecting: either direction */
	struct event *writable;
	struct event *later; /* when the loop comes round: flush, failures */
	struct event *timer; /* next attempt, end of this one, or of waiting */

	int64_t backoff_ms;
	void (*types_checked)(struct db *);
	size_t setup_next; /* statement or channel answered for next */
	char reason[DB_REASON_SIZE];
	char logged[DB_REASON_SIZE]; /* the last reason in the log */
};

/* db_conninfo.c */
struct conninfo {
	char **keywords; /* NULL ends, as PQconnectStartParams() wants it */
	char **values;
	size_t hosts;
};
/* With our defaults and overrides; NULL: malformed. */
struct conninfo *db_conninfo_new(const char *text);
void db_conninfo_free(struct conninfo *);

/* db_connect.c */
void db_connect_start(struct db *);
/* Closes, tells everybody, and arranges for the next attempt. */
void db_connect_drop(struct db *);
/* Marks the connection as lost; it is dropped when the loop comes round. */
void db_connect_fail(struct db *, const char *reason);
/* As db_connect_fail(), for a database that we refuse. */
void db_connect_refuse(struct db *, const char *reason);

/* db_parameters.c */
struct db_array {
	uint8_t *data;
	size_t length;
	size_t size;
	uint32_t element_oid;
	uint32_t count;
};
/* The next length bytes, to be filled in before anything else is added. */
uint8_t *db_array_extend(struct db_array *, size_t length);
/* A buffer that is no array, as a parameter, which owns it from here on. */
void db_add_buffer(struct db_parameters *, struct db_array *);

/* db_types.c */
/* Asks the catalogue for the types; then setup goes on, or is refused. */
void db_types_ask(struct db *, void (*checked)(struct db *));

/* db_setup.c */
/* An error in words: SQLSTATE and what we wanted. */
void db_setup_refuse(struct db *, const char *what, const char *sqlstate);
/* On a new connection: checks, then statements and channels, then up. */
void db_setup_start(struct db *);

/* db.c */
void db_readable(evutil_socket_t, short, void *);
void db_writable(evutil_socket_t, short, void *);
void db_later(evutil_socket_t, short, void *);
/*
 * After one of libpq's PQsend functions, sent being what it returned: its own
 * transaction, and the callback for it.
 */
void db_enqueue(struct db *, int sent, db_callback, void *argument);

#endif
