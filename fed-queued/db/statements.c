/* SPDX-License-Identifier: ISC */
/*
 * The SQL of fed-queued. Each statement is one transaction. What belongs
 * together is one statement with data-modifying WITH clauses: they see one
 * snapshot, and either all of it is committed or none.
 *
 * A result is only ever written under its claim id, so that a late worker
 * cannot overwrite what another did since.
 */
#include "db/statements.h"
#include "db/statements_admin.h"
#include "db/statements_home.h"
#include "db/statements_invites.h"
#include "db/statements_messages.h"
#include "db/statements_sync.h"

#define S	  "federation."

/*
 * In a SELECT of one row: this transaction's commit does not wait for the disk.
 * For leases alone: one that is lost with the database's machine was only a
 * promise to the other workers, and what was sent under it is a duplicate then.
 */
#define UNHURRIED "set_config('synchronous_commit', 'off', true)"

/*
 * $1 incarnation, $2 name. The predecessor of the same name is dead: its
 * leases are free at once.
 */
static const char sql_register[] =
    "WITH old AS (DELETE FROM " S "leases l USING " S "incarnations i"
    "  WHERE l.worker = i.id AND i.name = $2::text RETURNING 1),"
    " gone AS (DELETE FROM " S "incarnations i WHERE i.name = $2::text"
    "  AND NOT EXISTS (SELECT 1 FROM " S "epochs e"
    "   WHERE e.incarnation = i.id) RETURNING 1),"
    " own AS (INSERT INTO " S "incarnations (id, name)"
    "  VALUES ($1::uuid, $2::text) RETURNING 1)"
    " SELECT (SELECT count(*) FROM old), (SELECT count(*) FROM gone),"
    "  (SELECT count(*) FROM own)";

static const char sql_peers[] =
    "SELECT s.id, s.public_key, s.trust_level,"
    " coalesce(p.kept, false)::int, coalesce(p.highest_serial, 0),"
    " coalesce(p.min_serial, 0), coalesce(p.told_serial, 0),"
    " coalesce(greatest(extract(epoch FROM p.retry_at - now()) * 1000,"
    "  0)::bigint, 0), coalesce(p.retry_count, 0),"
    " coalesce(p.generation, 0), (p.paused_at IS NOT NULL)::int,"
    " coalesce(p.woken, 0)"
    " FROM " S "federation_servers s"
    " LEFT JOIN " S "peers p ON p.server_id = s.id";

static const char sql_certificates[] =
    "SELECT c.server_id, c.certificate FROM " S "certificates c"
    " JOIN " S "peers p ON p.server_id = c.server_id"
    " WHERE c.serial >= p.min_serial"
    " ORDER BY c.server_id, c.serial DESC";

/*
 * $1 address, $2 public key (hex), $3 name, $4 description, $5 version or
 * null, $6 protocols (JSON), $7 key id, $8 serial, $9 minSerial, $10
 * certificate, $11 level given to a stranger (0 or 1), $12 whether an admin
 * asked for it, $13 serial of ours that the peer now knows, or 0.
 * A blocked server gets no row back, and nothing of it is changed.
 */
