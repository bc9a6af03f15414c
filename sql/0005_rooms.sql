-- SPDX-License-Identifier: ISC
-- torfed schema, version 5: rooms, their tables (federation(7), "ROOMS"). The
-- functions are in the files that follow: 0006 what a chat server calls, 0007
-- to 0009 what the daemon does.
--
-- A room's state is its chain of events, which the home signed. All other rows
-- follow from it, and are written in the transaction that takes the event.
-- Whoever changes anything of a room first locks its row of room_states, and
-- raises version; who decided by what he read before compares it.

-- Of a room that this server is in, or asked to join. One without events yet
-- has number 0.
CREATE TABLE federation.room_states (
	room_id		uuid PRIMARY KEY
	    REFERENCES federation.federated_rooms (id),
	version		bigint NOT NULL DEFAULT 0,
	number		bigint NOT NULL DEFAULT 0,
	hash		bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex')
	    CHECK (octet_length(hash) = 32),
	closed		bigint NOT NULL DEFAULT 0,
	disputed	bigint NOT NULL DEFAULT 0,
	require_invite	boolean NOT NULL DEFAULT true,
	-- is federation on, and is there a list of allowed servers: also in
	-- federated_rooms (federation_enabled, allowed_servers)
	federated	boolean NOT NULL DEFAULT true,
	restricted	boolean NOT NULL DEFAULT false,
	-- encrypted, as the last rename had it
	metadata	bytea,
	-- when something signed last came from the home
	heard_at	timestamptz NOT NULL DEFAULT now(),
	-- after a restore: servers that have told how far they are
	answered	uuid[] NOT NULL DEFAULT '{}',
	-- one of ours asked to join, perhaps more than once
	asked		boolean NOT NULL DEFAULT false
);

-- room_members: server_id is null for our own users. member is name@address
-- always. Current members have state_left null.
CREATE INDEX room_members_current ON federation.room_members
    (room_id, server_id) WHERE state_left IS NULL;
CREATE INDEX room_members_member ON federation.room_members (member);

-- Invitations in the chain.
CREATE TABLE federation.room_invites (
	room_id		uuid NOT NULL REFERENCES federation.federated_rooms (id),
	nonce		bytea NOT NULL CHECK (octet_length(nonce) = 16),
	number		bigint NOT NULL,
	expires_at	timestamptz NOT NULL,
	used		bigint NOT NULL DEFAULT 0, -- number of the join
	inviter		text NOT NULL,	-- name@address
	invitee		text NOT NULL,	-- the same
	PRIMARY KEY (room_id, nonce)
);
CREATE INDEX room_invites_invitee
    ON federation.room_invites (room_id, invitee, number);

-- Invitations shown to users of ours, by another server or by one of our own
-- users. The room need not be known here yet.
CREATE TABLE federation.room_shown (
	id		uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	global_room_id	text NOT NULL,
	nonce		bytea NOT NULL CHECK (octet_length(nonce) = 16),
	-- of the event, SHA-256 of its signing text
	event_hash	bytea NOT NULL CHECK (octet_length(event_hash) = 32),
	invitee		text NOT NULL,	-- our user's name, without address
	inviter		text NOT NULL,	-- name@address
	server_id	uuid REFERENCES federation.federation_servers (id),
	room_key	text NOT NULL,	-- base64, for the invitee alone
	metadata	text NOT NULL,	-- canonical JSON, "{}" none
	-- quarantine (for an admin), pending (for the invitee), accepted,
	-- declined, void (removed, or another one was used)
	state		text NOT NULL CHECK (state IN ('quarantine', 'pending',
	    'accepted', 'declined', 'void')),
	expires_at	timestamptz NOT NULL,
	received_at	timestamptz NOT NULL DEFAULT now(),
	UNIQUE (global_room_id, nonce)
);
CREATE INDEX room_shown_server ON federation.room_shown (server_id, state);
CREATE INDEX room_shown_invitee ON federation.room_shown (invitee, state);

