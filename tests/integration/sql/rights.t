#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""The schema to the letter, and who may do what with it: the catalogues
against a golden list, and the attempts themselves.

rights.t --print writes the golden list anew."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "lib"))
import psycopg2  # noqa: E402
import tap  # noqa: E402
from pgcluster import (Cluster, ROOT, SQL, schema_checksum,  # noqa: E402
                       schema_files)
from sqlhelp import code, one, rows  # noqa: E402

GOLDEN = os.path.join(ROOT, "tests", "golden", "sql", "rights.txt")
ROLES = ("_fedqueued", "fed_app", "fed_admin", "fed_definer")
TABLES = {
    "federation_servers": """
        id uuid, onion_address character varying(62), public_key text,
        server_name character varying(255), server_description text,
        is_trusted boolean, trust_level integer,
        verified_at timestamp with time zone,
        last_seen timestamp with time zone,
        last_handshake timestamp with time zone,
        connection_failures integer, is_online boolean,
        software_version character varying(50), supported_protocols jsonb,
        federation_metadata jsonb, created_at timestamp with time zone,
        updated_at timestamp with time zone""",
    "federated_users": """
        id uuid, local_id text, remote_server_id uuid,
        username character varying(255),
        display_name character varying(255), public_key text, avatar bytea,
        last_updated timestamp with time zone,
        cache_expires_at timestamp with time zone,
        created_at timestamp with time zone""",
    "federated_rooms": """
        id uuid, room_id uuid, origin_server_id uuid,
        is_local_origin boolean, federation_enabled boolean,
        allowed_servers jsonb, global_room_id text,
        created_at timestamp with time zone,
        updated_at timestamp with time zone""",
    "federated_message_queue": """
        id bigint, message_id uuid, destination_server_id uuid, status text,
        attempts integer, max_attempts integer,
        next_attempt_at timestamp with time zone, last_error text,
        encrypted_payload bytea, priority integer,
        created_at timestamp with time zone,
        delivered_at timestamp with time zone, exchange_id bigint,
        held_at timestamp with time zone,
        history federation.message_event[], type text, line uuid,
        postponed integer""",
}
UNIQUE = [
    "federated_message_queue UNIQUE (message_id, destination_server_id)",
    "federated_rooms UNIQUE (global_room_id)",
    "federated_users UNIQUE (local_id, remote_server_id)",
    "federation_servers UNIQUE (onion_address)",
]
# Every right in the schema that somebody other than an object's owner has.
RIGHTS = """
SELECT DISTINCT format('%s %s %s', CASE grantee WHEN 0 THEN 'PUBLIC'
	ELSE pg_get_userbyid(grantee) END, object, privilege_type)
    COLLATE "C" AS line
FROM (
    SELECT 'schema ' || nspname, nspowner, nspacl FROM pg_namespace
	WHERE nspname = 'federation'
    UNION ALL SELECT relname, relowner, coalesce(relacl,
	acldefault('r', relowner)) FROM pg_class
	WHERE relnamespace = 'federation'::regnamespace
	AND relkind IN ('r', 'v', 'S')
    UNION ALL SELECT relname || '.' || attname, relowner, attacl
	FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
	WHERE relnamespace = 'federation'::regnamespace
	AND attacl IS NOT NULL
    UNION ALL SELECT oid::regprocedure::text, proowner, coalesce(proacl,
	acldefault('f', proowner)) FROM pg_proc
	WHERE pronamespace = 'federation'::regnamespace
) o (object, owner, acl), aclexplode(acl)
WHERE grantee <> owner ORDER BY line"""

cluster = None


def golden_list(owner):
    return [line for (line,) in rows(owner, RIGHTS)]


