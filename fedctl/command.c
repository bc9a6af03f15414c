/* SPDX-License-Identifier: ISC */
/*
 * fedctl's commands, and the walk along them.
 */
#include <stdint.h>
#include <string.h>

#include "command.h"

/* clang-format off */
#define WORD(word) {TOKEN_KEYWORD, word, NULL, 0, false}
#define SERVER {TOKEN_SERVER, NULL, "SERVER", 0, false}
#define LEVEL {TOKEN_LEVEL, NULL, "LEVEL", 0, false}
#define ADDRESS {TOKEN_ADDRESS, NULL, "ADDRESS", 0, false}
#define ID {TOKEN_ID, NULL, "ID", 0, false}
#define ROOM {TOKEN_ROOM, NULL, "ROOM", 0, false}
#define TARGET {TOKEN_TARGET, NULL, "ID|SERVER", 0, false}
#define PATH {TOKEN_FILE, NULL, "FILE", 0, false}
#define MAY(option, word, value) {TOKEN_OPTION, word, value, option, false}
#define MUST(option, word, value) {TOKEN_OPTION, word, value, option, true}
#define AT MAY(OPTION_AT, "--at", "TIME")
#define ONE_SERVER MAY(OPTION_SERVER, "--server", "SERVER")
#define FLAG(option, word) {TOKEN_FLAG, word, NULL, option, false}
#define DATABASE MAY(OPTION_DATABASE, "--database", "CONNINFO")