-- What the application asked for, until it is so or was refused. Of rooms that
-- we are the home of, fed-queued takes them in the order of number; of others
-- an item of the same id is in the queue.
CREATE TABLE federation.room_wishes (
	id		uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	number		bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
	room_id		uuid NOT NULL REFERENCES federation.federated_rooms (id),
	kind		text NOT NULL CHECK (kind IN ('create', 'invite', 'join',
	    'leave', 'remove', 'allowed_servers', 'rename', 'federation',
	    'close')),
	-- whom the event is about, and who invites: name@address
	member		text,
	inviter		text,
	nonce		bytea,
	expires_at	timestamptz,
	require_invite	boolean,
	enabled		boolean,	-- create, federation
	servers		text[],		-- create, allowed_servers; null all
	metadata	bytea,		-- rename
	-- invite: what the invitation carries, kept until it was sent
	room_key	text,		-- base64
	invite_metadata	text,		-- canonical JSON
	state		text NOT NULL DEFAULT 'new' CHECK (state IN ('new',
	    'asked', 'done', 'refused')),
	code		text,
	created_at	timestamptz NOT NULL DEFAULT now(),
	settled_at	timestamptz
);
CREATE INDEX room_wishes_new ON federation.room_wishes (number)
    WHERE state = 'new';
CREATE INDEX room_wishes_room ON federation.room_wishes (room_id, kind);

-- Streams: struct room_stream. origin is an address, our own included. seen:
-- 128 bytes, struct's words, each little-endian.
CREATE TABLE federation.room_streams (
	room_id		uuid NOT NULL REFERENCES federation.federated_rooms (id),
	origin		text NOT NULL,
	epoch		bigint NOT NULL,
	lane		integer NOT NULL CHECK (lane BETWEEN 1 AND 3),
	contiguous	bigint NOT NULL DEFAULT 0,
	highest		bigint NOT NULL DEFAULT 0,
	gap_since	timestamptz,
	forked		bigint NOT NULL DEFAULT 0,
	seen		bytea NOT NULL DEFAULT decode(repeat('00', 128), 'hex')
	    CHECK (octet_length(seen) = 128),
	PRIMARY KEY (room_id, origin, epoch, lane)
);

