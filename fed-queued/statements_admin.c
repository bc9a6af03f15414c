/* SPDX-License-Identifier: ISC */
/*
 * What fedctl asks for, in SQL. What changes the queue is a function of the
 * schema (sql/admin.sql), since it takes several steps under locks.
 */
#include "statements_admin.h"

#define S	"federation."
/* The end of a to_char() */
#define AS_TIME " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
/* Seconds of the back-off of a row of peers p that are left. */
#define RETRY_S                                                        \
	"coalesce(greatest(extract(epoch FROM p.retry_at - now()), 0)" \
	"::bigint, 0)"

const char sql_counts[] =
    "SELECT (SELECT count(*) FROM " S "federated_message_queue"
    "  WHERE status IN ('pending', 'sending')),"
    " (SELECT count(*) FROM " S "federated_message_queue"
    "  WHERE status = 'failed'),"
    " (SELECT count(*) FROM " S "inbox WHERE acknowledged_at IS NULL),"
    " (SELECT count(*) FROM " S "federation_servers)";

/* $1 address, $2 public key, $3 actor */
const char sql_server_add[] =
    "WITH s AS (INSERT INTO " S "federation_servers"
    "  (onion_address, public_key) VALUES ($1::text, $2::text)"
    "  ON CONFLICT (onion_address) DO NOTHING RETURNING id, trust_level),"
    " k AS (SELECT id, trust_level FROM s UNION ALL"
    "  SELECT id, trust_level FROM " S "federation_servers"
    "  WHERE onion_address = $1::text LIMIT 1),"
    " p AS (INSERT INTO " S "peers (server_id, kept)"
    "  SELECT id, true FROM k"
    "  ON CONFLICT (server_id) DO UPDATE SET kept = true),"
    " a AS (INSERT INTO " S "audit (actor, action, onion_address)"
    "  SELECT $3::text, 'add', $1::text FROM s)"
    " SELECT k.id, k.trust_level, (SELECT count(*) FROM s) FROM k";

/* $1 address, $2 level, $3 actor */
const char sql_server_trust[] =
    "WITH s AS (UPDATE " S "federation_servers SET"
    "  trust_level = $2::int, updated_at = now(),"
    "  verified_at = CASE WHEN $2::int < 2 THEN NULL"
    "   ELSE coalesce(verified_at, now()) END"
    "  WHERE onion_address = $1::text RETURNING id),"
    " p AS (INSERT INTO " S "peers AS p (server_id, kept)"
    "  SELECT id, true FROM s"
    "  ON CONFLICT (server_id) DO UPDATE SET kept = true,"
    "   retry_at = NULL, retry_count = 0),"
    " a AS (INSERT INTO " S "audit (actor, action, onion_address, detail)"
    "  SELECT $3::text, 'trust', $1::text, $2::int::text FROM s)"
    " SELECT id FROM s";

const char sql_show_servers[] =
    "SELECT s.onion_address, s.server_name, s.trust_level, s.is_online,"
    " s.connection_failures, to_char(s.last_seen" AS_TIME ","
    " to_char(s.last_handshake" AS_TIME ","
    " coalesce(p.highest_serial, 0), p.last_code,"
    " (SELECT encode(c.key_id, 'hex') FROM " S "certificates c"
    "  WHERE c.server_id = s.id ORDER BY c.serial DESC LIMIT 1),"
    " p.paused_at IS NOT NULL"
    " FROM " S "federation_servers s"
    " LEFT JOIN " S "peers p ON p.server_id = s.id"
    " ORDER BY s.onion_address";

/* $1 pause, resume or retry; $2 address, $3 actor */
const char sql_server_change[] =
    "SELECT c.code, c.trust_level, c.paused, c.woken"
    " FROM " S "server_change($1::text, $2::text, $3::text) c";

const char sql_show_queue[] =
    "SELECT s.onion_address, q.priority, count(*) FILTER (WHERE"
    "  q.status = 'pending'), count(*) FILTER (WHERE q.status = 'sending'),"
    " count(*) FILTER (WHERE q.status = 'delivered'),"
    " count(*) FILTER (WHERE q.status = 'failed'),"
    " count(*) FILTER (WHERE q.held_at IS NOT NULL),"
    " coalesce(extract(epoch FROM now() - min(q.created_at) FILTER"
    "  (WHERE q.status IN ('pending', 'sending')))::bigint, 0),"
    " " RETRY_S ", p.paused_at IS NOT NULL,"
    " max(q.last_error) FILTER (WHERE q.last_error IS NOT NULL)"
    " FROM " S "federated_message_queue q"
    " JOIN " S "federation_servers s ON s.id = q.destination_server_id"
    " LEFT JOIN " S "peers p ON p.server_id = s.id"
    " GROUP BY s.onion_address, q.priority, p.retry_at, p.paused_at"
    " ORDER BY s.onion_address, q.priority";

