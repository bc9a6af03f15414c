-- SPDX-License-Identifier: ISC
-- torfed schema, version 2: roles and what each may do.
--
--	_fedqueued	the daemon, named as its system user so that peer
--			authentication works: the DML of its statements, column
--			by column where a row holds what it must not change
--			(addresses, keys, payloads); no DDL, no TRUNCATE
--	fed_app		the chat server: EXECUTE on its contract's functions,
--			and the view of delivery states (both in 0003)
--	fed_admin	admin panels: trust changes by functions (0003), and
--			whatever is no payload to read
--	fed_definer	owner of the functions of 0003, nobody logs in as it
--
-- Roles belong to the whole cluster and may be there already, made by a
-- database administrator or for another database. None of them has a
-- password; grant fed_app to the chat server's own role, or map its system
-- user to it.

DO $$
DECLARE
	wanted record;
	present pg_catalog.pg_roles;
BEGIN
	FOR wanted IN VALUES ('_fedqueued', 'LOGIN'), ('fed_app', 'LOGIN'),
	    ('fed_admin', 'LOGIN'), ('fed_definer', 'NOLOGIN') LOOP
		SELECT * INTO present FROM pg_catalog.pg_roles
		    WHERE rolname = wanted.column1;
		IF NOT FOUND THEN
			EXECUTE format('CREATE ROLE %I %s', wanted.column1,
			    wanted.column2);
		ELSIF present.rolsuper OR present.rolcreaterole OR
		    present.rolcreatedb OR present.rolbypassrls OR
		    present.rolreplication THEN
			RAISE EXCEPTION 'role % has more rights than it may',
			    wanted.column1;
		END IF;
	END LOOP;
END
$$;

REVOKE ALL ON SCHEMA federation FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA federation FROM PUBLIC;
GRANT USAGE ON SCHEMA federation
    TO _fedqueued, fed_app, fed_admin, fed_definer;

-- The daemon.
GRANT SELECT ON federation.schema_version TO _fedqueued;
GRANT SELECT, INSERT, DELETE ON federation.federation_servers TO _fedqueued;
GRANT UPDATE (server_name, server_description, trust_level, verified_at,
    last_seen, last_handshake, connection_failures, is_online,
    software_version, supported_protocols, federation_metadata, updated_at)
    ON federation.federation_servers TO _fedqueued;
GRANT SELECT, INSERT, UPDATE, DELETE ON federation.peers TO _fedqueued;
GRANT SELECT, INSERT, DELETE ON federation.certificates TO _fedqueued;
GRANT SELECT ON federation.federated_message_queue TO _fedqueued;
GRANT UPDATE (status, attempts, next_attempt_at, last_error, delivered_at,
    exchange_id, held_at, history)
    ON federation.federated_message_queue TO _fedqueued;
GRANT SELECT, INSERT, UPDATE, DELETE ON federation.leases TO _fedqueued;
GRANT SELECT, INSERT, DELETE ON federation.incarnations TO _fedqueued;
GRANT SELECT, INSERT ON federation.epochs TO _fedqueued;
GRANT SELECT, INSERT ON federation.received_ids TO _fedqueued;
GRANT INSERT ON federation.inbox TO _fedqueued;
GRANT SELECT (inbox_id, message_id, server_id, received_at, acknowledged_at)
    ON federation.inbox TO _fedqueued;
GRANT INSERT ON federation.exchanges TO _fedqueued;
GRANT SELECT ON federation.exchanges TO _fedqueued;
GRANT INSERT ON federation.evidence TO _fedqueued;
GRANT SELECT (id, server_id, kind) ON federation.evidence TO _fedqueued;
GRANT INSERT ON federation.audit TO _fedqueued;
GRANT SELECT ON federation.self TO _fedqueued;

-- The owner of the functions and triggers.
GRANT SELECT, INSERT, UPDATE ON federation.self TO fed_definer;
GRANT SELECT, INSERT ON federation.federation_servers TO fed_definer;
GRANT UPDATE (trust_level, verified_at, updated_at)
    ON federation.federation_servers TO fed_definer;
GRANT SELECT, INSERT ON federation.peers TO fed_definer;
GRANT UPDATE (kept, retry_at, retry_count) ON federation.peers TO fed_definer;
GRANT SELECT, INSERT, UPDATE, DELETE ON federation.tombstones TO fed_definer;
GRANT SELECT, INSERT ON federation.federated_message_queue TO fed_definer;
GRANT SELECT ON federation.inbox TO fed_definer;
GRANT UPDATE (lease_until, acknowledged_at) ON federation.inbox
    TO fed_definer;
GRANT INSERT ON federation.audit TO fed_definer;
-- Pruning.
GRANT UPDATE (encrypted_payload), DELETE
    ON federation.federated_message_queue TO fed_definer;
GRANT UPDATE (delivered) ON federation.peers TO fed_definer;
GRANT DELETE ON federation.inbox TO fed_definer;
GRANT SELECT, DELETE ON federation.received_ids, federation.exchanges,
    federation.incarnations TO fed_definer;
GRANT UPDATE (seen_at) ON federation.incarnations TO fed_definer;
GRANT SELECT ON federation.epochs, federation.leases TO fed_definer;
GRANT SELECT, UPDATE ON federation.pruning TO fed_definer;

-- What an administrator does with the queue; leases are only locked.
GRANT UPDATE (status, attempts, next_attempt_at, last_error, held_at, history)
    ON federation.federated_message_queue TO fed_definer;
GRANT UPDATE (paused_at, woken) ON federation.peers TO fed_definer;
GRANT UPDATE (deadline) ON federation.leases TO fed_definer;

-- The quota.
GRANT SELECT ON federation.limits, federation.queue_depths TO fed_definer;
GRANT UPDATE (quota) ON federation.limits TO fed_definer;
GRANT INSERT, DELETE, UPDATE (waiting, last_id, counted_at)
    ON federation.queue_depths TO fed_definer;

-- Administrators: everything but payloads and acknowledgements.
GRANT SELECT ON federation.schema_version, federation.federation_servers,
    federation.peers, federation.tombstones, federation.certificates,
    federation.leases, federation.incarnations, federation.epochs,
    federation.limits, federation.audit, federation.self TO fed_admin;
GRANT SELECT (id, message_id, destination_server_id, status, attempts,
    max_attempts, next_attempt_at, last_error, priority, created_at,
    delivered_at, exchange_id, held_at, history, type)
    ON federation.federated_message_queue TO fed_admin;
GRANT SELECT (inbox_id, message_id, server_id, type, trust_level, received_at,
    lease_until, acknowledged_at) ON federation.inbox TO fed_admin;
GRANT SELECT (id, server_id, key_id, received_at)
    ON federation.exchanges TO fed_admin;
GRANT SELECT ON federation.receipts TO fed_admin;
GRANT SELECT (id, server_id, kind, message_id, created_at)
    ON federation.evidence TO fed_admin;

INSERT INTO federation.schema_version (version) VALUES (2);
