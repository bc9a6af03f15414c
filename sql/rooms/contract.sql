-- SPDX-License-Identifier: ISC
-- Rooms, what a chat server calls.
--
-- What is asked of a room is kept in room_asked: fed-queued decides requests
-- about rooms that we are the home of; others go to the room's home, as an item
-- with the request's id. What becomes of one is told in the inbox, and shown by
-- the view room_requests.
--
-- Errors, beside those of queue.sql and users.sql:
--
--	FD030	fed-queued has not run yet: our own address is not known
--	FD031	the room is not UUID@address
--	FD032	the room is not known here
--	FD033	there is such a room already
--	FD034	the user is not a member of the room
--	FD035	the room is closed
--	FD036	the room is frozen: its home has contradicted itself
--	FD037	that is the room's home's alone
--	FD038	the user is a member already
--	FD040	the room key is not 1 to 4096 bytes
--	FD041	metadata is not an object of at most 4096 bytes, or a number in
--		it not an integer within 2^53-1
--	FD042	the expiry is not above now and at most 6 days and 23 hours
--		from it
--	FD043	there is no such invitation
--	FD044	the invitation is in quarantine
--	FD045	the invitation was accepted, declined or withdrawn before
--	FD046	the invitation has expired
--	FD047	the room's home is below level 2
--	FD050	the content is not 1 to 45056 bytes
--	FD051	the message type is not 1 to 32 of a-z and "_"
--	FD052	servers is not a list of at most 256 onion addresses, each once
--	FD053	a room's metadata is not 1 to 16384 bytes

-- Arguments ----------------------------------------------------------------

-- A user of ours by his handle: name@address.
CREATE FUNCTION federation.room_own_user(handle text) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF (handle ~ '^[a-z0-9][a-z0-9._-]{0,63}$') IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD020',
		    MESSAGE = 'handle does not have its form';
	END IF;
	RETURN handle || '@' || federation.own_address();
END
$$;

-- Refuses an address that is none. One that is known is not looked at: it
-- takes some milliseconds.
CREATE FUNCTION federation.room_address_check(address text) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF address <> federation.own_address() AND NOT EXISTS (SELECT 1
	    FROM federation.federation_servers s
	    WHERE s.onion_address = room_address_check.address) AND
	    federation.onion_key(room_address_check.address) IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'FD009', MESSAGE =
		    'address is not a version 3 onion address in lower case';
	END IF;
END
$$;

-- A user of ours by his handle, or anybody by name@address.
CREATE FUNCTION federation.room_user(member text) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF (strpos(member, '@') = 0) IS NOT FALSE THEN
		RETURN federation.room_own_user(member);
	ELSIF (member ~ '^[a-z0-9][a-z0-9._-]{0,63}@[a-z2-7]{56}\.onion$')
	    IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD020',
		    MESSAGE = 'member does not have its form';
	END IF;
	PERFORM federation.room_address_check(split_part(member, '@', 2));
	RETURN member;
END
$$;

