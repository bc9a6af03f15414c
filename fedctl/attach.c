/* SPDX-License-Identifier: ISC */
/*
 * Attaching a chat database (sql/attach): the chat's tables and columns are
 * looked up, the file's names filled in, and all of it is run in one
 * transaction, or printed.
 */
#include <stdlib.h>
#include <string.h>

#include "attach.h"
#include "command.h"
#include "database.h"
#include "fail.h"
#include "migration.h"
#include "output.h"

#define NAME_SIZE 512 /* bytes of a name or type, quoted */

/* The chat's columns, as the file names them. */
enum column {
	ROOM_ID,
	ROOM_CREATOR,
	ROOM_TITLE,
	MESSAGE_ID,
	MESSAGE_ROOM,
	MESSAGE_SENDER,
	MESSAGE_BODY,
	MESSAGE_TYPE,
	MESSAGE_TIME,
	COLUMNS
};

static const struct {
	const char *name;
	enum option option;
	const char *usual; /* NULL: not mapped unless it is named */
	bool message;
	const char *types; /* that may be there, " " between; NULL any */
} columns[COLUMNS] = {
    {"room_id", OPTION_ROOM_ID, "id", false, NULL},
    {"room_creator", OPTION_ROOM_CREATOR, NULL, false, " text varchar "},
    {"room_title", OPTION_ROOM_TITLE, NULL, false, " text varchar "},
    {"message_id", OPTION_MESSAGE_ID, "id", true, NULL},
    {"message_room", OPTION_MESSAGE_ROOM, "room_id", true, NULL},
    {"message_sender", OPTION_MESSAGE_SENDER, "sender", true, " text varchar "},
    {"message_body", OPTION_MESSAGE_BODY, "body", true, " text bytea "},
    {"message_type", OPTION_MESSAGE_TYPE, NULL, true, " text varchar "},
    {"message_time", OPTION_MESSAGE_TIME, NULL, true, " timestamptz "},
};

/* What was found of a column. */
struct found {
	bool mapped;
	char name[NAME_SIZE]; /* quoted */
	char kind[NAME_SIZE]; /* pg_type's name */
	char type[NAME_SIZE]; /* as a declaration has it */
};

/* A column's name in any statement: quote_ident() leaves words alone that
 * PL/pgSQL has reserved for itself. */
#define QUOTED "'\"' || replace(a.attname::text, '\"', '\"\"') || '\"'"

struct attachment {
	char rooms[NAME_SIZE]; /* quoted, with the schema */
	char messages[NAME_SIZE];
	struct found found[COLUMNS];
	/* lists for INSERT */
	char room_columns[NAME_SIZE], room_values[NAME_SIZE];
	char message_columns[2 * NAME_SIZE], message_values[2 * NAME_SIZE];
};

static void
text_copy(char *to, size_t size, const char *from)
{
	if (strlen(from) >= size)
		fail_text(
		    EXIT_DATA, code_name(CODE_DATABASE), "a name is too long");
	memcpy(to, from, strlen(from) + 1);
}

/* As whoever runs fedctl would name it. */
static void
table_find(PGconn *connection, const char *table, char name[NAME_SIZE])
{
	PGresult *result = database_ask(connection,
	    "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) "
	    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
	    "ON n.oid OPERATOR(pg_catalog.=) c.relnamespace "
	    "WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1) "
	    "AND c.relkind IN ('r', 'p')",
	    1, &table);

	if (PQntuples(result) != 1)
		fail_text(EXIT_DATA, code_name(CODE_DATABASE),
		    "there is no such table, or it is not visible");
	text_copy(name, NAME_SIZE, PQgetvalue(result, 0, 0));
	PQclear(result);
}

static void
column_find(PGconn *connection, const struct parsed *parsed,
    struct attachment *attachment, enum column which)
{
	const char *name = parsed->options[columns[which].option];
	struct found *found = &attachment->found[which];
	const char *values[2];
	char kind[NAME_SIZE + 2];
	PGresult *result;

	if (name == NULL)
		name = columns[which].usual;
	if (name == NULL)
		return;
	values[0] =
	    columns[which].message ? attachment->messages : attachment->rooms;
	values[1] = name;
	result = database_ask(connection,
	    "SELECT " QUOTED ", t.typname, "
	    "format_type(a.atttypid, a.atttypmod) "
	    "FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid "
	    "WHERE a.attrelid = to_regclass($1) AND a.attname = $2 "
	    "AND a.attnum > 0 AND NOT a.attisdropped",
	    2, values);
	if (PQntuples(result) != 1)
		fail_text(EXIT_DATA, code_name(CODE_DATABASE),
		    "%s: there is no such column; see the option --%s",
		    columns[which].name, columns[which].name);
	found->mapped = true;
	text_copy(found->name, NAME_SIZE, PQgetvalue(result, 0, 0));
	text_copy(found->kind, NAME_SIZE, PQgetvalue(result, 0, 1));
	text_copy(found->type, NAME_SIZE, PQgetvalue(result, 0, 2));
	snprintf(kind, sizeof(kind), " %s ", found->kind);
	if (columns[which].types != NULL &&
	    strstr(columns[which].types, kind) == NULL)
		fail_text(EXIT_DATA, code_name(CODE_DATABASE),
		    "%s: the column's type is %s, not one of%s",
		    columns[which].name, found->kind, columns[which].types);
	PQclear(result);
}

