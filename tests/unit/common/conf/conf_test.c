/* SPDX-License-Identifier: ISC */
/*
 * fed.conf: every statement, every error production, both sides of every
 * bound, and that what conf_print() writes parses to the same.
 */
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "conf/conf.h"
#include "conf/conf_setting.h"

#define BASE                                                            \
	"keys \"/k\"\nsignatures \"/a\"\nlisten on \"/l\"\ncontrol on " \
	"\"/c\"\n"                                                      \
	"socks on \"/s\"\ndatabase \"host=/d user=u\"\n"

static char *errors;

static int
load(struct conf *conf, const char *text, size_t length)
{
	size_t size;
	FILE *out;
	int result;

	free(errors);
	out = open_memstream(&errors, &size);
	assert_non_null(out);
	result = conf_load_text(conf, "f", text, length, out);
	fclose(out);
	/* An error is told, and nothing is told without one. */
	assert_int_equal(result == -1, size > 0);
	return result;
}

/* The base, then the lines given: the first of them is line 6. */
static int
load_lines(struct conf *conf, const char *lines)
{
	char text[4096];

	snprintf(text, sizeof(text), "%s%s", BASE, lines);
	return load(conf, text, strlen(text));
}

static void
good(struct conf *conf, const char *lines)
{
	if (load_lines(conf, lines) == -1)
		fail_msg("%s: %s", lines, errors);
}

static void
refused(const char *lines, const char *expected)
{
	struct conf conf;

	if (load_lines(&conf, lines) == 0)
		fail_msg("accepted: %s", lines);
	if (strcmp(errors, expected) != 0)
		fail_msg("%s\nwanted: %sgot:    %s", lines, expected, errors);
}

static void
test_base(void **state)
{
	struct conf conf;

	(void)state;
	good(&conf, "");
	assert_string_equal(conf.keys, "/k");
	assert_string_equal(conf.listen, "/l");
	assert_string_equal(conf.control, "/c");
	assert_string_equal(conf.control_group, "");
	assert_string_equal(conf.socks, "/s");
	assert_string_equal(conf.socks_address, "");
	assert_int_equal(conf.socks_port, 0);
	assert_string_equal(conf.database, "host=/d user=u");
	assert_string_equal(conf.empty, "/var/lib/torfed/empty");
	assert_string_equal(conf.users[ROLE_LISTENER].name, "_fedlistener");
	assert_string_equal(conf.users[ROLE_SIGNER].name, "_fedsigner");
	assert_string_equal(conf.users[ROLE_SENDER].name, "_fedsender");
	assert_string_equal(conf.users[ROLE_QUEUED].name, "_fedqueued");
	assert_int_equal(conf.settings.proxy_line, 0);
	assert_int_equal(conf.settings.control_group, -1);
}

/* The defaults that the documents name. */
static void
test_defaults(void **state)
{
	struct conf conf;
	struct settings *s = &conf.settings;

	(void)state;
	conf_defaults(&conf);
	assert_int_equal(s->answer_ping, 1);
	assert_int_equal(s->answer_info, 1);
	assert_int_equal(s->trust_automatic, 0);
	assert_int_equal(s->durability_check, 1);
	assert_int_equal(s->log_level, LOG_LEVEL_INFO);
	assert_int_equal(s->log_servers, LOG_SERVERS_SHORT);
	assert_int_equal(s->window_s, 300);
	assert_int_equal(s->head_timeout_ms, 10000);
	assert_int_equal(s->body_timeout_ms, 60000);
	assert_int_equal(s->items_per_minute, 100);
	assert_int_equal(s->strangers_per_second, 10);
	assert_int_equal(s->attempts, 5);
	assert_int_equal(s->lifetime_s, 14 * 86400);
	assert_int_equal(s->retry_min_ms, 15000);
	assert_int_equal(s->retry_max_ms, 3600000);
	assert_int_equal(s->sweep_ms, 30000);
	assert_int_equal(s->lease_ms, 300000);
	assert_int_equal(s->flush_high_ms, 200);
	assert_int_equal(s->flush_normal_ms, 1500);
	assert_int_equal(s->flush_low_ms, 10000);
	assert_int_equal(s->health_interval_ms, 600000);
	assert_int_equal(s->health_self_probe_ms, 900000);
	assert_int_equal(s->sender_connections, 10);
	assert_int_equal(s->sender_idle, 5);
	assert_true(s->sender_idle_ms >= 30000);
	assert_int_equal(s->connect_timeout_ms, 150000);
	assert_int_equal(s->handshake_timeout_ms, 60000);
	assert_int_equal(s->message_timeout_ms, 45000);
	/* Our sender gives a connection up before a peer of our kind does. */
	assert_true(s->sender_idle_ms < s->idle_timeout_ms);
}

