-- SPDX-License-Identifier: ISC
-- What administrators ask for: by fedctl, which the daemon answers, and by SQL
-- in admin panels. Trust is in servers.sql. Errors: see queue.sql and
-- rooms/contract.sql.

-- The queue ----------------------------------------------------------------
--
-- What fed-queued calls when an administrator asks for it. Claims, settlements
-- and the ends of leases lock the lease of the lane first and rows after it;
-- so do these, and never wait in a circle with them.

-- Does it to those of the rows that it can be done to; how many these were.
CREATE FUNCTION federation.queue_apply(action text, ids bigint[],
    lifetime interval, actor text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	events CONSTANT jsonb := '{"hold": "held", "release": "released",
	    "retry": "retried", "cancel": "cancelled", "requeue": "requeued"}';
	changed integer;
BEGIN
	PERFORM 1 FROM federation.federated_message_queue q
	    WHERE q.id = ANY (ids) ORDER BY q.id FOR UPDATE;
	UPDATE federation.federated_message_queue q SET
	    status = CASE action WHEN 'cancel' THEN 'failed'
		WHEN 'requeue' THEN 'pending' ELSE q.status END,
	    attempts = CASE action WHEN 'requeue' THEN 0 ELSE q.attempts END,
	    last_error = CASE action WHEN 'cancel' THEN 'CANCELLED'
		WHEN 'requeue' THEN NULL ELSE q.last_error END,
	    next_attempt_at = CASE WHEN action = 'cancel' THEN now()
		WHEN action IN ('retry', 'requeue') THEN q.created_at
		ELSE q.next_attempt_at END,
	    postponed = CASE WHEN action IN ('retry', 'requeue') THEN 0
		ELSE q.postponed END,
	    held_at = CASE action WHEN 'hold' THEN now()
		WHEN 'retry' THEN q.held_at END,
	    history = federation.history_add(q.history, events ->> action,
		CASE action WHEN 'cancel' THEN 'CANCELLED' END, actor)
	    WHERE q.id = ANY (ids) AND CASE action
		WHEN 'hold' THEN q.held_at IS NULL AND
		    q.status IN ('pending', 'sending')
		WHEN 'release' THEN q.held_at IS NOT NULL AND
		    q.status IN ('pending', 'sending')
		WHEN 'retry' THEN q.status = 'pending'
		WHEN 'cancel' THEN q.status IN ('pending', 'sending')
		WHEN 'requeue' THEN q.status = 'failed' AND q.created_at >=
		    now() - least(lifetime, interval '30 days') END;
	GET DIAGNOSTICS changed = ROW_COUNT;
	RETURN changed;
END
$$;

-- One message to one server; address '' if it went to one alone. code is OK,
-- with changed 0 if it was so already, or why not. A message that is being
-- sent is not cancelled: the peer may have it already. Should one be settled
-- as delivered after it was given up, since its lease had run out and nobody
-- else had taken it over, then it was delivered.
CREATE FUNCTION federation.queue_change(action text, message uuid,
    address text, lifetime interval, actor text)
