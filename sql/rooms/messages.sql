-- SPDX-License-Identifier: ISC
-- Rooms, messages: what the daemon reads before it decides, and what it writes
-- then. It decides itself, by common/room.
--
-- Whatever is written for a room names the version of room_states that was
-- read before. false: another worker has changed the room since, nothing was
-- written, and all is to be read and decided again.
--
-- Errors: FD007, an argument is out of its bounds.
--
-- What reads rows one by one does so by their indexes, whatever statistics of
-- tables that have just begun to grow say: enable_seqscan and the like. Nor is
-- a plan kept that was made while they were empty.

-- Those of others ----------------------------------------------------------

-- What an origin is in a room, for its messages.
CREATE FUNCTION federation.room_origin(room uuid, origin text)
RETURNS federation.room_origin_row
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	self federation.self;
	server uuid;
	own boolean;
	facts federation.room_origin_row;
	out_number bigint;
BEGIN
	SELECT s.* INTO self FROM federation.self s;
	own := self.onion_address IS NOT DISTINCT FROM room_origin.origin;
	SELECT s.id, s.trust_level INTO server, facts.trust_level
	    FROM federation.federation_servers s
	    WHERE s.onion_address = room_origin.origin;
	IF own THEN
		facts.trust_level := 3;
	END IF;
	facts.restored := extract(epoch FROM self.restored_at)::bigint;
	IF room_origin.room IS NULL THEN
		RETURN facts;
	END IF;
	facts.server_seen := EXISTS (SELECT 1 FROM federation.room_members m
		WHERE m.room_id = room_origin.room AND m.server_id = server
		AND m.state_left IS NULL) OR
	    EXISTS (SELECT 1 FROM federation.room_members m
		WHERE m.room_id = room_origin.room AND m.server_id = server
		AND m.state_left > m.state_joined) OR
	    own AND EXISTS (SELECT 1 FROM federation.room_members m
		WHERE m.room_id = room_origin.room AND m.server_id IS NULL
		AND m.state_left IS DISTINCT FROM m.state_joined);
	facts.here := federation.room_attended(room_origin.room);
	facts.waiting := EXISTS (SELECT 1 FROM federation.room_asked w
	    WHERE w.room_id = room_origin.room AND w.kind = 'join'
	    AND w.state IN ('new', 'asked'));
	facts.answered := (SELECT f.origin_server_id = ANY (s.answered)
	    FROM federation.federated_rooms f
	    JOIN federation.room_states s ON s.room_id = f.id
	    WHERE f.id = room_origin.room);
	facts.held := (SELECT count(*) FROM federation.room_items i
	    WHERE i.room_id = room_origin.room AND i.status = 'held');
	facts.held_server := (SELECT count(*) FROM federation.room_items i
	    WHERE i.room_id = room_origin.room AND i.status = 'held'
	    AND i.origin = room_origin.origin);
	facts.floor := federation.room_epoch_floor(room_origin.room,
	    room_origin.origin);
	-- by which the last of ours went, when none is there
	IF NOT EXISTS (SELECT 1 FROM federation.room_members m
	    WHERE m.room_id = room_origin.room AND m.server_id IS NULL
	    AND m.state_left IS NULL) THEN
		out_number := (SELECT max(m.state_left)
		    FROM federation.room_members m
		    WHERE m.room_id = room_origin.room AND m.server_id IS NULL
		    AND m.state_left > m.state_joined);
		facts.out_kind := (SELECT e.kind
		    FROM federation.room_state_events e
		    WHERE e.room_id = room_origin.room
		    AND e.number = out_number);
		facts.out_learned := federation.room_event_learned(
		    room_origin.room, out_number);
	END IF;
	RETURN facts;
END
$$;

-- What is to be known before messages of one origin in one room are judged: a
-- row for each, in their order.
CREATE FUNCTION federation.room_messages_facts(room text, origin text,
    messages federation.room_place_row[])
RETURNS SETOF federation.room_message_facts_row
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 64
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off
SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
	target uuid;
	server uuid;
	state federation.room_state_row;
	speaker federation.room_origin_row;