def columns(owner):
    for table, expected in TABLES.items():
        found = rows(owner, "SELECT attname || ' ' || format_type(atttypid, "
                     "atttypmod) FROM pg_attribute WHERE attrelid = "
                     "('federation.' || %s)::regclass AND attnum > 0 "
                     "ORDER BY attnum", table)
        tap.equal([line for (line,) in found],
                  " ".join(expected.split()).split(", "),
                  table + ": columns")
    found = rows(owner, "SELECT conrelid::regclass::text, "
                 "pg_get_constraintdef(oid) FROM pg_constraint WHERE contype "
                 "= 'u' AND connamespace = 'federation'::regnamespace "
                 "ORDER BY 1")
    found = ["%s %s" % (t.replace("federation.", ""), c) for t, c in found
             if t.replace("federation.", "") in TABLES]
    tap.equal(found, UNIQUE, "what is unique")
    tap.equal(rows(owner, "SELECT generation_expression FROM "
                   "information_schema.columns WHERE column_name = "
                   "'is_trusted' AND is_generated = 'ALWAYS'"),
              [("(trust_level >= 2)",)], "is_trusted is generated")
    tap.equal(one(owner, "SELECT column_default FROM "
                  "information_schema.columns WHERE column_name = "
                  "'max_attempts'"), "5", "max_attempts' default")
    tap.equal(rows(owner, "SELECT version, checksum FROM "
                   "federation.schema_version ORDER BY 1"),
              [(1, schema_checksum())], "the version is recorded")


def indexes(owner):
    """A reference to a server without an index makes evictions slow."""
    found = rows(owner, "SELECT conrelid::regclass::text, attname FROM "
                 "pg_constraint c JOIN pg_attribute a ON a.attrelid = "
                 "conrelid AND a.attnum = conkey[1] WHERE contype = 'f' AND "
                 "connamespace = 'federation'::regnamespace AND NOT EXISTS "
                 "(SELECT 1 FROM pg_index i WHERE i.indrelid = conrelid AND "
                 "indkey[0] = conkey[1] AND indpred IS NULL)")
    tap.equal(found, [], "every foreign key has an index")
    for table, column in (("federation_servers", "onion_address"),
                          ("federation_servers", "trust_level"),
                          ("federation_servers", "is_online"),
                          ("federated_message_queue", "status"),
                          ("federated_message_queue",
                           "destination_server_id")):
        tap.ok(one(owner, "SELECT count(*) FROM pg_index JOIN pg_attribute "
                   "ON attrelid = indrelid AND attnum = indkey[0] WHERE "
                   "indrelid = ('federation.' || %s)::regclass AND "
                   "attname = %s", table, column),
               "%s is indexed by %s" % (table, column))


def rights(owner):
    with open(GOLDEN) as file:
        golden = file.read().splitlines()
    found = golden_list(owner)
    tap.equal(sorted(set(found) - set(golden)), [], "no right too many")
    tap.equal(sorted(set(golden) - set(found)), [], "no right too few")
    tap.equal([line for line in found if line.startswith("PUBLIC")], [],
              "everybody: nothing")
    tap.equal(rows(owner, "SELECT rolname, rolcanlogin FROM pg_roles WHERE "
                   "rolname = ANY (%s) ORDER BY 1", list(ROLES)),
              [("_fedqueued", True), ("fed_admin", True), ("fed_app", True),
               ("fed_definer", False)], "who may log in")
    tap.equal(one(owner, "SELECT count(*) FROM pg_roles WHERE rolname = ANY "
                  "(%s) AND (rolsuper OR rolcreaterole OR rolcreatedb OR "
                  "rolreplication OR rolbypassrls)", list(ROLES)), 0,
              "none of them is more than a role")
    tap.equal(one(owner, "SELECT count(*) FROM pg_auth_members WHERE "
                  "roleid::regrole::text = ANY (%s) OR "
                  "member::regrole::text = ANY (%s)", list(ROLES),
                  list(ROLES)), 0, "none of them is in another")
    tap.equal(rows(owner, "SELECT oid::regprocedure FROM pg_proc WHERE "
                   "pronamespace = 'federation'::regnamespace AND "
                   "prokind <> 'p' AND "
                   "(proowner <> 'fed_definer'::regrole OR "
                   "'search_path=pg_catalog, pg_temp' <> ALL (proconfig) OR "
                   "proconfig IS NULL)"),
              [], "each function: its owner and its search_path")
    tap.equal(rows(owner, "SELECT proname, proowner = nspowner, prosecdef, "
                   "proconfig FROM pg_proc JOIN pg_namespace n ON n.oid = "
                   "pronamespace WHERE nspname = 'federation' AND prokind = "
                   "'p'"),
              [("owners_set", True, False,
                ["search_path=pg_catalog, pg_temp"])],
              "one procedure, which runs as its caller, the owner")
    tap.equal(sorted(v for (v,) in rows(
        owner, "SELECT relname FROM pg_class WHERE relnamespace = "
        "'federation'::regnamespace AND relkind = 'v' AND relowner = "
        "'fed_definer'::regrole")), sorted(VIEWS), "each view's owner")
    tap.equal(sorted(r for (r,) in rows(
        owner, "SELECT proname FROM pg_proc WHERE pronamespace = "
        "'federation'::regnamespace AND prokind <> 'p' AND NOT prosecdef")),
        ["base64", "display_name_valid", "history_add",
         "onion_checksum", "onion_key", "payload_bytes"],
        "only those that touch no table run as their caller")


