-- SPDX-License-Identifier: ISC
-- Roles, what each may do with the tables, and who owns what.
--
--	_fedqueued	the daemon, named as its system user so that peer
--			authentication works: the DML of its statements, column
--			by column where a row holds what it must not change
--			(addresses, keys, payloads); no DDL, no TRUNCATE
--	fed_app		the chat server: EXECUTE on its contract's functions,
--			and the contract's views
--	fed_admin	admin panels: trust changes by functions (servers.sql),
--			and whatever is no payload to read
--	fed_definer	owner of the functions and of the contract's views,
--			nobody logs in as it
--
-- Roles belong to the whole cluster and may be there already, made by a
-- database administrator or for another database. None of them has a
-- password; grant fed_app to the chat server's own role, or map its system
-- user to it.
--
-- Who may call a function stands at the end of the file that has it.

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

-- The daemon ---------------------------------------------------------------

GRANT SELECT ON federation.schema_version, federation.self TO _fedqueued;
GRANT SELECT, INSERT, DELETE ON federation.federation_servers TO _fedqueued;
GRANT UPDATE (server_name, server_description, trust_level, verified_at,
    last_seen, last_handshake, connection_failures, is_online,
    software_version, supported_protocols, federation_metadata, updated_at)
    ON federation.federation_servers TO _fedqueued;
GRANT SELECT, INSERT, UPDATE, DELETE ON federation.peers TO _fedqueued;
GRANT SELECT, INSERT, DELETE ON federation.certificates TO _fedqueued;
GRANT SELECT ON federation.federated_message_queue TO _fedqueued;
GRANT UPDATE (status, attempts, next_attempt_at, last_error, delivered_at,
    exchange_id, held_at, history, line, postponed)
    ON federation.federated_message_queue TO _fedqueued;
GRANT SELECT, INSERT, UPDATE, DELETE ON federation.leases TO _fedqueued;
GRANT SELECT, INSERT, DELETE ON federation.incarnations TO _fedqueued;
GRANT SELECT, INSERT ON federation.epochs, federation.received_ids,
    federation.exchanges TO _fedqueued;
GRANT INSERT ON federation.inbox, federation.evidence, federation.audit
    TO _fedqueued;
GRANT SELECT (inbox_id, message_id, server_id, received_at, acknowledged_at)
    ON federation.inbox TO _fedqueued;
GRANT SELECT (id, server_id, kind) ON federation.evidence TO _fedqueued;

-- Strangers that somebody looked up at, or that are in a room, are not evicted.
-- The daemon touches no other table of users and rooms but by functions of
-- fed_definer's.
GRANT SELECT (server_id) ON federation.user_lookups, federation.room_members,
    federation.room_invited TO _fedqueued;
GRANT SELECT (remote_server_id) ON federation.federated_users TO _fedqueued;
GRANT SELECT (origin_server_id) ON federation.federated_rooms TO _fedqueued;

-- The owner of the functions and triggers ----------------------------------

GRANT SELECT, INSERT, UPDATE ON federation.self TO fed_definer;
GRANT SELECT, INSERT ON federation.federation_servers, federation.peers
    TO fed_definer;
GRANT UPDATE (trust_level, verified_at, updated_at)
    ON federation.federation_servers TO fed_definer;
GRANT UPDATE (kept, retry_at, retry_count, paused_at, woken, delivered)
    ON federation.peers TO fed_definer;
GRANT SELECT, INSERT, UPDATE, DELETE ON federation.tombstones TO fed_definer;
GRANT SELECT ON federation.certificates TO fed_definer;
GRANT INSERT ON federation.audit TO fed_definer;

-- The queue: what an application enqueues, an administrator changes, is sent
-- again or pruned, and claimed under a lease.
GRANT SELECT, INSERT, DELETE ON federation.federated_message_queue
    TO fed_definer;
GRANT UPDATE (status, attempts, next_attempt_at, last_error, encrypted_payload,
    delivered_at, exchange_id, held_at, history, postponed, created_at)
    ON federation.federated_message_queue TO fed_definer;
GRANT SELECT ON federation.epochs TO fed_definer;
GRANT SELECT, INSERT ON federation.leases TO fed_definer;
GRANT UPDATE (claim_id, worker, deadline) ON federation.leases TO fed_definer;
GRANT SELECT, DELETE ON federation.exchanges, federation.incarnations
    TO fed_definer;
