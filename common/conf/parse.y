/* SPDX-License-Identifier: ISC */
/*
 * The grammar of fed.conf: one statement a line. Each statement ends with its
 * line feed, so that nothing is reduced before the whole line is known, and
 * an error production stands wherever something else may come, to say what was
 * expected there. Only what POSIX has of yacc is used.
 */
%{
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conf/conf_statement.h"
#include "conf/lex.h"
#include "conf/parse.h"

#define FOUND_SIZE 96
#define SAID_MAX   64 /* settings, and a few more */

static struct {
	struct conf *conf;
	const char *name; /* of the file */
	FILE *errors;
	int error_count;
	struct lex lex;
	struct lex_token token;
	int in_statement; /* the token is not the first of its line */
	char found[FOUND_SIZE]; /* where the last syntax error was */
	unsigned int found_line;
	unsigned int last_line;
	size_t said_count;
	struct {
		const void *field;
		unsigned int line;
	} said[SAID_MAX];
} parser;

static int yylex(void);
static void yyerror(const char *);
static void syntax(const char *);
static void setting_syntax(const char *, const char *);

#define LINE (parser.token.line)
%}

%union {
	const char *text;
}

%token KEYS SIGNATURES LISTEN CONTROL SOCKS DATABASE CHROOT USER
%token ON GROUP PROXY_LINE TCP PORT UNCONFINED BAD
%token <text> WORD STRING
%type <text> name

%%

file:
	| file '\n'
	| file statement
	| file error '\n' {
		statement_unknown(parser.found_line, parser.found);
		yyerrok;
	}
	;

statement: keys | signatures | listen | control | socks | database | chroot
	| user | setting
	;

keys: KEYS STRING '\n' {
		statement_directory(parser.conf->keys, $2, LINE);
	}
	| KEYS error '\n' {
		syntax("a quoted directory after \"keys\"");
		yyerrok;
	}
	| KEYS STRING error '\n' {
		syntax("the end of the line");
		yyerrok;
	}
	;

signatures: SIGNATURES STRING '\n' {
		statement_directory(parser.conf->signatures, $2, LINE);
	}
	| SIGNATURES error '\n' {
		syntax("a quoted directory after \"signatures\"");
		yyerrok;
	}
	| SIGNATURES STRING error '\n' {
		syntax("the end of the line");
		yyerrok;
	}
	;

chroot: CHROOT STRING '\n' {
		statement_directory(parser.conf->empty, $2, LINE);
	}
	| CHROOT error '\n' {
		syntax("a quoted directory after \"chroot\"");
		yyerrok;
	}
	| CHROOT STRING error '\n' {
		syntax("the end of the line");
		yyerrok;
	}
	;

listen: LISTEN ON STRING '\n' {
		statement_listen(parser.conf, $3, false, LINE);
	}
	| LISTEN ON STRING PROXY_LINE '\n' {
		statement_listen(parser.conf, $3, true, LINE);
	}
	| LISTEN error '\n' {
		syntax("\"on\" after \"listen\"");
		yyerrok;
	}
	| LISTEN ON error '\n' {
		syntax("the quoted path of a socket after \"listen on\"");
		yyerrok;
	}
	| LISTEN ON STRING error '\n' {
		syntax("\"proxy-line\" or the end of the line");
		yyerrok;
	}
	| LISTEN ON STRING PROXY_LINE error '\n' {
		syntax("the end of the line");
		yyerrok;
	}
	;

control: CONTROL ON STRING '\n' {
		statement_control(parser.conf, $3, NULL, LINE);
	}
	| CONTROL ON STRING GROUP name '\n' {
		statement_control(parser.conf, $3, $5, LINE);
	}
	| CONTROL error '\n' {
		syntax("\"on\" after \"control\"");
		yyerrok;
	}
	| CONTROL ON error '\n' {
		syntax("the quoted path of a socket after \"control on\"");
		yyerrok;
	}
	| CONTROL ON STRING error '\n' {
		syntax("\"group\" or the end of the line");
		yyerrok;
	}
	| CONTROL ON STRING GROUP error '\n' {
		syntax("a group's name or number");
		yyerrok;
	}
	| CONTROL ON STRING GROUP name error '\n' {
		syntax("the end of the line");
		yyerrok;
	}
	;

