/* SPDX-License-Identifier: ISC */
/* The table of statements, generated from statements.def. */
#include "db/statements.h"

/*
 * In a SELECT of one row: this transaction's commit does not wait for the disk.
 * For leases alone: one that is lost with the database's machine was only a
 * promise to the other workers, and what was sent under it is a duplicate then.
 */
#define UNHURRIED "set_config('synchronous_commit', 'off', true)"

/* Untouched: level 0, or 1 by handshake, nothing sent, no admin came. */
#define UNTOUCHED                                                             \
	" FROM federation.federation_servers s JOIN federation.peers p"       \
	" ON p.server_id = s.id"                                              \
	" WHERE s.trust_level BETWEEN 0 AND 1 AND NOT p.kept"                 \
	" AND NOT EXISTS (SELECT 1 FROM federation.federated_message_queue q" \
	"  WHERE q.destination_server_id = s.id)"                             \
	" AND NOT EXISTS (SELECT 1 FROM federation.evidence e"                \
	"  WHERE e.server_id = s.id)"                                         \
	" AND NOT EXISTS (SELECT 1 FROM federation.received_ids r"            \
	"  WHERE r.server_id = s.id)"                                         \
	" AND NOT EXISTS (SELECT 1 FROM federation.inbox i"                   \
	"  WHERE i.server_id = s.id)"                                         \
	" AND NOT EXISTS (SELECT 1 FROM federation.user_lookups l"            \
	"  WHERE l.server_id = s.id)"                                         \
	" AND NOT EXISTS (SELECT 1 FROM federation.room_members m"            \
	"  WHERE m.server_id = s.id)"                                         \
	" AND NOT EXISTS (SELECT 1 FROM federation.room_invited h"            \
	"  WHERE h.server_id = s.id)"                                         \
	" AND NOT EXISTS (SELECT 1 FROM federation.federated_rooms o"         \
	"  WHERE o.origin_server_id = s.id)"                                  \
	" AND NOT EXISTS (SELECT 1 FROM federation.federated_users u"         \
	"  WHERE u.remote_server_id = s.id)"

/* Ends servers v, with what is kept of them. */
#define FORGET                                                 \
	" c AS (DELETE FROM federation.certificates c USING v" \
	"  WHERE c.server_id = v.id),"                         \
	" p AS (DELETE FROM federation.peers p USING v"        \
	" WHERE p.server_id = v.id),"                          \
	" l AS (DELETE FROM federation.leases l USING v"       \
	" WHERE l.server_id = v.id)"                           \
	" DELETE FROM federation.federation_servers s USING v" \
	" WHERE s.id = v.id"

/* From a lane to the next by an index of those rows; begins in a bracket. */
#define LANES_LOOSE(of)                                                    \
	"SELECT destination_server_id AS server_id, priority"              \
	"  FROM federation.federated_message_queue"                        \
	"  WHERE status IN ('pending', 'sending') AND held_at IS NULL"     \
	"   AND " of "  ORDER BY destination_server_id, priority LIMIT 1)" \
	" UNION ALL"                                                       \
	" SELECT next.destination_server_id, next.priority FROM lane,"     \
	" LATERAL (SELECT q.destination_server_id, q.priority"             \
	"  FROM federation.federated_message_queue q"                      \
	"  WHERE q.status IN ('pending', 'sending') AND q.held_at IS NULL" \
	"   AND q." of " AND (q.destination_server_id, q.priority) >"      \
	"    (lane.server_id, lane.priority)"                              \
	"  ORDER BY q.destination_server_id, q.priority LIMIT 1) next)"

/* The end of a to_char(). */
#define AS_TIME " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"

/* Seconds of the back-off of a row of peers p that are left. */
#define RETRY_S                                                        \
	"coalesce(greatest(extract(epoch FROM p.retry_at - now()), 0)" \
	"::bigint, 0)"

#define FORMAT_TEXT   0
#define FORMAT_BINARY 1

const struct db_statement statements[SQL_COUNT] = {
#define STATEMENT(name, prepared, format, sql) {prepared, sql, FORMAT_##format},
#include "db/statements.def"
#undef STATEMENT
};
