/* SPDX-License-Identifier: ISC */
/*
 * Composite types: compared with the catalogue on each connection, which tells
 * their numbers there; then written and read in PostgreSQL's binary form
 * (record_recv in the server): how many columns, then of each its type's
 * number, its length and its bytes; all big-endian.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/db_internal.h"

#define OID_BOOL 16

/* format_type() names the schema, since search_path is pg_catalog. */
static const char sql_types[] =
    "SELECT t.typname, t.oid, a.attname, format_type(a.atttypid, NULL)"
    " FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace"
    " JOIN pg_attribute a ON a.attrelid = t.typrelid"
    " WHERE n.nspname = 'federation' AND t.typname = ANY ($1::text[])"
    " AND a.attnum > 0 AND NOT a.attisdropped"
    " ORDER BY t.typname, a.attnum";

/* Indexed by kind, up to DB_ROW. */
static const struct kind {
	const char *name;
	uint32_t oid;
} kinds[DB_ROW] = {
    [DB_INT4] = {"integer", DB_OID_INT4},
    [DB_INT8] = {"bigint", DB_OID_INT8},
    [DB_BOOL] = {"boolean", OID_BOOL},
    [DB_TEXT] = {"text", DB_OID_TEXT},
    [DB_BYTES] = {"bytea", DB_OID_BYTEA},
    [DB_UUID] = {"uuid", DB_OID_UUID},
};

struct db_span
db_span_text(const char *text)
{
	struct db_span span = {text, text != NULL ? strlen(text) : 0};

	return span;
}

struct db_span
db_span_bytes(const void *bytes, size_t length)
{
	struct db_span span = {bytes, length};

	return span;
}

bool
db_span_is(const struct db_span *span, const char *text)
{
	return span->bytes != NULL && span->length == strlen(text) &&
	       memcmp(span->bytes, text, span->length) == 0;
}

bool
db_span_copy(void *to, size_t size, const struct db_span *span)
{
	if (span->bytes == NULL)
		return false;
	if (span->length != size)
		fatal("database sent bytes of another size");
	memcpy(to, span->bytes, size);
	return true;
}

/* On a connection ---------------------------------------------------------- */

void
db_types_use(struct db *db, const struct db_type *types, size_t count)
{
	db->types = types;
	db->type_count = count;
	free(db->type_oids);
	db->type_oids = xcalloc(count, sizeof(*db->type_oids));
}

static void
column_format(char *text, size_t size, const struct db *db,
    const struct db_type *type, size_t at)
{
	const struct db_column *column = &type->columns[at];

	if (at >= type->count)
		snprintf(text, size, "none");
	else if (column->kind == DB_ROW)
		snprintf(text, size, "%s federation.%s", column->name,
		    db->types[column->row].name);
	else
		snprintf(text, size, "%s %s", column->name,
		    kinds[column->kind].name);
}

/*
 * One type against the rows from *row on, which are its own as long as they
 * have its name; false: they differ, and reason tells where.
 */
static bool
type_check(struct db *db, size_t index, const PGresult *result, char *reason)
{
	const struct db_type *type = &db->types[index];
	char ours[128], found[128];
	size_t at = 0;

	for (int row = 0; row < PQntuples(result); row++) {
		if (strcmp(PQgetvalue(result, row, 0), type->name) != 0)
			continue;
		db->type_oids[index] =
		    (uint32_t)strtoul(PQgetvalue(result, row, 1), NULL, 10);
		column_format(ours, sizeof(ours), db, type, at++);
		snprintf(found, sizeof(found), "%s %s",
		    PQgetvalue(result, row, 2), PQgetvalue(result, row, 3));
		if (strcmp(ours, found) != 0)
			goto differ;
	}
	if (at == type->count)
		return true;
	column_format(ours, sizeof(ours), db, type, at++);
	snprintf(found, sizeof(found), "none");
differ:
	snprintf(reason, DB_REASON_SIZE,
	    "column %zu of type federation.%.32s is %.72s, "
	    "this program needs %.72s",
	    at, type->name, found, ours);
	return false;
}

