/* SPDX-License-Identifier: ISC */
/*
 * The database, asynchronously: libpq in pipeline mode under libevent,
 * statements prepared once a connection, binary parameters where it matters.
 * Each call is one statement and one implicit transaction; callbacks come in
 * the order of the calls. Nothing here blocks the event loop.
 *
 * Reconnects by itself with back-off (0.1 s to 5 s). When a connection is
 * lost, every call under way ends with an error; nothing is repeated for the
 * caller, who cannot know whether it was committed.
 */
#ifndef TORFED_DB_DB_H
#define TORFED_DB_DB_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct db;

#define DB_PARAMETERS 32
#define DB_RETRY_MS   1000 /* before a call that failed is made again */

enum db_state {
	DB_CONNECTING, /* also: waiting to try again */
	DB_UP,
	/* schema too old, too new or another, durability off: tried again
	 * every 5 s */
	DB_REFUSED
};

struct db_array;

/* Parameters of one statement; text and binary may be mixed. */
struct db_parameters {
	int count;
	const char *values[DB_PARAMETERS]; /* NULL: SQL null */
	int lengths[DB_PARAMETERS];
	int formats[DB_PARAMETERS];		/* 1 binary */
	char numbers[DB_PARAMETERS][24];	/* text of integers, UUIDs */
	struct db_array *arrays[DB_PARAMETERS]; /* owned */
};
void db_parameters_init(struct db_parameters *);
/* The caller keeps text and bytes until the call; numbers are copied. */
void db_add_text(struct db_parameters *, const char *);
void db_add_bytes(struct db_parameters *, const void *, size_t); /* bytea */
void db_add_integer(struct db_parameters *, int64_t);
void db_add_uuid(struct db_parameters *, const uint8_t uuid[16]);
void db_add_null(struct db_parameters *);
/*
 * One-dimensional arrays in libpq's binary format, built in memory that
 * db_parameters_free() releases. Elements: fixed (uuid, int4, int8) or varying
 * (bytea, text).
 */
#define DB_OID_BYTEA 17
#define DB_OID_INT8  20
#define DB_OID_INT4  23
#define DB_OID_TEXT  25
#define DB_OID_UUID  2950
struct db_array *db_array_new(uint32_t element_oid);
void db_array_bytes(struct db_array *, const void *, size_t);
void db_array_int4(struct db_array *, int32_t);
void db_array_int8(struct db_array *, int64_t);
/* Adds the array as a parameter; the parameters own it from here on. */
void db_add_array(struct db_parameters *, struct db_array *);
void db_parameters_free(struct db_parameters *);

/*
 * Composite types of the schema federation, each value a structure of C whose
 * first member is bool null: the value as a whole is. Of a column that is null
 * a number is 0, a bool false, a span without bytes.
 */
struct db_span {
	const void *bytes; /* NULL: null */
	size_t length;
};
enum db_kind {
	DB_INT4,  /* int32_t */
	DB_INT8,  /* int64_t */
	DB_BOOL,  /* bool */
	DB_TEXT,  /* struct db_span, as the rest */
	DB_BYTES, /* bytea */
	DB_UUID,  /* 16 bytes */
	DB_ROW	  /* the structure of another type */
};
struct db_column {
	const char *name;
	enum db_kind kind;
	size_t offset; /* in the structure */
	size_t row;    /* of DB_ROW: its index in the table of types */
};
struct db_type {
	const char *name; /* without schema */
	const struct db_column *columns;
	size_t count;
	size_t size; /* of the structure */
};
struct db_span db_span_text(const char *); /* NULL: null */
struct db_span db_span_bytes(const void *, size_t);
bool db_span_is(const struct db_span *, const char *); /* that text */
/* Copies exactly size bytes; false when it is null. Another size is fatal. */
bool db_span_copy(void *to, size_t size, const struct db_span *);
/*
 * The types that this program knows, to be told before the loop runs: the
 * caller keeps them. On each connection they are compared with the catalogue,
 * and a database with others is refused. type below is an index in them.
 */
void db_types_use(struct db *, const struct db_type *, size_t count);
/* One value as a parameter, and an array of count of them; all is copied. */
void db_add_row(
    struct db_parameters *, const struct db *, size_t type, const void *row);
void db_add_rows(struct db_parameters *, const struct db *, size_t type,
    const void *rows, size_t count);
/* Reads a value, of a statement with binary results; spans point into it. */
void db_row_read(void *row, const struct db *, size_t type, PGresult *,
    int result_row, int result_column);

/*
 * result: PGRES_TUPLES_OK or PGRES_COMMAND_OK, else NULL; then sqlstate tells
 * why ("" when the connection was lost, "57P03" and the like otherwise).
 * Results are binary when the statement asked for it. The result is cleared
 * after the callback.
 */
typedef void (*db_callback)(
    PGresult *result, const char *sqlstate, void *argument);

struct db_statement {
	const char *name; /* of the prepared statement */
	const char *sql;
	int binary; /* format of the results */
};

struct db_handlers {
	void (*on_up)(void *); /* connected, checked, prepared */
	void (*on_down)(void *);
	void (*on_notify)(const char *channel, void *);
};

/*
 * conninfo always names the user. After a connection is made: client_encoding
 * UTF8 and standard_conforming_strings are asserted, synchronous_commit is set
 * on, search_path to pg_catalog, an application_name of "fed-queued"; the
 * schema's versions and their checksums, its types and (unless
 * durability_check is false) fsync and full_page_writes are checked; statements
 * are prepared; LISTEN for each of channels (NULL ends). NULL when conninfo is
 * malformed.
 */
struct db *db_new(struct event_base *, const char *conninfo,
    const struct db_statement *statements, size_t count,
    const char *const *channels, bool durability_check,
    const struct db_handlers *, void *argument);
void db_free(struct db *);
enum db_state db_state(const struct db *);
/* "up", or why not, in a few words without a password. */
const char *db_reason(const struct db *);
/*
 * Sends statements[index]; the parameters are copied to libpq before this
 * returns. When the database is not up the callback comes at once, with NULL
 * and "". argument is the callback's.
 */
void db_call(struct db *, size_t index, const struct db_parameters *,
    db_callback, void *argument);
size_t db_pending(const struct db *); /* calls under way */

/*
 * conninfo with host in place of its host and hostaddr, e.g. "/" for a process
 * whose root is the directory of the database's socket. 0, or -1 when it is
 * malformed or does not fit into size bytes.
 */
int db_conninfo_rehost(
    char *out, size_t size, const char *conninfo, const char *host);

#endif