# Arguments that a function of the contract refuses.
VALUES = {"text": "''", "bytea": "''::bytea", "integer": "-9",
          "uuid": "'00000000-0000-0000-0000-000000000000'::uuid",
          "interval": "'0'::interval", "bigint": "-9",
          "bigint[]": "NULL::bigint[]", "boolean": "NULL::boolean",
          "federation.message_event[]": "'{}'", "jsonb": "'{}'::jsonb",
          "text[]": "NULL::text[]", "bytea[]": "NULL::bytea[]",
          "uuid[]": "NULL::uuid[]", "integer[]": "NULL::integer[]",
          "boolean[]": "NULL::boolean[]",
          "timestamp with time zone": "NULL::timestamptz"}
# Without arguments that could be bad.
PLAIN = {"room_home_work", "room_home_certificates"}
VIEWS = {"delivery_state", "users", "servers", "rooms", "room_membership",
         "room_invitations", "room_requests", "room_delivery"}


def functions(owner):
    return rows(owner, "SELECT oid::regprocedure::text, pronargs, prorettype "
                "= 'trigger'::regtype FROM pg_proc WHERE pronamespace = "
                "'federation'::regnamespace AND prokind <> 'p' ORDER BY 1")


def attempts(owner):
    """Each role tries to read each table and to call each function."""
    tables = [t for (t,) in rows(
        owner, "SELECT oid::regclass::text FROM pg_class WHERE relnamespace "
        "= 'federation'::regnamespace AND relkind IN ('r', 'v') "
        "ORDER BY 1")]
    allowed = {
        "_fedqueued": {"prune", "lookup_answer", "lookup_work",
                       "lookup_claim", "lookup_later", "lookup_settle",
                       "history_add", "queue_claim", "queue_change",
                       "queue_change_many",
                       "server_change", "room_adopt", "room_adopt_end",
                       "servers_untold", "self_set", "self_past",
                       "self_log_begins", "self_epoch", "self_restored",
                       "self_settled", "self_alarm", "self_alarm_end",
                       "room_limits_set", "room_event_facts",
                       "room_event_write", "room_event_conflict",
                       "room_home_work", "room_home_next",
                       "room_home_certificates", "room_home_signed",
                       "room_event_decide", "room_event_drop",
                       "room_request_end", "room_messages_facts",
                       "room_messages_take", "room_messages_open",
                       "room_messages_judge", "room_messages_new",
                       "room_messages_number", "room_messages_work",
                       "room_present", "room_item_received",
                       "room_invitation_facts", "room_invitation_write",
                       "room_invited_due", "room_invited_tell", "sync_rooms",
                       "sync_servers", "sync_due", "sync_heads",
                       "sync_streams", "sync_compare",
                       "sync_compare_streams", "sync_heard", "sync_events",
                       "sync_items",
                       "sync_resend", "sync_holders", "sync_holds",
                       "sync_lost", "sync_declared", "sync_evidence",
                       "sync_mark", "sync_void_facts", "sync_void",
                       "sync_conflict", "room_list", "room_problems",
                       "vouch_names", "vouch_holds", "vouch_chain",
                       "vouch_disputes", "vouch_stream", "vouch_state",
                       "vouch_cut", "vouch_lift", "vouch_stream_cut"},
        "fed_app": {"enqueue", "inbox_claim", "inbox_acknowledge",
                    "user_publish", "user_withdraw", "user_lookup",
                    "user_forget", "own_address", "room_create",
                    "room_remove", "room_allow_servers", "room_rename",
                    "room_federate", "room_close", "room_invite",
                    "room_accept", "room_decline", "room_join", "room_leave",
                    "room_send", "inbox_extend", "inbox_release"},
        "fed_admin": {"server_add", "server_set_trust", "set_quota",
                      "invitation_release", "invitation_reject"}}
    for role, names in allowed.items():
        cursor = cluster.connect(role).cursor()
        for signature, _, is_trigger in functions(owner):
            name = signature.split("(")[0]
            types = signature.split("(")[1][:-1]
            values = ", ".join(VALUES.get(t, "NULL::" + t)
                               for t in types.split(",") if t)
            got = code(cursor, "SELECT %s(%s)" % (name, values))
            if name.split(".")[1] in names & PLAIN:
                tap.equal(got, "", "%s calls %s" % (role, name))
            elif name.split(".")[1] in names:
                tap.ok(got.startswith("FD"), "%s calls %s: %s" % (
                    role, name, got))
            elif is_trigger:
                tap.ok(got in ("42501", "0A000"),
                       "%s does not call %s" % (role, name))
            else:
                tap.equal(got, "42501", "%s does not call %s" % (role, name))
    app = cluster.connect("fed_app").cursor()
    for table in tables:
        readable = table.split(".")[1] in VIEWS
        view = readable or table == "federation.receipts"
        for verb in ("SELECT 1 FROM %s", "DELETE FROM %s", "TRUNCATE %s",
                     "SELECT 1 FROM %s FOR UPDATE"):
            tap.equal(code(app, verb % table),
                      "" if readable and verb == "SELECT 1 FROM %s" else
                      "42809" if view and verb.startswith("TRUNCATE") else
                      "55000" if view and verb.startswith("DELETE") and
                      table != "federation.servers" else
                      "42501", "fed_app: " + verb % table)


