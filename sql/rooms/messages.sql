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

-- The room's id in the tables, locked, if its version is still that one; null:
-- it is not. Whoever has called it may change the room.
CREATE FUNCTION federation.room_messages_lock(room text, version bigint)
RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	locked uuid;
BEGIN
	UPDATE federation.room_states s SET version = s.version + 1
	    FROM federation.federated_rooms r
	    WHERE r.global_room_id = room_messages_lock.room
	    AND s.room_id = r.id AND s.version = room_messages_lock.version
	    RETURNING s.room_id INTO locked;
	RETURN locked;
END
$$;

-- Whether a user of ours leaves, whatever the home has sequenced.
CREATE FUNCTION federation.room_leaves(room uuid, member text)
RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
	SELECT EXISTS (SELECT 1 FROM federation.room_wishes w
	    WHERE w.room_id = $1 AND w.kind = 'leave' AND w.member = $2
	    AND w.state IN ('new', 'asked'))
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

-- Those of others ----------------------------------------------------------

-- What is to be known before messages of one origin in one room are judged: a
-- row for each, in their order. Columns: of the room, version (null: it is not
-- known) to restricted; of the origin in it, trust_level (3 of ourselves,
-- null: not known) to epochs; then of the message. known: the digest that its
-- id was received with; refused: that of one that was not taken.
CREATE FUNCTION federation.room_messages_facts(room text, origin text,
    messages uuid[], senders text[], lanes integer[], epochs bigint[],
    sequences bigint[], states bigint[])