static void
test_statements(void **state)
{
	struct conf conf;

	(void)state;
	good(&conf, "keys \"/a b\"\nchroot \"/e\"\n");
	assert_string_equal(conf.keys, "/a b");
	assert_string_equal(conf.empty, "/e");
	good(&conf, "listen on \"/x\" proxy-line");
	assert_string_equal(conf.listen, "/x");
	assert_int_equal(conf.settings.proxy_line, 1);
	good(&conf, "control on \"/x\" group wheel\n");
	assert_string_equal(conf.control, "/x");
	assert_string_equal(conf.control_group, "wheel");
	good(&conf, "socks tcp 127.0.0.1 port 9050 unconfined\n");
	assert_string_equal(conf.socks, "");
	assert_string_equal(conf.socks_address, "127.0.0.1");
	assert_int_equal(conf.socks_port, 9050);
	good(&conf, "socks tcp ::1 port 65535 unconfined\n");
	assert_string_equal(conf.socks_address, "::1");
	assert_int_equal(conf.socks_port, 65535);
	good(&conf, "database \"host=/x user=\\\"y\\\\z\"\n");
	assert_string_equal(conf.database, "host=/x user=\"y\\z");
	good(&conf, "user fed-listener one\nuser fed-signer 2 group 3\n"
		    "user fed-sender \"group\" group four\n"
		    "user fed-queued 5\n");
	assert_string_equal(conf.users[ROLE_LISTENER].name, "one");
	assert_string_equal(conf.users[ROLE_LISTENER].group, "");
	assert_string_equal(conf.users[ROLE_SIGNER].name, "2");
	assert_string_equal(conf.users[ROLE_SIGNER].group, "3");
	assert_string_equal(conf.users[ROLE_SENDER].name, "group");
	assert_string_equal(conf.users[ROLE_SENDER].group, "four");
	assert_string_equal(conf.users[ROLE_QUEUED].name, "5");
}

/* A later statement leaves nothing of an earlier one. */
static void
test_replacement(void **state)
{
	struct conf conf;

	(void)state;
	good(&conf, "listen on \"/x\" proxy-line\nlisten on \"/y\"\n");
	assert_string_equal(conf.listen, "/y");
	assert_int_equal(conf.settings.proxy_line, 0);
	good(&conf, "control on \"/x\" group g\ncontrol on \"/y\"\n");
	assert_string_equal(conf.control, "/y");
	assert_string_equal(conf.control_group, "");
	good(&conf, "socks tcp ::1 port 1 unconfined\nsocks on \"/y\"\n");
	assert_string_equal(conf.socks, "/y");
	assert_string_equal(conf.socks_address, "");
	assert_int_equal(conf.socks_port, 0);
	good(&conf, "user fed-sender a group b\nuser fed-sender c\n");
	assert_string_equal(conf.users[ROLE_SENDER].name, "c");
	assert_string_equal(conf.users[ROLE_SENDER].group, "");
	good(&conf, "rate items 7\nrate items 0\n");
	assert_int_equal(conf.settings.items_per_minute, 0);
}

static void
test_spacing(void **state)
{
	struct conf conf;

	(void)state;
	good(&conf, "\n \t# comment \"\n\n  rate\titems   7#comment\n#end");
	assert_int_equal(conf.settings.items_per_minute, 7);
	good(&conf, "chroot \"/a#b\" # c");
	assert_string_equal(conf.empty, "/a#b");
	/* Names of statements may stand where a name is wanted. */
	good(&conf, "control on \"/c\" group keys\n");
	assert_string_equal(conf.control_group, "keys");
}

#define STATEMENTS                                                          \
	"a statement (keys, signatures, listen, control, socks, database, " \
	"chroot, "                                                          \
	"user, answer, trust, log, check, limit, rate, timeout, retry, "    \
	"queue, flush, lookup, health, sender)"

