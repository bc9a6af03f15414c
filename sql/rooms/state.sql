-- SPDX-License-Identifier: ISC
-- Rooms, their state: events taken, and decided as a room's home.
--
-- The daemon decides in C, by what room_event_facts() tells, and writes with
-- the version that it was told; false says that another worker was faster, and
-- it reads and decides again. What one decision changes is one transaction.

-- Reading ------------------------------------------------------------------

-- What an event is judged by, and a request. number: the event's; member: whom
-- it is about; nonce: of an invitation; origin and request: which server asked,
-- and its item's id.
CREATE FUNCTION federation.room_event_facts(room text, number bigint,
    member text, inviter text, nonce bytea, origin text, request uuid)
RETURNS federation.room_event_facts_row
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	facts federation.room_event_facts_row;
BEGIN
	PERFORM federation.room_name_check(room_event_facts.room);
	SELECT federation.room_state_now(r.id),
	    coalesce(r.number > 0 OR r.asked OR r.is_local_origin, false),
	    (SELECT sha256(e.signing_text)
		FROM federation.room_state_events e
		WHERE e.room_id = r.id AND e.number = room_event_facts.number
		AND e.signature IS NOT NULL),
	    ROW(federation.room_membership(r.id, room_event_facts.member),
		(SELECT max(n.number) FROM federation.room_invites n
		    WHERE n.room_id = r.id
		    AND n.invitee = room_event_facts.member AND n.used = 0),
		r.allowed_servers ? split_part(room_event_facts.member, '@',
		    2),
		m.server_in)::federation.room_subject_row,
	    federation.room_membership(r.id, room_event_facts.inviter),
	    (SELECT ROW(v.nonce, v.number,
		    extract(epoch FROM v.expires_at)::bigint, v.used,
		    v.inviter, v.invitee)::federation.room_invitation_row
		FROM federation.room_invites v WHERE v.room_id = r.id
		AND v.nonce = room_event_facts.nonce),
	    m.member_servers,
	    EXISTS (SELECT 1 FROM federation.room_state_events e
		WHERE e.room_id = r.id AND e.signature IS NULL),
	    EXISTS (SELECT 1 FROM federation.room_asked w
		WHERE w.room_id = r.id AND w.kind = 'create'
		AND w.state = 'new'),
	    ROW(extract(epoch FROM o.restored_at)::bigint, m.servers,
		m.answered, (SELECT s.onion_address
		    FROM federation.federation_servers s
		    WHERE s.id = r.adopt_from),
		extract(epoch FROM r.adopt_since)::bigint)::
		federation.room_recovery_row,
	    (SELECT d.digest FROM federation.received_ids d
		JOIN federation.federation_servers s ON s.id = d.server_id
		WHERE s.onion_address = room_event_facts.origin
		AND d.message_id = room_event_facts.request)
	    INTO facts
	    FROM (SELECT 1) one
	    LEFT JOIN federation.self o ON true
	    LEFT JOIN (federation.federated_rooms f
		JOIN federation.room_states t ON t.room_id = f.id) r
		ON r.global_room_id = room_event_facts.room
	    CROSS JOIN LATERAL (SELECT count(DISTINCT a.server_id) AS servers,
		count(DISTINCT a.server_id) FILTER (WHERE
		a.server_id = ANY (r.answered)) AS answered,
		count(DISTINCT split_part(a.member, '@', 2)) FILTER (WHERE
		split_part(a.member, '@', 2) <>
		split_part(room_event_facts.room, '@', 2)) AS member_servers,
		coalesce(bool_or(split_part(a.member, '@', 2) =
		split_part(room_event_facts.member, '@', 2)), false)
		AS server_in
		FROM federation.room_members a WHERE a.room_id = r.id
		AND a.state_left IS NULL) m;
	RETURN facts;
END
$$;

-- Writing ------------------------------------------------------------------

CREATE FUNCTION federation.room_certificate(key_id bytea, certificate bytea)
RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	INSERT INTO federation.room_certificates (key_id, certificate)
	    VALUES (room_certificate.key_id, room_certificate.certificate)
	    ON CONFLICT (key_id) DO NOTHING;
$$;

