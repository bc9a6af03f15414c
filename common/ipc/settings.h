/* SPDX-License-Identifier: ISC */
/*
 * The settings that fedd hands to its children: numbers only, the same set to
 * each. fed.conf's defaults, bounds and names stand in one table
 * (common/conf/conf_setting_table.c); the database's connection string travels
 * beside them and to fed-queued alone.
 */
#ifndef TORFED_SETTINGS_H
#define TORFED_SETTINGS_H

#include <stdint.h>

#define DATABASE_SIZE 1024 /* bytes of a connection string, with NUL */

enum log_servers { LOG_SERVERS_FULL, LOG_SERVERS_SHORT, LOG_SERVERS_OFF };

/* All 64 bits wide so that one table can describe them. */
struct settings {
	int64_t proxy_line;	 /* 1: every connection begins with a
					 * PROXY line, 0: none does */
	int64_t answer_ping;	 /* 0 or 1 */
	int64_t answer_info;	 /* 0 or 1 */
	int64_t trust_automatic; /* 1: a handshake gives level 1 */
	int64_t log_servers;	 /* enum log_servers */
	int64_t log_level;	 /* enum log_level */
	int64_t window_s;	 /* time window, either side */

	/* fed-listener's limits; 0 = none where a rate */
	int64_t connections; /* at once, in all */
	int64_t connections_per_circuit;
	int64_t head_timeout_ms;
	int64_t body_timeout_ms;
	int64_t body_rate;	      /* bytes/s, at the least */
	int64_t idle_timeout_ms;      /* kept-alive connection */
	int64_t requests_per_circuit; /* a minute; 0 none */
	int64_t failures_per_circuit; /* the same, unauthentic ones */

	/* fed-queued's */
	int64_t requests_pending;     /* unanswered at once, then 503 */
	int64_t inbox_messages;	      /* not acknowledged, in all */
	int64_t items_per_minute;     /* level 1; 10x, 100x above; 0 none */
	int64_t lookups_per_minute;   /* of users, one server; 0 none */
	int64_t strangers_per_second; /* answers to strangers; 0 none */
	int64_t failures_per_second;  /* checks that end in 401; 0 none */
	int64_t attempts;	      /* signed refusals of one item */
	int64_t lifetime_s;	      /* of an item in the queue */
	int64_t receipts_s;	      /* kept; 0: only counts are */
	int64_t payloads_s;	      /* delivered ones, kept */
	int64_t retry_min_ms;	      /* back-off of a destination */
	int64_t retry_max_ms;
	int64_t sweep_ms;      /* queue looked at without a doorbell */
	int64_t lease_ms;      /* of a claim */
	int64_t flush_high_ms; /* mean of the random delay */
	int64_t flush_normal_ms;
	int64_t flush_low_ms;
	int64_t lookup_answer_ms;  /* from a look-up's receipt to its answer */
	int64_t lookup_lifetime_s; /* of a look-up of ours */
	int64_t lookup_cache_s;	   /* what was found is kept */
	int64_t durability_check;  /* 0: run on a database with fsync or
					 * full_page_writes off all the same */

	int64_t health_interval_ms;   /* of silence before a server is
					 * pinged; 0 never */
	int64_t health_self_probe_ms; /* between probes of our own onion
					 * service; 0 none */

	/* fed-sender's */
	int64_t sender_connections;   /* at once; half may be connecting */
	int64_t sender_idle;	      /* kept open unused */
	int64_t sender_idle_ms;	      /* for how long */
	int64_t connect_timeout_ms;   /* SOCKS, above tor's own 120 s */
	int64_t handshake_timeout_ms; /* from connected to whole answer */
	int64_t message_timeout_ms;

	/* fed-signer's */
	int64_t signatures_per_second; /* 0 none */
	int64_t signatures_file_s;     /* of its log, in one file */
	int64_t signatures_kept_s;     /* and then kept */

	int64_t control_group; /* gid that may mutate, -1 none */
};

#endif