DAEMON = (
    "DROP TABLE federation.inbox", "DROP SCHEMA federation CASCADE",
    "DROP FUNCTION federation.enqueue(text, text, uuid, int)",
    "DROP TRIGGER bury ON federation.peers",
    "DROP INDEX federation.inbox_open",
    "ALTER TABLE federation.inbox ADD COLUMN x int",
    "ALTER TABLE federation.peers DISABLE TRIGGER ALL",
    "ALTER TABLE federation.inbox OWNER TO _fedqueued",
    "ALTER ROLE _fedqueued SUPERUSER", "CREATE ROLE x",
    "CREATE TABLE federation.x (x int)", "CREATE TABLE public.x (x int)",
    "CREATE SCHEMA x", "CREATE DATABASE x",
    "CREATE FUNCTION federation.x() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE INDEX ON federation.inbox (type)",
    "CREATE RULE r AS ON INSERT TO federation.inbox DO NOTHING",
    "TRUNCATE federation.inbox", "TRUNCATE federation.received_ids",
    "DO 'BEGIN LOCK TABLE federation.audit IN EXCLUSIVE MODE; END'",
    "GRANT SELECT ON federation.tombstones TO fed_app",
    "CALL federation.owners_set()",
    "SET ROLE fed_definer", "SET ROLE fed_admin",
    "SET SESSION AUTHORIZATION postgres",
    "COPY federation.peers TO PROGRAM 'true'",
    "COPY federation.schema_version TO '/tmp/x'",
    "SELECT pg_read_file('/etc/passwd')",
    "UPDATE federation.federation_servers SET onion_address = ''",
    "UPDATE federation.federation_servers SET public_key = ''",
    "UPDATE federation.federated_message_queue SET encrypted_payload = ''",
    "UPDATE federation.federated_message_queue SET message_id = NULL",
    "UPDATE federation.federated_message_queue SET created_at = now()",
    "SELECT federation.queue_apply('cancel', '{1}', '1 day', 'x')",
    "UPDATE federation.certificates SET certificate = ''",
    "UPDATE federation.received_ids SET digest = ''",
    "INSERT INTO federation.federated_message_queue DEFAULT VALUES",
    "DELETE FROM federation.federated_message_queue",
    "DELETE FROM federation.received_ids",
    "DELETE FROM federation.exchanges", "SELECT * FROM federation.pruning",
    "SELECT federation.prune_queue('0', 1)",
    "DELETE FROM federation.inbox", "UPDATE federation.inbox SET type = ''",
    "SELECT payload FROM federation.inbox",
    "DELETE FROM federation.audit", "SELECT * FROM federation.audit",
    "UPDATE federation.audit SET actor = ''",
    "DELETE FROM federation.evidence",
    "UPDATE federation.exchanges SET ack_text = ''",
    "DELETE FROM federation.tombstones",
    "UPDATE federation.schema_version SET version = 9",
    "SELECT * FROM federation.federated_users",
    "SELECT public_key FROM federation.federated_users",
    "UPDATE federation.federated_users SET public_key = ''",
    "DELETE FROM federation.federated_users",
    "SELECT * FROM federation.local_users",
    "SELECT handle FROM federation.local_users",
    "INSERT INTO federation.local_users (handle, key_epoch) VALUES ('a', 1)",
    "SELECT * FROM federation.user_keys",
    "SELECT handle FROM federation.user_lookups",
    "INSERT INTO federation.user_lookups (handle) VALUES ('a')",
    "SELECT * FROM federation.users",
    "SELECT * FROM federation.user_lookup('a@b')",
    "SELECT * FROM federation.delivery_state",
)
ADMIN = (
    "SELECT encrypted_payload FROM federation.federated_message_queue",
    "SELECT payload FROM federation.inbox",
    "SELECT * FROM federation.federated_message_queue",
    "SELECT * FROM federation.inbox",
    "SELECT ack_payload FROM federation.exchanges",
    "SELECT request_text FROM federation.exchanges",
    "SELECT first FROM federation.evidence",
    "SELECT second FROM federation.evidence",
    "SELECT payload FROM federation.room_state_events",
    "SELECT * FROM federation.federated_users",
    "SELECT * FROM federation.local_users", "SELECT * FROM federation.users",
    "SELECT * FROM federation.user_keys",
    "SELECT * FROM federation.user_lookups",
    "UPDATE federation.limits SET quota = 1",
    "UPDATE federation.federation_servers SET trust_level = 3",
    "DELETE FROM federation.audit",
    "INSERT INTO federation.audit (actor, action) VALUES ('', '')",
    "DELETE FROM federation.tombstones",
    "DROP TABLE federation.inbox", "SET ROLE fed_definer",
)
ADMIN_READS = (
    "SELECT quota FROM federation.limits",
    "SELECT * FROM federation.federation_servers",
    "SELECT * FROM federation.peers", "SELECT * FROM federation.audit",
    "SELECT * FROM federation.tombstones",
    "SELECT * FROM federation.certificates",
    "SELECT * FROM federation.delivery_state",
    "SELECT status, last_error FROM federation.federated_message_queue",
    "SELECT inbox_id, acknowledged_at FROM federation.inbox",
)