static const char sql_handshake[] =
    "WITH s AS (INSERT INTO " S "federation_servers AS f"
    " (onion_address, public_key, server_name, server_description,"
    "  software_version, supported_protocols, trust_level,"
    "  last_handshake, last_seen, is_online)"
    " VALUES ($1::text, $2::text, $3::text, $4::text, $5::text, $6::jsonb,"
    "  $11::int, now(), now(), true)"
    " ON CONFLICT (onion_address) DO UPDATE SET"
    "  server_name = excluded.server_name,"
    "  server_description = excluded.server_description,"
    "  software_version = excluded.software_version,"
    "  supported_protocols = excluded.supported_protocols,"
    "  trust_level = CASE WHEN f.trust_level = 0 THEN $11::int"
    "   ELSE f.trust_level END,"
    "  last_handshake = now(), last_seen = now(), is_online = true,"
    "  connection_failures = 0, updated_at = now()"
    " WHERE f.trust_level >= 0"
    " RETURNING id, trust_level),"
    " p AS (INSERT INTO " S "peers AS p"
    " (server_id, kept, highest_serial, min_serial, told_serial)"
    " SELECT id, $12::boolean, $8::bigint, $9::bigint, $13::bigint FROM s"
    " ON CONFLICT (server_id) DO UPDATE SET"
    "  kept = p.kept OR excluded.kept,"
    "  highest_serial = greatest(p.highest_serial, excluded.highest_serial),"
    "  min_serial = greatest(p.min_serial, excluded.min_serial),"
    "  told_serial = greatest(p.told_serial, excluded.told_serial)"
    " RETURNING kept, highest_serial, min_serial, told_serial),"
    " c AS (INSERT INTO " S "certificates"
    " (key_id, server_id, serial, certificate)"
    " SELECT $7::bytea, id, $8::bigint, $10::bytea FROM s"
    " ON CONFLICT DO NOTHING RETURNING key_id),"
    " d AS (DELETE FROM " S "certificates c USING s"
    " WHERE c.server_id = s.id AND c.serial < (SELECT min(serial) FROM"
    "  (SELECT serial FROM " S "certificates k WHERE k.server_id = s.id"
    "   ORDER BY serial DESC LIMIT 7) newest)"
    "  AND (SELECT count(*) FROM " S "certificates k"
    "   WHERE k.server_id = s.id) >= 8"
    "  AND NOT EXISTS (SELECT 1 FROM " S "exchanges e" /* for receipts */
    "   WHERE e.server_id = s.id AND e.key_id = c.key_id) RETURNING 1)"
    " SELECT s.id, s.trust_level, p.kept::int, p.highest_serial,"
    "  p.min_serial, p.told_serial, (EXISTS (SELECT 1 FROM c) OR EXISTS"
    "  (SELECT 1 FROM " S "certificates k WHERE k.key_id = $7::bytea"
    "   AND k.server_id = s.id))::int FROM s, p";

/* Untouched: level 0, or 1 by handshake, nothing sent, no admin came. */
#define UNTOUCHED                                                             \
	" FROM " S "federation_servers s JOIN " S "peers p"                   \
	" ON p.server_id = s.id WHERE s.trust_level BETWEEN 0 AND 1 AND NOT " \
	"p.kept"                                                              \
	" AND NOT EXISTS (SELECT 1 FROM " S "federated_message_queue q"       \
	"  WHERE q.destination_server_id = s.id)"                             \
	" AND NOT EXISTS (SELECT 1 FROM " S "evidence e"                      \
	"  WHERE e.server_id = s.id)"                                         \
	" AND NOT EXISTS (SELECT 1 FROM " S "received_ids r"                  \
	"  WHERE r.server_id = s.id)"                                         \
	" AND NOT EXISTS (SELECT 1 FROM " S "inbox i"                         \
	"  WHERE i.server_id = s.id)"                                         \
	" AND NOT EXISTS (SELECT 1 FROM " S "user_lookups l"                  \
	"  WHERE l.server_id = s.id)"                                         \
	" AND NOT EXISTS (SELECT 1 FROM " S "room_members m"                  \
	"  WHERE m.server_id = s.id)"                                         \
	" AND NOT EXISTS (SELECT 1 FROM " S "room_shown h"                    \
	"  WHERE h.server_id = s.id)"                                         \
	" AND NOT EXISTS (SELECT 1 FROM " S "federated_rooms o"               \
	"  WHERE o.origin_server_id = s.id)"                                  \
	" AND NOT EXISTS (SELECT 1 FROM " S "federated_users u"               \
	"  WHERE u.remote_server_id = s.id)"
#define FORGET                                                               \
	" c AS (DELETE FROM " S "certificates c USING v"                     \
	"  WHERE c.server_id = v.id),"                                       \
	" p AS (DELETE FROM " S "peers p USING v WHERE p.server_id = v.id)," \
	" l AS (DELETE FROM " S "leases l USING v WHERE l.server_id = v.id)" \
	" DELETE FROM " S "federation_servers s USING v WHERE s.id = v.id"

/* $1 how many may stay */
static const char sql_stranger_evict[] =
    "WITH v AS (SELECT s.id" UNTOUCHED " ORDER BY random()"
    " LIMIT greatest((SELECT count(*)" UNTOUCHED ") - $1::int, 0)"
    " FOR UPDATE OF s SKIP LOCKED)," FORGET;

