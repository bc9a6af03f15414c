/* SPDX-License-Identifier: ISC */
/*
 * fedctl's token table: every command parses as the table says, and nothing
 * else does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fedctl/command.h"

#define WORDS 24

static struct parsed parsed;
static char problem[128];
static char line[512];

/* text's words, parted by spaces; '' is an empty word. */
static int
parse(const char *text)
{
	char *words[WORDS], *at = line;
	int count = 0;

	snprintf(line, sizeof(line), "%s", text);
	for (at = strtok(line, " "); at != NULL; at = strtok(NULL, " ")) {
		assert_true(count < WORDS);
		words[count++] = strcmp(at, "''") == 0 ? at + 2 : at;
	}
	problem[0] = '\0';
	return command_parse(&parsed, count, words, problem, sizeof(problem));
}

static void
accept(const char *text, enum action action)
{
	if (parse(text) != 0)
		fail_msg("%s: %s", text, problem);
	assert_int_equal(parsed.action, action);
}

static void
refuse(const char *text, const char *why)
{
	if (parse(text) != -1)
		fail_msg("%s: accepted", text);
	if (strncmp(problem, why, strlen(why)) != 0)
		fail_msg("%s: %s", text, problem);
	assert_non_null(strstr(problem, "; see fedctl help"));
}

static void
test_every_command(void **state)
{
	(void)state;
	accept("status", ACTION_STATUS);
	accept("show servers", ACTION_SHOW_SERVERS);
	accept("show queue", ACTION_SHOW_QUEUE);
	accept("show limits", ACTION_SHOW_LIMITS);
	accept("check", ACTION_CHECK);
	accept("show rooms", ACTION_SHOW_ROOMS);
	accept("show rooms --limit 9", ACTION_SHOW_ROOMS);
	accept("show dead", ACTION_SHOW_DEAD);
	accept("show dead --limit 9 --server s", ACTION_SHOW_DEAD);
	accept("show message x", ACTION_SHOW_MESSAGE);
	accept("show message --server s x", ACTION_SHOW_MESSAGE);
	accept("queue show x", ACTION_QUEUE_SHOW);
	accept("queue show x --server s", ACTION_QUEUE_SHOW);
	accept("queue hold x", ACTION_QUEUE_HOLD);
	accept("queue hold x --server s", ACTION_QUEUE_HOLD);
	accept("queue release x", ACTION_QUEUE_RELEASE);
	accept("queue release x --server s", ACTION_QUEUE_RELEASE);
	accept("queue retry x", ACTION_QUEUE_RETRY);
	accept("queue retry x --server s", ACTION_QUEUE_RETRY);
	accept("queue cancel x", ACTION_QUEUE_CANCEL);
	accept("queue cancel x --server s", ACTION_QUEUE_CANCEL);
	accept("queue requeue x", ACTION_QUEUE_REQUEUE);
	accept("queue requeue x --server s", ACTION_QUEUE_REQUEUE);
	accept("server pause x", ACTION_SERVER_PAUSE);
	accept("server resume x", ACTION_SERVER_RESUME);
	accept("server retry x", ACTION_SERVER_RETRY);
	accept("room adopt r x", ACTION_ROOM_ADOPT);
	accept("restored", ACTION_RESTORED);
	accept("server add x", ACTION_SERVER_ADD);
	accept("server trust x 2", ACTION_SERVER_TRUST);
	accept("server block x", ACTION_SERVER_BLOCK);
	accept("server ping x", ACTION_SERVER_PING);
	accept("handshake x", ACTION_HANDSHAKE);
	accept("onion check x", ACTION_ONION_CHECK);
	accept("json canonical", ACTION_JSON_CANONICAL);
	accept("certificate verify f", ACTION_CERTIFICATE_VERIFY);
	accept("envelope verify --certificate f", ACTION_ENVELOPE_VERIFY);
	accept("signature verify --public-key a --signature b",
	    ACTION_SIGNATURE_VERIFY);
	accept("receipt export x", ACTION_RECEIPT_EXPORT);
	accept("receipt export --server s x", ACTION_RECEIPT_EXPORT);
	accept("receipt verify f", ACTION_RECEIPT_VERIFY);
	accept("receipt verify --payload p f", ACTION_RECEIPT_VERIFY);
	accept("db migrate", ACTION_DB_MIGRATE);
	accept("db version", ACTION_DB_VERSION);
	accept("version", ACTION_VERSION);
	accept("help", ACTION_HELP);
}

/* The table itself: keywords first, one action a command, options once. */
static void
test_table(void **state)
{
	const struct command *commands;
	const struct token *token;
	unsigned int arguments;
	uint64_t actions = 0, seen;
	size_t count, i;

	(void)state;
	commands = command_table(&count);
	assert_int_equal(count, ACTION_COUNT - 1);
	for (i = 0; i < count; i++) {
		assert_false(actions & (UINT64_C(1) << commands[i].action));
		actions |= UINT64_C(1) << commands[i].action;
		assert_int_equal(commands[i].tokens[0].kind, TOKEN_KEYWORD);
		assert_int_equal(
		    commands[i].tokens[COMMAND_TOKENS - 1].kind, TOKEN_END);
		seen = arguments = 0;
		for (token = commands[i].tokens; token->kind != TOKEN_END;
		     token++) {
			if (token->kind == TOKEN_OPTION) {
				assert_false(
				    seen & (UINT64_C(1) << token->option));
				seen |= UINT64_C(1) << token->option;
				assert_memory_equal(token->word, "--", 2);
				assert_non_null(token->value);
			} else if (token->kind == TOKEN_FLAG) {
				assert_memory_equal(token->word, "--", 2);
			} else if (token->kind == TOKEN_KEYWORD) {
				assert_int_equal(arguments, 0);
				assert_int_equal(seen, 0);
			} else {
				arguments++;
				assert_non_null(token->value);
			}
		}
		assert_in_range(arguments, 0, COMMAND_ARGUMENTS);
	}
}