GRANT UPDATE (seen_at) ON federation.incarnations TO fed_definer;
GRANT SELECT, UPDATE ON federation.pruning TO fed_definer;

-- The quota.
GRANT SELECT ON federation.limits, federation.queue_depths TO fed_definer;
GRANT UPDATE (quota) ON federation.limits TO fed_definer;
GRANT INSERT, DELETE, UPDATE (waiting, last_id, counted_at)
    ON federation.queue_depths TO fed_definer;

-- Receiving.
GRANT SELECT, INSERT, DELETE ON federation.inbox, federation.received_ids
    TO fed_definer;
GRANT UPDATE (lease_until, acknowledged_at) ON federation.inbox
    TO fed_definer;
GRANT INSERT, SELECT (server_id, kind, created_at) ON federation.evidence
    TO fed_definer;

-- Users and rooms.
GRANT SELECT, INSERT, UPDATE ON federation.local_users TO fed_definer;
GRANT SELECT, INSERT, UPDATE, DELETE ON federation.federated_users,
    federation.user_keys, federation.user_lookups TO fed_definer;
GRANT SELECT, INSERT, UPDATE, DELETE ON federation.federated_rooms,
    federation.room_members, federation.room_state_events,
    federation.room_states, federation.room_invites, federation.room_invited,
    federation.room_asked, federation.room_streams, federation.room_proofs,
    federation.room_items, federation.room_voids, federation.room_evidence,
    federation.room_stated, federation.room_limits TO fed_definer;
GRANT SELECT, INSERT ON federation.room_certificates TO fed_definer;

-- Administrators: everything but payloads and acknowledgements -------------

GRANT SELECT ON federation.schema_version, federation.federation_servers,
    federation.peers, federation.tombstones, federation.certificates,
    federation.leases, federation.incarnations, federation.epochs,
    federation.limits, federation.room_limits, federation.audit,
    federation.self,
    federation.receipts TO fed_admin;
GRANT SELECT (id, message_id, destination_server_id, status, attempts,
    max_attempts, next_attempt_at, last_error, priority, created_at,
    delivered_at, exchange_id, held_at, history, type)
    ON federation.federated_message_queue TO fed_admin;
GRANT SELECT (inbox_id, message_id, server_id, type, trust_level, received_at,
    lease_until, acknowledged_at) ON federation.inbox TO fed_admin;
GRANT SELECT (id, server_id, key_id, received_at)
    ON federation.exchanges TO fed_admin;
GRANT SELECT (id, server_id, kind, message_id, created_at)
    ON federation.evidence TO fed_admin;

-- Owners -------------------------------------------------------------------

-- Gives fed_definer the functions, and the views that are the contract's (they
-- have a security_barrier), and takes the right to call them from everybody
-- else but those whom a GRANT names. Whatever makes a function or such a view
-- calls it at its end, after its GRANTs: from here on they are fed_definer's to
-- give. It has what the change of owners needs for so long, and an owner of
-- the schema who is no superuser joins it for so long.
CREATE PROCEDURE federation.owners_set()
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	joins CONSTANT boolean := NOT pg_has_role('fed_definer', 'USAGE');
	name text;
BEGIN
	GRANT CREATE ON SCHEMA federation TO fed_definer;
	IF joins THEN
		GRANT fed_definer TO CURRENT_USER;
	END IF;
	REVOKE ALL ON ALL ROUTINES IN SCHEMA federation FROM PUBLIC;
	FOR name IN SELECT p.oid::regprocedure FROM pg_proc p
	    WHERE p.pronamespace = 'federation'::regnamespace
	    AND p.prokind = 'f' AND p.proowner <> 'fed_definer'::regrole LOOP
		EXECUTE format('ALTER FUNCTION %s OWNER TO fed_definer', name);
	END LOOP;
	FOR name IN SELECT c.oid::regclass FROM pg_class c
	    WHERE c.relnamespace = 'federation'::regnamespace
	    AND c.relkind = 'v' AND c.relowner <> 'fed_definer'::regrole
	    AND 'security_barrier=true' = ANY (c.reloptions) LOOP
		EXECUTE format('REVOKE ALL ON %s FROM PUBLIC', name);
		EXECUTE format('ALTER VIEW %s OWNER TO fed_definer', name);
	END LOOP;
	IF joins THEN
		REVOKE fed_definer FROM CURRENT_USER;
	END IF;
	REVOKE CREATE ON SCHEMA federation FROM fed_definer;
END
$$;