static void
test_syntax_errors(void **state)
{
	static const struct {
		const char *line;
		const char *error; /* after "f:7: expected " */
	} cases[] = {
	    {"foo\n", STATEMENTS ", found \"foo\"\n"},
	    {"foo bar\n", STATEMENTS ", found \"foo\"\n"},
	    {"foo \"bar\"\n", STATEMENTS ", found \"foo\"\n"},
	    {"foo bar baz qux\n", STATEMENTS ", found \"foo\"\n"},
	    {"\"foo\" bar\n", STATEMENTS ", found a quoted string\n"},
	    {"on \"/x\"\n", STATEMENTS ", found \"on\"\n"},
	    {"keys\n",
		"a quoted directory after \"keys\", found the end of the "
		"line\n"},
	    {"keys /etc\n",
		"a quoted directory after \"keys\", found \"/etc\"\n"},
	    {"keys \"/etc\" \"/usr\"\n",
		"the end of the line, found a quoted string\n"},
	    {"signatures\n",
		"a quoted directory after \"signatures\", found the end of "
		"the line\n"},
	    {"signatures \"/a\" x\n", "the end of the line, found \"x\"\n"},
	    {"chroot on\n",
		"a quoted directory after \"chroot\", found \"on\"\n"},
	    {"chroot \"/x\" x\n", "the end of the line, found \"x\"\n"},
	    {"listen \"/x\"\n",
		"\"on\" after \"listen\", found a quoted string\n"},
	    {"listen on x\n",
		"the quoted path of a socket after \"listen on\", found "
		"\"x\"\n"},
	    {"listen on \"/x\" proxy\n",
		"\"proxy-line\" or the end of the line, found "
		"\"proxy\"\n"},
	    {"listen on \"/x\" proxy-line x\n",
		"the end of the line, found \"x\"\n"},
	    {"control x\n", "\"on\" after \"control\", found \"x\"\n"},
	    {"control on\n",
		"the quoted path of a socket after \"control on\", found "
		"the end of the line\n"},
	    {"control on \"/x\" x\n",
		"\"group\" or the end of the line, found \"x\"\n"},
	    {"control on \"/x\" group\n",
		"a group's name or number, found the end of the line\n"},
	    {"control on \"/x\" group x y\n",
		"the end of the line, found \"y\"\n"},
	    {"socks x\n", "\"on\" or \"tcp\" after \"socks\", found \"x\"\n"},
	    {"socks on x\n",
		"the quoted path of a socket after \"socks on\", found "
		"\"x\"\n"},
	    {"socks on \"/x\" unconfined\n",
		"the end of the line, found \"unconfined\"\n"},
	    {"socks tcp\n", "127.0.0.1 or ::1, found the end of the line\n"},
	    {"socks tcp 127.0.0.1\n",
		"\"port\" and its number, found the end of the line\n"},
	    {"socks tcp 127.0.0.1 port \"1\"\n",
		"the number of a port, found a quoted string\n"},
	    {"socks tcp 127.0.0.1 port 9050\n",
		"\"unconfined\", which accepts that loopback TCP cannot "
		"be confined to this port, found the end of the line\n"},
	    {"socks tcp 127.0.0.1 port 9050 unconfined x\n",
		"the end of the line, found \"x\"\n"},
	    {"database\n", "a quoted connection string or \"durability\" after "
			   "\"database\", found the end of the line\n"},
	    {"database \"user=u host=/d\" x\n",
		"the end of the line, found \"x\"\n"},
	    {"database durability\n",
		"unchecked or checked after \"database durability\", "
		"found the end of the line\n"},
	    {"database durability \"checked\"\n",
		"a value without quotes, found a quoted string\n"},
	    {"database durability checked x\n",
		"the end of the line, found \"x\"\n"},
	    {"database password x\n",
		"a setting of \"database\" (durability), found "
		"\"password\"\n"},
	    {"user\n",
		"fed-listener, fed-signer, fed-sender or fed-queued after "
		"\"user\", found the end of the line\n"},
	    {"user fedd root\n",
		"fed-listener, fed-signer, fed-sender or fed-queued, "
		"found \"fedd\"\n"},
	    {"user fed-sender\n",
		"a user's name or number, found the end of the line\n"},
	    {"user fed-sender x y\n",
		"\"group\" or the end of the line, found \"y\"\n"},
	    {"user fed-sender x group\n",
		"a group's name or number, found the end of the line\n"},
	    {"user fed-sender x group y z\n",
		"the end of the line, found \"z\"\n"},
	    {"rate\n",
		"a setting of \"rate\" (items, lookups, strangers, failures, "
		"signatures, requests-per-circuit, failures-per-circuit, "
		"body), found the end "
		"of the line\n"},
	    {"rate \"items\"\n",
		"the name of a setting, found a quoted string\n"},
	    {"rate item 5\n",
		"a setting of \"rate\" (items, lookups, strangers, failures, "
		"signatures, requests-per-circuit, failures-per-circuit, "
		"body), found "
		"\"item\"\n"},
	    {"rate items\n",
		"a number from 0 to 1000000 after \"rate items\", found "
		"the end of the line\n"},
	    {"rate items \"5\"\n",
		"a value without quotes, found a quoted string\n"},
	    {"rate items 5 6\n", "the end of the line, found \"6\"\n"},
	    {"keys \"/x\n", "a quoted directory after \"keys\", found a string "
			    "without its closing quote\n"},
	    {"keys \"/x\\n\"\n",
		"a quoted directory after \"keys\", found a backslash "
		"before another character than \" and \\\n"},
	    {"rate items 5\r\n", "the end of the line, found the byte \\015\n"},
	    {"rate items \303\244\n",
		"a value without quotes, found the byte \\303\n"},
	    {"keys \"/\033\"\n",
		"a quoted directory after \"keys\", found the byte "
		"\\033\n"},
	};
	char expected[512];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(expected, sizeof(expected), "f:7: expected %s",
		    cases[i].error);
		refused(cases[i].line, expected);
	}
}