static void
test_globals(void **state)
{
	(void)state;
	accept("-j status", ACTION_STATUS);
	assert_true(parsed.json);
	assert_null(parsed.socket);
	accept("-s /x -j status", ACTION_STATUS);
	assert_true(parsed.json);
	assert_string_equal(parsed.socket, "/x");
	accept("-s '' status", ACTION_STATUS);
	assert_string_equal(parsed.socket, "");
	accept("-h", ACTION_HELP);
	accept("--help", ACTION_HELP);
	accept("-j --help", ACTION_HELP);
	accept("server trust --help", ACTION_HELP);
	accept("onion check x --help", ACTION_HELP);
	refuse("", "missing command");
	refuse("-j", "missing command");
	refuse("-s", "missing SOCKET");
	refuse("-x status", "unknown option");
	refuse("-js /x status", "unknown option");
	refuse("-- status", "unknown option");
	refuse("status -j", "surplus argument");
}

static void
test_keywords(void **state)
{
	(void)state;
	refuse("show", "missing command");
	refuse("server", "missing command");
	refuse("statu", "unknown command");
	refuse("statuss", "unknown command");
	refuse("STATUS", "unknown command");
	refuse("''", "unknown command");
	refuse("show nothing", "unknown command");
	refuse("servers", "unknown command");
}

static void
test_arguments(void **state)
{
	(void)state;
	accept("server trust a.onion -1", ACTION_SERVER_TRUST);
	assert_int_equal(parsed.argument_count, 2);
	assert_int_equal(parsed.kinds[0], TOKEN_SERVER);
	assert_int_equal(parsed.kinds[1], TOKEN_LEVEL);
	assert_string_equal(parsed.arguments[0], "a.onion");
	assert_string_equal(parsed.arguments[1], "-1");
	accept("onion check ''", ACTION_ONION_CHECK);
	assert_string_equal(parsed.arguments[0], "");
	accept("onion check -- --at", ACTION_ONION_CHECK);
	assert_string_equal(parsed.arguments[0], "--at");
	accept("certificate verify -", ACTION_CERTIFICATE_VERIFY);
	refuse("onion check", "missing ADDRESS");
	refuse("server trust a", "missing LEVEL");
	refuse("server trust", "missing SERVER");
	refuse("handshake", "missing SERVER");
	refuse("certificate verify", "missing FILE");
	refuse("status x", "surplus argument");
	refuse("status ''", "surplus argument");
	refuse("server trust a 1 2", "surplus argument");
}

static void
test_options(void **state)
{
	(void)state;
	accept("certificate verify --at T f", ACTION_CERTIFICATE_VERIFY);
	assert_string_equal(parsed.options[OPTION_AT], "T");
	assert_string_equal(parsed.arguments[0], "f");
	accept("certificate verify f --at=T", ACTION_CERTIFICATE_VERIFY);
	assert_string_equal(parsed.options[OPTION_AT], "T");
	accept("certificate verify f --at=", ACTION_CERTIFICATE_VERIFY);
	assert_string_equal(parsed.options[OPTION_AT], "");
	accept("certificate verify f --at ''", ACTION_CERTIFICATE_VERIFY);
	assert_string_equal(parsed.options[OPTION_AT], "");
	accept("db migrate --directory --x", ACTION_DB_MIGRATE);
	assert_string_equal(parsed.options[OPTION_DIRECTORY], "--x");
	assert_null(parsed.options[OPTION_DATABASE]);
	refuse("certificate verify f --at", "missing TIME");
	refuse("certificate verify f --att T", "unknown option");
	refuse("certificate verify f --a T", "unknown option");
	refuse("onion check x --at T", "unknown option");
	refuse("certificate verify f --at T --at T", "given twice: --at");
	refuse("envelope verify", "missing --certificate");
	refuse("envelope verify --at T", "missing --certificate");
	refuse("signature verify --public-key a", "missing --signature");
	refuse("signature verify --signature a", "missing --public-key");
	refuse("signature verify --public-key", "missing HEX");
}

/* What was typed never shows up in what is printed. */
static void
test_no_echo(void **state)
{
	(void)state;
	refuse("\033[2Jx", "unknown command");
	assert_null(strchr(problem, '\033'));
	refuse("status --\033", "unknown option");
	assert_null(strchr(problem, '\033'));
}

static void
test_help(void **state)
{
	const struct command *commands;
	char text[16384] = "";
	FILE *file = fmemopen(text, sizeof(text) - 1, "w");
	size_t count, i;

	(void)state;
	assert_non_null(file);
	command_help(file);
	fclose(file);
	commands = command_table(&count);
	for (i = 0; i < count; i++)
		assert_non_null(strstr(text, commands[i].help));
	assert_non_null(strstr(text, "  server trust SERVER LEVEL\n"));
	assert_non_null(
	    strstr(text, "  certificate verify [--at TIME] FILE\n"));
	assert_non_null(strstr(
	    text, "  signature verify --public-key HEX --signature HEX\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_command),
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_globals),
	    cmocka_unit_test(test_keywords),
	    cmocka_unit_test(test_arguments),
	    cmocka_unit_test(test_options),
	    cmocka_unit_test(test_no_echo),
	    cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests_name("fedctl_command", tests, NULL, NULL);
}
