-- SPDX-License-Identifier: ISC
-- Rooms, heads, ranges and evidence for server_sync.
--
-- What is given and taken is decided in C, by libroom. Documents of
-- room_evidence are those of room_event_document() and room_document().

-- Small things -------------------------------------------------------------

-- Refuses arguments that do not have their form: null counts as false.
CREATE FUNCTION federation.sync_check(valid boolean) RETURNS void
LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF sync_check.valid IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'arguments do not have their form';
	END IF;
END
$$;

-- The last number that stands.
CREATE FUNCTION federation.sync_last(number bigint, disputed bigint)
RETURNS bigint
LANGUAGE sql IMMUTABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
	SELECT CASE WHEN sync_last.disputed = 0 THEN sync_last.number
	    ELSE least(sync_last.number, sync_last.disputed - 1) END
$$;

-- Whether a server has a member at that number; null is ourselves.
CREATE FUNCTION federation.sync_member(room uuid, server uuid, number bigint)
RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT EXISTS (SELECT 1 FROM federation.room_members m
	    WHERE m.room_id = sync_member.room
	    AND m.server_id IS NOT DISTINCT FROM sync_member.server
	    AND m.state_joined <= sync_member.number
	    AND (m.state_left IS NULL OR m.state_left > sync_member.number))
$$;