static void
test_values(void **state)
{
	(void)state;
	refused("keys \"etc\"\n",
	    "f:7: expected an absolute path, found \"etc\"\n");
	refused("keys \"\302\233m\"\n",
	    "f:7: expected an absolute path, found \"??m\"\n");
	refused("keys \"\"\n", "f:7: expected an absolute path, found \"\"\n");
	refused("listen on \"l\"\n",
	    "f:7: expected an absolute path, found \"l\"\n");
	refused(
	    "listen on \"\"\n", "f:7: expected an absolute path, found \"\"\n");
	refused("socks on \"/run/\"\n",
	    "f:7: expected the path of a socket, which does not end with a "
	    "slash, found \"/run/\"\n");
	refused("socks tcp localhost port 1 unconfined\n",
	    "f:7: expected 127.0.0.1 or ::1, found \"localhost\"\n");
	refused("socks tcp ::1 port 0 unconfined\n",
	    "f:7: expected a port from 1 to 65535, found \"0\"\n");
	refused("socks tcp ::1 port 65536 unconfined\n",
	    "f:7: expected a port from 1 to 65535, found \"65536\"\n");
	refused("socks tcp ::1 port 99999999999999999999999 unconfined\n",
	    "f:7: expected a port from 1 to 65535, found "
	    "\"99999999999999999999999\"\n");
	refused("socks tcp ::1 port 1x unconfined\n",
	    "f:7: expected a port from 1 to 65535, found \"1x\"\n");
	refused("socks tcp ::1 port -1 unconfined\n",
	    "f:7: expected a port from 1 to 65535, found \"-1\"\n");
	refused("user fed-sender \"\"\n",
	    "f:7: expected a user's name of 1 to 63 bytes, or its number, "
	    "found \"\"\n");
	refused("user fed-sender x group \"\"\n",
	    "f:7: expected a group's name of 1 to 63 bytes, or its number, "
	    "found \"\"\n");
	refused("control on \"/c\" group \"\"\n",
	    "f:7: expected a group's name of 1 to 63 bytes, or its number, "
	    "found \"\"\n");
	refused("answer ping maybe\n",
	    "f:7: expected no or yes after \"answer ping\", found "
	    "\"maybe\"\n");
	refused("log level 3\n",
	    "f:7: expected error, warning, info or debug after \"log level\", "
	    "found \"3\"\n");
}

/* Every statement with a path, one byte short of its limit and at it. */
static void
test_path_lengths(void **state)
{
	static const struct {
		const char *before;
		const char *after;
		size_t longest;
		size_t offset;
		const char *error;
	} cases[] = {
	    {"keys \"", "\"\n", CONF_PATH_SIZE - 1, offsetof(struct conf, keys),
		"a path of at most 511"},
	    {"chroot \"", "\"\n", CONF_PATH_SIZE - 1,
		offsetof(struct conf, empty), "a path of at most 511"},
	    {"listen on \"", "\"\n", CONF_SOCKET_MAX,
		offsetof(struct conf, listen),
		"a socket's path of at most 107"},
	    {"control on \"", "\"\n", CONF_SOCKET_MAX,
		offsetof(struct conf, control),
		"a socket's path of at most 107"},
	    {"socks on \"", "\"\n", CONF_SOCKET_MAX,
		offsetof(struct conf, socks), "a socket's path of at most 107"},
	};
	char path[1024], text[2048], expected[256];
	struct conf conf;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(path, 'x', sizeof(path));
		path[0] = '/';
		path[cases[i].longest] = '\0';
		snprintf(text, sizeof(text), "%s%s%s", cases[i].before, path,
		    cases[i].after);
		good(&conf, text);
		assert_string_equal((char *)&conf + cases[i].offset, path);
		path[cases[i].longest] = 'x';
		path[cases[i].longest + 1] = '\0';
		snprintf(text, sizeof(text), "%s%s%s", cases[i].before, path,
		    cases[i].after);
		snprintf(expected, sizeof(expected),
		    "f:7: expected %s bytes, found a longer one\n",
		    cases[i].error);
		refused(text, expected);
	}
}

static void
test_name_lengths(void **state)
{
	char name[65], text[256];
	struct conf conf;

	(void)state;
	memset(name, 'n', sizeof(name));
	name[63] = '\0';
	snprintf(
	    text, sizeof(text), "user fed-sender %s group %s\n", name, name);
	good(&conf, text);
	assert_string_equal(conf.users[ROLE_SENDER].name, name);
	assert_string_equal(conf.users[ROLE_SENDER].group, name);
	name[63] = 'n';
	name[64] = '\0';
	snprintf(text, sizeof(text), "user fed-sender %s\n", name);
	assert_int_equal(load_lines(&conf, text), -1);
	snprintf(text, sizeof(text), "user fed-sender x group %s\n", name);
	assert_int_equal(load_lines(&conf, text), -1);
	snprintf(text, sizeof(text), "control on \"/x\" group %s\n", name);
	assert_int_equal(load_lines(&conf, text), -1);
}

static int64_t
value_of(const struct conf_setting *setting, const char *text)
{
	char line[256];
	struct conf conf;
	size_t count;

	/* Relations between settings are none of this test's business. */
	snprintf(line, sizeof(line), "%s %s %s\n", setting->group,
	    setting->name, text);
	(void)conf_setting_table(&count);
	if (load_lines(&conf, line) == -1 &&
	    strstr(errors, "found otherwise") == NULL)
		return -1;
	return *conf_setting_slot(setting, &conf.settings);
}