static const struct command commands[] = {
    {ACTION_STATUS, {WORD("status")},
	"state of the daemon and its database"},
    {ACTION_CHECK, {WORD("check")},
	"what an administrator should look at; exits 1 if there is anything"},
    {ACTION_SHOW_SERVERS, {WORD("show"), WORD("servers")},
	"servers that are known, with trust and reachability"},
    {ACTION_SHOW_QUEUE, {WORD("show"), WORD("queue")},
	"messages on their way out, by destination"},
    {ACTION_SHOW_LIMITS, {WORD("show"), WORD("limits")},
	"limiters, what they let pass and refused"},
    {ACTION_SHOW_DEAD,
	{WORD("show"), WORD("dead"), MAY(OPTION_LIMIT, "--limit", "N"),
	    ONE_SERVER},
	"dead letters, the newest first; 100 of them, or N up to 1000"},
    {ACTION_SHOW_ROOMS,
	{WORD("show"), WORD("rooms"), MAY(OPTION_LIMIT, "--limit", "N")},
	"rooms, the newest first; 100 of them, or N up to 1000"},
    {ACTION_SHOW_MESSAGE, {WORD("show"), WORD("message"), ID, ONE_SERVER},
	"what happened to a message, and when"},
    {ACTION_QUEUE_SHOW, {WORD("queue"), WORD("show"), ID, ONE_SERVER},
	"how a message stands, at each server that it goes to"},
    {ACTION_QUEUE_HOLD, {WORD("queue"), WORD("hold"), TARGET, ONE_SERVER},
	"keep a message, or all that wait for a server now, from being sent"},
    {ACTION_QUEUE_RELEASE,
	{WORD("queue"), WORD("release"), TARGET, ONE_SERVER},
	"end a hold"},
    {ACTION_QUEUE_RETRY, {WORD("queue"), WORD("retry"), TARGET, ONE_SERVER},
	"make a message due now, or all for a server and the server itself"},
    {ACTION_QUEUE_CANCEL, {WORD("queue"), WORD("cancel"), ID, ONE_SERVER},
	"give a message up that waits: a dead letter"},
    {ACTION_QUEUE_REQUEUE,
	{WORD("queue"), WORD("requeue"), TARGET, ONE_SERVER},
	"send a dead letter, or all of a server, after all"},
    {ACTION_SERVER_ADD, {WORD("server"), WORD("add"), SERVER},
	"enter a server; it stays unknown (level 0) until it is trusted"},
    {ACTION_SERVER_TRUST, {WORD("server"), WORD("trust"), SERVER, LEVEL},
	"set a server's trust: -1 blocked, 0 unknown, 1 known, 2 verified, "
	"3 trusted"},
    {ACTION_SERVER_BLOCK, {WORD("server"), WORD("block"), SERVER},
	"accept nothing from a server any more"},
    {ACTION_SERVER_PING, {WORD("server"), WORD("ping"), SERVER},
	"ask a known server whether it is there, and how long that takes"},
    {ACTION_SERVER_PAUSE, {WORD("server"), WORD("pause"), SERVER},
	"send nothing to a server until it is resumed"},
    {ACTION_SERVER_RESUME, {WORD("server"), WORD("resume"), SERVER},
	"end a pause"},
    {ACTION_SERVER_RETRY, {WORD("server"), WORD("retry"), SERVER},
	"end a server's back-off now"},
    {ACTION_ROOM_ADOPT, {WORD("room"), WORD("adopt"), ROOM, SERVER},
	"take a server's events of a room of ours that the database has lost"},
    {ACTION_RESTORED, {WORD("restored")},
	"the whole machine went back in time: ask others what we forgot"},
    {ACTION_RELOAD, {WORD("reload")},
	"let new key files take the place of those in use"},
    {ACTION_HANDSHAKE, {WORD("handshake"), SERVER},
	"exchange certificates with a server now, and wait for the answer"},
    {ACTION_ONION_CHECK, {WORD("onion"), WORD("check"), ADDRESS},
	"check an address by the wire's rules"},
    {ACTION_JSON_CANONICAL, {WORD("json"), WORD("canonical")},
	"canonical form of standard input, without a line feed"},
    {ACTION_CERTIFICATE_VERIFY,
	{WORD("certificate"), WORD("verify"), AT, PATH},
	"verify a certificate, \"-\" standard input"},
    {ACTION_ENVELOPE_VERIFY,
	{WORD("envelope"), WORD("verify"),
	    MUST(OPTION_CERTIFICATE, "--certificate", "FILE"), AT},
	"verify the envelope on standard input against its origin's "
	"certificate"},
    {ACTION_SIGNATURE_VERIFY,
	{WORD("signature"), WORD("verify"),
	    MUST(OPTION_PUBLIC_KEY, "--public-key", "HEX"),
	    MUST(OPTION_SIGNATURE, "--signature", "HEX")},
	"verify an Ed25519 signature of standard input"},
    {ACTION_RECEIPT_EXPORT,
	{WORD("receipt"), WORD("export"), ID, ONE_SERVER},
	"print the receipt of a delivered message, a JSON document"},
    {ACTION_RECEIPT_VERIFY,
	{WORD("receipt"), WORD("verify"),
	    MAY(OPTION_PAYLOAD, "--payload", "FILE"), PATH},
	"verify a receipt, \"-\" standard input"},
    {ACTION_DB_MIGRATE,
	{WORD("db"), WORD("migrate"), DATABASE,
	    MAY(OPTION_DIRECTORY, "--directory", "DIR")},
	"bring the database's schema up to date"},
    {ACTION_DB_VERSION, {WORD("db"), WORD("version"), DATABASE},
	"print the version of the database's schema"},
    {ACTION_DB_ATTACH,
	{WORD("db"), WORD("attach"), MUST(OPTION_ROOMS, "--rooms", "TABLE"),
	    MUST(OPTION_MESSAGES, "--messages", "TABLE"),
	    MAY(OPTION_ROOM_ID, "--room-id", "COLUMN"),
	    MAY(OPTION_ROOM_CREATOR, "--room-creator", "COLUMN"),
	    MAY(OPTION_ROOM_TITLE, "--room-title", "COLUMN"),
	    MAY(OPTION_MESSAGE_ID, "--message-id", "COLUMN"),
	    MAY(OPTION_MESSAGE_ROOM, "--message-room", "COLUMN"),
	    MAY(OPTION_MESSAGE_SENDER, "--message-sender", "COLUMN"),
	    MAY(OPTION_MESSAGE_BODY, "--message-body", "COLUMN"),
	    MAY(OPTION_MESSAGE_TYPE, "--message-type", "COLUMN"),
	    MAY(OPTION_MESSAGE_TIME, "--message-time", "COLUMN"),
	    FLAG(OPTION_DRY_RUN, "--dry-run"), DATABASE,
	    MAY(OPTION_DIRECTORY, "--directory", "DIR")},
	"let a chat database's tables federate by triggers"},
    {ACTION_DB_DETACH,
	{WORD("db"), WORD("detach"), FLAG(OPTION_DRY_RUN, "--dry-run"),
	    DATABASE, MAY(OPTION_DIRECTORY, "--directory", "DIR")},
	"remove those triggers"},
    {ACTION_VERSION, {WORD("version")}, "print the program's version"},
    {ACTION_HELP, {WORD("help")}, "print this"},
};
/* clang-format on */

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