/* A column of an INSERT, and its value. */
static void
list_add(char *names, char *values, size_t size, const struct found *found,
    const char *value)
{
	size_t names_length = strlen(names), values_length = strlen(values);
	const char *comma = names_length == 0 ? "" : ", ";
	int a, b;

	if (!found->mapped)
		return;
	a = snprintf(names + names_length, size - names_length, "%s%s", comma,
	    found->name);
	b = snprintf(
	    values + values_length, size - values_length, "%s%s", comma, value);
	if ((size_t)a >= size - names_length ||
	    (size_t)b >= size - values_length)
		fail_text(
		    EXIT_DATA, code_name(CODE_DATABASE), "a name is too long");
}

/*
 * A key of our own where the chat's column can take it, else its default. Never
 * one that another server chose: it may have chosen somebody else's.
 */
static void
id_add(char *names, char *values, size_t size, const struct found *found)
{
	if (strcmp(found->kind, "uuid") == 0)
		list_add(names, values, size, found, "gen_random_uuid()");
	else if (strcmp(found->kind, "text") == 0 ||
		 strcmp(found->kind, "varchar") == 0)
		list_add(names, values, size, found, "gen_random_uuid()::text");
}

static void
lists_make(struct attachment *a)
{
	const struct found *f = a->found;
	bool bytes = strcmp(f[MESSAGE_BODY].kind, "bytea") == 0;

	id_add(a->room_columns, a->room_values, sizeof(a->room_columns),
	    &f[ROOM_ID]);
	list_add(a->room_columns, a->room_values, sizeof(a->room_columns),
	    &f[ROOM_TITLE], "room_row.room");
	id_add(a->message_columns, a->message_values,
	    sizeof(a->message_columns), &f[MESSAGE_ID]);
	list_add(a->message_columns, a->message_values,
	    sizeof(a->message_columns), &f[MESSAGE_ROOM], "room");
	list_add(a->message_columns, a->message_values,
	    sizeof(a->message_columns), &f[MESSAGE_SENDER],
	    "said ->> 'senderId' || '@' || server");
	list_add(a->message_columns, a->message_values,
	    sizeof(a->message_columns), &f[MESSAGE_BODY],
	    bytes ? "decode(said ->> 'encryptedContent', 'base64')"
		  : "convert_from(decode(said ->> 'encryptedContent', "
		    "'base64'), 'UTF8')");
	list_add(a->message_columns, a->message_values,
	    sizeof(a->message_columns), &f[MESSAGE_TYPE],
	    "said ->> 'messageType'");
	list_add(a->message_columns, a->message_values,
	    sizeof(a->message_columns), &f[MESSAGE_TIME], "item.received_at");
	/* A row of nothing but defaults. */
	if (a->room_columns[0] == '\0') {
		list_add(a->room_columns, a->room_values,
		    sizeof(a->room_columns), &f[ROOM_ID], "DEFAULT");
	}
}

/*
 * Columns that we would leave empty and that must not be: better told now than
 * with each message that comes in.
 */
static void
needed_check(
    PGconn *connection, const char *table, const char *listed, const char *what)
{
	const char *values[] = {table, listed};
	PGresult *result = database_ask(connection,
	    "SELECT string_agg(quote_ident(a.attname), ', ') "
	    "FROM pg_attribute a WHERE a.attrelid = to_regclass($1) "
	    "AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull "
	    "AND NOT a.atthasdef AND a.attidentity = '' "
	    "AND " QUOTED " <> ALL (string_to_array($2, ', '))",
	    2, values);

	if (!PQgetisnull(result, 0, 0))
		fail_text(EXIT_DATA, code_name(CODE_DATABASE),
		    "%s: these columns must not be null, have no default and "
		    "are not mapped: %s",
		    what, PQgetvalue(result, 0, 0));
	PQclear(result);
}

/* What torfed calls a room that is made here: the same, if it is random. */
static const char *
room_uuid(const struct found *id)
{
	static char text[4 * NAME_SIZE];

	if (strcmp(id->kind, "uuid") != 0)
		return "gen_random_uuid()";
	snprintf(text, sizeof(text),
	    "CASE WHEN NEW.%s::text ~ '^.{14}4.{4}[89ab]' THEN NEW.%s "
	    "ELSE gen_random_uuid() END",
	    id->name, id->name);
	return text;
}

