/* SPDX-License-Identifier: ISC */
/*
 * The numbers of fed.conf in one table: statement, kind, bounds and default.
 * The parser, the printer, the manual page's test and the tests of the bounds
 * all read it from here.
 */
#include <stddef.h>

#include "base/log.h"
#include "conf/conf.h"
#include "conf/conf_setting.h"

#define MS	    1
#define SECOND	    (1000 * MS)
#define MINUTE	    (60 * SECOND)
#define HOUR	    (60 * MINUTE)
#define DAY	    (24 * HOUR)
#define SECONDS(ms) ((ms) / SECOND)

/* The index of a choice is its value. */
static const char *const no_yes[] = {"no", "yes", NULL};
static const char *const handshakes[] = {"manual", "automatic", NULL};
static const char *const durability[] = {"unchecked", "checked", NULL};
static const char *const levels[] = {"error", "warning", "info", "debug", NULL};
static const char *const servers[] = {"full", "short", "off", NULL};

#define OFFSET(member) offsetof(struct settings, member)
#define CHOICE(group, name, member, value, choices)                            \
	{                                                                      \
		group, name, OFFSET(member), CONF_SETTING_CHOICE, 0,           \
		    sizeof(choices) / sizeof((choices)[0]) - 2, value, choices \
	}
#define NUMBER(group, name, member, minimum, maximum, value)               \
	{                                                                  \
		group, name, OFFSET(member), CONF_SETTING_NUMBER, minimum, \
		    maximum, value, NULL                                   \
	}
#define TIME(group, name, member, minimum, maximum, value)                  \
	{                                                                   \
		group, name, OFFSET(member), CONF_SETTING_TIME_MS, minimum, \
		    maximum, value, NULL                                    \
	}
#define TIME_S(group, name, member, minimum, maximum, value)                 \
	{                                                                    \
		group, name, OFFSET(member), CONF_SETTING_TIME_S,            \
		    SECONDS(minimum), SECONDS(maximum), SECONDS(value), NULL \
	}

/* clang-format off */
static const struct conf_setting table[] = {
CHOICE("answer", "ping", answer_ping, 1, no_yes),
CHOICE("answer", "info", answer_info, 1, no_yes),
CHOICE("trust", "handshake", trust_automatic, 0, handshakes),
CHOICE("log", "level", log_level, LOG_LEVEL_INFO, levels),
CHOICE("log", "servers", log_servers, LOG_SERVERS_SHORT, servers),
TIME_S("log", "signatures-file", signatures_file_s, SECOND, 30LL * DAY, DAY),
TIME_S("log", "signatures-kept", signatures_kept_s, SECOND, 3650LL * DAY,
    30LL * DAY),
CHOICE("database", "durability", durability_check, 1, durability),
TIME_S("check", "window", window_s, 10 * SECOND, HOUR, 300 * SECOND),

NUMBER("limit", "connections", connections, 1, 65536, 1000),
NUMBER("limit", "connections-per-circuit", connections_per_circuit,
    1, 65536, 16),
NUMBER("limit", "requests-pending", requests_pending, 1, 10000, 128),
NUMBER("limit", "inbox", inbox_messages, 1, 1000000000, 1000000),

NUMBER("rate", "items", items_per_minute, 0, 1000000, 100),
NUMBER("rate", "lookups", lookups_per_minute, 0, 1000000, 10),
NUMBER("rate", "strangers", strangers_per_second, 0, 1000000, 10),
NUMBER("rate", "failures", failures_per_second, 0, 1000000, 50),
NUMBER("rate", "signatures", signatures_per_second, 0, 1000000, 1000),
NUMBER("rate", "requests-per-circuit", requests_per_circuit,
    0, 1000000, 1200),
NUMBER("rate", "failures-per-circuit", failures_per_circuit,
    0, 1000000, 60),
NUMBER("rate", "body", body_rate, 0, 1048576, 1024),

TIME("timeout", "head", head_timeout_ms, 100 * MS, 5 * MINUTE, 10 * SECOND),
TIME("timeout", "body", body_timeout_ms, 100 * MS, 10 * MINUTE, 60 * SECOND),
TIME("timeout", "idle", idle_timeout_ms, 100 * MS, HOUR, 120 * SECOND),
TIME("timeout", "connect", connect_timeout_ms, 100 * MS, 10 * MINUTE,
    150 * SECOND),
TIME("timeout", "handshake", handshake_timeout_ms, 100 * MS, 10 * MINUTE,
    60 * SECOND),
TIME("timeout", "message", message_timeout_ms, 100 * MS, 10 * MINUTE,
    45 * SECOND),

TIME("retry", "minimum", retry_min_ms, 10 * MS, DAY, 15 * SECOND),
TIME("retry", "maximum", retry_max_ms, 10 * MS, 7 * DAY, HOUR),

NUMBER("queue", "attempts", attempts, 1, 1000, 5),
TIME_S("queue", "lifetime", lifetime_s, SECOND, 30LL * DAY, 14LL * DAY),
TIME_S("queue", "receipts", receipts_s, 0, 3650LL * DAY, 30LL * DAY),
TIME_S("queue", "payloads", payloads_s, 0, 3650LL * DAY, 7LL * DAY),
TIME("queue", "sweep", sweep_ms, 10 * MS, 30 * SECOND, 30 * SECOND),
TIME("queue", "lease", lease_ms, SECOND, HOUR, 300 * SECOND),

TIME("flush", "high", flush_high_ms, 0, 5 * MINUTE, 200 * MS),
TIME("flush", "normal", flush_normal_ms, 0, 5 * MINUTE, 1500 * MS),
TIME("flush", "low", flush_low_ms, 0, 5 * MINUTE, 10 * SECOND),

TIME("lookup", "answer", lookup_answer_ms, 10 * MS, 10 * SECOND, 500 * MS),
TIME_S("lookup", "lifetime", lookup_lifetime_s, SECOND, DAY, 10 * MINUTE),
TIME_S("lookup", "cache", lookup_cache_s, SECOND, 30LL * DAY, DAY),
TIME("health", "interval", health_interval_ms, 0, DAY, 10 * MINUTE),
TIME("health", "self-probe", health_self_probe_ms, 0, DAY, 15 * MINUTE),

NUMBER("sender", "connections", sender_connections, 1, 1000, 10),
NUMBER("sender", "idle", sender_idle, 0, 1000, 5),
TIME("sender", "idle-time", sender_idle_ms, 100 * MS, HOUR, 60 * SECOND),
};
/* clang-format on */

const struct conf_setting *
conf_setting_table(size_t *count)
{
	*count = sizeof(table) / sizeof(table[0]);
	return table;
}