BEGIN
	IF (room_messages_facts.room ~ '^[0-9a-f-]{36}@[a-z2-7]{56}\.onion$' AND
	    room_messages_facts.origin ~ '^[a-z2-7]{56}\.onion$' AND
	    cardinality(room_messages_facts.messages) BETWEEN 1 AND 64)
	    IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'room, origin or messages do not have their form';
	END IF;
	SELECT f.id INTO target FROM federation.federated_rooms f
	    JOIN federation.room_states s ON s.room_id = f.id
	    WHERE f.global_room_id = room_messages_facts.room;
	SELECT s.id INTO server FROM federation.federation_servers s
	    WHERE s.onion_address = room_messages_facts.origin;
	state := federation.room_state_now(target);
	speaker := federation.room_origin(target, room_messages_facts.origin);
	RETURN QUERY
	SELECT state, extract(epoch FROM now())::bigint, speaker,
	    ROW(m.state_joined, m.state_left)::federation.room_member_row,
	    federation.room_event_learned(target, m.state_left),
	    NOT speaker.here AND EXISTS (SELECT 1
		FROM federation.room_members u
		WHERE u.room_id = target AND u.server_id IS NULL
		AND u.state_joined <= a.state_number AND
		(u.state_left IS NULL OR u.state_left > a.state_number)),
	    (SELECT k.digest FROM federation.received_ids k
		WHERE k.server_id = server AND k.message_id = a.message_id),
	    (SELECT i.digest FROM federation.room_items i
		WHERE i.origin = room_messages_facts.origin
		AND i.message_id = a.message_id),
	    federation.room_stream_now(target, room_messages_facts.origin,
		a.epoch, a.lane),
	    federation.room_beside(target, room_messages_facts.origin,
		a.epoch, a.lane, a.sequence)
	FROM unnest(room_messages_facts.messages) WITH ORDINALITY AS a
	LEFT JOIN LATERAL (SELECT m.state_joined, m.state_left
	    FROM federation.room_members m WHERE m.room_id = target
	    AND m.member = a.sender || '@' || room_messages_facts.origin
	    AND m.state_joined <= a.state_number
	    ORDER BY m.state_joined DESC LIMIT 1) m ON true
	ORDER BY a.ordinality;
END
$$;

-- What contradicts a message at a place about number: the item beside it, the
-- declaration beside it, or, where nothing does, null (number 1 names no
-- predecessor).
CREATE FUNCTION federation.room_messages_against(room uuid, origin text,
    epoch bigint, lane integer, sequence bigint, digest bytea, previous bytea,
    number bigint) RETURNS bytea
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	-- what the message says that number has
	said CONSTANT bytea := CASE room_messages_against.number
	    WHEN room_messages_against.sequence
	    THEN room_messages_against.digest
	    ELSE room_messages_against.previous END;
	found bytea;
BEGIN
	SELECT federation.room_document(p.signing_text, p.signature,
	    i.message_id, i.payload) INTO found
	    FROM federation.room_items i
	    JOIN federation.room_proofs p ON p.id = i.proof_id
	    WHERE i.room_id = room_messages_against.room
	    AND i.origin = room_messages_against.origin
	    AND i.epoch = room_messages_against.epoch
	    AND i.lane = room_messages_against.lane
	    AND (i.sequence = room_messages_against.number AND i.digest <> said
		OR i.sequence = room_messages_against.number + 1 AND
		i.previous <> said)
	    ORDER BY i.sequence LIMIT 1;
	IF found IS NOT NULL THEN
		RETURN found;
	END IF;
	SELECT federation.room_document(p.signing_text, p.signature, NULL,
	    p.payload) INTO found
	    FROM federation.room_voids v
	    JOIN federation.room_proofs p ON p.id = v.proof_id
	    WHERE v.room_id = room_messages_against.room
	    AND v.origin = room_messages_against.origin
	    AND v.epoch = room_messages_against.epoch
	    AND v.lane = room_messages_against.lane
	    AND (v.last = room_messages_against.number AND v.digest <> said OR
		v.first = room_messages_against.number + 1 AND
		v.previous <> said)
	    ORDER BY v.first LIMIT 1;
	RETURN found;