/* The text of a name between at signs; NULL when there is none of it. */
static const char *
name_text(struct attachment *a, const char *name, size_t length)
{
	static char text[4 * NAME_SIZE];
	const struct found *body = &a->found[MESSAGE_BODY];
	const struct found *type = &a->found[MESSAGE_TYPE];
	size_t i, own;
	const struct {
		const char *name;
		const char *text;
	} others[] = {
	    {"rooms", a->rooms},
	    {"messages", a->messages},
	    {"room_uuid", room_uuid(&a->found[ROOM_ID])},
	    {"room_columns", a->room_columns},
	    {"room_values", a->room_values},
	    {"message_columns", a->message_columns},
	    {"message_values", a->message_values},
	};

	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strlen(others[i].name) == length &&
		    strncmp(others[i].name, name, length) == 0)
			return others[i].text;
	for (i = 0; i < COLUMNS; i++) {
		own = strlen(columns[i].name);
		if (strncmp(columns[i].name, name, own) != 0)
			continue;
		if (length == own)
			return a->found[i].name;
		if (length == own + 5 && strncmp(name + own, "_type", 5) == 0)
			return a->found[i].type;
	}
	if (length != 16 || strncmp(name, "message_body_out", length) != 0)
		return NULL;
	snprintf(text, sizeof(text),
	    strcmp(body->kind, "bytea") == 0
		? "NEW.%s%s%s%s"
		: "convert_to(NEW.%s, 'UTF8')%s%s%s",
	    body->name, type->mapped ? ", coalesce(NEW." : "",
	    type->mapped ? type->name : "", type->mapped ? ", 'text')" : "");
	return text;
}

/* Whether a line "--if NAME" lets what follows stand. */
static bool
stands(struct attachment *a, const char *line)
{
	size_t i;

	for (i = 0; i < COLUMNS; i++)
		if (strncmp(columns[i].name, line, strlen(columns[i].name)) ==
		    0)
			return a->found[i].mapped;
	return false;
}

static void
line_fill(FILE *out, struct attachment *a, const char *line, size_t length)
{
	const char *at, *end = line + length, *close, *text;

	while ((at = memchr(line, '@', (size_t)(end - line))) != NULL) {
		close = memchr(at + 1, '@', (size_t)(end - at - 1));
		text = close == NULL
			   ? NULL
			   : name_text(a, at + 1, (size_t)(close - at - 1));
		fwrite(line, 1, (size_t)(at - line) + (text == NULL), out);
		if (text != NULL)
			fputs(text, out);
		line = text != NULL ? close + 1 : at + 1;
	}
	fwrite(line, 1, (size_t)(end - line), out);
}

/* The file with all names filled in; to be freed. */
static char *
file_fill(struct attachment *a, const char *file)
{
	bool skipping = false;
	size_t length, size;
	char *filled;
	FILE *out = open_memstream(&filled, &size);

	if (out == NULL)
		fail(CODE_INTERNAL);
	for (; *file != '\0'; file += length) {
		length = strcspn(file, "\n");
		length += file[length] == '\n';
		if (strncmp(file, "--if ", 5) == 0)
			skipping = !stands(a, file + 5);
		else if (strncmp(file, "--end", 5) == 0)
			skipping = false;
		else if (!skipping)
			line_fill(out, a, file, length);
	}
	if (fclose(out) != 0)
		fail(CODE_INTERNAL);
	return filled;
}

/* In one transaction, or to standard output. */
static void
file_run(PGconn *connection, const struct parsed *parsed, const char *sql)
{
	if (parsed->options[OPTION_DRY_RUN] != NULL) {
		output_bytes("BEGIN;\n", strlen("BEGIN;\n"));
		output_bytes(sql, strlen(sql));
		output_bytes("COMMIT;\n", strlen("COMMIT;\n"));
		return;
	}
	database_execute(connection, "BEGIN", "");
	database_execute(connection, sql, "");
	database_execute(connection, "COMMIT", "");
}

void
attach_run(const struct parsed *parsed)
{
	static struct attachment a;
	char *file = migration_file(
		 parsed->options[OPTION_DIRECTORY], "attach/attach.sql"),
	     *sql;
	PGconn *connection = database_open(parsed);
	enum column which;

	/* Table names mean what they mean to the user who runs this. */
	database_execute(connection, "SET search_path TO DEFAULT", "");
	table_find(connection, parsed->options[OPTION_ROOMS], a.rooms);
	table_find(connection, parsed->options[OPTION_MESSAGES], a.messages);
	database_execute(connection, "SET search_path TO pg_catalog", "");
	for (which = 0; which < COLUMNS; which++)
		column_find(connection, parsed, &a, which);
	lists_make(&a);
	needed_check(connection, a.rooms, a.room_columns, "rooms");
	needed_check(connection, a.messages, a.message_columns, "messages");
	sql = file_fill(&a, file);
	file_run(connection, parsed, sql);
	PQfinish(connection);
	free(sql);
	free(file);
}

void
attach_undo(const struct parsed *parsed)
{
	char *file = migration_file(
	    parsed->options[OPTION_DIRECTORY], "attach/detach.sql");
	PGconn *connection = database_open(parsed);

	file_run(connection, parsed, file);
	PQfinish(connection);
	free(file);
}