/* For each setting: both bounds, and one beyond each of them. */
static void
test_bounds(void **state)
{
	const struct conf_setting *table;
	char text[CONF_SETTING_TEXT_SIZE];
	size_t count;

	(void)state;
	table = conf_setting_table(&count);
	for (size_t i = 0; i < count; i++) {
		const struct conf_setting *s = &table[i];
		const char *unit = s->kind == CONF_SETTING_TIME_MS ? "ms" : "";

		print_message("# %s %s\n", s->group, s->name);
		assert_in_range(s->value, s->minimum, s->maximum);
		if (s->kind == CONF_SETTING_CHOICE) {
			for (int64_t v = 0; v <= s->maximum; v++)
				assert_int_equal(value_of(s, s->choices[v]), v);
			assert_null(s->choices[s->maximum + 1]);
			assert_int_equal(value_of(s, "0"), -1);
			continue;
		}
		snprintf(
		    text, sizeof(text), "%lld%s", (long long)s->minimum, unit);
		assert_int_equal(value_of(s, text), s->minimum);
		snprintf(
		    text, sizeof(text), "%lld%s", (long long)s->maximum, unit);
		assert_int_equal(value_of(s, text), s->maximum);
		snprintf(text, sizeof(text), "%lld%s",
		    (long long)s->minimum - 1, unit);
		assert_int_equal(value_of(s, text), -1);
		snprintf(text, sizeof(text), "%lld%s",
		    (long long)s->maximum + 1, unit);
		assert_int_equal(value_of(s, text), -1);
		assert_int_equal(value_of(s, "18446744073709551617"), -1);
		assert_int_equal(value_of(s, "x"), -1);
		assert_int_equal(value_of(s, "-1"), -1);
		assert_int_equal(value_of(s, "+1"), -1);
	}
}

static void
test_times(void **state)
{
	struct conf conf;

	(void)state;
	good(&conf, "flush low 200ms\n");
	assert_int_equal(conf.settings.flush_low_ms, 200);
	good(&conf, "flush low 2s\n");
	assert_int_equal(conf.settings.flush_low_ms, 2000);
	good(&conf, "flush low 2\n");
	assert_int_equal(conf.settings.flush_low_ms, 2000);
	good(&conf, "flush low 5m\n");
	assert_int_equal(conf.settings.flush_low_ms, 300000);
	good(&conf, "flush low 0\n");
	assert_int_equal(conf.settings.flush_low_ms, 0);
	good(&conf, "health interval 0\nhealth self-probe 90s\n");
	assert_int_equal(conf.settings.health_interval_ms, 0);
	assert_int_equal(conf.settings.health_self_probe_ms, 90000);
	good(&conf, "health self-probe 0\nhealth interval 1d\n");
	assert_int_equal(conf.settings.health_interval_ms, 86400000);
	assert_int_equal(conf.settings.health_self_probe_ms, 0);
	refused("health interval 25h\n",
	    "f:7: expected a time from 0s to 1d after \"health interval\", "
	    "found \"25h\"\n");
	good(&conf, "queue lifetime 2h\n");
	assert_int_equal(conf.settings.lifetime_s, 7200);
	good(&conf, "queue lifetime 30d\n");
	assert_int_equal(conf.settings.lifetime_s, 30 * 86400);
	good(&conf, "queue lifetime 2000ms\n");
	assert_int_equal(conf.settings.lifetime_s, 2);
	/* What is counted in seconds takes no part of one. */
	refused("queue lifetime 1500ms\n",
	    "f:7: expected a time from 1s to 30d after \"queue lifetime\", "
	    "found \"1500ms\"\n");
	refused("flush low 1.5s\n",
	    "f:7: expected a time from 0s to 5m after \"flush low\", found "
	    "\"1.5s\"\n");
	refused("flush low 5w\n",
	    "f:7: expected a time from 0s to 5m after \"flush low\", found "
	    "\"5w\"\n");
	refused("flush low s\n",
	    "f:7: expected a time from 0s to 5m after \"flush low\", found "
	    "\"s\"\n");
	/* 2^64 / 86400000 days and a little: must not wrap to a small one. */
	refused("flush low 213503982335d\n",
	    "f:7: expected a time from 0s to 5m after \"flush low\", found "
	    "\"213503982335d\"\n");
	refused("rate items 5s\n",
	    "f:7: expected a number from 0 to 1000000 after \"rate items\", "
	    "found \"5s\"\n");
}