-- The id of a room that something can be done in, locked against being decided
-- about until the transaction ends, where ours: also one that is being created.
CREATE FUNCTION federation.room_open(room text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	state federation.room_states;
BEGIN
	PERFORM federation.room_name_check(room_open.room);
	SELECT s.* INTO state FROM federation.federated_rooms r
	    JOIN federation.room_states s ON s.room_id = r.id
	    WHERE r.global_room_id = room_open.room;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'FD032',
		    MESSAGE = 'the room is not known here';
	ELSIF state.disputed <> 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'FD036',
		    MESSAGE = 'the room is frozen';
	ELSIF state.closed <> 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'FD035',
		    MESSAGE = 'the room is closed';
	END IF;
	RETURN state.room_id;
END
$$;

-- The same of a room that we are the home of.
CREATE FUNCTION federation.room_open_own(room text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	target uuid := federation.room_open(room);
BEGIN
	IF split_part(room, '@', 2) <> federation.own_address() THEN
		RAISE EXCEPTION USING ERRCODE = 'FD037',
		    MESSAGE = 'that is the room''s home''s alone';
	END IF;
	RETURN target;
END
$$;

-- Whether a user is in a room, or will be when what was asked before is done.
CREATE FUNCTION federation.room_member_is(room uuid, member text)
RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT EXISTS (SELECT 1 FROM federation.room_members m
	    WHERE m.room_id = room_member_is.room
	    AND m.member = room_member_is.member AND m.state_left IS NULL) OR
	    EXISTS (SELECT 1 FROM federation.room_asked w
	    WHERE w.room_id = room_member_is.room AND w.state = 'new'
	    AND w.kind IN ('create', 'join')
	    AND w.member = room_member_is.member);
$$;

-- JSON that travels in clear, as text. The daemon writes it canonically, which
-- is no longer.
CREATE FUNCTION federation.room_metadata(metadata jsonb) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	limits CONSTANT federation.room_limits_row :=
	    federation.room_limits_get();
BEGIN
	IF (jsonb_typeof(metadata) = 'object' AND
	    octet_length(convert_to(metadata::text, 'UTF8')) <= limits.clear
	    AND NOT EXISTS (SELECT 1
	    FROM jsonb_path_query(metadata, '$.** ? (@.type() == "number")') x
	    WHERE x::text !~ '^(0|-?[1-9][0-9]{0,15})$' OR
	    abs(x::text::numeric) > 9007199254740991)) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD041',
		    MESSAGE = 'metadata does not have its form';
	END IF;
	RETURN metadata::text;
END
$$;

-- Addresses in their order, each once; null for null.
CREATE FUNCTION federation.room_servers_check(servers text[]) RETURNS text[]
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	sorted text[];
BEGIN
	IF servers IS NULL THEN
		RETURN NULL;
	ELSIF cardinality(servers) <=
	    (federation.room_limits_get()).servers THEN
		SELECT array_agg(s ORDER BY s COLLATE "C") INTO sorted
		    FROM (SELECT DISTINCT unnest(servers)) u(s)
		    WHERE s ~ '^[a-z2-7]{56}\.onion$';
	END IF;
	IF cardinality(coalesce(sorted, '{}')) IS DISTINCT FROM
	    cardinality(servers) THEN
		RAISE EXCEPTION USING ERRCODE = 'FD052',
		    MESSAGE = 'servers does not have its form';
	END IF;
	PERFORM federation.room_address_check(u.address)
	    FROM unnest(sorted) AS u(address);
	RETURN coalesce(sorted, '{}');
END
$$;

-- Notes a request about a room that we are the home of, and returns its id.
CREATE FUNCTION federation.room_ask(room uuid, kind text, member text,
    enabled boolean, servers text[], metadata bytea) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	request uuid;
BEGIN
	INSERT INTO federation.room_asked AS w (room_id, kind, member,
	    enabled, servers, metadata)
	    VALUES (room_ask.room, room_ask.kind, room_ask.member,
	    room_ask.enabled, room_ask.servers, room_ask.metadata)
	    RETURNING w.id INTO request;
	PERFORM pg_notify('federation_rooms', '');
	RETURN request;
END
$$;

-- Rooms --------------------------------------------------------------------

-- Makes a room with one member, and returns its global id, which can be used
-- at once.
CREATE FUNCTION federation.room_create(creator text,
    room_id uuid DEFAULT NULL, require_invite boolean DEFAULT true,
    federated boolean DEFAULT true, allowed_servers text[] DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	member text := federation.room_own_user(room_create.creator);
	local uuid := coalesce(room_create.room_id, gen_random_uuid());
	list text[] := federation.room_servers_check(
	    room_create.allowed_servers);
	global text := local || '@' || federation.own_address();
	target uuid;
BEGIN
	IF num_nulls(room_create.require_invite, room_create.federated) > 0
	THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'an argument must not be null';
	ELSIF local::text !~ '^.{14}4.{4}[89ab]' THEN
		RAISE EXCEPTION USING ERRCODE = 'FD008',
		    MESSAGE = 'room_id is not a version 4 UUID';
	END IF;
	INSERT INTO federation.federated_rooms AS r (room_id, is_local_origin,
	    global_room_id) VALUES (local, true, global)
	    ON CONFLICT (global_room_id) DO NOTHING RETURNING r.id INTO target;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'FD033',
		    MESSAGE = 'there is such a room already';
	END IF;
	INSERT INTO federation.room_states (room_id) VALUES (target);
	INSERT INTO federation.room_asked (room_id, kind, member,
	    require_invite, enabled, servers)
	    VALUES (target, 'create', member, room_create.require_invite,
	    room_create.federated, list);
	PERFORM pg_notify('federation_rooms', '');
	RETURN global;
END
$$;

CREATE FUNCTION federation.room_remove(room text, member text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN federation.room_ask(federation.room_open_own(room), 'remove',
	    federation.room_user(member), NULL, NULL, NULL);
END
$$;

-- servers: null for all.
CREATE FUNCTION federation.room_allow_servers(room text, servers text[])
RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN federation.room_ask(federation.room_open_own(room),
	    'allowed_servers', NULL, NULL,
	    federation.room_servers_check(servers), NULL);
END
$$;

CREATE FUNCTION federation.room_rename(room text, metadata bytea)
RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	target uuid := federation.room_open_own(room);
	limits CONSTANT federation.room_limits_row :=
	    federation.room_limits_get();
BEGIN
	IF (octet_length(metadata) BETWEEN 1 AND limits.metadata)
	    IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD053',
		    MESSAGE = format('metadata is not 1 to %s bytes',
		    limits.metadata);
	END IF;
	RETURN federation.room_ask(target, 'rename', NULL, NULL, NULL,
	    metadata);
END
$$;

CREATE FUNCTION federation.room_federate(room text, enabled boolean)
RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	target uuid := federation.room_open_own(room);
BEGIN
	IF enabled IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'enabled must not be null';
	END IF;
	RETURN federation.room_ask(target, 'federation', NULL, enabled, NULL,
	    NULL);
END
$$;

CREATE FUNCTION federation.room_close(room text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN federation.room_ask(federation.room_open_own(room), 'close',
	    NULL, NULL, NULL, NULL);
END
$$;

-- Members ------------------------------------------------------------------

-- A user of ours invites somebody: the room's home makes the invitation, and
-- then it is shown to the invitee's server with the room's key, which is
-- encrypted for him alone.
CREATE FUNCTION federation.room_invite(room text, inviter text, invitee text,
    room_key bytea, metadata jsonb DEFAULT '{}',
    expires timestamptz DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	limits CONSTANT federation.room_limits_row :=
	    federation.room_limits_get();
	target uuid := federation.room_open(room_invite.room);
	home uuid := federation.room_server(split_part(room_invite.room, '@',
	    2));
	who text := federation.room_own_user(room_invite.inviter);
	guest text := federation.room_user(room_invite.invitee);
	clear text := federation.room_metadata(room_invite.metadata);
	until timestamptz := date_trunc('second',
	    coalesce(room_invite.expires,
	    now() + limits.invite * interval '1 s'));
	bound bytea := uuid_send(gen_random_uuid());
	request uuid;
BEGIN
	IF (octet_length(room_invite.room_key) BETWEEN 1 AND limits.room_key)
	    IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD040',
		    MESSAGE = format('room_key is not 1 to %s bytes',
		    limits.room_key);
	ELSIF (until > now() AND
	    until <= now() + limits.invite_most * interval '1 s')
	    IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD042',
		    MESSAGE = 'expires is not within its bounds';
	ELSIF NOT federation.room_member_is(target, who) THEN
		RAISE EXCEPTION USING ERRCODE = 'FD034',
		    MESSAGE = 'inviter is not a member';
	ELSIF EXISTS (SELECT 1 FROM federation.room_members m
	    WHERE m.room_id = target AND m.member = guest
	    AND m.state_left IS NULL) THEN
		RAISE EXCEPTION USING ERRCODE = 'FD038',
		    MESSAGE = 'invitee is a member already';
	ELSIF EXISTS (SELECT 1 FROM federation.federation_servers s
	    WHERE s.onion_address = split_part(guest, '@', 2)
	    AND s.trust_level < 0) THEN
		RAISE EXCEPTION USING ERRCODE = 'FD002',
		    MESSAGE = 'the invitee''s server is blocked';
	END IF;
	INSERT INTO federation.room_asked AS w (room_id, kind, member,
	    inviter, nonce, expires_at, room_key, invite_metadata, state)
	    VALUES (target, 'invite', guest, who, bound, until,
	    federation.base64(room_invite.room_key), clear,
	    CASE WHEN home IS NULL THEN 'new' ELSE 'asked' END)
	    RETURNING w.id INTO request;
	IF home IS NULL THEN
		PERFORM pg_notify('federation_rooms', '');
	ELSE
		PERFORM federation.room_enqueue(home, 'room_invite',
		    format('{"expires":"%s","globalRoomId":"%s","invitee":"%s"'
		    ',"inviterId":"%s","nonce":"%s"}',
		    to_char(until AT TIME ZONE 'UTC',
			'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
		    room_invite.room, guest, room_invite.inviter,
		    federation.base64(bound)), request);
	END IF;
	RETURN request;
END
$$;

-- An invitation of one of our users that is in one of these states, locked, if
-- it is still good.
CREATE FUNCTION federation.room_invitation(invitation uuid, states text[])
RETURNS federation.room_invited
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	shown federation.room_invited;
BEGIN
	SELECT s.* INTO shown FROM federation.room_invited s
	    WHERE s.id = room_invitation.invitation FOR UPDATE;
	IF NOT FOUND OR (shown.state = 'pending' AND NOT shown.told) THEN
		RAISE EXCEPTION USING ERRCODE = 'FD043',
		    MESSAGE = 'there is no such invitation';
	ELSIF shown.state = 'quarantine' THEN
		RAISE EXCEPTION USING ERRCODE = 'FD044',
		    MESSAGE = 'the invitation is in quarantine';
	ELSIF shown.expires_at <= now() THEN
		RAISE EXCEPTION USING ERRCODE = 'FD046',
		    MESSAGE = 'the invitation has expired';
	ELSIF shown.state <> ALL (states) THEN
		RAISE EXCEPTION USING ERRCODE = 'FD045',
		    MESSAGE = 'the invitation does not wait any more';
	END IF;
	RETURN shown;
END
$$;

-- Refuses rooms of a home that is not verified; it goes on waiting.
CREATE FUNCTION federation.room_home_check(room text) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF split_part(room, '@', 2) <> federation.own_address() AND
	    NOT EXISTS (SELECT 1 FROM federation.federation_servers s
	    WHERE s.onion_address = split_part(room, '@', 2)
	    AND s.trust_level >= 2) THEN
		RAISE EXCEPTION USING ERRCODE = 'FD047',
		    MESSAGE = 'the room''s home is below level 2';
	END IF;
END
$$;

-- The invitee accepts: he asks to join. Accepted before, it is the same
-- request, unless that was refused: then he asks again.
CREATE FUNCTION federation.room_accept(invitation uuid) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	shown federation.room_invited;
	request uuid;
BEGIN
	-- One after the other: each looks for what the one before asked.
	PERFORM 1 FROM federation.room_invited s
	    WHERE s.id = room_accept.invitation FOR UPDATE;
	SELECT w.id INTO request FROM federation.room_invited s
	    JOIN federation.federated_rooms r
		ON r.global_room_id = s.global_room_id
	    JOIN federation.room_asked w ON w.room_id = r.id
	    WHERE s.id = room_accept.invitation AND s.state = 'accepted'
	    AND w.kind = 'join' AND split_part(w.member, '@', 1) = s.invitee
	    AND w.state <> 'refused'
	    -- One that was open already when he accepted has another nonce.
	    ORDER BY w.nonce IS NOT DISTINCT FROM s.nonce DESC, w.number DESC
	    LIMIT 1;
	IF FOUND THEN
		RETURN request;
	END IF;
	shown := federation.room_invitation(room_accept.invitation,
	    '{pending,accepted}');
	PERFORM federation.room_home_check(shown.global_room_id);
	UPDATE federation.room_invited s SET state = 'accepted'
	    WHERE s.id = shown.id;
	RETURN federation.room_join_ask(shown.global_room_id,
	    federation.room_own_user(shown.invitee), shown.nonce);
END
$$;

-- true; false: it was declined before.
CREATE FUNCTION federation.room_decline(invitation uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	IF EXISTS (SELECT 1 FROM federation.room_invited s
	    WHERE s.id = room_decline.invitation AND s.state = 'declined') THEN
		RETURN false;
	END IF;
	PERFORM federation.room_invitation(room_decline.invitation,
	    '{pending}');
	UPDATE federation.room_invited s SET state = 'declined'
	    WHERE s.id = room_decline.invitation;
	RETURN true;
END
$$;

-- A user of ours asks to join a room that needs no invitation. One who asked
-- before, and is in since, gets the same request.
CREATE FUNCTION federation.room_join(room text, member text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	who text := federation.room_own_user(room_join.member);
	target uuid;
	request uuid;
BEGIN
	PERFORM federation.room_name_check(room_join.room);
	PERFORM federation.room_home_check(room_join.room);
	IF split_part(room_join.room, '@', 2) = federation.own_address() THEN
		PERFORM federation.room_open(room_join.room);
	END IF;
	-- First what is open: it may be done, and he be in, at any moment.
	SELECT w.id INTO request FROM federation.federated_rooms r
	    JOIN federation.room_asked w ON w.room_id = r.id
	    WHERE r.global_room_id = room_join.room AND w.kind = 'join'
	    AND w.member = who AND w.state IN ('new', 'asked');
	IF FOUND THEN
		RETURN request;
	END IF;
	SELECT r.id INTO target FROM federation.federated_rooms r
	    JOIN federation.room_members m ON m.room_id = r.id
	    WHERE r.global_room_id = room_join.room AND m.member = who
	    AND m.state_left IS NULL;
	IF FOUND THEN
		SELECT w.id INTO request FROM federation.room_asked w
		    WHERE w.room_id = target AND w.kind = 'join'
		    AND w.member = who AND w.state = 'done'
		    ORDER BY w.number DESC LIMIT 1;
		IF FOUND THEN
			RETURN request;
		END IF;
		RAISE EXCEPTION USING ERRCODE = 'FD038',
		    MESSAGE = 'the user is a member already';
	END IF;
	RETURN federation.room_join_ask(room_join.room, who, NULL);
END
$$;

-- A user of ours leaves: from now on he sends and is shown nothing, whenever
-- the home comes to know it. Asked again, it is the same request, also when he
-- has left since.
CREATE FUNCTION federation.room_leave(room text, member text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	who text := federation.room_own_user(room_leave.member);
	home uuid;
	target uuid;
	request uuid;
BEGIN
	PERFORM federation.room_name_check(room_leave.room);
	SELECT w.id INTO request FROM federation.federated_rooms r
	    JOIN federation.room_asked w ON w.room_id = r.id
	    WHERE r.global_room_id = room_leave.room AND w.kind = 'leave'
	    AND w.member = who AND (w.state IN ('new', 'asked') OR
	    (w.state = 'done' AND NOT EXISTS (SELECT 1
		FROM federation.room_members m WHERE m.room_id = r.id
		AND m.member = who AND m.state_left IS NULL) AND
	    NOT EXISTS (SELECT 1 FROM federation.room_asked j
		WHERE j.room_id = r.id AND j.kind = 'join' AND j.member = who
		AND j.state IN ('new', 'asked'))))
	    ORDER BY w.number DESC LIMIT 1;
	IF FOUND THEN
		RETURN request;
	END IF;
	target := federation.room_open(room_leave.room);
	home := federation.room_server(split_part(room_leave.room, '@', 2));
	IF NOT federation.room_member_is(target, who) AND
	    NOT EXISTS (SELECT 1 FROM federation.room_asked w
	    WHERE w.room_id = target AND w.kind = 'join' AND w.member = who
	    AND w.state = 'asked') THEN
		RAISE EXCEPTION USING ERRCODE = 'FD034',
		    MESSAGE = 'the user is not a member';
	END IF;
	INSERT INTO federation.room_asked AS w (room_id, kind, member, state)
	    VALUES (target, 'leave', who,
	    CASE WHEN home IS NULL THEN 'new' ELSE 'asked' END)
	    RETURNING w.id INTO request;
	IF home IS NULL THEN
		PERFORM pg_notify('federation_rooms', '');
	ELSE
		PERFORM federation.room_enqueue(home, 'room_leave',
		    format('{"globalRoomId":"%s","userId":"%s"}',
		    room_leave.room, room_leave.member), request);
	END IF;
	RETURN request;
END
$$;

-- Messages -----------------------------------------------------------------

-- As many as the quota may wait for fed-queued in a room. They are counted
-- while it does not come to them alone.
CREATE FUNCTION federation.room_full(room uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF (SELECT i.since FROM federation.room_items i
	    WHERE i.room_id = room_full.room AND i.status = 'new'
	    ORDER BY i.id LIMIT 1) > now() -
	    (federation.room_limits_get()).waiting * interval '1 s' THEN
		RETURN false;
	END IF;
	RETURN EXISTS (SELECT 1 FROM federation.room_items i
	    WHERE i.room_id = room_full.room AND i.status = 'new'
	    ORDER BY i.id OFFSET (SELECT l.quota - 1 FROM federation.limits l)
	    LIMIT 1);
END
$$;

-- Sends a message to all servers that have a member in a room. The same id
-- again changes nothing.
CREATE FUNCTION federation.room_send(room text, sender text, content bytea,
    message_type text DEFAULT 'text', message_id uuid DEFAULT NULL,
    metadata jsonb DEFAULT NULL, priority integer DEFAULT 2) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	limits CONSTANT federation.room_limits_row :=
	    federation.room_limits_get();
	own text := federation.own_address();
	target uuid := federation.room_open(room_send.room);
	who text := federation.room_own_user(room_send.sender);
	message uuid := coalesce(room_send.message_id, gen_random_uuid());
	clear text := CASE WHEN room_send.metadata IS NOT NULL
	    THEN federation.room_metadata(room_send.metadata) END;
	known federation.room_items;
BEGIN
	IF (octet_length(room_send.content) BETWEEN 1 AND limits.content)
	    IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD050',
		    MESSAGE = format('content is not 1 to %s bytes',
		    limits.content);
	ELSIF (room_send.message_type ~ '^[a-z_]{1,32}$') IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD051',
		    MESSAGE = 'message_type does not have its form';
	ELSIF message::text !~ '^.{14}4.{4}[89ab]' THEN
		RAISE EXCEPTION USING ERRCODE = 'FD008',
		    MESSAGE = 'message_id is not a version 4 UUID';
	ELSIF (room_send.priority BETWEEN 1 AND 3) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD005',
		    MESSAGE = 'priority is not 1, 2 or 3';
	ELSIF NOT federation.room_member_is(target, who) OR
	    federation.room_leaves(target, who) THEN
		RAISE EXCEPTION USING ERRCODE = 'FD034',
		    MESSAGE = 'sender is not a member';
	END IF;
	IF room_send.message_id IS NOT NULL THEN
		SELECT i.* INTO known FROM federation.room_items i
		    WHERE i.origin = own AND i.message_id = message;
		IF FOUND AND (known.room_id, known.sender, known.lane,
		    known.message_type, known.content, known.metadata)
		    IS NOT DISTINCT FROM (target, room_send.sender,
		    room_send.priority, room_send.message_type,
		    room_send.content, clear) THEN
			RETURN message;
		ELSIF FOUND OR EXISTS (SELECT 1
		    FROM federation.federated_message_queue q
		    WHERE q.message_id = message) THEN
			RAISE EXCEPTION USING ERRCODE = 'FD006',
			    MESSAGE = 'message_id was sent before with '
			    'something else';
		END IF;
	END IF;
	IF federation.room_full(target) THEN
		RAISE EXCEPTION USING ERRCODE = 'FD010',
		    MESSAGE = 'too many messages wait in the room';
	END IF;
	INSERT INTO federation.room_items (room_id, origin, message_id,
	    sender, status, lane, content, message_type, metadata)
	    VALUES (target, own, message, room_send.sender, 'new',
	    room_send.priority, room_send.content, room_send.message_type,
	    clear) ON CONFLICT (origin, message_id) DO NOTHING;
	IF NOT FOUND THEN -- at the same time by another
		RAISE EXCEPTION USING ERRCODE = 'FD006',
		    MESSAGE = 'message_id was sent before with something else';
	END IF;
	PERFORM pg_notify('federation_rooms', '');
	RETURN message;
END
$$;

-- Views --------------------------------------------------------------------

CREATE VIEW federation.rooms WITH (security_barrier) AS
    SELECT r.global_room_id AS room, r.is_local_origin AS own,
	CASE WHEN s.disputed <> 0 THEN 'frozen' WHEN s.closed <> 0 THEN 'closed'
	    WHEN s.number > 0 AND (r.is_local_origin OR m.here) THEN 'open'
	    WHEN s.number > 0 AND NOT s.asked THEN 'left'
	    WHEN EXISTS (SELECT 1 FROM federation.room_asked w
		WHERE w.room_id = r.id AND w.state IN ('new', 'asked')
		AND w.kind IN ('create', 'join')) THEN 'waiting'
	    WHEN s.number > 0 THEN 'left' ELSE 'none' END AS state,
	s.number, s.require_invite, s.federated,
	CASE WHEN s.restricted THEN ARRAY(SELECT
	    jsonb_array_elements_text(r.allowed_servers)) END
	    AS allowed_servers,
	s.metadata, split_part(r.global_room_id, '@', 2) AS home,
	h.trust_level, NOT r.is_local_origin AS external_server,
	coalesce(h.is_online, true) AS home_online,
	-- its chat server should open another room
	NOT r.is_local_origin AND s.heard_at < now() -
	    (federation.room_limits_get()).silent * interval '1 s'
	    AS home_silent, m.members, m.servers, r.created_at
    FROM federation.federated_rooms r
    JOIN federation.room_states s ON s.room_id = r.id
    LEFT JOIN federation.federation_servers h ON h.id = r.origin_server_id
    CROSS JOIN LATERAL (SELECT count(*) AS members,
	count(DISTINCT a.server_id) AS servers,
	coalesce(bool_or(a.server_id IS NULL), false) AS here
	FROM federation.room_members a
	WHERE a.room_id = r.id AND a.state_left IS NULL) m;

-- Members of rooms; joined: the number of the event that made one.
CREATE VIEW federation.room_membership WITH (security_barrier) AS
    SELECT r.global_room_id AS room, m.member,
	split_part(m.member, '@', 1) AS handle,
	split_part(m.member, '@', 2) AS server, m.state_joined AS joined,
	m.server_id IS NOT NULL AS external_server, s.trust_level,
	coalesce(s.is_online, true) AS is_online, s.last_seen,
	(SELECT e.received_at FROM federation.room_state_events e
	    WHERE e.room_id = r.id AND e.number = m.state_joined) AS joined_at
    FROM federation.room_members m
    JOIN federation.federated_rooms r ON r.id = m.room_id
    JOIN federation.room_states t ON t.room_id = r.id
    LEFT JOIN federation.federation_servers s ON s.id = m.server_id
    WHERE CASE t.disputed WHEN 0 THEN m.state_left IS NULL
	ELSE m.state_joined < t.disputed AND
	(m.state_left IS NULL OR m.state_left >= t.disputed) AND
	m.state_left IS DISTINCT FROM m.state_joined END;

-- Invitations to users of ours, those in quarantine also to nobody; their keys
-- came in the inbox.
CREATE VIEW federation.room_invitations WITH (security_barrier) AS
    SELECT i.id AS invitation, i.global_room_id AS room, i.invitee, i.inviter,
	CASE WHEN i.state IN ('quarantine', 'pending') AND
	    i.expires_at <= now() THEN 'expired' ELSE i.state END AS state,
	CASE WHEN h.onion_address IS NULL AND
	    split_part(i.global_room_id, '@', 2) = o.onion_address THEN 3
	    ELSE coalesce(h.trust_level, 0) END AS home_trust_level,
	i.expires_at, i.received_at
    FROM federation.room_invited i
    LEFT JOIN federation.self o ON true
    LEFT JOIN federation.federation_servers h
	ON h.onion_address = split_part(i.global_room_id, '@', 2)
    WHERE i.told OR i.state = 'quarantine';

-- What was asked for.
CREATE VIEW federation.room_requests WITH (security_barrier) AS
    SELECT w.id AS request, r.global_room_id AS room, w.kind, w.member,
	CASE w.state WHEN 'new' THEN 'waiting' WHEN 'asked' THEN 'waiting'
	    ELSE w.state END AS state, w.code, w.created_at, w.settled_at
    FROM federation.room_asked w
    JOIN federation.federated_rooms r ON r.id = w.room_id;

-- What became of messages of ours: a row for each server; of one that waits for
-- its place, was refused, or has nobody to go to, one without.
CREATE VIEW federation.room_delivery WITH (security_barrier) AS
    SELECT i.message_id, r.global_room_id AS room,
	s.onion_address::text AS destination,
	CASE i.status WHEN 'new' THEN 'pending' WHEN 'refused' THEN 'failed'
	    WHEN 'cancelled' THEN 'failed'
	    ELSE coalesce(q.status, CASE WHEN i.given_up THEN 'failed'
		ELSE 'delivered' END) END AS state,
	CASE i.status WHEN 'taken' THEN q.last_error ELSE i.code END AS reason,
	q.delivered_at
    FROM federation.room_items i
    JOIN federation.federated_rooms r ON r.id = i.room_id
    JOIN federation.self o ON o.onion_address = i.origin
    LEFT JOIN federation.federated_message_queue q
	ON q.message_id = i.message_id AND i.status = 'taken'
    LEFT JOIN federation.federation_servers s
	ON s.id = q.destination_server_id;

-- Rights -------------------------------------------------------------------

GRANT EXECUTE ON FUNCTION
    federation.room_create(text, uuid, boolean, boolean, text[]),
    federation.room_remove(text, text),
    federation.room_allow_servers(text, text[]),
    federation.room_rename(text, bytea),
    federation.room_federate(text, boolean),
    federation.room_close(text),
    federation.room_invite(text, text, text, bytea, jsonb, timestamptz),
    federation.room_accept(uuid),
    federation.room_decline(uuid),
    federation.room_join(text, text),
    federation.room_leave(text, text),
    federation.room_send(text, text, bytea, text, uuid, jsonb, integer)
    TO fed_app;
GRANT SELECT ON federation.rooms, federation.room_membership,
    federation.room_invitations, federation.room_requests,
    federation.room_delivery TO fed_app, fed_admin;