-- What an origin signed, whole, so that others can be shown it: the signing
-- text of a request with items of rooms, or of an answer that declares numbers
-- void (then payload is the answer's).
CREATE TABLE federation.room_proofs (
	id		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	origin		text NOT NULL,
	signing_text	bytea NOT NULL,
	signature	bytea NOT NULL CHECK (octet_length(signature) = 64),
	key_id		bytea NOT NULL CHECK (octet_length(key_id) = 32),
	payload		bytea,
	received_at	timestamptz NOT NULL DEFAULT now()
);

-- Messages of rooms, ours and those of others. Ours begin as new, without a
-- place; fed-queued gives them one, writes payload and digest, and queues them.
CREATE TABLE federation.room_items (
	id		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	room_id		uuid NOT NULL REFERENCES federation.federated_rooms (id),
	origin		text NOT NULL,	-- address, our own included
	message_id	uuid NOT NULL,
	sender		text NOT NULL,	-- name, without address
	status		text NOT NULL CHECK (status IN ('new', 'taken', 'held',
	    'refused', 'cancelled')),
	code		text,		-- why refused
	flags		integer NOT NULL DEFAULT 0,	-- room_verdict.h
	lane		integer NOT NULL CHECK (lane BETWEEN 1 AND 3),
	epoch		bigint,
	sequence	bigint,
	state_number	bigint,
	digest		bytea CHECK (octet_length(digest) = 32),
	previous	bytea CHECK (octet_length(previous) = 32),
	-- canonical, whole; of one that is new: what it will be made of
	payload		bytea,
	content		bytea,
	message_type	text,
	metadata	text,		-- canonical JSON
	-- of others
	proof_id	bigint REFERENCES federation.room_proofs (id),
	since		timestamptz NOT NULL DEFAULT now(),
	UNIQUE (origin, message_id),
	UNIQUE (room_id, origin, epoch, lane, sequence)
);
CREATE INDEX room_items_new ON federation.room_items (room_id, id)
    WHERE status = 'new';
CREATE INDEX room_items_open ON federation.room_items (room_id, id)
    WHERE status = 'held' OR flags & 4 <> 0; -- ROOM_UNVERIFIED
CREATE INDEX room_items_proof ON federation.room_items (proof_id);
CREATE INDEX room_items_age ON federation.room_items (since);

-- Numbers that an origin declared void to us.
CREATE TABLE federation.room_voids (
	room_id		uuid NOT NULL REFERENCES federation.federated_rooms (id),
	origin		text NOT NULL,
	epoch		bigint NOT NULL,
	lane		integer NOT NULL,
	first		bigint NOT NULL,
	last		bigint NOT NULL,
	previous	bytea NOT NULL CHECK (octet_length(previous) = 32),
	digest		bytea NOT NULL CHECK (octet_length(digest) = 32),
	proof_id	bigint NOT NULL REFERENCES federation.room_proofs (id),
	PRIMARY KEY (room_id, origin, epoch, lane, first, last)
);
CREATE INDEX room_voids_proof ON federation.room_voids (proof_id);

-- Contradictions in rooms, whole, so that they can be shown to others: two
-- documents as server_sync has them.
CREATE TABLE federation.room_evidence (
	id		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	room_id		uuid NOT NULL REFERENCES federation.federated_rooms (id),
	origin		text NOT NULL,	-- who signed both
	kind		text NOT NULL CHECK (kind IN ('STATE_CONFLICT',
	    'STATE_INVALID', 'SEQUENCE_CONFLICT', 'ID_CONFLICT')),
	epoch		bigint NOT NULL DEFAULT 0,	-- 0: state
	lane		integer NOT NULL DEFAULT 0,
	number		bigint NOT NULL,
	first		bytea NOT NULL,
	second		bytea NOT NULL,
	created_at	timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX room_evidence_place
    ON federation.room_evidence (room_id, origin, epoch, lane, number);

-- Canonical JSON (RFC 8785) of what holds integers alone: keys by their bytes,
-- which is their order in UTF-16 as long as they are ASCII. PostgreSQL writes
-- strings as the RFC asks for.
CREATE FUNCTION federation.json_canonical(value jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	text text;
BEGIN
	CASE jsonb_typeof(value)
	WHEN 'object' THEN
		SELECT string_agg(to_jsonb(e.key)::text || ':' ||
		    federation.json_canonical(e.value), ','
		    ORDER BY e.key COLLATE "C") INTO text
		    FROM jsonb_each(value) e;
		RETURN '{' || coalesce(text, '') || '}';
	WHEN 'array' THEN
		SELECT string_agg(federation.json_canonical(e.value), ','
		    ORDER BY e.ordinality) INTO text
		    FROM jsonb_array_elements(value) WITH ORDINALITY e;
		RETURN '[' || coalesce(text, '') || ']';
	ELSE
		RETURN value::text;
	END CASE;
END
$$;

-- Tells the application what happened in a room: an inbox row of the type
-- "room", canonical. server: whose doing it was; null ours.
CREATE FUNCTION federation.room_tell(server uuid, room text, event text,
    more jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	INSERT INTO federation.inbox (message_id, server_id, type, payload,
	    trust_level)
	    SELECT gen_random_uuid(), room_tell.server, 'room',
		convert_to(federation.json_canonical(room_tell.more ||
		jsonb_build_object('event', room_tell.event, 'room',
		room_tell.room)), 'UTF8'),
		coalesce((SELECT s.trust_level
		FROM federation.federation_servers s
		WHERE s.id = room_tell.server), 3);
END
$$;

-- Queues something other than a message for a server; its priority is high.
CREATE FUNCTION federation.room_enqueue(server uuid, type text, payload text,
    message uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	INSERT INTO federation.federated_message_queue (message_id,
	    destination_server_id, encrypted_payload, priority, type)
	    VALUES (room_enqueue.message, room_enqueue.server,
	    convert_to(room_enqueue.payload, 'UTF8'), 1, room_enqueue.type);
	PERFORM pg_notify('federation_queue', '');
END
$$;

-- What the daemon says of itself when it starts, and with each certificate.
CREATE FUNCTION federation.self_set(address text, certificate bytea)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	IF (self_set.address ~ '^[a-z2-7]{56}\.onion$' AND
	    octet_length(self_set.certificate) > 0) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD009',
		    MESSAGE = 'address does not have its form';
	END IF;
	INSERT INTO federation.self AS s (onion_address, certificate)
	    VALUES (self_set.address, self_set.certificate)
	    ON CONFLICT (one_row) DO UPDATE SET
		onion_address = excluded.onion_address,
		certificate = excluded.certificate
	    WHERE (s.onion_address, s.certificate) IS DISTINCT FROM
		(excluded.onion_address, excluded.certificate);
END
$$;

-- A server by its address, made known at level 0 where it is not yet: a member
-- of a room may be on any.
CREATE FUNCTION federation.room_server(address text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	server uuid;
BEGIN
	IF address = (SELECT s.onion_address FROM federation.self s) THEN
		RETURN NULL;
	END IF;
	LOOP
		SELECT s.id INTO server FROM federation.federation_servers s
		    WHERE s.onion_address = room_server.address FOR KEY SHARE;
		IF FOUND THEN
			RETURN server;
		END IF;
		INSERT INTO federation.federation_servers (onion_address,
		    public_key) VALUES (room_server.address,
		    encode(federation.onion_key(room_server.address), 'hex'))
		    ON CONFLICT DO NOTHING;
	END LOOP;
END
$$;

-- Owners and rights --------------------------------------------------------

-- As in 0003.
GRANT CREATE ON SCHEMA federation TO fed_definer;
DO $$
BEGIN
	PERFORM pg_catalog.set_config('torfed.joined', '', true);
	IF NOT pg_catalog.pg_has_role('fed_definer', 'USAGE') THEN
		PERFORM pg_catalog.set_config('torfed.joined', 'yes', true);
		GRANT fed_definer TO CURRENT_USER;
	END IF;
END
$$;
DO $$
DECLARE
	routine regprocedure;
BEGIN
	FOR routine IN SELECT oid FROM pg_catalog.pg_proc
	    WHERE pronamespace = 'federation'::regnamespace
	    AND proowner <> 'fed_definer'::regrole LOOP
		EXECUTE format('ALTER FUNCTION %s OWNER TO fed_definer',
		    routine);
	END LOOP;
END
$$;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA federation FROM PUBLIC;
REVOKE ALL ON federation.room_states, federation.room_invites,
    federation.room_shown, federation.room_wishes, federation.room_streams,
    federation.room_proofs, federation.room_items, federation.room_voids,
    federation.room_evidence FROM PUBLIC;

-- The daemon touches none of them but by functions of fed_definer's.
GRANT SELECT, INSERT, UPDATE, DELETE ON federation.federated_rooms, federation.room_members,
    federation.room_state_events, federation.room_states,
    federation.room_invites, federation.room_shown, federation.room_wishes,
    federation.room_streams, federation.room_proofs, federation.room_items,
    federation.room_voids, federation.room_evidence TO fed_definer;
GRANT SELECT ON federation.certificates, federation.inbox TO fed_definer;
GRANT INSERT ON federation.received_ids TO fed_definer;
-- Strangers that are in a room are not evicted.
GRANT SELECT (server_id) ON federation.room_members, federation.room_shown
    TO _fedqueued;
GRANT SELECT (origin_server_id) ON federation.federated_rooms TO _fedqueued;

GRANT EXECUTE ON FUNCTION federation.self_set(text, bytea) TO _fedqueued;

DO $$
BEGIN
	IF pg_catalog.current_setting('torfed.joined', true) = 'yes' THEN
		REVOKE fed_definer FROM CURRENT_USER;
	END IF;
END
$$;
REVOKE CREATE ON SCHEMA federation FROM fed_definer;

INSERT INTO federation.schema_version (version) VALUES (5);