static const char sql_stranger_expire[] =
    "WITH v AS (SELECT s.id" UNTOUCHED
    " AND s.last_handshake < now() - interval '7 days'"
    " FOR UPDATE OF s SKIP LOCKED)," FORGET;

/*
 * $1 index, $2 server, $3 message id, $4 digest, $5 type, $6 payload: arrays
 * of one length, ids distinct. A row for each: index, whether it is new now,
 * the digest known before (null: none in this snapshot), the trust level. The
 * digest is looked up row by row: a join is planned as a scan of the whole
 * table while its statistics say that it is small.
 */
static const char sql_commit[] =
    "WITH i AS MATERIALIZED (SELECT u.*, s.trust_level"
    " FROM unnest($1::int[], $2::uuid[], $3::uuid[], $4::bytea[], $5::text[],"
    "  $6::bytea[]) AS u(index, server_id, message_id, digest, type, payload)"
    " JOIN " S "federation_servers s ON s.id = u.server_id),"
    " n AS (INSERT INTO " S "received_ids (server_id, message_id, digest)"
    " SELECT server_id, message_id, digest FROM i WHERE trust_level >= 1"
    " ON CONFLICT DO NOTHING RETURNING server_id, message_id),"
    " b AS (INSERT INTO " S "inbox"
    " (message_id, server_id, type, payload, trust_level)"
    " SELECT i.message_id, i.server_id, i.type, i.payload, i.trust_level"
    " FROM i JOIN n USING (server_id, message_id) ORDER BY i.index)"
    " SELECT i.index, (n.message_id IS NOT NULL)::int,"
    "  CASE WHEN n.message_id IS NULL THEN (SELECT r.digest"
    "   FROM " S "received_ids r WHERE r.server_id = i.server_id"
    "   AND r.message_id = i.message_id) END, i.trust_level"
    " FROM i LEFT JOIN n USING (server_id, message_id)";

/*
 * $1 inbox_id to begin behind, $2 the last one. Bounds and not a number of
 * rows: a plan that sorts all rows before it counts some would stop everything
 * else for seconds. How many, where the next begin (-1: there are none), and
 * the newest of all.
 */
static const char sql_inbox[] =
    "SELECT count(*), (SELECT coalesce(min(inbox_id) - 1, -1)"
    "  FROM " S "inbox WHERE acknowledged_at IS NULL"
    "   AND inbox_id > $2::bigint),"
    " (SELECT coalesce(max(inbox_id), 0) FROM " S "inbox)"
    " FROM " S "inbox WHERE acknowledged_at IS NULL"
    "  AND inbox_id > $1::bigint AND inbox_id <= $2::bigint";

/* $1 server, $2 kind, $3 message id or null, $4 first, $5 second */
static const char sql_evidence[] =
    "INSERT INTO " S "evidence (server_id, kind, message_id, first, second)"
    " SELECT $1::uuid, $2::text, $3::uuid, $4::bytea, $5::bytea"
    " WHERE (SELECT count(*) FROM " S "evidence WHERE server_id = $1::uuid"
    "  AND kind = $2::text) < 100";

/* $1 server, $2 whether its back-off ends with it */
static const char sql_peer_seen[] =
    "WITH p AS (UPDATE " S "peers SET retry_at = NULL, retry_count = 0,"
    "  last_code = NULL WHERE server_id = $1::uuid AND $2::boolean)"
    " UPDATE " S "federation_servers SET last_seen = now(),"
    " is_online = true, connection_failures = 0, updated_at = now()"
    " WHERE id = $1::uuid";

/*
 * Which lanes have something: an index probe for each, however many rows
 * there are in a lane (a loose index scan).
 */