static void
types_found(PGresult *result, const char *sqlstate, void *argument)
{
	struct db *db = argument;
	char reason[DB_REASON_SIZE];

	if (result == NULL) {
		db_setup_refuse(db, "reading the schema's types", sqlstate);
		return;
	}
	for (size_t i = 0; i < db->type_count; i++)
		if (!type_check(db, i, result, reason)) {
			db_connect_refuse(db, reason);
			return;
		}
	if (!db->failing)
		db->types_checked(db);
}

void
db_types_ask(struct db *db, void (*checked)(struct db *))
{
	struct db_array *names = db_array_new(DB_OID_TEXT);
	struct db_parameters parameters;

	db->types_checked = checked;
	for (size_t i = 0; i < db->type_count; i++)
		db_array_bytes(
		    names, db->types[i].name, strlen(db->types[i].name));
	db_parameters_init(&parameters);
	db_add_array(&parameters, names);
	db_enqueue(db,
	    PQsendQueryParams(db->connection, sql_types, 1, NULL,
		parameters.values, parameters.lengths, parameters.formats, 0),
	    types_found, db);
	db_parameters_free(&parameters);
}

/* Writing ------------------------------------------------------------------ */

static void
word_set(struct db_array *array, size_t at, uint32_t value)
{
	value = htonl(value);
	memcpy(array->data + at, &value, sizeof(value));
}

static void
word_add(struct db_array *array, uint32_t value)
{
	size_t at = array->length;

	(void)db_array_extend(array, sizeof(value));
	word_set(array, at, value);
}

static void
bytes_add(struct db_array *array, const void *bytes, size_t length)
{
	word_add(array, (uint32_t)length);
	if (length > 0)
		memcpy(db_array_extend(array, length), bytes, length);
}

static void
span_add(struct db_array *array, const struct db_span *span)
{
	if (span->bytes == NULL)
		word_add(array, UINT32_MAX);
	else
		bytes_add(array, span->bytes, span->length);
}

/* A number or a bool, of a member of the structure. */
static void
number_add(struct db_array *array, enum db_kind kind, const void *member)
{
	uint64_t wide;
	uint32_t narrow;
	uint8_t truth;

	if (kind == DB_INT8) {
		memcpy(&wide, member, sizeof(wide));
		wide = htobe64(wide);
		bytes_add(array, &wide, sizeof(wide));
	} else if (kind == DB_INT4) {
		memcpy(&narrow, member, sizeof(narrow));
		narrow = htonl(narrow);
		bytes_add(array, &narrow, sizeof(narrow));
	} else {
		truth = *(const bool *)member;
		bytes_add(array, &truth, sizeof(truth));
	}
}

static void value_add(
    struct db_array *, const struct db *, size_t type, const void *row);

static void
column_add(struct db_array *array, const struct db *db,
    const struct db_column *column, const void *member)
{
	if (column->kind == DB_ROW) {
		word_add(array, db->type_oids[column->row]);
		value_add(array, db, column->row, member);
		return;
	}
	word_add(array, kinds[column->kind].oid);
	if (column->kind == DB_TEXT || column->kind == DB_BYTES ||
	    column->kind == DB_UUID)
		span_add(array, member);
	else
		number_add(array, column->kind, member);
}

/* How many columns, then each. */
static void
columns_add(
    struct db_array *array, const struct db *db, size_t index, const void *row)
{
	const struct db_type *type = &db->types[index];

	word_add(array, (uint32_t)type->count);
	for (size_t i = 0; i < type->count; i++)
		column_add(array, db, &type->columns[i],
		    (const char *)row + type->columns[i].offset);
}

/* Its length, or that it is null, and the value. */
static void
value_add(
    struct db_array *array, const struct db *db, size_t type, const void *row)
{
	size_t at = array->length;

	if (*(const bool *)row) {
		word_add(array, UINT32_MAX);
		return;
	}
	word_add(array, 0);
	columns_add(array, db, type, row);
	word_set(array, at, (uint32_t)(array->length - at - sizeof(uint32_t)));
}