END
$$;

-- What is kept of an origin's epochs below floor, but for messages.
CREATE FUNCTION federation.room_epochs_drop(room uuid, origin text,
    floor bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	DELETE FROM federation.room_streams t
	    WHERE t.room_id = room_epochs_drop.room
	    AND t.origin = room_epochs_drop.origin
	    AND t.epoch < room_epochs_drop.floor;
	IF FOUND THEN
		-- Nobody is asked for them any more.
		PERFORM federation.room_tell(s.id, f.global_room_id, 'lost',
		    jsonb_build_object('server', room_epochs_drop.origin,
		    'count', l.numbers))
		    FROM (SELECT sum(federation.sync_missing_count(v))::bigint
			FROM federation.room_voids v
			WHERE v.room_id = room_epochs_drop.room
			AND v.origin = room_epochs_drop.origin
			AND v.epoch < room_epochs_drop.floor
			AND v.gone AND NOT v.told) l(numbers)
		    JOIN federation.federated_rooms f
			ON f.id = room_epochs_drop.room
		    LEFT JOIN federation.federation_servers s
			ON s.onion_address = room_epochs_drop.origin
		    WHERE l.numbers > 0;
		DELETE FROM federation.room_voids v
		    WHERE v.room_id = room_epochs_drop.room
		    AND v.origin = room_epochs_drop.origin
		    AND v.epoch < room_epochs_drop.floor;
		DELETE FROM federation.room_stated t
		    WHERE t.room_id = room_epochs_drop.room
		    AND t.origin = room_epochs_drop.origin
		    AND t.epoch BETWEEN 1 AND room_epochs_drop.floor - 1;
	END IF;
END
$$;

-- Streams as they are now.
CREATE FUNCTION federation.room_streams_write(room uuid, origin text,
    streams federation.room_stream_row[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	INSERT INTO federation.room_streams AS t (room_id, origin, epoch, lane,
	    contiguous, highest, gap_since, forked, seen)
	    SELECT room_streams_write.room, room_streams_write.origin, u.epoch,
		u.lane, u.contiguous, u.highest,
		to_timestamp(nullif(u.gap_since, 0)), u.forked, u.seen
	    FROM unnest(room_streams_write.streams) AS u
	    ON CONFLICT (room_id, origin, epoch, lane) DO UPDATE SET
		contiguous = excluded.contiguous, highest = excluded.highest,
		gap_since = excluded.gap_since, forked = excluded.forked,
		seen = excluded.seen;
	PERFORM federation.room_epochs_drop(room_streams_write.room,
	    room_streams_write.origin, federation.room_epoch_floor(
		room_streams_write.room, room_streams_write.origin));
END
$$;

-- The server of messages that are taken, locked, so that nobody deletes it
-- before a row refers to it; of our own messages one without id.
CREATE FUNCTION federation.room_messages_peer(origin text)
RETURNS federation.federation_servers
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	peer federation.federation_servers;
BEGIN
	IF EXISTS (SELECT 1 FROM federation.self s
	    WHERE s.onion_address = room_messages_peer.origin) THEN
		RETURN peer;
	END IF;
	SELECT s.* INTO peer FROM federation.federation_servers s
	    WHERE s.onion_address = room_messages_peer.origin
	    AND s.trust_level >= 1 FOR KEY SHARE;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = '40001',
		    MESSAGE = 'the origin is not trusted any more';
	END IF;
	RETURN peer;
END
$$;

-- Those that are kept, in their order.
CREATE FUNCTION federation.room_messages_keep(room uuid, origin text,
    proof bigint, messages federation.room_message_row[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	INSERT INTO federation.room_items AS i (room_id, origin, message_id,
	    sender, status, code, flags, again, lane, epoch, sequence,
	    state_number, digest, previous, payload, message_type, proof_id)
	    SELECT room_messages_keep.room, room_messages_keep.origin,
		u.message_id, u.sender, u.status, u.code, u.flags, u.again,
		u.lane, u.epoch, u.sequence, u.state_number, u.digest,
		u.previous, u.payload, u.message_type, room_messages_keep.proof
	    FROM unnest(room_messages_keep.messages) WITH ORDINALITY AS u
	    WHERE u.status <> 'conflict' ORDER BY u.ordinality
	    ON CONFLICT (origin, message_id) DO UPDATE SET
		status = excluded.status, code = excluded.code,
		flags = excluded.flags, again = excluded.again, since = now()
	    WHERE i.status = 'refused' AND i.digest = excluded.digest
$$;

-- What contradicts, in its place or by its id: kept as evidence.
CREATE FUNCTION federation.room_messages_dispute(room uuid, origin text,
    server uuid, proof federation.room_proof_row,
    messages federation.room_message_row[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	message federation.room_message_row;
	document bytea;
	against bytea;
BEGIN
	FOREACH message IN ARRAY room_messages_dispute.messages LOOP
		CONTINUE WHEN message.disputed = 0;
		document := federation.room_document(proof.signing_text,
		    proof.signature, message.message_id, message.payload);
		IF message.code = 'ID_CONFLICT' THEN
			against := coalesce(
			    (SELECT federation.room_document(p.signing_text,
				p.signature, i.message_id, i.payload)
				FROM federation.room_items i
				JOIN federation.room_proofs p
				    ON p.id = i.proof_id
				WHERE i.origin = room_messages_dispute.origin
				AND i.message_id = message.message_id
				AND i.digest <> message.digest),
			    (SELECT k.digest FROM federation.received_ids k
				WHERE k.server_id = server
				AND k.message_id = message.message_id));
		ELSE
			against := federation.room_messages_against(
			    room_messages_dispute.room,
			    room_messages_dispute.origin, message.epoch,
			    message.lane, message.sequence, message.digest,
			    message.previous, message.disputed);
		END IF;
		PERFORM federation.room_evidence_keep(
		    room_messages_dispute.room, room_messages_dispute.origin,
		    message.code, message.epoch, message.lane,
		    message.disputed, message.message_id,
		    coalesce(against, document), document);
	END LOOP;
END
$$;

-- Writes what was decided of messages of one origin, all that one request
-- brought, proof being that request. Then the streams as they are now.
CREATE FUNCTION federation.room_messages_take(room text, version bigint,
    origin text, proof federation.room_proof_row,
    messages federation.room_message_row[],
    streams federation.room_stream_row[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	peer federation.federation_servers;
	target uuid;
	kept bigint;
	written bigint;
BEGIN
	IF (octet_length(proof.signature) = 64 AND
	    octet_length(proof.key_id) = 32 AND proof.signing_text <> '' AND
	    cardinality(room_messages_take.messages) BETWEEN 1 AND 256 AND
	    cardinality(room_messages_take.streams) BETWEEN 0 AND 64 AND
	    room_messages_take.version >= 0 AND room_messages_take.origin <> ''
	    AND room_messages_take.room <> '') IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'room, proof or messages do not have their form';
	END IF;
	target := federation.room_lock(room_messages_take.room,
	    room_messages_take.version);
	IF target IS NULL THEN
		RETURN false;
	END IF;
	peer := federation.room_messages_peer(room_messages_take.origin);
	INSERT INTO federation.received_ids (server_id, message_id, digest)
	    SELECT peer.id, u.message_id, u.digest
	    FROM unnest(room_messages_take.messages) AS u
	    WHERE peer.id IS NOT NULL AND u.status IN ('taken', 'held')
	    ON CONFLICT DO NOTHING;
	GET DIAGNOSTICS written = ROW_COUNT;
	IF peer.id IS NOT NULL AND written <> (SELECT count(*)
	    FROM unnest(room_messages_take.messages) AS u
	    WHERE u.status IN ('taken', 'held')) THEN
		RAISE EXCEPTION USING ERRCODE = '40001',
		    MESSAGE = 'an id was received meanwhile';
	END IF;
	kept := federation.room_proof_keep(room_messages_take.origin,
	    room_messages_take.proof);
	PERFORM federation.room_messages_keep(target,
	    room_messages_take.origin, kept, room_messages_take.messages);
	INSERT INTO federation.inbox (message_id, server_id, type, payload,
	    trust_level)
	    SELECT u.message_id, peer.id, 'message', u.payload,
		peer.trust_level
	    FROM unnest(room_messages_take.messages) WITH ORDINALITY AS u
	    WHERE u.shown ORDER BY u.ordinality;
	PERFORM federation.room_messages_dispute(target,
	    room_messages_take.origin, peer.id, room_messages_take.proof,
	    room_messages_take.messages);
	PERFORM federation.room_streams_write(target,
	    room_messages_take.origin, room_messages_take.streams);
	UPDATE federation.room_states s SET heard_at = now()
	    FROM federation.federated_rooms f WHERE s.room_id = target
	    AND f.id = target AND f.origin_server_id = peer.id;
	RETURN true;
END
$$;

-- Messages of a room that wait for a state, or were taken without, behind id,
-- in the order of ids.
CREATE FUNCTION federation.room_messages_open(room text, behind bigint,
    most integer)
RETURNS SETOF federation.room_open_row
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 64
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off
SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
	target uuid;
	state federation.room_state_row;
BEGIN
	IF (room_messages_open.room <> '' AND room_messages_open.behind >= 0
	    AND room_messages_open.most BETWEEN 1 AND 1024) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'room, behind or most is out of its bounds';
	END IF;
	SELECT f.id INTO target FROM federation.federated_rooms f
	    WHERE f.global_room_id = room_messages_open.room;
	state := federation.room_state_now(target);
	RETURN QUERY
	WITH i AS MATERIALIZED (SELECT i.* FROM federation.room_items i
	    WHERE i.room_id = target
	    AND i.again AND i.id > behind
	    ORDER BY i.id LIMIT most)
	SELECT state, extract(epoch FROM now())::bigint, i.id,
	    i.sender || '@' || i.origin, i.status, i.flags, i.state_number,
	    extract(epoch FROM i.since)::bigint,
	    EXISTS (SELECT 1 FROM federation.room_members m
		LEFT JOIN federation.federation_servers s ON s.id = m.server_id
		WHERE m.room_id = target
		AND coalesce(s.onion_address, (SELECT o.onion_address
		    FROM federation.self o)) = i.origin
		AND m.state_left IS DISTINCT FROM m.state_joined),
	    ROW(m.state_joined, m.state_left)::federation.room_member_row,
	    federation.room_event_learned(target, m.state_left)
	FROM i
	LEFT JOIN LATERAL (SELECT m.state_joined, m.state_left
	    FROM federation.room_members m WHERE m.room_id = target
	    AND m.member = i.sender || '@' || i.origin
	    AND m.state_joined <= i.state_number
	    ORDER BY m.state_joined DESC LIMIT 1) m ON true
	ORDER BY i.id;
END
$$;

-- Writes what became of those, in the order of ids.
CREATE FUNCTION federation.room_messages_judge(room text, version bigint,
    messages federation.room_judged_row[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
	target uuid;
BEGIN
	IF (room_messages_judge.room <> '' AND room_messages_judge.version >= 0
	    AND cardinality(room_messages_judge.messages) BETWEEN 1 AND 1024)
	    IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'room, version or messages are out of bounds';
	END IF;
	target := federation.room_lock(room_messages_judge.room,
	    room_messages_judge.version);
	IF target IS NULL THEN
		RETURN false;
	END IF;
	INSERT INTO federation.inbox (message_id, server_id, type, payload,
	    trust_level)
	    SELECT i.message_id, s.id, 'message', i.payload, s.trust_level
	    FROM unnest(room_messages_judge.messages) AS u
	    JOIN federation.room_items i ON i.id = u.id
	    JOIN federation.federation_servers s
		ON s.onion_address = i.origin
	    WHERE u.shown ORDER BY i.id;
	UPDATE federation.room_items i SET status = u.status, code = u.code,
	    flags = u.flags, again = u.again
	    FROM unnest(room_messages_judge.messages) AS u
	    WHERE i.id = u.id;
	RETURN true;
END
$$;

-- Our own ------------------------------------------------------------------

-- The oldest messages of a room that have no place yet.
CREATE FUNCTION federation.room_messages_new(room text, most integer)
RETURNS SETOF federation.room_new_row
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 64
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off
SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
	self federation.self;
	target uuid;
	state federation.room_state_row;
BEGIN
	IF (room_messages_new.room <> '' AND
	    room_messages_new.most BETWEEN 1 AND 1024) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'room or most is out of its bounds';
	END IF;
	SELECT s.* INTO self FROM federation.self s;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	SELECT f.id INTO target FROM federation.federated_rooms f
	    WHERE f.global_room_id = room_messages_new.room;
	state := federation.room_state_now(target);
	RETURN QUERY
	WITH i AS MATERIALIZED (SELECT i.* FROM federation.room_items i
	    WHERE i.room_id = target AND i.status = 'new'
	    -- Who is about to be a member waits for that.
	    AND NOT EXISTS (SELECT 1 FROM federation.room_asked w
		WHERE w.room_id = i.room_id AND w.state = 'new'
		AND w.kind IN ('create', 'join')
		AND w.member = i.sender || '@' || self.onion_address)
	    ORDER BY i.id LIMIT most)
	SELECT state, extract(epoch FROM now())::bigint, self.epoch,
	    ROW(i.id, i.message_id, i.sender, i.lane, i.content,
		i.message_type, i.metadata)::federation.room_draft_row,
	    federation.room_membership(target,
		i.sender || '@' || self.onion_address),
	    federation.room_leaves(target,
		i.sender || '@' || self.onion_address, i.since),
	    federation.room_stream_now(target, self.onion_address, self.epoch,
		i.lane),
	    (SELECT p.digest FROM federation.room_streams t
		JOIN federation.room_items p ON p.room_id = t.room_id
		AND p.origin = t.origin AND p.epoch = t.epoch
		AND p.lane = t.lane AND p.sequence = t.contiguous
		WHERE t.room_id = target AND t.origin = self.onion_address
		AND t.epoch = self.epoch AND t.lane = i.lane)
	FROM i ORDER BY i.id;
END
$$;

-- Gives messages of ours their places, all under the room's last state, and
-- queues them for each other server that has a member. The marks of the
-- transaction are one (common/room/room_restore.h), which is returned; null:
-- another worker was faster.
CREATE FUNCTION federation.room_messages_number(room text, version bigint,
    epoch bigint, state_number bigint,
    places federation.room_numbered_row[],
    streams federation.room_stream_row[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
	target uuid;
	self federation.self;
BEGIN
	IF (room_messages_number.room <> '' AND
	    room_messages_number.version >= 0 AND
	    cardinality(room_messages_number.places) BETWEEN 1 AND 1024 AND
	    cardinality(room_messages_number.streams) <= 3)
	    IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'room, version or places are out of bounds';
	END IF;
	target := federation.room_lock(room_messages_number.room,
	    room_messages_number.version);
	IF target IS NULL THEN
		RETURN NULL;
	END IF;
	UPDATE federation.self s SET mark = s.mark + 1
	    WHERE s.epoch = room_messages_number.epoch RETURNING s.* INTO self;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = '40001',
		    MESSAGE = 'another epoch has begun';
	END IF;
	UPDATE federation.room_items i SET status = 'refused', code = u.code,
	    payload = NULL
	    FROM unnest(room_messages_number.places) AS u
	    WHERE i.id = u.id AND u.code IS NOT NULL;
	-- An id that was sent to a server before is not sent there again.
	WITH i AS (UPDATE federation.room_items i SET status = 'taken',
	    code = NULL, epoch = room_messages_number.epoch,
	    state_number = room_messages_number.state_number,
	    sequence = u.sequence, digest = u.digest, previous = u.previous,
	    payload = u.payload
	    FROM unnest(room_messages_number.places) AS u
	    WHERE i.id = u.id AND u.code IS NULL
	    RETURNING i.id, i.message_id, i.payload, i.lane)
	INSERT INTO federation.federated_message_queue (message_id,
	    destination_server_id, encrypted_payload, priority, line)
	    SELECT i.message_id, d.server_id, i.payload, i.lane, target
	    FROM i CROSS JOIN unnest(federation.room_servers(target))
		AS d(server_id)
	    ORDER BY i.id ON CONFLICT DO NOTHING;
	PERFORM federation.room_tell(NULL, room_messages_number.room,
	    'refused', jsonb_build_object('code', u.code, 'kind', 'message',
	    'request', i.message_id))
	    FROM unnest(room_messages_number.places) AS u
	    JOIN federation.room_items i ON i.id = u.id
	    WHERE u.code IS NOT NULL ORDER BY i.id;
	PERFORM federation.room_streams_write(target, self.onion_address,
	    room_messages_number.streams);
	PERFORM pg_notify('federation_queue', '');
	RETURN self.mark;
END
$$;

-- A message of ours is given up for a server. Or that is taken back: an
-- administrator sends it again, or the server has it after all.
CREATE FUNCTION federation.room_message_ends() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.room_tell(s.id, f.global_room_id,
	    CASE NEW.status WHEN 'failed' THEN 'undelivered'
		WHEN 'delivered' THEN 'delivered' ELSE 'requeued' END,
	    jsonb_strip_nulls(jsonb_build_object('message', NEW.message_id,
		'server', s.onion_address, 'code', CASE NEW.status
		WHEN 'failed' THEN NEW.last_error END)))
	    FROM federation.federated_rooms f, federation.federation_servers s
	    WHERE f.id = NEW.line AND s.id = NEW.destination_server_id;
	RETURN NULL;
END
$$;

CREATE TRIGGER room_message_ends
    AFTER UPDATE OF status ON federation.federated_message_queue
    FOR EACH ROW WHEN (NEW.type = 'message' AND NEW.line IS NOT NULL
	AND NEW.status <> OLD.status AND
	'failed' IN (NEW.status, OLD.status))
    EXECUTE FUNCTION federation.room_message_ends();

-- What there is to do ------------------------------------------------------

-- Rooms that something is to be done in: fresh, messages have no place yet;
-- else some have been held for as long as hold.
CREATE FUNCTION federation.room_messages_work(hold interval)
RETURNS TABLE (room text, fresh boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off
SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
BEGIN
	IF (room_messages_work.hold > interval '0') IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'hold is not above 0';
	END IF;
	RETURN QUERY
	WITH RECURSIVE n(room_id) AS ( -- from room to room by the index
	    SELECT (SELECT i.room_id FROM federation.room_items i
		WHERE i.status = 'new' ORDER BY i.room_id LIMIT 1)
	    UNION ALL
	    SELECT (SELECT i.room_id FROM federation.room_items i
		WHERE i.status = 'new' AND i.room_id > n.room_id
		ORDER BY i.room_id LIMIT 1)
	    FROM n WHERE n.room_id IS NOT NULL)
	SELECT f.global_room_id, w.fresh FROM (
	    SELECT n.room_id, true FROM n
	    UNION ALL
	    SELECT DISTINCT h.room_id, false FROM (SELECT i.room_id
		FROM federation.room_items i WHERE i.status = 'held'
		AND i.since <= now() - room_messages_work.hold
		ORDER BY i.since LIMIT 10000) h) w(room_id, fresh)
	    JOIN federation.federated_rooms f ON f.id = w.room_id;
END
$$;

-- Rights -------------------------------------------------------------------

GRANT EXECUTE ON FUNCTION
    federation.room_messages_facts(text, text, federation.room_place_row[]),
    federation.room_messages_take(text, bigint, text,
	federation.room_proof_row, federation.room_message_row[],
	federation.room_stream_row[]),
    federation.room_messages_open(text, bigint, integer),
    federation.room_messages_judge(text, bigint,
	federation.room_judged_row[]),
    federation.room_messages_new(text, integer),
    federation.room_messages_number(text, bigint, bigint, bigint,
	federation.room_numbered_row[], federation.room_stream_row[]),
    federation.room_messages_work(interval) TO _fedqueued;
