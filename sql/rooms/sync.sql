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

-- The hash of an event.
CREATE FUNCTION federation.sync_hash(room uuid, number bigint) RETURNS bytea
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT sha256(e.signing_text) FROM federation.room_state_events e
	    WHERE e.room_id = sync_hash.room AND e.number = sync_hash.number
	    AND e.signature IS NOT NULL
$$;

-- The membership of a server that lasted longest, null none.
CREATE FUNCTION federation.sync_peer(room uuid, server uuid)
RETURNS federation.room_member_row
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT a.state_joined, a.state_left FROM federation.room_members a
	    WHERE a.room_id = sync_peer.room AND a.server_id = sync_peer.server
	    AND a.state_left IS DISTINCT FROM a.state_joined
	    ORDER BY a.state_left DESC NULLS FIRST LIMIT 1
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

-- Since a restore: who has not told yet that it has no more than we, in which
-- room. level: of trust; who is below it answers nothing.
CREATE FUNCTION federation.sync_unanswered(level integer)
RETURNS TABLE (server uuid, room text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT v.id, f.global_room_id::text
	    FROM federation.self o
	    JOIN federation.federated_rooms f ON true
	    JOIN federation.room_states r ON r.room_id = f.id
	    CROSS JOIN LATERAL (
		SELECT unnest(federation.room_servers(f.id)) AS id
		    WHERE f.is_local_origin
		UNION SELECT f.origin_server_id
		    WHERE f.origin_server_id IS NOT NULL) v
	    JOIN federation.federation_servers s ON s.id = v.id
	    WHERE o.restored_at IS NOT NULL
	    AND s.trust_level >= sync_unanswered.level
	    AND v.id <> ALL (r.answered)
	    AND r.disputed = 0 AND federation.room_here(f.id)
$$;

-- Gaps that are older than gap seconds, and held messages whose state is not
-- known: a server to ask, one that is online if there is any; of those the
-- origin or the home, if origins is true, else as shuffle has them. For
-- recovery seconds after a restore servers that have not shown yet that they
-- have no more than we; for adopt seconds those whose chain is adopted.
CREATE FUNCTION federation.sync_due(most integer, gap bigint, recovery bigint,
    adopt bigint, origins boolean, shuffle bigint)
RETURNS TABLE (server uuid, room text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(sync_due.most BETWEEN 1 AND 10000 AND
	    sync_due.gap >= 0 AND sync_due.recovery >= 0 AND
	    sync_due.adopt >= 0 AND
	    num_nulls(sync_due.origins, sync_due.shuffle) = 0);
	RETURN QUERY SELECT DISTINCT p.id, f.global_room_id
	    FROM (SELECT t.room_id, t.origin FROM federation.room_streams t
		WHERE t.gap_since < now() - sync_due.gap * interval '1 s'
		UNION SELECT i.room_id, right(g.global_room_id, -37)
		FROM federation.room_items i
		JOIN federation.federated_rooms g ON g.id = i.room_id
		WHERE i.again) w
	    JOIN federation.federated_rooms f ON f.id = w.room_id
	    CROSS JOIN LATERAL (SELECT s.id
		FROM federation.federation_servers s
		WHERE s.trust_level >= 1 AND (s.onion_address = w.origin OR
		s.id = ANY (federation.room_servers(f.id)))
		ORDER BY s.is_online DESC, (s.onion_address = w.origin AND
		    sync_due.origins) DESC,
		    uuid_hash_extended(s.id, sync_due.shuffle) LIMIT 1) p
	    UNION -- since a restore: who has not answered yet
	    SELECT u.server, u.room FROM federation.sync_unanswered(1) u
	    JOIN federation.self o ON
		o.restored_at > now() - sync_due.recovery * interval '1 s'
	    UNION SELECT r.adopt_from, f.global_room_id
	    FROM federation.room_states r
	    JOIN federation.federated_rooms f ON f.id = r.room_id
	    WHERE r.adopt_from IS NOT NULL AND
	    r.adopt_since > now() - sync_due.adopt * interval '1 s'
	    LIMIT sync_due.most;
END
$$;

-- How far we are, for a server to be told: a row a room that is known and has
-- events.
CREATE FUNCTION federation.sync_heads(server uuid, rooms text[])
RETURNS SETOF federation.sync_head_row
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(sync_heads.server IS NOT NULL AND
	    cardinality(sync_heads.rooms) BETWEEN 0 AND 64);
	RETURN QUERY SELECT f.global_room_id, federation.room_state_now(f.id),
	    federation.sync_hash(f.id,
		federation.room_last(s.number, s.disputed)),
	    f.origin_server_id IS NOT DISTINCT FROM sync_heads.server,
	    m.peer, federation.sync_hash(f.id, (m.peer).state_left)
	    FROM unnest(sync_heads.rooms) WITH ORDINALITY AS u(name, place)
	    JOIN federation.federated_rooms f ON f.global_room_id = u.name
	    JOIN federation.room_states s ON s.room_id = f.id
	    CROSS JOIN LATERAL (SELECT federation.sync_peer(f.id,
		sync_heads.server) AS peer) m
	    WHERE s.number > 0 AND ((m.peer).state_joined IS NOT NULL OR
	    f.origin_server_id IS NOT DISTINCT FROM sync_heads.server)
	    ORDER BY u.place;
END
$$;

-- The same for streams; of others only where both have a member. Where there
-- are more than most, the first as shuffle has them.
CREATE FUNCTION federation.sync_streams(server uuid, rooms text[],
    most integer, shuffle bigint)
RETURNS SETOF federation.sync_stream_row
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(sync_streams.server IS NOT NULL AND
	    cardinality(sync_streams.rooms) BETWEEN 0 AND 64 AND
	    sync_streams.most BETWEEN 0 AND 1000 AND
	    sync_streams.shuffle IS NOT NULL);
	RETURN QUERY SELECT x.global_room_id, x.origin, x.epoch, x.lane,
	    x.contiguous, x.highest, x.forked,
	    federation.room_digest(x.room_id, x.origin, x.epoch, x.lane,
		x.contiguous),
	    federation.room_digest(x.room_id, x.origin, x.epoch, x.lane,
		x.highest)
	    FROM (SELECT f.global_room_id, u.place, t.*
		FROM unnest(sync_streams.rooms) WITH ORDINALITY
		    AS u(name, place)
		JOIN federation.federated_rooms f ON f.global_room_id = u.name
		JOIN federation.room_states s ON s.room_id = f.id
		JOIN federation.room_streams t ON t.room_id = f.id
		WHERE s.number > 0 AND (t.origin =
		    (SELECT o.onion_address FROM federation.self o) OR
		    (federation.room_attended(s.room_id) AND
			federation.sync_member(f.id, sync_streams.server,
			federation.room_last(s.number, s.disputed))))
		AND EXISTS (SELECT 1 FROM federation.room_members m
		    WHERE m.room_id = f.id
		    AND m.server_id = sync_streams.server)
		ORDER BY hashint8extended(t.epoch * 4 + t.lane,
		    hashtextextended(t.origin, sync_streams.shuffle)), f.id
		LIMIT sync_streams.most) x
	    ORDER BY x.place, x.origin, x.epoch, x.lane;
END
$$;

-- What heads of others are compared with: a row for each, in their order.
CREATE FUNCTION federation.sync_compare(rooms text[], numbers bigint[])
RETURNS SETOF federation.sync_compared_row
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(
	    cardinality(sync_compare.rooms) BETWEEN 0 AND 64 AND
	    cardinality(sync_compare.numbers) =
	    cardinality(sync_compare.rooms));
	RETURN QUERY SELECT federation.room_state_now(f.id),
	    federation.sync_hash(f.id, u.number), f.is_local_origin,
	    federation.room_attended(f.id),
	    extract(epoch FROM o.restored_at)::bigint
	    FROM unnest(sync_compare.rooms, sync_compare.numbers)
		WITH ORDINALITY AS u(name, number, place)
	    LEFT JOIN federation.self o ON true
	    LEFT JOIN federation.federated_rooms f
		ON f.global_room_id = u.name
	    ORDER BY u.place;
END
$$;

-- The same for streams.
CREATE FUNCTION federation.sync_compare_streams(
    streams federation.sync_ask_row[])
RETURNS SETOF federation.sync_compared_stream_row
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(
	    cardinality(sync_compare_streams.streams) BETWEEN 0 AND 256);
	RETURN QUERY SELECT coalesce(s.number > 0 AND
	    federation.room_attended(s.room_id), false),
	    federation.room_stream_now(s.room_id, u.origin, u.epoch, u.lane),
	    federation.room_digest(s.room_id, u.origin, u.epoch, u.lane,
		u.sequence),
	    federation.room_digest(s.room_id, u.origin, u.epoch, u.lane,
		u.highest),
	    u.origin = o.onion_address,
	    coalesce(u.epoch = o.epoch, false),
	    federation.room_epoch_floor(s.room_id, u.origin)
	    FROM unnest(sync_compare_streams.streams) WITH ORDINALITY AS u
	    LEFT JOIN federation.self o ON true
	    LEFT JOIN (federation.federated_rooms f
		JOIN federation.room_states s ON s.room_id = f.id)
		ON f.global_room_id = u.room
	    ORDER BY u.ordinality;
END
$$;

-- A server has told how far it is in rooms, of which it shows no more than we
-- have. often: a home's word is noted again after so many seconds. Rooms whose
-- adoption is over with that.
CREATE FUNCTION federation.sync_heard(server uuid, rooms text[],
    often bigint) RETURNS TABLE (adopted text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(sync_heard.server IS NOT NULL AND
	    cardinality(sync_heard.rooms) BETWEEN 0 AND 64 AND
	    sync_heard.often >= 0);
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
		s.heard_at < now() - sync_heard.often * interval '1 s');
	RETURN QUERY UPDATE federation.room_states s
	    SET adopt_from = NULL, adopt_since = NULL
	    FROM federation.federated_rooms f
	    WHERE s.room_id = f.id AND s.adopt_from = sync_heard.server
	    AND s.number > 0 AND f.global_room_id = ANY (sync_heard.rooms)
	    RETURNING f.global_room_id;
END
$$;

-- What is given ------------------------------------------------------------

-- Events of a range, to be given by room_state_shown().
CREATE FUNCTION federation.sync_events(server uuid, room text, first bigint,
    last bigint)
RETURNS SETOF federation.sync_event_row
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(sync_events.server IS NOT NULL AND
	    sync_events.room <> '' AND sync_events.first >= 1 AND
	    sync_events.last - sync_events.first BETWEEN 0 AND 63);
	RETURN QUERY SELECT ROW(e.kind, e.number, e.key_id,
		federation.sync_certificate(e.key_id), e.signing_text,
		e.payload, e.signature)::federation.room_event_row,
	    f.origin_server_id IS NOT DISTINCT FROM sync_events.server,
	    federation.sync_peer(f.id, sync_events.server), s.closed
	    FROM federation.federated_rooms f
	    JOIN federation.room_states s ON s.room_id = f.id
	    JOIN federation.room_state_events e ON e.room_id = f.id
	    WHERE f.global_room_id = sync_events.room
	    AND e.number BETWEEN sync_events.first AND sync_events.last
	    AND e.number <= s.number AND e.signature IS NOT NULL
	    ORDER BY e.number;
END
$$;

-- Numbers of a stream from the one before the range to its end, to be given by
-- room_message_give(). Payloads up to some bytes, always the first.
CREATE FUNCTION federation.sync_items(server uuid, room text, origin text,
    epoch bigint, lane integer, first bigint, last bigint, bytes bigint)
RETURNS SETOF federation.sync_item_row
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	target uuid;
	range federation.sync_range_row;
BEGIN
	PERFORM federation.sync_check(sync_items.server IS NOT NULL AND
	    sync_items.room <> '' AND sync_items.origin <> '' AND
	    sync_items.epoch >= 1 AND sync_items.lane BETWEEN 1 AND 3 AND
	    sync_items.first >= 1 AND sync_items.bytes >= 0 AND
	    sync_items.last - sync_items.first BETWEEN 0 AND 255);
	SELECT f.id INTO target FROM federation.federated_rooms f
	    WHERE f.global_room_id = sync_items.room;
	SELECT federation.room_stream_now(target, sync_items.origin,
		sync_items.epoch, sync_items.lane),
	    federation.room_state_now(target),
	    federation.sync_member(target, sync_items.server,
		federation.room_last(s.number, s.disputed))
	    INTO range FROM federation.room_states s WHERE s.room_id = target;
	RETURN QUERY SELECT n, federation.room_digest(target,
		sync_items.origin, sync_items.epoch, sync_items.lane, n),
	    i.id, i.status, i.state_number, federation.sync_member(target,
		sync_items.server, i.state_number),
	    CASE WHEN n >= sync_items.first AND sum(octet_length(i.payload))
		FILTER (WHERE n >= sync_items.first) OVER (ORDER BY n) -
		octet_length(i.payload) < sync_items.bytes THEN i.payload END,
	    i.proof_id, ROW(federation.sync_certificate(p.key_id),
		p.signing_text, p.signature,
		p.payload)::federation.room_signed_row,
	    CASE WHEN q.status IN ('pending', 'sending') THEN 'coming'
		WHEN q.status = 'delivered' THEN 'delivered'
		WHEN q.status = 'failed' THEN 'dead' ELSE 'none' END,
	    extract(epoch FROM now() - i.since)::bigint,
	    i.payload IS NOT NULL, i.sent,
	    i.status = 'cancelled' OR i.proof_id IS NULL AND
		coalesce((SELECT bool_and(c.status =
		'failed' AND c.last_error = 'CANCELLED')
		FROM federation.federated_message_queue c
		WHERE c.message_id = i.message_id), false),
	    range
	    FROM generate_series(sync_items.first - 1, least(sync_items.last,
		(range.stream).highest)) n
	    LEFT JOIN federation.room_items i ON i.room_id = target
		AND i.origin = sync_items.origin
		AND i.epoch = sync_items.epoch
		AND i.lane = sync_items.lane AND i.sequence = n
	    LEFT JOIN federation.room_proofs p ON p.id = i.proof_id
	    LEFT JOIN federation.federated_message_queue q
		ON q.message_id = i.message_id AND i.proof_id IS NULL
		AND q.destination_server_id = sync_items.server
	    WHERE (range.stream).highest IS NOT NULL
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
	    destination_server_id, encrypted_payload, priority, line)
	    SELECT i.message_id, sync_resend.server, i.payload, i.lane,
	    i.room_id FROM federation.room_items i
	    WHERE i.id = ANY (sync_resend.items) AND i.payload IS NOT NULL
	    AND i.proof_id IS NULL
	    ORDER BY i.id
	    ON CONFLICT (message_id, destination_server_id) DO UPDATE SET
		encrypted_payload = excluded.encrypted_payload,
		status = 'pending', attempts = 0, postponed = 0,
		next_attempt_at = now(), last_error = NULL,
		delivered_at = NULL, exchange_id = NULL, created_at = now()
	    WHERE q.status IN ('delivered', 'failed');
	PERFORM pg_notify('federation_queue', '');
END
$$;

-- What an origin declared void to us of a range, as it signed it. number 0:
-- all of the stream.
CREATE FUNCTION federation.sync_declared(server uuid, room text, origin text,
    epoch bigint, lane integer, first bigint, last bigint)
RETURNS SETOF federation.room_signed_row
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
		    federation.room_last(s.number, s.disputed)))
	    ORDER BY p.id LIMIT 16;