def refusals():
    for role, statements in (("_fedqueued", DAEMON), ("fed_admin", ADMIN)):
        connection = cluster.connect(role)
        for statement in statements:
            tap.equal(code(connection.cursor(), statement), "42501",
                      "%s may not: %s" % (role, statement))
        connection.close()
    admin = cluster.connect("fed_admin").cursor()
    for statement in ADMIN_READS:
        tap.equal(code(admin, statement), "", "fed_admin: " + statement)
    try:
        cluster.connect("fed_definer")
        tap.ok(False, "nobody logs in as fed_definer")
    except psycopg2.OperationalError as error:
        tap.ok("not permitted to log in" in str(error),
               "nobody logs in as fed_definer")


def schema_run(cursor, name):
    with open(os.path.join(SQL, name)) as file:
        return code(cursor, file.read())


def ordinary_owner(owner):
    """The schema made by a role that is no superuser, in a second database: the
    same rights, and nothing is left over."""
    owner.execute("CREATE ROLE keeper LOGIN")
    owner.execute("CREATE DATABASE second OWNER keeper")
    connection = cluster.connect("keeper", "second", autocommit=False)
    keeper = connection.cursor()
    # The roles are there, but the owner may not become one.
    tap.equal([schema_run(keeper, name) for name in schema_files()],
              [""] * (len(schema_files()) - 1) + ["42501"],
              "an owner who may not join fed_definer is refused")
    connection.rollback()
    owner.execute("GRANT fed_definer TO keeper")
    tap.equal([schema_run(keeper, name) for name in schema_files()],
              [""] * len(schema_files()), "one who may is not")
    connection.commit()
    connection.close()
    second = cluster.connect(dbname="second").cursor()
    tap.equal(golden_list(second), golden_list(owner),
              "migrated by its owner, the rights are the same")
    tap.equal(one(second, "SELECT has_schema_privilege('fed_definer', "
                  "'federation', 'CREATE')"), False,
              "fed_definer keeps no right to create")
    owner.execute("REVOKE fed_definer FROM keeper")
    owner.execute("ALTER ROLE keeper CREATEROLE")
    owner.execute("CREATE DATABASE third OWNER keeper")
    cluster.migrate("third", create=False, user="keeper")
    tap.equal(one(owner, "SELECT pg_has_role('keeper', 'fed_definer', "
                  "'MEMBER')"), False,
              "an owner who joined fed_definer by itself has left it")


def strong_role(owner):
    owner.execute("CREATE DATABASE fourth")
    for right in ("SUPERUSER", "CREATEROLE", "CREATEDB", "BYPASSRLS",
                  "REPLICATION"):
        owner.execute("ALTER ROLE fed_app " + right)
        connection = cluster.connect(dbname="fourth", autocommit=False)
        cursor = connection.cursor()
        for name in schema_files():
            got = schema_run(cursor, name)
            if name == "roles.sql":
                break
        tap.equal(got, "P0001", "a role fed_app with %s is refused" % right)
        connection.rollback()
        connection.close()
        owner.execute("ALTER ROLE fed_app NO" + right)


def test():
    global cluster
    with Cluster() as cluster:
        cluster.migrate()
        owner = cluster.connect().cursor()
        if sys.argv[1:] == ["--print"]:
            os.makedirs(os.path.dirname(GOLDEN), exist_ok=True)
            with open(GOLDEN, "w") as file:
                file.write("\n".join(golden_list(owner)) + "\n")
        columns(owner)
        indexes(owner)
        rights(owner)
        attempts(owner)
        refusals()
        rights(owner)
        ordinary_owner(owner)
        strong_role(owner)


if __name__ == "__main__":
    tap.main(test)