static void
test_relations(void **state)
{
	struct conf conf;

	(void)state;
	good(&conf, "retry minimum 60\nretry maximum 60\n");
	refused("retry minimum 61\nretry maximum 60\n",
	    "f:8: expected \"retry minimum\" not above \"retry maximum\", "
	    "found "
	    "otherwise\n");
	good(&conf, "sender connections 3\nsender idle 3\n");
	refused("sender connections 3\nsender idle 4\n",
	    "f:8: expected \"sender idle\" not above \"sender connections\", "
	    "found otherwise\n");
	good(&conf, "timeout connect 10\ntimeout message 20\n"
		    "timeout handshake 5\nqueue lease 30001ms\n");
	assert_int_equal(
	    load_lines(&conf, "timeout connect 10\ntimeout message 20\n"
			      "timeout handshake 5\nqueue lease 30s\n"),
	    -1);
	assert_non_null(strstr(errors, ":10: expected \"queue lease\""));
	/* The other half is a default. What counts is the last line. */
	refused("retry maximum 1\n\n",
	    "f:7: expected \"retry minimum\" not above \"retry maximum\", "
	    "found otherwise\n");
	refused("retry maximum 1\nretry minimum 2\nretry maximum 1\n#\n",
	    "f:9: expected \"retry minimum\" not above \"retry maximum\", "
	    "found otherwise\n");
	good(&conf, "timeout connect 10\ntimeout message 5\n"
		    "timeout handshake 20\nqueue lease 30001ms\n");
	assert_int_equal(
	    load_lines(&conf, "timeout connect 10\ntimeout message 5\n"
			      "timeout handshake 20\nqueue lease 30s\n"),
	    -1);
	refused("control on \"/l\"\n",
	    "f:7: expected different sockets for listen, control and socks, "
	    "found otherwise\n");
	refused("socks on \"/l\"\n",
	    "f:7: expected different sockets for listen, control and socks, "
	    "found otherwise\n");
	refused("socks on \"/c\"\n",
	    "f:7: expected different sockets for listen, control and socks, "
	    "found otherwise\n");
}

static void
test_required(void **state)
{
	static const char *const lines[] = {"keys \"/k\"\n",
	    "signatures \"/a\"\n", "listen on \"/l\"\n", "control on \"/c\"\n",
	    "socks on \"/s\"\n", "database \"host=/d user=u\"\n"};
	static const char *const names[] = {
	    "keys", "signatures", "listen", "control", "socks", "database"};
	char text[256], expected[256];
	struct conf conf;

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		text[0] = '\0';
		for (size_t j = 0; j < 6; j++)
			strcat(text, i == j ? "" : lines[j]);
		assert_int_equal(load(&conf, text, strlen(text)), -1);
		snprintf(expected, sizeof(expected),
		    "f:5: expected a statement \"%s\", found none\n", names[i]);
		assert_string_equal(errors, expected);
	}
	assert_int_equal(load(&conf, "", 0), -1);
}

/* Each line is looked at, up to a number of errors. */
static void
test_many_errors(void **state)
{
	struct conf conf;
	char text[1024] = "";
	const char *at;
	int count = 0;

	(void)state;
	assert_int_equal(load_lines(&conf, "x\nrate items 1\ny\n"), -1);
	assert_non_null(strstr(errors, "f:7: "));
	assert_non_null(strstr(errors, "f:9: "));
	assert_null(strstr(errors, "f:8: "));
	for (int i = 0; i < CONF_ERRORS_MAX + 5; i++)
		strcat(text, "rate items x\n");
	assert_int_equal(load_lines(&conf, text), -1);
	for (at = errors; (at = strstr(at, "expected")) != NULL; at++)
		count++;
	assert_int_equal(count, CONF_ERRORS_MAX);
	assert_non_null(strstr(errors, "f: too many errors\n"));
	text[CONF_ERRORS_MAX * strlen("rate items x\n")] = '\0';
	assert_int_equal(load_lines(&conf, text), -1);
}

static void
test_nul(void **state)
{
	static const char text[] = BASE "rate items 5\0"
					"6\n";
	struct conf conf;

	(void)state;
	assert_int_equal(load(&conf, text, sizeof(text) - 1), -1);
	assert_string_equal(errors,
	    "f:7: expected the end of the line, found the byte \\000\n");
}

/* No part of a connection string is ever in an error. */
static void
test_database(void **state)
{
	static const char *const bad[] = {
	    "dbname=x host=/secret",	       /* no user */
	    "user= host=/secret",	       /* no user either */
	    "user=secret",		       /* no host */
	    "user=secret host=",	       /* no host either */
	    "user=u host=/d service=secret",   /* reads a file */
	    "postgresql://secret@host/db",     /* a URI */
	    "user=u host=/d password='secret", /* no closing quote */
	    "user=u host=/d secret",	       /* no value */
	    "user=u host=/d =secret",	       /* no key */
	    "",
	};
	char text[256];
	struct conf conf;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "database \"%s\"\n", bad[i]);
		assert_int_equal(load_lines(&conf, text), -1);
		assert_non_null(
		    strstr(errors, "f:7: expected a connection string"));
		assert_null(strstr(errors, "secret"));
	}
	assert_int_equal(
	    load_lines(&conf, "database \"user=u\" \"password=secret\"\n"), -1);
	assert_null(strstr(errors, "secret"));
	assert_int_equal(load_lines(&conf, "keys x \"password=secret\"\n"), -1);
	assert_null(strstr(errors, "secret"));
}