END
$$;

-- Evidence about a number, for servers that are or were in the room, and for
-- one that has shown one side of it.
CREATE FUNCTION federation.sync_evidence(server uuid, room text, origin text,
    epoch bigint, lane integer, number bigint, shown boolean)
RETURNS TABLE (kind text, first bytea, second bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(sync_evidence.server IS NOT NULL AND
	    sync_evidence.room <> '' AND sync_evidence.origin <> '' AND
	    sync_evidence.epoch >= 0 AND
	    sync_evidence.lane BETWEEN 0 AND 3 AND
	    sync_evidence.number >= 1 AND sync_evidence.shown IS NOT NULL);
	RETURN QUERY SELECT e.kind, e.first, e.second
	    FROM federation.federated_rooms f
	    JOIN federation.room_evidence e ON e.room_id = f.id
	    WHERE f.global_room_id = sync_evidence.room
	    AND e.origin = sync_evidence.origin
	    AND e.epoch = sync_evidence.epoch AND e.lane = sync_evidence.lane
	    AND e.number = sync_evidence.number AND e.kind <> 'ID_CONFLICT'
	    AND (sync_evidence.shown OR
		f.origin_server_id = sync_evidence.server OR
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

-- What a declaration is judged by; null: the room is not known.
CREATE FUNCTION federation.sync_void_facts(room text, origin text,
    epoch bigint, lane integer, first bigint, last bigint)
RETURNS federation.sync_void_facts_row
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	facts federation.sync_void_facts_row;
BEGIN
	PERFORM federation.sync_check(sync_void_facts.room <> '' AND
	    sync_void_facts.origin <> '' AND sync_void_facts.epoch >= 1 AND
	    sync_void_facts.lane BETWEEN 1 AND 3 AND
	    sync_void_facts.first >= 1 AND
	    sync_void_facts.last >= sync_void_facts.first);
	SELECT federation.room_state_now(f.id),
	    federation.room_stream_now(f.id, sync_void_facts.origin,
		sync_void_facts.epoch, sync_void_facts.lane),
	    ROW(federation.room_digest(f.id, sync_void_facts.origin,
		    sync_void_facts.epoch, sync_void_facts.lane,
		    sync_void_facts.first - 1),
		federation.room_digest(f.id, sync_void_facts.origin,
		    sync_void_facts.epoch, sync_void_facts.lane,
		    sync_void_facts.last), true,
		(SELECT i.previous FROM federation.room_items i
		    WHERE i.room_id = f.id
		    AND i.origin = sync_void_facts.origin
		    AND i.epoch = sync_void_facts.epoch
		    AND i.lane = sync_void_facts.lane
		    AND i.sequence = sync_void_facts.last + 1))::
		federation.room_beside_row,
	    federation.room_epoch_floor(f.id, sync_void_facts.origin)
	    INTO facts
	    FROM federation.federated_rooms f
	    WHERE f.global_room_id = sync_void_facts.room;
	RETURN facts;
END
$$;

-- Settles what was declared to us, with the answer that the origin signed, and
-- the stream as it is then. False: see room_lock().
CREATE FUNCTION federation.sync_void(room text, version bigint, origin text,
    stream federation.room_stream_row, void federation.room_void_row,
    proof federation.room_proof_row) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	target uuid;
	kept bigint;
BEGIN
	PERFORM federation.sync_check(num_nulls(sync_void.origin,
	    stream.epoch, stream.lane, stream.contiguous, stream.highest,
	    stream.gap_since, stream.forked, void.last, void.gone,
	    proof.signing_text, proof.payload) = 0 AND sync_void.room <> '' AND
	    sync_void.version >= 0 AND void.first >= 1 AND
	    octet_length(void.previous) = 32 AND
	    octet_length(void.digest) = 32 AND
	    octet_length(stream.seen) = 128 AND
	    octet_length(proof.signature) = 64 AND
	    octet_length(proof.key_id) = 32);
	target := federation.room_lock(sync_void.room, sync_void.version);
	IF target IS NULL THEN
		RETURN false;
	END IF;
	PERFORM federation.room_streams_write(target, sync_void.origin,
	    ARRAY[stream]);
	IF EXISTS (SELECT 1 FROM federation.room_voids v
	    WHERE v.room_id = target AND v.origin = sync_void.origin
	    AND v.epoch = stream.epoch AND v.lane = stream.lane
	    AND v.first = void.first AND v.last = void.last) THEN
		RETURN true;
	END IF;
	-- Several of one answer have one proof.
	SELECT p.id INTO kept FROM federation.room_proofs p
	    WHERE p.id = (SELECT max(x.id) FROM federation.room_proofs x)
	    AND p.signature = proof.signature
	    AND p.origin = sync_void.origin;
	IF kept IS NULL THEN
		kept := federation.room_proof_keep(sync_void.origin,
		    sync_void.proof);
	END IF;
	INSERT INTO federation.room_voids (room_id, origin, epoch, lane, first,
	    last, gone, previous, digest, proof_id)
	    VALUES (target, sync_void.origin, stream.epoch, stream.lane,
	    void.first, void.last, void.gone, void.previous, void.digest, kept)
	    ON CONFLICT DO NOTHING;
	RETURN true;
END
$$;

-- The first and the last number that are missing still of what was declared
-- void or gone to us, which is no more than may be asked for at a time; null:
-- none.
CREATE FUNCTION federation.sync_missing(void federation.room_voids,
    OUT first bigint, OUT last bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT min(n), max(n) FROM generate_series(void.first, void.last) n
	    WHERE NOT EXISTS (SELECT 1 FROM federation.room_items i
		WHERE i.room_id = void.room_id AND i.origin = void.origin
		AND i.epoch = void.epoch AND i.lane = void.lane
		AND i.sequence = n AND i.status <> 'refused')
$$;

-- How many are missing still of what was declared void or gone to us.
CREATE FUNCTION federation.sync_missing_count(void federation.room_voids)
RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT count(*) FROM generate_series(void.first, void.last) n
	    WHERE NOT EXISTS (SELECT 1 FROM federation.room_items i
		WHERE i.room_id = void.room_id AND i.origin = void.origin
		AND i.epoch = void.epoch AND i.lane = void.lane
		AND i.sequence = n AND i.status <> 'refused')
$$;

-- Notes that a server answered, having been asked for ranges, and gave nothing
-- of them that was new: of what lies in them it is not asked again.
CREATE FUNCTION federation.sync_answered(server uuid,
    answered federation.sync_range_ask_row[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	UPDATE federation.room_voids r SET asked = r.asked ||
		sync_answered.server
	    FROM unnest(answered) AS a
	    JOIN federation.federated_rooms f ON f.global_room_id = a.room
	    WHERE r.room_id = f.id AND r.origin = a.origin
	    AND r.epoch = a.epoch AND r.lane = a.lane
	    AND r.first <= a.last AND r.last >= a.first
	    AND sync_answered.server <> ALL (r.asked)
	    AND (SELECT m.first >= a.first AND m.last <= a.last
		FROM federation.sync_missing(r) m);
END
$$;

-- Numbers that were declared void or gone to us and that a server shows in its
-- heads: it was not asked for them yet. Ranges, so many at most. answered: what
-- it was asked for before.
CREATE FUNCTION federation.sync_holders(server uuid,
    heads federation.sync_ask_row[],
    answered federation.sync_range_ask_row[], most integer)
RETURNS SETOF federation.sync_range_ask_row
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(sync_holders.server IS NOT NULL AND
	    cardinality(heads) <= 1000 AND cardinality(answered) <= 64 AND
	    sync_holders.most >= 0);
	IF cardinality(answered) > 0 THEN
		PERFORM federation.sync_answered(sync_holders.server, answered);
	END IF;
	-- In their order first: no more are looked through than are returned,
	-- and those that are there by now.
	RETURN QUERY SELECT h.room, (h.void).origin, (h.void).epoch,
	    (h.void).lane, m.first, m.last
	    FROM (SELECT a.room, x AS void, greatest(a.sequence,
		    a.highest) AS shown, x.declared_at AS at, x.first AS number
		FROM unnest(heads) AS a
		JOIN federation.federated_rooms f
		    ON f.global_room_id = a.room
		JOIN federation.room_voids x ON x.room_id = f.id
		    AND x.origin = a.origin AND x.epoch = a.epoch
		    AND x.lane = a.lane
		WHERE x.first <= greatest(a.sequence, a.highest)
		AND sync_holders.server <> ALL (x.asked)
		AND NOT EXISTS (SELECT 1 FROM federation.federation_servers s
		    WHERE s.id = sync_holders.server
		    AND s.onion_address = x.origin)
		ORDER BY x.declared_at, x.first OFFSET 0) h
	    CROSS JOIN LATERAL federation.sync_missing(h.void) m
	    WHERE m.first <= h.shown
	    ORDER BY h.at, h.number LIMIT sync_holders.most;
END
$$;

-- What a server shows of our streams it has, though we had given it up: so it
-- was delivered. codes: why it may have been given up; youngest: of what is
-- older the number may have been declared to it.
CREATE FUNCTION federation.sync_holds(server uuid,
    heads federation.sync_ask_row[], codes text[], youngest interval)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(sync_holds.server IS NOT NULL AND
	    cardinality(heads) <= 1000 AND cardinality(codes) >= 1 AND
	    youngest > interval '0');
	UPDATE federation.federated_message_queue q SET status = 'delivered',
	    delivered_at = now(), last_error = NULL
	    FROM unnest(heads) AS h
	    JOIN federation.self o ON o.onion_address = h.origin
	    JOIN federation.federated_rooms f ON f.global_room_id = h.room
	    JOIN federation.room_items i ON i.room_id = f.id
		AND i.origin = h.origin AND i.epoch = h.epoch
		AND i.lane = h.lane AND i.sequence <= h.sequence
	    WHERE i.sent AND i.payload IS NOT NULL
	    AND i.since > now() - youngest
	    AND q.message_id = i.message_id
	    AND q.destination_server_id = sync_holds.server
	    AND q.status = 'failed' AND q.last_error = ANY (codes);
END
$$;

-- Tells the application of numbers that are gone and that nobody gave: of whom
-- all others in the room were asked, or that were declared so long ago.
CREATE FUNCTION federation.sync_lost(age interval, most integer)
RETURNS TABLE (room text, origin text, numbers bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(age >= interval '0' AND most > 0);
	RETURN QUERY WITH l AS (UPDATE federation.room_voids r SET told = true
	    FROM (SELECT x.ctid AS place FROM federation.room_voids x
		WHERE x.gone AND NOT x.told AND (
		    x.declared_at < now() - sync_lost.age OR NOT EXISTS (
		    SELECT 1 FROM federation.room_members m
		    JOIN federation.federation_servers s ON s.id = m.server_id
		    WHERE m.room_id = x.room_id AND m.state_left IS NULL
		    AND s.onion_address <> x.origin
		    AND s.id <> ALL (x.asked)))
		ORDER BY x.declared_at LIMIT sync_lost.most
		FOR UPDATE SKIP LOCKED) d
	    WHERE r.ctid = d.place
	    RETURNING r.room_id, r.origin,
		federation.sync_missing_count(r) AS numbers),
	m AS (SELECT f.global_room_id AS room, l.origin, l.numbers
	    FROM l JOIN federation.federated_rooms f ON f.id = l.room_id),
	t AS (SELECT m.room, m.origin, m.numbers, federation.room_tell(s.id,
		m.room, 'lost', jsonb_build_object('server', m.origin,
		'count', m.numbers))
	    FROM m LEFT JOIN federation.federation_servers s
		ON s.onion_address = m.origin WHERE m.numbers > 0)
	SELECT t.room, t.origin, t.numbers FROM t;
END
$$;

-- What an item says against a declaration about a number, as others are shown
-- it: the item under that number, or the one behind, which names it.
CREATE FUNCTION federation.sync_against(room text, origin text, epoch bigint,
    lane integer, number bigint) RETURNS bytea
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
	    AND i.sequence IN (sync_against.number, sync_against.number + 1)
	    ORDER BY i.sequence LIMIT 1);
END
$$;

-- Freezes a room below number, or ends a stream at it (epoch above 0), on
-- evidence: two documents, of which the second may be null where what stands
-- against the first is among our items (under the number, or what names it);
-- then version is the room's, and null comes when it is another already. False:
-- it is so already, or the room is not known.
CREATE FUNCTION federation.sync_conflict(room text, version bigint,
    dispute federation.sync_dispute_row, one bytea, other bytea)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	target uuid;
	against bytea := sync_conflict.other;
BEGIN
	PERFORM federation.sync_check(sync_conflict.room <> '' AND
	    dispute.origin <> '' AND dispute.kind IN
	    ('STATE_CONFLICT', 'SEQUENCE_CONFLICT') AND
	    dispute.epoch >= 0 AND
	    dispute.lane BETWEEN 0 AND 3 AND
	    dispute.number >= 1 AND sync_conflict.one <> '');
	target := federation.room_lock(sync_conflict.room,
	    sync_conflict.version);
	IF target IS NULL AND sync_conflict.version IS NOT NULL THEN
		RETURN NULL;
	END IF;
	IF target IS NULL OR EXISTS (SELECT 1 FROM federation.room_states s
	    WHERE s.room_id = target AND s.number = 0) THEN
		RETURN false;
	END IF;
	IF against IS NULL THEN
		against := federation.sync_against(sync_conflict.room,
		    dispute.origin, dispute.epoch,
		    dispute.lane, dispute.number);
	END IF;
	against := coalesce(against, sync_conflict.one);
	IF dispute.epoch = 0 THEN
		RETURN federation.room_freeze(target, dispute.kind,
		    dispute.number, sync_conflict.one, against);
	END IF;
	UPDATE federation.room_streams t SET forked = dispute.number
	    WHERE t.room_id = target AND t.origin = dispute.origin
	    AND t.epoch = dispute.epoch AND t.lane = dispute.lane
	    AND (t.forked = 0 OR t.forked > dispute.number);
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	PERFORM federation.room_evidence_keep(target, dispute.origin,
	    dispute.kind, dispute.epoch, dispute.lane,
	    dispute.number, NULL, sync_conflict.one, against);
	RETURN true;
END
$$;

-- Rights -------------------------------------------------------------------

GRANT EXECUTE ON FUNCTION
    federation.sync_rooms(uuid),
    federation.sync_servers(integer),
    federation.sync_due(integer, bigint, bigint, bigint, boolean, bigint),
    federation.sync_heads(uuid, text[]),
    federation.sync_streams(uuid, text[], integer, bigint),
    federation.sync_compare(text[], bigint[]),
    federation.sync_compare_streams(federation.sync_ask_row[]),
    federation.sync_heard(uuid, text[], bigint),
    federation.sync_events(uuid, text, bigint, bigint),
    federation.sync_items(uuid, text, text, bigint, integer, bigint, bigint,
	bigint),
    federation.sync_resend(uuid, bigint[]),
    federation.sync_holders(uuid, federation.sync_ask_row[],
	federation.sync_range_ask_row[], integer),
    federation.sync_holds(uuid, federation.sync_ask_row[], text[], interval),
    federation.sync_lost(interval, integer),
    federation.sync_declared(uuid, text, text, bigint, integer, bigint,
	bigint),
    federation.sync_evidence(uuid, text, text, bigint, integer, bigint,
	boolean),
    federation.sync_mark(integer),
    federation.sync_void_facts(text, text, bigint, integer, bigint, bigint),
    federation.sync_void(text, bigint, text, federation.room_stream_row,
	federation.room_void_row, federation.room_proof_row),
    federation.sync_conflict(text, bigint, federation.sync_dispute_row,
	bytea, bytea)
    TO _fedqueued;