/* $1 how many, $2 address or '': the newest first. */
const char sql_show_dead[] =
    "SELECT q.message_id, s.onion_address, q.priority,"
    " to_char(q.next_attempt_at" AS_TIME ", q.last_error, q.attempts,"
    " to_char(q.created_at" AS_TIME " FROM " S "federated_message_queue q"
    " JOIN " S "federation_servers s ON s.id = q.destination_server_id"
    " WHERE q.status = 'failed' AND $2::text IN (s.onion_address, '')"
    " ORDER BY q.next_attempt_at DESC, q.id DESC LIMIT $1::int";

/* $1 how many */
const char sql_room_list[] =
    "SELECT room, state, number, members, servers, trust_level,"
    " to_char(heard_at" AS_TIME ", home_silent"
    " FROM " S "room_list($1::int)";

const char sql_room_problems[] =
    "SELECT problem, subject, to_char(since" AS_TIME " FROM " S
    "room_problems(1000)";

/* $1 message id, $2 address or '' */
const char sql_queue_show[] =
    "SELECT q.message_id, s.onion_address, q.priority, q.status,"
    " q.held_at IS NOT NULL, q.attempts,"
    " extract(epoch FROM now() - q.created_at)::bigint,"
    " CASE WHEN q.status = 'pending' THEN greatest(extract(epoch FROM"
    "  q.next_attempt_at - now()), 0)::bigint ELSE 0 END,"
    " " RETRY_S ", p.paused_at IS NOT NULL,"
    " octet_length(q.encrypted_payload), q.last_error"
    " FROM " S "federated_message_queue q"
    " JOIN " S "federation_servers s ON s.id = q.destination_server_id"
    " LEFT JOIN " S "peers p ON p.server_id = s.id"
    " WHERE q.message_id = $1::uuid AND $2::text IN (s.onion_address, '')"
    " ORDER BY s.onion_address LIMIT 1000";

/* $1 message id, $2 address or ''. Of each server, what happened in order. */
const char sql_show_message[] =
    "SELECT to_char(e.at" AS_TIME ", e.event, s.onion_address, e.code,"
    " e.actor, e.times, to_char(e.until" AS_TIME ", e.receipt"
    " FROM " S "federated_message_queue q"
    " JOIN " S "federation_servers s ON s.id = q.destination_server_id,"
    " LATERAL (SELECT 0::bigint AS number, q.created_at AS at,"
    "   'enqueued' AS event, NULL::text AS code, NULL::text AS actor,"
    "   1 AS times, NULL::timestamptz AS until, NULL::boolean AS receipt"
    "  UNION ALL SELECT h.number, h.at, h.event, h.code, h.actor, h.times,"
    "   h.until, NULL FROM unnest(q.history) WITH ORDINALITY"
    "   AS h (at, until, event, code, actor, times, number)"
    "  UNION ALL SELECT 1000, q.delivered_at, 'delivered', NULL, NULL, 1,"
    "   NULL, EXISTS (SELECT 1 FROM " S "exchanges x"
    "    WHERE x.id = q.exchange_id) WHERE q.status = 'delivered') e"
    " WHERE q.message_id = $1::uuid AND $2::text IN (s.onion_address, '')"
    " ORDER BY s.onion_address, e.number LIMIT 10000";

/*
 * $1 action, $2 message id, $3 address or '', $4 lifetime in seconds, $5 actor
 */
const char sql_queue_change[] =
    "SELECT c.code, c.changed"
    " FROM " S "queue_change($1::text, $2::uuid, $3::text,"
    " $4::bigint * interval '1 s', $5::text) c";

/*
 * $1 action, $2 address, $3 lane and $4 queue id to begin behind, $5 the last
 * queue id, $6 most rows, $7 lifetime in seconds, $8 actor, $9 whether the
 * audit has it
 */
const char sql_queue_change_many[] =
    "SELECT c.code, c.seen, c.changed, c.next_lane, c.next_after, c.last"
    " FROM " S "queue_change_many($1::text, $2::text, $3::int, $4::bigint,"
    " $5::bigint, $6::int, $7::bigint * interval '1 s', $8::text,"
    " $9::boolean) c";
