-- SPDX-License-Identifier: ISC
-- Rooms: what several files of this folder call. Nobody else may.

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

-- A room's state; null: it is not known.
CREATE FUNCTION federation.room_state_now(room uuid)
RETURNS federation.room_state_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT s.version, s.number, s.hash, s.event_time, s.closed, s.disputed,
	    s.require_invite, s.federated, s.restricted
	    FROM federation.room_states s
	    WHERE s.room_id = room_state_now.room
$$;

-- Somebody's last membership, name@address.
CREATE FUNCTION federation.room_membership(room uuid, member text)
RETURNS federation.room_member_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT m.state_joined, m.state_left FROM federation.room_members m
	    WHERE m.room_id = room_membership.room
	    AND m.member = room_membership.member
	    ORDER BY m.state_joined DESC LIMIT 1
$$;

-- Servers of others that have a member, or had one when the room was closed.
CREATE FUNCTION federation.room_servers(room uuid) RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT coalesce(array_agg(DISTINCT m.server_id), '{}')
	    FROM federation.room_members m
	    JOIN federation.room_states s ON s.room_id = m.room_id
	    WHERE m.room_id = room_servers.room
	    AND (m.state_left IS NULL OR m.state_left = s.closed)
	    AND m.server_id IS NOT NULL;
$$;

-- Whether we are in the room: as its home, or with a user of ours.
CREATE FUNCTION federation.room_here(room uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT EXISTS (SELECT 1 FROM federation.federated_rooms f
	    WHERE f.id = room_here.room AND f.is_local_origin) OR
	    EXISTS (SELECT 1 FROM federation.room_members m
	    WHERE m.room_id = room_here.room AND m.state_left IS NULL
	    AND m.server_id IS NULL);
$$;

-- Refuses what is no global room id. Whether its home's address is a good one
-- shows where a server is made known by it.
CREATE FUNCTION federation.room_name_check(room text) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF (room ~ ('^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-'
	    || '[0-9a-f]{12}@[a-z2-7]{56}\.onion$')) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD031',
		    MESSAGE = 'room is not UUID@address';
	END IF;
END
$$;