static const char sql_work[] =
    "WITH RECURSIVE lane AS ("
    " (SELECT destination_server_id AS server_id, priority"
    "  FROM " S "federated_message_queue"
    "  WHERE status IN ('pending', 'sending') AND held_at IS NULL"
    "  ORDER BY destination_server_id, priority LIMIT 1)"
    " UNION ALL"
    " SELECT next.destination_server_id, next.priority FROM lane,"
    " LATERAL (SELECT q.destination_server_id, q.priority"
    "  FROM " S "federated_message_queue q"
    "  WHERE q.status IN ('pending', 'sending') AND q.held_at IS NULL"
    "   AND (q.destination_server_id, q.priority) >"
    "    (lane.server_id, lane.priority)"
    "  ORDER BY q.destination_server_id, q.priority LIMIT 1) next)"
    " SELECT server_id, priority, coalesce((SELECT max(id)"
    "  FROM " S "federated_message_queue), 0) FROM lane";

/* $1 queue id: lanes of what was enqueued since */
static const char sql_work_new[] =
    "SELECT destination_server_id, priority, max(id)"
    " FROM " S "federated_message_queue"
    " WHERE id > $1::bigint AND status IN ('pending', 'sending')"
    "  AND held_at IS NULL"
    " GROUP BY destination_server_id, priority";

/*
 * $1 server, $2 lane, $3 claim id, $4 worker, $5 lease in ms, $6 the highest
 * queue id that this lease has claimed, $7 most items, $8 most bytes (but for
 * the first item), $9 ms that no delay and no lease can be long: what lies
 * beyond was written under a clock that has been set back since, and is due.
 * The lane is named by the parameters and not by a join with the lease, and as
 * a range of priorities, so that the lane's index alone gives the order, and
 * the scan ends with the last item wanted. With one priority the planner looks
 * for the items of a lane that holds much of the table in the order of all ids.
 *
 * What this lease has claimed is 'sending' and passed over by that. What an
 * earlier lease left 'sending' is claimed in its order: it is more than one
 * claim if that lease's worker lost the database, and lies above what this one
 * has claimed. $10 is a queue id that no item to be found lies below, so that
 * what is settled and cannot be vacuumed yet is not read again and again; see
 * outbound/outbound.c.
 *
 * Always at least one row: whether the lease is ours, then an item or nulls,
 * for how many ms it is another's (null: it took it this moment), the oldest
 * transaction that runs, the next that will, and the item's type.
 */
static const char sql_claim[] =
    "WITH l AS (INSERT INTO " S "leases AS l"
    " (server_id, priority, claim_id, worker, deadline)"
    " VALUES ($1::uuid, $2::int, $3::uuid, $4::uuid,"
    "  now() + $5::bigint * interval '1 ms')"
    " ON CONFLICT (server_id, priority) DO UPDATE SET"
    "  claim_id = excluded.claim_id, worker = excluded.worker,"
    "  deadline = excluded.deadline"
    " WHERE l.deadline <= now() OR l.worker = excluded.worker"
    "  OR l.deadline > now() + $9::bigint * interval '1 ms'"
    " RETURNING server_id),"
    " r AS (SELECT q.id, octet_length(q.encrypted_payload) AS bytes"
    "  FROM " S "federated_message_queue q"
    "  WHERE (SELECT count(*) FROM l) = 1"
    "   AND q.destination_server_id = $1::uuid"
    "   AND (q.priority, q.id) > ($2::int, $10::bigint)"
    "   AND q.priority <= $2::int"
    "   AND q.status IN ('pending', 'sending') AND q.held_at IS NULL"
    "   AND (q.status = 'pending' OR q.id > $6::bigint)"
    "   AND (q.next_attempt_at <= now()"
    "    OR q.next_attempt_at <= q.created_at"
    "    OR q.next_attempt_at > now() + $9::bigint * interval '1 ms')"
    "  ORDER BY q.priority, q.id"
    "  LIMIT $7::int FOR UPDATE OF q SKIP LOCKED),"
    " f AS (SELECT id, sum(bytes + 100) OVER (ORDER BY id) AS total,"
    "  row_number() OVER (ORDER BY id) AS position FROM r),"
    " u AS (UPDATE " S "federated_message_queue q SET status = 'sending'"
    "  FROM f WHERE q.id = f.id"
    "   AND (f.total <= $8::bigint OR f.position = 1)"
    "  RETURNING q.id, q.message_id, q.encrypted_payload, q.attempts,"
    "   q.max_attempts, extract(epoch FROM now() - q.created_at)::bigint"
    "   AS age, q.type)"
    " SELECT (SELECT count(*) FROM l), u.id, u.message_id,"
    "  u.encrypted_payload, u.attempts, u.max_attempts, u.age,"
    "  CASE WHEN (SELECT count(*) FROM l) = 0 THEN (SELECT (extract(epoch"
    "   FROM x.deadline - now()) * 1000)::bigint FROM " S "leases x"
    "   WHERE x.server_id = $1::uuid AND x.priority = $2::int) END,"
    "  pg_snapshot_xmin(pg_current_snapshot())::text::bigint,"
    "  pg_snapshot_xmax(pg_current_snapshot())::text::bigint, u.type,"
    "  (SELECT mark FROM " S "self)"
    " FROM (SELECT " UNHURRIED ") one LEFT JOIN u ON true ORDER BY u.id";