const struct command *
command_table(size_t *count)
{
	*count = COMMANDS;
	return commands;
}

static int
problem_set(char *problem, size_t size, const char *what, const char *which)
{
	snprintf(problem, size, "%s%s%s; see fedctl help", what,
	    which == NULL ? "" : " ", which == NULL ? "" : which);
	return -1;
}

/* -j, -s SOCKET, -h, --help. Returns how many words they took, or -1. */
static int
globals_parse(struct parsed *parsed, int count, char *const arguments[],
    char *problem, size_t size)
{
	int i;

	for (i = 0; i < count && arguments[i][0] == '-'; i++) {
		if (strcmp(arguments[i], "-j") == 0) {
			parsed->json = true;
		} else if (strcmp(arguments[i], "-s") == 0) {
			if (++i == count)
				return problem_set(
				    problem, size, "missing", "SOCKET");
			parsed->socket = arguments[i];
		} else if (strcmp(arguments[i], "-h") == 0 ||
			   strcmp(arguments[i], "--help") == 0) {
			parsed->action = ACTION_HELP;
			return count;
		} else {
			return problem_set(
			    problem, size, "unknown option", NULL);
		}
	}
	return i;
}

/* How many of the command's keywords are there; -1 when another one is. */
static int
keywords_match(
    const struct command *command, int count, char *const arguments[])
{
	int i;

	for (i = 0; command->tokens[i].kind == TOKEN_KEYWORD; i++) {
		if (i == count)
			return i;
		if (strcmp(command->tokens[i].word, arguments[i]) != 0)
			return -1;
	}
	return i;
}

static int
keyword_count(const struct command *command)
{
	int count = 0;

	while (command->tokens[count].kind == TOKEN_KEYWORD)
		count++;
	return count;
}

static const struct command *
command_find(int count, char *const arguments[], char *problem, size_t size)
{
	const struct command *command;
	bool begun = false;
	int matched;

	for (command = commands; command < commands + COMMANDS; command++) {
		matched = keywords_match(command, count, arguments);
		if (matched == keyword_count(command))
			return command;
		if (matched != -1)
			begun = true;
	}
	problem_set(
	    problem, size, begun ? "missing command" : "unknown command", NULL);
	return NULL;
}

/*
 * The option that word names: "--name", or "--name=value" where *value is set
 * to what follows.
 */
static const struct token *
option_find(const struct command *command, const char *word, const char **value)
{
	const struct token *token;
	size_t length = strcspn(word, "=");

	for (token = command->tokens; token->kind != TOKEN_END; token++) {
		if ((token->kind != TOKEN_OPTION &&
			token->kind != TOKEN_FLAG) ||
		    strlen(token->word) != length ||
		    strncmp(token->word, word, length) != 0)
			continue;
		*value = word[length] == '=' ? word + length + 1 : NULL;
		return token;
	}
	return NULL;
}

