-- SPDX-License-Identifier: ISC
-- Rooms: what several files of this folder call, and nobody else may but for
-- the daemon, which tells the limits.

-- Limits -------------------------------------------------------------------

-- What the daemon told; nothing is within what is null, before it ever ran.
CREATE FUNCTION federation.room_limits_get()
RETURNS federation.room_limits_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT l.room_key, l.clear, l.metadata, l.content, l.servers, l.invite,
	    l.invite_most, l.silent, l.waiting, l.evidence, l.events,
	    l.certificates, l.bytes, l.settled, l.epochs
	    FROM federation.room_limits l;
$$;

CREATE FUNCTION federation.room_limits_set(limits federation.room_limits_row)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF NOT (limits IS NOT NULL) THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'a limit is null';
	END IF;
	IF limits IS DISTINCT FROM federation.room_limits_get() THEN
		DELETE FROM federation.room_limits;
		INSERT INTO federation.room_limits (room_key, clear, metadata,
		    content, servers, invite, invite_most, silent, waiting,
		    evidence, events, certificates, bytes, settled,
		    epochs)
		    SELECT (limits).*;
	END IF;
END
$$;


-- Tells the application what happened in a room: an inbox row of the type
-- "room", canonical, since it holds strings and integers alone, in the order of
-- their ASCII names, and PostgreSQL writes both as RFC 8785 asks for. server:
-- whose doing it was, null ours; metadata: canonical already, null none.
CREATE FUNCTION federation.room_tell(server uuid, room text, event text,
    more jsonb, metadata text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	INSERT INTO federation.inbox (message_id, server_id, type, payload,
	    trust_level)
	    SELECT gen_random_uuid(), room_tell.server, 'room',
		(SELECT convert_to('{' || string_agg('"' || m.name || '":' ||
		    m.value, ',' ORDER BY m.name COLLATE "C") || '}', 'UTF8')
		    FROM (SELECT e.key, e.value::text
			FROM jsonb_each(room_tell.more) e
			UNION ALL SELECT 'event',
			    to_jsonb(room_tell.event)::text
			UNION ALL SELECT 'room',
			    to_jsonb(room_tell.room)::text
			UNION ALL SELECT 'metadata', room_tell.metadata
			WHERE room_tell.metadata IS NOT NULL)
			m(name, value)),
		coalesce((SELECT s.trust_level
		FROM federation.federation_servers s
		WHERE s.id = room_tell.server), 3);
END
$$;

-- Queues something other than a message for a server; its priority is high.
-- What one member asks keeps its order: he joins before he leaves.
CREATE FUNCTION federation.room_enqueue(server uuid, type text, payload text,
    message uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	INSERT INTO federation.federated_message_queue (message_id,
	    destination_server_id, encrypted_payload, priority, type, line)
	    VALUES (room_enqueue.message, room_enqueue.server,
	    convert_to(room_enqueue.payload, 'UTF8'), 1, room_enqueue.type,
	    CASE WHEN room_enqueue.type IN ('room_join', 'room_leave')
		THEN md5((payload::jsonb ->> 'userId') || '@' ||
		(payload::jsonb ->> 'globalRoomId'))::uuid END);
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

-- When the event of a number was applied, in seconds.
CREATE FUNCTION federation.room_event_learned(room uuid, number bigint)
RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT extract(epoch FROM e.received_at)::bigint
	    FROM federation.room_state_events e
	    WHERE e.room_id = room_event_learned.room
	    AND e.number = room_event_learned.number
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

-- Whether a user of ours leaves, whatever the home has sequenced; before: he
-- asked to before that, null whenever.
CREATE FUNCTION federation.room_leaves(room uuid, member text,
    before timestamptz DEFAULT NULL) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT EXISTS (SELECT 1 FROM federation.room_asked w
	    WHERE w.room_id = room_leaves.room AND w.kind = 'leave'
	    AND w.member = room_leaves.member
	    AND w.state IN ('new', 'asked')
	    AND (room_leaves.before IS NULL OR
		w.created_at < room_leaves.before))
$$;

-- The last number that stands.
CREATE FUNCTION federation.room_last(number bigint, disputed bigint)
RETURNS bigint
LANGUAGE sql IMMUTABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
	SELECT CASE WHEN room_last.disputed = 0 THEN room_last.number
	    ELSE least(room_last.number, room_last.disputed - 1) END
$$;

-- Whether a user of ours is in the room by its last state that stands, and has
-- not left, whatever the home says: only then the room's messages concern us.
CREATE FUNCTION federation.room_attended(room uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT EXISTS (SELECT 1 FROM federation.room_states s
	    JOIN federation.room_members m ON m.room_id = s.room_id
	    WHERE s.room_id = room_attended.room AND m.server_id IS NULL
	    AND m.state_joined <= federation.room_last(s.number, s.disputed)
	    AND (m.state_left IS NULL OR
		m.state_left > federation.room_last(s.number, s.disputed))
	    AND NOT federation.room_leaves(s.room_id, m.member))
$$;

-- Whether what happens in the room is told to our application: we are its
-- home, or have a member.
CREATE FUNCTION federation.room_here(room uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT EXISTS (SELECT 1 FROM federation.federated_rooms f
	    WHERE f.id = room_here.room AND f.is_local_origin) OR
	    EXISTS (SELECT 1 FROM federation.room_members m
	    WHERE m.room_id = room_here.room AND m.state_left IS NULL
	    AND m.server_id IS NULL);
$$;

-- Locks the room and raises its version; null when it is another already, or
-- the room is not known. Whoever has called it may change the room. version
-- null: whatever it is.
CREATE FUNCTION federation.room_lock(room text, version bigint) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	target uuid;
BEGIN
	UPDATE federation.room_states s SET version = s.version + 1
	    FROM federation.federated_rooms f
	    WHERE f.global_room_id = room_lock.room AND s.room_id = f.id
	    AND (room_lock.version IS NULL OR s.version = room_lock.version)
	    RETURNING s.room_id INTO target;
	RETURN target;
END
$$;

-- Makes a room that is not known: somebody let us know of it.
CREATE FUNCTION federation.room_make(room text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	home uuid;
BEGIN
	IF NOT EXISTS (SELECT 1 FROM federation.federated_rooms f
	    WHERE f.global_room_id = room_make.room) THEN
		home := federation.room_server(split_part(room_make.room, '@',
		    2));
		INSERT INTO federation.federated_rooms (room_id,
		    origin_server_id, is_local_origin, global_room_id)
		    VALUES (left(room_make.room, 36)::uuid, home, home IS NULL,
		    room_make.room) ON CONFLICT (global_room_id) DO NOTHING;
	END IF;
	INSERT INTO federation.room_states (room_id)
	    SELECT f.id FROM federation.federated_rooms f
	    WHERE f.global_room_id = room_make.room
	    ON CONFLICT (room_id) DO NOTHING;
END
$$;

-- The lowest of the epochs of an origin in a room that are kept; 0 while there
-- are fewer than may be.
CREATE FUNCTION federation.room_epoch_floor(room uuid, origin text)
RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT coalesce((SELECT t.epoch FROM federation.room_streams t
	    WHERE t.room_id = room_epoch_floor.room
	    AND t.origin = room_epoch_floor.origin
	    GROUP BY t.epoch ORDER BY t.epoch DESC
	    OFFSET (federation.room_limits_get()).epochs - 1 LIMIT 1), 0)
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

-- Streams, proofs and evidence ----------------------------------------------

-- A stream; null: there is none.
CREATE FUNCTION federation.room_stream_now(room uuid, origin text,
    epoch bigint, lane integer) RETURNS federation.room_stream_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT t.epoch, t.lane, t.contiguous, t.highest,
	    extract(epoch FROM t.gap_since)::bigint, t.forked, t.seen
	    FROM federation.room_streams t
	    WHERE t.room_id = room_stream_now.room
	    AND t.origin = room_stream_now.origin
	    AND t.epoch = room_stream_now.epoch
	    AND t.lane = room_stream_now.lane
$$;

-- The digest of a number, by the item itself, by a declaration, or by what
-- stands behind it and calls it previous; null: it is not known. The simulator
-- has the same rule in room_digest_at().
CREATE FUNCTION federation.room_digest(room uuid, origin text, epoch bigint,
    lane integer, number bigint) RETURNS bytea
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT coalesce(
	    (SELECT i.digest FROM federation.room_items i
		WHERE i.room_id = room_digest.room
		AND i.origin = room_digest.origin
		AND i.epoch = room_digest.epoch AND i.lane = room_digest.lane
		AND i.sequence = room_digest.number),
	    (SELECT v.digest FROM federation.room_voids v
		WHERE v.room_id = room_digest.room
		AND v.origin = room_digest.origin
		AND v.epoch = room_digest.epoch AND v.lane = room_digest.lane
		AND v.last = room_digest.number LIMIT 1),
	    (SELECT v.previous FROM federation.room_voids v
		WHERE v.room_id = room_digest.room
		AND v.origin = room_digest.origin
		AND v.epoch = room_digest.epoch AND v.lane = room_digest.lane
		AND room_digest.number > 0
		AND v.first = room_digest.number + 1 LIMIT 1),
	    (SELECT i.previous FROM federation.room_items i
		WHERE i.room_id = room_digest.room
		AND i.origin = room_digest.origin
		AND i.epoch = room_digest.epoch AND i.lane = room_digest.lane
		AND room_digest.number > 0
		AND i.sequence = room_digest.number + 1))
$$;

-- What is stored beside a number.
CREATE FUNCTION federation.room_beside(room uuid, origin text, epoch bigint,
    lane integer, number bigint) RETURNS federation.room_beside_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT federation.room_digest(room_beside.room, room_beside.origin,
		room_beside.epoch, room_beside.lane, room_beside.number - 1),
	    federation.room_digest(room_beside.room, room_beside.origin,
		room_beside.epoch, room_beside.lane, room_beside.number),
	    (SELECT i.status = 'refused' FROM federation.room_items i
		WHERE i.room_id = room_beside.room
		AND i.origin = room_beside.origin
		AND i.epoch = room_beside.epoch AND i.lane = room_beside.lane
		AND i.sequence = room_beside.number) IS NOT FALSE,
	    (SELECT i.previous FROM federation.room_items i
		WHERE i.room_id = room_beside.room
		AND i.origin = room_beside.origin
		AND i.epoch = room_beside.epoch AND i.lane = room_beside.lane
		AND i.sequence = room_beside.number + 1)
$$;

-- Keeps what an origin signed whole.
CREATE FUNCTION federation.room_proof_keep(origin text,
    proof federation.room_proof_row) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	kept bigint;
BEGIN
	INSERT INTO federation.room_proofs (origin, signing_text, signature,
	    key_id, payload)
	    VALUES (room_proof_keep.origin, proof.signing_text,
	    proof.signature, proof.key_id, proof.payload)
	    RETURNING id INTO kept;
	RETURN kept;
END
$$;

-- Something that was signed whole, as others are shown it: canonical JSON with
-- the signing text, its signature, the payload, and of an item its id.
CREATE FUNCTION federation.room_document(signing_text bytea, signature bytea,
    message uuid, payload bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	SELECT convert_to('{' || coalesce('"id":"' || message || '",', '') ||
	    '"payload":', 'UTF8') || payload || convert_to(',"signature":"' ||
	    federation.base64(signature) || '","text":"' ||
	    federation.base64(signing_text) || '"}', 'UTF8')
$$;

-- Keeps two documents of one origin that contradict each other. Of events and
-- streams the lowest number alone counts; of ids as many as the limit says are
-- kept of an origin in a room. The admin is told of as many of a kind of a
-- server.
CREATE FUNCTION federation.room_evidence_keep(room uuid, origin text,
    kind text, epoch bigint, lane integer, number bigint, message uuid,
    first bytea, second bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	most CONSTANT bigint := (federation.room_limits_get()).evidence;
	server uuid;
BEGIN
	IF EXISTS (SELECT 1 FROM federation.room_evidence e
	    WHERE e.room_id = room_evidence_keep.room
	    AND e.origin = room_evidence_keep.origin
	    AND e.kind = room_evidence_keep.kind
	    AND e.epoch = room_evidence_keep.epoch
	    AND e.lane = room_evidence_keep.lane
	    AND CASE e.kind WHEN 'ID_CONFLICT'
		THEN e.number = room_evidence_keep.number
		ELSE e.number <= room_evidence_keep.number END) OR
	    room_evidence_keep.kind = 'ID_CONFLICT' AND
	    (SELECT count(*) >= most FROM federation.room_evidence e
	    WHERE e.room_id = room_evidence_keep.room
	    AND e.origin = room_evidence_keep.origin
	    AND e.kind = 'ID_CONFLICT') THEN
		RETURN;
	END IF;
	INSERT INTO federation.room_evidence (room_id, origin, kind, epoch,
	    lane, number, first, second)
	    VALUES (room_evidence_keep.room, room_evidence_keep.origin,
	    room_evidence_keep.kind, room_evidence_keep.epoch,
	    room_evidence_keep.lane, room_evidence_keep.number,
	    room_evidence_keep.first, room_evidence_keep.second);
	server := federation.room_server(room_evidence_keep.origin);
	INSERT INTO federation.evidence (server_id, kind, message_id, first,
	    second)
	    SELECT server, room_evidence_keep.kind, room_evidence_keep.message,
		room_evidence_keep.first, room_evidence_keep.second
	    WHERE server IS NOT NULL AND (SELECT count(*)
		FROM federation.evidence e WHERE e.server_id = server
		AND e.kind = room_evidence_keep.kind) < most;
END
$$;

-- Freezes a room below a number, on evidence, which the application is told.
-- false: it is frozen there or below already.
CREATE FUNCTION federation.room_freeze(room uuid, kind text, number bigint,
    first bytea, second bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	known federation.federated_rooms;
BEGIN
	UPDATE federation.room_states s SET disputed = room_freeze.number
	    WHERE s.room_id = room_freeze.room AND (s.disputed = 0 OR
	    s.disputed > room_freeze.number);
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	SELECT f.* INTO known FROM federation.federated_rooms f
	    WHERE f.id = room_freeze.room;
	PERFORM federation.room_evidence_keep(room_freeze.room,
	    split_part(known.global_room_id, '@', 2), room_freeze.kind, 0, 0,
	    room_freeze.number, NULL, room_freeze.first, room_freeze.second);
	PERFORM federation.room_tell(known.origin_server_id,
	    known.global_room_id, 'frozen', jsonb_build_object('number',
	    room_freeze.number));
	RETURN true;
END
$$;

-- Rights -------------------------------------------------------------------

GRANT EXECUTE ON FUNCTION
    federation.room_limits_set(federation.room_limits_row) TO _fedqueued;
