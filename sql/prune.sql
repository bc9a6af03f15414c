-- SPDX-License-Identifier: ISC
-- Pruning: what is kept no longer.

-- Rows of what was delivered or died; how many were delivered stays known.
CREATE FUNCTION federation.prune_queue(kept interval, most integer)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	delivered integer;
	failed integer;
BEGIN
	WITH gone AS (
		DELETE FROM federation.federated_message_queue q
		WHERE q.id IN (SELECT d.id
		    FROM federation.federated_message_queue d
		    WHERE d.status = 'delivered'
		    AND d.delivered_at < now() - prune_queue.kept
		    ORDER BY d.delivered_at LIMIT prune_queue.most
		    FOR UPDATE SKIP LOCKED)
		RETURNING q.destination_server_id AS server_id),
	    counted AS (
		SELECT g.server_id, count(*) AS rows FROM gone g
		GROUP BY g.server_id),
	    added AS (
		UPDATE federation.peers p SET delivered = p.delivered + c.rows
		FROM counted c WHERE p.server_id = c.server_id)
	    SELECT coalesce(sum(c.rows), 0) INTO delivered FROM counted c;
	WITH gone AS (
		DELETE FROM federation.federated_message_queue q
		WHERE q.id IN (SELECT d.id
		    FROM federation.federated_message_queue d
		    WHERE d.status = 'failed'
		    AND d.next_attempt_at < now() - interval '90 days'
		    ORDER BY d.next_attempt_at LIMIT prune_queue.most
		    FOR UPDATE SKIP LOCKED)
		RETURNING q.message_id, q.type, q.line),
	    noted AS (
		UPDATE federation.room_items i SET given_up = true
		FROM gone g, federation.self o WHERE g.type = 'message'
		AND g.line IS NOT NULL AND i.origin = o.onion_address
		AND i.message_id = g.message_id AND NOT i.given_up)
	    SELECT count(*) INTO failed FROM gone;
	RETURN greatest(delivered, failed) >= prune_queue.most;
END
$$;

-- Payloads of what was delivered; the rows stay.
CREATE FUNCTION federation.prune_payloads(age interval, most integer)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	-- A settlement that is not yet committed may be this much older.
	until timestamptz := now() - greatest(prune_payloads.age,
	    interval '1 minute');
	emptied integer;
	last timestamptz;
BEGIN
	WITH due AS (
		SELECT q.id, q.delivered_at
		FROM federation.federated_message_queue q
		WHERE q.status = 'delivered' AND q.delivered_at >=
		    (SELECT p.payloads_until FROM federation.pruning p)
		AND q.delivered_at < until
		AND octet_length(q.encrypted_payload) > 0
		ORDER BY q.delivered_at LIMIT prune_payloads.most),
	    done AS (
		UPDATE federation.federated_message_queue q
		SET encrypted_payload = '' FROM due d WHERE q.id = d.id)
	    SELECT count(*), max(d.delivered_at) INTO emptied, last FROM due d;
	IF emptied < prune_payloads.most THEN
		last := until;
	END IF;
	UPDATE federation.pruning p
	    SET payloads_until = greatest(p.payloads_until, last);
	RETURN emptied >= prune_payloads.most;
END
$$;

CREATE FUNCTION federation.prune_receipts(age interval, most integer)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	-- each has up to 64 receipts
	portion integer := greatest(prune_receipts.most / 16, 1);
	old bigint[] := ARRAY(SELECT e.id FROM federation.exchanges e
	    WHERE e.received_at < now() - prune_receipts.age LIMIT portion);
BEGIN
	DELETE FROM federation.exchanges e WHERE e.id = ANY (old);
	RETURN cardinality(old) >= portion;
END
$$;

-- What the application acknowledged, and ids that no message has any more.
CREATE FUNCTION federation.prune_received(age interval, most integer)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	acknowledged integer;
	ids integer;
