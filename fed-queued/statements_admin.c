/* SPDX-License-Identifier: ISC */
/* What fedctl asks for, in SQL. */
#include "statements_admin.h"

#define S "federation."

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
    " s.connection_failures,"
    " to_char(s.last_seen AT TIME ZONE 'UTC', "
    "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"
    " to_char(s.last_handshake AT TIME ZONE 'UTC',"
    "  'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"
    " coalesce(p.highest_serial, 0), p.last_code,"
    " (SELECT encode(c.key_id, 'hex') FROM " S "certificates c"
    "  WHERE c.server_id = s.id ORDER BY c.serial DESC LIMIT 1)"
    " FROM " S "federation_servers s"
    " LEFT JOIN " S "peers p ON p.server_id = s.id"
    " ORDER BY s.onion_address";

const char sql_show_queue[] =
    "SELECT s.onion_address, q.priority, count(*) FILTER (WHERE"
    "  q.status = 'pending'), count(*) FILTER (WHERE q.status = 'sending'),"
    " count(*) FILTER (WHERE q.status = 'delivered'),"
    " count(*) FILTER (WHERE q.status = 'failed'),"
    " coalesce(extract(epoch FROM now() - min(q.created_at) FILTER"
    "  (WHERE q.status IN ('pending', 'sending')))::bigint, 0),"
    " max(q.last_error) FILTER (WHERE q.last_error IS NOT NULL),"
    " coalesce(greatest(extract(epoch FROM max(p.retry_at) - now()),"
    "  0)::bigint, 0)"
    " FROM " S "federated_message_queue q"
    " JOIN " S "federation_servers s ON s.id = q.destination_server_id"
    " LEFT JOIN " S "peers p ON p.server_id = s.id"
    " GROUP BY s.onion_address, q.priority"
    " ORDER BY s.onion_address, q.priority";
