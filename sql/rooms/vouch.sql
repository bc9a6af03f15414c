-- SPDX-License-Identifier: ISC
-- Rooms, what counts under a revoked certificate (common/room/room_vouch.h):
-- the facts for that, and what gives way cut off. min_serial: the lowest
-- serial of the author's that is not revoked, as the daemon has seen it.

-- Facts --------------------------------------------------------------------

-- The serial of a certificate; null: it is not known.
CREATE FUNCTION federation.vouch_serial(key_id bytea) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT split_part(convert_from(
	    federation.sync_certificate(vouch_serial.key_id), 'UTF8'), E'\n',
	    3)::bigint
$$;

-- Whether an item counts by itself: it is our own, under a certificate that is
-- not revoked, or a head or a declaration of its origin names it.
CREATE FUNCTION federation.vouch_item(item federation.room_items,
    min_serial bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT (vouch_item.item).proof_id IS NULL OR
	    EXISTS (SELECT 1 FROM federation.self o
		WHERE o.onion_address = (vouch_item.item).origin) OR coalesce(
	    (SELECT federation.vouch_serial(p.key_id) >= min_serial
		FROM federation.room_proofs p
		WHERE p.id = (vouch_item.item).proof_id), false) OR
	    EXISTS (SELECT 1 FROM federation.room_stated t
		WHERE t.room_id = (vouch_item.item).room_id
		AND t.origin = (vouch_item.item).origin
		AND t.epoch = (vouch_item.item).epoch
		AND t.lane = (vouch_item.item).lane
		AND t.serial >= min_serial AND
		(vouch_item.item).digest IN (t.digest, t.tip)) OR
	    EXISTS (SELECT 1 FROM federation.room_voids v
		JOIN federation.room_proofs p ON p.id = v.proof_id
		WHERE v.room_id = (vouch_item.item).room_id
		AND v.origin = (vouch_item.item).origin
		AND v.epoch = (vouch_item.item).epoch
		AND v.lane = (vouch_item.item).lane
		AND ((v.last, v.digest) = ((vouch_item.item).sequence,
		    (vouch_item.item).digest) OR
		    (v.first - 1, v.previous) = ((vouch_item.item).sequence,
		    (vouch_item.item).digest))
		AND federation.vouch_serial(p.key_id) >= min_serial)
$$;

-- Digests of numbers from first to last that something names which counts:
-- heads and declarations of the origin, and what stands behind. epoch 0: of a
-- room's state. What stands behind last may be vouched for by what stands
-- behind it, and so on, for as many numbers as most.
CREATE FUNCTION federation.vouch_names(room text, origin text, epoch bigint,
    lane integer, min_serial bigint, first bigint, last bigint, most integer)
RETURNS TABLE (digest bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	target uuid;
BEGIN
	PERFORM federation.sync_check(num_nulls(vouch_names.room,
	    vouch_names.origin, vouch_names.min_serial) = 0 AND
	    vouch_names.epoch >= 0 AND vouch_names.lane BETWEEN 0 AND 3 AND
	    vouch_names.first >= 1 AND
	    vouch_names.last >= vouch_names.first AND
	    vouch_names.most BETWEEN 1 AND 1024);
	SELECT f.id INTO target FROM federation.federated_rooms f
	    WHERE f.global_room_id = vouch_names.room;
	RETURN QUERY WITH RECURSIVE up AS (
	    SELECT i.sequence, i.previous,
		federation.vouch_item(i, vouch_names.min_serial) AS counts
	    FROM federation.room_items i WHERE i.room_id = target
	    AND i.origin = vouch_names.origin AND i.epoch = vouch_names.epoch
	    AND i.lane = vouch_names.lane
	    AND i.sequence = vouch_names.last + 1
	    UNION ALL SELECT i.sequence, up.previous,
		federation.vouch_item(i, vouch_names.min_serial)
	    FROM up JOIN federation.room_items i ON i.room_id = target
	    AND i.origin = vouch_names.origin AND i.epoch = vouch_names.epoch
	    AND i.lane = vouch_names.lane AND i.sequence = up.sequence + 1
	    WHERE NOT up.counts
	    AND up.sequence < vouch_names.last + vouch_names.most)
	    SELECT up.previous FROM up WHERE up.counts
	    UNION SELECT i.previous FROM federation.room_items i
		WHERE i.room_id = target AND i.origin = vouch_names.origin
		AND i.epoch = vouch_names.epoch AND i.lane = vouch_names.lane
		AND i.sequence > vouch_names.first
		AND i.sequence <= vouch_names.last
		AND federation.vouch_item(i, vouch_names.min_serial)
	    UNION SELECT d.digest FROM federation.room_stated t
		CROSS JOIN LATERAL (VALUES (t.sequence, t.digest),
		    (t.highest, t.tip)) AS d(number, digest)
		WHERE t.room_id = target AND t.origin = vouch_names.origin
		AND t.epoch = vouch_names.epoch AND t.lane = vouch_names.lane
		AND t.serial >= vouch_names.min_serial
		AND d.number BETWEEN vouch_names.first AND vouch_names.last
	    UNION SELECT d.digest FROM federation.room_voids v
		JOIN federation.room_proofs p ON p.id = v.proof_id
		CROSS JOIN LATERAL (VALUES (v.last, v.digest),
		    (v.first - 1, v.previous)) AS d(number, digest)
		WHERE v.room_id = target AND v.origin = vouch_names.origin
		AND v.epoch = vouch_names.epoch AND v.lane = vouch_names.lane
		AND d.number BETWEEN vouch_names.first AND vouch_names.last
		AND federation.vouch_serial(p.key_id) >=
		    vouch_names.min_serial;
END
$$;

-- The last number of a room's chain that is vouched for: by its own
-- certificate, or by what follows. One without a certificate counts.
CREATE FUNCTION federation.vouch_through(room uuid, min_serial bigint)
RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT coalesce((SELECT min(e.number) - 1
	    FROM federation.room_state_events e
	    WHERE e.room_id = vouch_through.room AND e.signature IS NOT NULL
	    AND e.number > coalesce((SELECT max(x.number)
		FROM federation.room_state_events x
		WHERE x.room_id = vouch_through.room
		AND x.signature IS NOT NULL AND (coalesce(
		federation.vouch_serial(x.key_id) >=
		vouch_through.min_serial, true) OR
		EXISTS (SELECT 1 FROM federation.room_stated t
		    WHERE t.room_id = x.room_id AND t.epoch = 0
		    AND t.sequence = x.number
		    AND t.serial >= vouch_through.min_serial
		    AND t.digest = sha256(x.signing_text)))), 0)),
	    (SELECT s.number FROM federation.room_states s
		WHERE s.room_id = vouch_through.room))
$$;

-- Up to which number a room's chain is vouched for, and what it is there: that
-- event (null: there is none), the last payloads that set anything, the closing
-- number.
CREATE FUNCTION federation.vouch_chain(room text, min_serial bigint)
RETURNS TABLE (version bigint, through bigint, text bytea, disputed bigint,
    closed bigint, created bytea, federation bytea, servers bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(vouch_chain.room <> '' AND
	    vouch_chain.min_serial >= 0);
	RETURN QUERY SELECT s.version, t.number,
	    (SELECT e.signing_text FROM federation.room_state_events e
		WHERE e.room_id = s.room_id AND e.number = t.number),
	    s.disputed, k.closed, k.created, k.federation, k.servers
	    FROM federation.federated_rooms f
	    JOIN federation.room_states s ON s.room_id = f.id
	    CROSS JOIN LATERAL (SELECT federation.vouch_through(s.room_id,
		vouch_chain.min_serial) AS number) t
	    CROSS JOIN LATERAL (SELECT
		coalesce(max(e.number) FILTER (WHERE e.kind = 'close'), 0)
		    AS closed,
		(array_agg(e.payload) FILTER (WHERE e.kind = 'create'))[1]
		    AS created,
		(array_agg(e.payload ORDER BY e.number DESC)
		    FILTER (WHERE e.kind = 'federation'))[1] AS federation,
		(array_agg(e.payload ORDER BY e.number DESC)
		    FILTER (WHERE e.kind = 'allowed_servers'))[1] AS servers
		FROM federation.room_state_events e
		WHERE e.room_id = s.room_id AND e.number <= t.number
		AND e.signature IS NOT NULL
		AND e.kind IN ('create', 'federation', 'allowed_servers',
		    'close')) k
	    WHERE f.global_room_id = vouch_chain.room;
END
$$;

-- Whether what has that digest under a number counts, as it is stored or as
-- something names it. epoch 0: an event, by its hash; of our own rooms all that
-- is stored does.
CREATE FUNCTION federation.vouch_holds(room text, origin text, epoch bigint,
    lane integer, min_serial bigint, number bigint, digest bytea)
RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(vouch_holds.room <> '' AND
	    vouch_holds.origin <> '' AND vouch_holds.epoch >= 0 AND
	    vouch_holds.lane BETWEEN 0 AND 3 AND
	    vouch_holds.min_serial >= 0 AND vouch_holds.number >= 1 AND
	    octet_length(vouch_holds.digest) = 32);
	IF vouch_holds.epoch = 0 THEN
		RETURN EXISTS (SELECT 1 FROM federation.federated_rooms f
		    JOIN federation.room_state_events e ON e.room_id = f.id
		    WHERE f.global_room_id = vouch_holds.room
		    AND e.number = vouch_holds.number
		    AND sha256(e.signing_text) = vouch_holds.digest
		    AND e.signature IS NOT NULL
		    AND (f.is_local_origin OR e.number <=
			federation.vouch_through(f.id,
			vouch_holds.min_serial)));
	END IF;
	RETURN EXISTS (SELECT 1 FROM federation.federated_rooms f
	    JOIN federation.room_items i ON i.room_id = f.id
	    WHERE f.global_room_id = vouch_holds.room
	    AND i.origin = vouch_holds.origin
	    AND i.epoch = vouch_holds.epoch AND i.lane = vouch_holds.lane
	    AND i.sequence = vouch_holds.number
	    AND i.digest = vouch_holds.digest
	    AND federation.vouch_item(i, vouch_holds.min_serial)) OR
	    EXISTS (SELECT 1 FROM federation.vouch_names(vouch_holds.room,
		vouch_holds.origin, vouch_holds.epoch, vouch_holds.lane,
		vouch_holds.min_serial, vouch_holds.number,
		vouch_holds.number, 256) AS n(digest)
		WHERE n.digest = vouch_holds.digest);
END
$$;

-- Contradictions for which a room is frozen or a stream has ended, behind id.
CREATE FUNCTION federation.vouch_disputes(after bigint)
RETURNS TABLE (id bigint, room text, origin text, epoch bigint, lane integer,
    first bytea, second bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(vouch_disputes.after >= 0);
	RETURN QUERY SELECT e.id, f.global_room_id, e.origin, e.epoch, e.lane,
	    e.first, e.second
	    FROM federation.room_evidence e
	    JOIN federation.federated_rooms f ON f.id = e.room_id
	    WHERE e.id > vouch_disputes.after AND e.kind <> 'ID_CONFLICT'
	    ORDER BY e.id LIMIT 1;
END
$$;

-- The items of a stream from number on, and whether each is vouched for: with
-- the room's version and the stream in each row. Those before that lie behind a
-- gap stay.
CREATE FUNCTION federation.vouch_stream(room text, origin text, epoch bigint,
    lane integer, min_serial bigint, number bigint)
RETURNS TABLE (version bigint, contiguous bigint, highest bigint,
    gap_since bigint, forked bigint, seen bytea, id bigint, sequence bigint,
    holds boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(vouch_stream.room <> '' AND
	    vouch_stream.origin <> '' AND vouch_stream.epoch >= 1 AND
	    vouch_stream.lane BETWEEN 1 AND 3 AND
	    vouch_stream.min_serial >= 0 AND vouch_stream.number >= 1);
	RETURN QUERY SELECT s.version, t.contiguous, t.highest,
	    extract(epoch FROM t.gap_since)::bigint, t.forked, t.seen, i.id,
	    i.sequence, CASE WHEN i.id IS NOT NULL THEN
		i.sequence < vouch_stream.number OR
		federation.vouch_holds(vouch_stream.room,
		vouch_stream.origin, vouch_stream.epoch, vouch_stream.lane,
		vouch_stream.min_serial, i.sequence, i.digest) END
	    FROM federation.federated_rooms f
	    JOIN federation.room_states s ON s.room_id = f.id
	    JOIN federation.room_streams t ON t.room_id = f.id
		AND t.origin = vouch_stream.origin
		AND t.epoch = vouch_stream.epoch
		AND t.lane = vouch_stream.lane
	    LEFT JOIN federation.room_items i ON i.room_id = f.id
		AND i.origin = t.origin AND i.epoch = t.epoch
		AND i.lane = t.lane AND i.sequence >=
		    least(vouch_stream.number, t.contiguous + 1)
	    WHERE f.global_room_id = vouch_stream.room
	    ORDER BY i.sequence LIMIT 2048;
END
$$;

-- Writing ------------------------------------------------------------------

-- Messages that were refused by events behind a number that do not stand, or
-- stand again, are judged again.
CREATE FUNCTION federation.vouch_again(room uuid, number bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	UPDATE federation.room_items i SET status = 'held', code = NULL,
	    flags = 0, again = true, since = now()
	    WHERE i.room_id = vouch_again.room AND i.status = 'refused'
	    AND i.proof_id IS NOT NULL AND i.state_number > vouch_again.number
	    AND i.code IN ('NOT_MEMBER', 'ROOM_CLOSED', 'ROOM_FROZEN',
		'ROOM_UNKNOWN')
$$;

-- What an origin's own head names, in an envelope under a certificate of at
-- least that serial: of each stream, and of a room's state (epoch 0).
CREATE FUNCTION federation.vouch_state(origin text, serial bigint,
    rooms text[], epochs bigint[], lanes integer[], sequences bigint[],
    digests bytea[], highest bigint[], tips bytea[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(vouch_state.origin <> '' AND
	    vouch_state.serial >= 0 AND
	    cardinality(vouch_state.rooms) BETWEEN 1 AND 256);
	INSERT INTO federation.room_stated AS t (room_id, origin, epoch, lane,
	    sequence, digest, highest, tip, serial)
	    SELECT f.id, vouch_state.origin, u.epoch, u.lane, u.sequence,
		u.digest, u.high, u.tip, vouch_state.serial
	    FROM unnest(vouch_state.rooms, vouch_state.epochs,
		vouch_state.lanes, vouch_state.sequences, vouch_state.digests,
		vouch_state.highest, vouch_state.tips) AS u(name, epoch, lane,
		sequence, digest, high, tip)
	    JOIN federation.federated_rooms f ON f.global_room_id = u.name
	    JOIN federation.room_states s ON s.room_id = f.id
	    ORDER BY f.id, u.epoch, u.lane
	    ON CONFLICT (room_id, origin, epoch, lane) DO UPDATE SET
		sequence = excluded.sequence, digest = excluded.digest,
		highest = excluded.highest, tip = excluded.tip,
		serial = excluded.serial
	    WHERE t.serial < excluded.serial OR t.highest <= excluded.highest;
END
$$;

-- Cuts a room's chain off behind state's number, with all that came of what
-- followed. Messages that were refused by what does not stand are judged again.
-- version is that of the state before. False: see room_lock().
CREATE FUNCTION federation.vouch_cut(room text,
    state federation.room_state_row) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	target uuid;
	keep bigint := state.number;
BEGIN
	PERFORM federation.sync_check(vouch_cut.room <> '' AND
	    state IS NOT NULL AND keep >= 0);
	target := federation.room_lock(vouch_cut.room, state.version);
	IF target IS NULL THEN
		RETURN false;
	END IF;
	DELETE FROM federation.room_state_events e
	    WHERE e.room_id = target AND e.number > keep;
	DELETE FROM federation.room_members m
	    WHERE m.room_id = target AND m.state_joined > keep;
	UPDATE federation.room_members m SET state_left = NULL
	    WHERE m.room_id = target AND m.state_left > keep;
	DELETE FROM federation.room_invites i
	    WHERE i.room_id = target AND i.number > keep;
	UPDATE federation.room_invites i SET used = 0
	    WHERE i.room_id = target AND i.used > keep;
	DELETE FROM federation.room_evidence v
	    WHERE v.room_id = target AND v.epoch = 0 AND v.number > keep;
	UPDATE federation.room_states s SET number = keep, hash = state.hash,
	    event_time = state.event_time, closed = state.closed,
	    disputed = state.disputed,
	    require_invite = state.require_invite,
	    federated = state.federated, restricted = state.restricted,
	    metadata = (SELECT decode(convert_from(e.payload,
		'UTF8')::jsonb->>'metadata', 'base64')
		FROM federation.room_state_events e
		WHERE e.room_id = target AND e.kind = 'rename'
		ORDER BY e.number DESC LIMIT 1)
	    WHERE s.room_id = target;
	UPDATE federation.federated_rooms f
	    SET federation_enabled = state.federated,
	    allowed_servers = CASE WHEN state.restricted THEN
		(SELECT convert_from(e.payload,
		'UTF8')::jsonb->'allowedServers'
		FROM federation.room_state_events e
		WHERE e.room_id = target
		AND e.kind IN ('create', 'allowed_servers')
		ORDER BY e.number DESC LIMIT 1) END,
	    updated_at = now() WHERE f.id = target;
	PERFORM federation.vouch_again(target, keep);
	PERFORM federation.room_tell(federation.room_server(
	    split_part(vouch_cut.room, '@', 2)), vouch_cut.room, 'undone',
	    jsonb_build_object('number', keep));
	RETURN true;
END
$$;

-- Contradictions one side of which nobody vouches for: what they froze or
-- ended goes on, as far as nothing else is in dispute.
CREATE FUNCTION federation.vouch_lift(evidence bigint[])
RETURNS TABLE (room text, origin text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	gone federation.room_evidence;
	lowest bigint;
BEGIN
	PERFORM federation.sync_check(
	    cardinality(vouch_lift.evidence) BETWEEN 1 AND 1000);
	FOR gone IN SELECT e.* FROM federation.room_evidence e
	    WHERE e.id = ANY (vouch_lift.evidence) ORDER BY e.room_id, e.id
	LOOP
		UPDATE federation.room_states s SET version = s.version + 1
		    WHERE s.room_id = gone.room_id;
		DELETE FROM federation.room_evidence e WHERE e.id = gone.id;
		lowest := coalesce((SELECT min(e.number)
		    FROM federation.room_evidence e
		    WHERE e.room_id = gone.room_id AND e.origin = gone.origin
		    AND e.epoch = gone.epoch AND e.lane = gone.lane
		    AND e.kind <> 'ID_CONFLICT'), 0);
		UPDATE federation.room_streams t SET forked = lowest
		    WHERE t.room_id = gone.room_id AND t.origin = gone.origin
		    AND t.epoch = gone.epoch AND t.lane = gone.lane;
		IF gone.epoch = 0 THEN
			UPDATE federation.room_states s SET disputed = lowest
			    WHERE s.room_id = gone.room_id;
			PERFORM federation.vouch_again(gone.room_id,
			    gone.number - 1);
			PERFORM federation.room_tell(
			    federation.room_server(gone.origin),
			    f.global_room_id, 'thawed',
			    jsonb_build_object('number', gone.number))
			    FROM federation.federated_rooms f
			    WHERE f.id = gone.room_id AND lowest = 0;
		END IF;
		RETURN QUERY SELECT f.global_room_id, gone.origin
		    FROM federation.federated_rooms f
		    WHERE f.id = gone.room_id;
	END LOOP;
END
$$;

-- Cuts items off a stream, from number on, with declarations under revoked
-- certificates; the stream is what the daemon has made of the rest. False: see
-- room_lock().
CREATE FUNCTION federation.vouch_stream_cut(room text, version bigint,
    origin text, epoch bigint, lane integer, number bigint, items bigint[],
    min_serial bigint, contiguous bigint, highest bigint, gap bigint,
    seen bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	target uuid;
BEGIN
	PERFORM federation.sync_check(num_nulls(vouch_stream_cut.version,
	    vouch_stream_cut.number, vouch_stream_cut.items,
	    vouch_stream_cut.contiguous, vouch_stream_cut.highest,
	    vouch_stream_cut.gap) = 0 AND vouch_stream_cut.room <> '' AND
	    octet_length(vouch_stream_cut.seen) = 128);
	target := federation.room_lock(vouch_stream_cut.room,
	    vouch_stream_cut.version);
	IF target IS NULL THEN
		RETURN false;
	END IF;
	-- As if they had never come: what is the origin's comes again. The
	-- application is told which it is not to believe.
	PERFORM federation.room_tell(s.id, vouch_stream_cut.room, 'unsaid',
	    jsonb_build_object('message', i.message_id,
	    'member', i.sender || '@' || i.origin))
	    FROM federation.room_items i
	    JOIN federation.federation_servers s ON s.onion_address = i.origin
	    WHERE i.room_id = target AND i.origin = vouch_stream_cut.origin
	    AND i.id = ANY (vouch_stream_cut.items) AND i.status = 'taken'
	    ORDER BY i.sequence;
	WITH gone AS (DELETE FROM federation.room_items i
	    WHERE i.room_id = target AND i.origin = vouch_stream_cut.origin
	    AND i.id = ANY (vouch_stream_cut.items)
	    RETURNING i.message_id, i.digest)
	    DELETE FROM federation.received_ids r
	    USING gone g, federation.federation_servers s
	    WHERE s.onion_address = vouch_stream_cut.origin
	    AND r.server_id = s.id AND r.message_id = g.message_id
	    AND r.digest = g.digest;
	DELETE FROM federation.room_voids v USING federation.room_proofs p
	    WHERE p.id = v.proof_id AND v.room_id = target
	    AND v.origin = vouch_stream_cut.origin
	    AND v.epoch = vouch_stream_cut.epoch
	    AND v.lane = vouch_stream_cut.lane
	    AND v.last >= vouch_stream_cut.number
	    AND coalesce(federation.vouch_serial(p.key_id), 0) <
		vouch_stream_cut.min_serial;
	DELETE FROM federation.room_evidence e WHERE e.room_id = target
	    AND e.origin = vouch_stream_cut.origin
	    AND e.epoch = vouch_stream_cut.epoch
	    AND e.lane = vouch_stream_cut.lane
	    AND e.number >= vouch_stream_cut.number;
	UPDATE federation.room_streams t
	    SET contiguous = vouch_stream_cut.contiguous,
	    highest = vouch_stream_cut.highest,
	    gap_since = to_timestamp(nullif(vouch_stream_cut.gap, 0)),
	    seen = vouch_stream_cut.seen, forked = CASE WHEN
	    t.forked >= vouch_stream_cut.number THEN 0 ELSE t.forked END
	    WHERE t.room_id = target AND t.origin = vouch_stream_cut.origin
	    AND t.epoch = vouch_stream_cut.epoch
	    AND t.lane = vouch_stream_cut.lane;
	RETURN true;
END
$$;

-- Rights -------------------------------------------------------------------

GRANT EXECUTE ON FUNCTION
    federation.vouch_names(text, text, bigint, integer, bigint, bigint,
	bigint, integer),
    federation.vouch_holds(text, text, bigint, integer, bigint, bigint,
	bytea),
    federation.vouch_chain(text, bigint),
    federation.vouch_disputes(bigint),
    federation.vouch_stream(text, text, bigint, integer, bigint, bigint),
    federation.vouch_state(text, bigint, text[], bigint[], integer[],
	bigint[], bytea[], bigint[], bytea[]),
    federation.vouch_cut(text, federation.room_state_row),
    federation.vouch_lift(bigint[]),
    federation.vouch_stream_cut(text, bigint, text, bigint, integer, bigint,
	bigint[], bigint, bigint, bigint, bigint, bytea)
    TO _fedqueued;