socks: SOCKS ON STRING '\n' {
		statement_socks_path(parser.conf, $3, LINE);
	}
	| SOCKS TCP WORD PORT WORD UNCONFINED '\n' {
		statement_socks_tcp(parser.conf, $3, $5, LINE);
	}
	| SOCKS error '\n' {
		syntax("\"on\" or \"tcp\" after \"socks\"");
		yyerrok;
	}
	| SOCKS ON error '\n' {
		syntax("the quoted path of a socket after \"socks on\"");
		yyerrok;
	}
	| SOCKS ON STRING error '\n' {
		syntax("the end of the line");
		yyerrok;
	}
	| SOCKS TCP error '\n' {
		syntax("127.0.0.1 or ::1");
		yyerrok;
	}
	| SOCKS TCP WORD error '\n' {
		syntax("\"port\" and its number");
		yyerrok;
	}
	| SOCKS TCP WORD PORT error '\n' {
		syntax("the number of a port");
		yyerrok;
	}
	| SOCKS TCP WORD PORT WORD error '\n' {
		syntax("\"unconfined\", which accepts that loopback TCP "
		    "cannot be confined to this port");
		yyerrok;
	}
	| SOCKS TCP WORD PORT WORD UNCONFINED error '\n' {
		syntax("the end of the line");
		yyerrok;
	}
	;

database: DATABASE STRING '\n' {
		statement_database(parser.conf, $2, LINE);
	}
	| DATABASE error '\n' {
		syntax("a quoted connection string or \"durability\" "
		    "after \"database\"");
		yyerrok;
	}
	| DATABASE STRING error '\n' {
		syntax("the end of the line");
		yyerrok;
	}
	;

user: USER WORD name '\n' {
		statement_user(parser.conf, $2, $3, NULL, LINE);
	}
	| USER WORD name GROUP name '\n' {
		statement_user(parser.conf, $2, $3, $5, LINE);
	}
	| USER error '\n' {
		syntax("fed-listener, fed-signer, fed-sender or fed-queued "
		    "after \"user\"");
		yyerrok;
	}
	| USER WORD error '\n' {
		syntax("a user's name or number");
		yyerrok;
	}
	| USER WORD name error '\n' {
		syntax("\"group\" or the end of the line");
		yyerrok;
	}
	| USER WORD name GROUP error '\n' {
		syntax("a group's name or number");
		yyerrok;
	}
	| USER WORD name GROUP name error '\n' {
		syntax("the end of the line");
		yyerrok;
	}
	;

name: WORD
	| STRING
	;

setting: WORD WORD WORD '\n' {
		statement_setting(parser.conf, $1, $2, $3, LINE);
	}
	| DATABASE WORD WORD '\n' {
		statement_setting(parser.conf, "database", $2, $3, LINE);
	}
	| WORD '\n' {
		statement_setting(parser.conf, $1, NULL, NULL, LINE);
	}
	| WORD WORD '\n' {
		statement_setting(parser.conf, $1, $2, NULL, LINE);
	}
	| DATABASE WORD '\n' {
		statement_setting(parser.conf, "database", $2, NULL, LINE);
	}
	| WORD error '\n' {
		setting_syntax($1, "the name of a setting");
		yyerrok;
	}
	| WORD WORD error '\n' {
		setting_syntax($1, "a value without quotes");
		yyerrok;
	}
	| DATABASE WORD error '\n' {
		syntax("a value without quotes");
		yyerrok;
	}
	| WORD WORD WORD error '\n' {
		setting_syntax($1, "the end of the line");
		yyerrok;
	}
	| DATABASE WORD WORD error '\n' {
		syntax("the end of the line");
		yyerrok;
	}
	;

%%

static const struct keyword {
	const char *name;
	int token;
	int first; /* of its line, or never the first */
} keywords[] = {
	{ "chroot", CHROOT, 1 },
	{ "control", CONTROL, 1 },
	{ "database", DATABASE, 1 },
	{ "group", GROUP, 0 },
	{ "keys", KEYS, 1 },
	{ "listen", LISTEN, 1 },
	{ "on", ON, 0 },
	{ "port", PORT, 0 },
	{ "proxy-line", PROXY_LINE, 0 },
	{ "signatures", SIGNATURES, 1 },
	{ "socks", SOCKS, 1 },
	{ "tcp", TCP, 0 },
	{ "unconfined", UNCONFINED, 0 },
	{ "user", USER, 1 },
};