RETURNS TABLE (version bigint, number bigint, hash bytea, closed bigint,
    disputed bigint, require_invite boolean, federated boolean,
    restricted boolean, now bigint, trust_level integer, server_seen boolean,
    here boolean, joining boolean, held bigint, held_server bigint,
    epoch_count bigint, state_joined bigint, state_left bigint,
    left_learned bigint, known bytea, refused bytea, epoch_known boolean,
    contiguous bigint, highest bigint, gap_since bigint, forked bigint,
    seen bytea, before bytea, at bytea, at_void boolean, after bytea,
    here_then boolean, out_kind text, out_learned bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 64
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off
SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
	most CONSTANT integer := cardinality(room_messages_facts.messages);
	self federation.self;
	server uuid;
	level integer;
	own boolean;
BEGIN
	IF (room_messages_facts.room ~ '^[0-9a-f-]{36}@[a-z2-7]{56}\.onion$' AND
	    room_messages_facts.origin ~ '^[a-z2-7]{56}\.onion$' AND
	    most BETWEEN 1 AND 64 AND
	    cardinality(room_messages_facts.senders) = most AND
	    cardinality(room_messages_facts.lanes) = most AND
	    cardinality(room_messages_facts.epochs) = most AND
	    cardinality(room_messages_facts.sequences) = most AND
	    cardinality(room_messages_facts.states) = most) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'room, origin or messages do not have their form';
	END IF;
	SELECT s.* INTO self FROM federation.self s;
	own := self.onion_address IS NOT DISTINCT FROM
	    room_messages_facts.origin;
	SELECT s.id, s.trust_level INTO server, level
	    FROM federation.federation_servers s
	    WHERE s.onion_address = room_messages_facts.origin;
	IF own THEN
		level := 3;
	END IF;
	RETURN QUERY
	WITH a AS MATERIALIZED (SELECT u.*
	    FROM unnest(room_messages_facts.messages,
		room_messages_facts.senders, room_messages_facts.lanes,
		room_messages_facts.epochs, room_messages_facts.sequences,
		room_messages_facts.states) WITH ORDINALITY
		AS u(message, sender, lane, epoch, sequence, state, place)),
	r AS MATERIALIZED (SELECT s.*, f.origin_server_id,
		CASE WHEN s.disputed = 0 THEN s.number
		    ELSE least(s.number, s.disputed - 1) END AS last
	    FROM federation.federated_rooms f
	    JOIN federation.room_states s ON s.room_id = f.id
	    WHERE f.global_room_id = room_messages_facts.room),
	-- of the room and the origin, once
	o AS MATERIALIZED (SELECT
	    CASE WHEN own THEN
		EXISTS (SELECT 1 FROM federation.room_members m
		    WHERE m.room_id = r.room_id AND m.server_id IS NULL AND
		    m.state_left IS DISTINCT FROM m.state_joined)
	    ELSE
		EXISTS (SELECT 1 FROM federation.room_members m
		    WHERE m.room_id = r.room_id AND m.server_id = server AND
		    m.state_left IS NULL) OR
		EXISTS (SELECT 1 FROM federation.room_members m
		    WHERE m.room_id = r.room_id AND m.server_id = server AND
		    m.state_left > m.state_joined) END AS server_seen,
	    EXISTS (SELECT 1 FROM federation.room_members m
		WHERE m.room_id = r.room_id AND m.server_id IS NULL AND
		m.state_left IS NULL AND m.state_joined <= r.last AND
		NOT federation.room_leaves(r.room_id, m.member)) OR
	    r.disputed <> 0 AND EXISTS (SELECT 1
		FROM federation.room_members m
		WHERE m.room_id = r.room_id AND m.server_id IS NULL AND
		m.state_left > r.last AND m.state_joined <= r.last AND
		NOT federation.room_leaves(r.room_id, m.member)) AS here,
	    EXISTS (SELECT 1 FROM federation.room_wishes w
		WHERE w.room_id = r.room_id AND w.kind = 'join' AND
		w.state IN ('new', 'asked')) OR
	    self.restored_at IS NOT NULL AND CASE
		WHEN r.origin_server_id IS NULL THEN
		    self.restored_at > now() - interval '15 minutes'
		ELSE r.origin_server_id <> ALL (r.answered) END AS joining,
	    (SELECT count(*) FROM federation.room_items i
		WHERE i.room_id = r.room_id AND i.status = 'held') AS held,
	    (SELECT count(*) FROM federation.room_items i
		WHERE i.room_id = r.room_id AND i.status = 'held' AND
		i.origin = room_messages_facts.origin) AS held_server,
	    (SELECT count(DISTINCT t.epoch) FROM federation.room_streams t
		WHERE t.room_id = r.room_id AND
		t.origin = room_messages_facts.origin) AS epoch_count,
	    x.kind AS out_kind,
	    extract(epoch FROM x.received_at)::bigint AS out_learned
	    FROM (SELECT 1) one LEFT JOIN r ON true
	    -- by which the last of ours went, when none is there
	    LEFT JOIN federation.room_state_events x ON x.room_id = r.room_id
		AND x.number = CASE WHEN NOT EXISTS (SELECT 1
		    FROM federation.room_members m
		    WHERE m.room_id = r.room_id AND m.server_id IS NULL AND
		    m.state_left IS NULL) THEN (SELECT max(m.state_left)
		    FROM federation.room_members m
		    WHERE m.room_id = r.room_id AND m.server_id IS NULL AND
		    m.state_left > m.state_joined) END)
	SELECT r.version, r.number, r.hash, r.closed, r.disputed,
	    r.require_invite, r.federated, r.restricted,
	    extract(epoch FROM now())::bigint, level, o.server_seen, o.here,
	    o.joining, o.held, o.held_server, o.epoch_count, m.state_joined,
	    m.state_left,
	    (SELECT extract(epoch FROM e.received_at)::bigint
		FROM federation.room_state_events e
		WHERE e.room_id = r.room_id AND e.number = m.state_left),
	    (SELECT k.digest FROM federation.received_ids k
		WHERE k.server_id = server AND k.message_id = a.message),
	    (SELECT i.digest FROM federation.room_items i
		WHERE i.origin = room_messages_facts.origin
		AND i.message_id = a.message),
	    EXISTS (SELECT 1 FROM federation.room_streams t
		WHERE t.room_id = r.room_id
		AND t.origin = room_messages_facts.origin
		AND t.epoch = a.epoch),
	    t.contiguous, t.highest, extract(epoch FROM t.gap_since)::bigint,
	    t.forked, t.seen,
	    coalesce(b.digest,
		(SELECT v.digest FROM federation.room_voids v
		WHERE v.room_id = r.room_id
		AND v.origin = room_messages_facts.origin
		AND v.epoch = a.epoch AND v.lane = a.lane
		AND v.last = a.sequence - 1 LIMIT 1),
		(SELECT v.previous FROM federation.room_voids v
		WHERE v.room_id = r.room_id
		AND v.origin = room_messages_facts.origin
		AND v.epoch = a.epoch AND v.lane = a.lane
		AND v.first = a.sequence AND v.first > 1 LIMIT 1),
		CASE WHEN a.sequence > 1 THEN i.previous END),
	    coalesce(i.digest,
		(SELECT v.digest FROM federation.room_voids v
		WHERE v.room_id = r.room_id
		AND v.origin = room_messages_facts.origin
		AND v.epoch = a.epoch AND v.lane = a.lane
		AND v.last = a.sequence LIMIT 1),
		(SELECT v.previous FROM federation.room_voids v
		WHERE v.room_id = r.room_id
		AND v.origin = room_messages_facts.origin
		AND v.epoch = a.epoch AND v.lane = a.lane
		AND v.first = a.sequence + 1 LIMIT 1),
		c.previous),
	    i.status IS NULL OR i.status = 'refused', c.previous,
	    NOT o.here AND EXISTS (SELECT 1 FROM federation.room_members m
		WHERE m.room_id = r.room_id AND m.server_id IS NULL
		AND m.state_joined <= a.state AND (m.state_left IS NULL OR
		m.state_left > a.state)), o.out_kind, o.out_learned
	FROM a CROSS JOIN o LEFT JOIN r ON true
	LEFT JOIN LATERAL (SELECT m.state_joined, m.state_left
	    FROM federation.room_members m WHERE m.room_id = r.room_id
	    AND m.member = a.sender || '@' || room_messages_facts.origin
	    AND m.state_joined <= a.state
	    ORDER BY m.state_joined DESC LIMIT 1) m ON true
	LEFT JOIN LATERAL (SELECT t.* FROM federation.room_streams t
	    WHERE t.room_id = r.room_id
	    AND t.origin = room_messages_facts.origin AND t.epoch = a.epoch
	    AND t.lane = a.lane LIMIT 1) t ON true
	-- the item itself, the one before and the one behind
	LEFT JOIN LATERAL (SELECT i.digest, i.previous, i.status
	    FROM federation.room_items i WHERE i.room_id = r.room_id
	    AND i.origin = room_messages_facts.origin AND i.epoch = a.epoch
	    AND i.lane = a.lane AND i.sequence = a.sequence LIMIT 1) i ON true
	LEFT JOIN LATERAL (SELECT i.digest, i.previous, i.status
	    FROM federation.room_items i WHERE i.room_id = r.room_id
	    AND i.origin = room_messages_facts.origin AND i.epoch = a.epoch
	    AND i.lane = a.lane AND i.sequence = a.sequence - 1
	    LIMIT 1) b ON true
	LEFT JOIN LATERAL (SELECT i.digest, i.previous, i.status
	    FROM federation.room_items i WHERE i.room_id = r.room_id
	    AND i.origin = room_messages_facts.origin AND i.epoch = a.epoch
	    AND i.lane = a.lane AND i.sequence = a.sequence + 1
	    LIMIT 1) c ON true
	ORDER BY a.place;
END
$$;

-- Evidence that is new: of streams the lowest number alone counts, of ids a
-- hundred of an origin in a room are enough. The admin is told, too.
CREATE FUNCTION federation.room_messages_evidence(room uuid, origin text,
    server uuid, kind text, epoch bigint, lane integer, number bigint,
    message uuid, first bytea, second bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	IF EXISTS (SELECT 1 FROM federation.room_evidence e
	    WHERE e.room_id = room_messages_evidence.room
	    AND e.origin = room_messages_evidence.origin
	    AND e.kind = room_messages_evidence.kind
	    AND e.epoch = room_messages_evidence.epoch
	    AND e.lane = room_messages_evidence.lane
	    AND CASE e.kind WHEN 'ID_CONFLICT'
		THEN e.number = room_messages_evidence.number
		ELSE e.number <= room_messages_evidence.number END) OR
	    room_messages_evidence.kind = 'ID_CONFLICT' AND
	    (SELECT count(*) >= 100 FROM federation.room_evidence e
	    WHERE e.room_id = room_messages_evidence.room
	    AND e.origin = room_messages_evidence.origin
	    AND e.kind = 'ID_CONFLICT') THEN
		RETURN;
	END IF;
	INSERT INTO federation.room_evidence (room_id, origin, kind, epoch,
	    lane, number, first, second)
	    VALUES (room_messages_evidence.room, room_messages_evidence.origin,
	    room_messages_evidence.kind, room_messages_evidence.epoch,
	    room_messages_evidence.lane, room_messages_evidence.number,
	    room_messages_evidence.first, room_messages_evidence.second);
	INSERT INTO federation.evidence (server_id, kind, message_id, first,
	    second)
	    SELECT server, room_messages_evidence.kind,
		room_messages_evidence.message, room_messages_evidence.first,
		room_messages_evidence.second
	    WHERE server IS NOT NULL AND (SELECT count(*)
		FROM federation.evidence e WHERE e.server_id = server
		AND e.kind = room_messages_evidence.kind) < 100;
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

-- Streams as they are now; gaps in seconds, 0 none.
CREATE FUNCTION federation.room_streams_write(room uuid, origin text,
    lanes integer[], epochs bigint[], contiguous bigint[], highest bigint[],
    gaps bigint[], forks bigint[], seen bytea[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	INSERT INTO federation.room_streams AS t (room_id, origin, epoch, lane,
	    contiguous, highest, gap_since, forked, seen)
	    SELECT $1, $2, u.epoch, u.lane, u.contiguous, u.highest,
		to_timestamp(nullif(u.gap, 0)), u.forked, u.seen
	    FROM unnest($3, $4, $5, $6, $7, $8, $9) AS u(lane, epoch,
		contiguous, highest, gap, forked, seen)
	    ON CONFLICT (room_id, origin, epoch, lane) DO UPDATE SET
		contiguous = excluded.contiguous, highest = excluded.highest,
		gap_since = excluded.gap_since, forked = excluded.forked,
		seen = excluded.seen
$$;

-- Writes what was decided of messages of one origin, all that one request
-- brought: signing_text, signature and key_id are that request's. status:
-- taken, held or refused (a number that is settled all the same), or conflict:
-- not kept. Those with number above 0 are evidence: of SEQUENCE_CONFLICT about
-- that number, or of ID_CONFLICT. What is taken and not hidden (flags LATE 1,
-- HIDDEN 8) goes to the application. Then the streams as they are now.
CREATE FUNCTION federation.room_messages_take(room text, version bigint,
    origin text, signing_text bytea, signature bytea, key_id bytea,
    messages uuid[], digests bytea[], senders text[], types text[],
    statuses text[], codes text[], flags integer[], lanes integer[],
    epochs bigint[], sequences bigint[], states bigint[], previous bytea[],
    payloads bytea[], numbers bigint[], stream_lanes integer[],
    stream_epochs bigint[], contiguous bigint[], highest bigint[],
    gaps bigint[], forks bigint[], seen bytea[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	peer federation.federation_servers;
	target uuid;
	own boolean;
	proof bigint;
	written bigint;
BEGIN
	IF (octet_length(room_messages_take.signature) = 64 AND
	    octet_length(room_messages_take.key_id) = 32 AND
	    room_messages_take.signing_text <> '' AND
	    cardinality(room_messages_take.messages) BETWEEN 1 AND 256 AND
	    cardinality(room_messages_take.stream_lanes) BETWEEN 0 AND 64 AND
	    room_messages_take.version >= 0 AND room_messages_take.origin <> ''
	    AND room_messages_take.room <> '') IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'room, proof or messages do not have their form';
	END IF;
	target := federation.room_messages_lock(room_messages_take.room,
	    room_messages_take.version);
	IF target IS NULL THEN
		RETURN false;
	END IF;
	own := EXISTS (SELECT 1 FROM federation.self s
	    WHERE s.onion_address = room_messages_take.origin);
	IF NOT own THEN
		-- Locked, so that nobody deletes it before a row refers to it.
		SELECT s.* INTO peer FROM federation.federation_servers s
		    WHERE s.onion_address = room_messages_take.origin
		    AND s.trust_level >= 1 FOR KEY SHARE;
		IF NOT FOUND THEN
			RAISE EXCEPTION USING ERRCODE = '40001',
			    MESSAGE = 'the origin is not trusted any more';
		END IF;
	END IF;
	INSERT INTO federation.room_proofs (origin, signing_text, signature,
	    key_id)
	    VALUES (room_messages_take.origin, room_messages_take.signing_text,
	    room_messages_take.signature, room_messages_take.key_id)
	    RETURNING id INTO proof;
	INSERT INTO federation.received_ids (server_id, message_id, digest)
	    SELECT peer.id, u.message, u.digest
	    FROM unnest(room_messages_take.messages,
		room_messages_take.digests, room_messages_take.statuses)
		AS u(message, digest, status)
	    WHERE NOT own AND u.status IN ('taken', 'held')
	    ON CONFLICT DO NOTHING;
	GET DIAGNOSTICS written = ROW_COUNT;
	IF NOT own AND written <> (SELECT count(*)
	    FROM unnest(room_messages_take.statuses) AS u(status)
	    WHERE u.status IN ('taken', 'held')) THEN
		RAISE EXCEPTION USING ERRCODE = '40001',
		    MESSAGE = 'an id was received meanwhile';
	END IF;
	INSERT INTO federation.room_items AS i (room_id, origin, message_id,
	    sender, status, code, flags, lane, epoch, sequence, state_number,
	    digest, previous, payload, message_type, proof_id)
	    SELECT target, room_messages_take.origin, u.message, u.sender,
		u.status, nullif(u.code, ''), u.flags, u.lane, u.epoch,
		u.sequence, u.state, u.digest, u.previous, u.payload, u.type,
		proof
	    FROM unnest(room_messages_take.messages,
		room_messages_take.digests, room_messages_take.senders,
		room_messages_take.types, room_messages_take.statuses,
		room_messages_take.codes, room_messages_take.flags,
		room_messages_take.lanes, room_messages_take.epochs,
		room_messages_take.sequences, room_messages_take.states,
		room_messages_take.previous, room_messages_take.payloads)
		WITH ORDINALITY AS u(message, digest, sender, type, status,
		code, flags, lane, epoch, sequence, state, previous, payload,
		place)
	    WHERE u.status <> 'conflict' ORDER BY u.place
	    ON CONFLICT (origin, message_id) DO UPDATE SET
		status = excluded.status, code = excluded.code,
		flags = excluded.flags, since = now()
	    WHERE i.status = 'refused' AND i.digest = excluded.digest;
	INSERT INTO federation.inbox (message_id, server_id, type, payload,
	    trust_level)
	    SELECT u.message, peer.id, 'message', u.payload, peer.trust_level
	    FROM unnest(room_messages_take.messages,
		room_messages_take.statuses, room_messages_take.flags,
		room_messages_take.payloads) WITH ORDINALITY
		AS u(message, status, flags, payload, place)
	    WHERE NOT own AND u.status = 'taken' AND u.flags & 9 = 0
	    ORDER BY u.place;
	PERFORM federation.room_messages_evidence(target,
	    room_messages_take.origin, peer.id, u.code, u.epoch, u.lane,
	    u.number, u.message,
	    coalesce(CASE u.code WHEN 'ID_CONFLICT' THEN coalesce(
		(SELECT federation.room_document(p.signing_text, p.signature,
		    i.message_id, i.payload) FROM federation.room_items i
		    JOIN federation.room_proofs p ON p.id = i.proof_id
		    WHERE i.origin = room_messages_take.origin
		    AND i.message_id = u.message AND i.digest <> u.digest),
		(SELECT k.digest FROM federation.received_ids k
		    WHERE k.server_id = peer.id AND k.message_id = u.message))
		ELSE federation.room_messages_against(target,
		    room_messages_take.origin, u.epoch, u.lane, u.sequence,
		    u.digest, u.previous, u.number) END, u.document),
	    u.document)
	    FROM (SELECT n.*, federation.room_document(
		    room_messages_take.signing_text,
		    room_messages_take.signature, n.message, n.payload)
		FROM unnest(room_messages_take.messages,
		    room_messages_take.digests, room_messages_take.codes,
		    room_messages_take.lanes, room_messages_take.epochs,
		    room_messages_take.sequences, room_messages_take.previous,
		    room_messages_take.payloads, room_messages_take.numbers)
		    AS n(message, digest, code, lane, epoch, sequence,
		    previous, payload, number) WHERE n.number > 0)
		AS u(message, digest, code, lane, epoch, sequence, previous,
		payload, number, document);
	PERFORM federation.room_streams_write(target,
	    room_messages_take.origin, room_messages_take.stream_lanes,
	    room_messages_take.stream_epochs, room_messages_take.contiguous,
	    room_messages_take.highest, room_messages_take.gaps,
	    room_messages_take.forks, room_messages_take.seen);
	UPDATE federation.room_states s SET heard_at = now()
	    FROM federation.federated_rooms f WHERE s.room_id = target
	    AND f.id = target AND f.origin_server_id = peer.id;
	RETURN true;
END
$$;

-- Messages of a room that wait for a state, or were taken without, behind id:
-- with their facts as room_messages_facts() has them.
CREATE FUNCTION federation.room_messages_open(room text, behind bigint,
    most integer)
RETURNS TABLE (version bigint, number bigint, hash bytea, closed bigint,
    disputed bigint, require_invite boolean, federated boolean,
    restricted boolean, now bigint, id bigint, member text, status text,
    flags integer, state_number bigint, since bigint, server_seen boolean,
    state_joined bigint, state_left bigint, left_learned bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 64
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off
SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
BEGIN
	IF (room_messages_open.room <> '' AND room_messages_open.behind >= 0
	    AND room_messages_open.most BETWEEN 1 AND 1024) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'room, behind or most is out of its bounds';
	END IF;
	RETURN QUERY
	WITH r AS MATERIALIZED (SELECT s.* FROM federation.federated_rooms f
	    JOIN federation.room_states s ON s.room_id = f.id
	    WHERE f.global_room_id = room_messages_open.room),
	i AS MATERIALIZED (SELECT i.* FROM federation.room_items i
	    WHERE i.room_id = (SELECT r.room_id FROM r)
	    AND (i.status = 'held' OR i.flags & 4 <> 0)
	    AND i.status IN ('held', 'taken') AND i.id > behind
	    ORDER BY i.id LIMIT most)
	SELECT r.version, r.number, r.hash, r.closed, r.disputed,
	    r.require_invite, r.federated, r.restricted,
	    extract(epoch FROM now())::bigint, i.id,
	    i.sender || '@' || i.origin, i.status, i.flags, i.state_number,
	    extract(epoch FROM i.since)::bigint,
	    EXISTS (SELECT 1 FROM federation.room_members m
		LEFT JOIN federation.federation_servers s ON s.id = m.server_id
		WHERE m.room_id = r.room_id
		AND coalesce(s.onion_address, (SELECT o.onion_address
		    FROM federation.self o)) = i.origin
		AND m.state_left IS DISTINCT FROM m.state_joined),
	    m.state_joined, m.state_left,
	    (SELECT extract(epoch FROM e.received_at)::bigint
		FROM federation.room_state_events e
		WHERE e.room_id = r.room_id AND e.number = m.state_left)
	FROM i CROSS JOIN r
	LEFT JOIN LATERAL (SELECT m.state_joined, m.state_left
	    FROM federation.room_members m WHERE m.room_id = r.room_id
	    AND m.member = i.sender || '@' || i.origin
	    AND m.state_joined <= i.state_number
	    ORDER BY m.state_joined DESC LIMIT 1) m ON true
	ORDER BY i.id;
END
$$;

-- Writes what became of those, in the order of ids. What was not shown before
-- and is now goes to the application.
CREATE FUNCTION federation.room_messages_judge(room text, version bigint,
    ids bigint[], statuses text[], codes text[], flags integer[])
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
	target uuid;
BEGIN
	IF (room_messages_judge.room <> '' AND room_messages_judge.version >= 0
	    AND cardinality(room_messages_judge.ids) BETWEEN 1 AND 1024)
	    IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'room, version or ids are out of their bounds';
	END IF;
	target := federation.room_messages_lock(room_messages_judge.room,
	    room_messages_judge.version);
	IF target IS NULL THEN
		RETURN false;
	END IF;
	INSERT INTO federation.inbox (message_id, server_id, type, payload,
	    trust_level)
	    SELECT i.message_id, s.id, 'message', i.payload, s.trust_level
	    FROM unnest(room_messages_judge.ids, room_messages_judge.statuses,
		room_messages_judge.flags) AS u(id, status, flags)
	    JOIN federation.room_items i ON i.id = u.id
	    JOIN federation.federation_servers s
		ON s.onion_address = i.origin
	    WHERE u.status = 'taken' AND u.flags & 9 = 0
	    AND (i.status = 'held' OR i.flags & 9 <> 0) ORDER BY i.id;
	UPDATE federation.room_items i SET status = u.status,
	    code = nullif(u.code, ''), flags = u.flags
	    FROM unnest(room_messages_judge.ids, room_messages_judge.statuses,
		room_messages_judge.codes, room_messages_judge.flags)
		AS u(id, status, code, flags)
	    WHERE i.id = u.id;
	RETURN true;
END
$$;

-- Our own ------------------------------------------------------------------

-- The oldest messages of a room that have no place yet: the room, our epoch,
-- then of each the sender's last membership, whether he leaves, and the stream
-- of its lane with the digest of its last number.
CREATE FUNCTION federation.room_messages_new(room text, most integer)
RETURNS TABLE (version bigint, number bigint, hash bytea, closed bigint,
    disputed bigint, require_invite boolean, federated boolean,
    restricted boolean, now bigint, epoch bigint, id bigint, message_id uuid,
    sender text, content bytea, message_type text, metadata text,
    state_joined bigint, state_left bigint, leaving boolean, lane integer,
    contiguous bigint, highest bigint, gap_since bigint, forked bigint,
    seen bytea, tip bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 64
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off
SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
	self federation.self;
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
	RETURN QUERY
	WITH r AS MATERIALIZED (SELECT s.* FROM federation.federated_rooms f
	    JOIN federation.room_states s ON s.room_id = f.id
	    WHERE f.global_room_id = room_messages_new.room),
	i AS MATERIALIZED (SELECT i.* FROM federation.room_items i
	    WHERE i.room_id = (SELECT r.room_id FROM r) AND i.status = 'new'
	    -- Who is about to be a member waits for that.
	    AND NOT EXISTS (SELECT 1 FROM federation.room_wishes w
		WHERE w.room_id = i.room_id AND w.state = 'new'
		AND w.kind IN ('create', 'join')
		AND w.member = i.sender || '@' || self.onion_address)
	    ORDER BY i.id LIMIT most)
	SELECT r.version, r.number, r.hash, r.closed, r.disputed,
	    r.require_invite, r.federated, r.restricted,
	    extract(epoch FROM now())::bigint, self.epoch, i.id, i.message_id,
	    i.sender, i.content, i.message_type, i.metadata, m.state_joined,
	    m.state_left,
	    EXISTS (SELECT 1 FROM federation.room_wishes w
		WHERE w.room_id = r.room_id AND w.kind = 'leave'
		AND w.member = i.sender || '@' || self.onion_address
		AND w.state IN ('new', 'asked') AND w.created_at < i.since),
	    i.lane, t.contiguous, t.highest,
	    extract(epoch FROM t.gap_since)::bigint, t.forked, t.seen,
	    (SELECT p.digest FROM federation.room_items p
		WHERE p.room_id = r.room_id AND p.origin = self.onion_address
		AND p.epoch = self.epoch AND p.lane = i.lane
		AND p.sequence = t.contiguous)
	FROM i CROSS JOIN r
	LEFT JOIN LATERAL (SELECT m.state_joined, m.state_left
	    FROM federation.room_members m WHERE m.room_id = r.room_id
	    AND m.member = i.sender || '@' || self.onion_address
	    ORDER BY m.state_joined DESC LIMIT 1) m ON true
	LEFT JOIN LATERAL (SELECT t.* FROM federation.room_streams t
	    WHERE t.room_id = r.room_id AND t.origin = self.onion_address
	    AND t.epoch = self.epoch AND t.lane = i.lane LIMIT 1) t ON true
	ORDER BY i.id;
END
$$;

-- Gives messages of ours their places, all under the room's last state, and
-- queues them for each other server that has a member. codes: '', or why one
-- is refused; then it has no place. The marks of the transaction are one
-- (common/room/room_restore.h), which is returned; null: another worker was
-- faster.
CREATE FUNCTION federation.room_messages_number(room text, version bigint,
    epoch bigint, state_number bigint, ids bigint[], codes text[],
    sequences bigint[], digests bytea[], previous bytea[], payloads bytea[],
    stream_lanes integer[], stream_epochs bigint[], contiguous bigint[],
    highest bigint[], gaps bigint[], forks bigint[], seen bytea[])
RETURNS bigint
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
	    cardinality(room_messages_number.ids) BETWEEN 1 AND 1024 AND
	    cardinality(room_messages_number.stream_lanes) <= 3)
	    IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'room, version or ids are out of their bounds';
	END IF;
	target := federation.room_messages_lock(room_messages_number.room,
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
	-- An id that was sent to a server before is not sent there again.
	WITH i AS (UPDATE federation.room_items i SET
	    status = CASE u.code WHEN '' THEN 'taken' ELSE 'refused' END,
	    code = nullif(u.code, ''),
	    epoch = CASE u.code WHEN '' THEN room_messages_number.epoch END,
	    state_number = CASE u.code WHEN ''
		THEN room_messages_number.state_number END,
	    sequence = CASE u.code WHEN '' THEN u.sequence END,
	    digest = CASE u.code WHEN '' THEN u.digest END,
	    previous = CASE u.code WHEN '' THEN u.previous END,
	    payload = CASE u.code WHEN '' THEN u.payload END
	    FROM unnest(room_messages_number.ids, room_messages_number.codes,
		room_messages_number.sequences, room_messages_number.digests,
		room_messages_number.previous, room_messages_number.payloads)
		AS u(id, code, sequence, digest, previous, payload)
	    WHERE i.id = u.id RETURNING i.id, i.message_id, i.status, i.payload,
		i.lane),
	d AS (SELECT DISTINCT m.server_id FROM federation.room_members m
	    WHERE m.room_id = target AND m.state_left IS NULL
	    AND m.server_id IS NOT NULL)
	INSERT INTO federation.federated_message_queue (message_id,
	    destination_server_id, encrypted_payload, priority)
	    SELECT i.message_id, d.server_id, i.payload, i.lane
	    FROM i CROSS JOIN d WHERE i.status = 'taken'
	    ORDER BY i.id ON CONFLICT DO NOTHING;
	PERFORM federation.room_tell(NULL, room_messages_number.room,
	    'refused', jsonb_build_object('code', u.code, 'kind', 'message',
	    'request', i.message_id))
	    FROM unnest(room_messages_number.ids, room_messages_number.codes)
		AS u(id, code)
	    JOIN federation.room_items i ON i.id = u.id
	    WHERE u.code <> '' ORDER BY i.id;
	PERFORM federation.room_streams_write(target, self.onion_address,
	    room_messages_number.stream_lanes,
	    room_messages_number.stream_epochs,
	    room_messages_number.contiguous, room_messages_number.highest,
	    room_messages_number.gaps, room_messages_number.forks,
	    room_messages_number.seen);
	PERFORM pg_notify('federation_queue', '');
	RETURN self.mark;
END
$$;

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
    federation.room_messages_facts(text, text, uuid[], text[], integer[],
	bigint[], bigint[], bigint[]),
    federation.room_messages_take(text, bigint, text, bytea, bytea, bytea,
	uuid[], bytea[], text[], text[], text[], text[], integer[], integer[],
	bigint[], bigint[], bigint[], bytea[], bytea[], bigint[], integer[],
	bigint[], bigint[], bigint[], bigint[], bigint[], bytea[]),
    federation.room_messages_open(text, bigint, integer),
    federation.room_messages_judge(text, bigint, bigint[], text[], text[],
	integer[]),
    federation.room_messages_new(text, integer),
    federation.room_messages_number(text, bigint, bigint, bigint, bigint[],
	text[], bigint[], bytea[], bytea[], bytea[], integer[], bigint[],
	bigint[], bigint[], bigint[], bigint[], bytea[]),
    federation.room_messages_work(interval) TO _fedqueued;