/*
 * $1 server, $2 lane, $3 claim id; arrays: $4 queue ids, $5 status, $6
 * attempts to add, $7 errors ('' none), $8 ms until the next attempt. The
 * receipt, or nulls: $9 signing text of the request, $10 of the
 * acknowledgement, $11 its signature, $12 its payload, $13 its key id.
 * What a peer acknowledged was delivered, also if it was given up meanwhile.
 * By status itself all that waits would be found, over an index that was empty
 * when the statement was planned, and looked through for each item.
 */
static const char sql_settle[] =
    "WITH l AS (SELECT 1 FROM " S "leases WHERE server_id = $1::uuid"
    "  AND priority = $2::int AND claim_id = $3::uuid FOR SHARE),"
    " i AS (SELECT * FROM unnest($4::bigint[], $5::text[], $6::int[],"
    "  $7::text[], $8::bigint[])"
    "  AS u(id, status, attempts, error, delay)),"
    " e AS (INSERT INTO " S "exchanges (server_id, request_text, ack_text,"
    "  ack_signature, ack_payload, key_id)"
    "  SELECT $1::uuid, $9::bytea, $10::bytea, $11::bytea, $12::bytea,"
    "   $13::bytea FROM l WHERE $9::bytea IS NOT NULL"
    "   AND 'delivered' = ANY ($5::text[]) RETURNING id),"
    " q AS (UPDATE " S "federated_message_queue q SET status = i.status,"
    "  attempts = q.attempts + i.attempts,"
    "  last_error = nullif(i.error, ''),"
    "  next_attempt_at = CASE WHEN i.delay = 0 THEN q.created_at"
    "   ELSE now() + i.delay * interval '1 ms' END,"
    "  delivered_at = CASE WHEN i.status = 'delivered' THEN now() END,"
    "  exchange_id = CASE WHEN i.status = 'delivered' THEN"
    "   (SELECT id FROM e) END,"
    "  held_at = CASE WHEN i.status = 'pending' THEN q.held_at END,"
    "  history = CASE WHEN i.error = '' THEN q.history"
    "   ELSE " S "history_add(q.history, CASE i.status"
    "    WHEN 'failed' THEN 'failed' ELSE 'attempt' END, i.error, NULL) END"
    "  FROM l, i WHERE q.id = i.id"
    "   AND (q.status || '' IN ('pending', 'sending')"
    "    OR (q.status || '' = 'failed' AND i.status = 'delivered'))"
    "  RETURNING 1)"
    " SELECT count(*) FROM q";

/* $1 server, $2 lane, $3 claim id */
static const char sql_release[] =
    "WITH l AS (DELETE FROM " S "leases WHERE server_id = $1::uuid"
    "  AND priority = $2::int AND claim_id = $3::uuid RETURNING 1),"
    " q AS (UPDATE " S "federated_message_queue q SET status = 'pending' FROM l"
    "  WHERE q.destination_server_id = $1::uuid AND q.priority = $2::int"
    "   AND q.status = 'sending')"
    " SELECT " UNHURRIED;

/* $1 server, $2 ms, $3 count, $4 code, $5 generation; $6 whether the server
 * had been heard all the same, null: neither that nor that it was not there */