static void
test_database_look(void **state)
{
	static const struct {
		const char *conninfo;
		const char *directory; /* NULL: remote */
		bool password;
	} cases[] = {
	    {"host=/run/pg user=u", "/run/pg", false},
	    {" user = u\thost = '/run/my pg' ", "/run/my pg", false},
	    {"user=u host=/a\\ b", "/a b", false},
	    {"user=u host='/a\\'b\\\\'", "/a'b\\", false},
	    {"user=u host=/a password=p", "/a", true},
	    {"user=u host=10.0.0.1 host=/a", "/a", false},
	    {"user=u host=/a host=10.0.0.1", NULL, false},
	    {"user=u host=/a,/b", NULL, false},
	    {"user=u host=db.example hostaddr=10.0.0.1", NULL, false},
	    {"user=u host=10.0.0.1", NULL, false},
	    {"user=u host=10.0.0.1,::1,/run", NULL, false},
	    {"user=u host=@abstract", NULL, false},
	    {"user=u hostaddr=127.0.0.1", NULL, false},
	    {"user=u host=/a hostaddr=127.0.0.1", NULL, false},
	    {"user=u host=/a hostaddr=''", "/a", false},
	};
	struct conf_database look;
	const char *expected;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("# %s\n", cases[i].conninfo);
		assert_int_equal(
		    conf_database_look(&look, cases[i].conninfo, &expected), 0);
		assert_int_equal(look.local, cases[i].directory != NULL);
		assert_string_equal(look.directory,
		    cases[i].directory == NULL ? "" : cases[i].directory);
		assert_int_equal(look.password, cases[i].password);
	}
}

static void
test_database_length(void **state)
{
	char text[DATABASE_SIZE + 64];
	struct conf conf;
	int length;

	(void)state;
	length = snprintf(text, sizeof(text), "database \"host=/d user=");
	memset(text + length, 'h', CONF_DATABASE_MAX);
	strcpy(text + strlen("database \"") + CONF_DATABASE_MAX, "\"\n");
	good(&conf, text);
	assert_int_equal(strlen(conf.database), CONF_DATABASE_MAX);
	strcpy(text + strlen("database \"") + CONF_DATABASE_MAX, "h\"\n");
	assert_int_equal(load_lines(&conf, text), -1);
	assert_non_null(strstr(errors, "at most 1008 bytes"));
	/* fedd's own addition fits behind the longest. */
	assert_true(CONF_DATABASE_MAX + strlen(" host='/'") < DATABASE_SIZE);
}

static void
print_and_load(const struct conf *conf)
{
	struct conf again;
	char *text;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	conf_print(conf, out);
	fclose(out);
	if (load(&again, text, length) == -1)
		fail_msg("%s\n%s", errors, text);
	assert_memory_equal(conf, &again, sizeof(again));
	free(text);
}

static void
test_print(void **state)
{
	struct conf conf;
	const struct conf_setting *table;
	size_t count;

	(void)state;
	good(&conf, "");
	print_and_load(&conf);
	good(&conf,
	    "keys \"/\\\"\\\\ #\"\nsignatures \"/ \\\"\"\nlisten on \"/a b\" "
	    "proxy-line\n"
	    "control on \"/q\" group \"group\"\nchroot \"/\303\244\"\n"
	    "socks tcp ::1 port 9 unconfined\n"
	    "database \"host=/d user=u password='a\\\"\\\\\\\\ b'\"\n"
	    "user fed-listener \"#\" group \"\\\"\"\nuser fed-queued 7\n");
	print_and_load(&conf);
	table = conf_setting_table(&count);
	for (size_t i = 0; i < count; i++)
		*conf_setting_slot(&table[i], &conf.settings) =
		    table[i].minimum;
	conf.settings.lease_ms = 1001;
	print_and_load(&conf);
	for (size_t i = 0; i < count; i++)
		*conf_setting_slot(&table[i], &conf.settings) =
		    table[i].maximum;
	print_and_load(&conf);
}

static int
load_file(struct conf *conf, const char *path)
{
	size_t size;
	FILE *out;
	int result;

	free(errors);
	out = open_memstream(&errors, &size);
	result = conf_load(conf, path, out);
	fclose(out);
	return result;
}

static void
file_write(const char *path, const char *text, size_t padding)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	while (padding-- > 0)
		putc(' ', file);
	fclose(file);
}

static void
test_file(void **state)
{
	char directory[] = "/tmp/conf_test.XXXXXX", path[64];
	struct conf conf;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/fed.conf", directory);
	assert_int_equal(load_file(&conf, path), -1);
	assert_non_null(strstr(errors, "No such file"));
	assert_int_equal(load_file(&conf, directory), -1);
	assert_non_null(strstr(errors, "found a directory"));

	file_write(path, BASE, CONF_FILE_MAX - strlen(BASE));
	assert_int_equal(chmod(path, 0644), 0);
	if (load_file(&conf, path) == -1)
		fail_msg("%s", errors);
	file_write(path, BASE, CONF_FILE_MAX + 1 - strlen(BASE));
	assert_int_equal(load_file(&conf, path), -1);
	assert_non_null(strstr(errors, "at most 262144 bytes"));

	file_write(path, BASE, 0);
	assert_int_equal(chmod(path, 0664), 0);
	assert_int_equal(load_file(&conf, path), -1);
	assert_non_null(strstr(errors, "found mode 0664"));
	assert_int_equal(chmod(path, 0646), 0);
	assert_int_equal(load_file(&conf, path), -1);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(load_file(&conf, path), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(path, 12345, -1), 0);
		assert_int_equal(load_file(&conf, path), -1);
		assert_non_null(strstr(errors, "that of user 12345"));
	}
	unlink(path);
	rmdir(directory);
}