void
db_add_row(struct db_parameters *parameters, const struct db *db, size_t type,
    const void *row)
{
	struct db_array *buffer;

	if (*(const bool *)row) {
		db_add_null(parameters);
		return;
	}
	buffer = db_array_new(0);
	buffer->length = 0;
	columns_add(buffer, db, type, row);
	db_add_buffer(parameters, buffer);
}

void
db_add_rows(struct db_parameters *parameters, const struct db *db, size_t type,
    const void *rows, size_t count)
{
	struct db_array *array = db_array_new(db->type_oids[type]);

	for (size_t i = 0; i < count; i++) {
		value_add(array, db, type,
		    (const char *)rows + i * db->types[type].size);
		array->count++;
	}
	db_add_array(parameters, array);
}

/* Reading ------------------------------------------------------------------ */

/* What is left of a value. */
struct reader {
	const uint8_t *at;
	size_t left;
};

static const uint8_t *
reader_bytes(struct reader *reader, size_t length)
{
	const uint8_t *at = reader->at;

	if (length > reader->left)
		fatal("database sent a row that is too short");
	reader->at += length;
	reader->left -= length;
	return at;
}

static uint32_t
reader_word(struct reader *reader)
{
	uint32_t value;

	memcpy(&value, reader_bytes(reader, sizeof(value)), sizeof(value));
	return ntohl(value);
}

/* The next column; NULL: null. */
static struct db_span
reader_column(struct reader *reader)
{
	struct db_span span = {NULL, 0};
	uint32_t length;

	(void)reader_word(reader); /* its type: compared on connecting */
	length = reader_word(reader);
	if (length == UINT32_MAX)
		return span;
	span.bytes = reader_bytes(reader, length);
	span.length = length;
	return span;
}

static void
number_read(void *member, enum db_kind kind, const struct db_span *span)
{
	uint64_t wide = 0;
	uint32_t narrow = 0;
	uint8_t truth = 0;

	if (kind == DB_INT8) {
		(void)db_span_copy(&wide, sizeof(wide), span);
		wide = be64toh(wide);
		memcpy(member, &wide, sizeof(wide));
	} else if (kind == DB_INT4) {
		(void)db_span_copy(&narrow, sizeof(narrow), span);
		narrow = ntohl(narrow);
		memcpy(member, &narrow, sizeof(narrow));
	} else {
		(void)db_span_copy(&truth, sizeof(truth), span);
		*(bool *)member = truth != 0;
	}
}

static void
value_read(
    void *row, const struct db *db, size_t index, const struct db_span *value)
{
	const struct db_type *type = &db->types[index];
	const struct db_column *column;
	struct reader reader = {value->bytes, value->length};
	struct db_span span;
	void *member;

	memset(row, 0, type->size);
	if (value->bytes == NULL) {
		*(bool *)row = true;
		for (size_t i = 0; i < type->count; i++)
			if (type->columns[i].kind == DB_ROW)
				value_read(
				    (char *)row + type->columns[i].offset, db,
				    type->columns[i].row, value);
		return;
	}
	if (reader_word(&reader) != type->count)
		fatal("database sent a row of another type");
	for (size_t i = 0; i < type->count; i++) {
		column = &type->columns[i];
		member = (char *)row + column->offset;
		span = reader_column(&reader);
		if (column->kind == DB_ROW)
			value_read(member, db, column->row, &span);
		else if (column->kind == DB_TEXT || column->kind == DB_BYTES ||
			 column->kind == DB_UUID)
			memcpy(member, &span, sizeof(span));
		else
			number_read(member, column->kind, &span);
	}
}

void
db_row_read(void *row, const struct db *db, size_t type, PGresult *result,
    int result_row, int result_column)
{
	struct db_span value = {NULL, 0};

	if (PQfformat(result, result_column) != 1)
		fatal("database sent a row as text");
	if (!PQgetisnull(result, result_row, result_column)) {
		value.bytes = PQgetvalue(result, result_row, result_column);
		value.length =
		    (size_t)PQgetlength(result, result_row, result_column);
	}
	value_read(row, db, type, &value);
}