static const char sql_postpone[] =
    "WITH p AS (INSERT INTO " S "peers AS p"
    "  (server_id, retry_at, retry_count, last_code, generation)"
    "  VALUES ($1::uuid, now() + $2::bigint * interval '1 ms', $3::int,"
    "   $4::text, $5::int) ON CONFLICT (server_id) DO UPDATE SET"
    "  retry_at = excluded.retry_at, retry_count = excluded.retry_count,"
    "  last_code = excluded.last_code, generation = excluded.generation)"
    " UPDATE " S "federation_servers SET"
    " connection_failures = CASE WHEN $6::boolean THEN 0"
    "  ELSE connection_failures + 1 END, is_online = $6::boolean,"
    " last_seen = CASE WHEN $6::boolean THEN now() ELSE last_seen END,"
    " updated_at = now() WHERE id = $1::uuid AND $6::boolean IS NOT NULL";

/* $1 server, $2 ms of silence: another worker may have heard it since. */
static const char sql_silent[] =
    "UPDATE " S "federation_servers SET is_online = false,"
    " updated_at = now() WHERE id = $1::uuid AND is_online"
    " AND (last_seen IS NULL"
    "  OR last_seen < now() - $2::bigint * interval '1 ms')";

/*
 * $1 lifetime in seconds. What a worker that has gone away left as being sent
 * ends too, if nobody may claim it (held, or its server is paused or blocked);
 * an hour later, when no request of that time can be under way: a claim that
 * is made meanwhile finds the item too old itself.
 */
static const char sql_expire[] =
    "WITH p AS (SELECT id FROM " S "federated_message_queue"
    "  WHERE status = 'pending'"
    "  AND created_at < now() - $1::bigint * interval '1 s'"
    "  ORDER BY id LIMIT 10000 FOR UPDATE SKIP LOCKED),"
    " s AS (SELECT q.id FROM " S "federated_message_queue q"
    "  WHERE q.status = 'sending' AND q.created_at <"
    "   now() - $1::bigint * interval '1 s' - interval '1 hour'"
    "  AND NOT EXISTS (SELECT 1 FROM " S "leases l"
    "   WHERE l.server_id = q.destination_server_id"
    "   AND l.priority = q.priority AND l.deadline > now())"
    "  ORDER BY q.id LIMIT 10000 FOR UPDATE OF q SKIP LOCKED)"
    " UPDATE " S "federated_message_queue SET status = 'failed',"
    " last_error = 'EXPIRED', next_attempt_at = now(), held_at = NULL,"
    " history = " S "history_add(history, 'failed', 'EXPIRED', NULL)"
    " WHERE id IN (SELECT id FROM p UNION ALL SELECT id FROM s)";

/* $1 worker, $2 receipts and $3 payloads in seconds, $4 most rows of a kind */
static const char sql_prune[] =
    "SELECT " S "prune($1::uuid, $2::bigint * interval '1 s',"
    " $3::bigint * interval '1 s', $4::int)::int";

/* $1 message id, $2 address or ''; two rows tell that there are several. */
static const char sql_receipt[] =
    "SELECT e.request_text, e.ack_text, e.ack_signature, e.ack_payload,"
    " c.certificate, q.encrypted_payload"
    " FROM " S "federated_message_queue q"
    " JOIN " S "exchanges e ON e.id = q.exchange_id"
    " JOIN " S "federation_servers s ON s.id = q.destination_server_id"
    " JOIN " S "certificates c ON c.key_id = e.key_id"
    " WHERE q.message_id = $1::uuid"
    "  AND $2::text IN (s.onion_address, '') LIMIT 2";

/* $1 our address, $2 our certificate */
static const char sql_self[] = "SELECT " S "self_set($1::text, $2::bytea)";

/* $1 handle, $2 whether the asker may look up. A row when there is one. */
static const char sql_lookup_answer[] =
    "SELECT key_epoch, public_key, display_name, avatar"
    " FROM " S "lookup_answer($1::text, $2::boolean)";

/* $1 lifetime in seconds */
static const char sql_lookup_work[] =
    "SELECT " S "lookup_work($1::bigint * interval '1 s')";

/* $1 worker, $2 server, $3 lease in ms */
static const char sql_lookup_claim[] =
    "SELECT id, handle FROM " S "lookup_claim($1::uuid, $2::uuid,"
    " $3::bigint * interval '1 ms')";