-- One of ours is a member and has not left, whatever the home says.
CREATE FUNCTION federation.sync_here(room uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT EXISTS (SELECT 1 FROM federation.room_states s
	    JOIN federation.room_members m ON m.room_id = s.room_id
	    WHERE s.room_id = sync_here.room AND m.server_id IS NULL
	    AND m.state_joined <= federation.sync_last(s.number, s.disputed)
	    AND (m.state_left IS NULL OR
		m.state_left > federation.sync_last(s.number, s.disputed))
	    AND NOT EXISTS (SELECT 1 FROM federation.room_wishes w
		WHERE w.room_id = s.room_id AND w.kind = 'leave'
		AND w.member = m.member AND w.state IN ('new', 'asked')))
$$;

-- The hash of an event.
CREATE FUNCTION federation.sync_hash(room uuid, number bigint) RETURNS bytea
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT sha256(e.signing_text) FROM federation.room_state_events e
	    WHERE e.room_id = sync_hash.room AND e.number = sync_hash.number
	    AND e.signature IS NOT NULL
$$;

-- The digest of a number, by the item itself, by a declaration, or by what
-- stands behind it and calls it previous. Null: it is not known.
CREATE FUNCTION federation.sync_digest(room uuid, origin text, epoch bigint,
    lane integer, number bigint) RETURNS bytea
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT coalesce(
	    (SELECT i.digest FROM federation.room_items i
		WHERE i.room_id = sync_digest.room
		AND i.origin = sync_digest.origin
		AND i.epoch = sync_digest.epoch AND i.lane = sync_digest.lane
		AND i.sequence = sync_digest.number),
	    (SELECT v.digest FROM federation.room_voids v
		WHERE v.room_id = sync_digest.room
		AND v.origin = sync_digest.origin
		AND v.epoch = sync_digest.epoch AND v.lane = sync_digest.lane
		AND v.last = sync_digest.number LIMIT 1),
	    (SELECT v.previous FROM federation.room_voids v
		WHERE v.room_id = sync_digest.room
		AND v.origin = sync_digest.origin
		AND v.epoch = sync_digest.epoch AND v.lane = sync_digest.lane
		AND sync_digest.number > 0
		AND v.first = sync_digest.number + 1 LIMIT 1),
	    (SELECT i.previous FROM federation.room_items i
		WHERE i.room_id = sync_digest.room
		AND i.origin = sync_digest.origin
		AND i.epoch = sync_digest.epoch AND i.lane = sync_digest.lane
		AND sync_digest.number > 0
		AND i.sequence = sync_digest.number + 1))
$$;

-- A certificate, of others or our own.
CREATE FUNCTION federation.sync_certificate(key_id bytea) RETURNS bytea
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	found bytea;
BEGIN
	IF to_regclass('federation.room_certificates') IS NOT NULL THEN
		SELECT c.certificate INTO found
		    FROM federation.room_certificates c
		    WHERE c.key_id = sync_certificate.key_id;
	END IF;
	RETURN coalesce(found, (SELECT c.certificate
	    FROM federation.certificates c
	    WHERE c.key_id = sync_certificate.key_id),
	    -- its signing text is all but the last line
	    (SELECT o.certificate FROM federation.self o
	    WHERE sha256(convert_to(regexp_replace(convert_from(o.certificate,
		'UTF8'), '\n[^\n]*\n$', ''), 'UTF8')) =
		sync_certificate.key_id));
END
$$;

-- Heads --------------------------------------------------------------------

-- Rooms that a server shares with us: their home, or one that has or had a
-- member.
CREATE FUNCTION federation.sync_rooms(server uuid)
RETURNS TABLE (room text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(EXISTS (SELECT 1
	    FROM federation.federation_servers s
	    WHERE s.id = sync_rooms.server));
	RETURN QUERY SELECT f.global_room_id FROM federation.federated_rooms f
	    JOIN federation.room_states s ON s.room_id = f.id
	    WHERE s.number > 0 AND (f.origin_server_id = sync_rooms.server OR
	    EXISTS (SELECT 1 FROM federation.room_members m
		WHERE m.room_id = f.id AND m.server_id = sync_rooms.server))
	    ORDER BY s.heard_at DESC LIMIT 10000;
END
$$;

-- Servers that we share rooms with; trust 1 and above.
CREATE FUNCTION federation.sync_servers(level integer)
RETURNS TABLE (server uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(sync_servers.level BETWEEN 1 AND 3);
	RETURN QUERY SELECT s.id FROM federation.federation_servers s
	    WHERE s.trust_level >= sync_servers.level AND (
	    EXISTS (SELECT 1 FROM federation.room_members m
		WHERE m.server_id = s.id AND m.state_left IS NULL) OR
	    EXISTS (SELECT 1 FROM federation.federated_rooms f
		WHERE f.origin_server_id = s.id));
END
$$;

-- Gaps that are older than 30 s, and held messages whose state is not known: a
-- server to ask, mostly the origin or the home, another one while it is offline
-- and now and then, since it may have forgotten. After a restore servers that
-- have not shown yet that they have no more than we.
CREATE FUNCTION federation.sync_due(most integer)
RETURNS TABLE (server uuid, room text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(sync_due.most BETWEEN 1 AND 10000);
	RETURN QUERY SELECT DISTINCT p.id, f.global_room_id
	    FROM (SELECT t.room_id, t.origin FROM federation.room_streams t
		WHERE t.gap_since < now() - interval '30 seconds'
		UNION SELECT i.room_id, right(g.global_room_id, -37)
		FROM federation.room_items i
		JOIN federation.federated_rooms g ON g.id = i.room_id
		WHERE i.status = 'held' OR i.flags & 4 <> 0) w
	    JOIN federation.federated_rooms f ON f.id = w.room_id
	    CROSS JOIN LATERAL (SELECT s.id
		FROM federation.federation_servers s
		WHERE s.trust_level >= 1 AND (s.onion_address = w.origin OR
		s.id IN (SELECT m.server_id FROM federation.room_members m
		    WHERE m.room_id = f.id AND m.state_left IS NULL))
		ORDER BY s.is_online DESC,
		    (s.onion_address = w.origin AND random() < 0.75) DESC,
		    random() LIMIT 1) p
	    UNION -- since a restore: who has not answered yet
	    SELECT v.id, f.global_room_id
	    FROM federation.self o
	    JOIN federation.federated_rooms f ON true
	    JOIN federation.room_states r ON r.room_id = f.id
	    CROSS JOIN LATERAL (
		SELECT m.server_id AS id FROM federation.room_members m
		    WHERE f.is_local_origin AND m.room_id = f.id
		    AND m.state_left IS NULL AND m.server_id IS NOT NULL
		UNION SELECT f.origin_server_id
		    WHERE f.origin_server_id IS NOT NULL) v
	    JOIN federation.federation_servers s ON s.id = v.id
	    WHERE o.restored_at > now() - interval '15 minutes'
	    AND s.trust_level >= 1 AND v.id <> ALL (r.answered)
	    AND r.disputed = 0
	    AND (f.is_local_origin OR EXISTS (SELECT 1
		FROM federation.room_members m WHERE m.room_id = f.id
		AND m.server_id IS NULL AND m.state_left IS NULL))
	    LIMIT sync_due.most;
END
$$;

-- How far we are, for a server to be told: a row a room that is known and has
-- events. hash and peer_hash: of the last event that stands, and of the one by
-- which the server's last member went.
CREATE FUNCTION federation.sync_heads(server uuid, rooms text[])
RETURNS TABLE (room text, number bigint, hash bytea, closed bigint,
    disputed bigint, require_invite boolean, federated boolean,
    restricted boolean, last_hash bytea, home boolean, peer_joined bigint,
    peer_left bigint, peer_hash bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(sync_heads.server IS NOT NULL AND
	    cardinality(sync_heads.rooms) BETWEEN 0 AND 64);
	RETURN QUERY SELECT f.global_room_id, s.number, s.hash, s.closed,
	    s.disputed, s.require_invite, s.federated, s.restricted,
	    federation.sync_hash(f.id,
		federation.sync_last(s.number, s.disputed)),
	    f.origin_server_id IS NOT DISTINCT FROM sync_heads.server,
	    m.state_joined, m.state_left,
	    federation.sync_hash(f.id, m.state_left)
	    FROM unnest(sync_heads.rooms) WITH ORDINALITY AS u(name, place)
	    JOIN federation.federated_rooms f ON f.global_room_id = u.name
	    JOIN federation.room_states s ON s.room_id = f.id
	    LEFT JOIN LATERAL (SELECT a.state_joined, a.state_left
		FROM federation.room_members a WHERE a.room_id = f.id
		AND a.server_id = sync_heads.server
		AND a.state_left IS DISTINCT FROM a.state_joined
		ORDER BY a.state_left DESC NULLS FIRST LIMIT 1) m ON true
	    WHERE s.number > 0 AND (m.state_joined IS NOT NULL OR
	    f.origin_server_id IS NOT DISTINCT FROM sync_heads.server)
	    ORDER BY u.place;
END
$$;

-- The same for streams; of others only where both have a member. Where there
-- are more than most, others each time.
CREATE FUNCTION federation.sync_streams(server uuid, rooms text[],
    most integer)
RETURNS TABLE (room text, origin text, epoch bigint, lane integer,
    contiguous bigint, highest bigint, forked bigint, digest bytea, tip bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(sync_streams.server IS NOT NULL AND
	    cardinality(sync_streams.rooms) BETWEEN 0 AND 64 AND
	    sync_streams.most BETWEEN 0 AND 1000);
	RETURN QUERY SELECT x.global_room_id, x.origin, x.epoch, x.lane,
	    x.contiguous, x.highest, x.forked,
	    federation.sync_digest(x.room_id, x.origin, x.epoch, x.lane,
		x.contiguous),
	    federation.sync_digest(x.room_id, x.origin, x.epoch, x.lane,
		x.highest)
	    FROM (SELECT f.global_room_id, u.place, t.*
		FROM unnest(sync_streams.rooms) WITH ORDINALITY
		    AS u(name, place)
		JOIN federation.federated_rooms f ON f.global_room_id = u.name
		JOIN federation.room_states s ON s.room_id = f.id
		JOIN federation.room_streams t ON t.room_id = f.id
		WHERE s.number > 0 AND (t.origin =
		    (SELECT o.onion_address FROM federation.self o) OR
		    (federation.sync_here(s.room_id) AND
			federation.sync_member(f.id, sync_streams.server,
			federation.sync_last(s.number, s.disputed))))
		AND EXISTS (SELECT 1 FROM federation.room_members m
		    WHERE m.room_id = f.id
		    AND m.server_id = sync_streams.server)
		ORDER BY random() LIMIT sync_streams.most) x
	    ORDER BY x.place, x.origin, x.epoch, x.lane;
END
$$;

-- What heads of others are compared with: a row for each, in their order;
-- version is null for a room that is not known. ours: the hash of our event of
-- their number. restored: our database was, lately, and may have lost rooms.
CREATE FUNCTION federation.sync_compare(rooms text[], numbers bigint[])
RETURNS TABLE (version bigint, number bigint, hash bytea, closed bigint,
    disputed bigint, require_invite boolean, federated boolean,
    restricted boolean, ours bytea, own boolean, here boolean,
    restored boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(
	    cardinality(sync_compare.rooms) BETWEEN 0 AND 64 AND
	    cardinality(sync_compare.numbers) =
	    cardinality(sync_compare.rooms));
	RETURN QUERY SELECT s.version, s.number, s.hash, s.closed, s.disputed,
	    s.require_invite, s.federated, s.restricted,
	    federation.sync_hash(f.id, u.number), f.is_local_origin,
	    federation.sync_here(s.room_id),
	    coalesce(o.restored_at > now() - interval '1 day', false)
	    FROM unnest(sync_compare.rooms, sync_compare.numbers)
		WITH ORDINALITY AS u(name, number, place)
	    LEFT JOIN federation.self o ON true
	    LEFT JOIN (federation.federated_rooms f
		JOIN federation.room_states s ON s.room_id = f.id)
		ON f.global_room_id = u.name
	    ORDER BY u.place;
END
$$;

-- The same for streams. here: whether they are compared at all.
CREATE FUNCTION federation.sync_compare_streams(rooms text[], origins text[],
    epochs bigint[], lanes integer[], sequences bigint[], highest bigint[])
RETURNS TABLE (here boolean, contiguous bigint, high bigint, gap_since bigint,
    forked bigint, seen bytea, ours bytea, tip bytea, own boolean,
    current_epoch boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	most integer := cardinality(sync_compare_streams.rooms);
BEGIN
	PERFORM federation.sync_check(most BETWEEN 0 AND 256 AND
	    cardinality(sync_compare_streams.origins) = most AND
	    cardinality(sync_compare_streams.epochs) = most AND
	    cardinality(sync_compare_streams.lanes) = most AND
	    cardinality(sync_compare_streams.sequences) = most AND
	    cardinality(sync_compare_streams.highest) = most);
	RETURN QUERY SELECT coalesce(s.number > 0 AND
	    federation.sync_here(s.room_id), false), t.contiguous, t.highest,
	    extract(epoch FROM t.gap_since)::bigint, t.forked, t.seen,
	    federation.sync_digest(s.room_id, u.origin, u.epoch, u.lane,
		u.sequence),
	    federation.sync_digest(s.room_id, u.origin, u.epoch, u.lane,
		u.high),
	    u.origin = o.onion_address,
	    coalesce(u.epoch = o.epoch, false)
	    FROM unnest(sync_compare_streams.rooms,
		sync_compare_streams.origins, sync_compare_streams.epochs,
		sync_compare_streams.lanes, sync_compare_streams.sequences,
		sync_compare_streams.highest) WITH ORDINALITY
		AS u(name, origin, epoch, lane, sequence, high, place)
	    LEFT JOIN federation.self o ON true
	    LEFT JOIN (federation.federated_rooms f
		JOIN federation.room_states s ON s.room_id = f.id)
		ON f.global_room_id = u.name
	    LEFT JOIN federation.room_streams t ON t.room_id = s.room_id
		AND t.origin = u.origin AND t.epoch = u.epoch
		AND t.lane = u.lane
	    ORDER BY u.place;
END
$$;

-- A server has told how far it is in rooms, of which it shows no more than we
-- have. epoch: the highest of ours that it has shown.
CREATE FUNCTION federation.sync_heard(server uuid, rooms text[], epoch bigint)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(sync_heard.server IS NOT NULL AND
	    cardinality(sync_heard.rooms) BETWEEN 0 AND 64 AND
	    sync_heard.epoch >= 0);
	UPDATE federation.room_states s
	    SET answered = CASE WHEN o.restored_at IS NOT NULL AND
		sync_heard.server <> ALL (s.answered)
		THEN s.answered || sync_heard.server ELSE s.answered END,
	    heard_at = CASE f.origin_server_id WHEN sync_heard.server
		THEN now() ELSE s.heard_at END
	    FROM federation.federated_rooms f, federation.self o
	    WHERE s.room_id = f.id
	    AND f.global_room_id = ANY (sync_heard.rooms)
	    AND (o.restored_at IS NOT NULL AND
		sync_heard.server <> ALL (s.answered) OR
		f.origin_server_id = sync_heard.server AND
		s.heard_at < now() - interval '1 hour');
	UPDATE federation.self o SET epoch_seen = sync_heard.epoch
	    WHERE o.epoch_seen < sync_heard.epoch;
END
$$;

-- A peer has of our present epoch what we have not, or the log of signatures a
-- higher mark: the database is older. A new epoch begins, and nothing is
-- decided before the others were asked. proved: our own signature showed it;
-- without that once a day at most. mark: to go on with, if it is higher. False:
-- it was so already, or too soon.
CREATE FUNCTION federation.sync_behind(proved boolean, present bigint,
    next bigint, mark bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(sync_behind.proved IS NOT NULL AND
	    sync_behind.present >= 1 AND sync_behind.mark >= 0 AND
	    sync_behind.next > sync_behind.present);
	UPDATE federation.self o SET epoch = sync_behind.next,
	    epoch_seen = greatest(o.epoch_seen, sync_behind.present),
	    mark = greatest(o.mark + 1, sync_behind.mark),
	    restored_at = now()
	    WHERE o.epoch = sync_behind.present AND (sync_behind.proved OR
	    o.restored_at IS NULL OR
	    o.restored_at < now() - interval '1 day');
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	UPDATE federation.room_states s SET answered = '{}'
	    WHERE s.answered <> '{}';
	RETURN true;
END
$$;

-- Present and seen epoch of ours; those that lie behind until are not meant.
CREATE FUNCTION federation.sync_epoch(until bigint)
RETURNS TABLE (epoch bigint, epoch_seen bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(sync_epoch.until > 0);
	RETURN QUERY SELECT o.epoch, CASE WHEN o.epoch_seen <= sync_epoch.until
	    THEN o.epoch_seen ELSE 0 END FROM federation.self o;
END
$$;

-- What is given ------------------------------------------------------------

-- Events of a range, with the server's last membership, to be given by
-- room_state_shown().
CREATE FUNCTION federation.sync_events(server uuid, room text, first bigint,
    last bigint)
RETURNS TABLE (number bigint, certificate bytea, signing_text bytea,
    signature bytea, payload bytea, home boolean, peer_joined bigint,
    peer_left bigint, closed bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(sync_events.server IS NOT NULL AND
	    sync_events.room <> '' AND sync_events.first >= 1 AND
	    sync_events.last - sync_events.first BETWEEN 0 AND 63);
	RETURN QUERY SELECT e.number, federation.sync_certificate(e.key_id),
	    e.signing_text, e.signature, e.payload,
	    f.origin_server_id IS NOT DISTINCT FROM sync_events.server,
	    m.state_joined, m.state_left, s.closed
	    FROM federation.federated_rooms f
	    JOIN federation.room_states s ON s.room_id = f.id
	    JOIN federation.room_state_events e ON e.room_id = f.id
	    LEFT JOIN LATERAL (SELECT a.state_joined, a.state_left
		FROM federation.room_members a WHERE a.room_id = f.id
		AND a.server_id = sync_events.server
		AND a.state_left IS DISTINCT FROM a.state_joined
		ORDER BY a.state_left DESC NULLS FIRST LIMIT 1) m ON true
	    WHERE f.global_room_id = sync_events.room
	    AND e.number BETWEEN sync_events.first AND sync_events.last
	    AND e.number <= s.number AND e.signature IS NOT NULL
	    ORDER BY e.number;
END
$$;

-- Numbers of a stream from the one before the range to its end, to be given by
-- room_message_give(): what stands there, with what its origin signed, or, of
-- our own, its row in the server's queue: coming, delivered, dead or none.
-- Payloads up to some 128 KiB, always the first.
CREATE FUNCTION federation.sync_items(server uuid, room text, origin text,
    epoch bigint, lane integer, first bigint, last bigint)
RETURNS TABLE (sequence bigint, digest bytea, id bigint, status text,
    state_number bigint, member_then boolean, payload bytea, proof bigint,
    certificate bytea, signing_text bytea, signature bytea, queue text,
    contiguous bigint, highest bigint, gap_since bigint, forked bigint,
    seen bytea, number bigint, hash bytea, closed bigint, disputed bigint,
    require_invite boolean, federated boolean, restricted boolean,
    member_now boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(sync_items.server IS NOT NULL AND
	    sync_items.room <> '' AND sync_items.origin <> '' AND
	    sync_items.epoch >= 1 AND sync_items.lane BETWEEN 1 AND 3 AND
	    sync_items.first >= 1 AND
	    sync_items.last - sync_items.first BETWEEN 0 AND 255);
	RETURN QUERY SELECT n, federation.sync_digest(f.id, sync_items.origin,
	    sync_items.epoch, sync_items.lane, n), i.id, i.status,
	    i.state_number, federation.sync_member(f.id, sync_items.server,
		i.state_number),
	    CASE WHEN n >= sync_items.first AND sum(octet_length(i.payload))
		FILTER (WHERE n >= sync_items.first) OVER (ORDER BY n) -
		octet_length(i.payload) < 131072 THEN i.payload END,
	    i.proof_id, federation.sync_certificate(p.key_id),
	    p.signing_text, p.signature,
	    CASE WHEN q.status IN ('pending', 'sending') THEN 'coming'
		WHEN q.status = 'delivered' THEN 'delivered'
		WHEN q.status = 'failed' THEN 'dead' ELSE 'none' END,
	    t.contiguous, t.highest, extract(epoch FROM t.gap_since)::bigint,
	    t.forked, t.seen, s.number, s.hash, s.closed, s.disputed,
	    s.require_invite, s.federated, s.restricted,
	    federation.sync_member(f.id, sync_items.server,
		federation.sync_last(s.number, s.disputed))
	    FROM federation.federated_rooms f
	    JOIN federation.room_states s ON s.room_id = f.id
	    JOIN federation.room_streams t ON t.room_id = f.id
		AND t.origin = sync_items.origin
		AND t.epoch = sync_items.epoch AND t.lane = sync_items.lane
	    CROSS JOIN generate_series(sync_items.first - 1,
		least(sync_items.last, t.highest)) n
	    LEFT JOIN federation.room_items i ON i.room_id = f.id
		AND i.origin = t.origin AND i.epoch = t.epoch
		AND i.lane = t.lane AND i.sequence = n
	    LEFT JOIN federation.room_proofs p ON p.id = i.proof_id
	    LEFT JOIN federation.federated_message_queue q
		ON q.message_id = i.message_id AND i.proof_id IS NULL
		AND q.destination_server_id = sync_items.server
	    WHERE f.global_room_id = sync_items.room
	    ORDER BY n;
END
$$;

-- Messages of ours that a server asks for travel as they did, from the queue;
-- one that is on its way already is left alone.
CREATE FUNCTION federation.sync_resend(server uuid, items bigint[])
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(sync_resend.server IS NOT NULL AND
	    cardinality(sync_resend.items) BETWEEN 1 AND 256);
	INSERT INTO federation.federated_message_queue AS q (message_id,
	    destination_server_id, encrypted_payload, priority)
	    SELECT i.message_id, sync_resend.server, i.payload, i.lane
	    FROM federation.room_items i
	    WHERE i.id = ANY (sync_resend.items) AND i.payload IS NOT NULL
	    AND i.proof_id IS NULL
	    ORDER BY i.id
	    ON CONFLICT (message_id, destination_server_id) DO UPDATE SET
		encrypted_payload = excluded.encrypted_payload,
		status = 'pending', attempts = 0, next_attempt_at = now(),
		last_error = NULL, delivered_at = NULL, exchange_id = NULL
	    WHERE q.status = 'delivered';
	PERFORM pg_notify('federation_queue', '');
END
$$;

-- What an origin declared void to us of a range, as it signed it. number 0:
-- all of the stream.
CREATE FUNCTION federation.sync_declared(server uuid, room text, origin text,
    epoch bigint, lane integer, first bigint, last bigint)
RETURNS TABLE (certificate bytea, signing_text bytea, signature bytea,
    payload bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(sync_declared.server IS NOT NULL AND
	    sync_declared.room <> '' AND sync_declared.origin <> '' AND
	    sync_declared.epoch >= 1 AND
	    sync_declared.lane BETWEEN 1 AND 3 AND
	    sync_declared.first >= 1 AND
	    sync_declared.last >= sync_declared.first);
	RETURN QUERY SELECT federation.sync_certificate(p.key_id),
	    p.signing_text, p.signature, p.payload
	    FROM federation.room_proofs p WHERE p.id IN (SELECT v.proof_id
		FROM federation.federated_rooms f
		JOIN federation.room_states s ON s.room_id = f.id
		JOIN federation.room_voids v ON v.room_id = f.id
		WHERE f.global_room_id = sync_declared.room
		AND v.origin = sync_declared.origin
		AND v.epoch = sync_declared.epoch
		AND v.lane = sync_declared.lane
		AND v.first <= sync_declared.last
		AND v.last >= sync_declared.first
		AND federation.sync_member(f.id, sync_declared.server,
		    federation.sync_last(s.number, s.disputed)))
	    ORDER BY p.id LIMIT 16;
END
$$;

-- Evidence about a number, for servers that are or were in the room.
CREATE FUNCTION federation.sync_evidence(server uuid, room text, origin text,
    epoch bigint, lane integer, number bigint)
RETURNS TABLE (kind text, first bytea, second bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(sync_evidence.server IS NOT NULL AND
	    sync_evidence.room <> '' AND sync_evidence.origin <> '' AND
	    sync_evidence.epoch >= 0 AND
	    sync_evidence.lane BETWEEN 0 AND 3 AND sync_evidence.number >= 1);
	RETURN QUERY SELECT e.kind, e.first, e.second
	    FROM federation.federated_rooms f
	    JOIN federation.room_evidence e ON e.room_id = f.id
	    WHERE f.global_room_id = sync_evidence.room
	    AND e.origin = sync_evidence.origin
	    AND e.epoch = sync_evidence.epoch AND e.lane = sync_evidence.lane
	    AND e.number = sync_evidence.number AND e.kind <> 'ID_CONFLICT'
	    AND (f.origin_server_id = sync_evidence.server OR
		EXISTS (SELECT 1 FROM federation.room_members m
		WHERE m.room_id = f.id AND m.server_id = sync_evidence.server))
	    ORDER BY e.id LIMIT 4;
END
$$;

-- What is taken ------------------------------------------------------------

-- So many declarations are about to be signed: the mark for that.
CREATE FUNCTION federation.sync_mark(declarations integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	raised bigint;
BEGIN
	PERFORM federation.sync_check(sync_mark.declarations BETWEEN 1 AND 64);
	UPDATE federation.self o SET mark = o.mark + 1
	    RETURNING o.mark INTO raised;
	RETURN raised;
END
$$;

-- What a declaration is judged by: one row for a room that is known.
CREATE FUNCTION federation.sync_void_facts(room text, origin text,
    epoch bigint, lane integer, first bigint, last bigint)
RETURNS TABLE (version bigint, number bigint, contiguous bigint,
    highest bigint, gap_since bigint, forked bigint, seen bytea, before bytea,
    at bytea, after bytea, epochs bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(sync_void_facts.room <> '' AND
	    sync_void_facts.origin <> '' AND sync_void_facts.epoch >= 1 AND
	    sync_void_facts.lane BETWEEN 1 AND 3 AND
	    sync_void_facts.first >= 1 AND
	    sync_void_facts.last >= sync_void_facts.first);
	RETURN QUERY SELECT s.version, s.number, t.contiguous, t.highest,
	    extract(epoch FROM t.gap_since)::bigint, t.forked, t.seen,
	    federation.sync_digest(f.id, sync_void_facts.origin,
		sync_void_facts.epoch, sync_void_facts.lane,
		sync_void_facts.first - 1),
	    federation.sync_digest(f.id, sync_void_facts.origin,
		sync_void_facts.epoch, sync_void_facts.lane,
		sync_void_facts.last),
	    (SELECT i.previous FROM federation.room_items i
		WHERE i.room_id = f.id AND i.origin = sync_void_facts.origin
		AND i.epoch = sync_void_facts.epoch
		AND i.lane = sync_void_facts.lane
		AND i.sequence = sync_void_facts.last + 1),
	    (SELECT count(DISTINCT x.epoch) FROM federation.room_streams x
		WHERE x.room_id = f.id AND x.origin = sync_void_facts.origin)
	    FROM federation.federated_rooms f
	    JOIN federation.room_states s ON s.room_id = f.id
	    LEFT JOIN federation.room_streams t ON t.room_id = f.id
		AND t.origin = sync_void_facts.origin
		AND t.epoch = sync_void_facts.epoch
		AND t.lane = sync_void_facts.lane
	    WHERE f.global_room_id = sync_void_facts.room;
END
$$;

-- Settles what was declared to us, with the answer that the origin signed.
-- False: the room has changed since version.
CREATE FUNCTION federation.sync_void(room text, version bigint, origin text,
    epoch bigint, lane integer, first bigint, last bigint, previous bytea,
    digest bytea, contiguous bigint, highest bigint, gap bigint, seen bytea,
    signing_text bytea, signature bytea, key_id bytea, payload bytea)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	target uuid;
	proof bigint;
BEGIN
	PERFORM federation.sync_check(num_nulls(sync_void.origin,
	    sync_void.epoch, sync_void.lane, sync_void.first, sync_void.last,
	    sync_void.contiguous, sync_void.highest, sync_void.gap,
	    sync_void.signing_text, sync_void.payload) = 0 AND
	    sync_void.room <> '' AND sync_void.version >= 0 AND
	    sync_void.first >= 1 AND
	    octet_length(sync_void.previous) = 32 AND
	    octet_length(sync_void.digest) = 32 AND
	    octet_length(sync_void.seen) = 128 AND
	    octet_length(sync_void.signature) = 64 AND
	    octet_length(sync_void.key_id) = 32);
	UPDATE federation.room_states s SET version = s.version + 1
	    FROM federation.federated_rooms f
	    WHERE f.global_room_id = sync_void.room AND s.room_id = f.id
	    AND s.version = sync_void.version RETURNING s.room_id INTO target;
	IF target IS NULL THEN
		RETURN false;
	END IF;
	INSERT INTO federation.room_streams AS t (room_id, origin, epoch,
	    lane, contiguous, highest, gap_since, seen)
	    VALUES (target, sync_void.origin, sync_void.epoch, sync_void.lane,
	    sync_void.contiguous, sync_void.highest,
	    to_timestamp(nullif(sync_void.gap, 0)), sync_void.seen)
	    ON CONFLICT (room_id, origin, epoch, lane) DO UPDATE SET
		contiguous = excluded.contiguous, highest = excluded.highest,
		gap_since = excluded.gap_since, seen = excluded.seen;
	IF EXISTS (SELECT 1 FROM federation.room_voids v
	    WHERE v.room_id = target AND v.origin = sync_void.origin
	    AND v.epoch = sync_void.epoch AND v.lane = sync_void.lane
	    AND v.first = sync_void.first AND v.last = sync_void.last) THEN
		RETURN true;
	END IF;
	-- Several of one answer have one proof.
	SELECT p.id INTO proof FROM federation.room_proofs p
	    WHERE p.id = (SELECT max(x.id) FROM federation.room_proofs x)
	    AND p.signature = sync_void.signature
	    AND p.origin = sync_void.origin;
	IF proof IS NULL THEN
		INSERT INTO federation.room_proofs (origin, signing_text,
		    signature, key_id, payload)
		    VALUES (sync_void.origin, sync_void.signing_text,
		    sync_void.signature, sync_void.key_id, sync_void.payload)
		    RETURNING id INTO proof;
	END IF;
	INSERT INTO federation.room_voids (room_id, origin, epoch, lane, first,
	    last, previous, digest, proof_id)
	    VALUES (target, sync_void.origin, sync_void.epoch, sync_void.lane,
	    sync_void.first, sync_void.last, sync_void.previous,
	    sync_void.digest, proof) ON CONFLICT DO NOTHING;
	RETURN true;
END
$$;

-- What an item says against a declaration, as others are shown it: the one
-- under its last number, before its first or behind its last.
CREATE FUNCTION federation.sync_against(room text, origin text, epoch bigint,
    lane integer, first bigint, last bigint) RETURNS bytea
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN (SELECT federation.room_document(p.signing_text, p.signature,
	    i.message_id, i.payload)
	    FROM federation.federated_rooms f
	    JOIN federation.room_items i ON i.room_id = f.id
	    JOIN federation.room_proofs p ON p.id = i.proof_id
	    WHERE f.global_room_id = sync_against.room
	    AND i.origin = sync_against.origin
	    AND i.epoch = sync_against.epoch AND i.lane = sync_against.lane
	    AND i.sequence IN (sync_against.last, sync_against.first - 1,
		sync_against.last + 1)
	    ORDER BY i.sequence = sync_against.last DESC LIMIT 1);
END
$$;

-- Freezes a room below number, or ends a stream at it (epoch above 0), on
-- evidence: two documents, of which the second may be null where what stands
-- against the first is among our items (from first to last). False: it is so
-- already, or the room is not known.
CREATE FUNCTION federation.sync_conflict(room text, origin text, kind text,
    epoch bigint, lane integer, number bigint, one bytea, other bytea,
    first bigint, last bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	state federation.room_states;
	server uuid;
	against bytea := sync_conflict.other;
BEGIN
	PERFORM federation.sync_check(sync_conflict.room <> '' AND
	    sync_conflict.origin <> '' AND sync_conflict.kind IN
	    ('STATE_CONFLICT', 'SEQUENCE_CONFLICT') AND
	    sync_conflict.epoch >= 0 AND
	    sync_conflict.lane BETWEEN 0 AND 3 AND
	    sync_conflict.number >= 1 AND sync_conflict.one <> '');
	UPDATE federation.room_states s SET version = s.version + 1
	    FROM federation.federated_rooms f
	    WHERE f.global_room_id = sync_conflict.room AND s.room_id = f.id
	    RETURNING s.* INTO state;
	IF state.room_id IS NULL OR state.number = 0 THEN
		RETURN false;
	END IF;
	IF sync_conflict.epoch = 0 THEN
		UPDATE federation.room_states s
		    SET disputed = sync_conflict.number
		    WHERE s.room_id = state.room_id AND (s.disputed = 0 OR
		    s.disputed > sync_conflict.number);
	ELSE
		UPDATE federation.room_streams t
		    SET forked = sync_conflict.number
		    WHERE t.room_id = state.room_id
		    AND t.origin = sync_conflict.origin
		    AND t.epoch = sync_conflict.epoch
		    AND t.lane = sync_conflict.lane AND (t.forked = 0 OR
		    t.forked > sync_conflict.number);
	END IF;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	IF against IS NULL THEN
		against := federation.sync_against(sync_conflict.room,
		    sync_conflict.origin, sync_conflict.epoch,
		    sync_conflict.lane, sync_conflict.first,
		    sync_conflict.last);
	END IF;
	INSERT INTO federation.room_evidence (room_id, origin, kind, epoch,
	    lane, number, first, second)
	    VALUES (state.room_id, sync_conflict.origin, sync_conflict.kind,
	    sync_conflict.epoch, sync_conflict.lane, sync_conflict.number,
	    sync_conflict.one, coalesce(against, sync_conflict.one));
	server := federation.room_server(sync_conflict.origin);
	IF server IS NOT NULL THEN
		INSERT INTO federation.evidence (server_id, kind, first,
		    second)
		    VALUES (server, sync_conflict.kind, sync_conflict.one,
		    coalesce(against, sync_conflict.one));
	END IF;
	IF sync_conflict.epoch = 0 THEN
		PERFORM federation.room_tell(server, sync_conflict.room,
		    'frozen', jsonb_build_object('number',
		    sync_conflict.number));
	END IF;
	RETURN true;
END
$$;

-- Rights -------------------------------------------------------------------

GRANT EXECUTE ON FUNCTION
    federation.sync_rooms(uuid),
    federation.sync_servers(integer),
    federation.sync_due(integer),
    federation.sync_heads(uuid, text[]),
    federation.sync_streams(uuid, text[], integer),
    federation.sync_compare(text[], bigint[]),
    federation.sync_compare_streams(text[], text[], bigint[], integer[],
	bigint[], bigint[]),
    federation.sync_heard(uuid, text[], bigint),
    federation.sync_behind(boolean, bigint, bigint, bigint),
    federation.sync_epoch(bigint),
    federation.sync_events(uuid, text, bigint, bigint),
    federation.sync_items(uuid, text, text, bigint, integer, bigint, bigint),
    federation.sync_resend(uuid, bigint[]),
    federation.sync_declared(uuid, text, text, bigint, integer, bigint,
	bigint),
    federation.sync_evidence(uuid, text, text, bigint, integer, bigint),
    federation.sync_mark(integer),
    federation.sync_void_facts(text, text, bigint, integer, bigint, bigint),
    federation.sync_void(text, bigint, text, bigint, integer, bigint, bigint,
	bytea, bytea, bigint, bigint, bigint, bytea, bytea, bytea, bytea,
	bytea),
    federation.sync_conflict(text, text, text, bigint, integer, bigint, bytea,
	bytea, bigint, bigint)
    TO _fedqueued;
