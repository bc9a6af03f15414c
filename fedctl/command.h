/* SPDX-License-Identifier: ISC */
/*
 * The command line as a table of tokens: parsing walks it, help prints it.
 */
#ifndef TORFED_FEDCTL_COMMAND_H
#define TORFED_FEDCTL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum action {
	ACTION_NONE,
	ACTION_HELP,
	ACTION_VERSION,
	ACTION_STATUS,
	ACTION_SHOW_SERVERS,
	ACTION_SHOW_QUEUE,
	ACTION_SHOW_LIMITS,
	ACTION_SERVER_ADD,
	ACTION_SERVER_TRUST,
	ACTION_SERVER_BLOCK,
	ACTION_SERVER_PING,
	ACTION_RELOAD,
	ACTION_HANDSHAKE,
	ACTION_ONION_CHECK,
	ACTION_JSON_CANONICAL,
	ACTION_CERTIFICATE_VERIFY,
	ACTION_ENVELOPE_VERIFY,
	ACTION_SIGNATURE_VERIFY,
	ACTION_RECEIPT_EXPORT,
	ACTION_RECEIPT_VERIFY,
	ACTION_DB_MIGRATE,
	ACTION_DB_VERSION,
	ACTION_DB_ATTACH,
	ACTION_DB_DETACH,
	ACTION_SHOW_DEAD,
	ACTION_SHOW_ROOMS,
	ACTION_CHECK,
	ACTION_SHOW_MESSAGE,
	ACTION_QUEUE_SHOW,
	ACTION_QUEUE_HOLD,
	ACTION_QUEUE_RELEASE,
	ACTION_QUEUE_RETRY,
	ACTION_QUEUE_CANCEL,
	ACTION_QUEUE_REQUEUE,
	ACTION_SERVER_PAUSE,
	ACTION_SERVER_RESUME,
	ACTION_SERVER_RETRY,
	ACTION_ROOM_ADOPT,
	ACTION_RESTORED,
	ACTION_COUNT
};

enum token_kind {
	TOKEN_END,
	TOKEN_KEYWORD,
	TOKEN_SERVER, /* an address, normalised as people type it */
	TOKEN_LEVEL,
	TOKEN_ADDRESS, /* an address by the wire's rules */
	TOKEN_ID,      /* a message id */
	TOKEN_ROOM,    /* a global room id */
	TOKEN_TARGET,  /* a message id or a server */
	TOKEN_FILE,
	TOKEN_OPTION, /* "--name VALUE", anywhere after the keywords */
	TOKEN_FLAG    /* the same without a value */
};

enum option {
	OPTION_AT,
	OPTION_CERTIFICATE,
	OPTION_PUBLIC_KEY,
	OPTION_SIGNATURE,
	OPTION_SERVER,
	OPTION_PAYLOAD,
	OPTION_DATABASE,
	OPTION_DIRECTORY,
	OPTION_LIMIT,
	OPTION_DRY_RUN,
	OPTION_ROOMS,
	OPTION_MESSAGES,
	OPTION_ROOM_ID,
	OPTION_ROOM_CREATOR,
	OPTION_ROOM_TITLE,
	OPTION_MESSAGE_ID,
	OPTION_MESSAGE_ROOM,
	OPTION_MESSAGE_SENDER,
	OPTION_MESSAGE_BODY,
	OPTION_MESSAGE_TYPE,
	OPTION_MESSAGE_TIME,
	OPTION_COUNT
};

struct token {
	enum token_kind kind;
	const char *word;  /* keyword, or the option's name with "--" */
	const char *value; /* what help calls the value */
	enum option option;
	bool required; /* of options */
};

#define COMMAND_TOKENS	  20
#define COMMAND_ARGUMENTS 4
struct command {
	enum action action;
	struct token tokens[COMMAND_TOKENS]; /* TOKEN_END ends */
	const char *help;
};
const struct command *command_table(size_t *count);

struct parsed {
	enum action action;
	bool json;	    /* -j */
	const char *socket; /* -s, or NULL */
	/* In order; as typed. */
	const char *arguments[COMMAND_ARGUMENTS];
	enum token_kind kinds[COMMAND_ARGUMENTS];
	size_t argument_count;
	const char *options[OPTION_COUNT]; /* NULL: not given; "" a flag */
};

/*
 * arguments as main() gets them, without the program's name. 0, or -1 with
 * problem (a sentence without anything that was typed) set. Values are not
 * looked at.
 */
int command_parse(struct parsed *, int count, char *const arguments[],
    char *problem, size_t problem_size);
void command_help(FILE *);

#endif