static int
resolve(struct conf *conf, const char *lines)
{
	size_t size;
	FILE *out;
	int result;

	good(conf, lines);
	free(errors);
	out = open_memstream(&errors, &size);
	result = conf_resolve(conf, out);
	fclose(out);
	return result;
}

#define USERS                                              \
	"user fed-listener 60001\nuser fed-signer 60002\n" \
	"user fed-sender 60003\nuser fed-queued 60004\n"

static void
test_resolve_group(void **state)
{
	struct conf conf;

	(void)state;
	assert_int_equal(resolve(&conf, USERS), 0);
	assert_int_equal(conf.settings.control_group, -1);
	assert_int_equal(
	    resolve(&conf, USERS "control on \"/c\" group 12345\n"), 0);
	assert_int_equal(conf.settings.control_group, 12345);
	assert_int_equal(
	    resolve(&conf, USERS "control on \"/c\" group root\n"), 0);
	assert_int_equal(conf.settings.control_group, 0);
	assert_int_equal(
	    resolve(&conf, USERS "control on \"/c\" group no-such\n"), -1);
	assert_string_equal(
	    errors, "f:11: expected a group that exists, found \"no-such\"\n");
	/* 2^32 - 1 means "leave it" to chown(2) and setresgid(2). */
	assert_int_equal(
	    resolve(&conf, USERS "control on \"/c\" group 4294967295\n"), -1);
	assert_int_equal(
	    resolve(&conf, USERS "control on \"/c\" group 4294967294\n"), 0);
}

static void
test_resolve_users(void **state)
{
	struct conf conf;

	(void)state;
	if (geteuid() != 0) {
		/* Nobody is looked up, so nobody can be missing. */
		assert_int_equal(
		    resolve(&conf, "user fed-sender no-such\n"), 0);
		return;
	}
	assert_int_equal(
	    resolve(&conf, USERS "user fed-queued 60004 group 7\n"), 0);
	assert_int_equal(conf.users[ROLE_LISTENER].uid, 60001);
	assert_int_equal(conf.users[ROLE_LISTENER].gid, 60001);
	assert_int_equal(conf.users[ROLE_QUEUED].uid, 60004);
	assert_int_equal(conf.users[ROLE_QUEUED].gid, 7);
	assert_int_equal(resolve(&conf, USERS "user fed-queued nobody\n"), 0);
	assert_int_equal(conf.users[ROLE_QUEUED].uid, 65534);
	assert_int_equal(resolve(&conf, USERS "user fed-queued 0\n"), -1);
	assert_string_equal(errors,
	    "f:11: expected a user and group other than root's for fed-queued, "
	    "found root's\n");
	assert_int_equal(
	    resolve(&conf, USERS "user fed-queued 60004 group root\n"), -1);
	assert_string_equal(errors,
	    "f:11: expected a user and group other than root's for fed-queued, "
	    "found root's\n");
	assert_int_equal(resolve(&conf, USERS "user fed-queued 60001\n"), -1);
	assert_string_equal(errors,
	    "f:11: expected different users for fed-listener and fed-queued, "
	    "found the same\n");
	assert_int_equal(resolve(&conf, USERS "user fed-queued no-such\n"), -1);
	assert_string_equal(errors,
	    "f:11: expected a user that exists for fed-queued, found "
	    "\"no-such\"\n");
	/* What no statement said has no line. */
	if (getpwnam("_fedqueued") == NULL) {
		assert_int_equal(resolve(&conf, "user fed-listener 60001\n"
						"user fed-signer 60002\n"
						"user fed-sender 60003\n"),
		    -1);
		assert_string_equal(errors,
		    "f: expected a user that exists for fed-queued, found "
		    "\"_fedqueued\"\n");
	}
	assert_int_equal(
	    resolve(&conf, USERS "user fed-queued 4294967295\n"), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_base),
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_statements),
	    cmocka_unit_test(test_replacement),
	    cmocka_unit_test(test_spacing),
	    cmocka_unit_test(test_syntax_errors),
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_path_lengths),
	    cmocka_unit_test(test_name_lengths),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_times),
	    cmocka_unit_test(test_relations),
	    cmocka_unit_test(test_required),
	    cmocka_unit_test(test_many_errors),
	    cmocka_unit_test(test_nul),
	    cmocka_unit_test(test_database),
	    cmocka_unit_test(test_database_look),
	    cmocka_unit_test(test_database_length),
	    cmocka_unit_test(test_print),
	    cmocka_unit_test(test_file),
	    cmocka_unit_test(test_resolve_group),
	    cmocka_unit_test(test_resolve_users),
	};
	int result = cmocka_run_group_tests(tests, NULL, NULL);

	free(errors);
	return result;
}