RETURNS TABLE (code text, changed integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	ids bigint[] := ARRAY(SELECT q.id
	    FROM federation.federated_message_queue q
	    JOIN federation.federation_servers s
	    ON s.id = q.destination_server_id
	    WHERE q.message_id = queue_change.message
	    AND queue_change.address IN ('', s.onion_address) LIMIT 2);
	item record;
	verdict text := 'OK';
	count integer := 0;
BEGIN
	IF (action IN ('hold', 'release', 'retry', 'cancel', 'requeue') AND
	    actor <> '' AND lifetime > interval '0') IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'action, lifetime or actor is out of its bounds';
	END IF;
	PERFORM 1 FROM federation.leases l
	    JOIN federation.federated_message_queue q
	    ON q.destination_server_id = l.server_id
	    AND q.priority = l.priority
	    WHERE q.id = ids[1] FOR UPDATE OF l;
	SELECT q.status, q.destination_server_id, q.priority,
	    q.created_at < now() - least(lifetime, interval '30 days') AS old
	    INTO item FROM federation.federated_message_queue q
	    WHERE q.id = ids[1] FOR UPDATE;
	IF NOT FOUND THEN
		verdict := 'MESSAGE_UNKNOWN';
	ELSIF cardinality(ids) > 1 THEN
		verdict := 'MESSAGE_SEVERAL';
	ELSIF action = 'requeue' AND item.status <> 'failed' THEN
		verdict := 'MESSAGE_NOT_DEAD';
	ELSIF action = 'requeue' AND item.old THEN
		verdict := 'MESSAGE_TOO_OLD';
	ELSIF action <> 'requeue' AND
	    item.status IN ('delivered', 'failed') THEN
		verdict := 'MESSAGE_SETTLED';
	ELSIF action = 'cancel' AND item.status = 'sending' AND EXISTS (
	    SELECT 1 FROM federation.leases l
	    WHERE l.server_id = item.destination_server_id
	    AND l.priority = item.priority
	    AND l.deadline > clock_timestamp()) THEN
		verdict := 'MESSAGE_IN_FLIGHT';
	ELSE
		count := federation.queue_apply(action, ids, lifetime, actor);
	END IF;
	IF count > 0 THEN
		INSERT INTO federation.audit
		    (actor, action, onion_address, detail)
		    SELECT queue_change.actor, 'queue ' || queue_change.action,
		    s.onion_address, queue_change.message::text
		    FROM federation.federation_servers s
		    WHERE s.id = item.destination_server_id;
		PERFORM pg_notify('federation_queue', '');
	END IF;
	RETURN QUERY SELECT verdict, count;
END
$$;

-- A portion of the messages to one server, behind (lane, after) and of those
-- that there were at the start: until is what the first call returned, 0 in
-- it. seen may be more than changed, and most only if there may be more of
-- them; (next_lane, next_after) is where the next portion begins. Whoever
-- does it is written down with the first portion that changes something.
CREATE FUNCTION federation.queue_change_many(action text, address text,
    lane integer, after bigint, until bigint, most integer, lifetime interval,
    actor text, audited boolean)
RETURNS TABLE (code text, seen integer, changed integer, next_lane integer,
    next_after bigint, last bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	wanted CONSTANT text := CASE action
	    WHEN 'hold' THEN 'status IN (''pending'', ''sending'') AND '
		'held_at IS NULL'
	    WHEN 'release' THEN 'status IN (''pending'', ''sending'') AND '
		'held_at IS NOT NULL'
	    WHEN 'retry' THEN 'status = ''pending'' AND held_at IS NULL AND '
		'postponed > 0'
	    WHEN 'requeue' THEN 'status = ''failed''' END;
	server uuid;
	newest bigint := nullif(until, 0);
	ids bigint[];
	count integer;
	lanes integer[];
BEGIN
	IF (wanted IS NOT NULL AND actor <> '' AND lifetime > interval '0' AND
	    most BETWEEN 1 AND 10000) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007', MESSAGE = 'action, '
		    'most, lifetime or actor is out of its bounds';
	END IF;
	SELECT s.id INTO server FROM federation.federation_servers s
	    WHERE s.onion_address = queue_change_many.address;
	IF NOT FOUND THEN
		RETURN QUERY SELECT 'SERVER_UNKNOWN', 0, 0, 0, 0::bigint,
		    0::bigint;
		RETURN;
	END IF;
	IF newest IS NULL THEN
		SELECT coalesce(max(q.id), 0) INTO newest
		    FROM federation.federated_message_queue q;
	END IF;
	PERFORM 1 FROM federation.leases l WHERE l.server_id = server
	    ORDER BY l.priority FOR UPDATE;
	EXECUTE 'SELECT array_agg(f.id), array_agg(f.priority) FROM ('
	    'SELECT q.id, q.priority FROM federation.federated_message_queue q'
	    ' WHERE q.destination_server_id = $1'
	    ' AND (q.priority, q.id) > ($2, $3) AND q.id <= $4 AND ' ||
	    wanted || ' ORDER BY q.priority, q.id LIMIT $5) f'
	    INTO ids, lanes USING server, lane, after, newest, most;
	seen := coalesce(cardinality(ids), 0);
	count := federation.queue_apply(action, ids, lifetime, actor);
	IF count > 0 AND NOT audited THEN
		INSERT INTO federation.audit (actor, action, onion_address)
		    VALUES (queue_change_many.actor,
		    'queue ' || queue_change_many.action,
		    queue_change_many.address);
	END IF;
	IF count > 0 THEN
		PERFORM pg_notify('federation_queue', '');
	END IF;
	RETURN QUERY SELECT 'OK', seen, count, lanes[seen], ids[seen], newest;
END
$$;

-- How many messages may wait for one destination.
CREATE FUNCTION federation.set_quota(messages integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF (set_quota.messages BETWEEN 1 AND 100000000) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'quota is not between 1 and 100000000';
	END IF;
	UPDATE federation.limits SET quota = set_quota.messages;
	INSERT INTO federation.audit (actor, action, detail)
	    VALUES (session_user, 'quota', set_quota.messages::text);
END
$$;

-- Servers ------------------------------------------------------------------

-- pause and resume: whether anything is sent to a server; retry: its present
-- wait ends, and what fails then waits for as long as it would have. Workers
-- hear of it. code is OK, or SERVER_UNKNOWN.
CREATE FUNCTION federation.server_change(action text, address text,
    actor text) RETURNS TABLE (code text, trust_level integer, paused boolean,
    woken integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	server federation.federation_servers;
	peer federation.peers;
BEGIN
	IF (action IN ('pause', 'resume', 'retry') AND actor <> '')
	    IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'action or actor is out of its bounds';
	END IF;
	SELECT s.* INTO server FROM federation.federation_servers s
	    WHERE s.onion_address = server_change.address FOR KEY SHARE;
	IF NOT FOUND THEN
		RETURN QUERY SELECT 'SERVER_UNKNOWN', 0, false, 0;
		RETURN;
	END IF;
	INSERT INTO federation.peers AS p (server_id, kept, paused_at)
	    VALUES (server.id, true, CASE action WHEN 'pause' THEN now() END)
	    ON CONFLICT (server_id) DO UPDATE SET kept = true,
	    paused_at = CASE action
		WHEN 'pause' THEN coalesce(p.paused_at, now())
		WHEN 'retry' THEN p.paused_at END,
	    retry_at = CASE WHEN action <> 'retry' THEN p.retry_at END,
	    woken = CASE action WHEN 'retry' THEN p.woken + 1 ELSE p.woken END
	    RETURNING p.* INTO peer;
	INSERT INTO federation.audit (actor, action, onion_address)
	    VALUES (server_change.actor, 'server ' || server_change.action,
	    server_change.address);
	PERFORM pg_notify('federation_servers', '');
	RETURN QUERY SELECT 'OK', server.trust_level,
	    peer.paused_at IS NOT NULL, peer.woken;
END
$$;

-- Rooms --------------------------------------------------------------------

-- The chain of a room of ours that a server has becomes the room's, as far as
-- it contradicts nothing that we have.
CREATE FUNCTION federation.room_adopt(room text, address text, actor text)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	server federation.federation_servers;
BEGIN
	IF (actor <> '') IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'actor is out of its bounds';
	END IF;
	PERFORM federation.room_name_check(room_adopt.room);
	IF NOT EXISTS (SELECT 1 FROM federation.self s WHERE s.onion_address =
	    split_part(room_adopt.room, '@', 2)) THEN
		RETURN 'NOT_HOME';
	END IF;
	SELECT s.* INTO server FROM federation.federation_servers s
	    WHERE s.onion_address = room_adopt.address FOR KEY SHARE;
	IF NOT FOUND THEN
		RETURN 'SERVER_UNKNOWN';
	END IF;
	IF server.trust_level < 1 THEN
		RETURN 'UNTRUSTED';
	END IF;
	PERFORM federation.room_make(room_adopt.room);
	UPDATE federation.room_states s SET version = s.version + 1,
	    adopt_from = server.id, adopt_since = now()
	    FROM federation.federated_rooms f
	    WHERE f.global_room_id = room_adopt.room AND s.room_id = f.id
	    AND s.disputed = 0;
	IF NOT FOUND THEN
		RETURN 'ROOM_FROZEN';
	END IF;
	INSERT INTO federation.audit (actor, action, onion_address)
	    VALUES (room_adopt.actor, 'room adopt', room_adopt.address);
	RETURN 'OK';
END
$$;

-- What that server has contradicts what we have: it is not adopted.
CREATE FUNCTION federation.room_adopt_end(room text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.room_name_check(room_adopt_end.room);
	UPDATE federation.room_states s
	    SET adopt_from = NULL, adopt_since = NULL
	    FROM federation.federated_rooms f
	    WHERE f.global_room_id = room_adopt_end.room AND s.room_id = f.id;
END
$$;

-- Invitations --------------------------------------------------------------

-- An invitation in quarantine, of a server at level 1: the invitee may see it,
-- as soon as there is such a user; or he shall not. true; false: it is not in
-- quarantine any more.
CREATE FUNCTION federation.invitation_judge(invitation uuid, state text)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	shown federation.room_invited;
BEGIN
	UPDATE federation.room_invited s SET state = invitation_judge.state,
	    told = false WHERE s.id = invitation_judge.invitation
	    AND s.state = 'quarantine' RETURNING s.* INTO shown;
	IF NOT FOUND THEN
		IF NOT EXISTS (SELECT 1 FROM federation.room_invited s
		    WHERE s.id = invitation_judge.invitation) THEN
			RAISE EXCEPTION USING ERRCODE = 'FD043',
			    MESSAGE = 'there is no such invitation';
		END IF;
		RETURN false;
	END IF;
	INSERT INTO federation.audit (actor, action, onion_address, detail)
	    SELECT session_user, 'invitation', s.onion_address,
		invitation_judge.state
	    FROM federation.federation_servers s WHERE s.id = shown.server_id;
	IF invitation_judge.state = 'pending' THEN
		PERFORM federation.room_invited_tell(shown.id, 'pending', NULL);
	END IF;
	RETURN true;
END
$$;

CREATE FUNCTION federation.invitation_release(invitation uuid)
RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$ SELECT federation.invitation_judge(invitation, 'pending') $$;

CREATE FUNCTION federation.invitation_reject(invitation uuid)
RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$ SELECT federation.invitation_judge(invitation, 'void') $$;

-- Rooms --------------------------------------------------------------------

-- For fedctl: rooms, the newest first.
CREATE FUNCTION federation.room_list(most integer)
RETURNS TABLE (room text, state text, number bigint, members bigint,
    servers bigint, trust_level integer, heard_at timestamptz,
    home_silent boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF (room_list.most BETWEEN 1 AND 1000) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'most is not between 1 and 1000';
	END IF;
	RETURN QUERY SELECT v.room, v.state, v.number, v.members, v.servers,
	    v.trust_level, CASE WHEN v.external_server THEN s.heard_at END,
	    v.home_silent
	    FROM (SELECT f.id, f.global_room_id
		FROM federation.federated_rooms f
		ORDER BY f.created_at DESC, f.id LIMIT room_list.most) f
	    JOIN federation.rooms v ON v.room = f.global_room_id
	    JOIN federation.room_states s ON s.room_id = f.id
	    ORDER BY v.created_at DESC, f.id;
END
$$;

-- The same: what an administrator should look at, and since when. Two contents
-- of one number are settled once their origin writes in a later epoch.
CREATE FUNCTION federation.room_problems(most integer)
RETURNS TABLE (problem text, subject text, since timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF (room_problems.most BETWEEN 1 AND 1000) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'most is not between 1 and 1000';
	END IF;
	RETURN QUERY
	SELECT p.problem, p.subject, p.since FROM (
	    SELECT 'home-silent' AS problem, v.room AS subject,
		s.heard_at AS since
		FROM federation.rooms v
		JOIN federation.federated_rooms f ON f.global_room_id = v.room
		JOIN federation.room_states s ON s.room_id = f.id
		WHERE v.home_silent AND v.state IN ('open', 'waiting')
	    UNION ALL
	    SELECT 'room-frozen', f.global_room_id, NULL
		FROM federation.room_states s
		JOIN federation.federated_rooms f ON f.id = s.room_id
		WHERE s.disputed <> 0 AND (f.is_local_origin OR
		EXISTS (SELECT 1 FROM federation.room_members m
		    WHERE m.room_id = f.id AND m.server_id IS NULL
		    AND m.state_left IS NULL))
	    UNION ALL
	    SELECT 'room-lost', f.global_room_id, max(v.declared_at)
		FROM federation.room_voids v
		JOIN federation.federated_rooms f ON f.id = v.room_id
		WHERE v.gone AND v.told
		AND v.declared_at > now() - interval '30 days'
		AND (SELECT m.first FROM federation.sync_missing(v) m)
		    IS NOT NULL GROUP BY f.global_room_id
	    UNION ALL
	    SELECT 'key-alarm', o.onion_address, o.alarmed_at
		FROM federation.self o WHERE o.alarmed_at IS NOT NULL
	    UNION ALL
	    SELECT 'quarantine', i.global_room_id, i.received_at
		FROM federation.room_invited i
		WHERE i.state = 'quarantine' AND i.expires_at > now()
	    UNION ALL
	    SELECT 'contradiction', e.origin, max(e.created_at) FROM (
		SELECT s.onion_address AS origin, e.created_at
		    FROM federation.evidence e
		    JOIN federation.federation_servers s ON s.id = e.server_id
		    WHERE e.kind <> 'SEQUENCE_CONFLICT'
		UNION ALL SELECT e.origin, e.created_at
		    FROM federation.room_evidence e
		    WHERE NOT EXISTS (SELECT 1 FROM federation.room_streams t
			WHERE e.kind = 'SEQUENCE_CONFLICT'
			AND t.room_id = e.room_id AND t.origin = e.origin
			AND t.epoch > e.epoch)) e
		WHERE e.created_at > now() - interval '30 days'
		GROUP BY e.origin) p
	    ORDER BY p.problem, p.since NULLS FIRST, p.subject
	    LIMIT room_problems.most;
END
$$;

-- Rights -------------------------------------------------------------------

GRANT EXECUTE ON FUNCTION
    federation.queue_change(text, uuid, text, interval, text),
    federation.queue_change_many(text, text, integer, bigint, bigint, integer,
	interval, text, boolean),
    federation.server_change(text, text, text),
    federation.room_adopt(text, text, text),
    federation.room_adopt_end(text),
    federation.room_list(integer),
    federation.room_problems(integer) TO _fedqueued;
GRANT EXECUTE ON FUNCTION federation.set_quota(integer),
    federation.invitation_release(uuid),
    federation.invitation_reject(uuid) TO fed_admin;