-- An event as it travels, canonical.
CREATE FUNCTION federation.room_event_json(payload bytea, signature bytea,
    signing_text bytea) RETURNS text
LANGUAGE sql STABLE STRICT SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
	SELECT '{"payload":' || convert_from(payload, 'UTF8') ||
	    ',"signature":"' || federation.base64(signature) ||
	    '","text":"' || federation.base64(signing_text) || '"}';
$$;

-- A document of evidence, canonical: an event and who can have signed it.
CREATE FUNCTION federation.room_event_document(certificate bytea,
    payload bytea, signature bytea, signing_text bytea) RETURNS bytea
LANGUAGE sql STABLE STRICT SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
	SELECT convert_to('{"certificate":"' ||
	    federation.base64(certificate) || '","event":' ||
	    federation.room_event_json(payload, signature, signing_text) ||
	    '}', 'UTF8');
$$;

-- Payloads of room_state with the events of that range, in order, each within
-- the limits.
CREATE FUNCTION federation.room_state_payloads(room uuid, first bigint,
    last bigint) RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	limits CONSTANT federation.room_limits_row :=
	    federation.room_limits_get();
	certificates text[] := '{}';
	events text[] := '{}';
	bytes integer := 0;
	event record;
BEGIN
	FOR event IN SELECT federation.room_event_json(e.payload, e.signature,
	    e.signing_text) AS json,
	    '"' || federation.base64(c.certificate) || '"' AS certificate
	    FROM federation.room_state_events e
	    JOIN federation.room_certificates c ON c.key_id = e.key_id
	    WHERE e.room_id = room_state_payloads.room
	    AND e.number BETWEEN first AND last AND e.signature IS NOT NULL
	    ORDER BY e.number LOOP
		IF bytes + octet_length(event.json) > limits.bytes OR
		    cardinality(events) = limits.events OR
		    (cardinality(certificates) = limits.certificates AND
		    event.certificate <> ALL (certificates)) THEN
			RETURN NEXT format('{"certificates":[%s],'
			    '"events":[%s]}', array_to_string(certificates,
			    ','), array_to_string(events, ','));
			certificates := '{}';
			events := '{}';
			bytes := 0;
		END IF;
		IF event.certificate <> ALL (certificates) THEN
			certificates := certificates || event.certificate;
		END IF;
		events := events || event.json;
		bytes := bytes + octet_length(event.json) + 1;
	END LOOP;
	IF cardinality(events) > 0 THEN
		RETURN NEXT format('{"certificates":[%s],"events":[%s]}',
		    array_to_string(certificates, ','),
		    array_to_string(events, ','));
	END IF;
END
$$;

