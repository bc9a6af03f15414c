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
-- not revoked, or a head of its origin names it.
CREATE FUNCTION federation.vouch_item(item federation.room_items,
    min_serial bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT (vouch_item.item).proof_id IS NULL OR coalesce(
	    (SELECT federation.vouch_serial(p.key_id) >= min_serial
		FROM federation.room_proofs p
		WHERE p.id = (vouch_item.item).proof_id), false) OR
	    EXISTS (SELECT 1 FROM federation.room_stated t
		WHERE t.room_id = (vouch_item.item).room_id
		AND t.origin = (vouch_item.item).origin
		AND t.epoch = (vouch_item.item).epoch
		AND t.lane = (vouch_item.item).lane
		AND t.serial >= min_serial AND
		(vouch_item.item).digest IN (t.digest, t.tip))
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

-- Up to which number a room's chain is vouched for, and what it is there: the
-- hash of that event, the last payloads that set anything, the closing number.
CREATE FUNCTION federation.vouch_chain(room text, min_serial bigint)
RETURNS TABLE (version bigint, through bigint, hash bytea, disputed bigint,
    closed bigint, created bytea, federation bytea, servers bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(vouch_chain.room <> '' AND
	    vouch_chain.min_serial >= 0);
	RETURN QUERY SELECT s.version, t.number,
	    coalesce(federation.sync_hash(s.room_id, t.number),
		decode(repeat('00', 32), 'hex')),
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

-- Writing ------------------------------------------------------------------

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

-- Cuts a room's chain off behind keep, with all that came of what followed.
-- Messages that were refused by what does not stand are judged again. The
-- state is what it was there. False: see room_lock().
CREATE FUNCTION federation.vouch_cut(room text, version bigint, keep bigint,
    hash bytea, closed bigint, disputed bigint, require_invite boolean,
    federated boolean, restricted boolean) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	target uuid;
BEGIN
	PERFORM federation.sync_check(num_nulls(vouch_cut.closed,
	    vouch_cut.disputed, vouch_cut.require_invite, vouch_cut.federated,
	    vouch_cut.restricted, vouch_cut.version) = 0 AND
	    vouch_cut.room <> '' AND vouch_cut.keep >= 0 AND
	    octet_length(vouch_cut.hash) = 32);
	target := federation.room_lock(vouch_cut.room, vouch_cut.version);
	IF target IS NULL THEN
		RETURN false;
	END IF;
	DELETE FROM federation.room_state_events e
	    WHERE e.room_id = target AND e.number > vouch_cut.keep;
	DELETE FROM federation.room_members m
	    WHERE m.room_id = target AND m.state_joined > vouch_cut.keep;
	UPDATE federation.room_members m SET state_left = NULL
	    WHERE m.room_id = target AND m.state_left > vouch_cut.keep;
	DELETE FROM federation.room_invites i
	    WHERE i.room_id = target AND i.number > vouch_cut.keep;
	UPDATE federation.room_invites i SET used = 0
	    WHERE i.room_id = target AND i.used > vouch_cut.keep;
	DELETE FROM federation.room_evidence v
	    WHERE v.room_id = target AND v.epoch = 0
	    AND v.number > vouch_cut.keep;
	UPDATE federation.room_states s SET number = vouch_cut.keep,
	    hash = vouch_cut.hash, closed = vouch_cut.closed,
	    disputed = vouch_cut.disputed,
	    require_invite = vouch_cut.require_invite,
	    federated = vouch_cut.federated,
	    restricted = vouch_cut.restricted,
	    metadata = (SELECT decode(convert_from(e.payload,
		'UTF8')::jsonb->>'metadata', 'base64')
		FROM federation.room_state_events e
		WHERE e.room_id = target AND e.kind = 'rename'
		ORDER BY e.number DESC LIMIT 1)
	    WHERE s.room_id = target;
	UPDATE federation.federated_rooms f
	    SET federation_enabled = vouch_cut.federated,
	    allowed_servers = CASE WHEN vouch_cut.restricted THEN
		(SELECT convert_from(e.payload,
		'UTF8')::jsonb->'allowedServers'
		FROM federation.room_state_events e
		WHERE e.room_id = target
		AND e.kind IN ('create', 'allowed_servers')
		ORDER BY e.number DESC LIMIT 1) END,
	    updated_at = now() WHERE f.id = target;
	UPDATE federation.room_items i SET status = 'held', code = NULL,
	    flags = 0, since = now()
	    WHERE i.room_id = target AND i.status = 'refused'
	    AND i.proof_id IS NOT NULL AND i.state_number > vouch_cut.keep
	    AND i.code IN ('NOT_MEMBER', 'ROOM_CLOSED', 'ROOM_FROZEN');
	PERFORM federation.room_tell(federation.room_server(
	    split_part(vouch_cut.room, '@', 2)), vouch_cut.room, 'undone',
	    jsonb_build_object('number', vouch_cut.keep));
	RETURN true;
END
$$;

-- Rights -------------------------------------------------------------------

GRANT EXECUTE ON FUNCTION
    federation.vouch_names(text, text, bigint, integer, bigint, bigint,
	bigint, integer),
    federation.vouch_chain(text, bigint),
    federation.vouch_state(text, bigint, text[], bigint[], integer[],
	bigint[], bytea[], bigint[], bytea[]),
    federation.vouch_cut(text, bigint, bigint, bytea, bigint, bigint,
	boolean, boolean, boolean)
    TO _fedqueued;