static const struct token *
argument_next(const struct token *token)
{
	while (token->kind == TOKEN_KEYWORD || token->kind == TOKEN_OPTION ||
	       token->kind == TOKEN_FLAG)
		token++;
	return token;
}

/* What must be there and is not. */
static int
complete(const struct command *command, const struct token *next,
    const struct parsed *parsed, char *problem, size_t size)
{
	const struct token *token;

	if (next->kind != TOKEN_END)
		return problem_set(problem, size, "missing", next->value);
	for (token = command->tokens; token->kind != TOKEN_END; token++)
		if (token->kind == TOKEN_OPTION && token->required &&
		    parsed->options[token->option] == NULL)
			return problem_set(
			    problem, size, "missing", token->word);
	return 0;
}

/* What follows the keywords. "--" ends the options; -1 is no option. */
static int
operands_parse(struct parsed *parsed, const struct command *command, int count,
    char *const arguments[], char *problem, size_t size)
{
	const struct token *next = argument_next(command->tokens), *option;
	bool options = true;
	const char *value;
	int i;

	for (i = 0; i < count; i++) {
		if (options && strcmp(arguments[i], "--") == 0) {
			options = false;
			continue;
		}
		if (options && strcmp(arguments[i], "--help") == 0) {
			parsed->action = ACTION_HELP;
			return 0;
		}
		if (options && strncmp(arguments[i], "--", 2) == 0) {
			option = option_find(command, arguments[i], &value);
			if (option == NULL)
				return problem_set(
				    problem, size, "unknown option", NULL);
			if (option->kind == TOKEN_FLAG && value != NULL)
				return problem_set(problem, size,
				    "takes no value:", option->word);
			if (option->kind == TOKEN_FLAG)
				value = "";
			else if (value == NULL && i + 1 < count)
				value = arguments[++i];
			if (value == NULL)
				return problem_set(
				    problem, size, "missing", option->value);
			if (parsed->options[option->option] != NULL)
				return problem_set(problem, size,
				    "given twice:", option->word);
			parsed->options[option->option] = value;
			continue;
		}
		if (next->kind == TOKEN_END)
			return problem_set(
			    problem, size, "surplus argument", NULL);
		parsed->kinds[parsed->argument_count] = next->kind;
		parsed->arguments[parsed->argument_count++] = arguments[i];
		next = argument_next(next + 1);
	}
	return complete(command, next, parsed, problem, size);
}

int
command_parse(struct parsed *parsed, int count, char *const arguments[],
    char *problem, size_t problem_size)
{
	const struct command *command;
	int used;

	memset(parsed, 0, sizeof(*parsed));
	used = globals_parse(parsed, count, arguments, problem, problem_size);
	if (used == -1)
		return -1;
	if (parsed->action == ACTION_HELP)
		return 0;
	command =
	    command_find(count - used, arguments + used, problem, problem_size);
	if (command == NULL)
		return -1;
	parsed->action = command->action;
	used += keyword_count(command);
	return operands_parse(parsed, command, count - used, arguments + used,
	    problem, problem_size);
}

static void
token_help(FILE *file, const struct token *token)
{
	switch (token->kind) {
	case TOKEN_KEYWORD:
		fprintf(file, " %s", token->word);
		break;
	case TOKEN_OPTION:
		fprintf(file, token->required ? " %s %s" : " [%s %s]",
		    token->word, token->value);
		break;
	case TOKEN_FLAG:
		fprintf(file, " [%s]", token->word);
		break;
	default:
		fprintf(file, " %s", token->value);
		break;
	}
}

void
command_help(FILE *file)
{
	const struct token *token;
	size_t i;

	fprintf(file, "usage: fedctl [-j] [-s SOCKET] COMMAND\n\n");
	for (i = 0; i < COMMANDS; i++) {
		fprintf(file, " ");
		for (token = commands[i].tokens; token->kind != TOKEN_END;
		     token++)
			token_help(file, token);
		fprintf(file, "\n\t%s\n", commands[i].help);
	}
}