-- As the home, to all servers that have or just lost a member: the event. One
-- that had none before gets all of the chain.
CREATE FUNCTION federation.room_event_spread(room uuid, number bigint,
    before uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	server uuid;
BEGIN
	FOR server IN SELECT unnest(room_event_spread.before)
	    UNION SELECT unnest(federation.room_servers(room)) LOOP
		PERFORM federation.room_enqueue(server, 'room_state', p,
		    gen_random_uuid())
		    FROM federation.room_state_payloads(room,
		    CASE WHEN server = ANY (room_event_spread.before)
		    THEN number ELSE 1 END, number) p;
	END LOOP;
END
$$;

-- The rows of members. members: room_state.h's enum room_change.
CREATE FUNCTION federation.room_members_change(room uuid, home text,
    number bigint, members text, subject text, list jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	UPDATE federation.room_members m
	    SET state_left = room_members_change.number
	    WHERE m.room_id = room_members_change.room
	    AND m.state_left IS NULL AND CASE room_members_change.members
		WHEN 'end' THEN m.member = subject
		WHEN 'end_unlisted' THEN split_part(m.member, '@', 2) <> home
		    AND NOT list ? split_part(m.member, '@', 2)
		WHEN 'end_remote' THEN split_part(m.member, '@', 2) <> home
		WHEN 'end_all' THEN true
		ELSE false END;
	IF room_members_change.members IN ('add', 'take_back') THEN
		INSERT INTO federation.room_members (room_id, member,
		    server_id, state_joined, state_left)
		    VALUES (room_members_change.room, subject,
		    federation.room_server(split_part(subject, '@', 2)),
		    room_members_change.number,
		    CASE room_members_change.members
		    WHEN 'take_back' THEN room_members_change.number END);
	END IF;
END
$$;

-- The application is told of an event.
CREATE FUNCTION federation.room_event_tell(room uuid, number bigint,
    kind text, subject text, body jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT federation.room_tell(f.origin_server_id, f.global_room_id,
	    CASE room_event_tell.kind WHEN 'create' THEN 'created'
		WHEN 'invite' THEN 'invited' WHEN 'join' THEN 'joined'
		WHEN 'leave' THEN 'left' WHEN 'remove' THEN 'removed'
		WHEN 'rename' THEN 'renamed' WHEN 'close' THEN 'closed'
		ELSE room_event_tell.kind END,
	    jsonb_strip_nulls(jsonb_build_object(
		'number', room_event_tell.number,
		'member', room_event_tell.subject,
		'inviter', CASE room_event_tell.kind WHEN 'invite'
		    THEN room_event_tell.body->'inviter' END,
		'enabled', CASE room_event_tell.kind WHEN 'federation'
		    THEN room_event_tell.body->'enabled' END)))
	    FROM federation.federated_rooms f
	    WHERE f.id = room_event_tell.room;
$$;

-- A user of ours invited somebody, and the home has made it so: it is shown to
-- the invitee, to his server, that is, with what the request has kept for that.
CREATE FUNCTION federation.room_invitation_show(room uuid,
    event federation.room_state_events, body jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	global text := (SELECT f.global_room_id
	    FROM federation.federated_rooms f WHERE f.id = room);
	invitee text := body->>'invitee';
	server uuid;
	shown uuid;
	request federation.room_asked;
BEGIN
	SELECT * INTO request FROM federation.room_asked w
	    WHERE w.room_id = room_invitation_show.room AND w.kind = 'invite'
	    AND w.nonce = decode(body->>'nonce', 'base64')
	    AND w.inviter = body->>'inviter' AND w.room_key IS NOT NULL
	    AND w.state IN ('new', 'asked') LIMIT 1;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	UPDATE federation.room_asked w SET state = 'done', settled_at = now(),
	    room_key = NULL, invite_metadata = NULL WHERE w.id = request.id;
	server := federation.room_server(split_part(invitee, '@', 2));
	IF server IS NOT NULL THEN
		PERFORM federation.room_enqueue(server, 'room_invite',
		    format('{"certificate":"%s","encryptedRoomKey":%s,'
		    '"event":%s,"metadata":%s}',
		    federation.base64(c.certificate),
		    to_jsonb(request.room_key),
		    federation.room_event_json(event.payload, event.signature,
			event.signing_text),
		    coalesce(request.invite_metadata, '{}')), gen_random_uuid())
		    FROM federation.room_certificates c
		    WHERE c.key_id = event.key_id;
		RETURN;
	END IF;
	INSERT INTO federation.room_invited (global_room_id, nonce, event_hash,
	    invitee, inviter, room_key, metadata, state, expires_at)
	    VALUES (global, request.nonce, sha256(event.signing_text),
	    split_part(invitee, '@', 1), request.inviter, request.room_key,
	    coalesce(request.invite_metadata, '{}'), 'pending',
	    (body->>'expires')::timestamptz)
	    ON CONFLICT (global_room_id, nonce) DO NOTHING
	    RETURNING id INTO shown;
	IF shown IS NOT NULL THEN
		PERFORM federation.room_tell(NULL, global, 'invitation',
		    jsonb_build_object('invitation', shown, 'inviter',
		    request.inviter, 'invitee', split_part(invitee, '@', 1),
		    'encryptedRoomKey', request.room_key,
		    'expires', body->'expires', 'showing', 'pending'),
		    coalesce(request.invite_metadata, '{}'));
	END IF;
END
$$;

-- What was asked for is so. Of a room of others its home tells it by the event
-- alone, which may answer a copy of the request that we gave up.
CREATE FUNCTION federation.room_asked_end(room uuid,
    event federation.room_state_events, subject text, nonce bytea)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	UPDATE federation.room_asked w SET state = 'done', settled_at = now(),
	    room_key = NULL, invite_metadata = NULL
	    WHERE w.room_id = room_asked_end.room
	    AND w.state IN ('new', 'asked') AND (w.id = event.request
	    OR (w.state = 'asked' AND CASE w.kind
		WHEN 'invite' THEN event.kind = 'invite' AND
		    w.nonce = room_asked_end.nonce AND w.member = subject
		WHEN 'join' THEN event.kind = 'join' AND w.member = subject
		WHEN 'leave' THEN EXISTS (SELECT 1
		    FROM federation.room_members m WHERE m.room_id = w.room_id
		    AND m.member = w.member AND m.state_left = event.number)
		ELSE false END));
	-- He is in, or shall not be: other invitations are worth nothing.
	IF event.kind IN ('join', 'remove') THEN
		UPDATE federation.room_invited s SET state = 'void'
		    FROM federation.federated_rooms f, federation.self o
		    WHERE f.id = room_asked_end.room
		    AND s.global_room_id = f.global_room_id
		    AND s.invitee || '@' || o.onion_address = subject
		    AND s.state IN ('quarantine', 'pending');
	END IF;
END
$$;

-- The row of an event that follows, under number. One that we had decided
-- ourselves and not signed moves behind one of its number that came from
-- elsewhere.
CREATE FUNCTION federation.room_event_store(room uuid, number bigint,
    event federation.room_event_row) RETURNS federation.room_state_events
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	stored federation.room_state_events;
BEGIN
	PERFORM federation.room_certificate(event.key_id, event.certificate);
	UPDATE federation.room_state_events e
	    SET signature = event.signature, received_at = now()
	    WHERE e.room_id = room_event_store.room AND e.signature IS NULL
	    AND e.signing_text = event.signing_text
	    RETURNING * INTO stored;
	IF FOUND THEN
		RETURN stored;
	END IF;
	UPDATE federation.room_state_events e
	    SET number = room_event_store.number + 1
	    WHERE e.room_id = room_event_store.room AND e.signature IS NULL;
	INSERT INTO federation.room_state_events (room_id, number, kind,
	    key_id, signing_text, payload, signature)
	    VALUES (room_event_store.room, room_event_store.number,
	    event.kind, event.key_id, event.signing_text, event.payload,
	    event.signature) RETURNING * INTO stored;
	RETURN stored;
END
$$;

-- The state that an event leads to.
CREATE FUNCTION federation.room_state_write(room uuid,
    state federation.room_state_row, effect federation.room_effect_row,
    stored federation.room_state_events, body jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	UPDATE federation.room_states s SET number = stored.number,
	    hash = sha256(stored.signing_text),
	    event_time = state.event_time, closed = state.closed,
	    disputed = state.disputed, require_invite = state.require_invite,
	    federated = state.federated, restricted = state.restricted,
	    metadata = CASE stored.kind WHEN 'rename'
		THEN decode(body->>'metadata', 'base64')
		ELSE s.metadata END, heard_at = now()
	    WHERE s.room_id = room_state_write.room;
	UPDATE federation.federated_rooms f
	    SET federation_enabled = state.federated,
	    allowed_servers = CASE WHEN NOT effect.servers_set
		THEN f.allowed_servers
		WHEN state.restricted THEN body->'allowedServers' END,
	    updated_at = now() WHERE f.id = room_state_write.room;
END
$$;

-- An event that follows, judged and signed, with the state that it leads to
-- (version is that of the state before): all that comes of it. false: see
-- room_lock().
CREATE FUNCTION federation.room_event_write(room text,
    state federation.room_state_row, event federation.room_event_row,
    effect federation.room_effect_row) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	target uuid;
	body jsonb;
	subject text;
	bound bytea; -- an invitation's nonce
	before uuid[];
	here boolean;
	stored federation.room_state_events;
BEGIN
	PERFORM federation.room_name_check(room_event_write.room);
	IF (num_nulls(state.version, state.event_time, state.closed,
	    state.disputed, state.require_invite, state.federated,
	    state.restricted,
	    event.kind, event.signing_text, event.payload, event.signature,
	    event.key_id, event.certificate, effect.members,
	    effect.invitation_add, effect.invitation_used,
	    effect.servers_set) = 0 AND state.number >= 1) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'an event is written whole';
	END IF;
	IF state.version = 0 THEN
		PERFORM federation.room_make(room_event_write.room);
	END IF;
	target := federation.room_lock(room_event_write.room, state.version);
	IF target IS NULL THEN
		RETURN false;
	END IF;
	body := convert_from(event.payload, 'UTF8')::jsonb;
	subject := CASE event.kind WHEN 'create' THEN body->>'creator'
	    WHEN 'invite' THEN body->>'invitee' WHEN 'join' THEN body->>'member'
	    WHEN 'leave' THEN body->>'member'
	    WHEN 'remove' THEN body->>'member' END;
	bound := CASE WHEN event.kind IN ('invite', 'join')
	    THEN decode(body->>'nonce', 'base64') END;
	before := federation.room_servers(target);
	here := federation.room_here(target);

	stored := federation.room_event_store(target, state.number, event);
	PERFORM federation.room_members_change(target,
	    split_part(room_event_write.room, '@', 2), stored.number,
	    effect.members, subject, body->'allowedServers');
	IF effect.invitation_add THEN
		INSERT INTO federation.room_invites (room_id, nonce, number,
		    expires_at, inviter, invitee)
		    VALUES (target, bound, stored.number,
		    (body->>'expires')::timestamptz, body->>'inviter',
		    subject);
	ELSIF effect.invitation_used THEN
		UPDATE federation.room_invites i SET used = stored.number
		    WHERE i.room_id = target AND i.nonce = bound;
	END IF;
	PERFORM federation.room_state_write(target, state, effect, stored,
	    body);

	IF stored.kind <> 'key' AND (here OR federation.room_here(target)) THEN
		PERFORM federation.room_event_tell(target, stored.number,
		    stored.kind, subject, body);
	END IF;
	IF (SELECT f.is_local_origin FROM federation.federated_rooms f
	    WHERE f.id = target) THEN
		PERFORM federation.room_event_spread(target, stored.number,
		    before);
	END IF;
	IF stored.kind = 'invite' THEN
		PERFORM federation.room_invitation_show(target, stored, body);
	END IF;
	PERFORM federation.room_asked_end(target, stored, subject, bound);
	RETURN true;
END
$$;

-- What a home must not have signed. number: from which on the room is frozen;
-- against: of our event that contradicts it, 0 none. false: see room_lock().
CREATE FUNCTION federation.room_event_conflict(room text, version bigint,
    kind text, number bigint, against bigint,
    event federation.room_event_row) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	target uuid;
	shown bytea;
	known bytea;
BEGIN
	PERFORM federation.room_name_check(room_event_conflict.room);
	IF (num_nulls(version, against, event.signing_text, event.payload,
	    event.signature, event.certificate) = 0 AND
	    room_event_conflict.number >= 1 AND room_event_conflict.kind IN
	    ('STATE_CONFLICT', 'STATE_INVALID')) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'a contradiction is written whole';
	END IF;
	IF room_event_conflict.version = 0 THEN
		PERFORM federation.room_make(room_event_conflict.room);
	END IF;
	target := federation.room_lock(room_event_conflict.room,
	    room_event_conflict.version);
	IF target IS NULL THEN
		RETURN false;
	END IF;
	shown := federation.room_event_document(event.certificate,
	    event.payload, event.signature, event.signing_text);
	SELECT federation.room_event_document(
	    federation.sync_certificate(e.key_id), e.payload, e.signature,
	    e.signing_text) INTO known
	    FROM federation.room_state_events e
	    WHERE e.room_id = target
	    AND e.number = room_event_conflict.against
	    AND e.signature IS NOT NULL;
	PERFORM federation.room_freeze(target, room_event_conflict.kind,
	    room_event_conflict.number, coalesce(known, shown), shown);
	RETURN true;
END
$$;

-- Deciding -----------------------------------------------------------------

-- Rooms of ours in which something waits to be decided or signed.
CREATE FUNCTION federation.room_home_work() RETURNS TABLE (room text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT f.global_room_id::text FROM federation.federated_rooms f
	    WHERE f.id IN (SELECT e.room_id FROM federation.room_state_events e
		WHERE e.signature IS NULL
		UNION SELECT x.room_id FROM (SELECT w.room_id
		    FROM federation.room_asked w WHERE w.state = 'new'
		    ORDER BY w.number LIMIT 1000) x)
	    AND f.is_local_origin;
$$;

-- Our certificates that signed events, by the address in their second line.
CREATE FUNCTION federation.room_home_certificates()
RETURNS TABLE (certificate bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT c.certificate FROM federation.room_certificates c,
	    federation.self o
	    WHERE split_part(convert_from(c.certificate, 'UTF8'), E'\n', 2) =
	    o.onion_address;
$$;

-- Rooms of ours that are not frozen and whose last event has one of those key
-- ids, in their order, behind that room.
CREATE FUNCTION federation.room_home_signed(keys bytea[], after text,
    most integer) RETURNS TABLE (room text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF (num_nulls(keys, after) = 0 AND
	    array_position(room_home_signed.keys, NULL) IS NULL AND
	    room_home_signed.most BETWEEN 1 AND 1000) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'keys, after or most do not have their form';
	END IF;
	RETURN QUERY SELECT f.global_room_id::text
	    FROM federation.federated_rooms f
	    JOIN federation.room_states s ON s.room_id = f.id
	    JOIN federation.room_state_events e ON e.room_id = f.id
		AND e.number = s.number
	    WHERE f.is_local_origin AND s.disputed = 0
	    AND e.signature IS NOT NULL
	    AND e.key_id = ANY (room_home_signed.keys)
	    AND f.global_room_id > room_home_signed.after
	    ORDER BY f.global_room_id LIMIT room_home_signed.most;
END
$$;

-- What is next in a room of ours; null where it is none.
CREATE FUNCTION federation.room_home_next(room text)
RETURNS federation.room_home_next_row
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	waiting federation.room_home_next_row;
BEGIN
	PERFORM federation.room_name_check(room_home_next.room);
	SELECT e.signing_text, e.payload, e.mark, e.request,
	    (SELECT l.key_id FROM federation.room_states s
		JOIN federation.room_state_events l ON l.room_id = s.room_id
		AND l.number = s.number
		WHERE s.room_id = f.id AND l.signature IS NOT NULL),
	    (SELECT ROW(a.id, a.kind, a.member, a.inviter, a.nonce,
		    extract(epoch FROM a.expires_at)::bigint, a.require_invite,
		    a.enabled, array_to_string(a.servers, ','),
		    a.metadata)::federation.room_request_row
		FROM federation.room_asked a
		WHERE a.room_id = f.id AND a.state = 'new'
		-- What he wrote before he left has its place first.
		AND NOT (a.kind = 'leave' AND EXISTS (SELECT 1
		    FROM federation.room_items i WHERE i.room_id = f.id
		    AND i.status = 'new' AND i.since <= a.created_at
		    AND i.sender = split_part(a.member, '@', 1)))
		ORDER BY a.number LIMIT 1)
	    INTO waiting
	    FROM federation.federated_rooms f
	    LEFT JOIN federation.room_state_events e ON e.room_id = f.id
		AND e.signature IS NULL
	    WHERE f.global_room_id = room_home_next.room
	    AND f.is_local_origin;
	RETURN waiting;
END
$$;

-- An event that we decided, to be signed, in the place of one that was not;
-- with it the id of the item that asked for it, where origin is not null.
-- false: see room_lock(), or the id was kept meanwhile.
CREATE FUNCTION federation.room_event_decide(room text, version bigint,
    event federation.room_event_row, origin text, request uuid, digest bytea)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	target uuid;
	raised bigint;
	server uuid;
BEGIN
	PERFORM federation.room_name_check(room_event_decide.room);
	IF num_nulls(version, event.number, event.kind, event.key_id,
	    event.signing_text, event.payload) > 0 OR (origin IS NOT NULL AND
	    num_nulls(request, digest) > 0) THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'an event is written whole';
	END IF;
	IF room_event_decide.version = 0 THEN
		PERFORM federation.room_make(room_event_decide.room);
	END IF;
	target := federation.room_lock(room_event_decide.room,
	    room_event_decide.version);
	IF target IS NULL THEN
		RETURN false;
	END IF;
	IF room_event_decide.origin IS NOT NULL THEN
		-- Locked, so that nobody deletes it before a row refers to it.
		SELECT s.id INTO server FROM federation.federation_servers s
		    WHERE s.onion_address = room_event_decide.origin
		    FOR KEY SHARE;
		INSERT INTO federation.received_ids (server_id, message_id,
		    digest)
		    SELECT server, room_event_decide.request,
			room_event_decide.digest
		    WHERE server IS NOT NULL ON CONFLICT DO NOTHING;
		IF NOT FOUND THEN
			RAISE EXCEPTION USING ERRCODE = '40001',
			    MESSAGE = 'the id was received meanwhile';
		END IF;
	END IF;
	UPDATE federation.self o SET mark = o.mark + 1
	    RETURNING o.mark INTO raised;
	DELETE FROM federation.room_state_events e
	    WHERE e.room_id = target AND e.signature IS NULL;
	INSERT INTO federation.room_state_events (room_id, number, kind,
	    key_id, signing_text, payload, mark, request)
	    VALUES (target, event.number, event.kind, event.key_id,
	    event.signing_text, event.payload, raised,
	    room_event_decide.request);
	RETURN true;
END
$$;

-- An event that was decided and may not be made any more: what asked for it is
-- as if it had never come.
CREATE FUNCTION federation.room_event_drop(room text, version bigint)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	target uuid;
BEGIN
	PERFORM federation.room_name_check(room_event_drop.room);
	IF room_event_drop.version IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'version is null';
	END IF;
	target := federation.room_lock(room_event_drop.room,
	    room_event_drop.version);
	WITH gone AS (DELETE FROM federation.room_state_events e
	    WHERE e.room_id = target AND e.signature IS NULL
	    RETURNING e.request,
		convert_from(e.payload, 'UTF8')::jsonb AS payload)
	    DELETE FROM federation.received_ids r
	    USING gone g, federation.federation_servers s
	    WHERE r.message_id = g.request AND r.server_id = s.id
	    AND s.onion_address = split_part(coalesce(
		g.payload->>'inviter', g.payload->>'member'), '@', 2);
	RETURN target IS NOT NULL;
END
$$;

-- A request about a room of ours is refused with a code; or, without, it is so
-- already.
CREATE FUNCTION federation.room_request_end(request uuid, code text)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	ended federation.room_asked;
BEGIN
	IF room_request_end.request IS NULL OR
	    room_request_end.code !~ '^[A-Z0-9_]{1,32}$' THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'request is null, or code is none';
	END IF;
	UPDATE federation.room_asked w SET settled_at = now(),
	    state = CASE WHEN room_request_end.code IS NULL THEN 'done'
		ELSE 'refused' END,
	    code = room_request_end.code, room_key = NULL,
	    invite_metadata = NULL
	    WHERE w.id = room_request_end.request AND w.state = 'new'
	    RETURNING w.* INTO ended;
	IF FOUND AND room_request_end.code IS NOT NULL THEN
		PERFORM federation.room_tell(NULL, f.global_room_id,
		    'refused', jsonb_build_object('request', ended.id,
		    'kind', ended.kind, 'code', ended.code))
		    FROM federation.federated_rooms f
		    WHERE f.id = ended.room_id;
	END IF;
END
$$;

-- Rights -------------------------------------------------------------------

GRANT EXECUTE ON FUNCTION
    federation.room_event_facts(text, bigint, text, text, bytea, text, uuid),
    federation.room_event_write(text, federation.room_state_row,
	federation.room_event_row, federation.room_effect_row),
    federation.room_event_conflict(text, bigint, text, bigint, bigint,
	federation.room_event_row),
    federation.room_home_work(),
    federation.room_home_certificates(),
    federation.room_home_signed(bytea[], text, integer),
    federation.room_home_next(text),
    federation.room_event_decide(text, bigint, federation.room_event_row, text,
	uuid, bytea),
    federation.room_event_drop(text, bigint),
    federation.room_request_end(uuid, text) TO _fedqueued;