BEGIN
	DELETE FROM federation.inbox i
	    WHERE i.inbox_id IN (SELECT d.inbox_id FROM federation.inbox d
		WHERE d.acknowledged_at < now() - prune_received.age
		ORDER BY d.acknowledged_at LIMIT prune_received.most
		FOR UPDATE SKIP LOCKED);
	GET DIAGNOSTICS acknowledged = ROW_COUNT;
	-- By their place in the table: they are never updated.
	DELETE FROM federation.received_ids r
	    WHERE r.ctid = ANY (ARRAY(SELECT d.ctid
		FROM federation.received_ids d
		WHERE d.received_at < now() - interval '45 days'
		LIMIT prune_received.most));
	GET DIAGNOSTICS ids = ROW_COUNT;
	RETURN greatest(acknowledged, ids) >= prune_received.most;
END
$$;

-- Invitations of ours that were made and have expired: the application is told
-- of those that nobody joined with, and that were not taken back.
CREATE FUNCTION federation.prune_invitations(most integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	request federation.room_asked;
	ended integer := 0;
BEGIN
	FOR request IN SELECT w.* FROM federation.room_asked w
	    WHERE w.kind = 'invite' AND w.state = 'done' AND NOT w.over
	    AND w.expires_at < now() ORDER BY w.expires_at
	    LIMIT prune_invitations.most FOR UPDATE SKIP LOCKED LOOP
		ended := ended + 1;
		UPDATE federation.room_asked w SET over = true,
		    state = 'expired' WHERE w.id = request.id
		    AND NOT EXISTS (SELECT 1 FROM federation.room_invites i
			JOIN federation.room_members m
			ON m.room_id = i.room_id AND m.member = i.invitee
			WHERE i.room_id = request.room_id
			AND i.nonce = request.nonce AND (m.state_left IS NULL
			OR m.state_left > i.number));
		IF NOT FOUND THEN
			UPDATE federation.room_asked w SET over = true
			    WHERE w.id = request.id;
			CONTINUE;
		END IF;
		PERFORM federation.room_tell(NULL, f.global_room_id,
		    'expired', jsonb_build_object('request', request.id,
		    'member', request.member, 'inviter', request.inviter))
		    FROM federation.federated_rooms f
		    WHERE f.id = request.room_id;
	END LOOP;
	RETURN ended >= prune_invitations.most;
END
$$;

-- Requests that their home was sent, and of which nothing came: not until an
-- invitation that was asked for would have ended, or while a home counts as
-- silent. They are over, and may be asked anew. Who leaves has left whatever
-- the home says.
CREATE FUNCTION federation.prune_requests(most integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	silent CONSTANT interval :=
	    (federation.room_limits_get()).silent * interval '1 s';
	request federation.room_asked;
	ended integer := 0;
BEGIN
	FOR request IN UPDATE federation.room_asked w SET state = 'refused',
	    code = 'EXPIRED', settled_at = now(), room_key = NULL,
	    invite_metadata = NULL WHERE w.id IN (SELECT a.id
		FROM federation.room_asked a
		WHERE a.state = 'asked' AND a.kind <> 'leave'
		AND coalesce(a.expires_at, a.created_at + silent) < now()
		AND NOT EXISTS (SELECT 1
		    FROM federation.federated_message_queue q
		    WHERE q.message_id = a.id
		    AND q.status IN ('pending', 'sending'))
		ORDER BY a.created_at LIMIT prune_requests.most
		FOR UPDATE SKIP LOCKED) RETURNING w.* LOOP
		ended := ended + 1;
		PERFORM federation.room_tell(f.origin_server_id,
		    f.global_room_id, 'refused', jsonb_build_object('request',
		    request.id, 'kind', request.kind, 'code', request.code))
		    FROM federation.federated_rooms f
		    WHERE f.id = request.room_id;
	END LOOP;
	RETURN ended >= prune_requests.most;
END
$$;

-- Part of prune(): invitations that have expired wait no longer, and keep no
-- content; those that are settled, and requests, go when the limit says. An
-- invitation that is shown again by then has expired itself.
CREATE FUNCTION federation.prune_rooms(most integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	until CONSTANT timestamptz := now() -
	    (federation.room_limits_get()).settled * interval '1 s';
	expired integer;
	shown integer;
	requests integer;
BEGIN
	UPDATE federation.room_invited s SET state = 'void', room_key = '',
	    metadata = '{}' WHERE s.id IN (SELECT w.id
		FROM federation.room_invited w
		WHERE w.state IN ('quarantine', 'pending')
		AND w.expires_at < now() ORDER BY w.expires_at
		LIMIT prune_rooms.most FOR UPDATE SKIP LOCKED);
	GET DIAGNOSTICS expired = ROW_COUNT;
	DELETE FROM federation.room_invited s
	    WHERE s.id IN (SELECT w.id FROM federation.room_invited w
		WHERE w.state IN ('accepted', 'declined', 'void')
		AND w.expires_at < until
		ORDER BY w.expires_at LIMIT prune_rooms.most
		FOR UPDATE SKIP LOCKED);
	GET DIAGNOSTICS shown = ROW_COUNT;
	DELETE FROM federation.room_asked d
	    WHERE d.id IN (SELECT w.id FROM federation.room_asked w
		WHERE w.state IN ('done', 'refused', 'expired')
		AND w.settled_at < until
		ORDER BY w.settled_at LIMIT prune_rooms.most
		FOR UPDATE SKIP LOCKED);
	GET DIAGNOSTICS requests = ROW_COUNT;
	-- Each is called, whatever the others say.
	RETURN federation.prune_invitations(prune_rooms.most)::integer +
	    federation.prune_requests(prune_rooms.most)::integer > 0 OR
	    greatest(expired, shown, requests) >= prune_rooms.most;
END
$$;

-- What the daemon calls now and then: removes up to most rows of each kind that
-- nobody needs any more, and says whether there may be more of them.
--
--	receipts	how long receipts stay, and the rows of what was
--			delivered
--	payloads	how long payloads of what was delivered stay, and rows
--			that the application acknowledged
--
-- Ids received stay 45 days (longer than any message lives, or it could be
-- replayed), dead letters 90, workers that have gone away 45. What is pending,
-- and what the application has not acknowledged, always stays.
CREATE FUNCTION federation.prune(worker uuid, receipts interval,
    payloads interval, most integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	more boolean;
BEGIN
	IF (prune.receipts >= interval '0' AND
	    prune.payloads >= interval '0' AND
	    prune.most BETWEEN 1 AND 10000) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'an age is negative or most not 1 to 10000';
	END IF;
	UPDATE federation.incarnations i SET seen_at = now()
	    WHERE i.id = prune.worker;
	PERFORM 1 FROM federation.pruning FOR UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		RETURN false; -- another worker is at it
	END IF;
	DELETE FROM federation.incarnations i
	    WHERE i.seen_at < now() - interval '45 days'
	    AND NOT EXISTS (SELECT 1 FROM federation.epochs e
		WHERE e.incarnation = i.id)
	    AND NOT EXISTS (SELECT 1 FROM federation.leases l
		WHERE l.worker = i.id);
	-- Not pruning, but due as often: counts that queue_full() believes.
	PERFORM federation.queue_count(f.server_id) FROM (
	    SELECT d.server_id FROM federation.queue_depths d
	    JOIN federation.limits l ON d.waiting > l.quota / 2
	    WHERE d.counted_at < clock_timestamp() - interval '50 s'
	    ORDER BY d.counted_at LIMIT 10) f;
	more := federation.prune_queue(
	    greatest(prune.receipts, prune.payloads), prune.most);
	more := federation.prune_receipts(prune.receipts, prune.most) OR more;
	more := federation.prune_received(prune.payloads, prune.most) OR more;
	more := federation.prune_rooms(prune.most) OR more;
	IF prune.payloads < prune.receipts THEN
		more := federation.prune_payloads(prune.payloads, prune.most)
		    OR more;
	END IF;
	RETURN more;
END
$$;

-- Rights -------------------------------------------------------------------

GRANT EXECUTE ON FUNCTION federation.prune(uuid, interval, interval, integer)
    TO _fedqueued;