static int
word_token(const char *word, int first)
{
	size_t i;

	for (i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
		if (keywords[i].first == first &&
		    strcmp(keywords[i].name, word) == 0)
			return keywords[i].token;
	}
	return WORD;
}

static int
yylex(void)
{
	struct lex_token *token = &parser.token;
	int first = !parser.in_statement;

	if (parser.error_count >= CONF_ERRORS_MAX)
		return 0;
	lex_next(&parser.lex, token);
	yylval.text = token->text;
	parser.in_statement = token->kind != LEX_NEWLINE;
	switch (token->kind) {
	case LEX_NEWLINE:
		return '\n';
	case LEX_WORD:
		return word_token(token->text, first);
	case LEX_STRING:
		return STRING;
	case LEX_BAD:
		return BAD;
	case LEX_END:
		break;
	}
	return 0;
}

/* Keeps where and what it was; the error production's action tells. */
static void
yyerror(const char *message)
{
	const struct lex_token *token = &parser.token;

	(void)message;
	parser.found_line = token->line;
	switch (token->kind) {
	case LEX_WORD:
		snprintf(parser.found, FOUND_SIZE, "\"%.64s\"%s", token->text,
		    strlen(token->text) > 64 ? "..." : "");
		break;
	case LEX_STRING:
		/* Its text may hold the database's password. */
		snprintf(parser.found, FOUND_SIZE, "a quoted string");
		break;
	case LEX_BAD:
		snprintf(parser.found, FOUND_SIZE, "%s", token->text);
		break;
	default:
		snprintf(parser.found, FOUND_SIZE, "the end of the line");
		break;
	}
}

static void
syntax(const char *expected)
{
	parse_error(parser.found_line, parser.found, "%s", expected);
}

/* A line that begins with no known word is worth no other message. */
static void
setting_syntax(const char *group, const char *expected)
{
	char found[FOUND_SIZE];

	if (statement_group_exists(group)) {
		syntax(expected);
		return;
	}
	snprintf(found, sizeof(found), "\"%.64s\"", group);
	statement_unknown(parser.found_line, found);
}

void
parse_error(unsigned int line, const char *found, const char *format, ...)
{
	va_list arguments;

	if (++parser.error_count > CONF_ERRORS_MAX)
		return;
	fprintf(parser.errors, "%s:%u: expected ", parser.name, line);
	va_start(arguments, format);
	vfprintf(parser.errors, format, arguments);
	va_end(arguments);
	fprintf(parser.errors, ", found %s\n", found);
	if (parser.error_count == CONF_ERRORS_MAX)
		fprintf(parser.errors, "%s: too many errors\n", parser.name);
}

void
parse_said(const void *field, unsigned int line)
{
	size_t i;

	for (i = 0; i < parser.said_count; i++)
		if (parser.said[i].field == field)
			break;
	if (i == SAID_MAX)
		return;
	if (i == parser.said_count)
		parser.said_count++;
	parser.said[i].field = field;
	parser.said[i].line = line;
}

static unsigned int
said_line(const void *field)
{
	size_t i;

	for (i = 0; i < parser.said_count; i++)
		if (parser.said[i].field == field)
			return parser.said[i].line;
	return 0;
}

void
parse_where(FILE *errors, const void *const fields[])
{
	unsigned int line = 0;
	size_t i;

	for (i = 0; fields[i] != NULL; i++)
		if (said_line(fields[i]) > line)
			line = said_line(fields[i]);
	if (i == 0)
		line = parser.last_line;
	if (line == 0)
		fprintf(errors, "%s: ", parser.name);
	else
		fprintf(errors, "%s:%u: ", parser.name, line);
}

int
parse_run(struct conf *conf, const char *name, const char *text, size_t length,
    FILE *errors)
{
	int result;

	memset(&parser, 0, sizeof(parser));
	parser.conf = conf;
	parser.name = name;
	parser.errors = errors;
	if (lex_init(&parser.lex, text, length) == -1) {
		fprintf(errors, "%s: out of memory\n", name);
		return -1;
	}
	result = yyparse();
	parser.last_line = parser.lex.line;
	if (length > 0 && text[length - 1] == '\n')
		parser.last_line--;
	lex_free(&parser.lex);
	return result != 0 || parser.error_count > 0 ? -1 : 0;
}
