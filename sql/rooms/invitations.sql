-- SPDX-License-Identifier: ISC
-- Rooms: invitations shown to our users, and requests of ours that came to
-- nothing. What becomes of both in the end is in prune.sql.
--
-- Errors: FD007, an argument does not have its form.

-- Whether a server has a member in a room, as far as is known here.
CREATE FUNCTION federation.room_present(room text, origin text)
RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF (room_present.room <> '' AND room_present.origin <> '')
	    IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'room or origin is empty';
	END IF;
	RETURN EXISTS (SELECT 1 FROM federation.federated_rooms r
	    JOIN federation.room_members m ON m.room_id = r.id
	    JOIN federation.federation_servers s ON s.id = m.server_id
	    WHERE r.global_room_id = room_present.room
	    AND s.onion_address = room_present.origin
	    AND m.state_left IS NULL);
END
$$;

-- The id of an item that was accepted and needs no row of its own: kept, so
-- that it names nothing else. false: it does already, and both are kept as
-- evidence, a hundred of a server.
CREATE FUNCTION federation.room_item_received(origin text, message uuid,
    digest bytea, payload bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	server uuid;
	known bytea;
BEGIN
	IF (octet_length(room_item_received.digest) = 32 AND
	    room_item_received.message IS NOT NULL AND
	    room_item_received.payload <> '') IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'digest is not 32 bytes, or there is no payload';
	END IF;
	-- Locked, so that nobody deletes it before a row refers to it.
	SELECT s.id INTO server FROM federation.federation_servers s
	    WHERE s.onion_address = room_item_received.origin FOR KEY SHARE;
	IF NOT FOUND THEN
		RETURN true; -- gone, and its ids with it
	END IF;
	INSERT INTO federation.received_ids (server_id, message_id, digest)
	    VALUES (server, room_item_received.message,
	    room_item_received.digest) ON CONFLICT DO NOTHING;
	SELECT r.digest INTO known FROM federation.received_ids r
	    WHERE r.server_id = server
	    AND r.message_id = room_item_received.message;
	IF known IS NOT DISTINCT FROM room_item_received.digest THEN
		RETURN true;
	END IF;
	INSERT INTO federation.evidence (server_id, kind, message_id, first,
	    second)
	    SELECT server, 'ID_CONFLICT', room_item_received.message, known,
		room_item_received.payload
	    WHERE (SELECT count(*) FROM federation.evidence e
		WHERE e.server_id = server AND e.kind = 'ID_CONFLICT') < 100;
	RETURN false;
END
$$;

-- Invitations of others ----------------------------------------------------

-- A server's invitations that have not expired. open: those of which it cannot
-- see in the room that they have ended, by a join or since they were taken
-- back; waiting: those that an admin or the invitee is to decide about.
CREATE FUNCTION federation.room_invited_counts(server uuid, OUT open bigint,
    OUT waiting bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT count(*) FILTER (WHERE NOT EXISTS (SELECT 1
	    FROM federation.federated_rooms f
	    JOIN federation.room_invites i ON i.room_id = f.id
	    JOIN federation.room_members m ON m.room_id = f.id
		AND m.member = i.invitee
	    WHERE f.global_room_id = w.global_room_id AND i.nonce = w.nonce
	    AND (m.state_left IS NULL OR m.state_left > i.number))),
	    count(*) FILTER (WHERE w.state IN ('quarantine', 'pending'))
	    FROM federation.room_invited w
	    WHERE w.server_id = room_invited_counts.server
	    AND w.expires_at > now();
$$;

-- How many invitations an invitee was shown that wait for him.
CREATE FUNCTION federation.room_invited_invitee(invitee text) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT count(*) FROM federation.room_invited w
	    WHERE w.invitee = room_invited_invitee.invitee
	    AND w.state = 'pending' AND w.told AND w.expires_at > now();
$$;

-- What an invitation is judged by, always one row. looks_up: whether the origin
-- may look users up; else nothing is read of the invitee, or of what waits for
-- him, so that not even the time tells. event_hash and number are the event's.
-- Levels: 3 of ourselves, null or 0 not known. known, other: that event, or
-- another one with its nonce, was shown. own: the hash of the event that we
-- have under its number. digest: what the origin named with that id
-- before.
CREATE FUNCTION federation.room_invitation_facts(room text, origin text,
    nonce bytea, event_hash bytea, number bigint, invitee text, message uuid,
    looks_up boolean)
RETURNS TABLE (origin_level integer, home_level integer, user_exists boolean,
    known boolean, other boolean, open_server bigint, waiting_server bigint,
    waiting_invitee bigint, own bytea, digest bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	server federation.federation_servers;
	home text := split_part(room_invitation_facts.room, '@', 2);
BEGIN
	IF (octet_length(room_invitation_facts.nonce) = 16 AND
	    octet_length(room_invitation_facts.event_hash) = 32 AND
	    home <> '' AND
	    room_invitation_facts.looks_up IS NOT NULL)
	    IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'room, nonce or hash does not have its form';
	END IF;
	SELECT s.* INTO server FROM federation.federation_servers s
	    WHERE s.onion_address = room_invitation_facts.origin;
	RETURN QUERY SELECT server.trust_level,
	    CASE WHEN o.onion_address = home THEN 3
	    ELSE (SELECT s.trust_level FROM federation.federation_servers s
		WHERE s.onion_address = home) END,
	    -- One who is hidden is not there for others, as in look-ups.
	    looks_up AND EXISTS (SELECT 1 FROM federation.local_users u
		WHERE u.handle = room_invitation_facts.invitee
		AND u.public_key IS NOT NULL AND NOT u.hidden),
	    coalesce(i.event_hash = room_invitation_facts.event_hash, false),
	    coalesce(i.event_hash <> room_invitation_facts.event_hash, false),
	    c.open, c.waiting,
	    CASE WHEN looks_up THEN
		federation.room_invited_invitee(room_invitation_facts.invitee)
		ELSE 0 END,
	    (SELECT sha256(e.signing_text) FROM federation.federated_rooms r
		JOIN federation.room_state_events e ON e.room_id = r.id
		WHERE r.global_room_id = room_invitation_facts.room
		AND e.number = room_invitation_facts.number
		AND e.signature IS NOT NULL),
	    (SELECT d.digest FROM federation.received_ids d
		WHERE d.server_id = server.id
		AND d.message_id = room_invitation_facts.message)
	    FROM federation.room_invited_counts(server.id) c
	    LEFT JOIN federation.self o ON true
	    LEFT JOIN federation.room_invited i
		ON i.global_room_id = room_invitation_facts.room
		AND i.nonce = room_invitation_facts.nonce;
END
$$;

-- A user of ours, name@address, asks to join: the request, and where the home
-- is another server the item that asks it. Returns the request, which is the
-- one there is already while it is open.
CREATE FUNCTION federation.room_join_ask(room text, member text, nonce bytea)
RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	home uuid := federation.room_server(split_part(room_join_ask.room, '@',
	    2));
	target uuid;
	request uuid;
BEGIN
	INSERT INTO federation.federated_rooms (room_id, origin_server_id,
	    is_local_origin, global_room_id)
	    VALUES (left(room_join_ask.room, 36)::uuid, home, home IS NULL,
	    room_join_ask.room) ON CONFLICT (global_room_id) DO NOTHING;
	SELECT r.id INTO target FROM federation.federated_rooms r
	    WHERE r.global_room_id = room_join_ask.room;
	INSERT INTO federation.room_states (room_id, asked)
	    VALUES (target, home IS NOT NULL) ON CONFLICT DO NOTHING;
	-- Locked only where it changes: the daemon waits for the application.
	UPDATE federation.room_states s SET asked = true,
	    version = s.version + 1
	    WHERE s.room_id = target AND NOT s.asked AND home IS NOT NULL;
	SELECT w.id INTO request FROM federation.room_asked w
	    WHERE w.room_id = target AND w.kind = 'join'
	    AND w.member = room_join_ask.member
	    AND w.state IN ('new', 'asked');
	IF FOUND THEN
		RETURN request;
	END IF;
	INSERT INTO federation.room_asked AS w (room_id, kind, member, nonce,
	    state) VALUES (target, 'join', room_join_ask.member,
	    room_join_ask.nonce, CASE WHEN home IS NULL THEN 'new'
	    ELSE 'asked' END) RETURNING w.id INTO request;
	IF home IS NULL THEN
		PERFORM pg_notify('federation_rooms', '');
	ELSE
		PERFORM federation.room_enqueue(home, 'room_join',
		    format('{"globalRoomId":"%s","nonce":%s,"userId":"%s"}',
		    room_join_ask.room, coalesce('"' ||
		    federation.base64(room_join_ask.nonce) || '"', 'null'),
		    split_part(room_join_ask.member, '@', 1)), request);
	END IF;
	RETURN request;
END
$$;

-- Shows an invitation: the application is told of it, and with showing
-- automatic the invitee asks to join at once; else it is pending. most: how
-- many may wait for him, null any number. false: it does not wait to be shown,
-- or nobody of that name is published, or as many wait already.
CREATE FUNCTION federation.room_invited_tell(invitation uuid, showing text,
    most integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	shown federation.room_invited;
BEGIN
	IF (room_invited_tell.showing IN ('pending', 'automatic'))
	    IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'showing does not have its form';
	END IF;
	-- Both locked, so that what is shown to him is counted by one after
	-- the other. Whoever else has them is not waited for: it comes again.
	SELECT w.* INTO shown FROM federation.room_invited w
	    WHERE w.id = room_invited_tell.invitation AND w.state = 'pending'
	    AND NOT w.told AND w.expires_at > now() FOR UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	PERFORM 1 FROM federation.local_users u
	    WHERE u.handle = shown.invitee AND u.public_key IS NOT NULL
	    AND NOT u.hidden FOR NO KEY UPDATE SKIP LOCKED;
	IF NOT FOUND OR federation.room_invited_invitee(shown.invitee) >=
	    room_invited_tell.most THEN
		RETURN false;
	END IF;
	UPDATE federation.room_invited w SET told = true,
	    state = CASE room_invited_tell.showing WHEN 'automatic'
		THEN 'accepted' ELSE w.state END WHERE w.id = shown.id;
	PERFORM federation.room_tell(shown.server_id, shown.global_room_id,
	    'invitation', jsonb_build_object('invitation', shown.id,
	    'inviter', shown.inviter, 'invitee', shown.invitee,
	    'encryptedRoomKey', shown.room_key,
	    'expires', to_char(shown.expires_at AT TIME ZONE 'UTC',
		'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
	    'showing', room_invited_tell.showing), shown.metadata);
	IF room_invited_tell.showing = 'automatic' THEN
		PERFORM federation.room_join_ask(shown.global_room_id,
		    shown.invitee || '@' || s.onion_address, shown.nonce)
		    FROM federation.self s;
	END IF;
	RETURN true;
END
$$;

-- Invitations that wait to be shown, and can be: somebody was published since,
-- or has fewer than invitee_most of them. The oldest, most at most.
CREATE FUNCTION federation.room_invited_due(invitee_most integer, most integer)
RETURNS TABLE (invitation uuid, origin_level integer, home_level integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	IF (room_invited_due.invitee_most > 0 AND room_invited_due.most > 0)
	    IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'a number is not above 0';
	END IF;
	RETURN QUERY SELECT w.id, coalesce(s.trust_level, 0),
	    CASE WHEN o.onion_address = split_part(w.global_room_id, '@', 2)
	    THEN 3 ELSE coalesce(h.trust_level, 0) END
	    FROM federation.room_invited w
	    JOIN federation.local_users u ON u.handle = w.invitee
		AND u.public_key IS NOT NULL AND NOT u.hidden
	    LEFT JOIN federation.self o ON true
	    LEFT JOIN federation.federation_servers s ON s.id = w.server_id
	    LEFT JOIN federation.federation_servers h
		ON h.onion_address = split_part(w.global_room_id, '@', 2)
	    WHERE w.state = 'pending' AND NOT w.told AND w.expires_at > now()
	    AND federation.room_invited_invitee(w.invitee) <
		room_invited_due.invitee_most
	    ORDER BY w.received_at, w.id LIMIT room_invited_due.most;
END
$$;

-- Keeps an invitation that was judged good, and with it the item's id; what is
-- written does not depend on who our users are. open_most, waiting_most: see
-- room_invited_counts(), null any number. It is shown at once where
-- invitee_most is given: see room_invited_tell(). false: nothing was written,
-- since what it was judged by is so no more.
CREATE FUNCTION federation.room_invitation_write(room text, origin text,
    invitation federation.room_shown_row, message uuid, digest bytea,
    open_most integer, waiting_most integer, invitee_most integer)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	server uuid;
	shown uuid;
BEGIN
	IF (octet_length(invitation.nonce) = 16 AND
	    octet_length(invitation.event_hash) = 32 AND
	    octet_length(room_invitation_write.digest) = 32 AND
	    invitation.showing IN ('quarantine', 'pending',
	    'automatic'))
	    IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'an argument does not have its form';
	END IF;
	-- Locked: what a server has shown is counted by one after the other.
	SELECT s.id INTO server FROM federation.federation_servers s
	    WHERE s.onion_address = room_invitation_write.origin
	    AND s.trust_level >= 1 FOR NO KEY UPDATE;
	IF NOT FOUND OR EXISTS (SELECT 1
	    FROM federation.room_invited_counts(server) c
	    WHERE c.open >= room_invitation_write.open_most
	    OR c.waiting >= room_invitation_write.waiting_most) OR
	    EXISTS (SELECT 1 FROM federation.received_ids r
	    WHERE r.server_id = server
	    AND r.message_id = room_invitation_write.message) THEN
		RETURN false;
	END IF;
	INSERT INTO federation.room_invited AS w (global_room_id, nonce,
	    event_hash, invitee, inviter, server_id, room_key, metadata, state,
	    told, expires_at)
	    VALUES (room_invitation_write.room, invitation.nonce,
	    invitation.event_hash, invitation.invitee,
	    invitation.inviter, server,
	    invitation.room_key,
	    invitation.metadata, CASE invitation.showing
		WHEN 'quarantine' THEN 'quarantine' ELSE 'pending' END, false,
	    to_timestamp(invitation.expires))
	    ON CONFLICT (global_room_id, nonce) DO NOTHING
	    RETURNING w.id INTO shown;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	INSERT INTO federation.received_ids (server_id, message_id, digest)
	    VALUES (server, room_invitation_write.message,
	    room_invitation_write.digest);
	IF room_invitation_write.invitee_most IS NOT NULL THEN
		PERFORM federation.room_invited_tell(shown,
		    invitation.showing,
		    room_invitation_write.invitee_most);
	END IF;
	RETURN true;
END
$$;

-- Requests of ours ---------------------------------------------------------

-- A request that is given up, refused by its home or not answered in time; or
-- one that an admin tries again, or that did arrive. An invitation that is to
-- be shown has an id of its own: its request, which is done, has the nonce.
CREATE FUNCTION federation.room_request_ends() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	given_up CONSTANT boolean := NEW.status = 'failed';
	event CONSTANT jsonb := CASE NEW.type WHEN 'room_invite' THEN
	    nullif(convert_from(NEW.encrypted_payload, 'UTF8'), '')::jsonb
	    #> '{event,payload}' END;
	otherwise CONSTANT text := CASE WHEN event IS NULL THEN 'asked'
	    ELSE 'done' END;
	request federation.room_asked;
BEGIN
	UPDATE federation.room_asked w SET
	    state = CASE WHEN given_up THEN 'refused' ELSE otherwise END,
	    code = CASE WHEN given_up
		THEN coalesce(NEW.last_error, 'CANCELLED') END,
	    settled_at = CASE WHEN given_up OR otherwise = 'done'
		THEN now() END
	    WHERE w.state = CASE WHEN given_up THEN otherwise
		ELSE 'refused' END
	    AND (event IS NULL AND w.id = NEW.message_id OR
		w.kind = 'invite' AND
		w.nonce = decode(event->>'nonce', 'base64') AND
		w.inviter = event->>'inviter')
	    RETURNING w.* INTO request;
	IF FOUND AND given_up THEN
		PERFORM federation.room_tell(NEW.destination_server_id,
		    r.global_room_id, 'refused', jsonb_build_object('request',
		    request.id, 'kind', request.kind, 'code', request.code))
		    FROM federation.federated_rooms r
		    WHERE r.id = request.room_id;
	END IF;
	RETURN NULL;
END
$$;

CREATE TRIGGER room_request_ends
    AFTER UPDATE OF status ON federation.federated_message_queue
    FOR EACH ROW WHEN (NEW.type IN ('room_join', 'room_leave', 'room_invite')
	AND NEW.status <> OLD.status AND
	'failed' IN (NEW.status, OLD.status))
    EXECUTE FUNCTION federation.room_request_ends();

-- Rights -------------------------------------------------------------------

GRANT EXECUTE ON FUNCTION
    federation.room_present(text, text),
    federation.room_item_received(text, uuid, bytea, bytea),
    federation.room_invitation_facts(text, text, bytea, bytea, bigint, text,
	uuid, boolean),
    federation.room_invitation_write(text, text, federation.room_shown_row,
	uuid, bytea, integer, integer, integer),
    federation.room_invited_due(integer, integer),
    federation.room_invited_tell(uuid, text, integer) TO _fedqueued;