/* $1 worker, $2 look-up, $3 ms */
static const char sql_lookup_later[] =
    "SELECT " S "lookup_later($1::uuid, $2::uuid, $3::bigint)";

/*
 * $1 worker, $2 look-up, $3 outcome, $4 code or null, $5 seconds to keep it,
 * and of a user: $6 key epoch, $7 key, $8 name or null, $9 avatar or null, $10
 * what the server signed
 */
static const char sql_lookup_settle[] =
    "SELECT " S "lookup_settle($1::uuid, $2::uuid, $3::text, $4::text,"
    " $5::bigint * interval '1 s', $6::bigint, $7::bytea, $8::text,"
    " $9::bytea, $10::bytea)";

const struct db_statement statements[SQL_COUNT] = {
    [SQL_REGISTER] = {"register", sql_register, 0},
    [SQL_PEERS] = {"peers", sql_peers, 0},
    [SQL_CERTIFICATES] = {"certificates", sql_certificates, 1},
    [SQL_HANDSHAKE] = {"handshake", sql_handshake, 0},
    [SQL_STRANGER_EVICT] = {"stranger_evict", sql_stranger_evict, 0},
    [SQL_STRANGER_EXPIRE] = {"stranger_expire", sql_stranger_expire, 0},
    [SQL_COMMIT] = {"commit", sql_commit, 1},
    [SQL_INBOX] = {"inbox", sql_inbox, 0},
    [SQL_EVIDENCE] = {"evidence", sql_evidence, 0},
    [SQL_PEER_SEEN] = {"peer_seen", sql_peer_seen, 0},
    [SQL_WORK] = {"work", sql_work, 1},
    [SQL_WORK_NEW] = {"work_new", sql_work_new, 1},
    [SQL_CLAIM] = {"claim", sql_claim, 1},
    [SQL_SETTLE] = {"settle", sql_settle, 0},
    [SQL_RELEASE] = {"release", sql_release, 0},
    [SQL_POSTPONE] = {"postpone", sql_postpone, 0},
    [SQL_SILENT] = {"silent", sql_silent, 0},
    [SQL_EXPIRE] = {"expire", sql_expire, 0},
    [SQL_PRUNE] = {"prune", sql_prune, 0},
    [SQL_SERVER_ADD] = {"server_add", sql_server_add, 0},
    [SQL_SERVER_TRUST] = {"server_trust", sql_server_trust, 0},
    [SQL_SHOW_SERVERS] = {"show_servers", sql_show_servers, 0},
    [SQL_SERVER_CHANGE] = {"server_change", sql_server_change, 0},
    [SQL_SHOW_QUEUE] = {"show_queue", sql_show_queue, 0},
    [SQL_ROOM_LIST] = {"room_list", sql_room_list, 0},
    [SQL_ROOM_PROBLEMS] = {"room_problems", sql_room_problems, 0},
    [SQL_SHOW_DEAD] = {"show_dead", sql_show_dead, 0},
    [SQL_SHOW_MESSAGE] = {"show_message", sql_show_message, 0},
    [SQL_QUEUE_SHOW] = {"queue_show", sql_queue_show, 0},
    [SQL_QUEUE_CHANGE] = {"queue_change", sql_queue_change, 0},
    [SQL_QUEUE_CHANGE_MANY] = {"queue_change_many", sql_queue_change_many, 0},
    [SQL_RECEIPT] = {"receipt", sql_receipt, 1},
    [SQL_COUNTS] = {"counts", sql_counts, 0},
    [SQL_SELF] = {"self", sql_self, 0},
    [SQL_LOOKUP_ANSWER] = {"lookup_answer", sql_lookup_answer, 1},
    [SQL_LOOKUP_WORK] = {"lookup_work", sql_lookup_work, 1},
    [SQL_LOOKUP_CLAIM] = {"lookup_claim", sql_lookup_claim, 1},
    [SQL_LOOKUP_LATER] = {"lookup_later", sql_lookup_later, 0},
    [SQL_LOOKUP_SETTLE] = {"lookup_settle", sql_lookup_settle, 0},
    [SQL_SYNC_ROOMS] = {"sync_rooms", sql_sync_rooms, 1},
    [SQL_SYNC_SERVERS] = {"sync_servers", sql_sync_servers, 1},
    [SQL_SYNC_DUE] = {"sync_due", sql_sync_due, 1},
    [SQL_SYNC_HEADS] = {"sync_heads", sql_sync_heads, 1},
    [SQL_SYNC_STREAMS] = {"sync_streams", sql_sync_streams, 1},
    [SQL_SYNC_COMPARE] = {"sync_compare", sql_sync_compare, 1},
    [SQL_SYNC_COMPARE_STREAMS] = {"sync_compare_streams",
	sql_sync_compare_streams, 1},
    [SQL_SYNC_HEARD] = {"sync_heard", sql_sync_heard, 0},
    [SQL_SELF_MARK] = {"self_mark", sql_self_mark, 1},
    [SQL_SYNC_BEHIND] = {"sync_behind", sql_sync_behind, 1},
    [SQL_SYNC_EPOCH] = {"sync_epoch", sql_sync_epoch, 1},
    [SQL_SYNC_EVENTS] = {"sync_events", sql_sync_events, 1},
    [SQL_SYNC_ITEMS] = {"sync_items", sql_sync_items, 1},
    [SQL_SYNC_RESEND] = {"sync_resend", sql_sync_resend, 0},
    [SQL_SYNC_DECLARED] = {"sync_declared", sql_sync_declared, 1},
    [SQL_SYNC_EVIDENCE] = {"sync_evidence", sql_sync_evidence, 1},
    [SQL_SYNC_MARK] = {"sync_mark", sql_sync_mark, 1},
    [SQL_SYNC_VOID_FACTS] = {"sync_void_facts", sql_sync_void_facts, 1},
    [SQL_SYNC_VOID] = {"sync_void", sql_sync_void, 1},
    [SQL_SYNC_CONFLICT] = {"sync_conflict", sql_sync_conflict, 1},
    [SQL_ROOM_MESSAGES_FACTS] = {"room_messages_facts", sql_room_messages_facts,
	1},
    [SQL_ROOM_MESSAGES_TAKE] = {"room_messages_take", sql_room_messages_take,
	1},
    [SQL_ROOM_MESSAGES_OPEN] = {"room_messages_open", sql_room_messages_open,
	1},
    [SQL_ROOM_MESSAGES_JUDGE] = {"room_messages_judge", sql_room_messages_judge,
	1},
    [SQL_ROOM_MESSAGES_NEW] = {"room_messages_new", sql_room_messages_new, 1},
    [SQL_ROOM_MESSAGES_NUMBER] = {"room_messages_number",
	sql_room_messages_number, 1},
    [SQL_ROOM_MESSAGES_WORK] = {"room_messages_work", sql_room_messages_work,
	1},
    [SQL_ROOM_PRESENT] = {"room_present", sql_room_present, 1},
    [SQL_ROOM_ITEM_RECEIVED] = {"room_item_received", sql_room_item_received,
	1},
    [SQL_ROOM_SHOWN_FACTS] = {"room_shown_facts", sql_room_shown_facts, 1},
    [SQL_ROOM_SHOWN_WRITE] = {"room_shown_write", sql_room_shown_write, 1},
    [SQL_ROOM_EVENT_FACTS] = {"room_event_facts", sql_room_event_facts, 1},
    [SQL_ROOM_EVENT_WRITE] = {"room_event_write", sql_room_event_write, 1},
    [SQL_ROOM_EVENT_CONFLICT] = {"room_event_conflict", sql_room_event_conflict,
	1},
    [SQL_ROOM_HOME_WORK] = {"room_home_work", sql_room_home_work, 1},
    [SQL_ROOM_HOME_NEXT] = {"room_home_next", sql_room_home_next, 1},
    [SQL_ROOM_EVENT_DECIDE] = {"room_event_decide", sql_room_event_decide, 1},
    [SQL_ROOM_EVENT_DROP] = {"room_event_drop", sql_room_event_drop, 1},
    [SQL_ROOM_WISH_END] = {"room_wish_end", sql_room_wish_end, 0},
};
